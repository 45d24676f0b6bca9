#include "support/fake_h2.h"

#include "base/memory.h"
#include "codec/h2_head.h"

#include "support/test.h"

enum { BYTES_MAX = 64 << 20, FIELDS_MAX = 300 };

static struct fake_h2_stream *stream_of(struct fake_h2_conn *c, int32_t id)
{
    return id ? nghttp2_session_get_stream_user_data(c->session, id) : NULL;
}

void fake_h2_close(struct fake_h2_conn *c, enum stream_end how)
{
    if (!c->stream) return;
    stream_close(c->stream, how);
    c->stream = NULL;
    c->fake->open_count--;
    nghttp2_session_del(c->session);
    c->session = NULL;
    buf_done(&c->out);
}

static void say_rest(struct fake_h2_conn *c)
{
    while (c->stream && buf_len(&c->out) && c->stream->is_writable) {
        struct iovec iov = stream_piece(buf_view(&c->out));
        size_t len = 0;
        err e = stream_write(c->stream, &iov, 1, &len);
        if (e == ERR_AGAIN) return;
        if (e) {
            fake_h2_close(c, STREAM_CLOSE);
            return;
        }
        buf_consume(&c->out, len);
    }
}

static void send_session(struct fake_h2_conn *c)
{
    const uint8_t *bytes = NULL;
    ssize_t len = 0;

    while (c->stream && (len = nghttp2_session_mem_send(c->session, &bytes)) > 0) {
        CHECK_EQ(buf_append(&c->out, (str){.ptr = (const char *)bytes, .len = (size_t)len}), OK);
    }
    say_rest(c);
}

static void hear(struct fake_h2_conn *c)
{
    char bytes[4096];
    size_t len = 0;

    while (c->stream && !c->is_deaf && !c->end) {
        err e = stream_read(c->stream, bytes, sizeof(bytes), &len);
        if (e == ERR_AGAIN) break;
        if (e) {
            c->end = e;
            fake_h2_close(c, STREAM_CLOSE);
            return;
        }
        c->write_count++;
        CHECK_EQ(nghttp2_session_mem_recv(c->session, (uint8_t *)bytes, len), (ssize_t)len);
    }
    if (c->stream) send_session(c);
}

static void on_ready(struct stream_user *user)
{
    struct fake_h2_conn *c = container_of(user, struct fake_h2_conn, user);

    say_rest(c);
    hear(c);
}

// --- What the peer says ---

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct fake_h2_conn *c = user;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    struct fake_h2_stream *s = memory_new(struct fake_h2_stream);
    s->conn = c;
    s->id = frame->hd.stream_id;
    buf_init(&s->head, BYTES_MAX);
    buf_init(&s->body, BYTES_MAX);
    buf_init(&s->out, BYTES_MAX);
    list_push_back(&c->streams, &s->link);
    c->stream_count++;
    if (++c->open_count > c->open_most) c->open_most = c->open_count;
    return nghttp2_session_set_stream_user_data(session, s->id, s);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user) // tidy: size nghttp2 decides
{
    struct fake_h2_stream *s = stream_of(user, frame->hd.stream_id);

    (void)session;
    (void)flags;
    if (!s) return 0;
    CHECK_EQ(buf_append(&s->head, (str){(const char *)name, name_len}), OK);
    CHECK_EQ(buf_append(&s->head, STR(": ")), OK);
    CHECK_EQ(buf_append(&s->head, (str){(const char *)value, value_len}), OK);
    return buf_append_char(&s->head, '\n') ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t len, void *user)
{
    struct fake_h2_conn *c = user;
    struct fake_h2_stream *s = stream_of(c, id);

    (void)flags;
    if (s) CHECK_EQ(buf_append(&s->body, (str){(const char *)bytes, len}), OK);
    return c->fake->is_slow ? 0 : nghttp2_session_consume(session, id, len);
}

static void take_request(struct fake_h2_stream *s)
{
    struct fake_h2 *f = s->conn->fake;

    s->is_whole = true;
    f->request_count++;
    if (f->requested) {
        f->requested(f, s);
    } else if (f->script.len) {
        fake_h2_head(s, "200", STR(""), false);
        fake_h2_say(s, f->script, true);
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct fake_h2_conn *c = user;
    struct fake_h2_stream *s = stream_of(c, frame->hd.stream_id);
    bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        if (s && ends) take_request(s);
        break;
    case NGHTTP2_GOAWAY:
        c->has_goaway = true;
        c->goaway_code = frame->goaway.error_code;
        break;
    case NGHTTP2_PING:
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK)) c->ping_count++;
        break;
    default: break;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct fake_h2_conn *c = user;
    struct fake_h2_stream *s = stream_of(c, id);

    (void)session;
    if (!s) return 0;
    c->open_count--;
    s->is_closed = true;
    s->reset_code = code;
    return 0;
}

// --- What it says ---

static void put_nv(nghttp2_nv *nv, size_t *count, str fields)
{
    CHECK_EQ(h2_head_fields(fields, nv, FIELDS_MAX, count), OK);
}

static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *room, size_t size,
                        uint32_t *flags, nghttp2_data_source *source,
                        void *user) // tidy: size nghttp2 decides
{
    struct fake_h2_stream *s = source->ptr;
    str view = str_sub(buf_view(&s->out), 0, size);
    bool is_all = view.len == buf_len(&s->out);

    (void)user;
    if (!view.len && !s->ends) return NGHTTP2_ERR_DEFERRED;
    if (view.len) memcpy(room, view.ptr, view.len);
    buf_consume(&s->out, view.len);
    if (!is_all || !s->ends) return (ssize_t)view.len;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (s->trailers.len) {
        nghttp2_nv nv[FIELDS_MAX];
        size_t count = 0;
        put_nv(nv, &count, s->trailers);
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        CHECK_EQ(nghttp2_submit_trailer(session, id, nv, count), 0);
    }
    return (ssize_t)view.len;
}

void fake_h2_head(struct fake_h2_stream *s, const char *status, str fields, bool is_last)
{
    nghttp2_session *session = s->conn->session;
    nghttp2_data_provider provider = {.source.ptr = s, .read_callback = read_out};
    nghttp2_nv nv[FIELDS_MAX];
    size_t count = 0;
    int failed = 0;

    if (!session || s->is_closed) return;
    nv[count++] = h2_head_nv(STR(":status"), str_from_c(status));
    put_nv(nv, &count, fields);
    if (status[0] == '1') {
        failed = nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, s->id, NULL, nv, count, NULL);
    } else {
        failed = nghttp2_submit_response(session, s->id, nv, count, is_last ? NULL : &provider);
    }
    CHECK_EQ(failed, 0);
    send_session(s->conn);
}

void fake_h2_say(struct fake_h2_stream *s, str text, bool is_last)
{
    if (!s->conn->session) return;
    CHECK_EQ(buf_append(&s->out, text), OK);
    s->ends = is_last;
    (void)nghttp2_session_resume_data(s->conn->session, s->id); // where it waited
    send_session(s->conn);
}

void fake_h2_end(struct fake_h2_stream *s, str fields)
{
    s->trailers = fields;
    fake_h2_say(s, STR(""), true);
}

void fake_h2_reset(struct fake_h2_stream *s, uint32_t code)
{
    if (!s->conn->session) return;
    CHECK_EQ(nghttp2_submit_rst_stream(s->conn->session, NGHTTP2_FLAG_NONE, s->id, code), 0);
    send_session(s->conn);
}

void fake_h2_goaway(struct fake_h2_conn *c, int32_t last_id, uint32_t code)
{
    CHECK_EQ(nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, last_id, code, NULL, 0), 0);
    send_session(c);
}

void fake_h2_set(struct fake_h2_conn *c, int32_t id, uint32_t value)
{
    const nghttp2_settings_entry entry = {id, value};

    CHECK_EQ(nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &entry, 1), 0);
    send_session(c);
}

void fake_h2_raw(struct fake_h2_conn *c, str bytes)
{
    if (!c->stream) return;
    CHECK_EQ(buf_append(&c->out, bytes), OK);
    say_rest(c);
}

// --- Conns ---

static nghttp2_session *new_session(struct fake_h2_conn *c)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_session *session = NULL;

    CHECK_EQ(nghttp2_session_callbacks_new(&callbacks), 0);
    CHECK_EQ(nghttp2_option_new(&option), 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_http_messaging(option, 1); // it may say what it likes
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    CHECK_EQ(nghttp2_session_server_new2(&session, callbacks, c, option), 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

static void on_accepted(struct memory_dialer *m, const struct dial_target *target, struct stream *s)
{
    struct fake_h2 *f = container_of(m, struct fake_h2, dialer);
    struct fake_h2_conn *c = memory_new(struct fake_h2_conn);

    (void)target;
    c->user.ready = on_ready;
    c->fake = f;
    c->stream = s;
    c->session = new_session(c);
    list_init(&c->streams);
    buf_init(&c->out, BYTES_MAX);
    s->user = &c->user;
    list_push_back(&f->conns, &c->link);
    f->conn_count++;
    f->open_count++;
    c->is_deaf = f->is_silent;
    if (f->is_silent) return;
    CHECK_EQ(nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, f->settings, f->settings_count),
             0);
    send_session(c);
}

void fake_h2_init(struct fake_h2 *f, struct loop *loop)
{
    *f = (struct fake_h2){.loop = loop};
    memory_dialer_init(&f->dialer);
    f->dialer.accepted = on_accepted;
    list_init(&f->conns);
}

static void free_conn(struct fake_h2_conn *c)
{
    struct link *l = NULL;

    fake_h2_close(c, STREAM_CLOSE);
    while ((l = list_pop_front(&c->streams))) {
        struct fake_h2_stream *s = container_of(l, struct fake_h2_stream, link);
        buf_done(&s->head);
        buf_done(&s->body);
        buf_done(&s->out);
        memory_free(s);
    }
    memory_free(c);
}

void fake_h2_done(struct fake_h2 *f)
{
    struct link *l = NULL;

    while ((l = list_pop_front(&f->conns))) {
        free_conn(container_of(l, struct fake_h2_conn, link));
    }
}

struct fake_h2_conn *fake_h2_conn(struct fake_h2 *f)
{
    if (list_is_empty(&f->conns)) return NULL;
    return container_of(f->conns.prev, struct fake_h2_conn, link);
}

struct fake_h2_stream *fake_h2_stream(struct fake_h2 *f)
{
    struct fake_h2_conn *c = fake_h2_conn(f);

    if (!c || list_is_empty(&c->streams)) return NULL;
    return container_of(c->streams.prev, struct fake_h2_stream, link);
}
