// route_board: every route of the process, and how it fares at each worker.
//
// A *route* is one way to an answer: (provider, model, key). It is found or made by whoever uses it
// first, at any thread, without a lock; made, it stays until the board is freed, so that pointers
// and indices are good for ever. Workers write figures of their own and put news into the route's
// mailbox; the control loop, which alone takes it, passes them on. The board is bounded: names may
// come from clients. Shared by threads.
#pragma once

#include "base/str.h"
#include "resilience/mailbox.h"

enum { ROUTE_BOARD_TEXT_MAX = 256 }; // of each of the three names

// One writer each, its worker; read by any thread. Of -1: not known.
struct route_figures {
    _Atomic int64_t step;    // enum route_step
    _Atomic int64_t breaker; // enum breaker_step
    _Atomic int64_t why;     // enum breaker_why
    _Atomic int64_t in_flight;
    _Atomic int64_t limit;
    _Atomic int64_t samples;
    _Atomic int64_t error_permille;
    _Atomic int64_t first_p95_ms;
    _Atomic int64_t first_base_ms;
    _Atomic int64_t gap_p95_ms;
    _Atomic int64_t gap_base_ms;
    _Atomic int64_t trips;
    _Atomic int64_t calls;
    _Atomic int64_t failures;
    _Atomic int64_t retries;
    _Atomic int64_t wait_until_ms;
    _Atomic int64_t avoid_until_ms;
};

struct route_entry {
    uint32_t index;
    str provider;
    str model;
    str key;
    struct mailbox news;
    struct route_figures *figures; // one a worker
};

struct route_board;

struct route_board *route_board_new(size_t capacity, size_t workers);
// When no thread uses it any more.
void route_board_free(struct route_board *b);

// The route of that name, made where there is none. NULL where the board is full or a name too
// long.
struct route_entry *route_board_find(struct route_board *b, str provider, str model, str key);

// Indices that were drawn so far. A place is empty, NULL, while its route is being made, and for
// ever where two threads made the same one at once.
size_t route_board_count(const struct route_board *b);
struct route_entry *route_board_at(const struct route_board *b, size_t i);
