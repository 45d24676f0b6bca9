#include "codec/sse.h"

#include "base/random.h"

#include "support/test.h"

enum { EVENTS = 16, ROUNDS = 50 };
enum split { WHOLE, BYTE_BY_BYTE, AT_RANDOM, SPLITS };

static size_t next_step(enum split split, struct random *r, size_t left)
{
    if (split == WHOLE) return left;
    if (split == BYTE_BY_BYTE) return 1;
    return 1 + (size_t)random_below(r, left < 12 ? left : 12);
}

// Appends what an event means as "type|id|data;" unless it has no data.
static void tell(str event, struct buf *told)
{
    struct buf join;
    struct sse_event e;

    buf_init(&join, 4096);
    CHECK_EQ(sse_parse_event(event, &join, &e), OK);
    if (e.has_data)
        CHECK_EQ(buf_append_format(told, "%" STR_FMT "|%" STR_FMT "|%" STR_FMT ";", STR_ARG(e.type),
                                   STR_ARG(e.id), STR_ARG(e.data)),
                 OK);
    buf_done(&join);
}

// Reads a stream as it arrives; an event at its end that lacks its blank line is told as well.
static void tell_stream(str stream, enum split split, struct random *r, struct buf *told)
{
    size_t arrived = 0;
    size_t start = 0;
    size_t scanned = 0;
    size_t len = 0;

    while (arrived < stream.len) {
        arrived += next_step(split, r, stream.len - arrived);
        while (sse_find_event(str_sub(stream, start, arrived - start), &scanned, &len) == OK) {
            CHECK(len > 0 && len <= arrived - start);
            tell(str_sub(stream, start, len), told);
            start += len;
            scanned = 0;
        }
    }
    tell(str_sub(stream, start, stream.len), told);
}

struct sample {
    str stream;
    str want;
};

#define S(text) STR_INIT(text)

static const struct sample samples[] = {
    {S("data: a\n\n"), S("||a;")},
    {S("data: a\r\n\r\n"), S("||a;")},
    {S("data: a\r\r"), S("||a;")},
    {S("data: a\r\n\n"), S("||a;")},
    {S("data: a\n\r\n"), S("||a;")},
    {S("data: a\r\r\n"), S("||a;")},
    {S("data: a\n\rdata: b\r\n\r"), S("||a;||b;")},
    {S("data: a\n\ndata: b\n\n"), S("||a;||b;")},
    {S("data: a\r\n\r\ndata: b\r\n\r\n"), S("||a;||b;")},
    {S("data: a\r\rdata: b\r\r"), S("||a;||b;")},
    {S("data: a\n\n\n\n\r\n\r\r\ndata: b\n\n"), S("||a;||b;")},
    {S("\n\n\ndata: a\n\n"), S("||a;")},
    {S("data: a\ndata: b\ndata:c\n\n"), S("||a\nb\nc;")},
    {S("data: a\r\ndata: b\r\n\r\n"), S("||a\nb;")},
    {S("data: a\rdata: b\r\ndata: c\n\r"), S("||a\nb\nc;")},
    {S("data\n\n"), S("||;")},
    {S("data:\n\n"), S("||;")},
    {S("data\ndata\n\n"), S("||\n;")},
    {S("data:\ndata: x\ndata:\n\n"), S("||\nx\n;")},
    {S("data:  two spaces \n\n"), S("|| two spaces ;")},
    {S("data:\ttab\n\n"), S("||\ttab;")},
    {S("data: a: b\n\n"), S("||a: b;")},
    {S("event: delta\nid: 7\ndata: x\n\n"), S("delta|7|x;")},
    {S("event: a\nevent: b\ndata: x\n\n"), S("b||x;")},
    {S(": note\ndata: x\n: note\n\n"), S("||x;")},
    {S("\xEF\xBB\xBF"
       "data: x\n\n"),
     S("||x;")},
    {S("data: a\n\r\n\xEF\xBB\xBF"
       "data: b\n\n"),
     S("||a;||b;")},
    {S("data: [DONE]\n\n"), S("||[DONE];")},
    {S("data: {\"a\":\"\\n\"}\n\n"), S("||{\"a\":\"\\n\"};")},
    {S("data: cut\n"), S("||cut;")},
    {S("data: cut"), S("||cut;")},

    {S(""), S("")},
    {S("\n\n\r\r\r\n"), S("")},
    {S(": keep-alive\n\n"), S("")},
    {S("event: ping\n\n"), S("")},
    {S("Data: x\n\n"), S("")},
    {S(" data: x\n\n"), S("")},
    {S("data : x\n\n"), S("")},
    {S("dat: x\ndatas: y\n\n"), S("")},
    {S("id: 1\0002\ndata: x\n\n"), S("||x;")},
    {S("id: 1\nid: 2\0\ndata: x\n\n"), S("|1|x;")},
    {S("\xEF\xBB\xBF\xEF\xBB\xBF"
       "data: x\n\n"),
     S("")},
    {S("\xEF\xBB"
       "data: x\n\n"),
     S("")},
};

TEST(sse_reads_streams_alike_however_they_arrive)
{
    struct random r;
    struct buf told;

    random_init(&r, test_seed());
    buf_init(&told, 4096);
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        for (int round = 0; round < ROUNDS; round++) {
            buf_clear(&told);
            tell_stream(samples[i].stream, round < AT_RANDOM ? (enum split)round : AT_RANDOM, &r,
                        &told);
            if (!str_eq(buf_view(&told), samples[i].want))
                test_fail(__FILE__, __LINE__, "sample %zu is \"%" STR_FMT "\"", i,
                          STR_ARG(buf_view(&told)));
        }
    }
    buf_done(&told);
}

static err find_from(str bytes, size_t scanned, size_t *len)
{
    return sse_find_event(bytes, &scanned, len);
}

TEST(sse_find_event_ends_with_the_whole_blank_line)
{
    size_t len = 0;

    CHECK_EQ(find_from(STR("data: a\r\n\r\ndata"), 0, &len), OK);
    CHECK_EQ(len, 11);
    CHECK_EQ(find_from(STR("data: a\n\n\ndata"), 0, &len), OK);
    CHECK_EQ(len, 9);
    CHECK_EQ(find_from(STR("\r\n\r\n"), 0, &len), OK);
    CHECK_EQ(len, 2);
}

// A stream of CRs alone must not wait for an LF that never comes.
TEST(sse_find_event_takes_a_last_CR_for_a_line_end)
{
    size_t len = 0;

    CHECK_EQ(find_from(STR("data: a\r\r"), 0, &len), OK);
    CHECK_EQ(len, 9);
    CHECK_EQ(find_from(STR("data: a\r\n\r"), 0, &len), OK);
    CHECK_EQ(len, 10);
    CHECK_EQ(find_from(STR("\ndata: b\n\n"), 0, &len), OK);
    CHECK_EQ(len, 10);
}

TEST(sse_find_event_wants_more_of_what_has_no_end)
{
    size_t scanned = 0;
    size_t len = 99;

    CHECK_EQ(sse_find_event(STR(""), &scanned, &len), ERR_AGAIN);
    CHECK_EQ(sse_find_event(STR("\n"), &scanned, &len), ERR_AGAIN);
    CHECK_EQ(find_from(STR("data: a\n"), 0, &len), ERR_AGAIN);
    CHECK_EQ(find_from(STR("data: a\r\n"), 0, &len), ERR_AGAIN);
    CHECK_EQ(find_from(STR("data: a\ndata: b\n"), 0, &len), ERR_AGAIN);
    CHECK_EQ(len, 99);
}

// Lines longer than the window of the search, with the end at any place of it.
TEST(sse_find_event_finds_ends_far_away)
{
    char bytes[1200];
    static const str ends[] = {S("\n\n"), S("\r\r"), S("\r\n\r\n"), S("\r\n\n"), S("\n\r")};

    for (size_t at = 500; at < 1100; at++) {
        for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
            size_t len = 0;
            for (size_t k = 0; k < sizeof(bytes); k++) {
                bytes[k] = k < at || k >= at + ends[i].len ? 'x' : ends[i].ptr[k - at];
            }
            CHECK_EQ(find_from((str){bytes, sizeof(bytes)}, 0, &len), OK);
            CHECK_EQ(len, at + ends[i].len);
        }
    }
}

TEST(sse_parse_event_reads_only_plain_numbers_as_retry)
{
    struct buf join;
    struct sse_event e;

    buf_init(&join, 64);
    CHECK_EQ(sse_parse_event(STR("retry: 1500\n\n"), &join, &e), OK);
    CHECK(e.has_retry && e.retry_ms == 1500 && !e.has_data);
    CHECK_EQ(sse_parse_event(STR("retry: -1\nretry: 1.5\nretry:\nretry:  1\n\n"), &join, &e), OK);
    CHECK(!e.has_retry);
    CHECK_EQ(sse_parse_event(STR("retry: 18446744073709551616\n\n"), &join, &e), OK);
    CHECK(!e.has_retry && e.retry_ms == 0);
    buf_done(&join);
}

TEST(sse_parse_event_views_one_line_and_joins_several)
{
    str event = STR("data: one\n\n");
    struct buf join;
    struct sse_event e;

    buf_init(&join, 3);
    CHECK_EQ(sse_parse_event(event, &join, &e), OK);
    CHECK(e.data.ptr == event.ptr + 6);
    CHECK_EQ(sse_parse_event(STR("data: a\ndata: b\n\n"), &join, &e), OK);
    CHECK_STR(e.data, "a\nb");
    e.type = STR("untouched");
    CHECK_EQ(sse_parse_event(STR("data: a\ndata: bc\n\n"), &join, &e), ERR_LIMIT);
    CHECK_STR(e.type, "untouched");
    buf_done(&join);
}
