// Crosses threads: first uses of the same routes at once.
#include "resilience/route_board.h"

#include "support/test.h"

#include <pthread.h>
#include <stdio.h>

TEST(route_board_finds_what_it_made)
{
    struct route_board *b = route_board_new(3, 2);
    struct route_entry *one = route_board_find(b, STR("p"), STR("m"), STR(""));
    struct route_entry *two = route_board_find(b, STR("p"), STR(""), STR("m"));

    CHECK(one && two && one != two);
    CHECK(route_board_find(b, STR("p"), STR("m"), STR("")) == one);
    CHECK_STR(two->key, "m");
    CHECK_STR(one->model, "m");
    CHECK_EQ(one->index, 0);
    CHECK_EQ(route_board_count(b), 2);
    CHECK(route_board_at(b, 1) == two);
    CHECK(!route_board_at(b, 2));
    CHECK(!route_board_at(b, 3));
    atomic_store(&two->figures[1].calls, 7);
    CHECK_EQ(atomic_load(&two->figures[0].calls), 0);
    route_board_free(b);
}

TEST(route_board_makes_no_more_than_it_has_room_for)
{
    struct route_board *b = route_board_new(2, 1);
    char text[ROUTE_BOARD_TEXT_MAX + 1] = "x";
    str longest = {.ptr = text, .len = ROUTE_BOARD_TEXT_MAX};
    str too_long = {.ptr = text, .len = sizeof(text)};

    CHECK(!route_board_find(b, too_long, STR(""), STR("")));
    CHECK(route_board_find(b, longest, longest, longest));
    CHECK(route_board_find(b, STR("b"), STR(""), STR("")));
    CHECK(!route_board_find(b, STR("c"), STR(""), STR("")));
    CHECK(route_board_find(b, STR("b"), STR(""), STR("")));
    route_board_free(b);
    route_board_free(NULL);
}

enum { THREADS = 8, USES = 10'000, KEYS = 10 };

struct user {
    pthread_t thread;
    struct route_board *board;
    struct route_entry *seen[KEYS];
    int number;
};

static void *use(void *arg)
{
    struct user *u = arg;

    for (int i = 0; i < USES / THREADS; i++) {
        int k = (i + u->number) % KEYS;
        char name[16];
        int len = snprintf(name, sizeof(name), "model-%d", k);
        struct route_entry *e = route_board_find(u->board, STR("provider"),
                                                 (str){.ptr = name, .len = (size_t)len}, STR(""));
        if (u->seen[k] && u->seen[k] != e) return u; // another one: judged below
        u->seen[k] = e;
    }
    return NULL;
}

TEST(route_board_makes_one_route_of_many_concurrent_first_uses)
{
    for (int round = 0; round < 20; round++) {
        struct route_board *b = route_board_new(512, 4);
        struct user users[THREADS];
        size_t count = 0;
        for (int i = 0; i < THREADS; i++) {
            users[i] = (struct user){.board = b, .number = i};
            CHECK_EQ(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            void *failed = NULL;
            CHECK_EQ(pthread_join(users[i].thread, &failed), 0);
            CHECK(!failed);
            for (int k = 0; k < KEYS; k++) {
                CHECK(users[i].seen[k] == users[0].seen[k]);
                CHECK(route_board_at(b, users[i].seen[k]->index) == users[i].seen[k]);
            }
        }
        for (size_t i = 0; i < route_board_count(b); i++) {
            count += route_board_at(b, i) != NULL;
        }
        CHECK_EQ(count, KEYS);
        route_board_free(b);
    }
}
