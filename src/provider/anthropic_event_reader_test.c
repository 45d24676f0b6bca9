#include "base/list.h"
#include "provider/anthropic_dialect.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

// What a reader hands out, as lines of text.
struct tape {
    struct chat_sink sink;
    char text[2000];
    size_t len;
};

static const char *const names[] = {
    [CHAT_EVENT_START] = "start",
    [CHAT_EVENT_TEXT] = "text",
    [CHAT_EVENT_REFUSAL] = "refusal",
    [CHAT_EVENT_REASONING] = "reasoning",
    [CHAT_EVENT_SIGNATURE] = "signature",
    [CHAT_EVENT_REDACTED] = "redacted",
    [CHAT_EVENT_TOOL_CALL] = "call",
    [CHAT_EVENT_ARGUMENTS] = "arguments",
    [CHAT_EVENT_FINISH] = "finish",
    [CHAT_EVENT_USAGE] = "usage",
    [CHAT_EVENT_END] = "end",
};

static err tape_event(struct chat_sink *sink, const struct chat_event *e)
{
    struct tape *t = container_of(sink, struct tape, sink);
    char *to = t->text + t->len;
    size_t room = sizeof(t->text) - t->len;
    int len = 0;

    switch (e->kind) {
    case CHAT_EVENT_START:
        len = snprintf(to, room, "start %" STR_FMT " %" STR_FMT " %d/%d\n", STR_ARG(e->id.bytes),
                       STR_ARG(e->model.bytes), (int)e->usage.input_tokens,
                       (int)e->usage.output_tokens);
        break;
    case CHAT_EVENT_TOOL_CALL:
        len = snprintf(to, room, "call %u %" STR_FMT " %" STR_FMT "\n", e->tool,
                       STR_ARG(e->id.bytes), STR_ARG(e->name.bytes));
        break;
    case CHAT_EVENT_ARGUMENTS:
        len = snprintf(to, room, "arguments %u %" STR_FMT "\n", e->tool, STR_ARG(e->text.bytes));
        break;
    case CHAT_EVENT_FINISH:
        len = snprintf(to, room, "finish %d %" STR_FMT "\n", (int)e->finish,
                       STR_ARG(e->stop_sequence.bytes));
        break;
    case CHAT_EVENT_USAGE:
        len = snprintf(to, room, "usage %d/%d\n", (int)e->usage.input_tokens,
                       (int)e->usage.output_tokens);
        break;
    default:
        len = snprintf(to, room, "%s %u %" STR_FMT "\n", names[e->kind], e->part,
                       STR_ARG(e->text.bytes));
    }
    CHECK(len > 0 && (size_t)len < room);
    t->len += (size_t)len;
    return OK;
}

// Feeds events that end with NULL; returns the first failure.
static err feed(struct tape *t, const char *const *events)
{
    struct arena a;
    err e = OK;

    *t = (struct tape){.sink = {.event = tape_event}};
    arena_init(&a, 4096);
    struct chat_reader *r = anthropic_event_reader_new(&a);
    r->scratch = &a;
    for (; *events && !e; events++) {
        e = r->take(r, str_from_c(*events), &t->sink);
    }
    arena_reset(&a);
    return e;
}

static void check(const char *want, const char *const *events)
{
    struct tape t;

    CHECK_EQ(feed(&t, events), OK);
    CHECK_SAME(((str){.ptr = t.text, .len = t.len}), str_from_c(want));
}

#define READS(want, ...) check(want, (const char *const[]){__VA_ARGS__, NULL})

static err feed_one(const char *event)
{
    struct tape t;

    return feed(&t, (const char *const[]){event, NULL});
}

#define START                                                                                      \
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude\",\"usage\":{"   \
    "\"input_tokens\":25,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}"
#define BLOCK(index, block)                                                                        \
    "{\"type\":\"content_block_start\",\"index\":" index ",\"content_block\":{\"type\":" block "}" \
    "}"
#define DELTA(index, delta)                                                                        \
    "{\"type\":\"content_block_delta\",\"index\":" index ",\"delta\":{\"type\":" delta "}}"
#define BLOCK_STOP(index) "{\"type\":\"content_block_stop\",\"index\":" index "}"

TEST(anthropic_event_reader_reads_a_stream_from_its_start_to_its_end)
{
    READS("start msg_1 claude 30/1\ntext 0 Hel\ntext 0 lo\\n\nfinish 1 \nusage 30/15\nend 0 \n",
          START, "{\"type\":\"ping\"}", BLOCK("0", "\"text\",\"text\":\"\""),
          DELTA("0", "\"text_delta\",\"text\":\"Hel\""),
          DELTA("0", "\"text_delta\",\"text\":\"lo\\n\""), BLOCK_STOP("0"),
          "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":"
          "null},\"usage\":{\"output_tokens\":15}}",
          "{\"type\":\"message_stop\"}");
}

// The pitfall of counting blocks where calls are counted.
TEST(anthropic_event_reader_counts_calls_of_tools_only)
{
    READS("text 0 a\ncall 0 t1 f\narguments 0 \narguments 0 {\\\"a\\\":\narguments 0 1}\n"
          "call 1 t2 g\narguments 1 {}\n",
          BLOCK("0", "\"text\",\"text\":\"a\""), BLOCK_STOP("0"),
          BLOCK("1", "\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}"),
          DELTA("1", "\"input_json_delta\",\"partial_json\":\"\""),
          DELTA("1", "\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\""),
          DELTA("1", "\"input_json_delta\",\"partial_json\":\"1}\""), BLOCK_STOP("1"),
          BLOCK("2", "\"tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{}"), BLOCK_STOP("2"));
}

TEST(anthropic_event_reader_takes_arguments_that_come_whole)
{
    READS("call 0 t f\narguments 0 {\"a\": 1}\n",
          BLOCK("0", "\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\": 1}"),
          BLOCK_STOP("0"));
}

TEST(anthropic_event_reader_gives_a_call_without_arguments_an_empty_object)
{
    READS("call 0 t f\narguments 0 \narguments 0 {}\n",
          BLOCK("0", "\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}"),
          DELTA("0", "\"input_json_delta\",\"partial_json\":\"\""), BLOCK_STOP("0"));
}

TEST(anthropic_event_reader_reads_thinking_and_its_signature)
{
    READS("reasoning 0 hm\nsignature 0 Eq==\nredacted 1 Em\n",
          BLOCK("0", "\"thinking\",\"thinking\":\"\",\"signature\":\"\""),
          DELTA("0", "\"thinking_delta\",\"thinking\":\"hm\""),
          DELTA("0", "\"signature_delta\",\"signature\":\"Eq==\""), BLOCK_STOP("0"),
          BLOCK("1", "\"redacted_thinking\",\"data\":\"Em\""), BLOCK_STOP("1"));
}

TEST(anthropic_event_reader_passes_over_what_it_does_not_know)
{
    READS("text 3 a\n", "{\"type\":\"a_new_event\"}", "{}", "{\"type\":7}",
          BLOCK("0", "\"server_tool_use\",\"id\":\"s\",\"input\":{}"),
          DELTA("0", "\"input_json_delta\",\"partial_json\":\"{\""), BLOCK_STOP("0"),
          BLOCK("1", "\"web_search_tool_result\",\"content\":[]"), BLOCK_STOP("1"),
          DELTA("3", "\"text_delta\",\"text\":\"a\""),
          DELTA("3", "\"citations_delta\",\"citation\":{\"type\":\"char_location\"}"),
          DELTA("3", "\"a_new_delta\",\"text\":\"b\""), BLOCK_STOP("9"));
}

TEST(anthropic_event_reader_takes_counts_that_are_told_twice)
{
    READS("start msg_1 claude 30/1\nusage 30/2\nfinish 3 \nusage 31/15\n", START,
          "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":null},\"usage\":{"
          "\"output_tokens\":2}}",
          "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"},\"usage\":{"
          "\"input_tokens\":26,\"output_tokens\":15}}");
}

TEST(anthropic_event_reader_reports_errors_and_what_is_no_event)
{
    CHECK_EQ(feed_one("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}"),
             ERR_REFUSED);
    CHECK_EQ(feed_one("{\"error\":{\"message\":\"x\"}}"), ERR_REFUSED);
    CHECK_EQ(feed_one(""), ERR_SYNTAX);
    CHECK_EQ(feed_one("[]"), ERR_SYNTAX);
    CHECK_EQ(feed_one("{\"type\":\"ping\"} x"), ERR_SYNTAX);
    CHECK_EQ(feed_one("{\"type\":\"content_block_start\",\"index\":0}"), ERR_SYNTAX);
    CHECK_EQ(feed_one("{\"type\":\"content_block_delta\",\"index\":0}"), ERR_SYNTAX);
    CHECK_EQ(feed_one("{\"type\":\"content_block_delta\",\"index\":-1,\"delta\":{}}"), ERR_SYNTAX);
    CHECK_EQ(feed_one(DELTA("0", "\"input_json_delta\",\"partial_json\":\"{\"")), ERR_SYNTAX);
}

TEST(anthropic_event_reader_bounds_the_blocks_that_are_open)
{
    struct chat_reader *r;
    struct arena a;
    struct tape t = {.sink = {.event = tape_event}};
    char event[200];
    err e = OK;
    int count = 0;

    arena_init(&a, 4096);
    r = anthropic_event_reader_new(&a);
    for (; !e && count < 100; count++) {
        (void)snprintf(event, sizeof(event), BLOCK("%d", "\"text\",\"text\":\"\""), count);
        e = r->take(r, str_from_c(event), &t.sink);
    }
    CHECK_EQ(e, ERR_SYNTAX);
    CHECK_EQ(count, 33);
    arena_reset(&a);
}

TEST(anthropic_event_reader_reads_what_is_left_of_a_stream_whose_start_is_missing)
{
    READS("text 0 a\ntext 0 b\nfinish 1 \nusage 0/3\nend 0 \n",
          DELTA("0", "\"text_delta\",\"text\":\"a\""), DELTA("0", "\"text_delta\",\"text\":\"b\""),
          BLOCK_STOP("0"),
          "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{"
          "\"output_tokens\":3}}",
          "{\"type\":\"message_stop\"}");
}
