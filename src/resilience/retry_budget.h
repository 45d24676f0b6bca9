// retry_budget: how many retries an upstream can bear.
//
// A retry is allowed while the retries of the last ten seconds are fewer than a share of the
// requests of the same span, or than a floor that lets a quiet upstream be asked again. So whatever
// fails, an upstream gets at most 1 + ratio times what its callers send, once they send more than
// floor / ratio. A window rather than tokens (gRPC A6, Finagle's RetryBudget), for a bucket that
// was filled in good times would be spent at once in the first bad second. Belongs to one loop.
#pragma once

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

enum { RETRY_BUDGET_BUCKETS = 10, RETRY_BUDGET_BUCKET_MS = 1000 };

struct retry_budget {
    double ratio;
    uint32_t floor;
    int64_t second; // of the newest bucket
    uint32_t requests[RETRY_BUDGET_BUCKETS];
    uint32_t retries[RETRY_BUDGET_BUCKETS];
    uint64_t request_count; // in the window
    uint64_t retry_count;
};

void retry_budget_init(struct retry_budget *b, double ratio, uint32_t floor);
// Other bounds from now on.
void retry_budget_configure(struct retry_budget *b, double ratio, uint32_t floor);

// A request is sent for the first time.
void retry_budget_request(struct retry_budget *b, msec now);
// May one be sent again? Where it may, that is counted.
bool retry_budget_take(struct retry_budget *b, msec now);
