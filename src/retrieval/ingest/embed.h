// embed: texts become vectors; the port of whatever does it.
//
// An *embedder* is a model in this process or a service behind HTTP. It is described by a few
// numbers that never change while it is used: how long its vectors are and how much it takes at
// once. embed() blocks its thread until the vectors are there, and several threads call it at the
// same time; an embedder that needs something for each call (a loop, scratch memory) keeps as many
// as there are calls at once. Who embeds on a loop's thread uses offload.
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#include <stdatomic.h>

enum {
    EMBED_DIM_MAX = 65'536,
    EMBED_BATCH_MAX = 2048,
};

// Until when, and whether at all.
struct embed_limits {
    usec deadline;             // by clock_monotonic(); TIME_NEVER for none
    const atomic_bool *cancel; // true: nobody wants it any more; may be NULL
};

struct embedder {
    // Writes the vectors of `count` texts, in their order, to `out` ([count][dim]); on failure
    // `out` may hold anything. ERR_TIMEOUT once the deadline has passed; ERR_CANCELED within a
    // tenth of a second after `*cancel` became true. Other errors mean what embed_fault_of() says.
    err (*embed)(struct embedder *e, const str *texts, size_t count, float *out,
                 const struct embed_limits *limits);
    str name;    // of the model; vectors of another one are not comparable
    str version; // changes where the same text may have another vector
    uint32_t dim;
    uint32_t batch_max;     // texts a call, at least 1
    size_t batch_bytes_max; // of all texts of a call together; 0 for no such bound
    size_t text_bytes_max;  // of one text, which is not split
};

// Calls it. `count` is from 1 to batch_max, the texts keep to the bounds.
err embed(struct embedder *e, const str *texts, size_t count, float *out,
          const struct embed_limits *limits);

// What a failure is about, and so what may be done.
enum embed_fault {
    EMBED_FAULT_PASSES, // the way there, or too many at once: the same call may work later
    EMBED_FAULT_TEXT,   // a text: the others of the call may work without it
    EMBED_FAULT_ALL,    // everything that is asked like this: a key, an address, a bug
};

enum embed_fault embed_fault_of(err e);

// ERR_RANGE where its numbers are outside the bounds above.
err embed_check(const struct embedder *e);

// One number for the kind of vectors: name, version and dim.
uint64_t embed_stamp(const struct embedder *e);
