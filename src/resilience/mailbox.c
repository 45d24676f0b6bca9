// Design
//
// The reader looks at the slots of the last sixteen tickets that were drawn when it began, in their
// order, and takes the first that holds the very ticket and was not taken yet. Where a slot still
// holds an older ticket, that put is going on: the reader passes, and looks again at its next take.
// Passing keeps each thread's order: had the same thread drawn a second ticket before the reader
// began, then its first store came before that draw, and the reader, who saw the draw, would have
// seen the store. For this the draw is a release and the reader's first load an acquire.
//
// A put stores by compare-and-swap against an older ticket. It fails only if another put stored in
// the same slot; if that one was newer, its own event is overwritten, and it is done. Older ones
// were drawn before it, so it fails at most once for each thread.
#include "resilience/mailbox.h"

static uint32_t ticket_in(uint64_t slot)
{
    return (uint32_t)(slot >> 32);
}

static bool is_older(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static uint64_t slot_of(uint32_t ticket, uint32_t event)
{
    return (uint64_t)ticket << 32 | event;
}

// As though sixteen events had been put and taken before.
void mailbox_init(struct mailbox *m)
{
    atomic_init(&m->next, 0);
    for (uint32_t i = 0; i < MAILBOX_SLOTS; i++) {
        m->taken[i] = i - MAILBOX_SLOTS;
        atomic_init(&m->slots[i], slot_of(m->taken[i], 0));
    }
}

bool mailbox_put_step(struct mailbox *m, struct mailbox_putting *p)
{
    _Atomic uint64_t *slot = &m->slots[p->ticket % MAILBOX_SLOTS];

    switch (p->step) {
    case MAILBOX_DRAW:
        p->ticket = atomic_fetch_add_explicit(&m->next, 1, memory_order_acq_rel);
        p->step = MAILBOX_LOOK;
        return false;
    case MAILBOX_LOOK:
        p->seen = atomic_load_explicit(slot, memory_order_relaxed);
        p->step = MAILBOX_STORE;
        return is_older(p->ticket, ticket_in(p->seen));
    case MAILBOX_STORE:
        return atomic_compare_exchange_strong_explicit(slot, &p->seen, slot_of(p->ticket, p->event),
                                                       memory_order_release,
                                                       memory_order_relaxed) ||
               is_older(p->ticket, ticket_in(p->seen));
    }
    return true;
}

bool mailbox_take_step(struct mailbox *m, struct mailbox_taking *t)
{
    if (!t->has_begun) {
        t->end = atomic_load_explicit(&m->next, memory_order_acquire);
        t->ticket = t->end - MAILBOX_SLOTS;
        t->has_begun = true;
        return false;
    }
    if (t->ticket == t->end) return true;

    uint32_t i = t->ticket % MAILBOX_SLOTS;
    uint64_t slot = atomic_load_explicit(&m->slots[i], memory_order_acquire);
    t->has_event = ticket_in(slot) == t->ticket && m->taken[i] != t->ticket;
    if (t->has_event) {
        t->event = (uint32_t)slot;
        m->taken[i] = t->ticket;
    }
    t->ticket++;
    return t->has_event;
}

void mailbox_put(struct mailbox *m, uint32_t event)
{
    struct mailbox_putting p = {.event = event};

    while (!mailbox_put_step(m, &p)) {
    }
}

bool mailbox_take(struct mailbox *m, uint32_t *event)
{
    struct mailbox_taking t = {0};

    while (!mailbox_take_step(m, &t)) {
    }
    if (t.has_event) *event = t.event;
    return t.has_event;
}

bool mailbox_is_empty(const struct mailbox *m)
{
    uint32_t end = atomic_load_explicit(&m->next, memory_order_acquire);

    for (uint32_t ticket = end - MAILBOX_SLOTS; ticket != end; ticket++) {
        uint32_t i = ticket % MAILBOX_SLOTS;
        uint64_t slot = atomic_load_explicit(&m->slots[i], memory_order_acquire);

        if (ticket_in(slot) == ticket && m->taken[i] != ticket) return false;
    }
    return true;
}
