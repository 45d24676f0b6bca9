// mailbox: a queue of sixteen events in which the newest win.
//
// Any number of threads put, one takes; nobody ever waits. What is promised:
// - a put ends after a bounded number of steps of its own, whatever the others do or don't, but
//   that another put may win the slot meanwhile, after which this one's event is old and is
//   dropped;
// - of the events put, the newest sixteen are kept: an older one is overwritten, or dropped;
// - they are taken in the order of their tickets, so those of one thread in its own order;
// - a consumer that pauses holds nobody up, nor does a producer that stops between its two steps:
//   its event is passed over once sixteen newer ones have been put.
// Tickets wrap around; the ring tells old from new by signed distance, so no thread may sleep
// through 2^31 puts within one. Shared by threads.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAILBOX_SLOTS = 16 };

struct mailbox {
    _Atomic uint32_t tail;                 // the next ticket
    _Atomic uint64_t slots[MAILBOX_SLOTS]; // ticket above, event below
    uint32_t head;                         // the next to take; the consumer's
};

void mailbox_init(struct mailbox *m);

// From any thread.
void mailbox_put(struct mailbox *m, uint32_t event);

// By the consumer. False: there is nothing now.
bool mailbox_take(struct mailbox *m, uint32_t *event);
bool mailbox_is_empty(const struct mailbox *m);
