#include "http/h2_client_session.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CONN_WINDOW =
        4 * 1024 * 1024, // what streams keep waiting doesn't count, so this is for the way
    NV_MAX = CLIENT_CONN_FIELDS_MAX + 4,
    FRAME_HEAD_BYTES = 9,
    FRAME_BYTES_MAX = 20 * 1024, // that nghttp2 hands out at once
    BATCH_BYTES_MAX = 256 * 1024,
    DEFLATE_TABLE_MAX = 4096,
};

static struct h2_client_conn *conn_of(void *user)
{
    return user;
}

static struct h2_client_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return id ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

// Ends the whole connection from within a callback.
static int give_up(struct h2_client_conn *h, err why)
{
    h->failure = why;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void reset_stream(struct h2_client_stream *s, err why)
{
    if (!s->failure && !s->is_ended) s->failure = why;
    nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, h2_head_code(why));
    h2_client_stream_note(s);
}

// --- What a rude origin may cost ---

static bool may_control(struct h2_client_conn *h)
{
    msec now = h->conn->origin->client->loop->now;
    msec earned = (now - h->control_at) * H2_CLIENT_CONN_CONTROL_A_SECOND / 1000;

    if (earned > 0) {
        msec left = h->control_left + earned;
        h->control_left =
            left < H2_CLIENT_CONN_CONTROL_MAX ? (uint32_t)left : H2_CLIENT_CONN_CONTROL_MAX;
        h->control_at = now;
    }
    if (!h->control_left) return false;
    h->control_left--;
    return true;
}

static bool brings_further(const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_CONTINUATION: return true;
    case NGHTTP2_DATA: return hd->length || hd->flags & NGHTTP2_FLAG_END_STREAM;
    default: return false;
    }
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    struct h2_client_conn *h = conn_of(user);

    (void)session;
    if (hd->type == NGHTTP2_HEADERS) h->continuation_count = 0;
    if (hd->type == NGHTTP2_CONTINUATION &&
        ++h->continuation_count > H2_CLIENT_CONN_CONTINUATIONS_MAX)
        return give_up(h, ERR_LIMIT);
    return brings_further(hd) || may_control(h) ? 0 : give_up(h, ERR_LIMIT);
}

// --- Heads ---

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_client_conn *h = conn_of(user);
    struct h2_client_stream *s = stream_of(session, frame->hd.stream_id);

    h->head_stream = NULL;
    if (frame->hd.type != NGHTTP2_HEADERS || !s || !s->call || s->failure) return 0;
    const struct h2_head_limits limits = {
        .bytes_max = h->conn->origin->client->limits.head_bytes_max,
        .fields_max = CLIENT_CONN_FIELDS_MAX,
    };
    s->has_answer = true;
    h->head_stream = s;
    h2_head_init(&h->head, s->has_head ? H2_HEAD_TRAILERS : H2_HEAD_RESPONSE, s->call->arena,
                 &limits);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user) // tidy: size nghttp2 decides
{
    struct h2_client_conn *h = conn_of(user);

    (void)session;
    (void)frame; // blocks don't mix
    (void)flags;
    if (!h->head_stream) return 0;
    // A failure is kept, and told by h2_head_end().
    (void)h2_head_add(&h->head, (str){.ptr = (const char *)name, .len = name_len},
                      (str){.ptr = (const char *)value, .len = value_len});
    return 0;
}

static void end_stream(struct h2_client_stream *s)
{
    if (s->failure) return;
    s->is_ended = true;
    h2_client_stream_note(s);
}

static err take_head(struct h2_client_stream *s, bool ends_stream)
{
    struct h2_head *head = &s->h2->head;
    struct client_call *call = s->call;

    TRY(h2_head_end(head, ends_stream));
    if (head->kind == H2_HEAD_TRAILERS) {
        call->trailers.fields = head->head.fields;
        call->trailers.count = head->head.field_count;
        return OK;
    }
    // Without a bound, an origin that sends nothing else would keep the loop and its memory.
    if (head->head.status < 200)
        return ++s->interim_count > CLIENT_CONN_INTERIM_MAX ? ERR_LIMIT : OK;
    call->head = head->head;
    if (call->request.is_head_request) call->head.framing = H1_NO_BODY;
    h1_body_init(&call->body, call->head.framing, call->head.content_length);
    s->has_head = true;
    h2_client_stream_note(s);
    return OK;
}

static void on_head(struct h2_client_conn *h, const nghttp2_frame *frame)
{
    bool ends_stream = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    struct h2_client_stream *s = h->head_stream;

    h->head_stream = NULL;
    if (!s) return;
    err e = take_head(s, ends_stream);
    if (e) {
        reset_stream(s, e);
    } else if (ends_stream) {
        end_stream(s);
    }
}

// --- Frames ---

// What has not been sent would wait here for other calls to end. Of it `kept` need not.
static void refuse_unsent(struct h2_client_conn *h, uint32_t kept)
{
    for (struct link *l = h->streams.next; l != &h->streams; l = l->next) {
        struct h2_client_stream *s = container_of(l, struct h2_client_stream, link);
        if (s->is_sent || !s->call || s->failure) continue;
        if (kept) {
            kept--;
            continue;
        }
        s->is_refused = true;
        s->failure = ERR_REFUSED;
        h2_client_stream_note(s);
    }
}

static void on_settings(struct h2_client_conn *h, const nghttp2_frame *frame)
{
    struct client_origin *o = h->conn->origin;
    uint32_t allowed =
        nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

    if (frame->hd.flags & NGHTTP2_FLAG_ACK) return;
    o->streams_allowed = allowed ? allowed : 1; // a new conn may have one
    h->stream_bound = h->stream_max = allowed ? client_conn_streams_max(o) : 0;
    refuse_unsent(h, h->stream_max > h->sent_count ? h->stream_max - h->sent_count : 0);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_client_conn *h = conn_of(user);
    struct h2_client_stream *s = stream_of(session, frame->hd.stream_id);

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        h2_client_conn_note_progress(h->conn);
        on_head(h, frame);
        break;
    case NGHTTP2_DATA:
        h2_client_conn_note_progress(h->conn);
        if (s && s->call && frame->hd.flags & NGHTTP2_FLAG_END_STREAM) end_stream(s);
        break;
    case NGHTTP2_RST_STREAM:
        if (s) s->is_reset_by_peer = true;
        break;
    case NGHTTP2_SETTINGS: on_settings(h, frame); break;
    case NGHTTP2_GOAWAY: h2_client_conn_leave(h->conn); break;
    default: break;
    }
    return 0;
}

// What nghttp2 finds wrong with a frame; it resets the stream, or ends the session.
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int why,
                            void *user)
{
    struct h2_client_stream *s = stream_of(session, frame->hd.stream_id);

    (void)why;
    (void)user;
    if (s && !s->failure && !s->is_ended) s->failure = ERR_SYNTAX;
    return 0;
}

// The peer's window for the connection grows at once, whoever is slow: a caller holds up its own
// stream only.
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t len, void *user)
{
    struct h2_client_stream *s = stream_of(session, id);

    (void)flags;
    (void)user;
    if (nghttp2_session_consume_connection(session, len)) return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (!s || !s->call || s->failure) return 0;
    if (h2_client_stream_hear(s, (str){.ptr = (const char *)bytes, .len = len}))
        reset_stream(s, ERR_LIMIT);
    return 0;
}

static err failure_of(const struct h2_client_stream *s, uint32_t code)
{
    if (code == NGHTTP2_REFUSED_STREAM) return ERR_REFUSED;
    if (s->is_reset_by_peer || code == NGHTTP2_NO_ERROR || code == NGHTTP2_CANCEL)
        return ERR_CLOSED;
    return ERR_SYNTAX; // nghttp2 found the answer malformed
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct h2_client_conn *h = conn_of(user);
    struct h2_client_stream *s = stream_of(session, id);

    if (!s) return 0;
    s->is_known = false;
    h->open_count--;
    h->sent_count -= s->is_sent;
    if (!s->call) {
        h2_client_stream_free(s);
        return 0;
    }
    if (s->is_ended) {
        if (h->stream_max < h->stream_bound) h->stream_max++;
        return 0;
    }
    s->call->reset_code = code;
    if (code == NGHTTP2_REFUSED_STREAM) {
        // What is sent next comes to another conn, unless this one has become idle.
        s->is_refused = true;
        h->stream_max = h->open_count ? h->open_count : 1;
    }
    if (!s->failure) s->failure = failure_of(s, code);
    h2_client_stream_note(s);
    return 0;
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_client_conn *h = conn_of(user);
    struct h2_client_stream *s = stream_of(session, frame->hd.stream_id);

    if (frame->hd.type == NGHTTP2_HEADERS && s) {
        s->is_sent = true;
        h->sent_count++;
    }
    if (frame->hd.type != NGHTTP2_GOAWAY || h->failure) return 0;
    // nghttp2's own, for something it won't bear.
    if (frame->goaway.error_code != NGHTTP2_NO_ERROR)
        h->failure = h2_head_failure(frame->goaway.error_code);
    return 0;
}

// --- Sending ---

void h2_client_session_add(struct h2_client_batch *batch, str piece)
{
    struct iovec *last = batch->count ? &batch->iov[batch->count - 1] : NULL;

    if (!piece.len) return;
    batch->len += piece.len;
    if (last && (char *)last->iov_base + last->iov_len == piece.ptr) {
        last->iov_len += piece.len;
    } else {
        assert(batch->count < H2_CLIENT_BATCH_PIECES);
        batch->iov[batch->count++] = stream_piece(piece);
    }
    // Room for one frame more, of as many pieces as a body has.
    batch->is_full = batch->count + CLIENT_BODY_PIECES_MAX + 2 > H2_CLIENT_BATCH_PIECES ||
                     batch->room_used + FRAME_BYTES_MAX > LOOP_SCRATCH_BYTES ||
                     batch->len >= BATCH_BYTES_MAX;
}

static void add_copied(struct h2_client_batch *batch, const uint8_t *bytes, size_t len)
{
    char *room = batch->room + batch->room_used;

    assert(len <= LOOP_SCRATCH_BYTES - batch->room_used);
    memcpy(room, bytes, len);
    batch->room_used += len;
    h2_client_session_add(batch, (str){.ptr = room, .len = len});
}

static ssize_t read_request(nghttp2_session *session, int32_t id, uint8_t *room, size_t size,
                            uint32_t *flags, nghttp2_data_source *source,
                            void *user) // tidy: size nghttp2 decides
{
    const struct h2_client_stream *s = source->ptr;
    bool is_last = false;

    (void)session;
    (void)id;
    (void)room;
    (void)user;
    if (!s->call) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; // its reset is on its way
    size_t len = h2_client_stream_unsent(s, &is_last);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (len > size) return (ssize_t)size;
    if (is_last) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return len || is_last ? (ssize_t)len : NGHTTP2_ERR_DEFERRED;
}

static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_head,
                     size_t len, nghttp2_data_source *source, void *user)
{
    struct h2_client_batch *batch = conn_of(user)->batch;
    struct h2_client_stream *s = source->ptr;

    (void)session;
    (void)frame;
    if (!s->call) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!batch) return NGHTTP2_ERR_CALLBACK_FAILURE; // only a goodbye is being sent
    add_copied(batch, frame_head, FRAME_HEAD_BYTES);
    h2_client_stream_give(s, len, batch);
    return batch->is_full ? NGHTTP2_ERR_PAUSE : 0;
}

err h2_client_session_fill(struct h2_client_conn *h, struct h2_client_batch *batch, char *room)
{
    const uint8_t *bytes = NULL;
    ssize_t len = 0;

    batch->count = 0;
    batch->len = 0;
    batch->room_used = 0;
    batch->room = room;
    batch->is_full = false;
    h->batch = batch;
    do {
        len = nghttp2_session_mem_send(h->session, &bytes);
        if (len > 0) add_copied(batch, bytes, (size_t)len);
    } while (len > 0 && !batch->is_full);
    h->batch = NULL;
    if (len >= 0) return OK;
    return h->failure ? h->failure : ERR_SYNTAX;
}

err h2_client_session_submit(struct h2_client_stream *s)
{
    struct h2_client_conn *h = s->h2;
    const struct client_call *call = s->call;
    bool is_last = false;
    bool has_body =
        call->request.framing != CLIENT_BODY_WHOLE || h2_client_stream_unsent(s, &is_last) > 0;
    nghttp2_data_provider provider = {.source.ptr = s, .read_callback = read_request};
    nghttp2_nv nv[NV_MAX];
    size_t count = 0;
    str scheme = call->origin->target.tls ? STR("https") : STR("http");

    TRY(h2_head_request(call->request.head, scheme, nv, NV_MAX, &count));
    s->id = nghttp2_submit_request(h->session, NULL, nv, count, has_body ? &provider : NULL, s);
    if (s->id < 0) return ERR_CLOSED; // out of ids, or going
    s->is_known = true;
    h->open_count++;
    s->call->is_request_done = !has_body;
    return OK;
}

// --- The session ---

err h2_client_session_read(struct h2_client_conn *h, const char *bytes, size_t len)
{
    ssize_t used = nghttp2_session_mem_recv(h->session, (const uint8_t *)bytes, len);

    if (used == (ssize_t)len) return OK;
    if (h->failure) return h->failure;
    return used == NGHTTP2_ERR_FLOODED ? ERR_LIMIT : ERR_SYNTAX;
}

static nghttp2_option *new_option(const struct h2_client_conn *h)
{
    nghttp2_option *o = NULL;

    if (nghttp2_option_new(&o)) abort();
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_reserved_remote_streams(o, 0);
    nghttp2_option_set_max_deflate_dynamic_table_size(o, DEFLATE_TABLE_MAX);
    nghttp2_option_set_peer_max_concurrent_streams(o, h->stream_max);
    return o;
}

static nghttp2_session_callbacks *new_callbacks(void)
{
    nghttp2_session_callbacks *c = NULL;

    if (nghttp2_session_callbacks_new(&c)) abort();
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(c, send_data);
    return c;
}

void h2_client_session_open(struct h2_client_conn *h)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_CLIENT_CONN_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
         (uint32_t)h->conn->origin->client->limits.head_bytes_max},
    };
    nghttp2_session_callbacks *callbacks = new_callbacks();
    nghttp2_option *option = new_option(h);

    // They fail for want of memory only.
    if (nghttp2_session_client_new2(&h->session, callbacks, h, option)) abort();
    if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof(settings) / sizeof(settings[0])))
        abort();
    if (nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW))
        abort();
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
}
