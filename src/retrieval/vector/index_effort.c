#include "retrieval/vector/index_effort.h"

#include <math.h>

// Without a table of what a recall takes, as smaller indexes have it: a share of the lists that
// falls with their number and grows with what may still be missed.
static struct index_effort effort_of_rule(uint32_t list_count, float recall, uint32_t k)
{
    static const float missed_usual = 0.05F;
    static const float missed_least = 0.0005F;
    static const float k_usual = 10;
    float missed = fmaxf(1 - recall, missed_least);
    float more = fmaxf(1, powf((float)k / k_usual, 0.3F));
    float lists = ceilf(sqrtf((float)list_count * missed_usual / missed) * more);
    float spare = fmaxf(k_usual, sqrtf((float)k * k_usual) * sqrtf(missed_usual / missed));

    return (struct index_effort){
        .lists = lists < (float)list_count ? (uint32_t)lists : list_count,
        .candidates = k + (uint32_t)spare,
        .epsilon = missed < missed_usual ? 1.5F : 1.2F,
    };
}

struct index_effort index_effort_of(const struct index_part *p, float recall, uint32_t k)
{
    return effort_of_rule(p->ivf.quantizer.list_count, recall, k);
}
