// Design: each certificate has an SSL_CTX, all set up alike; a handshake begins with the first and
// moves to another one when the client names a host. What the callbacks need is the tls_server
// itself, which belongs to the first SSL_CTX and ends with it: OpenSSL counts the references, those
// of streams included.
#include "io/tls_server.h"

#include "base/memory.h"
#include "io/file.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCOPE_BYTES = 32,
    AUTHORITIES_BYTES_MAX = 1024 * 1024,
    CLIENT_CHAIN_DEPTH_MAX = 5,
    SESSION_SECONDS = 2 * 3600,
};

struct tls_server {
    SSL_CTX *contexts[TLS_CERTIFICATES_MAX]; // one a certificate; the first is always there
    size_t certificate_count;
    struct tls_protocols protocols;
    struct tls_tickets *tickets;
    bool needs_1_3;
};

static void free_server(void *parent, void *server, CRYPTO_EX_DATA *data, int index, long number,
                        void *ptr)
{
    struct tls_server *s = server;

    (void)parent;
    (void)data;
    (void)index;
    (void)number;
    (void)ptr;
    if (!s) return;
    for (size_t i = 1; i < s->certificate_count; i++) {
        SSL_CTX_free(s->contexts[i]);
    }
    memory_free(s);
}

// Where the first context keeps its server.
static int server_index;
static pthread_once_t server_index_once = PTHREAD_ONCE_INIT;

static void make_server_index(void)
{
    server_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_server);
    if (server_index < 0) abort();
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned offered_len, void *server)
{
    const struct tls_protocols *ours = &((struct tls_server *)server)->protocols;
    unsigned char *chosen = NULL;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_len, ours->bytes, ours->len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *find_context(struct tls_server *s, const char *host, unsigned flags)
{
    for (size_t i = 0; i < s->certificate_count; i++) {
        X509 *x = SSL_CTX_get0_certificate(s->contexts[i]);
        // Names of the host's in the certificate; its common name only where it has none.
        if (X509_check_host(x, host, 0, flags, NULL) == 1) return s->contexts[i];
    }
    return NULL;
}

static int choose_certificate(SSL *ssl, int *alert, void *server)
{
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *found = NULL;

    (void)alert;
    if (!host) return SSL_TLSEXT_ERR_NOACK;
    found = find_context(server, host, X509_CHECK_FLAG_NO_WILDCARDS);
    if (!found) found = find_context(server, host, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ERR_clear_error();
    if (!found) return SSL_TLSEXT_ERR_NOACK; // the default one
    if (found != SSL_get_SSL_CTX(ssl) && !SSL_set_SSL_CTX(ssl, found))
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

// A key that wants a passphrase is refused; OpenSSL would ask for it on the terminal.
static int no_passphrase(char *out, int size, int is_writing, void *unused)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)unused;
    return -1;
}

// Sessions of one scope resume under no other.
static void set_scope(SSL_CTX *ctx, const unsigned char scope[SCOPE_BYTES])
{
    if (SSL_CTX_set_session_id_context(ctx, scope, SCOPE_BYTES) != 1) abort();
}

static SSL_CTX *new_context(struct tls_server *s)
{
    static const unsigned char scope[SCOPE_BYTES] = "sluice";
    SSL_CTX *ctx = tls_ssl_ctx_new(true);

    if (s->needs_1_3 && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1) abort();
    if (s->protocols.len) SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, s);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    // Tickets alone: sessions are kept by the clients, so that no loop remembers them.
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
    if (s->tickets) tls_tickets_serve(s->tickets, ctx);
    set_scope(ctx, scope);
    return ctx;
}

err tls_server_new(const struct tls_server_options *options, struct tls_server **out)
{
    struct tls_protocols protocols;
    struct tls_server *s = NULL;

    TRY(tls_protocols_init(&protocols, options->protocols, options->protocol_count));
    pthread_once(&server_index_once, make_server_index);
    s = memory_new(struct tls_server);
    s->protocols = protocols;
    s->tickets = options->tickets;
    s->needs_1_3 = options->needs_1_3;
    s->contexts[0] = new_context(s);
    if (SSL_CTX_set_ex_data(s->contexts[0], server_index, s) != 1) abort();
    *out = s;
    return OK;
}

struct tls_server *tls_server_ref(struct tls_server *s)
{
    if (SSL_CTX_up_ref(s->contexts[0]) != 1) abort();
    return s;
}

void tls_server_unref(struct tls_server *s)
{
    if (s) SSL_CTX_free(s->contexts[0]);
}

// The end of a step: tells why it failed.
static err tell(err e, struct tls_reason *why)
{
    if (e && why) tls_reason_take(why);
    if (e && why && !why->text[0]) tls_reason_set(why, err_text(e));
    ERR_clear_error();
    return e;
}

static err use_certificate(SSL_CTX *ctx, str file)
{
    char path[FILE_PATH_MAX];

    ERR_clear_error();
    TRY(file_path_copy(file, path));
    return SSL_CTX_use_certificate_chain_file(ctx, path) == 1 ? OK : ERR_CERTIFICATE;
}

err tls_server_add_certificate(struct tls_server *s, str file, struct tls_reason *why)
{
    size_t i = s->certificate_count;

    if (i == TLS_CERTIFICATES_MAX) return tell(ERR_LIMIT, why);
    if (i > 0) s->contexts[i] = new_context(s);
    s->certificate_count++;
    if (s->certificate_count == 2) {
        SSL_CTX_set_tlsext_servername_callback(s->contexts[0], choose_certificate);
        SSL_CTX_set_tlsext_servername_arg(s->contexts[0], s);
    }
    return tell(use_certificate(s->contexts[i], file), why);
}

static err use_key(SSL_CTX *ctx, str file)
{
    char path[FILE_PATH_MAX];

    ERR_clear_error();
    TRY(file_path_copy(file, path));
    if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) != 1) return ERR_CERTIFICATE;
    return SSL_CTX_check_private_key(ctx) == 1 ? OK : ERR_CERTIFICATE;
}

err tls_server_add_key(struct tls_server *s, str file, struct tls_reason *why)
{
    assert(s->certificate_count > 0);
    return tell(use_key(s->contexts[s->certificate_count - 1], file), why);
}

// What is asked of clients, as a scope of sessions.
static err make_scope(str file, bool is_required, unsigned char scope[SCOPE_BYTES])
{
    struct buf text;

    buf_init(&text, AUTHORITIES_BYTES_MAX + 1);
    err e = buf_append_char(&text, is_required ? '!' : '?');
    if (!e) e = file_read(file, &text);
    if (!e && EVP_Digest(buf_view(&text).ptr, buf_len(&text), scope, NULL, EVP_sha256(), NULL) != 1)
        abort();
    buf_done(&text);
    return e;
}

static err ask_clients(struct tls_server *s, str file, bool is_required)
{
    SSL_CTX *first = s->contexts[0];
    unsigned char scope[SCOPE_BYTES];
    char path[FILE_PATH_MAX];
    STACK_OF(X509_NAME) *names = NULL;

    ERR_clear_error();
    TRY(file_path_copy(file, path));
    if (SSL_CTX_load_verify_file(first, path) != 1) return ERR_CERTIFICATE;
    TRY(make_scope(file, is_required, scope));
    names = SSL_load_client_CA_file(path);
    if (!names) return ERR_CERTIFICATE;
    SSL_CTX_set_client_CA_list(first, names);
    for (size_t i = 0; i < s->certificate_count; i++) {
        SSL_CTX *ctx = s->contexts[i];
        SSL_CTX_set_verify(
            ctx, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
        SSL_CTX_set_verify_depth(ctx, CLIENT_CHAIN_DEPTH_MAX);
        set_scope(ctx, scope);
        if (i == 0) continue;
        SSL_CTX_set1_cert_store(ctx, SSL_CTX_get_cert_store(first));
        SSL_CTX_set_client_CA_list(ctx, SSL_dup_CA_list(names));
    }
    return OK;
}

err tls_server_ask_clients(struct tls_server *s, str file, bool is_required, struct tls_reason *why)
{
    return tell(ask_clients(s, file, is_required), why);
}

void tls_server_accept(struct tls_handshake *h, struct tls_server *s, struct stream *lower,
                       msec deadline, op_done_fn *done)
{
    SSL *ssl = SSL_new(s->contexts[0]);

    if (!ssl) abort();
    SSL_set_accept_state(ssl);
    tls_stream_start(h, ssl, lower, deadline, done);
}
