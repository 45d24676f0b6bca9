#include "resilience/retry_budget.h"

void retry_budget_configure(struct retry_budget *b, double ratio, uint32_t floor)
{
    b->ratio = ratio;
    b->floor = floor;
}

void retry_budget_init(struct retry_budget *b, double ratio, uint32_t floor)
{
    *b = (struct retry_budget){.ratio = 0};
    retry_budget_configure(b, ratio, floor);
}

// Drops what has grown too old, and returns the bucket of now.
static unsigned turn(struct retry_budget *b, msec now)
{
    int64_t second = now / RETRY_BUDGET_BUCKET_MS;
    int64_t steps = second - b->second;

    if (steps > RETRY_BUDGET_BUCKETS) steps = RETRY_BUDGET_BUCKETS;
    for (; steps > 0; steps--) {
        unsigned i = (unsigned)((second - steps + 1 + RETRY_BUDGET_BUCKETS) % RETRY_BUDGET_BUCKETS);
        b->request_count -= b->requests[i];
        b->retry_count -= b->retries[i];
        b->requests[i] = 0;
        b->retries[i] = 0;
    }
    if (second > b->second) b->second = second;
    return (unsigned)(b->second % RETRY_BUDGET_BUCKETS);
}

void retry_budget_request(struct retry_budget *b, msec now)
{
    b->requests[turn(b, now)]++;
    b->request_count++;
}

bool retry_budget_take(struct retry_budget *b, msec now)
{
    unsigned i = turn(b, now);
    double allowed = b->ratio * (double)b->request_count;

    if (allowed < b->floor) allowed = b->floor;
    if ((double)(b->retry_count + 1) > allowed) return false;
    b->retries[i]++;
    b->retry_count++;
    return true;
}
