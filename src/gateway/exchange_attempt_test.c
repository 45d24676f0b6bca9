#include "gateway/exchange.h"

#include "support/play.h"

#define PROVIDERS                                                                                  \
    "providers:\n"                                                                                 \
    "  - {name: p, base_url: \"http://p/v1\", api_key: \"${KEY}\"}\n"                              \
    "  - {name: q, base_url: \"http://q/v1\", api_key: \"${KEY}\"}\n"                              \
    "  - {name: r, base_url: \"http://r/v1\", api_key: \"${KEY}\"}\n"                              \
    "models:\n"
#define ONE(rest)                                                                                  \
    PROVIDERS "  - {name: m, targets: [{provider: p}], breaker: {trip_after: 0}" rest "}\n"
#define THREE(rest)                                                                                \
    PROVIDERS "  - {name: m, targets: [{provider: p}], breaker: {trip_after: 0},\n"                \
              "     fallback: [{provider: q}, {provider: r}]" rest "}\n"

#define JSON(status, fields, body)                                                                 \
    "HTTP/1.1 " status "\r\ncontent-type: application/json\r\n" fields                             \
    "content-length: 7\r\n\r\n" body
#define FINE JSON("200 OK", "", "{\"a\":1}")
#define BROKEN JSON("500 Internal Server Error", "", "{\"b\":2}")
#define BUSY JSON("503 Service Unavailable", "", "{\"c\":3}")
#define LIMITED(fields) JSON("429 Too Many Requests", fields, "{\"d\":4}")
#define ASK "{\"model\":\"m\"}"
#define OPENED(span) ((struct cell_news){.kind = CELL_NEWS_OPEN, .span_ms = (span)})

static void ask(struct play *p)
{
    stage_forget(&p->stage);
    play_ask(p, &p->stage.client, "", STR(ASK));
}

static void ask_with(struct play *p, const char *fields)
{
    stage_forget(&p->stage);
    play_ask(p, &p->stage.client, fields, STR(ASK));
}

static void check(struct play *p, const char *asked, const char *begin, const char *part)
{
    CHECK_SAME(str_from_c(p->asked), str_from_c(asked));
    play_check(stage_seen(&p->stage), begin, part);
}

TEST(exchange_attempt_comes_again_after_a_wait_in_the_upper_half_of_its_span)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct play p;
        PLAY(&p, STR(ONE("")), ACT("p", BROKEN), ACT("p", BROKEN), ACT("p", FINE));
        random_init(&p.stage.gateway.random, test_seed() + seed);
        ask(&p);
        CHECK_EQ(buf_len(&p.stage.client.seen), 0);
        stage_wait(&p.stage, 124);
        CHECK_EQ(p.asked_count, 1);
        stage_wait(&p.stage, 126);
        CHECK_EQ(p.asked_count, 2);
        msec wait = p.asked_at[1] - p.asked_at[0];
        CHECK(wait >= 125 && wait <= 250);
        stage_wait(&p.stage, 500);
        wait = p.asked_at[2] - p.asked_at[1];
        CHECK(wait >= 250 && wait <= 500);
        check(&p, "ppp", "HTTP/1.1 200 OK\r\n", "\r\nx-sluice-attempts: 3\r\n");
        CHECK_EQ(atomic_load(&p.stage.gateway.metrics.retries), 2);
        CHECK_EQ(atomic_load(&p.stage.gateway.metrics.failovers), 0);
        play_done(&p);
    }
}

TEST(exchange_attempt_waits_exactly_as_long_as_a_429_says)
{
    static const struct {
        const char *answer;
        msec wait;
    } cases[] = {
        {LIMITED("retry-after-ms: 1234\r\n"), 1234},
        {LIMITED("retry-after: 3\r\n"), 3000},
        {LIMITED("retry-after: 9\r\nretry-after-ms: 777\r\n"), 777},
        {JSON("503 Service Unavailable", "retry-after: 2\r\n", "{\"c\":3}"), 2000},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct play p;
        PLAY(&p, STR(ONE("")), ACT("p", cases[i].answer), ACT("p", FINE));
        ask(&p);
        stage_wait(&p.stage, cases[i].wait - 1);
        CHECK_EQ(p.asked_count, 1);
        stage_wait(&p.stage, 1);
        CHECK_EQ(p.asked_count, 2);
        CHECK_EQ(p.asked_at[1] - p.asked_at[0], cases[i].wait);
        check(&p, "pp", "HTTP/1.1 200 OK\r\n", "\r\nserver-timing: queue;dur=");
        play_done(&p);
    }
}

TEST(exchange_attempt_does_not_come_sooner_than_its_own_wait)
{
    struct play p;

    PLAY(&p, STR(ONE("")), ACT("p", LIMITED("retry-after-ms: 0\r\n")), ACT("p", FINE));
    ask(&p);
    stage_wait(&p.stage, 124);
    CHECK_EQ(p.asked_count, 1);
    stage_wait(&p.stage, 126);
    check(&p, "pp", "HTTP/1.1 200 OK\r\n", "{\"a\":1}");
    play_done(&p);
}

TEST(exchange_attempt_waits_no_longer_than_its_bound_where_another_can_answer)
{
    struct play p;

    PLAY(&p, STR(THREE(", retry: {wait: 1s}")), ACT("p", LIMITED("retry-after-ms: 1001\r\n")),
         ACT("q", LIMITED("retry-after-ms: 1000\r\n")), ACT("q", FINE));
    ask(&p);
    CHECK_STR(str_from_c(p.asked), "pq"); // at once
    stage_wait(&p.stage, 1000);
    CHECK_EQ(p.asked_at[2] - p.asked_at[1], 1000);
    check(&p, "pqq", "HTTP/1.1 200 OK\r\n", "\r\nx-sluice-provider: q\r\n");
    play_done(&p);
}

TEST(exchange_attempt_goes_through_targets_and_fallback_in_order)
{
    struct play p;

    PLAY(&p, STR(THREE(", retry: {attempts: 2}")), ACT("p", BROKEN), ACT("p", BROKEN),
         ACT("q", BROKEN), ACT("q", BROKEN), ACT("r", BROKEN), ACT("r", FINE));
    ask(&p);
    stage_wait(&p.stage, 1000);
    check(&p, "ppqqrr", "HTTP/1.1 200 OK\r\n", "\r\nx-sluice-attempts: 6\r\n");
    // Each target has its own span, and another one is asked without a wait.
    CHECK_EQ(p.asked_at[2], p.asked_at[1]);
    CHECK_EQ(p.asked_at[4], p.asked_at[3]);
    CHECK(p.asked_at[5] - p.asked_at[4] <= 250);
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.failovers), 2);
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.retries), 3);
    play_done(&p);
}

TEST(exchange_attempt_goes_elsewhere_at_once_where_asking_again_does_not_help)
{
    static const char *const answers[] = {
        JSON("401 Unauthorized", "", "{\"e\":5}"),
        JSON("402 Payment Required", "", "{\"e\":5}"),
        "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: "
        "37\r\n\r\n{\"error\":{\"code\":\"model_not_found\"}}  ",
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: "
        "45\r\n\r\n{\"error\":{\"code\":\"context_length_exceeded\"}}  ",
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct play p;
        PLAY(&p, STR(THREE("")), ACT("p", answers[i]), ACT("q", FINE));
        ask(&p);
        check(&p, "pq", "HTTP/1.1 200 OK\r\n", "{\"a\":1}");
        play_done(&p);
    }
}

TEST(exchange_attempt_passes_an_error_of_the_clients_at_once)
{
    static const char *const answers[] = {
        JSON("400 Bad Request", "x-own: 1\r\n", "{\"e\":5}"),
        JSON("413 Content Too Large", "x-own: 1\r\n", "{\"e\":5}"),
        JSON("422 Unprocessable Content", "x-own: 1\r\n", "{\"e\":5}"),
        JSON("404 Not Found", "x-own: 1\r\n", "{\"e\":5}"),
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct play p;
        char begin[16];
        PLAY(&p, STR(THREE("")), ACT("p", answers[i]), ACT("q", FINE));
        ask(&p);
        snprintf(begin, sizeof(begin), "%.12s", answers[i]);
        check(&p, "p", begin, "\r\nx-own: 1\r\n");
        CHECK(play_has(stage_seen(&p.stage), STR("\r\nx-sluice-attempts: 1\r\n")));
        CHECK(play_has(stage_seen(&p.stage), STR("\r\nx-sluice-failure: client_error\r\n")));
        CHECK_STR(stage_body(&p.stage), "{\"e\":5}");
        play_done(&p);
    }
}

TEST(exchange_attempt_shows_the_client_the_last_error_of_an_upstream)
{
    struct play p;

    PLAY(&p, STR(THREE(", retry: {attempts: 1}")), ACT("p", BROKEN), ACT("q", LIMITED("")),
         ACT("r", BUSY));
    ask(&p);
    check(&p, "pqr", "HTTP/1.1 503 ", "\r\nx-sluice-attempts: 3\r\n");
    CHECK(play_has(stage_seen(&p.stage), STR("\r\nx-sluice-provider: r\r\n")));
    CHECK(play_has(stage_seen(&p.stage), STR("\r\nx-sluice-failure: overloaded\r\n")));
    CHECK_STR(stage_body(&p.stage), "{\"c\":3}");
    // Where the last one said nothing, that is told.
    play_done(&p);
    PLAY(&p, STR(THREE(", retry: {attempts: 1}")), ACT("p", BROKEN), ACT("q", BUSY),
         {.host = "r", .text = "", .end = FAKE_UPSTREAM_ENDS});
    ask(&p);
    check(&p, "pqr", "HTTP/1.1 502 ", "\"code\":\"upstream_closed\"");
    CHECK(play_has(stage_seen(&p.stage), STR("\r\nx-sluice-failure: unreachable\r\n")));
    play_done(&p);
}

TEST(exchange_attempt_spends_no_more_than_the_budget_of_retries)
{
    struct play p;

    PLAY(&p, STR(ONE(", retry: {budget: 0%, floor: 1}")), ACT("p", BROKEN), ACT("p", BROKEN),
         ACT("p", BROKEN), ACT("p", BROKEN), ACT("p", FINE));
    ask(&p);
    stage_wait(&p.stage, 2000);
    check(&p, "pp", "HTTP/1.1 500 ", "\r\nx-sluice-attempts: 2\r\n");
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.retries_refused), 1);
    ask(&p);
    stage_wait(&p.stage, 2000);
    check(&p, "ppp", "HTTP/1.1 500 ", "\r\nx-sluice-attempts: 1\r\n");
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.retries_refused), 2);
    stage_wait(&p.stage, 10'000); // then there is some again
    ask(&p);
    stage_wait(&p.stage, 2000);
    check(&p, "ppppp", "HTTP/1.1 200 ", "\r\nx-sluice-attempts: 2\r\n");
    play_done(&p);
}

// A stream whose first token takes so long, so that it is known how long one takes.
static void learn_first(struct play *p, msec wait)
{
    play_ask(p, &p->stage.client, "", STR("{\"model\":\"m\",\"stream\":true}"));
    stage_wait(&p->stage, wait);
    stage_upstream_says(
        &p->stage,
        STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
            "data: [DONE]\n\n"));
    fake_upstream_end(fake_upstream_conn(&p->stage.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&p->stage);
    CHECK(play_has(stage_seen(&p->stage), STR("[DONE]")));
}

TEST(exchange_attempt_begins_none_that_could_not_end_before_the_deadline)
{
    for (int is_known = 0; is_known < 2; is_known++) {
        struct play p;
        PLAY(&p, STR(ONE("")), NO_ACT);
        if (is_known) learn_first(&p, 800);
        p.count = 2;
        p.acts[0] = (struct act)ACT("p", BROKEN);
        p.acts[1] = (struct act)ACT("p", FINE);
        ask_with(&p, "x-sluice-deadline-ms: 900\r\n");
        stage_wait(&p.stage, 400);
        check(&p, "pp", is_known ? "HTTP/1.1 500 " : "HTTP/1.1 200 ",
              is_known ? "{\"b\":2}" : "{\"a\":1}");
        play_done(&p);
    }
}

TEST(exchange_attempt_begins_none_after_the_answer_should_have_begun)
{
    struct play p;

    // Of 1 s the wait alone would take all.
    PLAY(&p, STR(ONE("")), ACT("p", LIMITED("retry-after-ms: 995\r\n")), ACT("p", FINE));
    ask_with(&p, "x-stainless-timeout: 1\r\n");
    check(&p, "p", "HTTP/1.1 429 ", "\r\nretry-after-ms: 995\r\n");
    CHECK_STR(stage_body(&p.stage), "{\"d\":4}");
    play_done(&p);
    PLAY(&p, STR(ONE("")), ACT("p", LIMITED("retry-after-ms: 900\r\n")), ACT("p", FINE));
    ask_with(&p, "x-stainless-timeout: 1\r\n");
    stage_wait(&p.stage, 900);
    check(&p, "pp", "HTTP/1.1 200 ", "{\"a\":1}");
    play_done(&p);
}

TEST(exchange_attempt_tells_the_upstream_what_is_left_of_the_time)
{
    struct play p;

    PLAY(&p, STR(ONE("")), ACT("p", LIMITED("retry-after-ms: 400\r\n")), ACT("p", FINE));
    ask_with(&p, "x-sluice-deadline-ms: 1000\r\n");
    CHECK(play_has(buf_view(&p.stage.upstream.request), STR("\r\nx-sluice-deadline-ms: 990\r\n")));
    stage_wait(&p.stage, 400);
    CHECK(play_has(buf_view(&p.stage.upstream.request), STR("\r\nx-sluice-deadline-ms: 590\r\n")));
    play_done(&p);
}

TEST(exchange_attempt_bounds_how_often_it_tries)
{
    struct play p;
    struct act acts[PLAY_ACTS_MAX];
    static const char yaml[] = PROVIDERS
        "  - {name: m, breaker: {trip_after: 0}, retry: {attempts: 5, floor: 100},\n"
        "     targets: [{provider: p, model: a}, {provider: p, model: b}, {provider: q, model: "
        "c},\n"
        "               {provider: q, model: d}, {provider: r, model: e}, {provider: r}]}\n";

    for (size_t i = 0; i < PLAY_ACTS_MAX; i++) {
        acts[i] = (struct act)ACT(NULL, BROKEN);
    }
    play_init(&p, str_from_c(yaml), acts, PLAY_ACTS_MAX);
    ask(&p);
    stage_wait(&p.stage, 60'000);
    CHECK_EQ(p.asked_count, EXCHANGE_ATTEMPTS_MAX);
    play_check(stage_seen(&p.stage), "HTTP/1.1 500 ", "\r\nx-sluice-attempts: 16\r\n");
    play_done(&p);
}

// --- Nobody may be asked ---

TEST(exchange_attempt_says_when_to_come_again_where_all_are_open)
{
    struct play p;
    char want[64];

    PLAY(&p, STR(PROVIDERS "  - {name: m, targets: [{provider: p}]}\n"), NO_ACT);
    gateway_tell(&p.stage.gateway, 0, OPENED(5500));
    msec left =
        cell_ready(cells_at(&p.stage.gateway.cells, 0), p.stage.loop.now) - p.stage.loop.now;
    CHECK(left > 4900 && left <= 5500);
    ask(&p);
    snprintf(want, sizeof(want), "\r\nretry-after: %ld\r\nretry-after-ms: %ld\r\n",
             (left + 999) / 1000, left);
    check(&p, "", "HTTP/1.1 503 ", "\"code\":\"circuit_open\"");
    CHECK(play_has(stage_seen(&p.stage), str_from_c(want)));
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.refused_open), 1);
    play_done(&p);
}

TEST(exchange_attempt_is_refused_as_open_while_another_one_probes)
{
    struct play p;
    struct fake_client other;

    PLAY(&p, STR(PROVIDERS "  - {name: m, targets: [{provider: p}]}\n"), NO_ACT);
    gateway_tell(&p.stage.gateway, 0, OPENED(1000));
    stage_wait(&p.stage, 1000);
    ask(&p); // the probe, which is not answered yet
    CHECK_EQ(p.asked_count, 1);
    stage_connect(&p.stage, &other, (struct memory_stream_options){.seed = 0});
    play_ask(&p, &other, "", STR(ASK));
    CHECK_EQ(p.asked_count, 1);
    play_check(buf_view(&other.seen), "HTTP/1.1 503 ", "\"code\":\"circuit_open\"");
    fake_client_done(&other);
    play_done(&p);
}

TEST(exchange_attempt_is_refused_as_open_while_the_traffic_returns)
{
    struct play p;
    int refused = 0;

    PLAY(&p, STR(PROVIDERS "  - {name: m, targets: [{provider: p}]}\n"), NO_ACT);
    gateway_tell(&p.stage.gateway, 0, OPENED(1000));
    gateway_tell(&p.stage.gateway, 0, (struct cell_news){.kind = CELL_NEWS_CLOSED});
    p.stage.upstream.requested = NULL;
    p.stage.upstream.script = STR(FINE);
    for (int i = 0; i < 50; i++) {
        ask(&p);
        if (str_starts(stage_seen(&p.stage), STR("HTTP/1.1 200 "))) continue;
        play_check(stage_seen(&p.stage), "HTTP/1.1 503 ", "\"code\":\"circuit_open\"");
        refused++;
    }
    CHECK(refused > 30 && refused < 50); // a tenth passes
    play_done(&p);
}

TEST(exchange_attempt_says_when_to_come_again_where_every_key_waits_for_long)
{
    struct play p;

    PLAY(&p,
         STR("providers:\n  - {name: p, base_url: \"http://p/v1\", api_keys: [{name: a, key: ka}, "
             "{name: b, key: kb}]}\n"
             "models:\n  - {name: m, targets: [{provider: p}], retry: {attempts: 1, wait: 5s}}\n"),
         ACT("p", LIMITED("retry-after-ms: 9000\r\n")),
         ACT("p", LIMITED("retry-after-ms: 8000\r\n")));
    ask(&p);
    ask(&p);
    CHECK_STR(str_from_c(p.asked), "pp"); // one by each key
    ask(&p);
    check(&p, "pp", "HTTP/1.1 429 ", "\r\nretry-after: 8\r\nretry-after-ms: 8000\r\n");
    CHECK(play_has(stage_seen(&p.stage), STR("\"code\":\"rate_limit_exceeded\"")));
    // Three seconds later the rest can be waited for.
    stage_wait(&p.stage, 3000);
    p.acts[0] = (struct act)ACT("p", FINE);
    ask(&p);
    CHECK_EQ(buf_len(&p.stage.client.seen), 0);
    stage_wait(&p.stage, 5050);
    check(&p, "ppp", "HTTP/1.1 200 ", "\r\nserver-timing: queue;dur=50");
    CHECK(p.asked_at[2] - p.asked_at[1] >= 8000 && p.asked_at[2] - p.asked_at[1] < 8050);
    play_done(&p);
}

TEST(exchange_attempt_says_that_nobody_can_serve_what_is_needed)
{
    struct play p;

    PLAY(&p, STR(PROVIDERS "  - {name: m, targets: [{provider: p, tools: false}]}\n"), NO_ACT);
    play_ask(&p, &p.stage.client, "",
             STR("{\"model\":\"m\",\"tools\":[{\"type\":\"function\"}],\"messages\":[]}"));
    check(&p, "", "HTTP/1.1 400 ", "\"code\":\"no_target\"");
    play_done(&p);
}
