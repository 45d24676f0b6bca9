// loop: where everything happens, one at a time.
//
// A loop waits for its sockets, timers and messages and calls back. One thread runs it; all its
// functions but loop_post() and loop_stop() are for that thread alone. Its twin on virtual time
// (loop_init_virtual) has no sockets: its clock jumps to the next timer, so that a test of ten
// minutes takes microseconds.
//
// Sockets are watched edge-triggered, once, for everything: after a call of `ready` the owner
// goes on until a read or write says ERR_AGAIN, or comes back to it by itself.
#pragma once

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "io/clock.h"
#include "io/op.h"
#include "io/timer.h"

#include <stdatomic.h>

enum { LOOP_SCRATCH_BYTES = 64 * 1024 };

// A file descriptor being watched; embedded in its owner, who closes the descriptor.
struct watch;
typedef void watch_fn(struct watch *w, uint32_t events); // EPOLLIN, EPOLLOUT, EPOLLRDHUP...

struct watch {
    watch_fn *ready;
    int fd;
};

// A message from another thread; embedded in what it brings.
struct message;
typedef void message_fn(struct message *m, struct loop *loop);

struct message {
    struct message *next;
    message_fn *run;
};

// Work to do later in this turn, after the current callback has returned.
struct task;
typedef void task_fn(struct task *t);

struct task {
    struct link link;
    task_fn *run; // NULL while not queued
};

struct loop {
    usec now_us; // read once a turn
    msec now;
    struct link finished; // ops
    struct link tasks;
    struct link next_tasks; // of the next turn
    struct timer_wheel timers;
    char *scratch; // LOOP_SCRATCH_BYTES, for one read at a time; see stream.h
    bool is_virtual;
    int epoll_fd;
    struct watch wakeup;      // an eventfd
    struct loop_batch *batch; // the events being dispatched
    struct {
        _Atomic(struct message *) messages; // newest first
        atomic_bool is_stopping;
    } shared;
};

err loop_init(struct loop *l);
void loop_init_virtual(struct loop *l, msec start);
// No watch may be left. Armed timers and queued tasks are forgotten.
void loop_done(struct loop *l);

// Runs until loop_stop(); a virtual loop also until nothing is left to happen.
void loop_run(struct loop *l);
// One turn, waiting `wait_max` at most; a virtual loop moves its clock that far at most. False
// when a virtual loop had nothing to do.
bool loop_turn(struct loop *l, msec wait_max);
// From any thread.
void loop_stop(struct loop *l);
static inline bool loop_is_stopping(struct loop *l)
{
    return atomic_load_explicit(&l->shared.is_stopping, memory_order_relaxed);
}

// Edge-triggered, for reading, writing and hang-up. Not for a virtual loop.
err loop_watch(struct loop *l, struct watch *w);
// Before the descriptor is closed. `ready` is not called again.
void loop_unwatch(struct loop *l, struct watch *w);

// From any thread: `m->run(m, l)` runs in the loop. The memory is the loop's until then.
void loop_post(struct loop *l, struct message *m, message_fn *run);

// `t->run` runs in this turn, after the current callback. Queueing it twice is once.
void loop_later(struct loop *l, struct task *t, task_fn *run);
// The same in the next turn, after the events that have come meanwhile: for work in portions.
void loop_next_turn(struct loop *l, struct task *t, task_fn *run);
void loop_forget(struct task *t);

// The time right now, where the turn's time is too coarse: to measure work within a turn.
usec loop_clock(const struct loop *l);

// Alarms; see timer.h. The wait counts from the loop's current time.
void loop_alarm(struct loop *l, struct timer *t, msec wait, timer_fn *fire);
void loop_alarm_at(struct loop *l, struct timer *t, msec due, timer_fn *fire);
void loop_alarm_stop(struct loop *l, struct timer *t);
