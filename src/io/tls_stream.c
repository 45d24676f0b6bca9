// Design: OpenSSL reads and writes the lower stream through a BIO of ours. What the lower stream
// does not take is kept in `pending`, so that an SSL_write() never stops half-way and its caller is
// free to come back with other bytes. New bytes are only accepted while `pending` is empty, which
// bounds it to a record; what OpenSSL sends by itself (alerts, key updates) is bounded besides.
//
// A read leaves `is_readable` set as long as OpenSSL holds bytes or the lower stream may, so that
// none is forgotten in between; the read that finds nothing clears it.
#include "io/tls_stream.h"

#include "base/buf.h"
#include "base/memory.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORD_BYTES = 16 * 1024, // RFC 8446, section 5.1
    PENDING_BYTES_MAX = 64 * 1024,
    LINGER_MS = 5000,
};

struct tls_stream {
    struct stream stream;
    struct stream *lower;
    struct stream_user lower_user;
    SSL *ssl;
    struct tls_handshake *handshake; // NULL once it is over
    struct buf pending;              // sealed bytes that the lower stream has not taken
    struct timer linger;
    err lower_end;     // what ended reading below; ERR_EOF for an end without close_notify
    err write_failure; // what ended writing below; what has come may still be read
    err failure;       // final for both directions
    bool is_finished;  // our side's end has been written; the lower stream's comes behind it
    bool is_lingering;
};

// What an earlier call left would be taken for the next one's failure. Mostly there is nothing, and
// to look costs less than to clear.
static void forget_errors(void)
{
    if (ERR_peek_error()) ERR_clear_error();
}

static struct tls_stream *tls_of(struct stream *s)
{
    return container_of(s, struct tls_stream, stream);
}

static int bio_read(BIO *bio, char *bytes, size_t size, size_t *len)
{
    struct tls_stream *t = BIO_get_data(bio);
    err e = t->lower_end;

    BIO_clear_retry_flags(bio);
    if (!e) e = stream_read(t->lower, bytes, size, len);
    if (e == OK) return 1;
    *len = 0;
    if (e == ERR_AGAIN) {
        BIO_set_retry_read(bio);
    } else {
        t->lower_end = e;
    }
    return 0;
}

// Writes to the lower stream until it takes no more; returns how much that was.
static size_t write_lower(struct tls_stream *t, const char *bytes, size_t size)
{
    size_t sent = 0;

    while (sent < size) {
        struct iovec iov = {(void *)(uintptr_t)(bytes + sent), size - sent};
        size_t part = 0;
        err e = stream_write(t->lower, &iov, 1, &part);
        if (e == ERR_AGAIN) break;
        if (e) {
            t->write_failure = e;
            break;
        }
        sent += part;
    }
    return sent;
}

// A failure below is kept for the next write and not shown to OpenSSL, which would refuse to read
// on: what the peer said before it left (an alert, an early answer) is worth having.
static int bio_write(BIO *bio, const char *bytes, size_t size, size_t *len)
{
    struct tls_stream *t = BIO_get_data(bio);
    size_t sent = 0;

    BIO_clear_retry_flags(bio);
    *len = size;
    if (t->write_failure) return 1;
    if (buf_len(&t->pending) == 0) sent = write_lower(t, bytes, size);
    if (t->write_failure || sent == size) return 1;
    if (buf_append(&t->pending, (str){bytes + sent, size - sent})) t->write_failure = ERR_LIMIT;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *ptr)
{
    const struct tls_stream *t = BIO_get_data(bio);

    (void)number;
    (void)ptr;
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return t->lower_end == ERR_EOF;
    return 0;
}

// Made once and shared by all threads; never changed afterwards.
static BIO_METHOD *bio_method;
static pthread_once_t bio_method_once = PTHREAD_ONCE_INIT;

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    if (!bio_method || !BIO_meth_set_read_ex(bio_method, bio_read) ||
        !BIO_meth_set_write_ex(bio_method, bio_write) ||
        !BIO_meth_set_ctrl(bio_method, bio_control))
        abort();
}

static BIO *new_bio(struct tls_stream *t)
{
    BIO *bio = NULL;

    pthread_once(&bio_method_once, make_bio_method);
    bio = BIO_new(bio_method);
    if (!bio) abort();
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}

// Hands on what the lower stream takes of the pending bytes.
static void flush(struct tls_stream *t)
{
    str view = buf_view(&t->pending);

    if (view.len == 0 || t->write_failure) return;
    buf_consume(&t->pending, write_lower(t, view.ptr, view.len));
    if (buf_len(&t->pending) > 0) return;
    buf_done(&t->pending); // idle streams keep no buffer
    if (t->is_finished) stream_finish(t->lower);
}

static bool has_pending(const struct tls_stream *t)
{
    return buf_len(&t->pending) > 0 && !t->write_failure;
}

static void free_tls(struct tls_stream *t, enum stream_end how)
{
    loop_alarm_stop(t->stream.loop, &t->linger);
    // Without this OpenSSL takes the session for a bad one and forbids its reuse.
    if (!t->failure) SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    ERR_clear_error();
    stream_close(t->lower, how);
    buf_done(&t->pending);
    memory_free(t);
}

// What a failed SSL call means for the stream.
static err failure_of(struct tls_stream *t)
{
    if (t->lower_end == ERR_EOF) return ERR_CLOSED; // no close_notify: cut
    return t->lower_end ? t->lower_end : ERR_TLS;
}

static err tls_read(struct stream *s, void *bytes, size_t size, size_t *len)
{
    struct tls_stream *t = tls_of(s);
    int code = 0;

    if (t->failure) return t->failure;
    forget_errors();
    if (SSL_read_ex(t->ssl, bytes, size, len) == 1) {
        s->is_readable = SSL_has_pending(t->ssl) || t->lower->is_readable || s->is_hung_up;
        return OK;
    }
    code = SSL_get_error(t->ssl, 0);
    if (code == SSL_ERROR_ZERO_RETURN) return ERR_EOF;
    if (code == SSL_ERROR_WANT_READ) {
        s->is_readable = false;
        return ERR_AGAIN;
    }
    t->failure = failure_of(t);
    return t->failure;
}

struct gather {
    const struct iovec *iov;
    int count;
    size_t at; // within the first
};

// The next bytes to seal, one record at most: where they lie, or copied together.
static str next_piece(struct gather *g, char *room)
{
    size_t len = 0;

    while (g->count > 0 && len < RECORD_BYTES) {
        const char *from = g->iov->iov_len ? (const char *)g->iov->iov_base + g->at : room;
        size_t there = g->iov->iov_len - g->at;
        size_t part = there < RECORD_BYTES - len ? there : RECORD_BYTES - len;
        if (len == 0 && (part == RECORD_BYTES || g->count == 1)) {
            g->at += part;
            return (str){from, part};
        }
        if (part > 0) memcpy(room + len, from, part);
        len += part;
        g->at += part;
        if (g->at == g->iov->iov_len) {
            g->iov++;
            g->count--;
            g->at = 0;
        }
    }
    return (str){room, len};
}

static err tls_write(struct stream *s, const struct iovec *iov, int count, size_t *len)
{
    struct tls_stream *t = tls_of(s);
    struct gather g = {iov, count, 0};
    char room[RECORD_BYTES];
    size_t total = 0;
    size_t written = 0;

    flush(t);
    while (!t->failure && !t->write_failure && !has_pending(t)) {
        str piece = next_piece(&g, room);
        if (piece.len == 0) break;
        forget_errors();
        if (SSL_write_ex(t->ssl, piece.ptr, piece.len, &written) != 1) t->failure = failure_of(t);
        total += written; // all of the piece, for the BIO takes every record whole
        written = 0;
    }
    if (t->failure) return t->failure;
    if (t->write_failure) return t->write_failure;
    if (has_pending(t)) s->is_writable = false;
    if (total == 0 && has_pending(t)) return ERR_AGAIN;
    *len = total;
    return OK;
}

// A failure to say goodbye shows as write_failure.
static void say_goodbye(struct tls_stream *t)
{
    if (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN) return;
    ERR_clear_error();
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}

static void tls_finish(struct stream *s)
{
    struct tls_stream *t = tls_of(s);

    if (t->failure || t->is_finished) return;
    t->is_finished = true;
    say_goodbye(t);
    if (has_pending(t)) {
        flush(t);
    } else {
        stream_finish(t->lower);
    }
}

static void linger_is_over(struct timer *timer)
{
    free_tls(container_of(timer, struct tls_stream, linger), STREAM_ABORT);
}

static void tls_close(struct stream *s, enum stream_end how)
{
    struct tls_stream *t = tls_of(s);

    s->user = NULL;
    if (how == STREAM_ABORT || t->failure) {
        free_tls(t, how);
        return;
    }
    say_goodbye(t); // the peer's own is not waited for
    flush(t);
    // A loop that was told to stop has no time left; the peer misses our goodbye and knows.
    if (!has_pending(t) || loop_is_stopping(s->loop)) {
        free_tls(t, has_pending(t) ? STREAM_ABORT : STREAM_CLOSE);
        return;
    }
    t->is_lingering = true;
    loop_alarm(s->loop, &t->linger, LINGER_MS, linger_is_over);
}

static size_t tls_unsent(struct stream *s)
{
    struct tls_stream *t = tls_of(s);

    return buf_len(&t->pending) + (t->lower ? stream_unsent(t->lower) : 0);
}

static str tls_protocol(struct stream *s)
{
    const unsigned char *name = NULL;
    unsigned len = 0;

    SSL_get0_alpn_selected(tls_of(s)->ssl, &name, &len);
    return name ? (str){(const char *)name, len} : STR("");
}

static void tls_secured(struct stream *s, struct stream_security *security)
{
    SSL *ssl = tls_of(s)->ssl;
    X509 *peer = SSL_is_server(ssl) ? SSL_get0_peer_certificate(ssl) : NULL;
    BIO *text = NULL;

    security->version = SSL_version(ssl) == TLS1_2_VERSION ? STR("1.2") : STR("1.3");
    security->is_resumed = SSL_session_reused(ssl) == 1;
    if (!peer) return;
    text = BIO_new(BIO_s_mem());
    if (!text) abort();
    // A name that can't be printed stays empty.
    if (X509_NAME_print_ex(text, X509_get_subject_name(peer), 0, XN_FLAG_RFC2253) >= 0)
        (void)BIO_gets(text, security->subject, STREAM_SUBJECT_MAX);
    BIO_free(text);
}

static void end_handshake(struct tls_handshake *h, err result)
{
    struct tls_stream *t = h->tls;

    loop_alarm_stop(t->stream.loop, &h->deadline);
    t->handshake = NULL;
    h->tls = NULL;
    op_finish(&h->op, result);
    if (result == OK) {
        h->stream = &t->stream;
        return;
    }
    t->failure = result;
    // An orderly end lets the alert that tells the peer why arrive.
    bool is_given_up = result == ERR_TIMEOUT || result == ERR_CANCELED;
    free_tls(t, is_given_up ? STREAM_ABORT : STREAM_CLOSE);
}

static err explain(struct tls_handshake *h)
{
    struct tls_stream *t = h->tls;
    long verdict = SSL_get_verify_result(t->ssl);

    if (SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE && verdict != X509_V_OK) {
        tls_reason_set(&h->reason, X509_verify_cert_error_string(verdict));
        return ERR_CERTIFICATE;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        tls_reason_take(&h->reason);
        return ERR_CERTIFICATE;
    }
    if (t->lower_end) {
        tls_reason_set(&h->reason, "the peer closed the connection during the handshake");
    } else {
        tls_reason_take(&h->reason);
    }
    return ERR_TLS;
}

static void go_on(struct tls_handshake *h)
{
    struct tls_stream *t = h->tls;

    flush(t);
    ERR_clear_error();
    int code = SSL_do_handshake(t->ssl);
    if (code == 1) {
        end_handshake(h, OK);
        return;
    }
    if (SSL_get_error(t->ssl, code) == SSL_ERROR_WANT_READ) return;
    end_handshake(h, explain(h));
}

static void handshake_is_late(struct timer *timer)
{
    struct tls_handshake *h = container_of(timer, struct tls_handshake, deadline);

    tls_reason_set(&h->reason, "the peer did not complete the handshake in time");
    end_handshake(h, ERR_TIMEOUT);
}

static void cancel_handshake(struct op *op)
{
    end_handshake(container_of(op, struct tls_handshake, op), ERR_CANCELED);
}

static void lower_ready(struct stream_user *user)
{
    struct tls_stream *t = container_of(user, struct tls_stream, lower_user);
    struct stream *s = &t->stream;

    s->is_hung_up = t->lower->is_hung_up;
    if (t->handshake) {
        go_on(t->handshake);
        return;
    }
    flush(t);
    if (t->is_lingering) {
        if (!has_pending(t)) free_tls(t, STREAM_CLOSE);
        return;
    }
    if (t->lower->is_readable) s->is_readable = true;
    if (!has_pending(t)) s->is_writable = true;
    if (s->user) s->user->ready(s->user);
}

void tls_stream_start(struct tls_handshake *h, SSL *ssl, struct stream *lower, msec deadline,
                      op_done_fn *done)
{
    static const struct stream_ops ops = {
        .read = tls_read,
        .write = tls_write,
        .finish = tls_finish,
        .close = tls_close,
        .protocol = tls_protocol,
        .unsent = tls_unsent,
        .secured = tls_secured,
    };
    struct tls_stream *t = memory_new(struct tls_stream);
    BIO *bio = new_bio(t);

    op_start(&h->op, lower->loop, done, cancel_handshake);
    h->stream = NULL;
    h->reason.text[0] = '\0';
    h->tls = t;
    t->stream = (struct stream){.ops = &ops,
                                .loop = lower->loop,
                                .peer = lower->peer,
                                .is_readable = true,
                                .is_writable = true};
    t->lower = lower;
    t->lower_user.ready = lower_ready;
    lower->user = &t->lower_user;
    t->ssl = ssl;
    t->handshake = h;
    buf_init(&t->pending, PENDING_BYTES_MAX);
    SSL_set_bio(ssl, bio, bio);
    loop_alarm_at(lower->loop, &h->deadline, deadline, handshake_is_late);
    go_on(h);
}

void tls_stream_refuse(struct tls_handshake *h, struct stream *lower, err e, op_done_fn *done)
{
    op_start(&h->op, lower->loop, done, NULL);
    h->stream = NULL;
    tls_reason_set(&h->reason, err_text(e));
    ERR_clear_error();
    stream_close(lower, STREAM_ABORT);
    op_finish(&h->op, e);
}
