// mock_dialect: the port between playing an answer and writing one.
//
// An endpoint writes an answer whole, or a stream one event at a time, from a mock_say; it knows
// no time and no fault. Each dialect is one file that fills such tables in (mock_openai.c);
// mock_dialect.c lists them all. Pure.
#pragma once

#include "assess/mock/mock_say.h"

struct mock_endpoint {
    str path; // a "*" at its end stands for the last segment
    bool is_get;
    bool has_no_model;
    bool has_usage;    // a whole answer reports the tokens of its prompt
    bool has_no_words; // it costs nothing but those
    err (*whole)(const struct mock_say *s, struct buf *out);
    // Appends the next event of a stream with its blank line; ERR_EOF behind the last. May be NULL.
    err (*next)(struct mock_say *s, struct buf *out);
    // Appends an event that reports an error in the middle of a stream.
    err (*fail)(struct mock_say *s, struct buf *out);
};

// NULL for a path that no dialect knows. `*tail` is what the "*" stands for.
const struct mock_endpoint *mock_dialect_find(str path, str *tail);

struct mock_problem {
    unsigned status;
    str type;
    str code; // empty: null
    str param;
    str message;
};

// What errors say that were asked for.
extern const str mock_dialect_failure;

// Appends the body of an error answer.
err mock_dialect_error(const struct mock_problem *p, struct buf *out);
