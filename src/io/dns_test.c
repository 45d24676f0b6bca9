// Crosses threads.
#include "io/dns.h"

#include "base/random.h"

#include "support/test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int asked_count;
static atomic_bool is_held;

// Stands in for the system: "none*" does not exist, "held*" waits for the test, and the rest have
// two addresses of each family.
static err answer_for_test(const char *name, struct address *addresses, size_t *count)
{
    static const struct address answer[4] = {{.bytes = {10, 0, 0, 1}},
                                             {.bytes = {10, 0, 0, 2}},
                                             {.bytes = {[15] = 1}, .is_v6 = 1},
                                             {.bytes = {[15] = 2}, .is_v6 = 1}};

    atomic_fetch_add(&asked_count, 1);
    if (strncmp(name, "none", 4) == 0) return ERR_RESOLVE;
    while (strncmp(name, "held", 4) == 0 && atomic_load(&is_held)) {
        usleep(200);
    }
    memcpy(addresses, answer, sizeof(answer));
    *count = 4;
    return OK;
}

struct asker {
    struct dns_lookup lookup;
    err result;
    int done_count;
};

static void note_answer(struct op *op, err result)
{
    struct asker *a = container_of(op, struct asker, lookup.op);

    a->result = result;
    a->done_count++;
}

struct house {
    struct loop loop;
    struct offload offload;
    struct dns dns;
};

static void open_house(struct house *h)
{
    atomic_store(&asked_count, 0);
    atomic_store(&is_held, true);
    CHECK_EQ(loop_init(&h->loop), OK);
    CHECK_EQ(offload_open(&h->offload, 2, 1000), OK);
    dns_init(&h->dns, &h->loop, &h->offload);
    h->dns.resolve = answer_for_test;
}

static void close_house(struct house *h)
{
    dns_done(&h->dns);
    atomic_store(&is_held, false);
    offload_close(&h->offload);
    (void)loop_turn(&h->loop, 0);
    loop_done(&h->loop);
}

static void start(struct house *h, struct asker *a, str name, msec wait)
{
    dns_start(&h->dns, &a->lookup, name, h->loop.now + wait, note_answer);
}

static void wait_for(struct house *h, struct asker *a)
{
    int before = a->done_count;

    for (int i = 0; i < 500 && a->done_count == before; i++) {
        (void)loop_turn(&h->loop, 10);
    }
    CHECK_EQ(a->done_count, before + 1);
}

static void ask_and_wait(struct house *h, struct asker *a, str name)
{
    start(h, a, name, 5000);
    wait_for(h, a);
}

TEST(dns_literals_and_localhost_need_no_thread)
{
    static const str names[] = {STR_INIT("127.0.0.1"), STR_INIT("::1"), STR_INIT("LocalHost")};
    static const size_t counts[] = {1, 1, 2};
    static struct house h;

    open_house(&h);
    for (size_t i = 0; i < 3; i++) {
        struct asker a = {.done_count = 0};
        start(&h, &a, names[i], 0);
        CHECK_EQ(a.done_count, 0);
        (void)loop_turn(&h.loop, 0);
        CHECK_EQ(a.done_count, 1);
        CHECK_EQ(a.result, OK);
        CHECK_EQ(a.lookup.count, counts[i]);
    }
    CHECK_EQ(atomic_load(&asked_count), 0);
    close_house(&h);
}

TEST(dns_odd_names_are_not_asked_for)
{
    static const str names[] = {STR_INIT(""), STR_INIT("a b"), STR_INIT("127.0.0.1\0x"),
                                STR_INIT("fe80::1%eth0"), STR_INIT("name:80")};
    static char long_name[DNS_NAME_MAX + 1];
    static struct house h;

    open_house(&h);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct asker a = {.done_count = 0};
        ask_and_wait(&h, &a, names[i]);
        CHECK_EQ(a.result, ERR_RESOLVE);
    }
    struct asker a = {.done_count = 0};
    memset(long_name, 'a', sizeof(long_name));
    ask_and_wait(&h, &a, (str){long_name, sizeof(long_name)});
    CHECK_EQ(a.result, ERR_RESOLVE);
    CHECK_EQ(atomic_load(&asked_count), 0);
    close_house(&h);
}

TEST(dns_answers_interleaved_and_remembers)
{
    static struct house h;
    struct asker a = {.done_count = 0};

    open_house(&h);
    ask_and_wait(&h, &a, STR("Model.Example"));
    CHECK_EQ(a.result, OK);
    CHECK_EQ(a.lookup.count, 4);
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQ(a.lookup.addresses[i].is_v6, i % 2);
    }
    ask_and_wait(&h, &a, STR("model.example"));
    CHECK_EQ(atomic_load(&asked_count), 1);
    h.loop.now += DNS_TTL_MS; // the answer is stale now
    start(&h, &a, STR("model.example"), 5000);
    wait_for(&h, &a);
    CHECK_EQ(atomic_load(&asked_count), 2);
    close_house(&h);
}

TEST(dns_failure_is_remembered_for_a_second)
{
    static struct house h;
    struct asker a = {.done_count = 0};

    open_house(&h);
    ask_and_wait(&h, &a, STR("none.example"));
    CHECK_EQ(a.result, ERR_RESOLVE);
    ask_and_wait(&h, &a, STR("none.example"));
    CHECK_EQ(a.result, ERR_RESOLVE);
    CHECK_EQ(atomic_load(&asked_count), 1);
    h.loop.now += DNS_TTL_FAILURE_MS;
    start(&h, &a, STR("none.example"), 5000);
    wait_for(&h, &a);
    CHECK_EQ(atomic_load(&asked_count), 2);
    close_house(&h);
}

enum { ASKERS = 50 };

TEST(dns_many_lookups_of_one_name_ask_once)
{
    static struct asker askers[ASKERS];
    static struct house h;

    open_house(&h);
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.done_count = 0};
        start(&h, &askers[i], STR("held.example"), 5000);
    }
    op_cancel(&askers[7].lookup.op);
    (void)loop_turn(&h.loop, 0);
    CHECK_EQ(askers[7].result, ERR_CANCELED);
    atomic_store(&is_held, false);
    wait_for(&h, &askers[0]);
    for (int i = 0; i < ASKERS; i++) {
        CHECK_EQ(askers[i].done_count, 1);
        if (i != 7) CHECK_EQ(askers[i].lookup.count, 4);
    }
    CHECK_EQ(atomic_load(&asked_count), 1);
    close_house(&h);
}

TEST(dns_lookup_times_out_while_the_question_stays)
{
    static struct house h;
    struct asker a = {.done_count = 0};

    open_house(&h);
    start(&h, &a, STR("held.example"), 20);
    wait_for(&h, &a);
    CHECK_EQ(a.result, ERR_TIMEOUT);
    start(&h, &a, STR("held.example"), 5000);
    atomic_store(&is_held, false);
    wait_for(&h, &a);
    CHECK_EQ(a.result, OK);
    CHECK_EQ(atomic_load(&asked_count), 1);
    close_house(&h);
}

TEST(dns_ends_while_a_question_nobody_waits_for_is_open)
{
    static struct house h;
    struct asker a = {.done_count = 0};

    open_house(&h);
    start(&h, &a, STR("held.example"), 0);
    wait_for(&h, &a);
    CHECK_EQ(a.result, ERR_TIMEOUT);
    close_house(&h);
}

TEST(dns_memory_of_names_is_bounded_and_the_oldest_leaves)
{
    static struct house h;
    struct asker a = {.done_count = 0};
    char name[32];

    open_house(&h);
    for (int i = 0; i < DNS_ENTRIES_MAX; i++) {
        int len = snprintf(name, sizeof(name), "n%d.example", i);
        ask_and_wait(&h, &a, (str){name, (size_t)len});
    }
    ask_and_wait(&h, &a, STR("n0.example")); // the oldest is n1 now
    ask_and_wait(&h, &a, STR("another.example"));
    CHECK_EQ(h.dns.entry_count, DNS_ENTRIES_MAX);
    int asked = atomic_load(&asked_count);
    ask_and_wait(&h, &a, STR("n0.example"));
    CHECK_EQ(atomic_load(&asked_count), asked);
    ask_and_wait(&h, &a, STR("n1.example"));
    CHECK_EQ(atomic_load(&asked_count), asked + 1);
    close_house(&h);
}

TEST(dns_refuses_one_name_too_many_being_asked)
{
    static struct asker askers[DNS_ENTRIES_MAX + 1];
    static struct house h;
    char name[32];

    open_house(&h);
    for (int i = 0; i <= DNS_ENTRIES_MAX; i++) {
        int len = snprintf(name, sizeof(name), "held%d.example", i);
        askers[i] = (struct asker){.done_count = 0};
        start(&h, &askers[i], (str){name, (size_t)len}, 10'000);
    }
    wait_for(&h, &askers[DNS_ENTRIES_MAX]);
    CHECK_EQ(askers[DNS_ENTRIES_MAX].result, ERR_LIMIT);
    atomic_store(&is_held, false);
    for (int i = 0; i < DNS_ENTRIES_MAX; i++) {
        while (askers[i].done_count == 0) {
            (void)loop_turn(&h.loop, 10);
        }
        CHECK_EQ(askers[i].result, OK);
    }
    close_house(&h);
}

TEST(dns_full_pool_is_reported_and_not_remembered)
{
    static struct house h;
    struct asker a[2] = {{.done_count = 0}};

    open_house(&h);
    h.offload.queue_max = 0;
    start(&h, &a[0], STR("model.example"), 5000);
    start(&h, &a[1], STR("model.example"), 5000);
    wait_for(&h, &a[0]);
    CHECK_EQ(a[0].result, ERR_LIMIT);
    CHECK_EQ(a[1].result, ERR_LIMIT);
    h.offload.queue_max = 10;
    ask_and_wait(&h, &a[0], STR("model.example"));
    CHECK_EQ(a[0].result, OK);
    close_house(&h);
}

TEST(dns_interleave_keeps_all_whatever_the_mix)
{
    struct random r;

    random_init(&r, test_seed());
    for (int round = 0; round < 500; round++) {
        struct address a[DNS_ADDRESSES_MAX] = {0};
        size_t count = random_below(&r, DNS_ADDRESSES_MAX + 1);
        unsigned seen = 0;
        size_t six = 0;
        for (size_t i = 0; i < count; i++) {
            a[i] = (struct address){.port = (uint16_t)i, .is_v6 = random_below(&r, 2) == 1};
            six += a[i].is_v6;
        }
        unsigned first = a[0].is_v6;
        dns_interleave(a, count);
        size_t both = six < count - six ? six : count - six;
        for (size_t i = 0; i < count; i++) {
            seen |= 1U << a[i].port;
            if (i < 2 * both) CHECK_EQ(a[i].is_v6, (first + i) % 2);
        }
        CHECK_EQ(seen, (1U << count) - 1);
    }
}
