#include "gateway/metrics.h"

#include <stddef.h>

struct metrics_row {
    size_t offset;
    const char *name;
    const char *labels;
    const char *type;
    const char *help;
};

static const struct metrics_row rows[] = {
#define METRIC(field, name, labels, help)                                                          \
    {offsetof(struct metrics, field), name, labels, "counter", help},
#define GAUGE(field, name, help) {offsetof(struct metrics, field), name, "", "gauge", help},
#include "gateway/metrics.def"
#undef METRIC
#undef GAUGE
};

struct histogram_row {
    size_t offset;
    const char *name;
    const char *help;
};

static const struct histogram_row histograms[] = {
    {offsetof(struct metrics, duration), "sluice_request_duration_seconds",
     "From a request's head to the end of its answer"},
    {offsetof(struct metrics, first_token), "sluice_first_byte_seconds",
     "From a request's head to the first byte of its answer"},
    {offsetof(struct metrics, own), "sluice_overhead_seconds",
     "Time spent in this process before the first byte of an answer"},
};

void metrics_count_answer(struct metrics *m, unsigned status)
{
    switch (status / 100) {
    case 2: metrics_add(&m->answers_2xx, 1); break;
    case 3: metrics_add(&m->answers_3xx, 1); break;
    case 4: metrics_add(&m->answers_4xx, 1); break;
    case 5: metrics_add(&m->answers_5xx, 1); break;
    default: break;
    }
}

void metrics_observe(struct metrics_histogram *h, int64_t us)
{
    uint64_t value = us > 0 ? (uint64_t)us : 0;
    unsigned bucket = value ? 64 - (unsigned)__builtin_clzll(value) : 0;

    if (bucket > METRICS_BUCKETS) bucket = METRICS_BUCKETS;
    metrics_add(&h->buckets[bucket], 1);
    metrics_add(&h->sum_us, value);
}

static uint64_t sum_at(const struct metrics *const *workers, size_t count, size_t offset)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        const _Atomic uint64_t *at =
            (const _Atomic uint64_t *)(const void *)((const char *)workers[i] + offset);
        sum += atomic_load_explicit(at, memory_order_relaxed);
    }
    return sum;
}

static err write_heading(struct buf *out, const char *name, const char *help, const char *type)
{
    return buf_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static err write_histogram(const struct metrics *const *workers, size_t count,
                           const struct histogram_row *row, struct buf *out)
{
    uint64_t below = 0;

    TRY(write_heading(out, row->name, row->help, "histogram"));
    for (unsigned i = 0; i <= METRICS_BUCKETS; i++) {
        size_t bucket = offsetof(struct metrics_histogram, buckets) + i * sizeof(uint64_t);
        below += sum_at(workers, count, row->offset + bucket);
        if (i == METRICS_BUCKETS) {
            TRY(buf_append_format(out, "%s_bucket{le=\"+Inf\"} %lu\n", row->name, below));
        } else {
            TRY(buf_append_format(out, "%s_bucket{le=\"%.6f\"} %lu\n", row->name,
                                  (double)(UINT64_C(1) << i) / 1e6, below));
        }
    }
    uint64_t sum = sum_at(workers, count, row->offset + offsetof(struct metrics_histogram, sum_us));
    return buf_append_format(out, "%s_sum %.6f\n%s_count %lu\n", row->name, (double)sum / 1e6,
                             row->name, below);
}

err metrics_write(const struct metrics *const *workers, size_t count, struct buf *out)
{
    str last = STR("");

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct metrics_row *row = &rows[i];
        str name = str_from_c(row->name);
        if (!str_eq(name, last)) TRY(write_heading(out, row->name, row->help, row->type));
        last = name;
        uint64_t sum = sum_at(workers, count, row->offset);
        if (row->labels[0]) {
            TRY(buf_append_format(out, "%s{%s} %lu\n", row->name, row->labels, sum));
        } else {
            TRY(buf_append_format(out, "%s %lu\n", row->name, sum));
        }
    }
    for (size_t i = 0; i < sizeof(histograms) / sizeof(histograms[0]); i++) {
        TRY(write_histogram(workers, count, &histograms[i], out));
    }
    return OK;
}
