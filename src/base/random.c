#include "base/random.h"

#include <assert.h>
#include <math.h>

uint64_t random_mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

void random_init(struct random *r, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) {
        r->state[i] = random_mix(seed + i * UINT64_C(0x9e3779b97f4a7c15));
    }
}

static uint64_t rotate(uint64_t x, unsigned by)
{
    return (x << by) | (x >> (64 - by));
}

uint64_t random_u64(struct random *r)
{
    uint64_t *s = r->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t random_below(struct random *r, uint64_t bound)
{
    assert(bound > 0);
    uint64_t unfair = (0 - bound) % bound; // the low numbers that would come once too often

    for (;;) {
        uint64_t value = random_u64(r);
        if (value >= unfair) return value % bound;
    }
}

double random_unit(struct random *r)
{
    return (double)(random_u64(r) >> 11) * 0x1p-53;
}

double random_normal(struct random *r)
{
    double u = 1.0 - random_unit(r); // in (0, 1], so that the logarithm is finite
    double v = random_unit(r);

    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}
