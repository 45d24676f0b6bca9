// The whole gateway on virtual time, with seeded faults on both sides of it.
//
// A *visit* is one client with one to three requests, sent in pieces, at once or one after the
// other; it may stall, leave or reset. For every request the upstream draws a fate: a good answer
// in pieces of time, or one that is cut, reset, malformed, stalled, late or refused. After each
// visit what the client saw is judged: complete answers, errors, or a reset; never a part of an
// answer that ends as if it were all. SEED=n repeats a run, SIM_EXCHANGES=n makes it longer.
#include "base/memory.h"
#include "codec/h1.h"
#include "codec/json.h"

#include "support/stage.h"
#include "support/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HI "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define JSON_TEXT                                                                                  \
    "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"hello\"}}],\"end\":\"of-json\"}"
#define FILE_TEXT "of a file, from its first byte to the end-of-file"

enum {
    EXCHANGES = 24000,
    VISITS_AT_ONCE = 48,
    REQUESTS_MAX = 3,
    TEXT_MAX = 1 << 20,
    FIELDS_MAX = 64,
};

enum kind { KIND_STREAM, KIND_JSON, KIND_FILE, KIND_UPLOAD, KINDS };

enum fate {
    FATE_GOOD,
    FATE_CUT, // after some byte, in order
    FATE_RESET,
    FATE_STALL, // after some byte, for good
    FATE_MALFORMED,
    FATE_ERROR,
    FATE_GARBAGE,
    FATE_SILENT,
    FATES,
};

#define LIMITS                                                                                     \
    "limits:\n  comment_interval: 2s\n  write_timeout: 5s\n  body_timeout: 5s\n"                   \
    "  upstream_idle_timeout: 3s\n  upstream_idle_connections: 8\n"                                \
    "providers:\n"                                                                                 \
    "  - {name: p, base_url: \"http://up.example/v1\", api_key: \"${KEY}\"}\n"                     \
    "  - {name: q, base_url: \"http://q.example/v1\"}\n"                                           \
    "models:\n"                                                                                    \
    "  - {name: m, targets: [{provider: p, model: up-m, weight: 2}, {provider: q}],\n"             \
    "     timeouts: {total: 30s, connect: 1s, first_token: 6s, between_tokens: 4s},\n"

// One attempt a request; several, with recovery; the same with breakers and a limit that fails few.
enum { MANNERS = 4, MANNER_BREAKERS = 2 };

static const str yamls[MANNERS] = {
    STR_INIT(LIMITS "     retry: {attempts: 1}, breaker: {trip_after: 0}, recovery: error}\n"),
    STR_INIT(LIMITS "     retry: {budget: 100%}, breaker: {trip_after: 0},\n"
                    "     fallback: [{provider: q, model: f}, {provider: p, prefill: plain}]}\n"),
    STR_INIT(LIMITS "     fallback: [{provider: q, model: f}], concurrency: {min: 1, max: 12}}\n"),
    STR_INIT(LIMITS "     balance: least_load, breaker: {trip_after: 0}, "
                    "concurrency: {min: 1, max: 6}}\n"),
};

struct sim;

// An upstream's connection, with what it still has to say.
struct origin_conn {
    struct fake_upstream_conn conn; // first: the fake upstream makes these
    struct timer timer;
    struct buf script;
    enum fate fate;
};

struct visit {
    struct fake_client client;
    struct sim *sim;
    struct timer timer;
    struct buf script; // still to send
    enum kind kinds[REQUESTS_MAX];
    int request_count;
    enum { VISIT_STAYS, VISIT_LEAVES, VISIT_RESETS } manner;
    msec patience; // of one that leaves
    msec leaves_at;
    bool is_open;
    bool stalls; // deaf for a while
};

struct sim {
    struct stage stage;
    str yaml;
    struct random random;
    struct visit visits[VISITS_AT_ONCE];
    struct buf text;
    size_t wanted;
    size_t started;   // requests sent, or begun
    size_t completes; // by what clients saw
    size_t errors;
    size_t resets;
    size_t left;
    uint64_t trace;
};

static struct sim *sim; // for callbacks of fakes

static uint64_t below(uint64_t bound)
{
    return random_below(&sim->random, bound);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

static void note(uint64_t what)
{
    sim->trace = random_mix(sim->trace ^ random_mix(what + (uint64_t)sim->stage.loop.now));
}

static void put(struct buf *b, str s)
{
    CHECK_EQ(buf_append(b, s), OK);
}

// --- The upstream ---

static void put_chunk(struct buf *out, str s)
{
    CHECK_EQ(buf_append_format(out, "%zx\r\n", s.len), OK);
    put(out, s);
    put(out, STR("\r\n"));
}

static void put_stream(struct buf *out, bool is_malformed)
{
    bool is_chunked = chance(70);
    unsigned events = 1 + (unsigned)below(8);
    void (*add)(struct buf *, str) = is_chunked ? put_chunk : put;

    put(out, STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"));
    put(out,
        is_chunked ? STR("transfer-encoding: chunked\r\n\r\n") : STR("connection: close\r\n\r\n"));
    for (unsigned i = 0; i < events; i++) {
        add(out, chance(10) ? STR(": a comment\n\n") : STR(HI));
    }
    if (is_malformed) add(out, chance(50) ? STR("data: {\"choices\"\n\n") : STR("data: [1]\n\n"));
    add(out, STR(STOP DONE));
    if (is_chunked) put(out, STR("0\r\n\r\n"));
}

static void put_text(struct buf *out, str type, str text, bool is_malformed)
{
    CHECK_EQ(
        buf_append_format(out, "HTTP/1.1 200 OK\r\ncontent-type: %" STR_FMT "\r\n", STR_ARG(type)),
        OK);
    if (chance(50)) {
        CHECK_EQ(
            buf_append_format(out, "content-length: %zu\r\n\r\n%" STR_FMT, text.len, STR_ARG(text)),
            OK);
        return;
    }
    put(out, STR("transfer-encoding: chunked\r\n\r\n"));
    put_chunk(out, str_sub(text, 0, 9));
    if (is_malformed) put(out, STR("oops\r\n"));
    put_chunk(out, str_sub(text, 9, text.len));
    put(out, STR("0\r\n\r\n"));
}

static void put_answer(struct buf *out, str request, enum fate fate)
{
    bool is_malformed = fate == FATE_MALFORMED;

    if (fate == FATE_SILENT) return;
    if (fate == FATE_GARBAGE) {
        put(out, chance(50) ? STR("HTTP/9 what\r\n\r\n") : STR("\x16\x03\x01 no text\r\n\r\n"));
    } else if (fate == FATE_ERROR) {
        put_text(out, chance(50) ? STR("application/json") : STR("text/html"),
                 STR("{\"error\":{\"message\":\"of the upstream itself\"}}"), false);
        memcpy(out->bytes + out->start + 9, "503", 3);
    } else if (str_find(request, STR("\"stream\":true")) < request.len) {
        put_stream(out, is_malformed);
    } else if (str_find(request, STR("/chat/")) < request.len) {
        put_text(out, STR("application/json"), STR(JSON_TEXT), is_malformed);
    } else {
        put_text(out, STR("text/plain"), STR(FILE_TEXT), is_malformed);
    }
}

static void origin_step(struct timer *t)
{
    struct origin_conn *o = container_of(t, struct origin_conn, timer);
    size_t left = buf_len(&o->script);

    if (!o->conn.stream) {
        buf_done(&o->script);
        return;
    }
    size_t len = left ? 1 + (size_t)below(left) : 0;
    fake_upstream_say(&o->conn, str_sub(buf_view(&o->script), 0, len));
    buf_consume(&o->script, len);
    if (buf_len(&o->script) && o->conn.stream) {
        loop_alarm(&sim->stage.loop, &o->timer, (msec)below(chance(5) ? 5000 : 300), origin_step);
        return;
    }
    buf_done(&o->script);
    if (o->fate == FATE_CUT) fake_upstream_end(&o->conn, FAKE_UPSTREAM_ENDS);
    if (o->fate == FATE_RESET) fake_upstream_end(&o->conn, FAKE_UPSTREAM_ABORTS);
}

static enum fate draw_fate(void)
{
    return chance(60) ? FATE_GOOD : (enum fate)below(FATES);
}

static void on_requested(struct fake_upstream *u, struct fake_upstream_conn *c)
{
    struct origin_conn *o = container_of(c, struct origin_conn, conn);

    o->fate = draw_fate();
    note(100 + o->fate);
    buf_done(&o->script);
    buf_init(&o->script, TEXT_MAX);
    put_answer(&o->script, buf_view(&u->request), o->fate);
    str all = buf_view(&o->script);
    bool closes = str_find(all, STR("connection: close")) < all.len;
    if (closes && o->fate == FATE_GOOD) c->ending = FAKE_UPSTREAM_STAYS;
    if (o->fate == FATE_CUT || o->fate == FATE_RESET || o->fate == FATE_STALL) {
        struct buf cut;
        buf_init(&cut, TEXT_MAX);
        put(&cut, str_sub(all, 0, (size_t)below(all.len)));
        buf_done(&o->script);
        o->script = cut;
    } else if (closes) {
        o->fate = FATE_CUT; // which is how it says that this was all
    }
    loop_alarm(u->loop, &o->timer, (msec)below(500), origin_step);
}

// --- The clients ---

static void put_request(struct buf *out, enum kind kind)
{
    switch (kind) {
    case KIND_STREAM:
        put(out, STR("POST /v1/chat/completions HTTP/1.1\r\nHost: gw\r\nContent-Length: 27\r\n\r\n"
                     "{\"model\":\"m\",\"stream\":true}"));
        break;
    case KIND_JSON:
        put(out, STR("POST /v1/chat/completions HTTP/1.1\r\nHost: gw\r\nContent-Length: 13\r\n\r\n"
                     "{\"model\":\"m\"}"));
        break;
    case KIND_FILE: put(out, STR("GET /v1/files/f/content HTTP/1.1\r\nHost: gw\r\n\r\n")); break;
    case KIND_UPLOAD:
        put(out, STR("POST /v1/files HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "5\r\n01234\r\n20\r\n01234567890123456789012345678901\r\n0\r\n\r\n"));
        break;
    case KINDS: break;
    }
}

// What a whole answer to a request of that kind ends with, its framing apart.
static bool is_complete(enum kind kind, unsigned status, str body)
{
    if (status != 200) return json_check(body, NULL) == OK || status == 503;
    switch (kind) {
    case KIND_STREAM:
        // Comments may follow, while the upstream takes its time to end.
        return str_find(body, STR(STOP)) < body.len && str_find(body, STR(DONE)) < body.len;
    case KIND_JSON: return str_eq(body, STR(JSON_TEXT));
    case KIND_FILE:
    case KIND_UPLOAD: return str_eq(body, STR(FILE_TEXT));
    case KINDS: break;
    }
    return false;
}

static bool is_told_error(enum kind kind, unsigned status, str body)
{
    if (status != 200) return status >= 400;
    return kind == KIND_STREAM && str_find(body, STR("data: {\"error\":{")) < body.len &&
           str_ends(body, STR("\"}}\n\n"));
}

// Takes an answer off the front of `seen`; false where it has no end.
static bool take_answer(str *seen, unsigned *status, struct buf *body)
{
    struct h1_field fields[FIELDS_MAX];
    struct h1_head head;
    struct h1_body decoder;
    size_t scanned = 0;
    size_t used = 0;
    str piece = STR("");

    if (h1_find_head(*seen, TEXT_MAX, &scanned, &used)) return false;
    CHECK_EQ(h1_parse_response(str_sub(*seen, 0, used), false, fields, FIELDS_MAX, &head), OK);
    *seen = str_sub(*seen, used, seen->len);
    *status = head.status;
    // Nothing may be left to the end of the connection.
    CHECK(head.framing != H1_UNTIL_CLOSE);
    h1_body_init(&decoder, head.framing, head.content_length);
    while (!decoder.is_done) {
        if (!seen->len) return false;
        CHECK_EQ(h1_body_decode(&decoder, (char *)(uintptr_t)seen->ptr, seen->len, &piece, &used),
                 OK);
        put(body, piece);
        *seen = str_sub(*seen, used, seen->len);
    }
    return true;
}

[[gnu::noreturn]] static void complain(const struct visit *v, const char *what, int at, str body)
{
    test_fail(__FILE__, __LINE__,
              "%s: kind %d, request %d of %d, at %" PRId64 ", %s: \"%" STR_FMT "\"", what,
              (int)v->kinds[at], at + 1, v->request_count, sim->stage.loop.now,
              err_name(v->client.end), STR_ARG(body));
}

// Judges what a visit saw; with `has_left` it did not wait for the end.
static void judge(struct visit *v, bool has_left)
{
    str seen = buf_view(&v->client.seen);
    struct buf body;
    int answered = 0;

    buf_init(&body, TEXT_MAX);
    while (seen.len && answered < v->request_count) {
        unsigned status = 0;
        buf_clear(&body);
        if (!take_answer(&seen, &status, &body)) {
            // An answer without its end: the connection must have broken, or be left.
            if (!has_left && v->client.end != ERR_CLOSED)
                complain(v, "an answer without end", answered, buf_view(&body));
            sim->resets += !has_left;
            seen = STR("");
            break;
        }
        enum kind kind = v->kinds[answered++];
        if (is_complete(kind, status, buf_view(&body)) && status == 200) {
            sim->completes++;
        } else if (is_told_error(kind, status, buf_view(&body))) {
            sim->errors++;
        } else {
            complain(v, "a part that passes for the whole", answered - 1, buf_view(&body));
        }
        note(status);
    }
    // Behind a rejected request the connection closes, so later ones may have no answer.
    if (!has_left && answered < v->request_count && !v->client.end)
        complain(v, "no answer", answered, STR(""));
    note((uint64_t)answered + buf_len(&v->client.seen));
    buf_done(&body);
}

static void end_visit(struct visit *v, bool has_left)
{
    judge(v, has_left);
    loop_alarm_stop(&sim->stage.loop, &v->timer);
    if (has_left) sim->left++;
    fake_client_leave(&v->client, v->manner == VISIT_RESETS ? STREAM_ABORT : STREAM_CLOSE);
    fake_client_done(&v->client);
    buf_done(&v->script);
    v->is_open = false;
}

static int answers_seen(const struct visit *v)
{
    struct buf copy;
    struct buf body;
    unsigned status = 0;
    int count = 0;

    buf_init(&copy, TEXT_MAX);
    buf_init(&body, TEXT_MAX);
    put(&copy, buf_view(&v->client.seen));
    str seen = buf_view(&copy);
    while (seen.len && take_answer(&seen, &status, &body)) {
        count++;
        buf_clear(&body);
    }
    buf_done(&copy);
    buf_done(&body);
    return count;
}

static void visit_step(struct timer *t);

static void say_some(struct visit *v)
{
    size_t left = buf_len(&v->script);
    size_t len = chance(60) ? left : 1 + (size_t)below(left);

    fake_client_say(&v->client, str_sub(buf_view(&v->script), 0, len));
    buf_consume(&v->script, len);
}

static void visit_step(struct timer *t)
{
    struct visit *v = container_of(t, struct visit, timer);
    msec now = sim->stage.loop.now;

    if (v->manner != VISIT_STAYS && now >= v->leaves_at) {
        end_visit(v, true);
        return;
    }
    if (v->stalls && chance(30)) {
        v->stalls = false;
        fake_client_listen(&v->client);
    }
    if (buf_len(&v->script)) say_some(v);
    if (v->client.end || (!buf_len(&v->script) && answers_seen(v) == v->request_count)) {
        end_visit(v, false);
        return;
    }
    loop_alarm(&sim->stage.loop, &v->timer, 1 + (msec)below(400), visit_step);
}

static void begin_visit(struct visit *v)
{
    struct memory_stream_options options = {.capacity = chance(30) ? 16 + (size_t)below(400) : 0,
                                            .seed = chance(50) ? 1 + below(1'000'000) : 0};

    v->is_open = true;
    v->request_count = 1 + (int)below(REQUESTS_MAX);
    buf_init(&v->script, TEXT_MAX);
    for (int i = 0; i < v->request_count; i++) {
        v->kinds[i] = (enum kind)below(KINDS);
        put_request(&v->script, v->kinds[i]);
    }
    v->manner = chance(80) ? VISIT_STAYS : chance(50) ? VISIT_LEAVES : VISIT_RESETS;
    v->leaves_at = sim->stage.loop.now + (msec)below(8000);
    stage_connect(&sim->stage, &v->client, options);
    v->stalls = v->client.is_deaf = chance(10);
    sim->started += (size_t)v->request_count;
    loop_alarm(&sim->stage.loop, &v->timer, (msec)below(200), visit_step);
}

// --- The run ---

static void vary_dials(void)
{
    struct memory_dialer *d = &sim->stage.upstream.dialer;

    d->mood = chance(92)   ? MEMORY_DIALER_ACCEPTS
              : chance(50) ? MEMORY_DIALER_REFUSES
                           : MEMORY_DIALER_IS_SILENT;
    d->delay = (msec)below(chance(5) ? 1500 : 50);
    d->options.capacity = chance(20) ? 50 + (size_t)below(500) : 0;
    d->options.seed = chance(50) ? 1 + below(1'000'000) : 0;
}

static void reload(void)
{
    struct settings *again = stage_settings(sim->yaml);

    CHECK_EQ(gateway_apply(&sim->stage.gateway, again), OK);
    settings_unref(again);
}

static void check_metrics(void)
{
    const struct gateway *g = &sim->stage.gateway;
    const struct metrics *m = &g->metrics;
    uint64_t requests = atomic_load(&m->requests_chat) + atomic_load(&m->requests_pass);
    uint64_t answers =
        atomic_load(&m->answers_2xx) + atomic_load(&m->answers_4xx) + atomic_load(&m->answers_5xx);
    uint64_t gone = atomic_load(&m->clients_gone);
    uint64_t durations = 0;

    for (int i = 0; i <= METRICS_BUCKETS; i++) {
        durations += atomic_load(&m->duration.buckets[i]);
    }
    CHECK_EQ(requests, g->server.counts.calls_started);
    CHECK_EQ(durations, requests); // each ended once
    CHECK(answers <= requests);
    CHECK(answers + gone >= requests); // one whose client left within its answer counts as both
    CHECK(requests <= sim->started);
}

// Ends it all in the midst of everything.
static void close_now(void)
{
    gateway_close(&sim->stage.gateway);
    stage_settle(&sim->stage);
    for (int i = 0; i < VISITS_AT_ONCE; i++) {
        struct visit *v = &sim->visits[i];
        if (!v->is_open) continue;
        fake_client_listen(&v->client);
        end_visit(v, false);
    }
}

// With `is_closed` the gateway closes when that many requests have begun; else they all end.
static uint64_t run_sim(uint64_t seed, size_t exchanges, bool is_closed)
{
    struct sim *s = memory_new(struct sim);

    sim = s;
    random_init(&s->random, seed);
    size_t manner = seed % MANNERS;
    s->yaml = yamls[manner];
    stage_init(&s->stage, s->yaml);
    random_init(&s->stage.gateway.random, seed);
    s->stage.upstream.conn_size = sizeof(struct origin_conn);
    s->stage.upstream.requested = on_requested;
    s->wanted = exchanges;
    for (bool is_busy = true; is_busy;) {
        is_busy = false;
        for (int i = 0; i < VISITS_AT_ONCE; i++) {
            struct visit *v = &s->visits[i];
            if (!v->is_open && s->started < s->wanted && chance(30)) begin_visit(v);
            is_busy |= v->is_open || s->started < s->wanted;
        }
        vary_dials();
        if (chance(1)) reload();
        loop_turn(&s->stage.loop, 50);
        if (is_closed && s->started >= s->wanted) break;
    }
    if (is_closed) close_now();
    stage_wait(&s->stage, 40'000); // what nobody waits for ends by itself
    for (struct link *l = s->stage.upstream.conns.next; l != &s->stage.upstream.conns;
         l = l->next) {
        struct origin_conn *o = container_of(container_of(l, struct fake_upstream_conn, link),
                                             struct origin_conn, conn);
        loop_alarm_stop(&s->stage.loop, &o->timer);
        buf_done(&o->script);
    }
    CHECK_EQ(s->stage.gateway.exchange_pool.live_count, 0);
    check_metrics();
    printf("%zu requests: %zu complete, %zu errors, %zu resets; %zu visits left early\n",
           s->started, s->completes, s->errors, s->resets, s->left);
    CHECK(is_closed || manner == MANNER_BREAKERS || s->completes > s->started / 5);
    CHECK(is_closed || s->errors > s->started / 50);
    stage_done(&s->stage);
    uint64_t trace = s->trace;
    memory_free(s);
    sim = NULL;
    return trace;
}

static size_t wanted_exchanges(void)
{
    const char *given = getenv("SIM_EXCHANGES");

    return given ? (size_t)strtoull(given, NULL, 10) : EXCHANGES;
}

TEST(gateway_tells_every_client_the_truth_whatever_happens)
{
    size_t rest = wanted_exchanges();

    for (uint64_t seed = test_seed(); rest; seed++) {
        size_t part = rest < 1500 ? rest : 1500;
        (void)run_sim(seed, part, false); // the trace is compared below
        rest -= part;
    }
}

TEST(gateway_does_the_same_with_the_same_seed)
{
    uint64_t first = run_sim(test_seed(), 500, false);

    CHECK(run_sim(test_seed(), 500, false) == first);
    CHECK(run_sim(test_seed() + 1, 500, false) != first);
}

TEST(gateway_closes_in_the_midst_of_everything)
{
    for (uint64_t i = 0; i < 40; i++) {
        (void)run_sim(test_seed() + i, 150 + 10 * i, true); // its checks are within
    }
}
