// chunk: a piece of text on its way into an index: where it comes from and where it goes.
//
// Two ports. A *source* tells chunks one after another: documents that were cut, lines of a file. A
// *sink* keeps their vectors durably: the index. Both are called by one thread at a time, each by
// its own.
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdatomic.h>

struct chunk {
    uint64_t key;   // stable: of this piece of this document in every run
    str text;       // what is embedded
    str attributes; // what the sink is to keep with it, in a form of the sink's
};

struct chunk_source {
    uint64_t count; // of all chunks, for the sake of estimates; 0 where it isn't known
    // Tells up to `max` more chunks, waiting until there is one: as many as there are at once,
    // because what comes together is embedded together. They stay valid until the next call.
    // ERR_EOF after the last one; ERR_CANCELED soon after `*cancel` became true. Each key comes
    // once a run: of two texts with one key, either may last.
    err (*next)(struct chunk_source *s, struct chunk *out, size_t max, const atomic_bool *cancel,
                size_t *count);
};

struct chunk_row {
    struct chunk chunk;
    uint64_t hash; // content_hash() of the text
    const float *vector;
};

struct chunk_sink {
    // Takes rows in. A key that is there already is replaced. What is borrowed ends with the call.
    err (*put)(struct chunk_sink *s, const struct chunk_row *rows, size_t count);
    // Makes all rows put so far durable, together with `mark`, and returns when they are. After a
    // crash the sink has either all rows up to a commit and its mark, or none of it.
    err (*commit)(struct chunk_sink *s, uint64_t mark);
    // Whether the sink keeps marks, and the last one that is durable; 0 if there was none. Each
    // journal counts its own, so a sink that takes rows of several keeps a mark for each.
    bool keeps_marks;
    uint64_t mark;
};
