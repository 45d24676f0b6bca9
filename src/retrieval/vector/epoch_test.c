// Crosses threads.
#include "retrieval/vector/epoch.h"

#include "base/list.h"
#include "base/memory.h"

#include "support/test.h"

struct thing {
    struct epoch_retired retired;
    uint64_t value;
    uint64_t twice;
};

struct scene {
    struct epoch epoch;
    struct thing *_Atomic published;
    _Atomic bool is_over;
};

static unsigned gone_count;

static void thing_gone(struct epoch_retired *r)
{
    struct thing *t = container_of(r, struct thing, retired);

    t->twice = 0; // a reader that still looks would see it, and so would the sanitizers
    gone_count++;
    memory_free(t);
}

static struct thing *thing_new(uint64_t value)
{
    struct thing *t = memory_new(struct thing);

    t->value = value;
    t->twice = 2 * value;
    return t;
}

TEST(epoch_what_nobody_reads_goes_at_once)
{
    struct epoch e;

    gone_count = 0;
    epoch_init(&e);
    epoch_retire(&e, &thing_new(1)->retired, thing_gone);
    CHECK(epoch_reclaim(&e));
    CHECK_EQ(gone_count, 1);
    epoch_done(&e);
}

TEST(epoch_what_is_retired_waits_for_the_readers_inside_and_for_no_others)
{
    struct epoch e;

    gone_count = 0;
    epoch_init(&e);
    unsigned before = epoch_enter(&e);
    epoch_retire(&e, &thing_new(1)->retired, thing_gone);
    unsigned after = epoch_enter(&e);
    CHECK(before != after);
    CHECK(!epoch_reclaim(&e));
    CHECK_EQ(gone_count, 0);
    epoch_leave(&e, before);
    CHECK(epoch_reclaim(&e));
    CHECK_EQ(gone_count, 1);
    epoch_leave(&e, after);
    epoch_done(&e);
}

TEST(epoch_has_places_for_all_readers_it_promises)
{
    struct epoch e;
    unsigned places[EPOCH_READERS_MAX];

    epoch_init(&e);
    for (unsigned i = 0; i < EPOCH_READERS_MAX; i++) {
        places[i] = epoch_enter(&e);
    }
    for (unsigned i = 0; i < EPOCH_READERS_MAX; i++) {
        epoch_leave(&e, places[i]);
    }
    epoch_done(&e);
}

static void *read_on(void *argument)
{
    struct scene *s = argument;
    uint64_t wrong = 0;

    while (!s->is_over) {
        unsigned place = epoch_enter(&s->epoch);
        const struct thing *t = s->published;
        wrong += t->twice != 2 * t->value;
        epoch_leave(&s->epoch, place);
    }
    return wrong ? s : NULL;
}

TEST(epoch_readers_never_see_what_is_gone_while_a_writer_replaces_it)
{
    enum { READERS = 3, ROUNDS = 3000 };
    struct scene s = {.published = thing_new(1)};
    pthread_t threads[READERS];
    void *wrong = NULL;

    gone_count = 0;
    epoch_init(&s.epoch);
    for (unsigned i = 0; i < READERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, read_on, &s), 0);
    }
    for (uint64_t i = 2; i < ROUNDS; i++) {
        struct thing *old = atomic_exchange(&s.published, thing_new(i));
        epoch_retire(&s.epoch, &old->retired, thing_gone);
        (void)epoch_reclaim(&s.epoch); // what waits comes next time
    }
    s.is_over = true;
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], &wrong);
        CHECK(!wrong);
    }
    memory_free(s.published);
    epoch_done(&s.epoch);
    CHECK_EQ(gone_count, ROUNDS - 2);
}
