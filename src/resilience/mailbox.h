// mailbox: the newest sixteen events for one reader, from any number of threads.
//
// For news of which the newest matter and none is worth waiting for. Nobody blocks anybody: no
// call waits for another thread, whatever that thread does or wherever it was stopped.
//
// A put draws a ticket; ticket t belongs in slot t % 16, and of two events the higher ticket keeps
// the slot. The promise:
//
// - An event is taken at most once, and only if it was put.
// - What one thread puts is taken in the order in which it was put. Events of several threads come
//   in the order of their tickets, but for those whose put was still going on when the reader
//   passed: these come later.
// - An event whose put has returned is taken sooner or later, unless sixteen puts have begun after
//   its own. A put that was stopped half-way delays no other event, and loses only its own.
// - A reader that is paused misses events and nothing else; a put then does the same few steps.
// - Tickets have 32 bits and begin again at 0, which nobody notices as long as fewer than 2^31 puts
//   begin while one other put is going on, and fewer than 2^32 between two takes.
//
// Any thread may put; one thread at a time takes.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAILBOX_SLOTS = 16 };

struct mailbox {
    _Atomic uint32_t next;                 // the ticket of the next put
    _Atomic uint64_t slots[MAILBOX_SLOTS]; // a ticket above, its event below
    uint32_t taken[MAILBOX_SLOTS];         // the reader's own: the ticket it last took from each
};

// Before threads share it.
void mailbox_init(struct mailbox *m);

void mailbox_put(struct mailbox *m, uint32_t event);

// False: there was nothing to take. A put that goes on meanwhile may or may not be seen; so wake
// the reader after the put.
bool mailbox_take(struct mailbox *m, uint32_t *event);

// Whether a take would return false now. For the reader.
bool mailbox_is_empty(const struct mailbox *m);

// The same calls cut at their atomic steps, of which each call below does at most one, so that a
// test can go through every order of the steps of several threads. True: it is over.

struct mailbox_putting {
    uint32_t event;
    uint32_t ticket;
    uint64_t seen; // in its slot
    enum { MAILBOX_DRAW, MAILBOX_LOOK, MAILBOX_STORE } step;
};

bool mailbox_put_step(struct mailbox *m, struct mailbox_putting *p);

struct mailbox_taking {
    uint32_t ticket; // the one to look at
    uint32_t end;    // the first that is none of ours to look at
    bool has_begun;
    bool has_event;
    uint32_t event;
};

bool mailbox_take_step(struct mailbox *m, struct mailbox_taking *t);
