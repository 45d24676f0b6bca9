#include "resilience/retry_budget.h"

#include <assert.h>

void retry_budget_init(struct retry_budget *b, double ratio, uint32_t floor)
{
    *b = (struct retry_budget){0};
    retry_budget_configure(b, ratio, floor);
}

void retry_budget_configure(struct retry_budget *b, double ratio, uint32_t floor)
{
    assert(ratio >= 0 && ratio <= 100);
    b->ratio = ratio;
    b->floor = floor;
}

static struct retry_budget_second *bucket_of(struct retry_budget *b, int64_t second)
{
    return &b->buckets[second % RETRY_BUDGET_SECONDS];
}

// Drops what has left the window, and returns the bucket of `now`.
static struct retry_budget_second *move_to(struct retry_budget *b, msec now)
{
    assert(now >= 0);
    int64_t second = now / 1'000;

    if (second > b->second + RETRY_BUDGET_SECONDS) b->second = second - RETRY_BUDGET_SECONDS;
    while (b->second < second) {
        struct retry_budget_second *oldest = bucket_of(b, ++b->second);

        b->requests -= oldest->requests;
        b->retries -= oldest->retries;
        *oldest = (struct retry_budget_second){0};
    }
    return bucket_of(b, b->second);
}

void retry_budget_request(struct retry_budget *b, msec now)
{
    move_to(b, now)->requests++;
    b->requests++;
}

bool retry_budget_take(struct retry_budget *b, msec now)
{
    struct retry_budget_second *bucket = move_to(b, now);
    uint64_t share = (uint64_t)(b->ratio * (double)b->requests); // whole retries only

    if (b->retries >= (share > b->floor ? share : b->floor)) return false;
    bucket->retries++;
    b->retries++;
    return true;
}
