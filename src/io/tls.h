// tls: what the client's and the server's side of TLS have in common.
//
// OpenSSL 3.0 or later, TLS 1.2 at least; with TLS 1.2 only suites with forward secrecy and
// authenticated encryption. The sides are tls_client and tls_server, the flow of bytes after the
// handshake is tls_stream.
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <openssl/types.h>

enum {
    TLS_REASON_MAX = 160,
    TLS_PROTOCOLS_MAX = 64, // bytes of an ALPN list as sent
};

// Why something failed, as one line for logs; empty where nothing is known.
struct tls_reason {
    char text[TLS_REASON_MAX];
};

// Takes the newest of OpenSSL's errors of this thread that tells something, and clears the rest.
void tls_reason_take(struct tls_reason *r);
void tls_reason_set(struct tls_reason *r, const char *text);

// An ALPN list as it is sent (RFC 7301, section 3.1).
struct tls_protocols {
    unsigned char bytes[TLS_PROTOCOLS_MAX];
    unsigned len;
};

// ERR_RANGE for an empty or overlong name, or a list that is too long.
err tls_protocols_init(struct tls_protocols *p, const str *names, size_t count);

// A context with the settings of this house, for either side.
SSL_CTX *tls_ssl_ctx_new(bool is_server);
