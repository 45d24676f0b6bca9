#include "gateway/access_log.h"

#include "codec/json_write.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

// "2026-01-31T23:59:59.123Z"; the part up to the second is made once a second.
static str timestamp(struct gateway *g, char *out)
{
    usec now = clock_wall();
    usec second = now / 1'000'000;
    unsigned ms = (unsigned)(now / 1000 % 1000);

    if (second != g->date_second) {
        time_t t = (time_t)second;
        struct tm tm;
        if (!gmtime_r(&t, &tm)) return STR("");
        g->date_second = second;
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

static void put_str(struct json_writer *w, str key, str value)
{
    if (!value.len) return;
    json_write_key(w, key);
    json_write_str(w, value);
}

static void put_u64(struct json_writer *w, str key, uint64_t value)
{
    json_write_key(w, key);
    json_write_u64(w, value);
}

static void put_times(struct json_writer *w, const struct exchange *x)
{
    usec started = x->call->started_us;

    put_u64(w, STR("duration_us"), (uint64_t)(x->ended_us - started));
    if (!x->first_us) return;
    put_u64(w, STR("first_byte_us"), (uint64_t)(x->first_us - started));
    put_u64(w, STR("own_us"), (uint64_t)x->own_us);
}

static void put_route(struct json_writer *w, const struct exchange *x)
{
    put_str(w, STR("method"), x->call->head.method);
    put_str(w, STR("path"), x->route.path);
    put_str(w, STR("route"), route_name(x->route.kind));
    put_str(w, STR("model"), x->model);
    if (!x->origin) return;
    put_str(w, STR("provider"), x->origin->provider->name);
    if (!str_eq(x->upstream_model, x->model)) put_str(w, STR("upstream_model"), x->upstream_model);
    if (x->up.has_head) put_u64(w, STR("upstream_status"), x->up.head.status);
}

void access_log_write(struct exchange *x)
{
    struct gateway *g = x->gateway;
    struct address peer = server_call_peer(x->call);
    char text[ADDRESS_TEXT_MAX];
    char date[40];
    struct json_writer w;

    if (!g->access_log) return;
    buf_clear(&g->log_line);
    json_write_init(&w, &g->log_line);
    json_write_object(&w);
    put_str(&w, STR("time"), timestamp(g, date));
    put_str(&w, STR("request_id"), x->id);
    put_str(&w, STR("client"), (str){.ptr = text, .len = stream_address_text(&peer, text)});
    put_route(&w, x);
    put_u64(&w, STR("status"), x->is_client_gone && !x->call->status ? 499 : x->call->status);
    json_write_key(&w, STR("stream"));
    json_write_bool(&w, x->request.is_stream);
    put_u64(&w, STR("received_bytes"), x->call->received_bytes);
    put_u64(&w, STR("sent_bytes"), x->call->sent_bytes);
    put_times(&w, x);
    if (x->usage.is_known) {
        put_u64(&w, STR("input_tokens"), x->usage.input_tokens);
        put_u64(&w, STR("output_tokens"), x->usage.output_tokens);
    }
    put_str(&w, STR("error"), x->failure);
    json_write_object_end(&w);
    // A line that does not fit is one too many; what it would have told is in the counters.
    if (!w.error) log_writer_append(g->access_log, buf_view(&g->log_line));
}
