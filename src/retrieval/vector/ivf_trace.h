// ivf_trace: what searches of an index find list after list, where the truth is known.
//
// Queries are rows of the index, each of which is not found by itself, nor its twins: rows that are
// much nearer to it than all others, such as copies with a little noise. A user's query has none of
// these, and to find them is too easy. The truth is the ten nearest of the other rows, by distance,
// so that equal rows stand for each other. A run scans the lists as a
// search does, nearest first, and notes after each how many of the ten are among the candidates:
// whatever ends a search can be tried on the notes. Belongs to one thread, which waits for others.
#pragma once

#include "base/err.h"
#include "retrieval/vector/build_watch.h"
#include "retrieval/vector/ivf.h"

enum {
    IVF_TRACE_QUERIES = 256,
    IVF_TRACE_WANTED = 10,
    IVF_TRACE_STEPS_MAX = 2048,   // lists that are scanned at most
    IVF_TRACE_PATIENCE_MAX = 512, // what is looked at, of struct ivf_stop
};

struct ivf_trace_step {
    float reach; // of the probe
    uint32_t rows;
    uint32_t survivors; // of stage 1
    uint16_t hits;      // so far
    bool is_quiet;      // as ivf_stop.h has it
};

struct ivf_trace {
    const struct ivf_view *view;
    struct build_watch *watch;
    unsigned threads;
    uint32_t query_count; // 0 where the index has but one row
    uint32_t wanted;      // rows that a query is to find
    uint32_t steps_max;
    uint64_t *rows;               // [query_count]: the queries
    float *twins;                 // the distance of the farthest twin; below all where none is
    float *limits;                // the distance of the farthest that is wanted
    struct ivf_trace_step *steps; // [query_count][steps_max]
    uint32_t *counts;             // of steps
};

// Chooses the queries by `seed` and finds the truth: reads all rows. `t` has view, watch and
// threads. ERR_CANCELED; there is nothing to be done with then.
err ivf_trace_init(struct ivf_trace *t, uint64_t seed);
void ivf_trace_done(struct ivf_trace *t);

// Scans for all queries, as struct ivf_scan and struct candidates take it, and notes the steps of
// each until it would run out of the largest patience. ERR_CANCELED.
err ivf_trace_run(struct ivf_trace *t, float epsilon, uint32_t candidates);
