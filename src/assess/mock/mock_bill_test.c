// What the log says that each answer would cost.
#include "assess/mock/mock.h"
#include "assess/mock/mock_script.h"
#include "io/memory_stream.h"

#include "support/test.h"

// A mock on virtual time, and a client that reads whatever comes.
struct rig {
    struct loop loop;
    struct mock mock;
    struct arena arena;
    struct stream_user user;
    struct stream *client;
    struct buf seen; // of the last answer
    err end;
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

static void rig_open(struct rig *r, str script)
{
    struct mock_options o = {.seed = 1, .log_max = 4};
    struct diag d;

    *r = (struct rig){.user.ready = client_ready};
    arena_init(&r->arena, 4096);
    diag_init(&d);
    mock_rule_init(&o.base);
    if (script.len)
        CHECK_EQ(mock_script_read(script, &o.base, &r->arena, &d, &o.rules, &o.rule_count), OK);
    diag_done(&d);
    loop_init_virtual(&r->loop, 1000);
    CHECK_EQ(mock_open(&r->mock, &r->loop, NULL, &o), OK);
    buf_init(&r->seen, 1 << 20);
}

static void rig_close(struct rig *r)
{
    if (r->client) stream_close(r->client, STREAM_CLOSE);
    mock_close(&r->mock);
    loop_done(&r->loop);
    buf_done(&r->seen);
    arena_reset(&r->arena);
}

static void turn(struct rig *r, msec ms)
{
    msec until = r->loop.now + ms;

    while (r->loop.now < until && loop_turn(&r->loop, until - r->loop.now)) {
    }
}

// Sends a request on a connection of its own and gives it ten seconds.
static void ask(struct rig *r, str head, str body)
{
    struct stream *far = NULL;
    size_t len = 0;

    if (r->client) stream_close(r->client, STREAM_CLOSE);
    r->end = OK;
    buf_clear(&r->seen);
    memory_stream_pair(&r->loop, (struct memory_stream_options){0}, &r->client, &far);
    server_accept(&r->mock.server, far);
    r->client->user = &r->user;
    str text = arena_format(&r->arena,
                            "%" STR_FMT " HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n"
                            "%" STR_FMT,
                            STR_ARG(head), body.len, STR_ARG(body));
    struct iovec iov = stream_piece(text);
    CHECK_EQ(stream_write(r->client, &iov, 1, &len), OK);
    CHECK_EQ(len, text.len);
    turn(r, 10'000);
}

// A chat whose prompt has three words, and its answer five where nothing else is asked for.
static void chat(struct rig *r, const char *model, bool is_stream, const char *more)
{
    ask(r, STR("POST /v1/chat/completions"),
        arena_format(&r->arena,
                     "{\"model\":\"%s\",\"stream\":%s,%s\"messages\":[{\"role\":\"system\","
                     "\"content\":\"no\"},{\"role\":\"user\",\"content\":\"one two\"}]}",
                     model, is_stream ? "true" : "false", more));
}

static bool has(const struct rig *r, const char *text)
{
    return str_find(buf_view(&r->seen), str_from_c(text)) < buf_len(&r->seen);
}

static const struct mock_entry *newest(const struct rig *r)
{
    return container_of(r->mock.log.entries.prev, struct mock_entry, link);
}

#define CHECK_BILL(r, prompt, completion, is_reported)                                             \
    do {                                                                                           \
        CHECK_EQ(newest(r)->prompt_tokens, prompt);                                                \
        CHECK_EQ(newest(r)->completion_tokens, completion);                                        \
        CHECK_EQ(newest(r)->has_usage, is_reported);                                               \
    } while (0)

static const char *const asks_usage = "\"stream_options\":{\"include_usage\":true},";

TEST(mock_bill_is_what_was_reported)
{
    struct rig r;

    rig_open(&r, STR(""));
    chat(&r, "m", false, "");
    CHECK_BILL(&r, 3, 5, true);
    chat(&r, "m", true, asks_usage);
    CHECK_BILL(&r, 3, 5, true);
    chat(&r, "m", false, "\"n\":2,");
    CHECK_BILL(&r, 3, 10, true);
    chat(&r, "mock-split", true, asks_usage);
    CHECK_BILL(&r, 3, 5, true);
    chat(&r, "mock-lie", false, "");
    CHECK_BILL(&r, 3, 5, true);
    ask(&r, STR("POST /v1/responses"), STR("{\"model\":\"m\",\"input\":\"a b\",\"stream\":true}"));
    CHECK_BILL(&r, 2, 5, true);
    ask(&r, STR("POST /v1/embeddings"), STR("{\"model\":\"m\",\"input\":\"a b\"}"));
    CHECK_BILL(&r, 2, 0, true);
    rig_close(&r);
}

TEST(mock_bill_is_of_the_words_that_went_out_where_nothing_was_reported)
{
    struct rig r;

    rig_open(&r, STR(""));
    chat(&r, "m", true, "");
    CHECK_BILL(&r, 3, 5, false);
    chat(&r, "m", true, "\"max_tokens\":2,");
    CHECK_BILL(&r, 3, 2, false);
    chat(&r, "m", true, "\"n\":2,");
    CHECK_BILL(&r, 3, 10, false);
    chat(&r, "mock-cut-4", true, asks_usage); // the role, three words
    CHECK_BILL(&r, 3, 3, false);
    chat(&r, "mock-cut-7", true, asks_usage); // all but the usage
    CHECK_BILL(&r, 3, 5, false);
    chat(&r, "mock-cutbytes-50", true, ""); // within the first event
    CHECK_BILL(&r, 3, 0, false);
    chat(&r, "mock-malformed-8", true, asks_usage); // the usage itself
    CHECK_BILL(&r, 3, 5, false);
    rig_close(&r);
}

TEST(mock_bill_of_a_whole_answer_is_due_with_its_first_byte)
{
    struct rig r;

    rig_open(&r, STR(""));
    chat(&r, "mock-cutbytes-50", false, "");
    CHECK_BILL(&r, 3, 5, false);
    chat(&r, "mock-malformed-1", false, "");
    CHECK_BILL(&r, 3, 5, false);
    chat(&r, "mock-refuse", false, "");
    CHECK_BILL(&r, 0, 0, false);
    rig_close(&r);
}

TEST(mock_bill_of_what_is_no_answer_is_nothing)
{
    struct rig r;

    rig_open(&r, STR("rules: [{match: {model: raw}, answer: {body: x}}]"));
    chat(&r, "mock-503", true, "");
    CHECK_BILL(&r, 0, 0, false);
    chat(&r, "mock-refuse", true, "");
    CHECK_BILL(&r, 0, 0, false);
    chat(&r, "m", false, "\"n\":0,");
    CHECK_BILL(&r, 0, 0, false);
    chat(&r, "raw", false, "");
    CHECK_BILL(&r, 0, 0, false);
    ask(&r, STR("POST /v1/moderations"), STR("{\"input\":\"a b\"}"));
    CHECK_BILL(&r, 0, 0, false);
    rig_close(&r);
}

TEST(mock_bill_is_as_its_rule_says_be_it_zero)
{
    struct rig r;

    rig_open(
        &r, STR("rules: [{match: {model: free}, answer: {prompt_tokens: 0, completion_tokens: 0}}, "
                "{answer: {prompt_tokens: 70, completion_tokens: 90}}]"));
    chat(&r, "free", false, "");
    CHECK(has(&r, "\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0"));
    CHECK_BILL(&r, 0, 0, true);
    chat(&r, "m", true, asks_usage);
    CHECK_BILL(&r, 70, 90, true);
    chat(&r, "m", true, "");
    CHECK_BILL(&r, 70, 5, false);
    ask(&r, STR("GET /mock/stats"), STR(""));
    CHECK(has(&r, "\"prompt_tokens\":140,\"completion_tokens\":95,\"usage_reported\":2"));
    ask(&r, STR("GET /mock/log?last=1"), STR(""));
    CHECK(has(&r, "\"prompt_tokens\":70,\"completion_tokens\":5,\"usage_reported\":false"));
    rig_close(&r);
}

TEST(mock_bill_of_an_answer_under_way_grows_with_it)
{
    struct rig r;

    rig_open(&r, STR("rules: [{timing: {gap: 20s}}]"));
    chat(&r, "m", true, "");
    CHECK_BILL(&r, 3, 1, false);
    turn(&r, 20'000);
    CHECK_BILL(&r, 3, 2, false);
    CHECK_EQ(r.mock.log.completion_tokens, 0);
    stream_close(r.client, STREAM_CLOSE);
    r.client = NULL;
    turn(&r, 10);
    CHECK_BILL(&r, 3, 2, false);
    CHECK_EQ(r.mock.log.completion_tokens, 2);
    rig_close(&r);
}

TEST(mock_bill_of_a_stream_that_reports_an_error_is_of_the_words_before)
{
    struct rig r;

    rig_open(&r, STR(""));
    chat(&r, "mock-inband-3", true, asks_usage);
    CHECK(has(&r, "data: {\"error\":{\"message\":"));
    CHECK(str_ends(buf_view(&r.seen), STR("}\n\n\r\n0\r\n\r\n")));
    CHECK_BILL(&r, 3, 1, false);
    CHECK_EQ(newest(&r)->events, 3);
    CHECK_EQ(newest(&r)->ended, MOCK_ENDED_FAULT);
    CHECK_STR(newest(&r)->fault, "error_event");
    ask(&r, STR("POST /v1/responses"),
        STR("{\"model\":\"mock-inband-6\",\"input\":\"a\",\"stream\":true}"));
    CHECK(has(&r, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":5,"));
    CHECK(str_ends(buf_view(&r.seen), STR("}\n\n\r\n0\r\n\r\n")));
    CHECK_BILL(&r, 1, 1, false);
    rig_close(&r);
}
