// dial_network: the dialer of the real network, one a loop.
//
// It resolves the name, then tries the addresses as RFC 8305 ("happy eyeballs") says: the next one
// starts 250 ms after the one before, or at once when that failed; the first that connects wins and
// the others are closed. Where the target asks for TLS the handshake follows.
#pragma once

#include "io/dial.h"
#include "io/dns.h"

enum { DIAL_NETWORK_STAGGER_MS = 250 }; // RFC 8305, section 5

struct dial_network {
    struct dialer dialer; // what dial_start() takes
    struct loop *loop;
    struct dns dns;
    size_t live_count; // dials in flight
};

// `offload` is where names are resolved; it outlives the dialer.
void dial_network_init(struct dial_network *n, struct loop *loop, struct offload *offload);
// No dial may be in flight. The loop turns once more before its own end.
void dial_network_done(struct dial_network *n);
