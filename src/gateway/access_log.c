#include "gateway/access_log.h"

#include "codec/json_write.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

// "2026-01-31T23:59:59.123Z". The wall clock is read, and the part up to the second made, once a
// second.
static str timestamp(struct gateway *g, usec ended_us, char *out)
{
    usec now = ended_us + g->wall_offset;
    usec second = now / 1'000'000;
    unsigned ms = (unsigned)(now / 1000 % 1000);

    if (second != g->date_second) {
        time_t t = (time_t)second;
        struct tm tm;
        if (!gmtime_r(&t, &tm)) return STR("");
        g->date_second = second;
        g->wall_offset = clock_wall() - ended_us;
        (void)strftime(g->date, sizeof(g->date), "%Y-%m-%dT%H:%M:%S.", &tm); // room is enough
    }
    size_t len = strlen(g->date);
    memcpy(out, g->date, len);
    out[len] = (char)('0' + ms / 100);
    out[len + 1] = (char)('0' + ms / 10 % 10);
    out[len + 2] = (char)('0' + ms % 10);
    out[len + 3] = 'Z';
    return (str){.ptr = out, .len = len + 4};
}

enum { TEXT_MAX = 2048 }; // of one value: a path may be longer

// Keys come with their punctuation, so that each costs one copy. A line that does not fit its buf
// is left as it is and noticed at the end.
static void put(struct buf *out, str text)
{
    if (buf_append(out, text)) buf_clear(out);
}

static void put_str(struct buf *out, str key, str value)
{
    if (!value.len) return;
    put(out, key);
    if (json_write_quoted(out, str_sub(value, 0, TEXT_MAX))) buf_clear(out);
}

static void put_u64(struct buf *out, str key, uint64_t value)
{
    put(out, key);
    if (buf_append_u64(out, value)) buf_clear(out);
}

static void put_times(struct buf *out, const struct exchange *x)
{
    usec started = x->call->started_us;

    put_u64(out, STR(",\"duration_us\":"), (uint64_t)(x->ended_us - started));
    if (!x->first_us) return;
    put_u64(out, STR(",\"first_byte_us\":"), (uint64_t)(x->first_us - started));
    put_u64(out, STR(",\"own_us\":"), (uint64_t)x->own_us);
}

static void put_route(struct buf *out, const struct exchange *x)
{
    put_str(out, STR(",\"method\":"), x->call->head.method);
    put_str(out, STR(",\"path\":"), x->route.path);
    put_str(out, STR(",\"route\":"), route_name(x->route.kind));
    put_str(out, STR(",\"model\":"), x->model);
    if (!x->origin) return;
    put_str(out, STR(",\"provider\":"), x->origin->provider->name);
    if (!str_eq(x->upstream_model, x->model))
        put_str(out, STR(",\"upstream_model\":"), x->upstream_model);
    if (x->up.has_head) put_u64(out, STR(",\"upstream_status\":"), x->up.head.status);
}

static void put_attempt(struct buf *out, const struct exchange_attempt *a)
{
    const struct gateway_origin *o = a->target->origin;

    put_str(out, STR("{\"provider\":"), o->provider->name);
    put_str(out, STR(",\"model\":"), a->target->settings->model);
    put_str(out, STR(",\"key\":"), o->key_names[a->key]);
    if (a->status) put_u64(out, STR(",\"status\":"), a->status);
    if (a->failure) put_str(out, STR(",\"failure\":"), failure_name(a->failure));
    if (a->manner == RELAY_CONTINUE) put(out, STR(",\"as\":\"continuation\""));
    if (a->manner == RELAY_REPLAY) put(out, STR(",\"as\":\"replay\""));
    if (a->usage.is_known) {
        put_u64(out, STR(",\"input_tokens\":"), a->usage.input_tokens);
        put_u64(out, STR(",\"output_tokens\":"), a->usage.output_tokens);
        if (a->is_estimated) put(out, STR(",\"is_estimated\":true"));
    }
    put_u64(out, STR(",\"duration_us\":"), (uint64_t)(a->ended_us - a->started_us));
    put(out, STR("}"));
}

static void put_security(struct buf *out, const struct server_call *call)
{
    struct stream_security security;

    server_call_secured(call, &security);
    put_str(out, STR(",\"tls\":"), security.version);
    put_str(out, STR(",\"client_subject\":"), str_from_c(security.subject));
}

// Each attempt where there were several, or the one failed; and what happened, where it ended ill.
static void put_attempts(struct buf *out, const struct exchange *x)
{
    const struct exchange_attempt *all[EXCHANGE_ATTEMPTS_MAX + 1];
    size_t count = 0;

    for (const struct exchange_attempt *a = x->attempt; a; a = a->before) {
        all[count++] = a;
    }
    if (count > 1 || (count == 1 && all[0]->failure)) {
        put(out, STR(",\"attempts\":["));
        for (size_t i = count; i; i--) {
            put_attempt(out, all[i - 1]);
            if (i > 1) put(out, STR(","));
        }
        put(out, STR("]"));
    }
    if (!x->failure.len || !x->flight.count) return;
    put(out, STR(",\"flight\":"));
    if (flight_write(&x->flight, x->call->started_us, out)) buf_clear(out);
}

// Begins a line: when, which, from whom.
static void put_call(struct gateway *g, const struct server_call *call, str id, usec ended_us)
{
    struct buf *out = &g->log_line;
    struct address peer = server_call_peer(call);
    char text[ADDRESS_TEXT_MAX];
    char date[40];

    buf_clear(out);
    put_str(out, STR("{\"time\":"), timestamp(g, ended_us, date));
    put_str(out, STR(",\"request_id\":"), id);
    put_str(out, STR(",\"client\":"), (str){.ptr = text, .len = stream_address_text(&peer, text)});
    put_security(out, call);
}

static void put_answer(struct buf *out, const struct server_call *call, bool is_gone,
                       bool is_stream)
{
    put_u64(out, STR(",\"status\":"), is_gone && !call->status ? 499 : call->status);
    put(out, is_stream ? STR(",\"stream\":true") : STR(",\"stream\":false"));
    put_u64(out, STR(",\"received_bytes\":"), call->received_bytes);
    put_u64(out, STR(",\"sent_bytes\":"), call->sent_bytes);
}

// One that did not fit has lost its beginning; what it would have told is in the counters.
static void end_line(struct gateway *g, str error)
{
    struct buf *out = &g->log_line;

    put_str(out, STR(",\"error\":"), error);
    put(out, STR("}"));
    if (str_starts(buf_view(out), STR("{"))) log_writer_append(g->access_log, buf_view(out));
}

void access_log_write_call(struct gateway *g, const struct access_log_call *c, usec now)
{
    struct buf *out = &g->log_line;

    if (!g->access_log) return;
    put_call(g, c->call, c->id, now);
    put_str(out, STR(",\"method\":"), c->call->head.method);
    put_str(out, STR(",\"path\":"), c->path);
    put_str(out, STR(",\"route\":"), c->route);
    put_answer(out, c->call, c->is_gone, c->is_stream);
    put_u64(out, STR(",\"duration_us\":"), (uint64_t)(now - c->call->started_us));
    end_line(g, c->error);
}

void access_log_write(struct exchange *x)
{
    struct gateway *g = x->gateway;
    struct buf *out = &g->log_line;

    if (!g->access_log) return;
    put_call(g, x->call, x->id, x->ended_us);
    put_route(out, x);
    put_answer(out, x->call, x->is_client_gone, x->request.is_stream);
    put_times(out, x);
    if (x->usage.is_known) {
        put_u64(out, STR(",\"input_tokens\":"), x->usage.input_tokens);
        put_u64(out, STR(",\"output_tokens\":"), x->usage.output_tokens);
        if (x->is_estimated) put(out, STR(",\"is_estimated\":true"));
    }
    put_attempts(out, x);
    end_line(g, x->failure);
}
