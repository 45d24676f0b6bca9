#include "admin/cells_report.h"

#include "codec/json_write.h"
#include "resilience/breaker.h"
#include "resilience/route_state.h"

#include <stddef.h>

static int64_t get(const struct route_entry *e, size_t worker, size_t offset)
{
    const char *base = (const char *)&e->figures[worker];

    return atomic_load_explicit((const _Atomic int64_t *)(const void *)(base + offset),
                                memory_order_relaxed);
}

static const char *breaker_name(int64_t step)
{
    switch (step) {
    case BREAKER_OPEN: return "open";
    case BREAKER_HALF_OPEN: return "half_open";
    case BREAKER_RAMP: return "ramp";
    default: return "closed";
    }
}

struct figure {
    const char *key;
    size_t offset;
};

// A time or share of -1 is not known, and left out.
static const struct figure numbers[] = {
    {"in_flight", offsetof(struct route_figures, in_flight)},
    {"limit", offsetof(struct route_figures, limit)},
    {"samples", offsetof(struct route_figures, samples)},
    {"error_permille", offsetof(struct route_figures, error_permille)},
    {"first_p95_ms", offsetof(struct route_figures, first_p95_ms)},
    {"first_base_ms", offsetof(struct route_figures, first_base_ms)},
    {"gap_p95_ms", offsetof(struct route_figures, gap_p95_ms)},
    {"gap_base_ms", offsetof(struct route_figures, gap_base_ms)},
    {"trips", offsetof(struct route_figures, trips)},
    {"calls", offsetof(struct route_figures, calls)},
    {"failures", offsetof(struct route_figures, failures)},
    {"retries", offsetof(struct route_figures, retries)},
};

static void write_text(struct json_writer *w, const char *key, const char *value)
{
    json_write_key(w, str_from_c(key));
    json_write_str(w, str_from_c(value));
}

static void write_left(struct json_writer *w, const char *key, int64_t until, msec now)
{
    if (until <= now) return;
    json_write_key(w, str_from_c(key));
    json_write_i64(w, until - now);
}

static void write_worker(struct json_writer *w, const struct route_entry *e, size_t worker,
                         msec now)
{
    int64_t why = get(e, worker, offsetof(struct route_figures, why));

    json_write_object(w);
    json_write_key(w, STR("worker"));
    json_write_u64(w, worker);
    write_text(
        w, "state",
        route_state_name((enum route_step)get(e, worker, offsetof(struct route_figures, step))));
    write_text(w, "breaker", breaker_name(get(e, worker, offsetof(struct route_figures, breaker))));
    if (why) write_text(w, "why", breaker_why_name((enum breaker_why)why));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        int64_t value = get(e, worker, numbers[i].offset);
        if (value < 0) continue;
        json_write_key(w, str_from_c(numbers[i].key));
        json_write_i64(w, value);
    }
    write_left(w, "waits_ms", get(e, worker, offsetof(struct route_figures, wait_until_ms)), now);
    write_left(w, "avoided_ms", get(e, worker, offsetof(struct route_figures, stuck_until_ms)),
               now);
    json_write_object_end(w);
}

static bool is_used(const struct route_entry *e, size_t worker)
{
    return get(e, worker, offsetof(struct route_figures, calls)) ||
           get(e, worker, offsetof(struct route_figures, breaker)) != BREAKER_CLOSED;
}

static void write_cell(struct json_writer *w, const struct route_entry *e, size_t workers, msec now)
{
    json_write_object(w);
    json_write_key(w, STR("provider"));
    json_write_str(w, e->provider);
    json_write_key(w, STR("model"));
    json_write_str(w, e->model);
    json_write_key(w, STR("key"));
    json_write_str(w, e->key);
    json_write_key(w, STR("workers"));
    json_write_array(w);
    for (size_t i = 0; i < workers; i++) {
        if (is_used(e, i)) write_worker(w, e, i, now);
    }
    json_write_array_end(w);
    json_write_object_end(w);
}

err cells_report_json(struct route_board *board, size_t workers, msec now, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    json_write_key(&w, STR("cells"));
    json_write_array(&w);
    for (size_t i = 0; i < route_board_count(board); i++) {
        const struct route_entry *e = route_board_at(board, i);
        if (e) write_cell(&w, e, workers, now);
    }
    json_write_array_end(&w);
    json_write_object_end(&w);
    return w.error;
}

// --- Prometheus ---

struct series {
    const char *name;
    const char *type;
    const char *help;
    size_t offset;
    bool is_most; // the highest of the workers, not their sum
};

static const struct series series[] = {
    {"sluice_cell_breaker", "gauge",
     "0 closed, 1 open, 2 half-open, 3 returning; the highest of the workers",
     offsetof(struct route_figures, breaker), true},
    {"sluice_cell_in_flight", "gauge", "Requests now", offsetof(struct route_figures, in_flight),
     false},
    {"sluice_cell_limit", "gauge", "Places of the adaptive limit; 0: no limit",
     offsetof(struct route_figures, limit), false},
    {"sluice_cell_calls_total", "counter", "Attempts", offsetof(struct route_figures, calls),
     false},
    {"sluice_cell_failures_total", "counter", "Attempts that count against its health",
     offsetof(struct route_figures, failures), false},
    {"sluice_cell_retries_total", "counter", "Attempts that were not the first of their request",
     offsetof(struct route_figures, retries), false},
    {"sluice_cell_trips_total", "counter", "How often its breaker opened",
     offsetof(struct route_figures, trips), false},
};

// Label values escape what the format says (Prometheus text format 0.0.4).
static err write_label(struct buf *out, const char *name, str value)
{
    TRY(buf_append_format(out, "%s=\"", name));
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '"' || c == '\\') TRY(buf_append_char(out, '\\'));
        TRY(buf_append_char(out, (unsigned char)c < ' ' ? '?' : c));
    }
    return buf_append_char(out, '"');
}

static err write_sample(const struct series *s, const struct route_entry *e, size_t workers,
                        struct buf *out)
{
    int64_t value = 0;

    for (size_t i = 0; i < workers; i++) {
        int64_t one = get(e, i, s->offset);
        if (s->is_most) {
            value = one > value ? one : value;
        } else {
            value += one;
        }
    }
    TRY(buf_append_format(out, "%s{", s->name));
    TRY(write_label(out, "provider", e->provider));
    TRY(write_label(out, ",model", e->model));
    TRY(write_label(out, ",key", e->key));
    return buf_append_format(out, "} %ld\n", value);
}

err cells_report_metrics(struct route_board *board, size_t workers, struct buf *out)
{
    size_t count = route_board_count(board);

    for (size_t k = 0; k < sizeof(series) / sizeof(*series) && count; k++) {
        const struct series *s = &series[k];
        TRY(buf_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", s->name, s->help, s->name,
                              s->type));
        for (size_t i = 0; i < count; i++) {
            const struct route_entry *e = route_board_at(board, i);
            if (e) TRY(write_sample(s, e, workers, out));
        }
    }
    return OK;
}
