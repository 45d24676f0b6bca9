#include "io/tls_server.h"

#include "base/memory.h"
#include "io/file.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>

struct tls_server {
    SSL_CTX *ctx;
};

static void free_protocols(void *parent, void *protocols, CRYPTO_EX_DATA *data, int index,
                           long number, void *ptr)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)number;
    (void)ptr;
    memory_free(protocols);
}

// The list lives as long as the context, which streams may keep after the server is closed.
static int protocols_index;
static pthread_once_t protocols_index_once = PTHREAD_ONCE_INIT;

static void make_protocols_index(void)
{
    protocols_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_protocols);
    if (protocols_index < 0) abort();
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned offered_len, void *unused)
{
    struct tls_protocols *ours = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), protocols_index);
    unsigned char *chosen = NULL;

    (void)unused;
    if (!ours) return SSL_TLSEXT_ERR_NOACK;
    if (SSL_select_next_proto(&chosen, out_len, ours->bytes, ours->len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static err set_protocols(SSL_CTX *ctx, const struct tls_server_options *options)
{
    struct tls_protocols made;
    struct tls_protocols *kept = NULL;

    TRY(tls_protocols_init(&made, options->protocols, options->protocol_count));
    if (made.len == 0) return OK;
    pthread_once(&protocols_index_once, make_protocols_index);
    kept = memory_new(struct tls_protocols);
    *kept = made;
    if (SSL_CTX_set_ex_data(ctx, protocols_index, kept) != 1) abort();
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    return OK;
}

static err set_up(SSL_CTX *ctx, const struct tls_server_options *options)
{
    static const unsigned char scope[] = "sluice";
    char path[FILE_PATH_MAX];

    TRY(set_protocols(ctx, options));
    TRY(file_path_copy(options->certificate_file, path));
    if (SSL_CTX_use_certificate_chain_file(ctx, path) != 1) return ERR_CERTIFICATE;
    TRY(file_path_copy(options->key_file, path));
    if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) != 1) return ERR_CERTIFICATE;
    if (SSL_CTX_check_private_key(ctx) != 1) return ERR_CERTIFICATE;
    // Tickets alone: sessions are kept by the clients, so that no loop remembers them.
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_session_id_context(ctx, scope, sizeof(scope) - 1);
    return OK;
}

err tls_server_open(const struct tls_server_options *options, struct tls_reason *why,
                    struct tls_server **out)
{
    struct tls_server *s = memory_new(struct tls_server);

    s->ctx = tls_ssl_ctx_new(true);
    ERR_clear_error();
    err e = set_up(s->ctx, options);
    if (e) {
        if (why) tls_reason_take(why);
        if (why && !why->text[0]) tls_reason_set(why, err_text(e));
        ERR_clear_error();
        tls_server_close(s);
        return e;
    }
    *out = s;
    return OK;
}

void tls_server_close(struct tls_server *s)
{
    if (!s) return;
    SSL_CTX_free(s->ctx);
    memory_free(s);
}

void tls_server_accept(struct tls_handshake *h, struct tls_server *s, struct stream *lower,
                       msec deadline, op_done_fn *done)
{
    SSL *ssl = SSL_new(s->ctx);

    if (!ssl) abort();
    SSL_set_accept_state(ssl);
    tls_stream_start(h, ssl, lower, deadline, done);
}
