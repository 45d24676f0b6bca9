#include "gateway/services.h"

#include "grpc/own_descriptors.h"

err services_init(struct services *s, struct arena *arena)
{
    struct diag d;

    diag_init(&d);
    err e = descriptor_read(own_descriptors(), arena, &d, &s->own);
    if (!e) {
        s->pools = &s->own;
        s->pool_count = 1;
        const struct transcode_set set = {.pool = s->own};
        e = transcode_routes_build(&set, 1, arena, &d, &s->routes);
    }
    diag_done(&d);
    return e;
}

enum service_kind services_kind(const struct descriptor_method *m)
{
    str service = m->service->name;

    if (str_eq(service, STR("grpc.health.v1.Health"))) return SERVICE_HEALTH;
    if (str_eq(service, STR("grpc.reflection.v1.ServerReflection"))) return SERVICE_REFLECTION;
    if (str_eq(service, STR("sluice.v1.Embeddings"))) return SERVICE_EMBED;
    return str_eq(m->name, STR("CountTokens")) ? SERVICE_COUNT : SERVICE_CHAT;
}
