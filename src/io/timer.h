// timer: one-shot alarms of a loop, by the thousand.
//
// A hierarchical wheel (Varghese and Lauck, 1987): seven levels of 64 slots, a millisecond the
// finest. Arming, moving and stopping cost O(1) without allocation; the caller embeds the timer.
// An alarm never fires early, and late by no more than the loop is busy. A level's occupied slots
// are a 64-bit map, so that finding the next alarm is a few instructions.
#pragma once

#include "base/list.h"
#include "io/clock.h"

#include <stdint.h>

enum { TIMER_LEVELS = 7, TIMER_SLOTS = 64 };

struct timer;
typedef void timer_fn(struct timer *t);

struct timer {
    struct link link; // in a slot; unlinked while stopped
    msec due;
    timer_fn *fire;
    uint8_t level;
    uint8_t slot;
    bool is_armed;
};

struct timer_wheel {
    msec elapsed; // alarms due up to here have fired
    uint64_t occupied[TIMER_LEVELS];
    struct link slots[TIMER_LEVELS][TIMER_SLOTS];
};

void timer_wheel_init(struct timer_wheel *w, msec now);

// When the next alarm may be due; INT64_MAX where none is armed. A time before the exact one is
// possible (an alarm far away is looked at again), never one after it.
msec timer_wheel_next(const struct timer_wheel *w);

// Fires what is due up to `now`. Callbacks may arm and stop any timer.
void timer_wheel_advance(struct timer_wheel *w, msec now);

// Arms `t` for the absolute time `due`, moving it if it is armed. One in the past fires at the
// next advance.
void timer_wheel_arm(struct timer_wheel *w, struct timer *t, msec due, timer_fn *fire);
void timer_wheel_stop(struct timer_wheel *w, struct timer *t);
