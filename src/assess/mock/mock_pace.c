#include "assess/mock/mock_pace.h"

#include <math.h>

static int64_t bounded(double us)
{
    if (!(us > 0)) return 0;
    return us > (double)MOCK_PACE_MAX_US ? MOCK_PACE_MAX_US : llround(us);
}

int64_t mock_pace_next(const struct mock_pace *p, struct random *r, size_t nth)
{
    double first = (double)p->first_us;
    double second = (double)p->second_us;

    switch (p->kind) {
    case MOCK_PACE_FIXED: return p->first_us;
    case MOCK_PACE_NORMAL: return bounded(first + second * random_normal(r));
    case MOCK_PACE_LOGNORMAL: return bounded(first * exp(p->sigma * random_normal(r)));
    case MOCK_PACE_UNIFORM: return bounded(first + (second - first) * random_unit(r));
    case MOCK_PACE_RECORDED: return p->count ? p->recorded[nth % p->count] : 0;
    }
    return 0;
}
