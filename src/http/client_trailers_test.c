#include "http/client_trailers.h"

#include "support/test.h"

#include <stdio.h>

// The section in pieces of `size` bytes.
static struct client_trailers read_in(struct arena *arena, str section, size_t size)
{
    struct client_trailers t = {0};

    for (size_t at = 0; at < section.len; at += size) {
        client_trailers_add(&t, arena, str_sub(section, at, size), at + size >= section.len);
    }
    return t;
}

TEST(client_trailers_are_read_however_they_come)
{
    const str section = STR("Grpc-Status: 0\r\nx:\r\ny:  two words \r\n\r\n");

    for (size_t size = 1; size <= section.len; size++) {
        struct arena arena;
        arena_init(&arena, 256);
        struct client_trailers t = read_in(&arena, section, size);
        CHECK_EQ(t.count, 3);
        CHECK_STR(t.fields[0].name, "Grpc-Status");
        CHECK_STR(t.fields[0].value, "0");
        CHECK_STR(t.fields[1].value, "");
        CHECK_STR(t.fields[2].value, "two words");
        arena_reset(&arena);
    }
}

TEST(client_trailers_cost_nothing_where_there_are_none)
{
    struct arena arena;

    arena_init(&arena, 256);
    CHECK_EQ(read_in(&arena, STR("\r\n"), 2).count, 0);
    CHECK_EQ(arena.held, 0);
    CHECK_EQ(read_in(&arena, STR("\r\n"), 1).count, 0);
    arena_reset(&arena);
}

TEST(client_trailers_that_are_none_are_dropped)
{
    static const str sections[] = {
        STR_INIT("a b: c\r\n\r\n"),
        STR_INIT("content-length: 5\r\n\r\n"),
        STR_INIT("transfer-encoding: chunked\r\n\r\n"),
        STR_INIT(": x\r\n\r\n"),
    };

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        struct arena arena;
        arena_init(&arena, 256);
        CHECK_EQ(read_in(&arena, sections[i], 7).count, 0);
        arena_reset(&arena);
    }
}

TEST(client_trailers_take_memory_as_they_are_long_and_only_so_many)
{
    char section[8192];
    size_t len = 0;
    struct arena arena;

    for (int i = 0; i < 65; i++) {
        len += (size_t)snprintf(section + len, sizeof(section) - len, "name-%d: value\r\n", i);
    }
    len += (size_t)snprintf(section + len, sizeof(section) - len, "\r\n");
    arena_init(&arena, 256);
    CHECK_EQ(read_in(&arena, (str){section, len}, 1).count, 0); // one too many
    CHECK(arena.held < 8 * len);
    arena_reset(&arena);
}
