// tls_client: the client's side of TLS towards one target.
//
// The certificate is verified against the system's store or a CA file, and its names against the
// host (IP addresses too), unless that is turned off. The newest session ticket is kept for the
// next connection to the same host. A tls_client belongs to one loop; the system's store is loaded
// once a process and shared. Streams may outlive their client.
#pragma once

#include "io/tls_stream.h"

struct tls_client;

struct tls_client_options {
    bool is_unverified;   // accept any certificate: for tests and closed networks
    str ca_file;          // PEM; empty: the system's store
    const str *protocols; // ALPN, best first, such as "h2"
    size_t protocol_count;
};

// ERR_CERTIFICATE where the CA file can't be read, ERR_RANGE for foolish protocols or path; `why`
// may be NULL.
err tls_client_open(const struct tls_client_options *options, struct tls_reason *why,
                    struct tls_client **out);
// Takes NULL. No handshake may be in flight.
void tls_client_close(struct tls_client *c);

// Shakes hands with `host` over `lower`; the server is told the name unless it is an IP literal.
// Ends as tls_stream_start() says, with ERR_RANGE for an impossible host. `host` need not outlive
// the call.
void tls_client_connect(struct tls_handshake *h, struct tls_client *c, str host,
                        struct stream *lower, msec deadline, op_done_fn *done);

// Why the last dial through this client failed; dial_network writes it, logs read it in `done`.
struct tls_reason *tls_client_reason(struct tls_client *c);
