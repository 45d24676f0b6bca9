// metrics: what a worker counts, readable from any thread.
//
// One thread writes (the worker's), any may read: plain relaxed loads and stores, no locked
// instruction. The table is metrics.def; histograms count times by powers of two.
#pragma once

#include "base/buf.h"

#include <stdatomic.h>

enum { METRICS_BUCKETS = 28 }; // of microseconds: below 1, 2, 4, ... 2^27, and above

struct metrics_histogram {
    _Atomic uint64_t buckets[METRICS_BUCKETS + 1];
    _Atomic uint64_t sum_us;
};

struct metrics {
#define METRIC(field, name, labels, help) _Atomic uint64_t field;
#define GAUGE(field, name, help) _Atomic uint64_t field;
#include "gateway/metrics.def"
#undef METRIC
#undef GAUGE
    struct metrics_histogram duration;    // of whole exchanges
    struct metrics_histogram first_token; // from a request's head to the first piece of its answer
    struct metrics_histogram own;         // spent in this process before the first piece
};

static inline void metrics_add(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

static inline void metrics_set(_Atomic uint64_t *gauge, uint64_t value)
{
    atomic_store_explicit(gauge, value, memory_order_relaxed);
}

// Counts an answer by the class of its HTTP status; 0 is none.
void metrics_count_answer(struct metrics *m, unsigned status);

void metrics_observe(struct metrics_histogram *h, int64_t us);

// Appends the sums over all workers in the Prometheus text format 0.0.4.
err metrics_write(const struct metrics *const *workers, size_t count, struct buf *out);
