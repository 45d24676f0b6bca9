#include "grpc/health.h"

#include "codec/protobuf_write.h"

// Field numbers: HealthCheckRequest.service, HealthCheckResponse.status.
enum { SERVICE = 1, STATUS = 1 };

static enum health_state state_of(const struct health *h, str service)
{
    bool is_known = service.len == 0;

    for (size_t i = 0; i < h->pool_count && !is_known; i++) {
        is_known = descriptor_find_service(h->pools[i], service) != NULL;
    }
    if (!is_known) return HEALTH_SERVICE_UNKNOWN;
    return h->is_serving ? HEALTH_SERVING : HEALTH_NOT_SERVING;
}

static err read_request(str request, str *service, struct status *status)
{
    struct protobuf_reader r;
    struct protobuf_field f;
    err e = OK;

    *service = STR("");
    protobuf_reader_init(&r, request);
    while (!(e = protobuf_next(&r, &f))) {
        if (f.number == SERVICE && f.wire == PROTOBUF_BYTES) *service = f.bytes;
    }
    if (e == ERR_EOF) return OK;
    *status = (struct status){.code = STATUS_INTERNAL,
                              .message = STR("the request is no HealthCheckRequest")};
    return ERR_SYNTAX;
}

static err write_state(enum health_state state, struct buf *out)
{
    struct protobuf_writer w;

    protobuf_write_init(&w, out);
    protobuf_write_varint(&w, STATUS, state);
    return w.error;
}

err health_check(const struct health *h, str request, struct buf *out, struct status *status)
{
    str service;

    if (read_request(request, &service, status)) return OK;
    enum health_state state = state_of(h, service);
    if (state == HEALTH_SERVICE_UNKNOWN) {
        *status =
            (struct status){.code = STATUS_NOT_FOUND, .message = STR("there is no such service")};
        return OK;
    }
    TRY(write_state(state, out));
    *status = (struct status){.code = STATUS_OK};
    return OK;
}

err health_watch_init(struct health_watch *w, str request, struct arena *arena,
                      struct status *status)
{
    str service;

    TRY(read_request(request, &service, status));
    *w = (struct health_watch){.service = arena_str(arena, service)};
    return OK;
}

err health_watch_next(struct health_watch *w, const struct health *h, struct buf *out)
{
    enum health_state state = state_of(h, w->service);

    if (state == w->told) return ERR_AGAIN;
    TRY(write_state(state, out));
    w->told = state;
    return OK;
}
