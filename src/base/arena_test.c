#include "base/arena.h"

#include "support/test.h"

#include <stdalign.h>
#include <string.h>

TEST(arena_str_outlives_its_source)
{
    struct arena a;
    char source[] = "hello";

    arena_init(&a, 64);
    str copy = arena_str(&a, (str){.ptr = source, .len = 5});
    source[0] = 'j';
    CHECK_STR(copy, "hello");
    CHECK_EQ(copy.ptr[5], 0);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ((uintptr_t)arena_alloc(&a, 7) % alignof(max_align_t), 0);
    }
    arena_reset(&a);
    CHECK_EQ(a.held, 0);
}

TEST(arena_large_allocation_keeps_the_ordinary_chunk_in_use)
{
    struct arena a;

    arena_init(&a, 1024);
    char *small = arena_alloc(&a, 16);
    memset(arena_alloc_raw(&a, 10'000), 1, 10'000);
    char *next = arena_alloc(&a, 16);
    CHECK(next == small + 16);
    arena_reset(&a);
}

TEST(arena_in_lent_room_uses_it_first_and_does_not_free_it)
{
    struct arena a;
    alignas(max_align_t) char room[256];

    arena_init_in(&a, room, sizeof(room), 1024);
    char *inside = arena_alloc(&a, 100);
    CHECK(inside > room && inside < room + sizeof(room));
    CHECK_EQ(a.held, 0);
    char *outside = arena_alloc(&a, 200);
    CHECK(outside < room || outside >= room + sizeof(room));
    arena_reset(&a);
    memset(room, 1, sizeof(room));
}

TEST(arena_format_measures_before_it_writes)
{
    struct arena a;

    arena_init(&a, 64);
    CHECK_STR(arena_format(&a, "%d-%s", 42, "x"), "42-x");
    CHECK_EQ(arena_format(&a, "%0500d", 1).len, 500);
    arena_reset(&a);
}
