#include "codec/json.h"
#include "codec/sse.h"
#include "gateway/exchange.h"

#include "support/heard.h"

#define SETTINGS(of_model)                                                                         \
    "limits: {comment_interval: 15s}\n"                                                            \
    "providers:\n"                                                                                 \
    "  - {name: p, base_url: \"http://p/v1\", api_key: \"${KEY}\"}\n"                              \
    "  - {name: q, base_url: \"http://q/v1\", api_key: \"${KEY}\"}\n"                              \
    "  - {name: r, base_url: \"http://r/v1\", api_key: \"${KEY}\"}\n"                              \
    "models:\n"                                                                                    \
    "  - {name: m, targets: [{provider: p}], breaker: {trip_after: 0}, retry: {attempts: 1},\n"    \
    "     timeouts: {first_token: 60s, between_tokens: 30s}, " of_model "}\n"
#define TWO SETTINGS("fallback: [{provider: q}]")
#define THREE SETTINGS("fallback: [{provider: q}, {provider: r}]")
#define PREFILL(kind) SETTINGS("fallback: [{provider: q, prefill: " kind "}]")

#define STREAMED                                                                                   \
    "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}"
#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
#define ROLE "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n"
#define SAYS(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define COMMENT ": keep-alive\n\n"
#define CUT HEAD ROLE SAYS("one ") SAYS("two ")
#define WHOLE HEAD ROLE SAYS("one t") SAYS("wo three") STOP DONE
#define ENDED(of, says)                                                                            \
    {                                                                                              \
        .host = (of), .text = (says), .end = FAKE_UPSTREAM_ENDS                                    \
    }
#define JSON_400(body) "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n\r\n" body

static void ask(struct play *p)
{
    play_ask(p, &p->stage.client, "", STR(STREAMED));
}

static void says(struct play *p, const char *text, enum fake_upstream_end end)
{
    struct fake_upstream_conn *c = fake_upstream_conn(&p->stage.upstream);

    fake_upstream_say(c, str_from_c(text));
    stage_settle(&p->stage);
    fake_upstream_end(c, end);
    stage_settle(&p->stage);
}

// --- A cut at any byte ---

#define FULL                                                                                       \
    "one two thr\xc3\xa9"                                                                          \
    "e four \"five\" six"

static const char *const first_says = HEAD ROLE SAYS("one ") SAYS("two ") SAYS("thr\xc3\xa9"
                                                                               "e ") SAYS("four ")
    SAYS("\\\"five\\\" ") SAYS("six") STOP DONE;
// The same text, cut up and spelled in other ways.
static const char *const other_says[] = {
    HEAD ROLE SAYS("o") SAYS("ne t") SAYS("wo thr") SAYS("\\u00e9") SAYS("e fo")
        SAYS("ur \\u0022fi") SAYS("ve\\\" s") SAYS("ix") STOP DONE,
    HEAD SAYS("one two thr\xc3\xa9"
              "e four \\\"five\\\" six") STOP DONE,
    // All of it, and the finish with the last of it.
    HEAD ROLE SAYS("one two thr\\u00e9e") "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                                          "\" four \\\"five\\\" six\"},\"finish_reason\":\"stop\"}"
                                          "]}\n\n" DONE,
};

static void check_cut_at(size_t len, const char *other, enum fake_upstream_end end)
{
    struct play p;
    char said[4096];

    snprintf(said, sizeof(said), "%.*s", (int)len, first_says);
    PLAY(&p, STR(TWO), NO_ACT, ENDED("q", other));
    ask(&p);
    says(&p, said, end);
    bool is_finished = play_has(str_from_c(said), STR("\"stop\"}]}\n\n"));
    // The end tells of a last event that lacks its blank line, an abort does not.
    if (end == FAKE_UPSTREAM_ENDS) is_finished = play_has(str_from_c(said), STR("\"stop\"}]}"));
    heard_check_whole(&p, is_finished ? "p" : "pq", STR(FULL));
    bool has_begun = play_has(str_from_c(said), STR("one \"}}]}\n\n"));
    if (has_begun && !is_finished) CHECK_EQ(atomic_load(&p.stage.gateway.metrics.recovered), 1);
    play_done(&p);
}

TEST(exchange_recover_finishes_a_stream_without_a_seam_wherever_it_was_cut)
{
    size_t len = str_from_c(first_says).len;

    for (size_t at = 0; at <= len; at++) {
        check_cut_at(at, other_says[0], FAKE_UPSTREAM_ENDS);
        check_cut_at(at, other_says[at % 2], FAKE_UPSTREAM_ABORTS);
    }
}

TEST(exchange_recover_finishes_it_with_a_finish_that_comes_with_text)
{
    size_t len = str_from_c(first_says).len;

    for (size_t at = 0; at <= len; at++) {
        check_cut_at(at, other_says[2], FAKE_UPSTREAM_ENDS);
    }
}

// --- What comes instead ---

TEST(exchange_recover_ends_in_an_error_where_the_other_tells_another_story)
{
    static const char *const others[] = {
        HEAD ROLE SAYS("one ") SAYS("too ") SAYS("three") STOP DONE,
        HEAD ROLE SAYS("One two three") STOP DONE,
        HEAD ROLE SAYS("one tw") STOP DONE,           // a shorter one
        HEAD ROLE STOP DONE,                          // none
        HEAD ROLE SAYS("one two") "data: [DONE]\n\n", // no finish either
        HEAD "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}\n\n",
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct play p;
        PLAY(&p, STR(TWO), ENDED("p", CUT), ENDED("q", others[i]));
        ask(&p);
        stage_settle(&p.stage);
        heard_check_broken(&p, "pq", STR("one two "));
        CHECK_EQ(atomic_load(&p.stage.gateway.metrics.recovered), 0);
        play_done(&p);
    }
}

TEST(exchange_recover_asks_the_next_where_one_tells_another_story)
{
    struct play p;

    PLAY(&p, STR(THREE), ENDED("p", CUT), ENDED("q", HEAD ROLE SAYS("no") STOP DONE),
         ENDED("r", WHOLE));
    ask(&p);
    stage_settle(&p.stage);
    heard_check_whole(&p, "pqr", STR("one two three"));
    play_done(&p);
}

TEST(exchange_recover_survives_a_second_cut)
{
    static const char *const seconds[] = {
        HEAD ROLE SAYS("on"),         // before it was where the first one was
        HEAD ROLE SAYS("one two "),   // just there
        HEAD ROLE SAYS("one two th"), // behind it
        "",                           // no head
        "HTTP/1.1 500 X\r\ncontent-type: application/json\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}", // no stream
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<p>",
        HEAD ROLE "data: {\"error\":{\"message\":\"x\"}}\n\n",
        HEAD ROLE SAYS("one two thr") "data: {\"error\":{\"message\":\"x\"}}\n\n",
        HEAD ROLE SAYS("one two thr") "data: {\n\n",
    };

    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        struct play p;
        PLAY(&p, STR(THREE), ENDED("p", CUT), ENDED("q", seconds[i]), ENDED("r", WHOLE));
        ask(&p);
        stage_settle(&p.stage);
        heard_check_whole(&p, "pqr", STR("one two three"));
        play_done(&p);
    }
}

TEST(exchange_recover_goes_on_after_an_error_in_the_stream)
{
    struct play p;

    PLAY(&p, STR(TWO), ENDED("p", CUT "data: {\"error\":{\"message\":\"oops\"}}\n\n"),
         ENDED("q", WHOLE));
    ask(&p);
    stage_settle(&p.stage);
    heard_check_whole(&p, "pq", STR("one two three"));
    play_done(&p);
    // Not where the client is at fault; then it hears the upstream's own words.
    PLAY(&p, STR(TWO),
         ENDED("p", CUT "data: {\"error\":{\"message\":\"oops\",\"code\":\"content_filter\"}}\n\n"),
         ENDED("q", WHOLE));
    ask(&p);
    stage_settle(&p.stage);
    heard_check_broken(&p, "p", STR("one two "));
    CHECK(play_has(stage_seen(&p.stage), STR("\"code\":\"content_filter\"")));
    play_done(&p);
}

TEST(exchange_recover_has_a_bound)
{
    struct play p;

    PLAY(&p, STR(SETTINGS("fallback: []")), ENDED("p", CUT), ENDED("p", CUT), ENDED("p", CUT),
         ENDED("p", CUT), ENDED("p", CUT), ENDED("p", CUT), ENDED("p", CUT));
    ask(&p);
    stage_wait(&p.stage, 1000);
    heard_check_broken(&p, "pppp", STR("one two ")); // three recoveries
    play_done(&p);
    // The same target may well finish it.
    PLAY(&p, STR(SETTINGS("fallback: []")), ENDED("p", CUT), ENDED("p", WHOLE));
    ask(&p);
    stage_settle(&p.stage);
    heard_check_whole(&p, "pp", STR("one two three"));
    play_done(&p);
}

TEST(exchange_recover_replaces_a_stream_that_stalled)
{
    struct play p;

    PLAY(&p, STR(TWO), ACT("p", CUT), ENDED("q", WHOLE));
    ask(&p);
    stage_wait(&p.stage, 29'999);
    CHECK_EQ(p.asked_count, 1);
    stage_wait(&p.stage, 1);
    heard_check_whole(&p, "pq", STR("one two three"));
    CHECK_EQ(p.stage.upstream.open_count, 0);
    play_done(&p);
}

TEST(exchange_recover_keeps_the_client_warm_meanwhile)
{
    struct play p;
    struct heard h;

    PLAY(&p, STR(TWO), ENDED("p", CUT));
    ask(&p);
    CHECK_STR(str_from_c(p.asked), "pq");
    stage_wait(&p.stage, 14'999);
    CHECK(!play_has(stage_seen(&p.stage), STR(COMMENT)));
    stage_wait(&p.stage, 1);
    CHECK(play_has(stage_seen(&p.stage), STR(COMMENT)));
    says(&p, HEAD ROLE SAYS("one"), FAKE_UPSTREAM_STAYS); // being matched
    stage_wait(&p.stage, 15'000);
    says(&p, SAYS(" two three") STOP DONE, FAKE_UPSTREAM_ENDS);
    heard_check_whole(&p, "pq", STR("one two three"));
    CHECK(heard_read(&p, &h));
    CHECK_EQ(h.comments, 2);
    heard_done(&h);
    play_done(&p);
}

TEST(exchange_recover_ends_with_the_deadline)
{
    struct play p;

    PLAY(&p, STR(TWO), ENDED("p", CUT));
    play_ask(&p, &p.stage.client, "x-sluice-deadline-ms: 1000\r\n", STR(STREAMED));
    stage_wait(&p.stage, 989);
    CHECK_EQ(p.stage.upstream.open_count, 1);
    stage_wait(&p.stage, 1);
    heard_check_broken(&p, "pq", STR("one two "));
    CHECK(play_has(stage_seen(&p.stage), STR("\"code\":\"upstream_timeout\"")));
    play_done(&p);
}

TEST(exchange_recover_ends_with_its_client)
{
    struct play p;

    PLAY(&p, STR(TWO), ENDED("p", CUT));
    ask(&p);
    CHECK_EQ(p.stage.upstream.open_count, 1);
    fake_client_leave(&p.stage.client, STREAM_CLOSE);
    loop_turn(&p.stage.loop, 0);
    CHECK_EQ(p.stage.upstream.open_count, 0);
    CHECK_EQ(p.stage.gateway.exchange_pool.live_count, 0);
    play_done(&p);
}

// --- Prefill ---

static void check_asked_with(const struct play *p, const char *messages)
{
    str request = buf_view(&p->stage.upstream.request);

    if (!play_has(request, str_from_c(messages)))
        test_fail(__FILE__, __LINE__, "not %s: %" STR_FMT, messages, STR_ARG(request));
}

#define USER "{\"role\":\"user\",\"content\":\"q\"}"

TEST(exchange_recover_asks_to_go_on_where_the_target_can)
{
    struct play p;

    PLAY(&p, STR(PREFILL("plain")), ENDED("p", CUT),
         ENDED("q", HEAD ROLE SAYS("thr") SAYS("ee") STOP DONE));
    ask(&p);
    stage_settle(&p.stage);
    heard_check_whole(&p, "pq", STR("one two three"));
    check_asked_with(&p, "[" USER ",{\"role\":\"assistant\",\"content\":\"one two\"}]");
    play_done(&p);
    // The space that was not sent may come again, once.
    PLAY(&p, STR(PREFILL("prefix")), ENDED("p", CUT),
         ENDED("q", HEAD ROLE SAYS(" thr") SAYS("ee") STOP DONE));
    ask(&p);
    stage_settle(&p.stage);
    heard_check_whole(&p, "pq", STR("one two three"));
    check_asked_with(&p, "\"content\":\"one two\",\"prefix\":true}]");
    play_done(&p);
}

TEST(exchange_recover_has_all_told_again_where_the_target_would_not_go_on)
{
    struct play p;

    PLAY(&p, STR(PREFILL("plain")), ENDED("p", CUT),
         ENDED("q", JSON_400("{\"error\":{\"message\":\"This model does not support assistant "
                             "message prefill.\"}}")),
         ENDED("q", WHOLE), ENDED("p", CUT), ENDED("q", WHOLE));
    ask(&p);
    stage_settle(&p.stage);
    heard_check_whole(&p, "pqq", STR("one two three"));
    check_asked_with(&p, "[" USER "]}");
    // That is remembered.
    stage_forget(&p.stage);
    ask(&p);
    stage_settle(&p.stage);
    heard_check_whole(&p, "pqqpq", STR("one two three"));
    check_asked_with(&p, "[" USER "]}");
    play_done(&p);
}
