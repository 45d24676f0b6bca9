// tls_server: the server's side of TLS: certificates, who may come in, what is spoken.
//
// Built step by step on one thread, then never changed: from the first handshake on any loop may
// use it and hold references. A new certificate is a new tls_server. Streams may outlive theirs.
// The first certificate is the default one; a client that names a host (SNI, RFC 6066 section 3)
// gets the first certificate for that very name, else the first whose wildcard covers it.
#pragma once

#include "io/tls_stream.h"
#include "io/tls_tickets.h"

enum { TLS_CERTIFICATES_MAX = 32 };

struct tls_server;

struct tls_server_options {
    const str *protocols; // ALPN, best first; a client that shares none is refused (RFC 7301)
    size_t protocol_count;
    bool needs_1_3;              // else TLS 1.2 is spoken, too
    struct tls_tickets *tickets; // whose keys seal sessions; NULL: the server's own
};

// ERR_RANGE for foolish protocols.
err tls_server_new(const struct tls_server_options *options, struct tls_server **out);
struct tls_server *tls_server_ref(struct tls_server *s);
// Takes NULL.
void tls_server_unref(struct tls_server *s);

// The steps, in this order; each file is PEM. A step that fails leaves a server that is good for
// nothing but the next steps, which may find more to say. ERR_CERTIFICATE where a file can't be
// read or is not what it should be, ERR_RANGE for foolish paths; `why` may be NULL.

// Adds a certificate, the server's own first in the file, then its chain; ERR_LIMIT past
// TLS_CERTIFICATES_MAX. Then the key of the certificate added last, which must match it.
err tls_server_add_certificate(struct tls_server *s, str file, struct tls_reason *why);
err tls_server_add_key(struct tls_server *s, str file, struct tls_reason *why);
// Asks clients for a certificate of one of the authorities in `file`; with `is_required` one
// without is refused. One that is not valid always is. A session is resumed only under the same
// authorities and demands.
err tls_server_ask_clients(struct tls_server *s, str file, bool is_required,
                           struct tls_reason *why);

// Answers a client's handshake over `lower`. Ends as tls_stream_start() says.
void tls_server_accept(struct tls_handshake *h, struct tls_server *s, struct stream *lower,
                       msec deadline, op_done_fn *done);
