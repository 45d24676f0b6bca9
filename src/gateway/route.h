// route: which kind of request this is, told by its method and path.
#pragma once

#include "provider/dialect.h"

enum route_kind {
    ROUTE_UNKNOWN,   // not ours
    ROUTE_MODELS,    // GET /v1/models
    ROUTE_MODEL,     // GET /v1/models/{id}
    ROUTE_CHAT,      // OpenAI's chat and legacy completions: a JSON body, streams watched
    ROUTE_MESSAGES,  // Anthropic's messages: likewise
    ROUTE_COUNT,     // POST /v1/messages/count_tokens
    ROUTE_RESPONSES, // likewise, with the events of the responses API
    ROUTE_EMBEDDINGS,
    ROUTE_SEARCH, // in a collection, over gRPC or its REST
    ROUTE_JSON,   // a JSON body that names a model; the answer passes as it is
    ROUTE_PASS,   // anything else under /v1/: bodies stream through both ways
    ROUTE_KINDS,
};

struct route {
    enum route_kind kind;
    str rest;  // of the path behind "/v1", query included: what goes behind a provider's base URL
    str path;  // without the query
    str model; // ROUTE_MODEL: the id, as sent
    const struct dialect *dialect; // the client's: errors are told in it
    bool is_translated;            // where a target speaks another one; else it is not asked
};

struct route route_match(str method, str target);

// The first segments behind "/v1/" of the vendors' APIs, which nobody else may have.
const str *route_families(size_t *count);

// A stable word for logs and metrics.
str route_name(enum route_kind kind);
