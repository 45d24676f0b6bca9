// dns: names to addresses, for one loop.
//
// Answers come from the system's resolver (getaddrinfo, so /etc/hosts counts), asked on an offload
// thread. The loop remembers them: an answer for 30 s, a failure for 1 s, the one used longest ago
// leaves first. Lookups of a name that is already being asked wait for that one question. IP
// literals and localhost (RFC 6761, section 6.3) need no question at all.
#pragma once

#include "io/offload.h"
#include "io/stream.h"

enum {
    DNS_ADDRESSES_MAX = 16,
    DNS_NAME_MAX = 253, // RFC 1035, section 2.3.4, in text form
    DNS_ENTRIES_MAX = 256,
    DNS_TTL_MS = 30'000,
    DNS_TTL_FAILURE_MS = 1000,
    DNS_BUCKETS = 64,
};

// One question, embedded in the caller's struct. Zeroed when idle.
struct dns_lookup {
    struct op op;
    struct address addresses[DNS_ADDRESSES_MAX]; // on OK; port 0, in the order to try
    size_t count;
    struct timer deadline; // the rest is the resolver's own
    struct link waiting;
};

// Asks the system; blocks. `addresses` has room for DNS_ADDRESSES_MAX. ERR_RESOLVE if there is no
// such name or no address.
typedef err dns_resolve_fn(const char *name, struct address *addresses, size_t *count);

struct dns {
    struct loop *loop;
    struct offload *offload;
    dns_resolve_fn *resolve; // getaddrinfo; tests may set another
    struct link buckets[DNS_BUCKETS];
    struct link by_age; // entries, the one used longest ago first
    size_t entry_count;
};

void dns_init(struct dns *d, struct loop *loop, struct offload *offload);
// No lookup may be in flight. Questions nobody waits for any more are let go of; the loop turns
// once more before its own end.
void dns_done(struct dns *d);

// Looks `name` up. Ends with OK and the addresses, families interleaved (RFC 8305, section 4);
// ERR_RESOLVE; ERR_TIMEOUT at `deadline` (absolute); ERR_LIMIT when too many names are being asked
// at once; or ERR_CANCELED. `name` need not outlive the call.
void dns_start(struct dns *d, struct dns_lookup *k, str name, msec deadline, op_done_fn *done);

// Reorders so that the families alternate, beginning with the first address's.
void dns_interleave(struct address *addresses, size_t count);
