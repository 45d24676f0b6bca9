#include "retrieval/ingest/line_source.h"

#include "base/list.h"
#include "retrieval/ingest/content_hash.h"
#include "retrieval/vector/row_values.h"

#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX = 16 };

// A file of some lines, and what was told of it.
struct bench {
    struct line_source source;
    struct column_schema schema;
    struct chunk chunks[MAX];
    size_t count;
    uint64_t bad_line;
    const char *why;
};

static void on_bad_line(struct line_source *s, uint64_t line, const char *why)
{
    struct bench *b = container_of(s, struct bench, source);

    b->bad_line = line;
    b->why = why;
}

static void bench_open(struct bench *b, const char *name, const char *text)
{
    static const atomic_bool never = false;
    char path[64];

    snprintf(path, sizeof(path), "/tmp/line-source-%d-%s", (int)getpid(), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    *b = (struct bench){0};
    column_schema_init(&b->schema);
    CHECK_EQ(column_schema_add(&b->schema, STR("year"), COLUMN_I64, 0), OK);
    b->source = (struct line_source){.schema = &b->schema, .bad_line = on_bad_line};
    CHECK_EQ(line_source_open(&b->source, str_from_c(path)), OK);
    unlink(path);
    err e = b->source.source.next(&b->source.source, b->chunks, MAX, &never, &b->count);
    CHECK(e == OK || e == ERR_EOF);
}

TEST(line_source_tells_lines_that_say_something)
{
    struct bench b;

    bench_open(&b, "a.txt", "one\r\n\n  \ntwo");
    CHECK_EQ(b.count, 2);
    CHECK_STR(b.chunks[0].text, "one");
    CHECK_STR(b.chunks[1].text, "two");
    CHECK(b.chunks[0].key == content_hash(STR("one"), 0));
    CHECK_EQ(b.bad_line, 0);
    line_source_close(&b.source);
}

TEST(line_source_reads_objects_with_their_values)
{
    struct bench b;

    bench_open(&b, "a.jsonl",
               "{\"id\":7,\"text\":\"a \\\"b\\\"\",\"year\":2020,\"other\":[1,{}]}\n"
               "{\"text\":\"c\",\"id\":\"x\"}\n");
    CHECK_EQ(b.count, 2);
    CHECK_EQ(b.chunks[0].key, 7);
    CHECK_STR(b.chunks[0].text, "a \"b\"");
    CHECK_EQ(row_values_get(&b.schema, b.chunks[0].attributes, 0).i64, 2020);
    CHECK(b.chunks[1].key == content_hash(STR("x"), 0));
    CHECK_EQ(row_values_get(&b.schema, b.chunks[1].attributes, 0).type, COLUMN_ABSENT);
    line_source_close(&b.source);
}

TEST(line_source_tells_why_a_line_is_of_no_use_and_goes_on)
{
    static const char *const bad[] = {"{\"text\":1}",
                                      "{\"id\":1}",
                                      "{\"text\":\"a\"",
                                      "[1]",
                                      "{\"text\":\"a\"} b",
                                      "{\"text\":\"a\",\"id\":-1}",
                                      "{\"text\":\"a\",\"year\":\"x\"}",
                                      "{\"text\":\"\xff\"}"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[200];
        struct bench b;

        snprintf(text, sizeof(text), "{\"text\":\"first\"}\n%s\n{\"text\":\"last\"}\n", bad[i]);
        bench_open(&b, "b.jsonl", text);
        CHECK_EQ(b.count, 2);
        CHECK_STR(b.chunks[1].text, "last");
        CHECK_EQ(b.bad_line, 2);
        CHECK(b.why != NULL);
        line_source_close(&b.source);
    }
}

TEST(line_source_of_an_empty_file_has_nothing)
{
    struct bench b;

    bench_open(&b, "c.txt", "");
    CHECK_EQ(b.count, 0);
    line_source_close(&b.source);
}

static err next_of(struct bench *b)
{
    static const atomic_bool never = false;

    return b->source.source.next(&b->source.source, b->chunks, MAX, &never, &b->count);
}

// Whoever passes over lines for ever keeps none of them.
TEST(line_source_keeps_nothing_of_lines_that_it_passes)
{
    enum { LINES = 2000, LINE_BYTES = 1200 };
    static char text[LINES * LINE_BYTES + 1];
    static char filler[1001];
    struct bench b;
    size_t len = 0;

    memset(filler, 'x', sizeof(filler) - 1);
    for (int i = 0; i < LINES; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "{\"text\":\"\\n%s\",\"year\":\"none\"}\n", filler);
    }
    bench_open(&b, "bad.jsonl", text);
    CHECK_EQ(b.count, 0);
    CHECK_EQ(b.bad_line, LINES);
    CHECK(b.source.arena.held <= 256 * 1024);
    line_source_close(&b.source);
}

// Else the zeros in place of what is gone would be read as a text.
TEST(line_source_ends_with_an_error_where_its_file_is_cut)
{
    static char text[40'000];
    struct bench b;

    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        text[i] = i % 1000 == 999 ? '\n' : 'x';
    }
    for (off_t keep = 0; keep <= 20'500; keep += 20'500) {
        bench_open(&b, "cut.txt", text);
        CHECK_EQ(b.count, MAX);
        char path[64];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", b.source.file.fd);
        CHECK_EQ(truncate(path, keep), 0);
        CHECK_EQ(next_of(&b), ERR_DAMAGED);
        line_source_close(&b.source);
    }
}
