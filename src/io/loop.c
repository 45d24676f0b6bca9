// Design: a turn is wait, dispatch events, fire timers, run what became ready (finished ops, then
// tasks, until both are empty). Ops and tasks therefore run in the turn that made them ready,
// never inside the call that did.
#include "io/loop.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_MAX = 128 }; // so many that a wait costs little, so few that nobody waits long

// The events of one wait. A watch that goes away while they are dispatched is struck out.
struct loop_batch {
    int count;
    int at;
    struct epoll_event events[EVENTS_MAX];
};

static void read_time(struct loop *l)
{
    l->now_us = clock_monotonic();
    l->now = l->now_us / 1000;
}

static void take_wakeup(struct watch *w, uint32_t events)
{
    uint64_t count = 0;

    (void)events;
    // Only its arrival matters; the messages are taken at the end of the turn.
    if (read(w->fd, &count, sizeof(count)) < 0) return;
}

static void init_common(struct loop *l)
{
    *l = (struct loop){.epoll_fd = -1, .wakeup = {.fd = -1}};
    list_init(&l->finished);
    list_init(&l->tasks);
    list_init(&l->next_tasks);
    l->scratch = memory_alloc_raw(LOOP_SCRATCH_BYTES);
    l->batch = memory_new(struct loop_batch);
}

err loop_init(struct loop *l)
{
    init_common(l);
    read_time(l);
    timer_wheel_init(&l->timers, l->now);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wakeup = (struct watch){.ready = take_wakeup, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    err e = l->epoll_fd < 0 || l->wakeup.fd < 0 ? err_from_errno(errno) : OK;
    if (!e) e = loop_watch(l, &l->wakeup);
    if (e) loop_done(l);
    return e;
}

void loop_init_virtual(struct loop *l, msec start)
{
    init_common(l);
    l->is_virtual = true;
    l->now = start;
    l->now_us = start * 1000;
    timer_wheel_init(&l->timers, start);
}

void loop_done(struct loop *l)
{
    if (l->wakeup.fd >= 0) close(l->wakeup.fd);
    if (l->epoll_fd >= 0) close(l->epoll_fd);
    l->wakeup.fd = -1;
    l->epoll_fd = -1;
    memory_free(l->scratch);
    memory_free(l->batch);
    l->scratch = NULL;
    l->batch = NULL;
}

err loop_watch(struct loop *l, struct watch *w)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = w};

    assert(!l->is_virtual);
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &event) < 0) return err_from_errno(errno);
    return OK;
}

void loop_unwatch(struct loop *l, struct watch *w)
{
    struct loop_batch *batch = l->batch;

    // No EPOLL_CTL_DEL: the owner closes the descriptor next, which removes it for free.
    for (int i = batch->at; i < batch->count; i++) {
        if (batch->events[i].data.ptr == w) batch->events[i].data.ptr = NULL;
    }
}

static void run_messages(struct loop *l)
{
    struct message *newest =
        atomic_exchange_explicit(&l->shared.messages, NULL, memory_order_acquire);
    struct message *oldest = NULL;

    while (newest) {
        struct message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct message *next = oldest->next;
        oldest->run(oldest, l);
        oldest = next;
    }
}

static void run_ready(struct loop *l)
{
    struct link *link = NULL;

    do {
        op_run_finished(&l->finished);
        link = list_pop_front(&l->tasks);
        if (link) {
            struct task *t = container_of(link, struct task, link);
            task_fn *run = t->run;
            t->run = NULL;
            run(t);
        }
    } while (link || !list_is_empty(&l->finished));
}

static bool has_ready(const struct loop *l)
{
    return !list_is_empty(&l->finished) || !list_is_empty(&l->tasks);
}

static void wait_for_events(struct loop *l, msec wait)
{
    struct loop_batch *batch = l->batch;
    int timeout = wait > INT_MAX ? INT_MAX : (int)wait;

    batch->count = epoll_wait(l->epoll_fd, batch->events, EVENTS_MAX, timeout);
    read_time(l);
    for (batch->at = 0; batch->at < batch->count;) {
        struct epoll_event *event = &batch->events[batch->at++];
        struct watch *w = event->data.ptr;
        if (w) w->ready(w, event->events);
    }
    batch->count = 0;
}

static msec wait_for(const struct loop *l, msec wait_max)
{
    msec next = timer_wheel_next(&l->timers);

    if (has_ready(l)) return 0;
    if (next == INT64_MAX) return wait_max;
    msec wait = next > l->now ? next - l->now : 0;
    return wait < wait_max ? wait : wait_max;
}

static bool turn_virtual(struct loop *l, msec wait_max)
{
    msec wait = wait_for(l, wait_max);
    bool has_more = has_ready(l) || timer_wheel_next(&l->timers) != INT64_MAX ||
                    atomic_load(&l->shared.messages);

    if (!has_more) return false;
    l->now += wait;
    l->now_us = l->now * 1000;
    return true;
}

bool loop_turn(struct loop *l, msec wait_max)
{
    bool is_active = true;

    list_take_all(&l->tasks, &l->next_tasks);
    if (l->is_virtual) {
        is_active = turn_virtual(l, wait_max);
    } else {
        wait_for_events(l, wait_for(l, wait_max));
    }
    timer_wheel_advance(&l->timers, l->now);
    run_messages(l);
    run_ready(l);
    return is_active;
}

void loop_run(struct loop *l)
{
    while (!loop_is_stopping(l)) {
        if (!loop_turn(l, INT_MAX)) return;
    }
}

static void wake(struct loop *l)
{
    uint64_t one = 1;

    // Can only fail when the counter is full, and then the loop wakes anyhow.
    if (l->wakeup.fd >= 0 && write(l->wakeup.fd, &one, sizeof(one)) < 0) return;
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->shared.is_stopping, true);
    wake(l);
}

void loop_post(struct loop *l, struct message *m, message_fn *run)
{
    struct message *head = atomic_load_explicit(&l->shared.messages, memory_order_relaxed);

    m->run = run;
    do {
        m->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&l->shared.messages, &head, m,
                                                    memory_order_release, memory_order_relaxed));
    if (!head) wake(l); // a queue that wasn't empty has its wake-up under way
}

static void queue(struct link *tasks, struct task *t, task_fn *run)
{
    if (!t->run) list_push_back(tasks, &t->link);
    t->run = run;
}

void loop_later(struct loop *l, struct task *t, task_fn *run)
{
    queue(&l->tasks, t, run);
}

void loop_next_turn(struct loop *l, struct task *t, task_fn *run)
{
    queue(&l->next_tasks, t, run);
}

void loop_forget(struct task *t)
{
    if (!t->run) return;
    list_remove(&t->link);
    t->run = NULL;
}

usec loop_clock(const struct loop *l)
{
    return l->is_virtual ? l->now_us : clock_monotonic();
}

void loop_alarm(struct loop *l, struct timer *t, msec wait, timer_fn *fire)
{
    timer_wheel_arm(&l->timers, t, l->now + wait, fire);
}

void loop_alarm_at(struct loop *l, struct timer *t, msec due, timer_fn *fire)
{
    timer_wheel_arm(&l->timers, t, due, fire);
}

void loop_alarm_stop(struct loop *l, struct timer *t)
{
    timer_wheel_stop(&l->timers, t);
}
