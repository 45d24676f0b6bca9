// services: the gRPC services that a loop serves, by the paths that lead to them.
//
// Our own (proto/): Chat and Embeddings are answered by models, health and reflection by ourselves
// (grpc_service.h).
// Made with a view, in its arena, and as immutable.
#pragma once

#include "grpc/transcode_routes.h"

// Who answers a method.
enum service_kind {
    SERVICE_CHAT,   // sluice.v1.Chat: Complete and Stream
    SERVICE_COUNT,  // sluice.v1.Chat: CountTokens
    SERVICE_EMBED,  // sluice.v1.Embeddings
    SERVICE_HEALTH, // grpc.health.v1
    SERVICE_REFLECTION,
};

struct services {
    const struct descriptor_pool *own;
    const struct descriptor_pool *const *pools; // of all services, our own first
    size_t pool_count;
    const struct transcode_routes *routes;
};

// Fails only where what was built into the program is broken, which its tests would have told.
err services_init(struct services *s, struct arena *arena);

enum service_kind services_kind(const struct descriptor_method *m);
