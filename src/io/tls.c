#include "io/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

void tls_reason_set(struct tls_reason *r, const char *text)
{
    size_t len = strlen(text);

    if (len >= sizeof(r->text)) len = sizeof(r->text) - 1;
    memcpy(r->text, text, len);
    r->text[len] = '\0';
}

// How much an error tells: what the system said most, and least a "PEM lib" or the like, which only
// says who passed another one on.
static int weight_of(unsigned long code)
{
    if (ERR_SYSTEM_ERROR(code)) return 2;
    return ERR_GET_REASON(code) & ERR_RFLAG_COMMON ? 0 : 1;
}

void tls_reason_take(struct tls_reason *r)
{
    const char *text = "";
    int weight = 0;
    unsigned long code = 0;

    while ((code = ERR_get_error())) {
        if (weight_of(code) < weight) continue;
        weight = weight_of(code);
        text = weight == 2 ? strerrordesc_np(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    }
    tls_reason_set(r, text ? text : "unknown TLS error");
}

err tls_protocols_init(struct tls_protocols *p, const str *names, size_t count)
{
    struct tls_protocols made = {.len = 0};

    for (size_t i = 0; i < count; i++) {
        if (names[i].len == 0 || names[i].len > 255) return ERR_RANGE;
        if (names[i].len + 1 > TLS_PROTOCOLS_MAX - made.len) return ERR_RANGE;
        made.bytes[made.len++] = (unsigned char)names[i].len;
        memcpy(made.bytes + made.len, names[i].ptr, names[i].len);
        made.len += (unsigned)names[i].len;
    }
    *p = made;
    return OK;
}

// What a server chooses of what it is offered. The curves that every client has and that cost
// least; the cheaper of the ciphers that are strong enough, but ChaCha20 for a client that has no
// AES in hardware and says so by its order.
static void prefer(SSL_CTX *ctx)
{
    char groups[] = "X25519:P-256:P-384"; // the macro wants it writable

    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    if (SSL_CTX_set1_groups_list(ctx, groups) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                      "TLS_CHACHA20_POLY1305_SHA256") != 1)
        abort();
}

SSL_CTX *tls_ssl_ctx_new(bool is_server)
{
    SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());

    // As everywhere in this house: out of memory, or without a usable OpenSSL, there is no going
    // on.
    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        abort();
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    if (is_server) prefer(ctx);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // One read a record, or for many small records, instead of two each.
    SSL_CTX_set_read_ahead(ctx, 1);
    return ctx;
}
