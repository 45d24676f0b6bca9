#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static SSL_CTX *ctx; // NULL: plain
static SSL_SESSION *session;

static int keep_session(SSL *ssl, SSL_SESSION *newest)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = newest;
    return 1;
}

void channel_use_tls(void)
{
    ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256"))
        abort();
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
}

bool channel_open(struct channel *c, int fd)
{
    *c = (struct channel){.fd = fd};
    if (!ctx) return true;
    c->ssl = SSL_new(ctx);
    if (!c->ssl || !SSL_set_fd(c->ssl, fd)) abort();
    if (session) SSL_set_session(c->ssl, session);
    if (SSL_connect(c->ssl) != 1) return false;
    return !fcntl(fd, F_SETFL, O_NONBLOCK);
}

void channel_close(struct channel *c)
{
    // Else OpenSSL takes the session for a bad one.
    if (c->ssl) SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c->ssl);
    close(c->fd);
    *c = (struct channel){.fd = -1};
}

// The result of a call that failed, as the system would have told it.
static ssize_t failure(struct channel *c, int result)
{
    int code = SSL_get_error(c->ssl, result);

    if (code == SSL_ERROR_ZERO_RETURN) return 0;
    errno = code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

ssize_t channel_send(struct channel *c, const void *bytes, size_t len)
{
    size_t sent = 0;

    if (!c->ssl) return send(c->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    ERR_clear_error();
    int result = SSL_write_ex(c->ssl, bytes, len, &sent);
    return result == 1 ? (ssize_t)sent : failure(c, result);
}

ssize_t channel_receive(struct channel *c, void *room, size_t size)
{
    size_t got = 0;

    if (!c->ssl) return recv(c->fd, room, size, MSG_DONTWAIT);
    ERR_clear_error();
    int result = SSL_read_ex(c->ssl, room, size, &got);
    return result == 1 ? (ssize_t)got : failure(c, result);
}

bool channel_has_more(const struct channel *c)
{
    return c->ssl && SSL_has_pending(c->ssl);
}
