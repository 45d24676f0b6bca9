// route_board: every route of the process, and how it stands in each worker.
//
// A route is one (provider, model, key); whoever first names it makes its entry. Workers share
// nothing else about routes: each keeps its own machines and writes its own figures here, for
// displays to read, and news go round by the entry's mailbox.
//
//     board -- entry: who it is, copied    -- figures of worker 0
//              its number, its news           figures of worker 1 ...
//
// Entries are numbered from 0 in the order in which they were made, and stay until the board is
// freed, so a pointer to one may be kept. Any thread may call all but new and free; none waits for
// another.
#pragma once

#include "base/str.h"
#include "resilience/mailbox.h"

#include <stdatomic.h>

enum { ROUTE_BOARD_TEXT_MAX = 256 }; // of a provider's, a model's or a key's name

// Written by one worker, relaxed, and read by anyone; what is read need not be of one moment. In
// milliseconds where the name says so; what they mean is with their writer.
struct route_figures {
    _Atomic int64_t step;    // enum route_step
    _Atomic int64_t breaker; // its step
    _Atomic int64_t why;     // it last tripped
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
    _Atomic int64_t stuck_until_ms;
    int64_t apart[7]; // keeps two workers off one cache line; nobody uses it
};

struct route_entry {
    uint32_t index;
    str provider;
    str model;
    str key;
    struct mailbox news;
    struct route_figures figures[]; // one a worker, all 0 at first
};

// For at most `capacity` routes, which is above 0 and at most 2^20, and `workers` workers.
[[gnu::returns_nonnull]] struct route_board *route_board_new(size_t capacity, size_t workers);
// Takes NULL.
void route_board_free(struct route_board *board);

// The entry of this route, made if there is none. NULL where the board is full, or a text is longer
// than ROUTE_BOARD_TEXT_MAX bytes.
struct route_entry *route_board_find(struct route_board *board, str provider, str model, str key);

// How many entries there are; never fewer than before.
size_t route_board_count(const struct route_board *board);

// Entry number `i`; NULL where there is none. Below a count that was seen, never NULL.
struct route_entry *route_board_at(const struct route_board *board, size_t i);
