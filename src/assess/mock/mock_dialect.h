// mock_dialect: the port between playing an answer and writing one.
//
// An endpoint writes an answer whole, or a stream one event at a time, from a mock_say; it knows
// no time and no fault. Over gRPC both are JSON, which mock_grpc makes messages of. What all
// endpoints of a vendor share is its *dialect*: how errors look and what fields answers carry. Each
// dialect is one file that fills such tables in (mock_openai.c, mock_anthropic.c); mock_dialect.c
// lists all endpoints. Pure.
#pragma once

#include "assess/mock/mock_say.h"
#include "grpc/status.h"

struct mock_problem {
    unsigned status;
    str type;
    str code; // empty: null
    str param;
    str message;
    str request_id;
};

// What a request is judged by.
struct mock_asked {
    str body; // JSON; of gRPC what the schema makes of the message
    const struct h1_head *head;
    str unknown;    // of gRPC, where the rule is strict: a field that the schema does not have
    bool is_strict; // as its rule says
};

struct mock_dialect {
    str broken_event;                       // what stands for an event of a stream, and is no JSON
    str (*type_of_status)(unsigned status); // of an error
    // Appends the body of an error answer; NULL over gRPC.
    err (*error)(const struct mock_problem *p, struct buf *out);
    // Over gRPC alone: how a call ends in place of an answer, in the arena; and what ends an answer
    // that is whole, or a stream that reports an error.
    struct status (*refusal)(const struct mock_problem *p, struct arena *arena);
    str trailers;
    str failed_trailers;
    // The fields of every answer, each with its line end.
    str (*fields)(str request_id, struct arena *arena);
};

struct mock_endpoint {
    const struct mock_dialect *dialect;
    str path;           // a "*" at its end stands for the last segment
    bool needs_version; // only for requests with the header anthropic-version
    bool is_get;
    bool has_no_model;
    bool has_usage;    // a whole answer reports the tokens of its prompt
    bool has_no_words; // it costs nothing but those
    bool is_stream;    // whatever the request says
    // What the request says; NULL: mock_request_read().
    err (*read)(str body, struct arena *arena, struct mock_request *out, str *param);
    // False, and what is wrong, where the vendor would refuse the request. May be NULL.
    bool (*check)(const struct mock_asked *a, struct arena *arena, struct mock_problem *out);
    err (*whole)(const struct mock_say *s, struct buf *out);
    // Appends the next event of a stream with its blank line; ERR_EOF behind the last. May be NULL.
    err (*next)(struct mock_say *s, struct buf *out);
    // Appends an event that reports an error in the middle of a stream; NULL over gRPC.
    err (*fail)(struct mock_say *s, struct buf *out);
};

// Whether a request says that it is for Anthropic; some paths are of both vendors.
bool mock_dialect_has_version(const struct h1_head *head);

// NULL for a path that no dialect knows. `*tail` is what the "*" stands for.
const struct mock_endpoint *mock_dialect_find(str path, bool has_version, str *tail);

// The dialect of an endpoint, or of what is none.
const struct mock_dialect *mock_dialect_of(const struct mock_endpoint *endpoint, bool has_version);

// What errors say that were asked for.
extern const str mock_dialect_failure;
