#include "gateway/log_line.h"

#include "codec/json_write.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TEXT_MAX = 2048 }; // of one value: a path may be longer

// "2026-01-31T23:59:59.123Z". The wall clock is read, and the part up to the second made, once a
// second.
static str timestamp(struct gateway *g, usec at, char *out)
{
    usec now = at + g->wall_offset;
    usec second = now / 1'000'000;
    unsigned ms = (unsigned)(now / 1000 % 1000);

    if (second != g->date_second) {
        time_t t = (time_t)second;
        struct tm tm;
        if (!gmtime_r(&t, &tm)) return STR("");
        g->date_second = second;
        g->wall_offset = clock_wall() - at;
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

void log_line_put(struct buf *out, str text)
{
    if (buf_append(out, text)) buf_clear(out);
}

void log_line_put_str(struct buf *out, str key, str value)
{
    if (!value.len) return;
    log_line_put(out, key);
    if (json_write_quoted(out, str_sub(value, 0, TEXT_MAX))) buf_clear(out);
}

void log_line_put_u64(struct buf *out, str key, uint64_t value)
{
    log_line_put(out, key);
    if (buf_append_u64(out, value)) buf_clear(out);
}

void log_line_put_bytes(struct buf *out, const struct server_call *call)
{
    log_line_put_u64(out, STR(",\"received_bytes\":"), call->received_bytes);
    log_line_put_u64(out, STR(",\"sent_bytes\":"), call->sent_bytes);
}

bool log_line_begin(struct gateway *g, const struct server_call *call, str id, usec ended_us)
{
    struct address peer = server_call_peer(call);
    struct stream_security security;
    struct buf *out = &g->log_line;
    char text[ADDRESS_TEXT_MAX];
    char date[40];

    if (!g->access_log) return false;
    buf_clear(out);
    log_line_put_str(out, STR("{\"time\":"), timestamp(g, ended_us, date));
    log_line_put_str(out, STR(",\"request_id\":"), id);
    log_line_put_str(out, STR(",\"client\":"),
                     (str){.ptr = text, .len = stream_address_text(&peer, text)});
    server_call_secured(call, &security);
    log_line_put_str(out, STR(",\"tls\":"), security.version);
    log_line_put_str(out, STR(",\"client_subject\":"), str_from_c(security.subject));
    return true;
}

void log_line_end(struct gateway *g)
{
    struct buf *out = &g->log_line;

    log_line_put(out, STR("}"));
    if (str_starts(buf_view(out), STR("{"))) log_writer_append(g->access_log, buf_view(out));
}
