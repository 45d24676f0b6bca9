#include "http/h2_past.h"

enum { REMEMBERED = 64 };

// Which bit stands for `id`; REMEMBERED for none.
static int32_t bit_of(const struct h2_past *p, int32_t id)
{
    int32_t below = (p->last - id) / 2;

    if (id > p->last || id % 2 == 0 || below >= REMEMBERED) return REMEMBERED;
    return below;
}

static uint64_t shifted(uint64_t bits, int32_t by)
{
    return by < REMEMBERED ? bits << by : 0;
}

void h2_past_open(struct h2_past *p, int32_t id)
{
    int32_t above = id - p->last;
    int32_t by = above / 2 + above % 2; // it begins at 0, which is even

    if (id <= p->last || id % 2 == 0) return;
    p->opened = shifted(p->opened, by) | 1;
    p->reset = shifted(p->reset, by);
    p->last = id;
}

void h2_past_reset(struct h2_past *p, int32_t id)
{
    int32_t bit = bit_of(p, id);

    if (bit < REMEMBERED) p->reset |= UINT64_C(1) << bit;
}

enum h2_past_verdict h2_past_judge(const struct h2_past *p, int32_t id)
{
    int32_t bit = bit_of(p, id);

    if (bit == REMEMBERED || p->reset >> bit & 1) return H2_PAST_FINE;
    return p->opened >> bit & 1 ? H2_PAST_CLOSED : H2_PAST_UNUSED;
}
