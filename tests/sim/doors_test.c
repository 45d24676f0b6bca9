// Clients of each dialect before upstreams of each, on virtual time, with seeded cuts.
//
// A *visit* is one client with one request, in OpenAI's dialect, Anthropic's or ours over gRPC. For
// every attempt the upstream draws a fate: a good answer in pieces of time, or one that is cut
// after some byte, reset, stalled, damaged, refused or another story. What the client saw is judged
// by a reader that knows nothing of the gateway (support/stream_judge.h): the whole answer, an
// error in its own dialect, or a reset; never a part of an answer that ends as if it were all.
// SEED=n repeats a run, SIM_EXCHANGES=n makes it longer.
#include "base/memory.h"
#include "codec/h1.h"
#include "codec/json.h"
#include "sim/tale.h"

#include "support/h2_peer.h"
#include "support/stage.h"
#include "support/stream_judge.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXCHANGES = 24'000, VISITS_AT_ONCE = 32, TEXT_MAX = 1 << 20, FIELDS_MAX = 64 };

#define PROVIDERS                                                                                  \
    "limits: {comment_interval: 2s, upstream_idle_timeout: 3s, upstream_idle_connections: 8}\n"    \
    "providers:\n"                                                                                 \
    "  - {name: o, base_url: \"http://o/v1\", api_key: \"${KEY}\"}\n"                              \
    "  - {name: a, dialect: anthropic, base_url: \"http://a/v1\", api_key: \"${KEY}\"}\n"          \
    "models:\n"
#define TIMES                                                                                      \
    "breaker: {trip_after: 0}, "                                                                   \
    "timeouts: {total: 30s, connect: 1s, first_token: 6s, between_tokens: 4s}"
#define MODELS(more, rest)                                                                         \
    "  - {name: m0, targets: [{provider: o" more "}], fallback: [{provider: a" more                \
    "}],\n     " TIMES rest "}\n"                                                                  \
    "  - {name: m1, targets: [{provider: a" more "}], fallback: [{provider: o" more                \
    "}],\n     " TIMES rest "}\n"

// One attempt, several with recovery by a second telling, the same by a prefill.
enum { MANNERS = 3 };

static const str yamls[MANNERS] = {
    STR_INIT(PROVIDERS MODELS("", ", retry: {attempts: 1}, recovery: error")),
    STR_INIT(PROVIDERS MODELS("", ", retry: {budget: 100%}")),
    STR_INIT(PROVIDERS MODELS(", prefill: plain", ", retry: {budget: 100%}")),
};

enum fate {
    FATE_GOOD,
    FATE_CUT,
    FATE_RESET,
    FATE_STALL,
    FATE_DAMAGED,
    FATE_UNREADABLE,
    FATE_ERROR,
    FATE_OTHER,
    FATE_STATUS,
    FATE_SILENT,
    FATES
};

// An upstream's connection, with what it still has to say.
struct origin_conn {
    struct fake_upstream_conn conn; // first: the fake upstream makes these
    struct timer timer;
    struct buf script;
    bool stays;
    enum fake_upstream_end end;
};

struct visit {
    struct fake_client client;
    struct h2_peer peer; // of gRPC
    struct timer timer;
    enum stream_wire wire;
    enum tale_kind kind;
    int first; // the upstream that is asked first: 0: OpenAI's
    bool is_stream;
    bool is_open;
    struct buf script; // still to send
};

struct sim {
    struct stage stage;
    struct random random;
    struct visit visits[VISITS_AT_ONCE];
    size_t started;
    size_t completes[3][2]; // by client and first upstream
    size_t errors[3][2];
    size_t resets[3][2];
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

static bool has(str text, str part)
{
    return str_find(text, part) < text.len;
}

// --- The upstreams ---

static void origin_step(struct timer *t)
{
    struct origin_conn *o = container_of(t, struct origin_conn, timer);
    size_t left = buf_len(&o->script);

    if (!o->conn.stream) {
        buf_done(&o->script);
        return;
    }
    size_t len = left ? 1 + (size_t)below(chance(50) ? left : left / 8 + 1) : 0;
    fake_upstream_say(&o->conn, str_sub(buf_view(&o->script), 0, len));
    buf_consume(&o->script, len);
    if (buf_len(&o->script) && o->conn.stream) {
        loop_alarm(&sim->stage.loop, &o->timer, (msec)below(chance(3) ? 5000 : 200), origin_step);
        return;
    }
    buf_done(&o->script);
    if (!o->stays) fake_upstream_end(&o->conn, o->end);
}

// How much of a text a prefill at the end of the request has.
static size_t said_in(str request, str all)
{
    size_t said = all.len;

    if (!has(request, STR("\"assistant\""))) return 0;
    while (said && !has(request, str_sub(all, 0, said))) {
        said--;
    }
    return said;
}

static struct tale tale_for(str request, bool is_anthropic, enum fate fate)
{
    size_t at = str_find(request, STR("tale-"));

    CHECK(at + 7 <= request.len);
    bool is_foreign = request.ptr[at + 6] != (is_anthropic ? 'a' : 'o');
    size_t said = said_in(request, STR(TALE_FULL));
    size_t other = said_in(request, STR(TALE_OTHER));
    bool is_other = said == other ? fate == FATE_OTHER : other > said;
    return (struct tale){
        .kind = (enum tale_kind)(request.ptr[at + 5] - '0'),
        .is_anthropic = is_anthropic,
        .is_other = is_other,
        .has_crlf = chance(10),
        .lacks_mark = chance(10),
        .is_chunked = chance(60),
        .said = is_other ? other : said,
        .damaged_at = fate == FATE_DAMAGED || fate == FATE_UNREADABLE || fate == FATE_ERROR
                          ? (int)below(24)
                          : -1,
        .is_error = fate == FATE_ERROR,
        .is_readable = fate == FATE_UNREADABLE && is_foreign,
        .damage = (int)below(6),
    };
}

static void cut_script(struct origin_conn *o)
{
    str all = buf_view(&o->script);
    size_t head = str_find(all, STR("\r\n\r\n")) + 4;
    size_t at = chance(90) ? head + (size_t)below(all.len - head) : (size_t)below(all.len);

    buf_cut(&o->script, at);
}

static void on_requested(struct fake_upstream *u, struct fake_upstream_conn *c)
{
    struct origin_conn *o = container_of(c, struct origin_conn, conn);
    enum fate fate = chance(45) ? FATE_GOOD : (enum fate)below(FATES);
    str request = buf_view(&u->request);
    struct tale tale = tale_for(request, has(request, STR("\r\nhost: a\r\n")), fate);

    note(100 + fate);
    buf_done(&o->script);
    buf_init(&o->script, TEXT_MAX);
    o->end = fate == FATE_RESET ? FAKE_UPSTREAM_ABORTS : FAKE_UPSTREAM_ENDS;
    if (fate == FATE_STATUS) {
        tale_put_error(&tale, (const unsigned[]){400, 429, 500, 503, 529}[below(5)], &o->script);
    } else if (has(request, STR("\"stream\":true"))) {
        tale_put_stream(&tale, &sim->random, &o->script);
    } else {
        tale_put_whole(&tale, &o->script);
    }
    bool is_cut = fate == FATE_CUT || fate == FATE_RESET || fate == FATE_STALL;
    bool closes = has(buf_view(&o->script), STR("connection: close"));
    if (is_cut) cut_script(o);
    if (fate == FATE_SILENT) buf_clear(&o->script);
    o->stays = fate == FATE_STALL || fate == FATE_SILENT || (!is_cut && !closes);
    loop_alarm(u->loop, &o->timer, (msec)below(300), origin_step);
}

// --- The clients ---

static void say_http(struct visit *v, const char *path, const char *more)
{
    char body[300];
    int len = snprintf(body, sizeof(body),
                       "{\"model\":\"m%d\"%s%s,\"messages\":[{\"role\":\"user\",\"content\":"
                       "\"tale-%d%c\"}]}",
                       v->first, v->is_stream ? ",\"stream\":true" : "", more, (int)v->kind,
                       v->wire == STREAM_ANTHROPIC ? 'a' : 'o');

    CHECK_EQ(buf_append_format(&v->script,
                               "POST %s HTTP/1.1\r\nhost: gw\r\ncontent-type: application/json\r\n"
                               "content-length: %d\r\n\r\n%s",
                               path, len, body),
             OK);
}

// ChatRequest{model, messages: [{role: USER, parts: [{text}]}]}, in its frame.
static void say_grpc(struct visit *v)
{
    char frame[] = "\0\0\0\0\x13\x0a\x02m0\x12\x0d\x08\x03\x12\x09\x0a\x07tale-0g";

    frame[8] = (char)('0' + v->first);
    frame[sizeof(frame) - 3] = (char)('0' + v->kind);
    h2_peer_begin(&v->peer);
    h2_peer_headers(&v->peer, 0, 1,
                    v->is_stream ? STR(":method: POST|:scheme: http|:authority: gw|:path: "
                                       "/sluice.v1.Chat/Stream|content-type: application/grpc|"
                                       "te: trailers")
                                 : STR(":method: POST|:scheme: http|:authority: gw|:path: "
                                       "/sluice.v1.Chat/Complete|content-type: application/grpc|"
                                       "te: trailers"));
    h2_peer_frame(&v->peer, NGHTTP2_DATA, H2_PEER_END_STREAM, 1,
                  (str){.ptr = frame, .len = sizeof(frame) - 1});
}

[[gnu::noreturn]] static void complain(const struct visit *v, const char *what, str body)
{
    static const char *const names[] = {"OpenAI", "Anthropic", "gRPC"};

    test_fail(__FILE__, __LINE__,
              "%s: a client of %s, first upstream %d, tale %d, %s: \"%" STR_FMT "\"", what,
              names[v->wire], v->first, (int)v->kind, v->is_stream ? "streamed" : "whole",
              STR_ARG(body));
}

// A text that was told, or the beginning of one.
static bool is_told(str text, bool is_whole)
{
    const str tales[] = {STR(TALE_FULL), STR(TALE_OTHER)};

    for (int i = 0; i < 2; i++) {
        if (is_whole ? str_eq(text, tales[i]) : str_starts(tales[i], text)) return true;
    }
    return false;
}

static void judge_stream(struct visit *v, str body, bool is_ended, bool has_failed)
{
    str arguments = v->kind == TALE_CALL ? STR(TALE_ARGUMENTS) : STR("");
    struct stream_verdict verdict;

    stream_judge(v->wire, body, is_ended, &verdict);
    bool is_whole = verdict.is_ended && is_ended && !has_failed && !verdict.has_error;
    str said = buf_view(&verdict.arguments);
    if (!is_told(buf_view(&verdict.text), is_whole))
        complain(v, "another text", v->wire == STREAM_SLUICE ? buf_view(&verdict.text) : body);
    if (!is_whole && is_ended && !has_failed && !verdict.has_error)
        complain(v, "a part that passes for the whole", body);
    if (is_whole ? !str_eq(said, arguments) : !str_starts(arguments, said))
        complain(v, "other arguments", body);
    note(buf_len(&verdict.text));
    if (is_whole) {
        sim->completes[v->wire][v->first]++;
    } else if (is_ended) {
        sim->errors[v->wire][v->first]++;
    } else {
        sim->resets[v->wire][v->first]++;
    }
    stream_verdict_done(&verdict);
}

static bool is_error_body(const struct visit *v, str body)
{
    if (json_check(body, NULL) || !has(body, STR("\"message\":\""))) return false;
    return v->wire == STREAM_OPENAI ? str_starts(body, STR("{\"error\":{"))
                                    : has(body, STR("\"type\":\"error\""));
}

// An answer that came at once.
static void judge_whole(struct visit *v, str body, bool is_ended, bool has_failed)
{
    bool is_whole = is_ended && !has_failed;
    bool has_text = has(body, STR(TALE_FULL)) || has(body, STR(TALE_OTHER));

    if (v->wire != STREAM_SLUICE && is_whole && json_check(body, NULL))
        complain(v, "no JSON", body);
    if (is_whole && !has_text) complain(v, "a part that passes for the whole", body);
    if (is_whole && v->kind == TALE_CALL && !has(body, STR("Rome"))) complain(v, "no call", body);
    if (is_whole) {
        sim->completes[v->wire][v->first]++;
    } else if (is_ended) {
        sim->errors[v->wire][v->first]++;
    } else {
        sim->resets[v->wire][v->first]++;
    }
}

static void judge(struct visit *v, str body, bool is_ended, bool has_failed)
{
    if (v->is_stream) {
        judge_stream(v, body, is_ended, has_failed);
    } else {
        judge_whole(v, body, is_ended, has_failed);
    }
}

// What is there of an answer by HTTP/1.1; false where it has no end yet.
static bool read_http(struct visit *v, unsigned *status, struct buf *body)
{
    str seen = buf_view(&v->client.seen);
    struct h1_field fields[FIELDS_MAX];
    struct h1_head head;
    struct h1_body decoder;
    size_t scanned = 0;
    size_t used = 0;
    str piece = STR("");

    *status = 0;
    if (h1_find_head(seen, TEXT_MAX, &scanned, &used)) return false;
    CHECK_EQ(h1_parse_response(str_sub(seen, 0, used), false, fields, FIELDS_MAX, &head), OK);
    CHECK(head.framing != H1_UNTIL_CLOSE);
    *status = head.status;
    h1_body_init(&decoder, head.framing, head.content_length);
    str all = str_sub(seen, used, seen.len);
    char *copy = memory_alloc(all.len + 1);
    memcpy(copy, all.ptr, all.len);
    for (size_t at = 0; at < all.len && !decoder.is_done; at += used) {
        CHECK_EQ(h1_body_decode(&decoder, copy + at, all.len - at, &piece, &used), OK);
        CHECK_EQ(buf_append(body, piece), OK);
    }
    memory_free(copy);
    return decoder.is_done;
}

// Whether the visit is over; then it was judged.
static bool judge_http(struct visit *v)
{
    struct buf body;
    unsigned status = 0;

    buf_init(&body, TEXT_MAX);
    bool is_ended = read_http(v, &status, &body);
    bool is_over = is_ended || v->client.end;
    if (is_over && !is_ended && v->client.end != ERR_CLOSED)
        complain(v, "an answer without end", buf_view(&body));
    if (is_over && status >= 400 && is_ended) {
        if (!is_error_body(v, buf_view(&body))) complain(v, "no error", buf_view(&body));
        sim->errors[v->wire][v->first]++;
    } else if (is_over) {
        judge(v, buf_view(&body), is_ended, false);
    }
    if (is_over) note(status + buf_len(&body));
    buf_done(&body);
    return is_over;
}

static bool judge_grpc(struct visit *v)
{
    str told = h2_peer_told(&v->peer);
    bool is_ended = has(told, STR("HEADERS 1 END "));
    bool is_over = is_ended || has(told, STR("RST_STREAM 1")) || v->peer.client.end;

    if (is_ended && !has(told, STR(" grpc-status="))) complain(v, "no status", told);
    if (is_over) judge(v, buf_view(&v->peer.body), is_ended, !has(told, STR(" grpc-status=0")));
    return is_over;
}

static void end_visit(struct visit *v)
{
    loop_alarm_stop(&sim->stage.loop, &v->timer);
    if (v->wire == STREAM_SLUICE) {
        h2_peer_done(&v->peer);
    } else {
        fake_client_done(&v->client);
    }
    buf_done(&v->script);
    v->is_open = false;
}

static void visit_step(struct timer *t)
{
    struct visit *v = container_of(t, struct visit, timer);
    size_t left = buf_len(&v->script);
    size_t len = left && chance(30) ? 1 + (size_t)below(left) : left;

    if (left) {
        fake_client_say(&v->client, str_sub(buf_view(&v->script), 0, len));
        buf_consume(&v->script, len);
    } else if (v->wire == STREAM_SLUICE ? judge_grpc(v) : judge_http(v)) {
        end_visit(v);
        return;
    }
    loop_alarm(&sim->stage.loop, &v->timer, 1 + (msec)below(400), visit_step);
}

static void begin_visit(struct visit *v)
{
    struct memory_stream_options options = {.capacity = chance(20) ? 100 + (size_t)below(400) : 0,
                                            .seed = chance(50) ? 1 + below(1'000'000) : 0};

    v->is_open = true;
    v->wire = (enum stream_wire)below(3);
    v->kind = chance(60) ? TALE_TEXT : (enum tale_kind)below(TALE_KINDS);
    v->first = (int)below(2);
    v->is_stream = chance(85);
    buf_init(&v->script, TEXT_MAX);
    switch (v->wire) {
    case STREAM_OPENAI:
        stage_connect(&sim->stage, &v->client, options);
        say_http(v, "/v1/chat/completions", "");
        break;
    case STREAM_ANTHROPIC:
        stage_connect(&sim->stage, &v->client, options);
        say_http(v, "/v1/messages", ",\"max_tokens\":500");
        break;
    case STREAM_SLUICE:
        server_accept(&sim->stage.gateway.server,
                      h2_peer_connect(&v->peer, &sim->stage.loop, options));
        say_grpc(v);
        break;
    }
    sim->started++;
    loop_alarm(&sim->stage.loop, &v->timer, (msec)below(200), visit_step);
}

// --- The run ---

static void end_origins(void)
{
    struct link *conns = &sim->stage.upstream.conns;

    for (struct link *l = conns->next; l != conns; l = l->next) {
        struct origin_conn *o = container_of(container_of(l, struct fake_upstream_conn, link),
                                             struct origin_conn, conn);
        loop_alarm_stop(&sim->stage.loop, &o->timer);
        buf_done(&o->script);
    }
}

static void check_counts(uint64_t seed, size_t wanted)
{
    static const char *const names[] = {"OpenAI", "Anthropic", "gRPC"};
    size_t judged = 0;

    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 2; k++) {
            size_t all = sim->completes[i][k] + sim->errors[i][k] + sim->resets[i][k];
            printf("%s -> %s: %zu complete, %zu errors, %zu resets\n", names[i], names[k],
                   sim->completes[i][k], sim->errors[i][k], sim->resets[i][k]);
            judged += all;
            CHECK(wanted < 500 || sim->completes[i][k] > all / 4);
            CHECK(wanted < 500 || sim->errors[i][k] > 0);
        }
    }
    printf("seed %llu, manner %d: %zu exchanges, %llu recovered, %llu told as cut\n",
           (unsigned long long)seed, (int)(seed % MANNERS), judged,
           (unsigned long long)atomic_load(&sim->stage.gateway.metrics.recovered),
           (unsigned long long)atomic_load(&sim->stage.gateway.metrics.streams_cut));
    CHECK_EQ(judged, wanted);
}

static uint64_t run_sim(uint64_t seed, size_t wanted)
{
    struct sim *s = memory_new(struct sim);

    sim = s;
    random_init(&s->random, seed);
    stage_init(&s->stage, yamls[seed % MANNERS]);
    random_init(&s->stage.gateway.random, seed);
    s->stage.upstream.conn_size = sizeof(struct origin_conn);
    s->stage.upstream.requested = on_requested;
    for (bool is_busy = true; is_busy;) {
        is_busy = false;
        for (int i = 0; i < VISITS_AT_ONCE; i++) {
            struct visit *v = &s->visits[i];
            if (!v->is_open && s->started < wanted && chance(30)) begin_visit(v);
            is_busy |= v->is_open || s->started < wanted;
        }
        loop_turn(&s->stage.loop, 50);
    }
    stage_wait(&s->stage, 40'000); // what nobody waits for ends by itself
    end_origins();
    CHECK_EQ(s->stage.gateway.exchange_pool.live_count, 0);
    check_counts(seed, wanted);
    stage_done(&s->stage);
    uint64_t trace = s->trace;
    memory_free(s);
    sim = NULL;
    return trace;
}

TEST(doors_tell_every_client_the_truth_in_its_own_dialect_whatever_happens)
{
    const char *given = getenv("SIM_EXCHANGES");
    size_t rest = given ? (size_t)strtoull(given, NULL, 10) : EXCHANGES;

    for (uint64_t seed = test_seed(); rest; seed++) {
        size_t part = rest < 1000 ? rest : 1000;
        (void)run_sim(seed, part); // the trace is compared below
        rest -= part;
    }
}

TEST(doors_do_the_same_with_the_same_seed)
{
    uint64_t first = run_sim(test_seed(), 300);

    CHECK(run_sim(test_seed(), 300) == first);
    CHECK(run_sim(test_seed() + 1, 300) != first);
}
