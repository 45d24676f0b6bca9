// Design: a put draws a ticket, then stores ticket and event in the slot of the ticket in one
// atomic step, unless a newer ticket stands there. Slots begin with tickets long past.
#include "resilience/mailbox.h"

static uint64_t packed(uint32_t ticket, uint32_t event)
{
    return (uint64_t)ticket << 32 | event;
}

// Above 0 where ticket a is newer than b.
static int32_t distance(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

void mailbox_init(struct mailbox *m)
{
    m->head = 0;
    atomic_init(&m->tail, 0);
    for (uint32_t i = 0; i < MAILBOX_SLOTS; i++) {
        atomic_init(&m->slots[i], packed(i - MAILBOX_SLOTS, 0));
    }
}

void mailbox_put(struct mailbox *m, uint32_t event)
{
    uint32_t ticket = atomic_fetch_add_explicit(&m->tail, 1, memory_order_relaxed);
    _Atomic uint64_t *slot = &m->slots[ticket % MAILBOX_SLOTS];
    uint64_t old = atomic_load_explicit(slot, memory_order_relaxed);

    // Each failure means that somebody else stored: an older event, of which there are few, or a
    // newer one, which ends this.
    while (distance(ticket, (uint32_t)(old >> 32)) > 0 &&
           !atomic_compare_exchange_weak_explicit(slot, &old, packed(ticket, event),
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

bool mailbox_take(struct mailbox *m, uint32_t *event)
{
    uint32_t tail = atomic_load_explicit(&m->tail, memory_order_relaxed);

    if (distance(tail, m->head) > MAILBOX_SLOTS) m->head = tail - MAILBOX_SLOTS;
    while (m->head != tail) {
        uint64_t stored =
            atomic_load_explicit(&m->slots[m->head % MAILBOX_SLOTS], memory_order_acquire);
        int32_t ahead = distance((uint32_t)(stored >> 32), m->head);
        if (ahead < 0) return false; // its producer is between its two steps
        m->head++;
        if (ahead > 0) continue; // overwritten
        *event = (uint32_t)stored;
        return true;
    }
    return false;
}

bool mailbox_is_empty(const struct mailbox *m)
{
    return atomic_load_explicit(&m->tail, memory_order_relaxed) == m->head;
}
