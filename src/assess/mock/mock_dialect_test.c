// What the endpoints write for one request and one rule, whole and streamed.
#include "assess/mock/mock_dialect.h"

#include "assess/mock/mock_script.h"
#include "codec/json.h"
#include "codec/sse.h"

#include "support/test.h"

struct recital {
    struct arena arena;
    struct mock_request req;
    struct mock_rule rule;
    struct mock_say say;
    const struct mock_endpoint *endpoint;
    struct buf text;
    size_t events;
};

static void begin(struct recital *r, const char *path, const char *rule, const char *body)
{
    str tail = STR("");
    str param = STR("");
    struct diag d;

    *r = (struct recital){.endpoint = mock_dialect_find(str_from_c(path), false, &tail)};
    CHECK(r->endpoint);
    arena_init(&r->arena, 4096);
    buf_init(&r->text, 1 << 20);
    diag_init(&d);
    mock_rule_init(&r->rule);
    CHECK_EQ(mock_script_overlay(str_from_c(rule), &r->arena, &d, &r->rule), OK);
    diag_done(&d);
    CHECK_EQ(mock_request_read(str_from_c(body), &r->arena, &r->req, &param), OK);
    mock_say_init(&r->say, &r->req, &r->rule, &r->arena);
    r->say.digits = STR("0123456789abcdef");
}

static void done(struct recital *r)
{
    buf_done(&r->text);
    arena_reset(&r->arena);
}

static void whole(struct recital *r, const char *path, const char *rule, const char *body)
{
    begin(r, path, rule, body);
    CHECK_EQ(r->endpoint->whole(&r->say, &r->text), OK);
    CHECK_EQ(json_check(buf_view(&r->text), NULL), OK);
}

// Every event is valid, and its name, where it has one, is its type.
static void stream(struct recital *r, const char *path, const char *rule, const char *body)
{
    struct buf event;
    struct buf join;
    struct sse_event sse;
    err e = OK;

    begin(r, path, rule, body);
    buf_init(&event, 1 << 20);
    buf_init(&join, 1 << 20);
    while ((e = r->endpoint->next(&r->say, &event)) == OK) {
        CHECK_EQ(sse_parse_event(buf_view(&event), &join, &sse), OK);
        if (!str_eq(sse.data, STR("[DONE]"))) CHECK_EQ(json_check(sse.data, NULL), OK);
        CHECK_EQ(buf_append(&r->text, buf_view(&event)), OK);
        buf_clear(&event);
        r->events++;
    }
    CHECK_EQ(e, ERR_EOF);
    buf_done(&join);
    buf_done(&event);
}

// Where the parts stand in the text: each behind the one before.
static void check_order(const struct recital *r, const char *const *parts)
{
    str rest = buf_view(&r->text);

    for (; *parts; parts++) {
        size_t at = str_find(rest, str_from_c(*parts));
        if (at >= rest.len)
            test_fail(__FILE__, __LINE__, "no %s in %" STR_FMT, *parts, STR_ARG(rest));
        rest = str_sub(rest, at + str_from_c(*parts).len, rest.len);
    }
}

static bool has(const struct recital *r, const char *text)
{
    return str_find(buf_view(&r->text), str_from_c(text)) < buf_len(&r->text);
}

static const char *const everything =
    "{answer: {thinking: hm hm, text: let me see, tools: [{name: f, arguments: '{\"a\": [1, 2]}'},"
    " {name: g}], prompt_tokens: 50, cached_tokens: 30, cache_write_tokens: 5}}";

static const char *const question =
    "{\"model\":\"m\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\",\"content\":\"a b\"}],"
    "\"stream_options\":{\"include_usage\":true}}";

TEST(mock_dialect_chat_streams_thoughts_text_and_calls)
{
    struct recital r;

    stream(&r, "/v1/chat/completions", everything, question);
    // The role, two thoughts, three words, two calls opened, three words and one, finish, usage,
    // end.
    CHECK_EQ(r.events, 1 + 2 + 3 + 2 + 3 + 1 + 1 + 1 + 1);
    check_order(&r, (const char *const[]){
                        "\"role\":\"assistant\",\"content\":\"\"", "\"reasoning_content\":\"hm\"",
                        "\"content\":\"let\"",
                        "\"tool_calls\":[{\"index\":0,\"id\":\"call_0123456789abcdef\",\"type\":"
                        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]",
                        "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"",
                        "\"tool_calls\":[{\"index\":1,\"id\":\"call_0123456789abcdef01\"",
                        "\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"",
                        "\"finish_reason\":\"tool_calls\"", "\"cached_tokens\":30",
                        "\"reasoning_tokens\":2", "[DONE]", NULL});
    done(&r);
}

TEST(mock_dialect_chat_answers_whole_with_thoughts_text_and_calls)
{
    struct recital r;

    whole(&r, "/v1/chat/completions", everything, question);
    check_order(&r, (const char *const[]){"\"content\":\"let me see\"",
                                          "\"reasoning_content\":\"hm hm\"", "\"name\":\"f\"",
                                          "\"name\":\"g\"", "\"prompt_tokens\":50", NULL});
    done(&r);
}

TEST(mock_dialect_completions_say_the_text_alone)
{
    struct recital r;

    stream(&r, "/v1/completions", everything, question);
    CHECK_EQ(r.events, 3 + 1 + 1 + 1);
    CHECK(!has(&r, "hm") && has(&r, " see"));
    done(&r);
    whole(&r, "/v1/completions", everything, question);
    CHECK(has(&r, "\"text\":\"let me see\""));
    done(&r);
}

TEST(mock_dialect_responses_have_an_item_for_each_block)
{
    struct recital r;

    stream(&r, "/v1/responses", everything, question);
    CHECK_EQ(r.events, 2 + (2 + 2 + 3) + (2 + 3 + 3) + (1 + 3 + 2) + (1 + 1 + 2) + 1);
    check_order(&r, (const char *const[]){
                        "\"output_index\":0,\"item\":{\"id\":\"rs_", "\"summary\":[]",
                        "event: response.reasoning_summary_text.delta\n", "\"summary_index\":0",
                        "\"output_index\":1,\"item\":{\"id\":\"msg_",
                        "\"output_index\":2,\"item\":{\"id\":\"fc_",
                        "\"output_index\":3,\"item\":{\"id\":\"fc_", "event: response.completed\n",
                        "\"type\":\"reasoning\"", "\"call_id\":\"call_0123456789abcdef01\"",
                        "\"cached_tokens\":30", NULL});
    done(&r);
}

TEST(mock_dialect_messages_stream_in_the_documented_order)
{
    struct recital r;

    stream(&r, "/v1/messages", everything, question);
    // Start; the thought with its signature and a ping; the text; two calls; finish and stop.
    CHECK_EQ(r.events,
             1 + (1 + 1 + 2 + 1 + 1) + (1 + 3 + 1) + (1 + 1 + 3 + 1) + (1 + 1 + 1 + 1) + 2);
    check_order(
        &r,
        (const char *const[]){
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\","
            "\"id\":\"msg_0123456789abcdef\",\"type\":\"message\",\"role\":\"assistant\","
            "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{"
            "\"input_tokens\":15,\"cache_creation_input_tokens\":5,\"cache_read_input_tokens\":30,",
            "\"output_tokens\":1,",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
            "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
            "event: ping\ndata: {\"type\":\"ping\"}\n\n",
            "\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}",
            "\"delta\":{\"type\":\"signature_delta\",\"signature\":\"",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}",
            "\"delta\":{\"type\":\"text_delta\",\"text\":\"let\"}",
            "\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_"
            "0123456789abcdef\","
            "\"name\":\"f\",\"input\":{}}",
            "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}",
            "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}",
            "\"index\":3,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_"
            "0123456789abcdef01\"",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
            "\"tool_use\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":15,",
            "\"output_tokens\":9}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", NULL});
    done(&r);
}

TEST(mock_dialect_messages_come_whole_with_the_same_content)
{
    struct recital r;

    whole(&r, "/v1/messages", everything, question);
    check_order(&r,
                (const char *const[]){
                    "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm hm\",\"signature\":\"",
                    "{\"type\":\"text\",\"text\":\"let me see\"}",
                    "\"name\":\"f\",\"input\":{\"a\": [1, 2]}}", "\"name\":\"g\",\"input\":{}}]",
                    "\"stop_reason\":\"tool_use\"", "\"input_tokens\":15", "\"output_tokens\":9",
                    NULL});
    done(&r);
}

TEST(mock_dialect_messages_have_reasons_of_their_own)
{
    static const struct {
        const char *rule;
        const char *want;
    } cases[] = {
        {"{answer: {text: a b}}", "\"stop_reason\":\"end_turn\",\"stop_sequence\":null"},
        {"{answer: {tokens: 100}}", "\"stop_reason\":\"max_tokens\""},
        {"{answer: {text: a X b}}", "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\" X\""},
        {"{answer: {text: a, finish_reason: content_filter}}", "\"stop_reason\":\"refusal\""},
        {"{answer: {text: a, finish_reason: pause_turn}}", "\"stop_reason\":\"pause_turn\""},
        {"{answer: {text: a}, fault: {no_finish: true}}", "\"stop_reason\":null"},
    };
    const char *body = "{\"model\":\"m\",\"max_tokens\":9,\"stop_sequences\":[\" X\"],"
                       "\"messages\":[]}";

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct recital r;
        whole(&r, "/v1/messages", cases[i].rule, body);
        CHECK(has(&r, cases[i].want));
        done(&r);
        stream(&r, "/v1/messages", cases[i].rule, body);
        CHECK(has(&r, cases[i].want));
        done(&r);
    }
}

TEST(mock_dialect_messages_leave_out_what_a_fault_says)
{
    struct recital r;

    stream(&r, "/v1/messages", "{answer: {text: a}, fault: {no_done: true}}", question);
    CHECK(has(&r, "event: message_delta\n") && !has(&r, "event: message_stop\n"));
    done(&r);
    stream(&r, "/v1/messages", "{answer: {text: a}, fault: {no_finish: true}}", question);
    CHECK(!has(&r, "event: message_delta\n") && has(&r, "event: message_stop\n"));
    done(&r);
}

TEST(mock_dialect_messages_have_no_block_without_words)
{
    struct recital r;

    stream(&r, "/v1/messages", "{answer: {text: '', tool: f}}", question);
    CHECK(has(&r, "\"index\":0,\"content_block\":{\"type\":\"tool_use\"") && !has(&r, "\"text\""));
    done(&r);
    whole(&r, "/v1/messages", "{answer: {text: ''}}", question);
    CHECK(has(&r, "\"content\":[],"));
    done(&r);
    stream(&r, "/v1/messages", "{answer: {text: ''}}", question);
    CHECK(!has(&r, "content_block"));
    done(&r);
}

TEST(mock_dialect_messages_take_broken_arguments_for_none)
{
    struct recital r;

    whole(&r, "/v1/messages", "{answer: {tool: f, arguments: '{\"a\": '}}", question);
    CHECK(has(&r, "\"input\":{}}"));
    done(&r);
    whole(&r, "/v1/messages", "{answer: {tool: f, arguments: '[1]'}}", question);
    CHECK(has(&r, "\"input\":{}}"));
    done(&r);
}

TEST(mock_dialect_messages_are_counted)
{
    struct recital r;

    whole(&r, "/v1/messages/count_tokens", "{answer: {tokens: 5}}", question);
    CHECK_STR(buf_view(&r.text), "{\"input_tokens\":2}");
    done(&r);
}

TEST(mock_dialect_models_are_of_whom_the_request_is_for)
{
    str tail = STR("");
    struct mock_request req = {0};
    struct mock_say say = {.req = &req, .model = STR("x")};
    struct buf text;

    buf_init(&text, 1 << 20);
    CHECK_EQ(mock_dialect_find(STR("/v1/models"), true, &tail)->whole(&say, &text), OK);
    CHECK(str_starts(buf_view(&text), STR("{\"data\":[{\"type\":\"model\",\"id\":\"mock\",")));
    CHECK(str_ends(buf_view(&text), STR("\"has_more\":false,\"first_id\":\"mock\",\"last_id\":"
                                        "\"mock-html\"}")));
    buf_clear(&text);
    CHECK_EQ(mock_dialect_find(STR("/v1/models/x"), true, &tail)->whole(&say, &text), OK);
    CHECK(str_starts(buf_view(&text), STR("{\"type\":\"model\",\"id\":\"x\",")));
    CHECK_STR(tail, "x");
    buf_clear(&text);
    CHECK_EQ(mock_dialect_find(STR("/v1/models"), false, &tail)->whole(&say, &text), OK);
    CHECK(str_starts(buf_view(&text), STR("{\"object\":\"list\",")));
    buf_done(&text);
}
