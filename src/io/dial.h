// dial: making a connection to a named place.
//
// One op resolves the name, tries its addresses (RFC 8305), connects and, where asked, completes a
// TLS handshake; its result is a stream ready for use. A dialer is the way to do so: the network's
// is dial_network, tests bring one of memory.
#pragma once

#include "io/op.h"
#include "io/stream.h"

struct tls_client;

struct dial_target {
    str host; // a name or an IP literal (v6 without brackets); also the TLS server name
    uint16_t port;
    struct tls_client *tls; // NULL: plain
};

struct dialer;

// One attempt, embedded in the caller's struct. Zeroed when idle.
struct dial {
    struct op op;
    const struct dial_target *target; // outlives the dial
    msec deadline;                    // absolute
    struct stream *stream;            // on OK; then the caller's
    struct dial_race *race;           // the dialer's own
};

struct dialer {
    void (*start)(struct dialer *dialer, struct dial *d);
};

// Starts `d` for `target`; `done` runs with OK and d->stream set, or with ERR_RESOLVE,
// ERR_REFUSED, ERR_UNREACHABLE, ERR_TIMEOUT at the deadline, ERR_TLS, ERR_CERTIFICATE or
// ERR_CANCELED.
void dial_start(struct dial *d, struct dialer *dialer, struct loop *loop,
                const struct dial_target *target, msec deadline, op_done_fn *done);
