// Design: a lane does one call at a time: it writes the request, starts the call and turns its
// loop, a twentieth of a second at most, until the call is over, the deadline is there or nobody
// wants it any more. Free lanes hang in a stack under a mutex, which is held for a few
// instructions; there is one more lane only where all are in use.
#include "gateway/embed_upstream.h"

#include "base/arena.h"
#include "base/gather.h"
#include "base/memory.h"
#include "codec/json_write.h"
#include "config/base_url.h"
#include "http/client_call.h"
#include "io/dial_network.h"
#include "io/tls_client.h"
#include "provider/openai_embedding.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

enum {
    TURN_MS = 50,
    CONNECT_MS = 10'000,
    IDLE_MS = 30'000,
    HEAD_BYTES_MAX = 32 * 1024,
    REQUEST_BYTES_MAX = 64 * 1024 * 1024,
    ANSWER_BYTES_MAX = 256 * 1024 * 1024,
    ARENA_BYTES = 16 * 1024,
    TEXT_BYTES_MAX = 1024 * 1024,
};

struct lane {
    struct lane *next; // free ones
    struct embed_upstream *upstream;
    struct loop loop;
    struct dial_network network;
    struct client client;
    struct client_origin origin;
    struct dial_target target;
    struct client_call call;
    struct arena arena; // of one call
    struct buf body;    // of the request
    struct buf head;
    struct buf answer;
    err result; // ERR_AGAIN while the call is under way
};

struct embed_upstream {
    struct embedder embedder;
    struct embed_upstream_options options; // its texts are in the arena
    struct settings_url url;
    struct arena arena;
    pthread_mutex_t mutex; // guards `free`
    struct lane *free;
};

static void pull(struct lane *l)
{
    str piece = STR("");
    err e = OK;

    while (!(e = client_call_next(&l->call, &piece))) {
        if (buf_append(&l->answer, piece)) {
            client_call_cancel(&l->call);
            e = ERR_LIMIT;
            break;
        }
    }
    if (e != ERR_AGAIN) l->result = e == ERR_EOF ? OK : e;
}

static void on_head(struct client_call *call)
{
    pull(container_of(call, struct lane, call));
}

static void on_drained(struct client_call *call)
{
    (void)call; // the request is given whole
}

static void on_failed(struct client_call *call, err why)
{
    // What ends a call before its answer must not look like one that is still under way.
    container_of(call, struct lane, call)->result = why == ERR_AGAIN ? ERR_CLOSED : why;
}

static const struct client_call_events events = {on_head, on_head, on_drained, on_failed};

static err lane_open(struct embed_upstream *u, struct lane **out)
{
    static const struct client_limits limits = {
        .head_bytes_max = HEAD_BYTES_MAX, .idle_conns_max = 1, .idle_ms = IDLE_MS};
    struct tls_client_options tls = {.ca_file = u->options.ca_file};
    struct lane *l = memory_new(struct lane);

    err e = loop_init(&l->loop);
    if (e) {
        memory_free(l);
        return e;
    }
    l->upstream = u;
    l->target = (struct dial_target){.host = u->url.host, .port = u->url.port};
    if (u->url.is_tls) e = tls_client_open(&tls, NULL, &l->target.tls);
    if (e) {
        loop_done(&l->loop);
        memory_free(l);
        return e;
    }
    dial_network_init(&l->network, &l->loop, u->options.offload);
    client_init(&l->client, &l->loop, &l->network.dialer, &limits);
    client_origin_init(&l->origin, &l->client, &l->target);
    arena_init(&l->arena, ARENA_BYTES);
    buf_init(&l->body, REQUEST_BYTES_MAX);
    buf_init(&l->head, HEAD_BYTES_MAX);
    buf_init(&l->answer, ANSWER_BYTES_MAX);
    *out = l;
    return OK;
}

static void lane_close(struct lane *l)
{
    client_origin_close(&l->origin);
    while (!client_origin_is_closed(&l->origin) || l->network.live_count) {
        (void)loop_turn(&l->loop, TURN_MS);
    }
    client_done(&l->client);
    dial_network_done(&l->network);
    (void)loop_turn(&l->loop, 0); // what the dialer left for a last turn
    tls_client_close(l->target.tls);
    loop_done(&l->loop);
    arena_reset(&l->arena);
    buf_done(&l->body);
    buf_done(&l->head);
    buf_done(&l->answer);
    memory_free(l);
}

static err lane_take(struct embed_upstream *u, struct lane **out)
{
    pthread_mutex_lock(&u->mutex);
    struct lane *l = u->free;
    if (l) u->free = l->next;
    pthread_mutex_unlock(&u->mutex);
    if (!l) return lane_open(u, out);
    *out = l;
    return OK;
}

static void lane_give(struct lane *l)
{
    struct embed_upstream *u = l->upstream;

    arena_reset(&l->arena);
    buf_clear(&l->body);
    buf_clear(&l->head);
    buf_clear(&l->answer);
    pthread_mutex_lock(&u->mutex);
    l->next = u->free;
    u->free = l;
    pthread_mutex_unlock(&u->mutex);
}

static err write_request(struct lane *l, const str *texts, size_t count)
{
    const struct embed_upstream *u = l->upstream;
    bool is_v6 = str_find_char(u->url.host, ':') < u->url.host.len;
    struct json_writer w;

    json_write_init(&w, &l->body);
    json_write_object(&w);
    json_write_key(&w, STR("model"));
    json_write_str(&w, u->options.model);
    json_write_key(&w, STR("encoding_format"));
    json_write_str(&w, STR("base64"));
    json_write_key(&w, STR("input"));
    json_write_array(&w);
    for (size_t i = 0; i < count; i++)
        json_write_str(&w, texts[i]);
    json_write_array_end(&w);
    json_write_object_end(&w);
    if (w.error) return w.error;
    TRY(buf_append_format(&l->head,
                          "POST %" STR_FMT "/embeddings HTTP/1.1\r\nhost: %s%" STR_FMT "%s:%u\r\n"
                          "content-type: application/json\r\ncontent-length: %zu\r\n",
                          STR_ARG(u->url.path_prefix), is_v6 ? "[" : "", STR_ARG(u->url.host),
                          is_v6 ? "]" : "", u->url.port, buf_len(&l->body)));
    if (u->options.api_key.len) {
        TRY(buf_append(&l->head, STR("authorization: Bearer ")));
        TRY(buf_append(&l->head, u->options.api_key));
        TRY(buf_append(&l->head, STR("\r\n")));
    }
    return buf_append(&l->head, STR("\r\n"));
}

static bool is_canceled(const struct embed_limits *limits)
{
    return limits->cancel && atomic_load_explicit(limits->cancel, memory_order_relaxed);
}

// Turns the loop until the call is over or must be.
static err wait_for_answer(struct lane *l, const struct embed_limits *limits)
{
    usec latest = clock_monotonic() + l->upstream->options.call_ms * 1000;

    if (limits->deadline < latest) latest = limits->deadline;
    while (l->result == ERR_AGAIN) {
        usec left = latest - clock_monotonic();
        err why = is_canceled(limits) ? ERR_CANCELED : left <= 0 ? ERR_TIMEOUT : OK;
        if (why) {
            client_call_cancel(&l->call);
            return why;
        }
        (void)loop_turn(&l->loop, left < (usec)TURN_MS * 1000 ? left / 1000 + 1 : TURN_MS);
    }
    return l->result;
}

static err by_status(uint16_t status)
{
    if (status < 300) return OK;
    if (status == 429 || status == 408 || status >= 500) return ERR_AGAIN;
    if (status == 400 || status == 413 || status == 422) return ERR_SYNTAX;
    return ERR_DENIED;
}

// Copies the vectors to where their numbers say. `*dim` 0: is told by the first.
static err read_answer(struct lane *l, size_t count, uint32_t *dim, float *out)
{
    struct embedding_answer answer = {.vector_count = 0};
    const float *floats = NULL;
    size_t float_count = 0;

    if (openai_embedding_read_answer(buf_view(&l->answer), &l->arena, &answer)) return ERR_TYPE;
    if (answer.vector_count != count) return ERR_TYPE;
    for (size_t i = 0; i < count; i++) {
        const struct embedding_vector *v = &answer.vectors[i];
        if (v->index >= count) return ERR_TYPE;
        for (size_t j = 0; j < i; j++) {
            if (answer.vectors[j].index == v->index) return ERR_TYPE;
        }
        if (embedding_floats(v, &l->arena, &floats, &float_count)) return ERR_TYPE;
        if (!*dim && float_count > 0 && float_count <= EMBED_DIM_MAX) *dim = (uint32_t)float_count;
        if (float_count != *dim) return ERR_TYPE;
        if (out) memcpy(out + v->index * *dim, floats, sizeof(float) * *dim);
    }
    return OK;
}

// One call on a lane. With `out` NULL it only learns the dimensions.
static err ask(struct lane *l, const str *texts, size_t count, uint32_t *dim, float *out,
               const struct embed_limits *limits)
{
    TRY(write_request(l, texts, count));
    struct iovec body = {buf_view(&l->body).ptr ? l->body.bytes + l->body.start : NULL,
                         buf_len(&l->body)};
    l->result = ERR_AGAIN;
    l->call = (struct client_call){.events = &events, .origin = &l->origin, .arena = &l->arena};
    l->call.request = (struct client_request){.head = buf_view(&l->head),
                                              .body = &body,
                                              .body_count = 1,
                                              .framing = CLIENT_BODY_WHOLE,
                                              .is_repeatable = true,
                                              .connect_ms = CONNECT_MS};
    (void)loop_turn(&l->loop, 0); // its clock stood still since the last call
    client_call_start(&l->call);
    TRY(wait_for_answer(l, limits));
    TRY(by_status(l->call.head.status));
    return read_answer(l, count, dim, out);
}

static err call(struct embedder *e, const str *texts, size_t count, float *out,
                const struct embed_limits *limits)
{
    struct embed_upstream *u = container_of(e, struct embed_upstream, embedder);
    uint32_t dim = u->embedder.dim;
    struct lane *l = NULL;

    TRY(lane_take(u, &l));
    err result = ask(l, texts, count, &dim, out, limits);
    lane_give(l);
    return result;
}

static err learn_dim(struct embed_upstream *u)
{
    const struct embed_limits limits = {.deadline = TIME_NEVER};
    const str text = STR("a");
    struct lane *l = NULL;

    TRY(lane_take(u, &l));
    err result = ask(l, &text, 1, &u->embedder.dim, NULL, &limits);
    lane_give(l);
    return result;
}

static void copy_options(struct embed_upstream *u, const struct embed_upstream_options *options)
{
    struct embed_upstream_options *o = &u->options;

    *o = *options;
    o->model = arena_str(&u->arena, options->model);
    o->api_key = arena_str(&u->arena, options->api_key);
    o->ca_file = arena_str(&u->arena, options->ca_file);
    if (!o->batch_max) o->batch_max = EMBED_UPSTREAM_BATCH;
    if (o->batch_max > EMBED_BATCH_MAX) o->batch_max = EMBED_BATCH_MAX;
}

err embed_upstream_open(const struct embed_upstream_options *options, struct embed_upstream **out)
{
    struct embed_upstream *u = memory_new(struct embed_upstream);
    const char *why = NULL;

    assert(options->call_ms > 0);
    arena_init(&u->arena, ARENA_BYTES);
    (void)pthread_mutex_init(&u->mutex, NULL); // of the default kind it can't fail
    copy_options(u, options);
    u->embedder = (struct embedder){.embed = call,
                                    .name = u->options.model,
                                    .batch_max = u->options.batch_max,
                                    .text_bytes_max = TEXT_BYTES_MAX,
                                    .batch_bytes_max = REQUEST_BYTES_MAX / 8};
    err e = base_url_parse(arena_str(&u->arena, options->url), &u->arena, &u->url, &why);
    if (!e) e = learn_dim(u);
    if (e) {
        embed_upstream_close(u);
        return e;
    }
    *out = u;
    return OK;
}

void embed_upstream_close(struct embed_upstream *u)
{
    if (!u) return;
    while (u->free) {
        struct lane *l = u->free;
        u->free = l->next;
        lane_close(l);
    }
    pthread_mutex_destroy(&u->mutex);
    arena_reset(&u->arena);
    memory_free(u);
}

struct embedder *embed_upstream_embedder(struct embed_upstream *u)
{
    return &u->embedder;
}
