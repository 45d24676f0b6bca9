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
    s->is_high = false;
}

static void add_hit(struct sequential *s, msec at, double weight)
{
    s->score += weight;
    s->hits++;
    s->hit_at = at;
}

void sequential_note(struct sequential *s, msec at, bool is_hit)
{
    if (is_hit) {
        add_hit(s, at, s->hit);
    } else {
        s->score += s->miss;
        if (s->score <= 0) sequential_clear(s);
    }
}

void sequential_convert(struct sequential *s, msec at)
{
    add_hit(s, at, s->hit - s->miss);
}

double sequential_bar(double observations)
{
    // With fewer than three a bar that low would be crossed by two hits of bad luck.
    return 6.0 + log(fmax(observations, 3));
}

bool sequential_exceeds(struct sequential *s, msec now, double bar, msec age_ms)
{
    bool was_high = s->is_high;

    s->is_high = s->score > bar / 2;
    if (s->is_high && !was_high) s->high_at = s->hit_at;
    if (s->score <= bar) return false;
    if (now - s->high_at >= age_ms) return true;
    s->score = bar * 3 / 4;
    return false;
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
