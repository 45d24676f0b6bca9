// tls_stream: TLS as a stream over any other stream, and the handshake that makes one.
//
// The end of the peer's bytes is ERR_EOF only where the peer said so (close_notify); a connection
// cut before is ERR_CLOSED, so that nobody takes a truncated answer for a whole one. A stream that
// is closed in order while the lower one is full lives on, unseen, for 5 s at most, until what was
// written has gone; where the loop is stopping it is cut instead.
#pragma once

#include "io/stream.h"
#include "io/tls.h"

struct tls_stream;

// One handshake, embedded in the caller's struct. Zeroed when idle. Either side's; it is started
// by tls_client_connect() or tls_server_accept().
struct tls_handshake {
    struct op op;
    struct stream *stream;    // on OK; then the caller's
    struct tls_reason reason; // on failure
    struct timer deadline;    // the rest is the handshake's own
    struct tls_stream *tls;
};

// For the two sides: shakes hands over `lower`. Takes `ssl`, and `lower`, which is closed if that
// fails. Ends with OK, ERR_CERTIFICATE, ERR_TLS, ERR_TIMEOUT at `deadline` (absolute) or
// ERR_CANCELED.
void tls_stream_start(struct tls_handshake *h, SSL *ssl, struct stream *lower, msec deadline,
                      op_done_fn *done);
// Ends `h` with `e` in place of a handshake, and closes `lower`.
void tls_stream_refuse(struct tls_handshake *h, struct stream *lower, err e, op_done_fn *done);
