// transcode_routes: the methods of services, as HTTP requests reach them.
//
// Each HTTP rule of a method is a route, its additional bindings too, and so is the path that gRPC
// itself uses, by POST with the whole request as the body ("/pkg.Service/Method"). Rules that make
// no sense, and routes in each other's way, are found when the routes are built. Immutable, in the
// arena they were built in; the pools outlive them.
#pragma once

#include "grpc/descriptor.h"
#include "grpc/path_router.h"

// Services to serve, of one pool.
struct transcode_set {
    const struct descriptor_pool *pool;
    const str *services;  // full names
    size_t service_count; // 0: all of them
};

struct transcode_route {
    const struct descriptor_pool *pool;
    const struct descriptor_method *method;
    bool is_native;                          // the path of gRPC itself
    bool is_body_whole;                      // the body holds all that the path does not bind
    const struct descriptor_field *body;     // the field that the body holds, NULL for none
    const struct descriptor_field *response; // the field that the answer holds, NULL for all of it
};

struct transcode_routes {
    const struct transcode_route *routes;
    const struct path_router *router;
};

// Every mistake is a finding that names its method. ERR_ABSENT: a service is not in its pool, or a
// rule names a field that there is not; ERR_TYPE: a rule asks for what can't be; and errors of
// path_router_build().
err transcode_routes_build(const struct transcode_set *sets, size_t count, struct arena *arena,
                           struct diag *d, const struct transcode_routes **out);

struct transcode_found {
    const struct transcode_route *route;
    struct path_router_match match;
};

// Errors of path_router_find(): ERR_ABSENT is a 404; ERR_UNSUPPORTED a 405 whose Allow field is
// `out->match.allow`; the others are the client's mistake.
err transcode_routes_find(const struct transcode_routes *t, str method, str path,
                          struct arena *arena, struct transcode_found *out);
