// services: the gRPC services that are served, by the paths that lead to them.
//
// Our own (proto/): Chat and Embeddings are answered by models, health and reflection by ourselves.
// Those of a provider with the dialect grpc are its own to answer. The table of all is made once of
// the settings, where it is checked, and attached to them; it is immutable, so every loop reads the
// same one. No two routes are in each other's way, nor is one in that of the vendors' APIs.
#pragma once

#include "config/settings.h"
#include "grpc/transcode_routes.h"

// Who answers a method of our own.
enum service_kind {
    SERVICE_CHAT,   // sluice.v1.Chat: Complete and Stream
    SERVICE_COUNT,  // sluice.v1.Chat: CountTokens
    SERVICE_EMBED,  // sluice.v1.Embeddings
    SERVICE_SEARCH, // sluice.v1.Retrieval
    SERVICE_HEALTH, // grpc.health.v1
    SERVICE_REFLECTION,
};

struct services {
    const struct descriptor_pool *own;
    const struct transcode_routes *routes;
    const struct descriptor_pool *const *pools; // of all that is served, our own first
    size_t pool_count;
    const size_t *providers; // whose each pool is, behind our own: indexes into the settings
};

// Makes the table of settings that nobody shares yet, whose providers have their `descriptors`, and
// attaches it. What is wrong is found, with the place of whoever said it: a set that can't be read,
// a service that is not in its own, a rule that makes no sense, routes that clash.
err services_attach(struct settings *s, struct diag *d);

// The table attached to the settings; where there is none, one of our own services alone, in the
// arena. Fails only where what was built into the program is broken, which its tests would have
// told.
err services_init(struct services *s, const struct settings *settings, struct arena *arena);

enum service_kind services_kind(const struct descriptor_method *m);

// Whose a route is; false where it is our own.
bool services_provider(const struct services *s, const struct transcode_route *route, size_t *out);
