// route: which kind of request this is, told by its method and path.
#pragma once

#include "base/str.h"

enum route_kind {
    ROUTE_UNKNOWN,   // not ours
    ROUTE_MODELS,    // GET /v1/models
    ROUTE_MODEL,     // GET /v1/models/{id}
    ROUTE_CHAT,      // chat and legacy completions: a JSON body, streams watched for their finish
    ROUTE_RESPONSES, // likewise, with the events of the responses API
    ROUTE_JSON,      // a JSON body that names a model; the answer passes as it is
    ROUTE_PASS,      // anything else under /v1/: bodies stream through both ways
    ROUTE_KINDS,
};

struct route {
    enum route_kind kind;
    str rest;  // of the path behind "/v1", query included: what goes behind a provider's base URL
    str path;  // without the query
    str model; // ROUTE_MODEL: the id, as sent
};

struct route route_match(str method, str target);

// A stable word for logs and metrics.
str route_name(enum route_kind kind);
