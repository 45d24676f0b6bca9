// certificates: the TLS of the listening port, seen from the control loop.
//
// It is made of the files that the settings name, and made anew when those change on disk. Files
// that can't be used, such as a new certificate whose key has not come yet, change nothing: the
// last good ones rule on. The keys of tickets live here and are rotated, so that sessions outlive
// all that. Owned by `serve`; belongs to the control loop.
#pragma once

#include "config/settings.h"
#include "io/loop.h"
#include "io/tls_server.h"

enum {
    CERTIFICATES_LOOK_MS = 2000,               // files are looked at this often
    CERTIFICATES_ROTATE_MS = 12 * 3600 * 1000, // above the life of a ticket
};

struct certificates {
    struct loop *loop;
    struct settings *settings;   // that rule
    struct tls_server *server;   // the newest good one; NULL: plain HTTP
    struct tls_tickets *tickets; // of all that ever were
    struct timer look;
    struct timer rotate;
    uint64_t looks_now;                      // a digest of how the files looked at the last look
    uint64_t looks_known;                    // and when they were last tried
    void (*changed)(struct certificates *c); // `server` is another one
    void (*refused)(struct certificates *c, const struct diag *why);
};

// What `settings` say, or findings with place and hint: ERR_CERTIFICATE. `*out` is NULL for plain
// HTTP. `tickets` may be NULL where it is only about the findings.
err certificates_make(const struct settings *settings, struct tls_tickets *tickets, struct diag *d,
                      struct tls_server **out);

// `changed` and `refused` are set before; neither is called from within.
void certificates_open(struct certificates *c, struct loop *loop);
// Other settings rule from now on; on failure the old ones do.
err certificates_apply(struct certificates *c, struct settings *settings, struct diag *d);
// When no stream of any of its servers is left. Harmless when not open.
void certificates_close(struct certificates *c);
