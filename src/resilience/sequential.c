#include "resilience/sequential.h"

#include <assert.h>
#include <math.h>

void sequential_aim(struct sequential *s, double healthy, double risen)
{
    assert(0 < healthy && healthy < risen && risen < 1);
    s->hit = log(risen / healthy);
    s->miss = log((1 - risen) / (1 - healthy));
}

void sequential_clear(struct sequential *s)
{
    s->score = 0;
    s->hits = 0;
}

void sequential_note(struct sequential *s, msec now, bool is_hit)
{
    if (is_hit && s->hits++ == 0) s->since = now;
    s->score += is_hit ? s->hit : s->miss;
    if (s->score <= 0) sequential_clear(s);
}

void sequential_cap(struct sequential *s, double bar)
{
    s->score = fmin(s->score, bar);
}

double sequential_bar(double observations)
{
    // With fewer than three a bar that low would be crossed by two hits of bad luck.
    return 6.0 + log(fmax(observations, 3));
}

double sequential_share(uint32_t hits, uint32_t count)
{
    const double z = 2.326;

    if (count == 0) return 0;
    double n = count, share = hits / n, zz = z * z / n;
    double middle = share + zz / 2;
    double spread = z * sqrt(share * (1 - share) / n + zz / (4 * n));
    return fmax(0, (middle - spread) / (1 + zz));
}
