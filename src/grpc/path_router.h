// path_router: which of many path templates a request's method and path mean.
//
// Where several match, the narrowest does: a literal before a "*", a "*" before a "**", a verb
// before none, a named method before any. Two routes that can match the same request although
// neither is narrower are found when the router is built, and refused with both their names:
// nothing is ever shadowed silently. Immutable once built, in the arena it was given.
#pragma once

#include "grpc/path_template.h"

enum {
    PATH_ROUTER_ROUTES_MAX = 8192,
    PATH_ROUTER_ALLOW_MAX = 16, // methods told of a path that is known by others
};

struct path_router_route {
    str method; // "GET"; "*" is any
    str path;   // a template
    str name;   // for findings
};

struct path_router;

// The routes are numbered as they stand; they outlive the router. Errors of
// path_template_compile(), and ERR_IN_USE for routes in each other's way: every one of them is a
// finding in `d`.
err path_router_build(const struct path_router_route *routes, size_t count, struct arena *arena,
                      struct diag *d, const struct path_router **out);

struct path_router_match {
    size_t route;
    const struct path_template *path;
    str values[PATH_TEMPLATE_VARIABLES_MAX]; // of its variables, in their order
    str allow;                               // after ERR_UNSUPPORTED: "GET, POST"
};

// Finds the route of a request. ERR_ABSENT: there is none for its path; ERR_UNSUPPORTED: there are,
// for the methods in `out->allow`; ERR_SYNTAX and ERR_LIMIT: the path is broken or too long. The
// values lie in the arena or are views of the path.
err path_router_find(const struct path_router *r, str method, str path, struct arena *arena,
                     struct path_router_match *out);
