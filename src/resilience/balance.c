#include "resilience/balance.h"

#include "base/random.h"

// Draws among the open ones but `except`; a weight of 0 is never reached. The remainder favours low
// numbers by at most the sum of the weights / 2^64, which nobody can measure.
static size_t draw(const struct balance_choice *c, size_t n, size_t except, uint64_t random)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++) {
        if (i != except && c[i].is_open) total += c[i].weight;
    }
    if (total == 0) return n;

    uint64_t at = random % total;
    for (size_t i = 0; i < n; i++) {
        if (i == except || !c[i].is_open) continue;
        if (at < c[i].weight) return i;
        at -= c[i].weight;
    }
    return n;
}

size_t balance_weighted(const struct balance_choice *c, size_t n, uint64_t random)
{
    return draw(c, n, n, random);
}

// Whether (a->load + 1) / a->weight < (b->load + 1) / b->weight; neither product can overflow.
static bool is_less_loaded(const struct balance_choice *a, const struct balance_choice *b)
{
    return ((uint64_t)a->load + 1) * b->weight < ((uint64_t)b->load + 1) * a->weight;
}

size_t balance_least_load(const struct balance_choice *c, size_t n, uint64_t random)
{
    size_t first = draw(c, n, n, random);
    if (first == n) return n;
    size_t second = draw(c, n, first, random_mix(random));

    return second != n && is_less_loaded(&c[second], &c[first]) ? second : first;
}
