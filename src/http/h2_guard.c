#include "http/h2_guard.h"

void h2_guard_init(struct h2_guard *g, msec now)
{
    *g = (struct h2_guard){
        .filled = now, .resets = H2_GUARD_RESETS_MAX, .noise = H2_GUARD_NOISE_MAX};
}

static void add(int32_t *bucket, int64_t more, int32_t max)
{
    *bucket = *bucket + more < max ? (int32_t)(*bucket + more) : max;
}

// By whole seconds, so that nothing is lost to rounding.
static void fill(struct h2_guard *g, msec now)
{
    int64_t seconds = (now - g->filled) / 1000;

    if (seconds <= 0) return;
    g->filled += seconds * 1000;
    add(&g->resets, seconds * H2_GUARD_RESETS_A_SECOND, H2_GUARD_RESETS_MAX);
    add(&g->noise, seconds * H2_GUARD_NOISE_A_SECOND, H2_GUARD_NOISE_MAX);
}

bool h2_guard_reset(struct h2_guard *g, msec now)
{
    fill(g, now);
    return g->resets-- > 0;
}

bool h2_guard_noise(struct h2_guard *g, msec now)
{
    fill(g, now);
    return g->noise-- > 0;
}

void h2_guard_useful(struct h2_guard *g)
{
    add(&g->noise, H2_GUARD_NOISE_A_FRAME, H2_GUARD_NOISE_MAX);
}
