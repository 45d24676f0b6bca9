#include "resilience/balance.h"

#include "base/random.h"

static uint64_t total_of(const struct balance_choice *choices, size_t count)
{
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++) {
        if (choices[i].is_open) total += choices[i].weight;
    }
    return total;
}

// A 32-bit fraction of the total finds the one whose share it falls in; totals are below 2^32, so
// the bias is below 2^-32 of a share.
static size_t draw(const struct balance_choice *choices, size_t count, uint64_t total,
                   uint64_t fraction)
{
    uint64_t at = (total * fraction) >> 32;
    size_t last = count;

    for (size_t i = 0; i < count; i++) {
        if (!choices[i].is_open || !choices[i].weight) continue;
        last = i;
        if (at < choices[i].weight) break;
        at -= choices[i].weight;
    }
    return last;
}

size_t balance_weighted(const struct balance_choice *choices, size_t count, uint64_t random)
{
    return draw(choices, count, total_of(choices, count), random >> 32);
}

size_t balance_least_load(const struct balance_choice *choices, size_t count, uint64_t random)
{
    uint64_t total = total_of(choices, count);
    size_t a = draw(choices, count, total, random >> 32);
    size_t b = draw(choices, count, total, random_mix(random) >> 32);

    if (a == count || a == b) return a;
    // (load + 1) / weight, without dividing.
    uint64_t busy_a = ((uint64_t)choices[a].load + 1) * choices[b].weight;
    uint64_t busy_b = ((uint64_t)choices[b].load + 1) * choices[a].weight;
    return busy_b < busy_a ? b : a;
}
