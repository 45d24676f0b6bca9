#include "assess/mock/mock.h"

#include "assess/mock/mock_call.h"
#include "assess/mock/mock_script.h"
#include "codec/json.h"
#include "codec/sse.h"
#include "io/memory_stream.h"
#include "io/socket.h"
#include "io/tcp.h"

#include "support/test.h"

#include <string.h>

// A mock and one client of it: on virtual time and in memory, or on the loopback device.
struct rig {
    struct loop loop;
    struct mock mock;
    struct arena arena;
    struct stream_user user;
    struct stream *client;
    struct buf seen;
    struct buf body; // of the last answer, without its framing
    struct h1_head head;
    struct h1_field fields[64];
    err end; // of what the client read
    bool is_complete;
    bool is_real;
};

static void client_ready(struct stream_user *u)
{
    struct rig *r = container_of(u, struct rig, user);
    char bytes[4096];
    size_t len = 0;

    while (!r->end) {
        err e = stream_read(r->client, bytes, sizeof(bytes), &len);
        if (e == ERR_AGAIN) return;
        r->end = e;
        if (!e) CHECK_EQ(buf_append(&r->seen, (str){bytes, len}), OK);
    }
}

static void open_client(struct rig *r)
{
    struct stream *far = NULL;
    int fd = -1;

    if (r->client) stream_close(r->client, STREAM_CLOSE);
    r->end = OK;
    if (r->is_real) {
        CHECK_EQ(socket_connect(&r->mock.server.listener.address, &fd), OK);
        CHECK_EQ(tcp_open(&r->loop, fd, (struct address){0}, &r->client), OK);
        r->client->is_readable = r->client->is_writable = false;
        while (!r->client->is_writable) {
            loop_turn(&r->loop, 1000);
        }
        CHECK_EQ(socket_connect_result(fd), OK);
    } else {
        memory_stream_pair(&r->loop, (struct memory_stream_options){0}, &r->client, &far);
        server_accept(&r->mock.server, far);
    }
    r->client->user = &r->user;
}

static void rig_open(struct rig *r, bool is_real, str script)
{
    struct mock_options o = {.seed = 1, .log_max = 4};
    struct address address;
    struct diag d;

    *r = (struct rig){.is_real = is_real, .user.ready = client_ready};
    arena_init(&r->arena, 4096);
    diag_init(&d);
    mock_rule_init(&o.base);
    if (script.len)
        CHECK_EQ(mock_script_read(script, &o.base, &r->arena, &d, &o.rules, &o.rule_count), OK);
    diag_done(&d);
    CHECK_EQ(socket_parse_address(STR("127.0.0.1:0"), &address), OK);
    if (is_real) {
        CHECK_EQ(loop_init(&r->loop), OK);
    } else {
        loop_init_virtual(&r->loop, 1000);
    }
    CHECK_EQ(mock_open(&r->mock, &r->loop, is_real ? &address : NULL, &o), OK);
    buf_init(&r->seen, 64 << 20);
    buf_init(&r->body, 64 << 20);
    open_client(r);
}

static void rig_close(struct rig *r)
{
    stream_close(r->client, STREAM_CLOSE);
    mock_close(&r->mock);
    loop_done(&r->loop);
    buf_done(&r->seen);
    buf_done(&r->body);
    arena_reset(&r->arena);
}

static void say(struct rig *r, str text)
{
    size_t len = 0;

    while (text.len) {
        struct iovec iov = {(void *)(uintptr_t)text.ptr, text.len};
        err e = stream_write(r->client, &iov, 1, &len);
        if (e == ERR_AGAIN) {
            loop_turn(&r->loop, 1000);
            continue;
        }
        CHECK_EQ(e, OK);
        text = str_sub(text, len, text.len);
    }
}

// Reads the answer in `seen` as far as it goes.
static bool parse(struct rig *r)
{
    struct h1_body body;
    size_t scanned = 0;
    size_t len = 0;
    str piece = STR("");

    r->is_complete = false;
    buf_clear(&r->body);
    str seen = buf_view(&r->seen);
    while (h1_find_head(seen, 65536, &scanned, &len) == OK) {
        CHECK_EQ(h1_parse_response(str_sub(seen, 0, len), false, r->fields, 64, &r->head), OK);
        seen = str_sub(seen, len, seen.len);
        scanned = 0;
        if (r->head.status >= 200) break;
    }
    if (r->head.status < 200) return false;
    // Decoding moves bytes about: a copy of them.
    str copy = arena_str(&r->arena, seen);
    h1_body_init(&body, r->head.framing, r->head.content_length);
    for (size_t at = 0; at < copy.len && !body.is_done; at += len) {
        CHECK_EQ(
            h1_body_decode(&body, (char *)(uintptr_t)copy.ptr + at, copy.len - at, &piece, &len),
            OK);
        CHECK_EQ(buf_append(&r->body, piece), OK);
    }
    r->is_complete = body.is_done;
    return body.is_done;
}

// Until the answer is complete or broken off, or nothing happens for `patience_ms`.
static void wait(struct rig *r, msec patience_ms)
{
    msec until = r->loop.now + patience_ms;

    while (!r->end && r->loop.now < until) {
        size_t before = buf_len(&r->seen);
        bool is_alive = loop_turn(&r->loop, until - r->loop.now);
        if (buf_len(&r->seen) != before && parse(r)) return;
        if (!is_alive) break;
    }
    parse(r);
}

static void post(struct rig *r, str path, str body)
{
    if (r->end) open_client(r);
    buf_clear(&r->seen);
    r->head.status = 0;
    say(r, arena_format(&r->arena,
                        "POST %" STR_FMT " HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                        STR_ARG(path), body.len));
    say(r, body);
    wait(r, 10'000);
}

static void get(struct rig *r, str path)
{
    if (r->end) open_client(r);
    buf_clear(&r->seen);
    say(r, arena_format(&r->arena, "GET %" STR_FMT " HTTP/1.1\r\nHost: x\r\n\r\n", STR_ARG(path)));
    wait(r, 10'000);
}

static void chat(struct rig *r, const char *model, bool is_stream, const char *more)
{
    post(r, STR("/v1/chat/completions"),
         arena_format(&r->arena,
                      "{\"model\":\"%s\",\"stream\":%s,%s\"messages\":[{\"role\":\"system\","
                      "\"content\":\"no\"},{\"role\":\"user\",\"content\":\"one two\"}]}",
                      model, is_stream ? "true" : "false", more));
}

static bool has(const struct rig *r, const char *text)
{
    return str_find(buf_view(&r->body), str_from_c(text)) < buf_len(&r->body);
}

static size_t count_of(const struct rig *r, const char *text)
{
    str rest = buf_view(&r->body);
    str needle = str_from_c(text);
    size_t count = 0;

    for (size_t at = 0; (at = str_find(rest, needle)) < rest.len; count++) {
        rest = str_sub(rest, at + needle.len, rest.len);
    }
    return count;
}

// Every event is JSON or the end mark; returns how many there are.
static size_t check_events(struct rig *r)
{
    str rest = buf_view(&r->body);
    struct sse_event event;
    size_t scanned = 0;
    size_t count = 0;
    size_t len = 0;
    struct buf join;

    buf_init(&join, 1 << 20);
    while (sse_find_event(rest, &scanned, &len) == OK) {
        CHECK_EQ(sse_parse_event(str_sub(rest, 0, len), &join, &event), OK);
        if (event.has_data && !str_eq(event.data, STR("[DONE]")))
            CHECK_EQ(json_check(event.data, NULL), OK);
        if (event.has_data) count++;
        rest = str_sub(rest, len, rest.len);
        scanned = 0;
    }
    buf_done(&join);
    return count;
}

// What all "content" or "arguments" deltas join to.
static str joined(struct rig *r, const char *key)
{
    str rest = buf_view(&r->body);
    str needle = str_from_c(key);
    struct buf text;

    buf_init(&text, 1 << 20);
    for (size_t at = 0; (at = str_find(rest, needle)) < rest.len;) {
        struct json_reader j;
        struct json_value v;
        size_t end = 0;
        rest = str_sub(rest, at + needle.len, rest.len);
        if (rest.ptr[0] != '"') continue;
        for (end = 1; rest.ptr[end] != '"'; end++) {
            if (rest.ptr[end] == '\\') end++;
        }
        json_reader_init(&j, str_sub(rest, 0, end + 1));
        CHECK_EQ(json_value(&j, &v), OK);
        CHECK_EQ(buf_append(&text, json_decode(json_raw(v), &r->arena)), OK);
    }
    str all = arena_str(&r->arena, buf_view(&text));
    buf_done(&text);
    return all;
}

TEST(mock_echoes_the_last_words_of_the_user)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    chat(&r, "gpt-4o", false, "");
    CHECK_EQ(r.head.status, 200);
    CHECK(r.is_complete);
    CHECK_EQ(json_check(buf_view(&r.body), NULL), OK);
    CHECK(has(&r, "\"object\":\"chat.completion\""));
    CHECK(has(&r, "\"content\":\"Hello! You said: one two\""));
    CHECK(has(&r, "\"model\":\"gpt-4o\""));
    CHECK(has(&r, "\"prompt_tokens\":3,\"completion_tokens\":5,\"total_tokens\":8"));
    CHECK(str_starts(h1_field_find(&r.head, STR("x-request-id"))->value, STR("req_")));
    CHECK(h1_field_find(&r.head, STR("openai-processing-ms")));
    CHECK(h1_field_find(&r.head, STR("x-ratelimit-remaining-tokens")));
    rig_close(&r);
}

TEST(mock_streams_role_words_finish_usage_and_end_mark)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    chat(&r, "m", true, "\"stream_options\":{\"include_usage\":true},");
    CHECK(r.is_complete);
    CHECK_EQ(check_events(&r), 1 + 5 + 1 + 1 + 1);
    CHECK_STR(joined(&r, "\"content\":"), "Hello! You said: one two");
    CHECK_EQ(count_of(&r, "\"role\":\"assistant\""), 1);
    CHECK_EQ(count_of(&r, "\"finish_reason\":\"stop\""), 1);
    CHECK_EQ(count_of(&r, "\"usage\":null"), 7);
    CHECK_EQ(count_of(&r, "\"choices\":[],\"usage\":{"), 1);
    CHECK(str_ends(buf_view(&r.body), STR("data: [DONE]\n\n")));
    rig_close(&r);
}

TEST(mock_keeps_its_conns_alive)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    for (int i = 0; i < 3; i++) {
        chat(&r, "m", i == 1, "");
        CHECK(r.is_complete);
    }
    CHECK_EQ(r.mock.server.counts.conns_opened, 1);
    rig_close(&r);
}

TEST(mock_answers_several_choices)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    chat(&r, "m", true, "\"n\":2,");
    CHECK_EQ(check_events(&r), 2 + 10 + 2 + 1);
    CHECK_EQ(count_of(&r, "\"index\":1,"), 7);
    chat(&r, "m", false, "\"n\":2,");
    CHECK_EQ(count_of(&r, "Hello! You said"), 2);
    chat(&r, "m", false, "\"n\":0,");
    CHECK_EQ(r.head.status, 400);
    rig_close(&r);
}

TEST(mock_stops_at_the_tokens_asked_for)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    chat(&r, "m", true, "\"max_tokens\":2,");
    CHECK_STR(joined(&r, "\"content\":"), "Hello! You");
    CHECK(has(&r, "\"finish_reason\":\"length\""));
    rig_close(&r);
}

TEST(mock_calls_the_tool_that_must_be_called)
{
    struct rig r;
    const char *tools = "\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\","
                        "\"function\":{\"name\":\"f\",\"parameters\":{}}}],";

    rig_open(&r, false, STR(""));
    chat(&r, "m", false, tools);
    CHECK(has(&r, "\"content\":null,\"tool_calls\":[{\"id\":\"call_"));
    CHECK(has(&r, "\"finish_reason\":\"tool_calls\""));
    chat(&r, "mock-tool", true, tools);
    check_events(&r);
    CHECK_EQ(count_of(&r, "\"name\":\"mock_tool\""), 1);
    CHECK_STR(joined(&r, "\"arguments\":"), "{\"city\": \"Rome\", \"days\": 3}");
    rig_close(&r);
}

TEST(mock_waits_exactly_as_long_as_it_is_told)
{
    struct rig r;

    rig_open(&r, false, STR("rules: [{timing: {ttft: 200ms, gap: 12.5ms}}]"));
    msec start = r.loop.now;
    chat(&r, "m", true, "");
    CHECK(r.is_complete);
    CHECK_EQ(r.loop.now - start, 200 + 4 * 25 / 2);
    rig_close(&r);
}

TEST(mock_sends_the_head_early_where_asked)
{
    struct rig r;

    rig_open(&r, false, STR("rules: [{timing: {head: 50ms, ttft: 20s}}]"));
    chat(&r, "m", true, "");
    CHECK_EQ(r.head.status, 200);
    CHECK_EQ(buf_len(&r.body), 0);
    CHECK(!r.is_complete);
    rig_close(&r);
}

// How each fault looks to who reads: its end, the events that came, and whether the framing says
// that the answer is whole.
static const struct {
    const char *model;
    err end;
    size_t events;
    bool is_complete;
} broken[] = {
    {"mock-cut-3", ERR_EOF, 3, false},
    {"mock-clean-3", OK, 3, true},
    {"mock-torn-3", ERR_EOF, 3, false},
    {"mock-reset-3", ERR_CLOSED, 3, false},
    {"mock-cut-0", ERR_EOF, 0, false},
    {"mock-stall-2", OK, 2, false},
    {"mock-refuse", ERR_CLOSED, 0, false},
    {"mock-hangup", ERR_EOF, 0, false},
    {"mock-silent", OK, 0, false},
    {"mock-nodone", OK, 7, true},
    {"mock-nofinish", OK, 7, true},
    {"mock-duplicate-2", OK, 9, true},
    {"mock-crlf", OK, 8, true},
    {"mock-comments", OK, 8, true},
    {"mock-split-7", OK, 8, true},
    {"mock-drip", OK, 8, true},
    {"mock-interim", OK, 8, true},
    {"mock-pause-50", OK, 8, true},
    {"mock-cutbytes-10", ERR_EOF, 0, false},
    {"mock-resetbytes-900", ERR_CLOSED, 3, false},
    {"mock-tokens-20-gap-5-cut-9", ERR_EOF, 9, false},
};

static void check_broken(bool is_real)
{
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct rig r;
        rig_open(&r, is_real, STR(""));
        buf_clear(&r.seen);
        if (is_real && (strstr(broken[i].model, "stall") || strstr(broken[i].model, "silent"))) {
            rig_close(&r);
            continue; // they would take their time
        }
        chat(&r, broken[i].model, true, "");
        // In memory a reset takes what was not read yet.
        bool is_counted = is_real || broken[i].end != ERR_CLOSED;
        if (r.end != broken[i].end || (is_counted && check_events(&r) != broken[i].events) ||
            r.is_complete != broken[i].is_complete)
            test_fail(__FILE__, __LINE__, "%s: %s, %zu events, %s", broken[i].model,
                      err_name(r.end), check_events(&r), r.is_complete ? "complete" : "cut");
        rig_close(&r);
    }
}

TEST(mock_faults_look_as_their_names_say)
{
    check_broken(false);
}

TEST(mock_faults_are_the_same_on_real_sockets)
{
    check_broken(true);
}

TEST(mock_breaks_one_event)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    chat(&r, "mock-malformed-2", true, "");
    CHECK(r.is_complete);
    CHECK_EQ(count_of(&r, "chatcmpl-broken"), 1);
    CHECK_EQ(count_of(&r, "data: "), 8);
    rig_close(&r);
}

TEST(mock_breaks_a_whole_answer_with_honest_framing)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    chat(&r, "mock-malformed-1", false, "");
    CHECK(r.is_complete);
    CHECK_EQ(json_check(buf_view(&r.body), NULL), ERR_SYNTAX);
    chat(&r, "mock-duplicate-1", false, "");
    CHECK(r.is_complete);
    CHECK_EQ(json_check(buf_view(&r.body), NULL), OK);
    rig_close(&r);
}

TEST(mock_goes_on_where_it_stalled_within_an_event)
{
    struct rig r;

    rig_open(&r, false, STR("rules: [{fault: {end: stall, after_bytes: 700, stall: 3s}}]"));
    msec start = r.loop.now;
    chat(&r, "m", true, "");
    CHECK(r.is_complete);
    CHECK_EQ(r.loop.now - start, 3000);
    CHECK_EQ(check_events(&r), 8);
    CHECK_STR(joined(&r, "\"content\":"), "Hello! You said: one two");
    rig_close(&r);
}

TEST(mock_takes_faults_from_a_header_too)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    buf_clear(&r.seen);
    say(&r, STR("POST /v1/files HTTP/1.1\r\nHost: x\r\nx-mock: 503-7\r\n"
                "Content-Length: 0\r\n\r\n"));
    wait(&r, 1000);
    CHECK_EQ(r.head.status, 503);
    rig_close(&r);
}

TEST(mock_knows_the_methods_of_its_endpoints)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    get(&r, STR("/v1/chat/completions"));
    CHECK_EQ(r.head.status, 405);
    post(&r, STR("/v1/models"), STR("{}"));
    CHECK_EQ(r.head.status, 405);
    rig_close(&r);
}

TEST(mock_lies_about_the_length)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    chat(&r, "mock-lie-100", false, "");
    CHECK_EQ(r.end, ERR_EOF);
    CHECK(!r.is_complete);
    CHECK_EQ(r.head.content_length, buf_len(&r.body) + 100);
    rig_close(&r);
}

TEST(mock_answers_json_or_html_where_a_stream_was_asked_for)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    chat(&r, "mock-json", true, "");
    CHECK_EQ(json_check(buf_view(&r.body), NULL), OK);
    chat(&r, "mock-html", true, "");
    CHECK_EQ(r.head.status, 502);
    CHECK_STR(h1_field_find(&r.head, STR("content-type"))->value, "text/html");
    chat(&r, "mock-429-2", true, "");
    CHECK_EQ(r.head.status, 429);
    CHECK_STR(h1_field_find(&r.head, STR("retry-after"))->value, "2");
    CHECK(has(&r, "\"code\":\"rate_limit_exceeded\""));
    rig_close(&r);
}

TEST(mock_closes_idle_conns_unannounced)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    chat(&r, "mock-stale-70", false, "");
    CHECK(r.is_complete && r.head.is_persistent);
    msec start = r.loop.now;
    while (!r.end && loop_turn(&r.loop, 1000)) {
    }
    CHECK_EQ(r.end, ERR_EOF);
    CHECK(r.loop.now - start >= 70 && r.loop.now - start < 80);
    rig_close(&r);
}

TEST(mock_rules_count_their_requests)
{
    struct rig r;

    rig_open(&r, false,
             STR("rules: [{match: {model: m, every: 2}, error: {status: 503}},\n"
                 "        {match: {path: /v1/files}, answer: {body: hi, content_type: text/x}}]"));
    chat(&r, "m", false, "");
    CHECK_EQ(r.head.status, 200);
    chat(&r, "m", false, "");
    CHECK_EQ(r.head.status, 503);
    chat(&r, "m", true, "");
    CHECK_EQ(r.head.status, 200);
    post(&r, STR("/v1/files"), STR("x"));
    CHECK_STR(buf_view(&r.body), "hi");
    rig_close(&r);
}

TEST(mock_refuses_what_openai_refuses)
{
    static const struct {
        str body;
        unsigned status;
    } bad[] = {
        {STR_INIT(""), 400},
        {STR_INIT("{"), 400},
        {STR_INIT("[]"), 400},
        {STR_INIT("{\"messages\":[]}"), 400},
        {STR_INIT("{\"model\":\"m\"}"), 400},
        {STR_INIT("{\"model\":7,\"messages\":[]}"), 400},
        {STR_INIT("{\"model\":\"m\",\"messages\":{}}"), 400},
        {STR_INIT("{\"model\":\"m\",\"messages\":[7]}"), 400},
        {STR_INIT("{\"model\":\"m\",\"messages\":[],\"stream\":1}"), 400},
        {STR_INIT("{\"model\":\"m\",\"messages\":[],\"n\":1000}"), 400},
        {STR_INIT("{\"model\":\"mock-nothing\",\"messages\":[]}"), 404},
        {STR_INIT("{\"model\":\"mock-status-999\",\"messages\":[]}"), 404},
    };
    struct rig r;

    rig_open(&r, false, STR(""));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        post(&r, STR("/v1/chat/completions"), bad[i].body);
        CHECK_EQ(r.head.status, bad[i].status);
        CHECK(has(&r, "\"type\":\"invalid_request_error\""));
        CHECK(has(&r, "\"param\":") && has(&r, "\"code\":"));
    }
    rig_close(&r);
}

TEST(mock_responses_stream_in_order_with_sequence_numbers)
{
    static const char *const order[] = {
        "event: response.created\n",           "event: response.in_progress\n",
        "event: response.output_item.added\n", "event: response.content_part.added\n",
        "event: response.output_text.delta\n", "event: response.output_text.done\n",
        "event: response.content_part.done\n", "event: response.output_item.done\n",
        "event: response.completed\n",
    };
    struct rig r;
    size_t last = 0;

    rig_open(&r, false, STR(""));
    post(&r, STR("/v1/responses"),
         STR("{\"model\":\"m\",\"stream\":true,\"input\":[{\"role\":\"user\",\"content\":"
             "[{\"type\":\"input_text\",\"text\":\"one\"}]}]}"));
    CHECK(r.is_complete);
    CHECK_EQ(check_events(&r), 8 + 4);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        size_t at = str_find(buf_view(&r.body), str_from_c(order[i]));
        CHECK(at < buf_len(&r.body) && (at > last || i == 0));
        last = at;
    }
    CHECK_STR(joined(&r, "\"delta\":"), "Hello! You said: one");
    CHECK(has(&r, "\"sequence_number\":0,") && has(&r, "\"sequence_number\":11,"));
    CHECK(has(&r, "\"input_tokens\":1") && has(&r, "\"output_tokens\":4"));
    rig_close(&r);
}

TEST(mock_responses_call_tools_and_end_incomplete)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    post(&r, STR("/v1/responses"),
         STR("{\"model\":\"mock-tool\",\"stream\":true,\"input\":\"a\"}"));
    CHECK_STR(joined(&r, "\"delta\":"), "{\"city\": \"Rome\", \"days\": 3}");
    CHECK(has(&r, "event: response.function_call_arguments.done\n"));
    CHECK(!has(&r, "output_text"));
    post(&r, STR("/v1/responses"),
         STR("{\"model\":\"m\",\"stream\":true,\"max_output_tokens\":1,\"input\":\"a\"}"));
    CHECK(has(&r, "event: response.incomplete\n"));
    CHECK(has(&r, "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"));
    post(&r, STR("/v1/responses"), STR("{\"model\":\"m\",\"input\":\"a\"}"));
    CHECK_EQ(json_check(buf_view(&r.body), NULL), OK);
    CHECK(has(&r, "\"object\":\"response\"") && has(&r, "\"status\":\"completed\""));
    rig_close(&r);
}

TEST(mock_completions_models_and_moderations_have_their_shapes)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    post(&r, STR("/v1/completions"), STR("{\"model\":\"m\",\"prompt\":\"a\",\"stream\":true}"));
    CHECK_EQ(check_events(&r), 4 + 1 + 1);
    CHECK(has(&r, "\"object\":\"text_completion\""));
    post(&r, STR("/v1/completions"), STR("{\"model\":\"m\",\"prompt\":\"a\"}"));
    CHECK(has(&r, "\"text\":\"Hello! You said: a\""));
    get(&r, STR("/v1/models"));
    CHECK(has(&r, "\"id\":\"mock\"") && has(&r, "\"id\":\"mock-cut\""));
    get(&r, STR("/v1/models/abc"));
    CHECK(has(&r, "\"id\":\"abc\",\"object\":\"model\""));
    post(&r, STR("/v1/moderations"), STR("{\"input\":\"a\"}"));
    CHECK(has(&r, "\"flagged\":false"));
    rig_close(&r);
}

TEST(mock_swallows_any_other_body_and_tells_its_digest)
{
    struct rig r;
    size_t size = 3 << 20;

    rig_open(&r, true, STR(""));
    char *body = arena_alloc(&r.arena, size); // of zeros
    post(&r, STR("/v1/files"), (str){body, size});
    CHECK(has(&r, "\"object\":\"mock.echo\",\"method\":\"POST\",\"path\":\"/v1/files\","
                  "\"received_bytes\":3145728,\"sha256\":\""
                  "bbd05cf6097ac9b1f89ea29d2542c1b7b67ee46848393895f5a9e43fa1f621e5"));
    rig_close(&r);
}

TEST(mock_log_keeps_requests_byte_for_byte)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    post(&r, STR("/v1/any?x=1"), STR("a\1b"));
    get(&r, STR("/mock/log"));
    CHECK_EQ(json_check(buf_view(&r.body), NULL), OK);
    CHECK(has(&r, "\"path\":\"/v1/any\",\"target\":\"/v1/any?x=1\""));
    CHECK(has(&r, "\"headers\":[[\"Host\",\"x\"],[\"Content-Length\",\"3\"]]"));
    CHECK(has(&r, "\"body_base64\":\"YQFi\""));
    CHECK(has(&r, "\"body_bytes\":3"));
    CHECK(has(&r, "\"ended\":\"complete\""));
    rig_close(&r);
}

TEST(mock_log_is_bounded_cut_and_cleared)
{
    struct rig r;

    rig_open(&r, false, STR("")); // keeps four
    for (int i = 0; i < 6; i++) {
        chat(&r, "m", false, "");
    }
    get(&r, STR("/mock/log"));
    CHECK_EQ(count_of(&r, "\"id\":"), 4);
    CHECK(has(&r, "\"id\":3,") && has(&r, "\"id\":6,"));
    get(&r, STR("/mock/log?last=1"));
    CHECK_EQ(count_of(&r, "\"id\":"), 1);
    CHECK(has(&r, "\"id\":6,"));
    get(&r, STR("/mock/log?last=x"));
    CHECK_EQ(r.head.status, 400);
    buf_clear(&r.seen);
    say(&r, STR("DELETE /mock/log HTTP/1.1\r\nHost: x\r\n\r\n"));
    wait(&r, 1000);
    get(&r, STR("/mock/log"));
    CHECK(has(&r, "\"requests\":6,\"data\":[]"));
    post(&r, STR("/mock/stats"), STR(""));
    CHECK_EQ(r.head.status, 405);
    rig_close(&r);
}

TEST(mock_stats_tell_a_client_that_left_and_when)
{
    struct rig r;

    rig_open(&r, true, STR("rules: [{answer: {tokens: 1000}, timing: {gap: 20ms}}]"));
    buf_clear(&r.seen);
    str body = STR("{\"model\":\"m\",\"stream\":true,\"messages\":[]}");
    say(&r, arena_format(&r.arena,
                         "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %zu"
                         "\r\n\r\n%" STR_FMT,
                         body.len, STR_ARG(body)));
    msec start = r.loop.now;
    while (r.loop.now < start + 100) {
        loop_turn(&r.loop, 10);
    }
    open_client(&r); // closes the first one
    msec left = r.loop.now;
    while (r.mock.log.open) {
        loop_turn(&r.loop, 10);
    }
    CHECK(r.loop.now - left <= 50);
    get(&r, STR("/mock/log?last=1"));
    CHECK(has(&r, "\"ended\":\"client_closed\""));
    CHECK(!has(&r, "\"client_closed_after_ms\":null"));
    get(&r, STR("/mock/stats"));
    CHECK(has(&r, "\"in_flight\":0") && has(&r, "\"client_closed\":1"));
    rig_close(&r);
}

TEST(mock_chance_is_the_same_for_the_same_key)
{
    struct rig r;
    unsigned fates[2][32];

    for (int turn = 0; turn < 2; turn++) {
        rig_open(&r, false, STR("rules: [{match: {probability: 50%}, error: {status: 500}}]"));
        if (turn) chat(&r, "m", false, ""); // something else comes in between
        for (int i = 0; i < 32; i++) {
            buf_clear(&r.seen);
            say(&r, arena_format(&r.arena,
                                 "POST /v1/x HTTP/1.1\r\nHost: x\r\nx-mock-key: k%d\r\n"
                                 "Content-Length: 0\r\n\r\n",
                                 i));
            wait(&r, 1000);
            fates[turn][i] = r.head.status;
        }
        rig_close(&r);
    }
    CHECK(memcmp(fates[0], fates[1], sizeof(fates[0])) == 0);
    bool has_both = false;
    for (int i = 1; i < 32; i++) {
        has_both |= fates[0][i] != fates[0][0];
    }
    CHECK(has_both);
}

TEST(mock_a_broken_body_is_answered)
{
    struct rig r;

    rig_open(&r, false, STR(""));
    buf_clear(&r.seen);
    say(&r, STR("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                "Transfer-Encoding: chunked\r\n\r\nzz\r\n"));
    wait(&r, 1000);
    CHECK_EQ(r.head.status, 400);
    rig_close(&r);
}
