// tls_server: the server's side of TLS, with one certificate.
//
// Made once and never changed, so any loop may shake hands with it; all of them accept each
// other's session tickets. A new certificate is a new tls_server. Streams may outlive theirs.
#pragma once

#include "io/tls_stream.h"

struct tls_server;

struct tls_server_options {
    str certificate_file; // PEM, the server's own first, then the chain
    str key_file;         // PEM
    const str *protocols; // ALPN, best first; a client that shares none is refused (RFC 7301)
    size_t protocol_count;
};

// ERR_CERTIFICATE where a file can't be read or key and certificate don't match; ERR_RANGE for
// foolish protocols or paths; `why` may be NULL.
err tls_server_open(const struct tls_server_options *options, struct tls_reason *why,
                    struct tls_server **out);
// Takes NULL. No handshake may be in flight.
void tls_server_close(struct tls_server *s);

// Answers a client's handshake over `lower`. Ends as tls_stream_start() says.
void tls_server_accept(struct tls_handshake *h, struct tls_server *s, struct stream *lower,
                       msec deadline, op_done_fn *done);
