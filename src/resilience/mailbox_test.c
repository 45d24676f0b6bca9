// Crosses threads: producers put while the reader takes.
#include "resilience/mailbox.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

TEST(mailbox_gives_back_what_was_put_in_order)
{
    struct mailbox m;
    uint32_t event = 99;

    mailbox_init(&m);
    CHECK(mailbox_is_empty(&m));
    CHECK(!mailbox_take(&m, &event));
    CHECK_EQ(event, 99);
    for (uint32_t i = 0; i < 100; i++) {
        mailbox_put(&m, i);
        mailbox_put(&m, UINT32_MAX - i);
        CHECK(!mailbox_is_empty(&m));
        CHECK(mailbox_take(&m, &event));
        CHECK_EQ(event, i);
        CHECK(!mailbox_is_empty(&m));
        CHECK(mailbox_take(&m, &event));
        CHECK_EQ(event, UINT32_MAX - i);
        CHECK(mailbox_is_empty(&m));
        CHECK(!mailbox_take(&m, &event));
    }
}

// As though `ticket` events had been put and taken.
static void begin_at(struct mailbox *m, uint32_t ticket)
{
    mailbox_init(m);
    atomic_init(&m->next, ticket);
    for (uint32_t t = ticket - MAILBOX_SLOTS; t != ticket; t++) {
        m->taken[t % MAILBOX_SLOTS] = t;
        atomic_init(&m->slots[t % MAILBOX_SLOTS], (uint64_t)t << 32);
    }
}

TEST(mailbox_keeps_the_newest_sixteen)
{
    static const uint32_t begins[] = {0, 5, UINT32_MAX, UINT32_MAX - 20, UINT32_C(1) << 31};

    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        for (uint32_t count = 0; count < 60; count++) {
            struct mailbox m;
            uint32_t event;

            begin_at(&m, begins[i]);
            for (uint32_t n = 0; n < count; n++) {
                mailbox_put(&m, n);
            }
            for (uint32_t n = count > MAILBOX_SLOTS ? count - MAILBOX_SLOTS : 0; n < count; n++) {
                CHECK(mailbox_take(&m, &event));
                CHECK_EQ(event, n);
            }
            CHECK(!mailbox_take(&m, &event));
        }
    }
}

TEST(mailbox_put_that_stops_half_way_delays_no_other)
{
    struct mailbox_putting stopped[20];
    struct mailbox m;
    uint32_t event;

    mailbox_init(&m);
    for (uint32_t round = 0; round < 20; round++) {
        stopped[round] = (struct mailbox_putting){.event = 1'000 + round};
        CHECK(!mailbox_put_step(&m, &stopped[round]));
        CHECK(mailbox_is_empty(&m));
        mailbox_put(&m, round);
        CHECK(mailbox_take(&m, &event));
        CHECK_EQ(event, round);
        CHECK(!mailbox_take(&m, &event));
    }
    // Those that go on at last: the newest eight are still among the newest sixteen tickets.
    for (uint32_t round = 0; round < 20; round++) {
        while (!mailbox_put_step(&m, &stopped[round])) {
        }
    }
    for (uint32_t round = 12; round < 20; round++) {
        CHECK(mailbox_take(&m, &event));
        CHECK_EQ(event, 1'000 + round);
    }
    CHECK(!mailbox_take(&m, &event));
}

// The model: every order of the atomic steps of some puts and takes.
enum { ACTORS = 3, EVENTS_MAX = 64, SEEN_MAX = 1 << 22 };

struct world {
    struct mailbox m;
    struct mailbox_putting putting[ACTORS];
    bool is_putting[ACTORS];
    uint8_t puts_left[ACTORS];
    uint8_t bursts_left; // of `burst` whole puts each, which count as one step
    uint8_t burst;
    uint8_t takes_left;
    bool is_taking;
    struct mailbox_taking taking;
    uint8_t event_count; // events are numbered as their puts begin
    uint8_t taken_count;
    uint8_t owner[EVENTS_MAX];
    uint8_t taken[EVENTS_MAX];
    bool is_put[EVENTS_MAX]; // its put has returned
    uint32_t ticket[EVENTS_MAX];
};

static uint64_t *seen; // hashes of the worlds that were looked at
static uint64_t seen_count;

static bool is_new(const struct world *w)
{
    uint64_t words[sizeof(*w) / 8];
    uint64_t hash = 1;

    memcpy(words, w, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / 8; i++) {
        hash = random_mix(hash ^ words[i]);
    }
    size_t i = hash % SEEN_MAX;
    for (; seen[i] != 0; i = (i + 1) % SEEN_MAX) {
        if (seen[i] == hash) return false;
    }
    CHECK(++seen_count < SEEN_MAX / 2);
    seen[i] = hash;
    return true;
}

static uint32_t begin_event(struct world *w, uint8_t owner)
{
    CHECK(w->event_count < EVENTS_MAX);
    w->owner[w->event_count] = owner;
    return w->event_count++;
}

static void put_whole(struct world *w, uint8_t owner)
{
    uint32_t event = begin_event(w, owner);

    w->ticket[event] = atomic_load(&w->m.next);
    w->is_put[event] = true;
    mailbox_put(&w->m, event);
}

static void put_step(struct world *w, uint8_t actor)
{
    struct mailbox_putting *p = &w->putting[actor];

    if (!w->is_putting[actor]) {
        memset(p, 0, sizeof(*p));
        p->event = begin_event(w, actor);
        w->is_putting[actor] = true;
        w->puts_left[actor]--;
    }
    if (!mailbox_put_step(&w->m, p)) return;
    w->is_put[p->event] = true;
    w->ticket[p->event] = p->ticket;
    w->is_putting[actor] = false;
}

static void take_step(struct world *w)
{
    if (!w->is_taking) {
        memset(&w->taking, 0, sizeof(w->taking));
        w->is_taking = true;
        w->takes_left--;
    }
    if (!mailbox_take_step(&w->m, &w->taking)) return;
    w->is_taking = false;
    if (w->taking.has_event) w->taken[w->taken_count++] = (uint8_t)w->taking.event;
}

// If from here on nobody puts any more, not even who is half-way, the promise of the header holds.
static void check_promise(const struct world *now)
{
    struct world w;
    bool is_taken[EVENTS_MAX] = {false};
    int last[256];
    uint32_t event;

    memcpy(&w, now, sizeof(w));
    while (w.is_taking) {
        take_step(&w);
    }
    for (;;) {
        bool is_empty = mailbox_is_empty(&w.m);
        CHECK_EQ(mailbox_take(&w.m, &event), !is_empty);
        if (is_empty) break;
        w.taken[w.taken_count++] = (uint8_t)event;
    }
    memset(last, -1, sizeof(last));
    for (size_t i = 0; i < w.taken_count; i++) {
        CHECK(w.taken[i] < w.event_count);
        CHECK(!is_taken[w.taken[i]]);
        is_taken[w.taken[i]] = true;
        CHECK(w.taken[i] > last[w.owner[w.taken[i]]]);
        last[w.owner[w.taken[i]]] = w.taken[i];
    }
    for (size_t i = 0; i < w.event_count; i++) {
        uint32_t begun_after = atomic_load(&w.m.next) - w.ticket[i] - 1;
        CHECK(!w.is_put[i] || begun_after >= MAILBOX_SLOTS || is_taken[i]);
    }
}

static void explore(const struct world *now)
{
    struct world w;

    if (!is_new(now)) return;
    check_promise(now);
    for (uint8_t actor = 0; actor < ACTORS; actor++) {
        if (!now->is_putting[actor] && now->puts_left[actor] == 0) continue;
        memcpy(&w, now, sizeof(w));
        put_step(&w, actor);
        explore(&w);
    }
    if (now->bursts_left > 0) {
        memcpy(&w, now, sizeof(w));
        w.bursts_left--;
        for (int i = 0; i < now->burst; i++) {
            put_whole(&w, ACTORS);
        }
        explore(&w);
    }
    if (now->is_taking || now->takes_left > 0) {
        memcpy(&w, now, sizeof(w));
        take_step(&w);
        explore(&w);
    }
}

struct scene {
    uint8_t puts[ACTORS];
    uint8_t takes;
    uint8_t before; // events that are there at first
    uint8_t bursts;
    uint8_t burst;
    uint32_t ticket; // the first
};

static void play(struct scene scene)
{
    static struct world w;

    seen = memory_alloc(SEEN_MAX * sizeof(*seen));
    seen_count = 0;
    memset(&w, 0, sizeof(w));
    begin_at(&w.m, scene.ticket);
    memcpy(w.puts_left, scene.puts, sizeof(scene.puts));
    w.takes_left = scene.takes;
    w.bursts_left = scene.bursts;
    w.burst = scene.burst;
    for (int i = 0; i < scene.before; i++) {
        put_whole(&w, ACTORS + 1);
    }
    explore(&w);
    memory_free(seen);
}

TEST(mailbox_keeps_its_promise_in_every_order_of_two_producers)
{
    play((struct scene){.puts = {2, 2}, .takes = 3});
    play((struct scene){.puts = {2, 2}, .takes = 2, .before = 14, .ticket = UINT32_MAX - 15});
}

TEST(mailbox_keeps_its_promise_in_every_order_of_three_producers)
{
    play((struct scene){.puts = {1, 1, 1}, .takes = 3});
    play((struct scene){.puts = {2, 1, 1}, .takes = 2, .before = 15, .ticket = UINT32_MAX});
}

TEST(mailbox_keeps_its_promise_where_producers_lap_each_other)
{
    // A whole round between any two steps, so that several fight for one slot.
    play((struct scene){.puts = {1, 1}, .takes = 2, .bursts = 1, .burst = 15});
    play((struct scene){
        .puts = {1, 1, 1}, .takes = 1, .bursts = 2, .burst = 15, .ticket = UINT32_MAX - 25});
    play((struct scene){.puts = {2, 1}, .takes = 2, .before = 3, .bursts = 1, .burst = 31});
}

enum { PRODUCERS = 8, PUTS = 20'000 };

struct producer {
    struct mailbox *m;
    pthread_t thread;
    uint32_t who;
};

static void *put_many(void *arg)
{
    struct producer *p = arg;

    for (uint32_t i = 0; i < PUTS; i++) {
        mailbox_put(p->m, p->who << 24 | i);
    }
    return NULL;
}

static void start_producers(struct producer *producers, struct mailbox *m)
{
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.m = m, .who = i};
        CHECK_EQ(pthread_create(&producers[i].thread, NULL, put_many, &producers[i]), 0);
    }
}

static void join_producers(struct producer *producers)
{
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i].thread, NULL);
    }
}

// Takes all there is, and checks that each producer's events come in their order, none twice.
static uint32_t take_all(struct mailbox *m, int32_t last[PRODUCERS])
{
    uint32_t count = 0;
    uint32_t event;

    while (mailbox_take(m, &event)) {
        int32_t number = (int32_t)(event & 0xff'ffff);

        CHECK(event >> 24 < PRODUCERS && number < PUTS);
        CHECK(number > last[event >> 24]);
        last[event >> 24] = number;
        count++;
    }
    return count;
}

TEST(mailbox_of_a_paused_reader_blocks_no_producer)
{
    static struct mailbox m;
    struct producer producers[PRODUCERS];
    int32_t last[PRODUCERS];

    mailbox_init(&m);
    memset(last, -1, sizeof(last));
    start_producers(producers, &m);
    join_producers(producers);
    CHECK_EQ(take_all(&m, last), MAILBOX_SLOTS);
}

TEST(mailbox_keeps_each_producers_order_while_all_put)
{
    static struct mailbox m;
    struct producer producers[PRODUCERS];
    int32_t last[PRODUCERS];
    uint32_t count = 0;

    begin_at(&m, UINT32_MAX - PRODUCERS * PUTS / 2); // tickets begin again on the way
    memset(last, -1, sizeof(last));
    start_producers(producers, &m);
    while (atomic_load(&m.next) !=
           (uint32_t)(UINT32_MAX - PRODUCERS * PUTS / 2 + PRODUCERS * PUTS)) {
        count += take_all(&m, last);
        sched_yield();
    }
    join_producers(producers);
    count += take_all(&m, last);
    CHECK(count >= MAILBOX_SLOTS);
    CHECK(mailbox_is_empty(&m));
}
