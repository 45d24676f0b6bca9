#include "io/tls_client.h"

#include "base/memory.h"
#include "io/file.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_MAX = 253 };

struct tls_client {
    SSL_CTX *ctx;
    SSL_SESSION *session; // the newest that may be resumed, with `host`; NULL for none
    char host[HOST_MAX + 1];
    uintptr_t epoch; // counts the changes of host
    struct tls_reason reason;
};

// The system's certificates: some hundred kilobytes and milliseconds, so once a process. OpenSSL
// locks and counts the store itself.
static X509_STORE *system_store;
static pthread_once_t system_store_once = PTHREAD_ONCE_INIT;

static void load_system_store(void)
{
    system_store = X509_STORE_new();
    if (!system_store) abort();
    // A system without certificates trusts nobody, and every handshake says so.
    (void)X509_STORE_set_default_paths(system_store);
    ERR_clear_error();
}

// Keeps a session that the server offers; returns 1 if it took the reference. The client is gone
// once the context does not know it any more, and a late ticket may come from an earlier host.
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_client *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (!c || (uintptr_t)SSL_get_app_data(ssl) != c->epoch) return 0;
    if (!SSL_SESSION_is_resumable(session)) return 0;
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1;
}

static err set_trust(struct tls_client *c, const struct tls_client_options *options)
{
    char path[FILE_PATH_MAX];

    if (options->is_unverified) {
        SSL_CTX_set_verify(c->ctx, SSL_VERIFY_NONE, NULL);
        return OK;
    }
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    if (options->ca_file.len == 0) {
        pthread_once(&system_store_once, load_system_store);
        SSL_CTX_set1_cert_store(c->ctx, system_store);
        return OK;
    }
    TRY(file_path_copy(options->ca_file, path));
    return SSL_CTX_load_verify_file(c->ctx, path) == 1 ? OK : ERR_CERTIFICATE;
}

static err set_up(struct tls_client *c, const struct tls_client_options *options)
{
    struct tls_protocols protocols;

    TRY(tls_protocols_init(&protocols, options->protocols, options->protocol_count));
    // This one function returns 0 for success.
    if (protocols.len && SSL_CTX_set_alpn_protos(c->ctx, protocols.bytes, protocols.len) != 0)
        return ERR_RANGE;
    return set_trust(c, options);
}

err tls_client_open(const struct tls_client_options *options, struct tls_reason *why,
                    struct tls_client **out)
{
    struct tls_client *c = memory_new(struct tls_client);

    c->ctx = tls_ssl_ctx_new(false);
    SSL_CTX_set_app_data(c->ctx, c);
    SSL_CTX_set_session_cache_mode(c->ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(c->ctx, keep_session);
    ERR_clear_error();
    err e = set_up(c, options);
    if (e) {
        if (why) tls_reason_take(why);
        if (why && !why->text[0]) tls_reason_set(why, err_text(e));
        tls_client_close(c);
        return e;
    }
    *out = c;
    return OK;
}

void tls_client_close(struct tls_client *c)
{
    if (!c) return;
    SSL_CTX_set_app_data(c->ctx, NULL);
    SSL_SESSION_free(c->session);
    SSL_CTX_free(c->ctx);
    memory_free(c);
}

static bool is_ip_literal(const char *host)
{
    struct in6_addr any;

    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

// What the certificate must be for, and what the server is told (RFC 6066, section 3: no literals,
// no dot at the end).
static bool set_host(SSL *ssl, char *host)
{
    if (is_ip_literal(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool copy_host(str host, char *out)
{
    if (host.len > 0 && host.ptr[host.len - 1] == '.') host.len--;
    if (host.len == 0 || host.len > HOST_MAX || str_find_char(host, '\0') < host.len) return false;
    memcpy(out, host.ptr, host.len);
    out[host.len] = '\0';
    return true;
}

// A session is only ever offered to the host that gave it: resuming skips the certificate.
static void offer_session(struct tls_client *c, SSL *ssl, const char *host)
{
    if (strcmp(c->host, host) != 0) {
        SSL_SESSION_free(c->session);
        c->session = NULL;
        memcpy(c->host, host, strlen(host) + 1);
        c->epoch++;
    }
    SSL_set_app_data(ssl, (void *)c->epoch);
    if (c->session && SSL_set_session(ssl, c->session) != 1) ERR_clear_error();
}

void tls_client_connect(struct tls_handshake *h, struct tls_client *c, str host,
                        struct stream *lower, msec deadline, op_done_fn *done)
{
    char name[HOST_MAX + 1];
    SSL *ssl = NULL;

    if (!copy_host(host, name)) {
        tls_stream_refuse(h, lower, ERR_RANGE, done);
        return;
    }
    ERR_clear_error();
    ssl = SSL_new(c->ctx);
    if (!ssl) abort();
    if (!set_host(ssl, name)) {
        SSL_free(ssl);
        tls_stream_refuse(h, lower, ERR_RANGE, done);
        return;
    }
    offer_session(c, ssl, name);
    SSL_set_connect_state(ssl);
    tls_stream_start(h, ssl, lower, deadline, done);
}

struct tls_reason *tls_client_reason(struct tls_client *c)
{
    return &c->reason;
}
