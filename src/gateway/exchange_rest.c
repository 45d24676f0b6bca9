// Design: an answer that is no stream leaves in one write, so until then any failure has an HTTP
// status. Of a stream each message is shown as it leaves the relay; from its first byte on a
// failure is told in the body.
#include "gateway/exchange_private.h"
#include "grpc/transcode_error.h"
#include "grpc/transcode_request.h"

enum { SCRATCH_CHUNK = 4096, ERROR_MAX = 128 * 1024 };

void exchange_rest_open(struct exchange *x)
{
    struct door *d = x->door;
    struct door_rest *rest = arena_new(&x->call->arena, struct door_rest);
    size_t message_max = (size_t)x->view->settings->limits.body_bytes;
    const struct h1_field *accept = h1_field_find(&x->call->head, STR("accept"));

    d->rest = rest;
    transcode_answer_init(&rest->answer, d->found.route, accept ? accept->value : STR(""));
    arena_init(&rest->scratch, SCRATCH_CHUNK);
    buf_init(&rest->request, 2 * message_max);
    buf_init(&rest->gather, 2 * message_max);
    grpc_frame_reader_init(&rest->reader, &rest->gather);
}

void exchange_rest_close(struct door_rest *rest)
{
    if (!rest) return;
    arena_reset(&rest->scratch);
    buf_done(&rest->request);
    buf_done(&rest->gather);
}

// --- Errors ---

static void write_error(const struct door_rest *rest, const struct status *s, struct arena *arena,
                        struct buf *out)
{
    const struct status bare = {.code = s->code};

    buf_init(out, ERROR_MAX);
    if (!transcode_answer_error(&rest->answer, s, arena, out)) return;
    // Without what made it too long.
    buf_clear(out);
    (void)transcode_answer_error(&rest->answer, &bare, arena, out);
}

static void fail_whole(struct exchange *x, const struct status *s, unsigned http, msec retry_ms)
{
    struct server_answer answer = {.status = http, .has_length = true};
    struct buf text;

    write_error(x->door->rest, s, &x->call->arena, &text);
    buf_clear(&x->head);
    // All of it is short.
    (void)exchange_answer_own_fields(x, &x->head);
    (void)buf_append(&x->head, STR("content-type: application/json\r\n"));
    if (retry_ms > 0)
        (void)buf_append_format(&x->head, "retry-after: %ld\r\n", (retry_ms + 999) / 1000);
    answer.fields = buf_view(&x->head);
    answer.length = buf_len(&text);
    struct iovec iov = stream_piece(buf_view(&text));
    server_call_respond(x->call, &answer, &iov, 1, true);
    buf_done(&text);
}

void exchange_rest_fail(struct exchange *x, const struct status *s, const struct exchange_error *e)
{
    struct buf text;

    if (!x->call->status) {
        // The one that is known better than its code tells.
        fail_whole(x, s, e->status == 413 ? 413 : status_to_http(s->code), e->retry_ms);
        return;
    }
    // Only a stream is begun before it is whole.
    write_error(x->door->rest, s, &x->call->arena, &text);
    struct iovec iov = stream_piece(buf_view(&text));
    server_call_write(x->call, &iov, 1, true);
    buf_done(&text);
}

// --- The request ---

static str query_of(const struct exchange *x)
{
    str target = x->call->head.target;
    const char *behind = x->route.path.ptr + x->route.path.len;
    size_t len = (size_t)(target.ptr + target.len - behind);

    return len ? (str){.ptr = behind + 1, .len = len - 1} : STR("");
}

err exchange_rest_request(struct exchange *x)
{
    struct door *d = x->door;
    const struct transcode_request t = {
        .found = &d->found, .query = query_of(x), .body = buf_view(&x->body)};
    struct status why;
    err e = transcode_request(&t, &x->call->arena, &d->rest->request, &why);

    if (e) {
        x->failure = status_name(why.code);
        fail_whole(x, &why, status_to_http(why.code), 0);
        exchange_end(x);
        return e;
    }
    d->message = buf_view(&d->rest->request);
    return OK;
}

// --- The answer ---

// Appends what the client gets of a message.
static err show(struct door *d, str message, struct status *why)
{
    arena_reset(&d->rest->scratch);
    return transcode_answer_write(&d->rest->answer, message, &d->rest->scratch, &d->out, why);
}

// The same of whole frames.
static err show_frames(struct door *d, str piece, struct status *why)
{
    struct grpc_frame f;

    for (;;) {
        err e = grpc_frame_next(&d->rest->reader, &piece, &f);
        if (e == ERR_AGAIN) return OK;
        if (!e) e = show(d, f.message, why);
        if (e) return e;
    }
}

static err show_all(struct door *d, const struct iovec *pieces, int count, struct status *why)
{
    *why = (struct status){.code = STATUS_INTERNAL, .message = STR("The answer is too large.")};
    if (!d->is_stream) {
        TRY(exchange_door_join(d, pieces, count));
        return show(d, buf_view(&d->whole), why);
    }
    for (int i = 0; i < count; i++) {
        TRY(show_frames(d, (str){.ptr = pieces[i].iov_base, .len = pieces[i].iov_len}, why));
    }
    return OK;
}

// What is in `out`, behind the head where that is still to go.
static void send(struct exchange *x, bool is_last)
{
    struct door *d = x->door;
    struct iovec iov = stream_piece(buf_view(&d->out));
    struct server_answer answer = {.status = 200, .has_length = !d->is_stream};

    if (x->call->status) {
        server_call_write(x->call, &iov, 1, is_last);
        return;
    }
    d->rest->answer.is_begun = true;
    (void)exchange_answer_fields(x);
    // Fits, as the head's room says.
    (void)buf_append_format(&x->head, "content-type: %" STR_FMT "\r\n",
                            STR_ARG(d->rest->answer.content_type));
    answer.fields = buf_view(&x->head);
    answer.length = buf_len(&d->out);
    server_call_respond(x->call, &answer, &iov, 1, is_last);
}

void exchange_rest_write(struct exchange *x, const struct iovec *pieces, int count, bool is_last)
{
    struct door *d = x->door;
    struct status *failure = &d->rest->failure;
    const struct exchange_error e = {.status = 500};
    struct status why;

    buf_clear(&d->out);
    if (!failure->code && show_all(d, pieces, count, &why)) {
        *failure = why;
        failure->message = arena_str(&x->call->arena, why.message);
    }
    if (!failure->code) {
        send(x, is_last);
    } else if (is_last) { // its end is the exchange's to tell, which hears of it there
        exchange_rest_fail(x, failure, &e);
    }
}
