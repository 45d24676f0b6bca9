// epoch: when what readers may still look at can go away.
//
// A reader enters before it loads a published pointer and leaves when it is done with all that it
// found behind it. Whoever replaces the pointer retires the old object; its `gone` runs once every
// reader that could have seen it has left. Readers take no lock and wait for nobody, as long as no
// more than EPOCH_READERS_MAX are inside at a time; one more waits for a place. A reader must not
// stay for long: nothing retired meanwhile goes away.
//
// The published pointer must be an atomic that is stored and loaded with sequential consistency,
// which is what plain reads and writes of an _Atomic are: a reader's place is taken before its
// load, and the store comes before the look at the places, in one order that all threads agree on.
// (Fraser, "Practical lock-freedom", 2004, section 5.2.3.)
//
// Everything is safe from any thread. `gone` runs in whichever thread reclaims, outside any lock.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { EPOCH_READERS_MAX = 128, EPOCH_LINE = 64 };

struct epoch_place {
    _Alignas(EPOCH_LINE) _Atomic uint64_t entered; // the epoch its reader entered in; 0 where free
};

// Part of what is retired.
struct epoch_retired {
    struct epoch_retired *next;
    uint64_t epoch; // readers that entered later can't see it
    void (*gone)(struct epoch_retired *r);
};

struct epoch {
    struct epoch_place places[EPOCH_READERS_MAX];
    _Atomic uint64_t now;  // from 1 on
    pthread_mutex_t mutex; // of the list below; held for a few instructions, never by readers
    struct epoch_retired *retired;
};

void epoch_init(struct epoch *e);
// Runs what is left. No reader may be inside.
void epoch_done(struct epoch *e);

// The place taken, for epoch_leave(). The same thread may enter more than once.
unsigned epoch_enter(struct epoch *e);
void epoch_leave(struct epoch *e, unsigned place);

// Call after the object can no longer be found by readers who enter now.
void epoch_retire(struct epoch *e, struct epoch_retired *r, void (*gone)(struct epoch_retired *r));

// Runs `gone` of all whose readers have left. True if nothing waits any more.
bool epoch_reclaim(struct epoch *e);
