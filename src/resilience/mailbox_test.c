// Crosses threads: eight producers, one consumer.
#include "resilience/mailbox.h"

#include "support/test.h"

#include <pthread.h>

TEST(mailbox_keeps_the_newest_sixteen_in_order)
{
    struct mailbox m;
    uint32_t event = 0;

    mailbox_init(&m);
    CHECK(mailbox_is_empty(&m));
    CHECK(!mailbox_take(&m, &event));
    for (uint32_t i = 0; i < 100; i++) {
        mailbox_put(&m, i);
    }
    for (uint32_t i = 84; i < 100; i++) {
        CHECK(mailbox_take(&m, &event));
        CHECK_EQ(event, i);
    }
    CHECK(!mailbox_take(&m, &event));
    CHECK(mailbox_is_empty(&m));
    mailbox_put(&m, 7);
    CHECK(mailbox_take(&m, &event));
    CHECK_EQ(event, 7);
}

TEST(mailbox_tickets_wrap_around)
{
    struct mailbox m;
    uint32_t event = 0;

    mailbox_init(&m);
    m.head = UINT32_MAX - 20;
    atomic_store(&m.tail, m.head);
    for (uint32_t i = 0; i < MAILBOX_SLOTS; i++) {
        uint32_t ticket = m.head - MAILBOX_SLOTS + i;
        atomic_store(&m.slots[ticket % MAILBOX_SLOTS], (uint64_t)ticket << 32);
    }
    for (uint32_t i = 0; i < 60; i++) {
        mailbox_put(&m, i);
        if (i % 3) continue;
        CHECK(mailbox_take(&m, &event));
    }
    for (uint32_t i = 44; i < 60; i++) {
        CHECK(mailbox_take(&m, &event));
        CHECK_EQ(event, i);
    }
}

// Every order of the steps of three puts and the takes between them: a put in its two halves.
struct model {
    struct mailbox m;
    uint32_t tickets[3];
    int steps[3]; // 0: not begun, 1: has a ticket, 2: has stored
    uint32_t taken[8];
    int taken_count;
};

static void store(struct model *s, int i)
{
    _Atomic uint64_t *slot = &s->m.slots[s->tickets[i] % MAILBOX_SLOTS];
    uint64_t old = atomic_load(slot);

    if ((int32_t)(s->tickets[i] - (uint32_t)(old >> 32)) > 0)
        atomic_store(slot, (uint64_t)s->tickets[i] << 32 | (uint32_t)(i + 1));
}

static void take(struct model *s)
{
    uint32_t event = 0;

    while (mailbox_take(&s->m, &event)) {
        CHECK(s->taken_count < 8);
        s->taken[s->taken_count++] = event;
    }
}

// Calls itself once a step: six deep.
static int explore(const struct model *from)
{
    int ends = 0;
    bool is_over = true;

    for (int i = 0; i < 3; i++) {
        struct model s;
        if (from->steps[i] == 2) continue;
        is_over = false;
        s.m.head = from->m.head;
        atomic_init(&s.m.tail, atomic_load(&from->m.tail));
        for (int k = 0; k < MAILBOX_SLOTS; k++) {
            atomic_init(&s.m.slots[k], atomic_load(&from->m.slots[k]));
        }
        for (int k = 0; k < 3; k++) {
            s.tickets[k] = from->tickets[k];
            s.steps[k] = from->steps[k];
        }
        for (int k = 0; k < 8; k++) {
            s.taken[k] = from->taken[k];
        }
        s.taken_count = from->taken_count;
        if (s.steps[i]++ == 0) {
            s.tickets[i] = atomic_fetch_add(&s.m.tail, 1);
        } else {
            store(&s, i);
        }
        take(&s);
        ends += explore(&s);
    }
    if (!is_over) return ends;
    // All three were taken, each once, in the order of their tickets.
    CHECK_EQ(from->taken_count, 3);
    for (int k = 1; k < 3; k++) {
        CHECK(from->tickets[from->taken[k] - 1] > from->tickets[from->taken[k - 1] - 1]);
    }
    return 1;
}

TEST(mailbox_takes_each_event_once_in_any_interleaving)
{
    struct model s = {.taken_count = 0};

    mailbox_init(&s.m);
    CHECK_EQ(explore(&s), 90); // 6! / (2! 2! 2!)
}

TEST(mailbox_passes_over_a_producer_that_never_comes_back)
{
    struct mailbox m;
    uint32_t event = 0;

    mailbox_init(&m);
    atomic_fetch_add(&m.tail, 1); // has its ticket, and sleeps
    mailbox_put(&m, 1);
    CHECK(!mailbox_take(&m, &event));
    for (uint32_t i = 2; i <= 17; i++) {
        mailbox_put(&m, i);
    }
    for (uint32_t i = 2; i <= 17; i++) {
        CHECK(mailbox_take(&m, &event));
        CHECK_EQ(event, i);
    }
}

enum { PRODUCERS = 8, PUTS = 20'000 };

struct producer {
    pthread_t thread;
    struct mailbox *m;
    uint32_t number;
};

static void *produce(void *arg)
{
    struct producer *p = arg;

    for (uint32_t i = 0; i < PUTS; i++) {
        mailbox_put(p->m, p->number << 24 | i);
    }
    return NULL;
}

static void start(struct producer *p, struct mailbox *m)
{
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        p[i] = (struct producer){.m = m, .number = i};
        CHECK_EQ(pthread_create(&p[i].thread, NULL, produce, &p[i]), 0);
    }
}

static void join(struct producer *p)
{
    for (int i = 0; i < PRODUCERS; i++) {
        CHECK_EQ(pthread_join(p[i].thread, NULL), 0);
    }
}

TEST(mailbox_blocks_no_producer_while_the_consumer_pauses)
{
    struct producer p[PRODUCERS];
    struct mailbox m;
    uint32_t event = 0;
    int count = 0;

    mailbox_init(&m);
    start(p, &m);
    join(p); // they end, though nobody takes
    while (mailbox_take(&m, &event)) {
        count++;
    }
    CHECK_EQ(count, MAILBOX_SLOTS);
}

TEST(mailbox_keeps_the_order_of_each_producer)
{
    struct producer p[PRODUCERS];
    int64_t last[PRODUCERS];
    struct mailbox m;
    uint32_t event = 0;

    for (int i = 0; i < PRODUCERS; i++) {
        last[i] = -1;
    }
    mailbox_init(&m);
    start(p, &m);
    for (int i = 0; i < 2'000'000; i++) {
        if (!mailbox_take(&m, &event)) continue;
        CHECK((int64_t)(event & 0xffffff) > last[event >> 24]);
        last[event >> 24] = event & 0xffffff;
    }
    join(p);
}
