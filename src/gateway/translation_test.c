// What goes wrong where one dialect is translated into another: a test for each known pitfall.
#include "gateway/translation.h"

#include "codec/sse.h"

#include "support/test.h"

#include <stdio.h>

enum { BYTES_MAX = 1 << 20 };

// A translation and what comes of it.
struct bench {
    struct translation t;
    struct arena arena;
    struct buf text; // what was written
};

static void bench_init(struct bench *b, const struct dialect *client)
{
    arena_init(&b->arena, 4096);
    buf_init(&b->text, BYTES_MAX);
    translation_init(&b->t, client, TRANSLATION_CHAT, &b->arena, BYTES_MAX);
    b->t.reply.model = STR("smart");
    b->t.reply.id_seed = STR("7x");
}

static void bench_done(struct bench *b)
{
    translation_done(&b->t);
    buf_done(&b->text);
    arena_reset(&b->arena);
}

static bool has(str text, const char *part)
{
    return str_find(text, str_from_c(part)) < text.len;
}

// `part` stands in what was written; with "!" in front it does not.
static void expect(const struct bench *b, const char *const *parts)
{
    str text = buf_view(&b->text);

    for (; *parts; parts++) {
        bool is_absent = **parts == '!';
        if (has(text, *parts + is_absent) == is_absent)
            test_fail(__FILE__, __LINE__, "%s: %" STR_FMT, *parts, STR_ARG(text));
    }
}

#define EXPECT(b, ...) expect(b, (const char *const[]){__VA_ARGS__, NULL})

static void keep(struct bench *b, struct gather *g)
{
    struct iovec pieces[GATHER_PIECES_MAX];
    int count = gather_pieces(g, pieces);

    buf_clear(&b->text);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(buf_append(&b->text, (str){pieces[i].iov_base, pieces[i].iov_len}), OK);
    }
}

static err ask(struct bench *b, const struct dialect *from, const struct dialect *to,
               const char *body)
{
    bench_init(b, from);
    TRY(translation_read(&b->t, str_from_c(body)));
    TRY(translation_write(&b->t, to, STR("up"), STR("")));
    keep(b, &b->t.body);
    return OK;
}

// A request of the client's dialect, as it goes to the other one.
#define ASKS(from, to, body, ...)                                                                  \
    do {                                                                                           \
        struct bench b_;                                                                           \
        CHECK_EQ(ask(&b_, &dialect_##from, &dialect_##to, body), OK);                              \
        EXPECT(&b_, __VA_ARGS__);                                                                  \
        bench_done(&b_);                                                                           \
    } while (0)

static bool is_dropped(const struct bench *b, const char *name)
{
    return chat_notes_has(&b->t.notes, str_from_c(name));
}

static void answer_with(struct bench *b, const struct dialect *from, const struct dialect *to,
                        const char *body)
{
    bench_init(b, to);
    b->t.upstream = from;
    CHECK_EQ(translation_answer(&b->t, str_from_c(body)), OK);
    keep(b, &b->t.answer);
}

// An upstream's answer, as the client gets it.
#define ANSWERS(from, to, body, ...)                                                               \
    do {                                                                                           \
        struct bench b_;                                                                           \
        answer_with(&b_, &dialect_##from, &dialect_##to, body);                                    \
        EXPECT(&b_, __VA_ARGS__);                                                                  \
        bench_done(&b_);                                                                           \
    } while (0)

static void stream_with(struct bench *b, const struct dialect *from, const struct dialect *to,
                        bool wants_usage, const char *events)
{
    str out = STR("");

    bench_init(b, to);
    b->t.upstream = from;
    b->t.reply.wants_usage = wants_usage;
    translation_begin(&b->t, false);
    CHECK_EQ(translation_events(&b->t, str_from_c(events), &out), OK);
    CHECK_EQ(buf_append(&b->text, out), OK);
}

#define STREAMS_AS(from, to, wants_usage, events, ...)                                             \
    do {                                                                                           \
        struct bench b_;                                                                           \
        stream_with(&b_, &dialect_##from, &dialect_##to, wants_usage, events);                     \
        EXPECT(&b_, __VA_ARGS__);                                                                  \
        bench_done(&b_);                                                                           \
    } while (0)
#define STREAMS(from, to, events, ...) STREAMS_AS(from, to, false, events, __VA_ARGS__)

#define EVENT(members) "data: {" members "}\n\n"
#define CHUNK(delta, finish)                                                                       \
    EVENT("\"id\":\"c\",\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{" delta              \
          "},\"finish_reason\":" finish "}]")
#define DONE "data: [DONE]\n\n"
#define START                                                                                      \
    EVENT("\"type\":\"message_start\",\"message\":{\"id\":\"msg_up\",\"model\":\"up\",\"usage\":{" \
          "\"input_tokens\":10,\"cache_read_input_tokens\":4,\"output_tokens\":1}}")
#define BLOCK(index, block)                                                                        \
    EVENT("\"type\":\"content_block_start\",\"index\":" index ",\"content_block\":{" block "}")
#define DELTA(index, delta)                                                                        \
    EVENT("\"type\":\"content_block_delta\",\"index\":" index ",\"delta\":{" delta "}")
#define STOP(index) EVENT("\"type\":\"content_block_stop\",\"index\":" index)
#define END(reason)                                                                                \
    EVENT("\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason                        \
          "\"},\"usage\":{\"output_tokens\":9}")                                                   \
    EVENT("\"type\":\"message_stop\"")
#define TEXT_BLOCK(index, text)                                                                    \
    BLOCK(index, "\"type\":\"text\",\"text\":\"\"")                                                \
    DELTA(index, "\"type\":\"text_delta\",\"text\":\"" text "\"") STOP(index)
#define CALL_BLOCK(index, id)                                                                      \
    BLOCK(index, "\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"f\",\"input\":{}")
#define JSON_DELTA(index, text)                                                                    \
    DELTA(index, "\"type\":\"input_json_delta\",\"partial_json\":\"" text "\"")

// --- 1 to 4: calls of tools ---

TEST(translation_numbers_calls_among_calls_and_blocks_among_blocks)
{
    STREAMS(anthropic, openai,
            START TEXT_BLOCK("0", "hm") CALL_BLOCK("1", "toolu_a") JSON_DELTA("1", "{}") STOP("1")
                CALL_BLOCK("2", "toolu_b") JSON_DELTA("2", "{}") STOP("2") END("tool_use"),
            "\"tool_calls\":[{\"index\":0,\"id\":\"toolu_a\"",
            "\"tool_calls\":[{\"index\":1,\"id\":\"toolu_b\"", "!\"index\":2");
    STREAMS(openai, anthropic,
            CHUNK("\"content\":\"hm\"", "null") CHUNK(
                "\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                "\"arguments\":\"{}\"}},{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\","
                "\"arguments\":\"{}\"}}]",
                "\"tool_calls\"") DONE,
            "\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"a\"",
            "\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"b\"");
}

TEST(translation_begins_a_call_with_an_empty_input_and_takes_arguments_that_come_whole)
{
    STREAMS(openai, anthropic,
            CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                  "\"arguments\":\"{\\\"a\\\": 1}\"}}]",
                  "\"tool_calls\"") DONE,
            "\"name\":\"f\",\"input\":{}}", "\"partial_json\":\"{\\\"a\\\": 1}\"");
    STREAMS(
        anthropic, openai,
        START BLOCK("0", "\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\": 1}")
            STOP("0") END("tool_use"),
        "\"arguments\":\"{\\\"a\\\": 1}\"");
}

TEST(translation_takes_an_empty_piece_of_arguments_for_a_piece)
{
    STREAMS(anthropic, openai,
            START CALL_BLOCK("0", "t") JSON_DELTA("0", "") JSON_DELTA("0", "{}") STOP("0")
                END("tool_use"),
            "{\"index\":0,\"function\":{\"arguments\":\"\"}}",
            "{\"index\":0,\"function\":{\"arguments\":\"{}\"}}");
    // A call that never had any is one with none.
    STREAMS(anthropic, openai, START CALL_BLOCK("0", "t") STOP("0") END("tool_use"),
            "{\"index\":0,\"function\":{\"arguments\":\"{}\"}}");
}

TEST(translation_gives_calls_without_ids_ids_that_differ)
{
    STREAMS(
        openai, anthropic,
        CHUNK("\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
              "{\"index\":1,\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]",
              "\"tool_calls\"") DONE,
        "\"id\":\"toolu_7x_0\"", "\"id\":\"toolu_7x_1\"");
}

// --- 5 to 7: what is asked ---

#define ASK_A(members) "{\"model\":\"m\",\"max_tokens\":100," members "}"
#define ASK_O(members) "{\"model\":\"m\"," members "}"
#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

TEST(translation_takes_system_prompts_in_every_form)
{
    ASKS(
        anthropic, openai,
        ASK_A("\"system\":[{\"type\":\"text\",\"text\":\"one\",\"cache_control\":{\"type\":"
              "\"ephemeral\"}},{\"type\":\"text\",\"text\":\"two\"}]," HI),
        "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"one\"},{\"type\":\"text\","
        "\"text\":\"two\"}]}");
    ASKS(anthropic, openai,
         ASK_A("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\","
               "\"content\":\"be brief\"}]"),
         "{\"role\":\"system\",\"content\":\"be brief\"}");
    ASKS(openai, anthropic,
         ASK_O("\"messages\":[{\"role\":\"system\",\"content\":\"one\"},{\"role\":\"developer\","
               "\"content\":\"two\"},{\"role\":\"user\",\"content\":\"hi\"}]"),
         "\"system\":[{\"type\":\"text\",\"text\":\"one\"},{\"type\":\"text\",\"text\":\"two\"}]",
         "!\"role\":\"system\"", "!\"role\":\"developer\"");
}

TEST(translation_lets_roles_alternate_and_says_nothing_with_nothing)
{
    ASKS(openai, anthropic,
         ASK_O("\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":"
               "\"b\"},{\"role\":\"assistant\",\"content\":\"\"},{\"role\":\"user\",\"content\":"
               "\"c\"}]"),
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
         "\"type\":"
         "\"text\",\"text\":\"b\"},{\"type\":\"text\",\"text\":\"c\"}]}]");
    ASKS(openai, anthropic,
         ASK_O("\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\","
               "\"content\":\"b\"}]"),
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\".\"}]},");
}

TEST(translation_has_a_maximum_of_tokens_by_its_right_name)
{
    ASKS(openai, anthropic, ASK_O(HI), "\"max_tokens\":4096");
    ASKS(openai, anthropic, ASK_O("\"max_completion_tokens\":7," HI), "\"max_tokens\":7",
         "!max_completion_tokens");
    ASKS(anthropic, openai, ASK_A(HI), "\"max_tokens\":100");
    ASKS(anthropic, openai, ASK_A("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":50}," HI),
         "\"max_completion_tokens\":100");
}

// --- 8 and 9: ends and counts ---

TEST(translation_maps_reasons_to_stop_within_the_words_of_the_client)
{
    static const struct {
        const char *anthropic;
        const char *openai;
    } rows[] = {
        {"end_turn", "stop"},       {"stop_sequence", "stop"},
        {"max_tokens", "length"},   {"model_context_window_exceeded", "length"},
        {"tool_use", "tool_calls"}, {"refusal", "content_filter"},
        {"pause_turn", "length"},   {"something_new", "stop"},
    };
    static const struct {
        const char *openai;
        const char *anthropic;
    } back[] = {
        {"stop", "end_turn"},          {"length", "max_tokens"},      {"tool_calls", "tool_use"},
        {"content_filter", "refusal"}, {"function_call", "tool_use"}, {"something_new", "end_turn"},
    };
    char body[600];
    char want[80];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        snprintf(body, sizeof(body),
                 "{\"id\":\"msg\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
                 "\"content\":[{\"type\":\"text\",\"text\":\"x\"}],\"stop_reason\":\"%s\"}",
                 rows[i].anthropic);
        snprintf(want, sizeof(want), "\"finish_reason\":\"%s\"", rows[i].openai);
        ANSWERS(anthropic, openai, body, want);
    }
    for (size_t i = 0; i < sizeof(back) / sizeof(*back); i++) {
        snprintf(body, sizeof(body),
                 "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
                 "\"assistant\",\"content\":\"x\"},\"finish_reason\":\"%s\"}]}",
                 back[i].openai);
        snprintf(want, sizeof(want), "\"stop_reason\":\"%s\"", back[i].anthropic);
        ANSWERS(openai, anthropic, body, want);
    }
}

TEST(translation_counts_cached_tokens_once_and_tells_zero_from_missing)
{
    ANSWERS(anthropic, openai,
            "{\"id\":\"msg\",\"type\":\"message\",\"content\":[],\"stop_reason\":\"end_turn\","
            "\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":3,"
            "\"cache_read_input_tokens\":4,\"output_tokens\":5}}",
            "\"prompt_tokens\":17", "\"completion_tokens\":5", "\"total_tokens\":22",
            "\"cached_tokens\":4");
    ANSWERS(openai, anthropic,
            "{\"id\":\"c\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"x\"},"
            "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":17,\"completion_tokens\":5,"
            "\"prompt_tokens_details\":{\"cached_tokens\":4}}}",
            "\"input_tokens\":13", "\"cache_read_input_tokens\":4", "\"output_tokens\":5",
            "!cache_creation_input_tokens");
    ANSWERS(
        openai, anthropic,
        "{\"id\":\"c\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"x\"},"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":17,\"completion_tokens\":0}}",
        "\"input_tokens\":17", "\"output_tokens\":0", "!cache_read_input_tokens");
    STREAMS_AS(anthropic, openai, true, START TEXT_BLOCK("0", "x") END("end_turn"),
               "\"choices\":[],\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":9");
}

// --- 10 to 14 ---

TEST(translation_asks_for_usage_and_keeps_it_from_who_did_not)
{
    ASKS(anthropic, openai, ASK_A("\"stream\":true," HI),
         "\"stream_options\":{\"include_usage\":true}");
    ASKS(openai, openai, ASK_O("\"stream\":true," HI),
         "\"stream_options\":{\"include_usage\":true}");
    STREAMS_AS(anthropic, openai, false, START TEXT_BLOCK("0", "x") END("end_turn"), "!\"usage\"",
               "data: [DONE]");
}

TEST(translation_keeps_a_schema_as_it_was_written)
{
    ASKS(openai, anthropic,
         ASK_O("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
               "\"schema\":{ \"$ref\": \"#/$defs/a\",  \"additionalProperties\":false}}}," HI),
         "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{ \"$ref\": "
         "\"#/$defs/a\",  \"additionalProperties\":false}}}");
    ASKS(anthropic, openai,
         ASK_A("\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{ \"$ref\": "
               "\"#/$defs/a\"}}}," HI),
         "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\","
         "\"schema\":{ \"$ref\": \"#/$defs/a\"}}}");
}

#define TOOL_O "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
#define TOOL_A "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}],"

TEST(translation_inverts_what_is_said_of_parallel_calls_and_names_the_user)
{
    ASKS(
        openai, anthropic,
        ASK_O(TOOL_O "\"tool_choice\":\"auto\",\"parallel_tool_calls\":false,\"user\":\"u-1\"," HI),
        "\"disable_parallel_tool_use\":true", "\"metadata\":{\"user_id\":\"u-1\"}");
    ASKS(anthropic, openai,
         ASK_A(TOOL_A "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true},"
                      "\"metadata\":{\"user_id\":\"u-1\"}," HI),
         "\"parallel_tool_calls\":false", "\"user\":\"u-1\"");
}

TEST(translation_turns_an_effort_into_a_budget_and_back)
{
    ASKS(openai, anthropic, ASK_O("\"reasoning_effort\":\"medium\"," HI),
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}", "\"max_tokens\":12288");
    ASKS(anthropic, openai, ASK_A("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}," HI),
         "\"reasoning_effort\":\"medium\"");
}

// What Anthropic has signed goes back to it over gRPC, and the other way, byte for byte.
TEST(translation_returns_signed_thoughts_byte_for_byte)
{
    struct bench b;
    struct bench back;

    CHECK_EQ(
        ask(&b, &dialect_anthropic, &dialect_sluice,
            ASK_A("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
                  "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm \\u00e9\",\"signature\":"
                  "\"EqQB/+==\"},{\"type\":\"redacted_thinking\",\"data\":\"b64\"},{\"type\":"
                  "\"text\",\"text\":\"a\"}]},{\"role\":\"user\",\"content\":\"b\"}]")),
        OK);
    bench_init(&back, &dialect_sluice);
    CHECK_EQ(translation_read(&back.t, buf_view(&b.text)), OK);
    CHECK_EQ(translation_write(&back.t, &dialect_anthropic, STR("up"), STR("")), OK);
    keep(&back, &back.t.body);
    EXPECT(&back, "\"thinking\":\"hm \xc3\xa9\",\"signature\":\"EqQB/+==\"", "\"data\":\"b64\"");
    bench_done(&back);
    bench_done(&b);
}

TEST(translation_moves_images_between_data_urls_and_sources)
{
    ASKS(
        openai, anthropic,
        ASK_O(
            "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
            "\"url\":\"data:image/png;base64,iVBORw0KGgo=\"}},{\"type\":\"image_url\","
            "\"image_url\":{\"url\":\"https://x.test/a.png\"}}]}]"),
        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":"
        "\"iVBORw0KGgo=\"}}",
        "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x.test/a.png\"}}");
    ASKS(anthropic, openai,
         ASK_A("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{"
               "\"type\":"
               "\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]}]"),
         "\"image_url\":{\"url\":\"data:image/png;base64,iVBORw0KGgo=\"}");
}

// --- 15 to 17 ---

TEST(translation_lets_no_id_of_another_dialect_through)
{
    STREAMS(anthropic, openai, START TEXT_BLOCK("0", "x") END("end_turn"), "\"id\":\"chatcmpl-7x\"",
            "!msg_up");
    STREAMS(openai, anthropic, CHUNK("\"content\":\"x\"", "\"stop\"") DONE, "\"id\":\"msg_7x\"",
            "!\"id\":\"c\"");
    ANSWERS(anthropic, openai,
            "{\"id\":\"msg_up\",\"type\":\"message\",\"content\":[],\"stop_reason\":\"end_turn\"}",
            "\"id\":\"chatcmpl-7x\"", "!msg_up");
}

TEST(translation_refuses_or_notes_what_has_no_target)
{
    struct bench b;

    CHECK_EQ(ask(&b, &dialect_openai, &dialect_anthropic, ASK_O("\"n\":2," HI)), ERR_UNSUPPORTED);
    CHECK(b.t.notes.problem.len > 0);
    bench_done(&b);
    CHECK_EQ(ask(&b, &dialect_openai, &dialect_anthropic,
                 ASK_O("\"seed\":1,\"logprobs\":true,\"logit_bias\":{\"1\":2}," HI)),
             OK);
    CHECK(is_dropped(&b, "seed") && is_dropped(&b, "logprobs") && is_dropped(&b, "logit_bias"));
    EXPECT(&b, "!seed", "!logprobs", "!logit_bias");
    bench_done(&b);
    CHECK_EQ(ask(&b, &dialect_anthropic, &dialect_openai, ASK_A("\"top_k\":5," HI)), OK);
    CHECK(is_dropped(&b, "top_k"));
    bench_done(&b);
}

static void check_error(const struct dialect *from, const struct dialect *to, unsigned status,
                        const char *body, unsigned want_status, const char *want)
{
    struct bench b;

    bench_init(&b, to);
    b.t.upstream = from;
    CHECK_EQ(translation_error(&b.t, status, str_from_c(body), STR("req_1")), OK);
    CHECK_EQ(to->status(status), want_status);
    if (!has(buf_view(&b.t.out), want))
        test_fail(__FILE__, __LINE__, "%s: %" STR_FMT, want, STR_ARG(buf_view(&b.t.out)));
    bench_done(&b);
}

TEST(translation_turns_errors_and_their_statuses_into_the_clients)
{
    const char *overloaded =
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}";
    const char *failed = "{\"error\":{\"message\":\"busy\",\"type\":\"server_error\"}}";

    check_error(&dialect_anthropic, &dialect_openai, 529, overloaded, 503,
                "{\"error\":{\"type\":\"server_error\",\"message\":\"busy\"");
    check_error(&dialect_openai, &dialect_anthropic, 503, failed, 529,
                "\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}");
    check_error(&dialect_openai, &dialect_anthropic, 429,
                "{\"error\":{\"message\":\"slow\",\"type\":\"requests\"}}", 429,
                "\"type\":\"rate_limit_error\"");
    check_error(
        &dialect_anthropic, &dialect_openai, 401,
        "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"k\"}}", 401,
        "\"type\":\"authentication_error\"");
}

// --- An error within a stream ---

TEST(translation_keeps_what_stands_before_an_event_that_can_not_be_read)
{
    struct bench b;
    str out;

    bench_init(&b, &dialect_openai);
    b.t.upstream = &dialect_anthropic;
    translation_begin(&b.t, false);
    CHECK_EQ(translation_events(
                 &b.t, STR(START TEXT_BLOCK("0", "good") EVENT("\"index\":-1") STOP("0")), &out),
             ERR_SYNTAX);
    CHECK(has(out, "\"content\":\"good\"") && str_ends(out, STR("\n\n")));
    bench_done(&b);
}
