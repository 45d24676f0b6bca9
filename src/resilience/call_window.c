#include "resilience/call_window.h"

#include <assert.h>

#define FIRST_UNKNOWN UINT32_MAX
#define GAP_UNKNOWN (UINT32_MAX >> 1)

void call_window_init(struct call_window *w, uint32_t calls_max, msec span_ms)
{
    w->start = 0;
    w->len = 0;
    w->last_at = 0;
    call_window_bound(w, calls_max, span_ms);
}

static void drop_oldest(struct call_window *w)
{
    w->start = (w->start + 1) % CALL_WINDOW_MAX;
    w->len--;
}

void call_window_bound(struct call_window *w, uint32_t calls_max, msec span_ms)
{
    assert(calls_max > 0 && calls_max <= CALL_WINDOW_MAX);
    w->calls_max = calls_max;
    w->span_ms = span_ms;
    while (w->len > calls_max) {
        drop_oldest(w);
    }
}

void call_window_clear(struct call_window *w)
{
    w->len = 0;
}

// Few milliseconds are enough bits for the age of what is at most a span old.
static uint32_t age(const struct call_window *w, msec now)
{
    return (uint32_t)now - w->entries[w->start].at;
}

void call_window_expire(struct call_window *w, msec now)
{
    if (now - w->last_at > w->span_ms) w->len = 0;
    while (w->len > 0 && age(w, now) > w->span_ms) {
        drop_oldest(w);
    }
}

static uint32_t clip(msec time, uint32_t unknown)
{
    if (time < 0) return unknown;
    return time < unknown ? (uint32_t)time : unknown - 1;
}

void call_window_add(struct call_window *w, msec now, bool is_error, msec first_ms, msec gap_ms)
{
    call_window_expire(w, now);
    if (w->len == w->calls_max) drop_oldest(w);
    struct call_window_entry *e = &w->entries[(w->start + w->len) % CALL_WINDOW_MAX];

    e->at = (uint32_t)now;
    e->first = clip(first_ms, FIRST_UNKNOWN);
    e->gap = clip(gap_ms, GAP_UNKNOWN) & GAP_UNKNOWN;
    e->is_error = is_error;
    w->len++;
    w->last_at = now;
}

struct call_window_counts call_window_count(const struct call_window *w, msec first_limit,
                                            msec gap_limit)
{
    struct call_window_counts counts = {.calls = w->len};

    for (uint32_t i = 0; i < w->len; i++) {
        const struct call_window_entry *e = &w->entries[(w->start + i) % CALL_WINDOW_MAX];
        bool has_first = e->first != FIRST_UNKNOWN;
        bool has_gap = e->gap != GAP_UNKNOWN;
        counts.errors += e->is_error;
        counts.firsts += has_first;
        counts.slow_firsts += has_first && e->first > first_limit;
        counts.gaps += has_gap;
        counts.slow_gaps += has_gap && e->gap > gap_limit;
    }
    return counts;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t kept = *a;

    *a = *b;
    *b = kept;
}

// The k-th smallest, by Hoare's selection (1961), with the median of three as pivot.
static uint32_t kth(uint32_t *v, int32_t count, int32_t k)
{
    int32_t low = 0, high = count - 1;

    while (low < high) {
        int32_t middle = low + (high - low) / 2, i = low, j = high;
        if (v[middle] < v[low]) swap(&v[middle], &v[low]);
        if (v[high] < v[low]) swap(&v[high], &v[low]);
        if (v[high] < v[middle]) swap(&v[high], &v[middle]);
        uint32_t pivot = v[middle];
        while (i <= j) {
            while (v[i] < pivot) {
                i++;
            }
            while (v[j] > pivot) {
                j--;
            }
            if (i <= j) swap(&v[i++], &v[j--]);
        }
        if (k <= j) {
            high = j;
        } else if (k >= i) {
            low = i;
        } else {
            break;
        }
    }
    return v[k];
}

static msec p95(uint32_t *times, uint32_t count)
{
    return count ? (msec)kth(times, (int32_t)count, (int32_t)((count * 95 + 99) / 100) - 1) : -1;
}

msec call_window_first_p95(const struct call_window *w)
{
    uint32_t times[CALL_WINDOW_MAX], count = 0;

    for (uint32_t i = 0; i < w->len; i++) {
        uint32_t first = w->entries[(w->start + i) % CALL_WINDOW_MAX].first;
        if (first != FIRST_UNKNOWN) times[count++] = first;
    }
    return p95(times, count);
}

msec call_window_gap_p95(const struct call_window *w)
{
    uint32_t times[CALL_WINDOW_MAX], count = 0;

    for (uint32_t i = 0; i < w->len; i++) {
        uint32_t gap = w->entries[(w->start + i) % CALL_WINDOW_MAX].gap;
        if (gap != GAP_UNKNOWN) times[count++] = gap;
    }
    return p95(times, count);
}

double call_window_rate(const struct call_window *w, msec now)
{
    if (w->len < w->calls_max) return w->len;
    uint32_t covered = age(w, now) > 0 ? age(w, now) : 1;

    return covered < w->span_ms ? (double)w->len * (double)w->span_ms / covered : w->len;
}
