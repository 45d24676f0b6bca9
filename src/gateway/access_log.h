// access_log: one line of JSON an exchange, without secrets: no credential, no query, no content.
#pragma once

#include "gateway/exchange.h"

// What is told of a call that was answered without a provider.
struct access_log_call {
    const struct server_call *call;
    str id;
    str path;
    str route;
    str error; // empty: none
    bool is_stream;
    bool is_gone;
};

// Writes the line of such a call, which ends at `now`.
void access_log_write_call(struct gateway *g, const struct access_log_call *c, usec now);

// Writes the line of an exchange that ends now. Does nothing where no log is wanted.
void access_log_write(struct exchange *x);
