// Crosses threads: many find or make the same routes at once.
#include "resilience/route_board.h"

#include "base/random.h"

#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

TEST(route_board_makes_an_entry_once_and_finds_it_again)
{
    struct route_board *board = route_board_new(4, 2);
    char key[] = "team-a";

    CHECK_EQ(route_board_count(board), 0);
    CHECK(!route_board_at(board, 0));
    struct route_entry *a = route_board_find(board, STR("openai"), STR("gpt"), str_from_c(key));
    struct route_entry *b = route_board_find(board, STR("openai"), STR("gpt"), STR(""));
    memset(key, 'x', sizeof(key) - 1); // the board keeps copies
    CHECK_EQ(route_board_count(board), 2);
    CHECK(a != b);
    CHECK_EQ(a->index, 0);
    CHECK_EQ(b->index, 1);
    CHECK_STR(a->provider, "openai");
    CHECK_STR(a->model, "gpt");
    CHECK_STR(a->key, "team-a");
    CHECK_STR(b->key, "");
    CHECK(route_board_find(board, STR("openai"), STR("gpt"), STR("team-a")) == a);
    CHECK(route_board_find(board, STR("openai"), STR("gpt"), STR("")) == b);
    CHECK(route_board_at(board, 0) == a);
    CHECK(route_board_at(board, 1) == b);
    CHECK(!route_board_at(board, 2));
    CHECK(!route_board_at(board, SIZE_MAX));
    route_board_free(board);
    route_board_free(NULL);
}

TEST(route_board_tells_apart_what_only_together_reads_the_same)
{
    struct route_board *board = route_board_new(8, 1);

    (void)route_board_find(board, STR("ab"), STR("c"), STR(""));
    (void)route_board_find(board, STR("a"), STR("bc"), STR(""));
    (void)route_board_find(board, STR("a"), STR("b"), STR("c"));
    (void)route_board_find(board, STR(""), STR("abc"), STR(""));
    (void)route_board_find(board, STR("c"), STR("b"), STR("a"));
    (void)route_board_find(board, STR("a\0"), STR("b"), STR("c"));
    CHECK_EQ(route_board_count(board), 6);
    route_board_free(board);
}

TEST(route_board_that_is_full_still_finds_what_it_has)
{
    struct route_board *board = route_board_new(3, 1);
    struct route_entry *entries[3];
    char name[2] = "a";

    for (int i = 0; i < 3; i++) {
        name[0] = (char)('a' + i);
        entries[i] = route_board_find(board, str_from_c(name), STR("m"), STR("k"));
        CHECK(entries[i]);
    }
    CHECK(!route_board_find(board, STR("d"), STR("m"), STR("k")));
    CHECK(route_board_find(board, STR("a"), STR("m"), STR("k")) == entries[0]);
    CHECK(route_board_find(board, STR("c"), STR("m"), STR("k")) == entries[2]);
    CHECK(!route_board_at(board, 3));
    CHECK_EQ(route_board_count(board), 3);
    route_board_free(board);
}

TEST(route_board_refuses_texts_that_are_too_long)
{
    struct route_board *board = route_board_new(4, 1);
    char text[ROUTE_BOARD_TEXT_MAX + 1];
    str fits = {.ptr = text, .len = sizeof(text) - 1};
    str is_too_long = {.ptr = text, .len = sizeof(text)};

    memset(text, 'n', sizeof(text));
    CHECK(!route_board_find(board, is_too_long, STR("m"), STR("k")));
    CHECK(!route_board_find(board, STR("p"), is_too_long, STR("k")));
    CHECK(!route_board_find(board, STR("p"), STR("m"), is_too_long));
    CHECK_EQ(route_board_count(board), 0);
    struct route_entry *entry = route_board_find(board, fits, fits, fits);
    CHECK(entry);
    CHECK_SAME(entry->key, fits);
    route_board_free(board);
}

TEST(route_board_entry_has_figures_of_each_worker_and_news)
{
    struct route_board *board = route_board_new(1, 3);
    struct route_entry *entry = route_board_find(board, STR("p"), STR("m"), STR("k"));
    uint32_t event = 0;

    for (int64_t worker = 0; worker < 3; worker++) {
        CHECK_EQ(atomic_load(&entry->figures[worker].calls), 0);
        CHECK_EQ(atomic_load(&entry->figures[worker].stuck_until_ms), 0);
        atomic_store(&entry->figures[worker].step, worker + 1);
        atomic_store(&entry->figures[worker].stuck_until_ms, worker + 1);
    }
    for (int64_t worker = 0; worker < 3; worker++) {
        CHECK_EQ(atomic_load(&entry->figures[worker].step), worker + 1);
        CHECK_EQ(atomic_load(&entry->figures[worker].stuck_until_ms), worker + 1);
    }
    CHECK_STR(entry->key, "k");
    CHECK(mailbox_is_empty(&entry->news));
    mailbox_put(&entry->news, 7);
    CHECK(mailbox_take(&entry->news, &event));
    CHECK_EQ(event, 7);
    route_board_free(board);
}

enum { THREADS = 8, USES = 10'000, ROUTES_MAX = 64 };

struct user {
    struct route_board *board;
    pthread_barrier_t *start;
    pthread_t thread;
    uint64_t seed;
    unsigned routes;
    unsigned uses;
    size_t strange; // answers that were not what they should be
    struct route_entry *found[ROUTES_MAX];
};

static void use_route(struct user *u, unsigned which)
{
    char name[16];
    int len = snprintf(name, sizeof(name), "key-%u", which);
    str key = {.ptr = name, .len = (size_t)len};
    struct route_entry *entry = route_board_find(u->board, STR("p"), STR("m"), key);

    if (!entry) return;
    if (!str_eq(entry->key, key) || route_board_at(u->board, entry->index) != entry) u->strange++;
    if (u->found[which] && u->found[which] != entry) u->strange++;
    u->found[which] = entry;
    mailbox_put(&entry->news, which);
}

static void *use_routes(void *arg)
{
    struct user *u = arg;
    struct random r;
    size_t last = 0;

    random_init(&r, u->seed);
    pthread_barrier_wait(u->start);
    for (unsigned i = 0; i < u->uses; i++) {
        use_route(u, (unsigned)random_below(&r, u->routes));
        size_t count = route_board_count(u->board);
        if (count < last || (count > 0 && !route_board_at(u->board, count - 1))) u->strange++;
        last = count;
    }
    return NULL;
}

// From all threads at once; returns how many routes were found by at least one of them.
static size_t use_from_threads(struct route_board *board, unsigned routes, unsigned uses)
{
    static struct user users[THREADS];
    pthread_barrier_t start;
    size_t found = 0;

    pthread_barrier_init(&start, NULL, THREADS);
    for (uint64_t i = 0; i < THREADS; i++) {
        users[i] = (struct user){.board = board, .start = &start, .routes = routes, .uses = uses};
        users[i].seed = test_seed() + i;
        CHECK_EQ(pthread_create(&users[i].thread, NULL, use_routes, &users[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(users[i].thread, NULL);
    }
    pthread_barrier_destroy(&start);
    for (unsigned which = 0; which < routes; which++) {
        struct route_entry *entry = NULL;

        for (int i = 0; i < THREADS; i++) {
            CHECK(!entry || !users[i].found[which] || users[i].found[which] == entry);
            if (users[i].found[which]) entry = users[i].found[which];
        }
        found += entry != NULL;
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(users[i].strange, 0);
    }
    return found;
}

TEST(route_board_first_uses_from_eight_threads_make_each_entry_once)
{
    struct route_board *board = route_board_new(100, THREADS);

    CHECK_EQ(use_from_threads(board, 10, USES / THREADS), 10);
    CHECK_EQ(route_board_count(board), 10);
    CHECK(!route_board_at(board, 10));
    route_board_free(board);
}

TEST(route_board_races_for_the_first_use_end_with_one_winner)
{
    // Few uses of a new board, often: most of them are the very first.
    for (int round = 0; round < 300; round++) {
        struct route_board *board = route_board_new(10, 1);
        size_t found = use_from_threads(board, 10, 8);

        CHECK_EQ(route_board_count(board), found);
        for (size_t i = 0; i < found; i++) {
            CHECK_EQ(route_board_at(board, i)->index, i);
        }
        route_board_free(board);
    }
}

TEST(route_board_that_fills_up_in_a_race_holds_its_capacity)
{
    for (int round = 0; round < 100; round++) {
        struct route_board *board = route_board_new(5, 1);

        CHECK_EQ(use_from_threads(board, ROUTES_MAX, 50), 5);
        CHECK_EQ(route_board_count(board), 5);
        route_board_free(board);
    }
}
