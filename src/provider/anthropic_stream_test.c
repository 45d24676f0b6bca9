#include "base/random.h"
#include "provider/anthropic.h"

#include "support/test.h"

#include <string.h>

#define MESSAGE_START                                                                              \
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":"     \
    "\"assistant\",\"content\":[],\"model\":\"claude\",\"stop_reason\":null,\"stop_sequence\":"    \
    "null,\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}"
#define BLOCK(index, block)                                                                        \
    "{\"type\":\"content_block_start\",\"index\":" index ",\"content_block\":" block "}"
#define DELTA(index, delta)                                                                        \
    "{\"type\":\"content_block_delta\",\"index\":" index ",\"delta\":{\"type\":" delta "}}"
#define BLOCK_STOP(index) "{\"type\":\"content_block_stop\",\"index\":" index "}"
#define TEXT_BLOCK(index) BLOCK(index, "{\"type\":\"text\",\"text\":\"\"}")
#define TEXT(index, text) DELTA(index, "\"text_delta\",\"text\":\"" text "\"")
#define FINISH                                                                                     \
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":"       \
    "null},\"usage\":{\"output_tokens\":15}}"
#define STOP "{\"type\":\"message_stop\"}"

// Feeds events that end with NULL.
static struct answer_stream feed(const char *const *events)
{
    struct answer_stream s = {.kind = ANSWER_ANTHROPIC};

    for (; *events; events++) {
        CHECK_EQ(answer_stream_event(&s, str_from_c(*events)), OK);
    }
    return s;
}

#define STREAM(...) feed((const char *const[]){__VA_ARGS__, NULL})

static bool is_complete(struct answer_stream s)
{
    return answer_stream_is_complete(&s);
}

TEST(anthropic_stream_is_complete_at_its_finish_and_at_its_stop)
{
    CHECK(!is_complete(STREAM(MESSAGE_START)));
    CHECK(!is_complete(STREAM(MESSAGE_START, TEXT_BLOCK("0"), TEXT("0", "x"))));
    CHECK(is_complete(STREAM(MESSAGE_START, FINISH)));
    CHECK(!STREAM(MESSAGE_START, FINISH).is_done);
    CHECK(is_complete(STREAM(MESSAGE_START, FINISH, STOP)));
    CHECK(is_complete(STREAM(STOP)));
    CHECK(!is_complete(STREAM("{\"type\":\"ping\"}")));
    CHECK(!is_complete(STREAM("{\"type\":\"message_stop.not\"}", "{}", "{\"type\":null}")));
    CHECK(!is_complete(STREAM("{\"delta\":{\"type\":\"message_stop\"}}")));
    CHECK(is_complete(STREAM("{\"type\":\"message_st\\u006fp\"}")));
    CHECK(STREAM(MESSAGE_START, FINISH, STOP).is_done);
}

TEST(anthropic_stream_tells_where_its_text_ends)
{
    struct answer_stream s = STREAM(TEXT_BLOCK("1"), TEXT("1", "a"), BLOCK_STOP("1"));

    CHECK(s.delta.ends_text && !s.delta.begins_block && !s.delta.has_other);
    CHECK(!STREAM(TEXT_BLOCK("1"), TEXT("1", "a"), BLOCK_STOP("0")).delta.ends_text);
    CHECK(!STREAM(BLOCK_STOP("0")).delta.ends_text);
    s = STREAM(TEXT_BLOCK("0"), BLOCK_STOP("0"), TEXT_BLOCK("1"));
    CHECK(s.delta.begins_block && !s.delta.ends_text);
    CHECK(!STREAM(TEXT_BLOCK("0")).delta.begins_block);
    CHECK(!STREAM(BLOCK("0", "{\"type\":\"thinking\"}")).delta.begins_block);
    CHECK(STREAM(TEXT_BLOCK("0"), BLOCK("1", "{\"type\":\"thinking\"}")).delta.begins_block);
}

TEST(anthropic_stream_tells_of_a_finish)
{
    struct answer_stream s = STREAM(MESSAGE_START, FINISH);

    CHECK(s.delta.is_finish && s.is_finished && s.has_content);
    s = STREAM("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":null}}");
    CHECK(!s.delta.is_finish && !s.is_finished && !s.has_content);
    s = STREAM(FINISH, "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":1}}");
    CHECK(!s.delta.is_finish && s.is_finished);
    // A delta of a block is none.
    s = STREAM(DELTA("0", "\"text_delta\",\"text\":\"\",\"stop_reason\":\"end_turn\""));
    CHECK(!s.delta.is_finish && !s.is_finished);
}

TEST(anthropic_stream_ends_with_its_own_error)
{
    struct answer_stream s =
        STREAM(TEXT("0", "x"), "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                               "\"message\":\"Overloaded\"}}");

    CHECK(s.delta.is_error && s.has_failed && is_complete(s));
    CHECK(!s.delta.content.ptr && !s.delta.has_other && !s.delta.is_finish);
    CHECK(STREAM("{\"error\":{\"message\":\"x\"}}").has_failed);
    CHECK(!STREAM("{\"type\":\"ping\",\"error\":null}").has_failed);
}

TEST(anthropic_stream_shows_the_first_text_as_it_is_written)
{
    struct answer_stream s = STREAM(MESSAGE_START, TEXT_BLOCK("0"));

    CHECK(!s.delta.content.ptr && !s.has_content && s.parts == 0);
    s = STREAM(TEXT_BLOCK("0"), TEXT("0", "a\\u0062\\n"));
    CHECK_STR(s.delta.content, "a\\u0062\\n");
    CHECK(!s.delta.has_other && s.has_content && s.parts == 1);
    s = STREAM(TEXT_BLOCK("0"), TEXT("0", ""));
    CHECK(s.delta.content.ptr != NULL && !s.delta.content.len && !s.has_content);
    // A server that leaves out the start, or puts text into it.
    CHECK_STR(STREAM(TEXT("0", "x")).delta.content, "x");
    CHECK_STR(STREAM(BLOCK("0", "{\"type\":\"text\",\"text\":\"x\"}")).delta.content, "x");
}

TEST(anthropic_stream_takes_a_text_behind_the_first_for_another_part)
{
    struct answer_stream s = STREAM(TEXT_BLOCK("1"), TEXT("1", "a"), TEXT_BLOCK("2"));

    CHECK(!s.delta.has_other && !s.delta.content.ptr);
    s = STREAM(TEXT_BLOCK("1"), TEXT("1", "a"), TEXT_BLOCK("2"), TEXT("2", "b"));
    CHECK(s.delta.has_other && !s.delta.content.ptr);
    s = STREAM(TEXT_BLOCK("1"), TEXT_BLOCK("2"), TEXT("2", "b"), TEXT("1", "a"));
    CHECK_STR(s.delta.content, "a");
}

TEST(anthropic_stream_tells_reasoning_from_other_parts)
{
    static const struct {
        const char *event;
        bool has_reasoning;
        bool has_other;
    } rows[] = {
        {BLOCK("0", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"), false, false},
        {DELTA("0", "\"thinking_delta\",\"thinking\":\"hm\""), true, false},
        {DELTA("0", "\"thinking_delta\",\"thinking\":\"\""), false, false},
        {DELTA("0", "\"signature_delta\",\"signature\":\"Eq\""), true, false},
        {BLOCK("0", "{\"type\":\"redacted_thinking\",\"data\":\"Em\"}"), true, false},
        {BLOCK("0", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}"), false,
         true},
        {DELTA("0", "\"input_json_delta\",\"partial_json\":\"\""), false, false},
        {DELTA("0", "\"input_json_delta\",\"partial_json\":\"{\""), false, true},
        {DELTA("0", "\"citations_delta\",\"citation\":{\"type\":\"char_location\"}"), false, true},
        {BLOCK("0", "{\"type\":\"server_tool_use\",\"id\":\"s\"}"), false, true},
        {"{\"type\":\"content_block_stop\",\"index\":0}", false, false},
        {"{\"type\":\"content_block_delta\",\"index\":0,\"delta\":null}", false, false},
        {"{\"type\":\"a_new_event\",\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}", false,
         false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct answer_stream s = STREAM(rows[i].event);
        if (s.delta.has_reasoning != rows[i].has_reasoning ||
            s.delta.has_other != rows[i].has_other || s.delta.content.ptr ||
            s.has_content != (rows[i].has_reasoning || rows[i].has_other))
            test_fail(__FILE__, __LINE__, "%s", rows[i].event);
    }
}

TEST(anthropic_stream_merges_the_counts_that_come_in_parts)
{
    struct token_usage u = STREAM(MESSAGE_START).usage;

    CHECK(u.is_known && !u.has_cached && !u.has_cache_write);
    CHECK_EQ(u.input_tokens, 25);
    CHECK_EQ(u.output_tokens, 1);
    u = STREAM(MESSAGE_START, FINISH, STOP).usage;
    CHECK_EQ(u.input_tokens, 25);
    CHECK_EQ(u.output_tokens, 15);
    CHECK(!STREAM(FINISH, "{\"type\":\"ping\"}").delta.is_usage_only);
}

TEST(anthropic_stream_refuses_what_is_no_event_and_keeps_its_state)
{
    static const str bad[] = {
        STR_INIT(""),
        STR_INIT("[]"),
        STR_INIT("[DONE]"),
        STR_INIT("1"),
        STR_INIT("{"),
        STR_INIT("{\"type\":\"message_stop\"} x"),
        STR_INIT("{\"type\":\"message_stop\",}"),
        STR_INIT("{\"type\":\"content_block_delta\",\"delta\":{\"text\":}}"),
        STR_INIT("{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":}}}"),
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct answer_stream s = {.kind = ANSWER_ANTHROPIC, .text_block = 3, .parts = 7};
        CHECK_EQ(answer_stream_event(&s, bad[i]), ERR_SYNTAX);
        CHECK(!answer_stream_is_complete(&s));
        CHECK_EQ(s.text_block, 3);
        CHECK_EQ(s.parts, 7);
    }
}

TEST(anthropic_stream_survives_any_damage)
{
    static const char whole[] = DELTA("0", "\"text_delta\",\"text\":\"Hello \\u00e4\"");
    char text[sizeof(whole)];
    struct random random;

    random_init(&random, test_seed());
    for (int i = 0; i < 20'000; i++) {
        struct answer_stream s = {.kind = ANSWER_ANTHROPIC};
        size_t len = sizeof(whole) - 1;
        memcpy(text, whole, sizeof(whole));
        text[random_below(&random, len)] = (char)random_u64(&random);
        (void)anthropic_stream_event(&s, (str){.ptr = text, .len = len});
        CHECK(!s.delta.content.len || (s.delta.content.ptr > text && s.has_content));
    }
}
