#include "io/timer.h"

#include <assert.h>

enum { SLOT_BITS = 6 };

// The last time the wheel can tell: 139 years after the clock's start. What is due later waits
// there, which is to say for ever.
static const msec horizon = (INT64_C(1) << (SLOT_BITS * TIMER_LEVELS)) - 1;

void timer_wheel_init(struct timer_wheel *w, msec now)
{
    *w = (struct timer_wheel){.elapsed = now};
    for (int level = 0; level < TIMER_LEVELS; level++) {
        for (int slot = 0; slot < TIMER_SLOTS; slot++) {
            list_init(&w->slots[level][slot]);
        }
    }
}

// The level is the group of six bits in which `due` first differs from the time elapsed.
static unsigned level_for(msec elapsed, msec due)
{
    uint64_t differing = (uint64_t)(elapsed ^ due) | (TIMER_SLOTS - 1);

    return (63 - (unsigned)__builtin_clzll(differing)) / SLOT_BITS;
}

static void place(struct timer_wheel *w, struct timer *t)
{
    msec due = t->due > w->elapsed ? t->due : w->elapsed;

    if (due > horizon) due = horizon;
    unsigned level = level_for(w->elapsed, due);
    unsigned slot = (unsigned)(due >> (SLOT_BITS * level)) & (TIMER_SLOTS - 1);
    t->level = (uint8_t)level;
    t->slot = (uint8_t)slot;
    list_push_back(&w->slots[level][slot], &t->link);
    w->occupied[level] |= UINT64_C(1) << slot;
}

void timer_wheel_stop(struct timer_wheel *w, struct timer *t)
{
    if (!t->is_armed) return;
    list_remove(&t->link);
    if (list_is_empty(&w->slots[t->level][t->slot]))
        w->occupied[t->level] &= ~(UINT64_C(1) << t->slot);
    t->is_armed = false;
}

void timer_wheel_arm(struct timer_wheel *w, struct timer *t, msec due, timer_fn *fire)
{
    assert(fire);
    timer_wheel_stop(w, t);
    t->due = due;
    t->fire = fire;
    t->is_armed = true;
    place(w, t);
}

// The earliest occupied slot: its level, number and the time at which it begins.
static bool find_next(const struct timer_wheel *w, unsigned *level, unsigned *slot, msec *begins)
{
    for (unsigned l = 0; l < TIMER_LEVELS; l++) {
        if (!w->occupied[l]) continue;
        unsigned shift = SLOT_BITS * l;
        unsigned now = (unsigned)(w->elapsed >> shift) & (TIMER_SLOTS - 1);
        uint64_t ahead = w->occupied[l] >> now << now; // none is behind within this turn
        assert(ahead);
        *level = l;
        *slot = (unsigned)__builtin_ctzll(ahead);
        msec turn = w->elapsed >> shift >> SLOT_BITS << SLOT_BITS << shift;
        *begins = turn + ((msec)*slot << shift);
        return true;
    }
    return false;
}

msec timer_wheel_next(const struct timer_wheel *w)
{
    unsigned level = 0;
    unsigned slot = 0;
    msec begins = 0;

    if (!find_next(w, &level, &slot, &begins)) return INT64_MAX;
    return begins > w->elapsed ? begins : w->elapsed;
}

void timer_wheel_advance(struct timer_wheel *w, msec now)
{
    unsigned level = 0;
    unsigned slot = 0;
    msec begins = 0;
    struct link due;

    list_init(&due);
    while (find_next(w, &level, &slot, &begins) && begins <= now) {
        struct link *l = NULL;
        if (begins > w->elapsed) w->elapsed = begins;
        list_take_all(&due, &w->slots[level][slot]);
        w->occupied[level] &= ~(UINT64_C(1) << slot);
        for (l = due.next; l != &due; l = l->next) {
            // Those not yet fired may be stopped by a callback: the slot they stand in is `due`.
            container_of(l, struct timer, link)->level = 0;
            container_of(l, struct timer, link)->slot = (uint8_t)slot;
        }
        while ((l = list_pop_front(&due))) {
            struct timer *t = container_of(l, struct timer, link);
            if (t->due > w->elapsed) {
                place(w, t);
                continue;
            }
            t->is_armed = false;
            t->fire(t);
        }
    }
    if (now > w->elapsed) w->elapsed = now;
}
