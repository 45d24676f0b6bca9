// health: answers grpc.health.v1, bytes in and bytes out.
//
// All services serve or none does: the process as a whole is healthy or draining. The empty name
// is the process; a name that no pool declares is unknown. Pure.
//
// Watch answers at once and then again whenever the answer changes, for as long as the client
// stays: its call keeps a `struct health_watch` and asks health_watch_next() when the process turns
// to serving or from it, and after a reload, which may bring services and take them away.
#pragma once

#include "base/buf.h"
#include "grpc/descriptor.h"
#include "grpc/status.h"

// As grpc.health.v1.HealthCheckResponse.ServingStatus numbers them.
enum health_state {
    HEALTH_SERVING = 1,
    HEALTH_NOT_SERVING = 2,
    HEALTH_SERVICE_UNKNOWN = 3,
};

struct health {
    const struct descriptor_pool *const *pools;
    size_t pool_count;
    bool is_serving;
};

// Answers Check: appends a HealthCheckResponse, or the status says why there is none (NOT_FOUND for
// a service that is unknown). ERR_LIMIT as of `out`; the status is then unset.
err health_check(const struct health *h, str request, struct buf *out, struct status *status);

struct health_watch {
    str service;            // in the arena of the call
    enum health_state told; // 0 before the first answer
};

// Begins a Watch. ERR_SYNTAX, and the status, where the request is none.
err health_watch_init(struct health_watch *w, str request, struct arena *arena,
                      struct status *status);
// Appends a HealthCheckResponse. ERR_AGAIN: nothing has changed since the last one.
err health_watch_next(struct health_watch *w, const struct health *h, struct buf *out);
