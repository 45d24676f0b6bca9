#include "http/h2_server_session.h"

#include "http/h2_server_call.h"

#include <stdlib.h>

// Bytes of a header block beyond what is allowed, which are decoded and dropped so that the client
// can be told, and what an answer's head may have.
enum { EXCESS_MAX = 1024 * 1024, SEND_HEAD_BYTES_MAX = 1024 * 1024 };

static struct h2_server_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static msec now_of(const struct h2_server_conn *c)
{
    return c->server->loop->now;
}

static void note_noise(struct h2_server_conn *c)
{
    if (!h2_guard_noise(&c->guard, now_of(c))) h2_server_conn_calm(c);
}

static void note_reset(struct h2_server_conn *c)
{
    if (!h2_guard_reset(&c->guard, now_of(c))) h2_server_conn_calm(c);
}

// Fails only where memory is out.
static void reset(struct h2_server_conn *c, int32_t id, uint32_t code)
{
    if (nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id, code)) abort();
}

static void terminate(struct h2_server_conn *c, uint32_t code)
{
    if (nghttp2_session_terminate_session(c->session, code)) abort();
}

// A block of a stream that nghttp2 has forgotten, or never knew, which it would overlook (RFC 9113
// section 5.1.1).
static void judge_late_block(struct h2_server_conn *c, int32_t id)
{
    enum h2_past_verdict verdict = h2_past_judge(&c->past, id);

    if (verdict == H2_PAST_FINE || stream_of(c->session, id)) return;
    terminate(c, verdict == H2_PAST_UNUSED ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_STREAM_CLOSED);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    struct h2_server_conn *c = user;

    (void)session;
    if (hd->type != NGHTTP2_CONTINUATION) c->is_in_block = hd->type == NGHTTP2_HEADERS;
    if (hd->type == NGHTTP2_HEADERS) {
        judge_late_block(c, hd->stream_id);
        h2_past_open(&c->past, hd->stream_id);
    } else if (hd->type == NGHTTP2_RST_STREAM) {
        c->server->counts.h2_resets++;
        note_reset(c);
    } else if (hd->type != NGHTTP2_DATA) {
        note_noise(c);
    }
    // With priorities of RFC 7540 turned off, nghttp2 overlooks it (RFC 9113 section 6.3).
    if (hd->type == NGHTTP2_PRIORITY && !hd->stream_id) terminate(c, NGHTTP2_PROTOCOL_ERROR);
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_server_conn *c = user;
    const struct server_limits *limits = &c->server->limits;
    struct h2_head_limits head = {.bytes_max = limits->head_bytes_max,
                                  .fields_max = limits->head_fields_max};
    bool is_request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    int32_t id = frame->hd.stream_id;
    struct h2_server_stream *st = is_request ? NULL : stream_of(session, id);

    if (head.fields_max > SERVER_FIELDS_MAX) head.fields_max = SERVER_FIELDS_MAX;
    c->block_excess = 0;
    if (!is_request && !st) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (is_request) {
        st = h2_server_stream_new(c, id);
        if (nghttp2_session_set_stream_user_data(session, id, st)) abort(); // it is there
    }
    h2_head_init(&c->block, is_request ? H2_HEAD_REQUEST : H2_HEAD_TRAILERS, &st->call.arena,
                 &head);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user) // tidy: size nghttp2 decides
{
    struct h2_server_conn *c = user;
    str n = {.ptr = (const char *)name, .len = name_len};
    str v = {.ptr = (const char *)value, .len = value_len};

    (void)session;
    (void)frame;
    (void)flags;
    // What is wrong with the block is told at its end: the table of HPACK must hear all of it.
    if (h2_head_add(&c->block, n, v)) c->block_excess += name_len + value_len + 1;
    if (c->block_excess > EXCESS_MAX) h2_server_conn_calm(c);
    return 0;
}

static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_len, const uint8_t *value,
                             size_t value_len, uint8_t flags,
                             void *user) // tidy: size nghttp2 decides
{
    struct h2_server_conn *c = user;

    (void)session;
    (void)frame;
    (void)name;
    (void)name_len;
    (void)value;
    (void)value_len;
    (void)flags;
    if (!c->block.failure) c->block.failure = ERR_SYNTAX;
    return 0;
}

static void end_request(struct h2_server_conn *c, struct h2_server_stream *st, bool ends_stream)
{
    err e = h2_head_end(&c->block, ends_stream);

    if (e) c->server->counts.heads_rejected++;
    if (e && e != ERR_LIMIT && e != ERR_UNSUPPORTED) {
        reset(c, st->id, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    st->refusal = e == ERR_LIMIT ? 431 : e ? 501 : 0;
    if (ends_stream) h2_server_stream_end_body(st);
    h2_server_stream_begin(st, &c->block.head);
}

static void end_trailers(struct h2_server_conn *c, struct h2_server_stream *st, bool ends_stream)
{
    if (h2_head_end(&c->block, ends_stream)) {
        reset(c, st->id, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    st->call.trailers = c->block.head.fields;
    st->call.trailer_count = c->block.head.field_count;
    h2_server_stream_end_body(st);
}

static void end_block(struct h2_server_conn *c, const nghttp2_frame *frame)
{
    struct h2_server_stream *st = stream_of(c->session, frame->hd.stream_id);
    bool ends_stream = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    c->is_in_block = false;
    if (!st) return;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        end_request(c, st, ends_stream);
    } else {
        end_trailers(c, st, ends_stream);
    }
}

static void end_body_frame(struct h2_server_conn *c, const nghttp2_frame *frame)
{
    struct h2_server_stream *st = stream_of(c->session, frame->hd.stream_id);

    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        if (st) h2_server_stream_end_body(st);
    } else if (frame->hd.length == frame->data.padlen) {
        note_noise(c);
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_server_conn *c = user;

    (void)session;
    if (frame->hd.type == NGHTTP2_HEADERS) end_block(c, frame);
    if (frame->hd.type == NGHTTP2_DATA) end_body_frame(c, frame);
    if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
        c->is_acknowledged = true;
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int why,
                            void *user)
{
    struct h2_server_conn *c = user;

    (void)session;
    (void)why;
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    c->is_in_block = false;
    c->server->counts.heads_rejected++;
    return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                    size_t len, void *user)
{
    struct h2_server_conn *c = user;
    struct h2_server_stream *st = stream_of(session, id);

    (void)flags;
    h2_guard_useful(&c->guard);
    if (st && h2_server_stream_receive(st, (str){.ptr = (const char *)bytes, .len = len}))
        reset(c, id, NGHTTP2_FLOW_CONTROL_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct h2_server_stream *st = stream_of(session, id);

    (void)user;
    if (!st) return 0;
    st->is_closed = true;
    st->failure = h2_head_failure(code);
    h2_server_stream_ready(st);
    return 0;
}

static int on_send_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_server_conn *c = user;
    bool ends_stream = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    struct h2_server_stream *st = NULL;

    if (frame->hd.type == NGHTTP2_RST_STREAM) h2_past_reset(&c->past, frame->hd.stream_id);
    // A client that makes us reset its streams costs as much as one that resets them.
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
        frame->rst_stream.error_code != NGHTTP2_INTERNAL_ERROR)
        note_reset(c);
    // The client has heard the notice when it answers what follows it.
    if (frame->hd.type == NGHTTP2_GOAWAY && c->step == H2_SERVER_CONN_NOTICED &&
        nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, NULL))
        abort();
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    st = stream_of(session, frame->hd.stream_id);
    if (!st) return 0;
    if (frame->hd.type == NGHTTP2_HEADERS) st->call.sent_bytes += frame->hd.length + 9;
    // An answer that is whole leaves no use for the rest of the body (RFC 9113 section 8.1).
    if (ends_stream && !st->has_ended) reset(c, st->id, NGHTTP2_NO_ERROR);
    return 0;
}

// An answer's head that could not be written: its stream would wait for ever.
static int on_unsent_frame(nghttp2_session *session, const nghttp2_frame *frame, int why,
                           void *user)
{
    struct h2_server_conn *c = user;

    (void)why;
    if (frame->hd.type == NGHTTP2_HEADERS && stream_of(session, frame->hd.stream_id))
        reset(c, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

static int on_send_body(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_head,
                        size_t len, nghttp2_data_source *source, void *user)
{
    struct h2_server_conn *c = user;

    (void)session;
    (void)frame;
    h2_guard_useful(&c->guard);
    return h2_server_call_send(source->ptr, frame_head, len) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static nghttp2_session_callbacks *callbacks_new(void)
{
    nghttp2_session_callbacks *cb = NULL;

    if (nghttp2_session_callbacks_new(&cb)) abort();
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_send_frame);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_unsent_frame);
    nghttp2_session_callbacks_set_send_data_callback(cb, on_send_body);
    return cb;
}

// Streams that are closed are forgotten at once; windows grow as handlers take what came.
static nghttp2_option *option_new(void)
{
    nghttp2_option *option = NULL;

    if (nghttp2_option_new(&option)) abort();
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_send_header_block_length(option, SEND_HEAD_BYTES_MAX);
    return option;
}

static void submit_settings(struct h2_server_conn *c, nghttp2_session *session)
{
    const struct server_limits *limits = &c->server->limits;
    uint32_t streams_max = limits->streams_max ? limits->streams_max : SERVER_STREAMS_MAX;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_SERVER_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->head_bytes_max},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };

    if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
                                sizeof(settings) / sizeof(settings[0])) ||
        nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                              H2_SERVER_SESSION_WINDOW))
        abort();
}

nghttp2_session *h2_server_session_new(struct h2_server_conn *c)
{
    nghttp2_session_callbacks *callbacks = callbacks_new();
    nghttp2_option *option = option_new();
    nghttp2_session *session = NULL;

    if (nghttp2_session_server_new2(&session, callbacks, c, option)) abort();
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    submit_settings(c, session);
    return session;
}
