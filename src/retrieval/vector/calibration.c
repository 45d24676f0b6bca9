#include "retrieval/vector/calibration.h"

#include <math.h>
#include <string.h>

static const float epsilon_max = 10;

// Measured on a million SIFT vectors and a third of a million word vectors; the larger of the two.
static const struct calibration guess = {
    .count = 6,
    .levels =
        {
            {.recall = 0.8F, .epsilon = 1.0F, .patience = 6, .lists_max = 80, .candidates = 20},
            {.recall = 0.9F, .epsilon = 1.0F, .patience = 18, .lists_max = 170, .candidates = 20},
            {.recall = 0.95F, .epsilon = 1.2F, .patience = 40, .lists_max = 310, .candidates = 30},
            {.recall = 0.98F, .epsilon = 1.2F, .patience = 100, .lists_max = 570, .candidates = 30},
            {.recall = 0.99F, .epsilon = 1.5F, .patience = 180, .lists_max = 920, .candidates = 40},
            {.recall = 0.995F,
             .epsilon = 1.9F,
             .patience = 320,
             .lists_max = 1440,
             .candidates = 60},
        },
};

const struct calibration *calibration_guess(void)
{
    return &guess;
}

// Misses are halved by about the same factor in effort, wherever one stands: effort is a power of
// the part that is missed.
static float interpolate(float low, float high, float part)
{
    return low * powf(high / low, part);
}

struct calibration_level calibration_find(const struct calibration *c, float recall)
{
    uint32_t i = 0;

    if (!(recall < CALIBRATION_RECALL_MAX)) recall = CALIBRATION_RECALL_MAX;
    if (c->count == 1 || recall <= c->levels[0].recall) return c->levels[0];
    while (i + 2 < c->count && c->levels[i + 1].recall < recall) {
        i++;
    }
    const struct calibration_level *low = &c->levels[i];
    const struct calibration_level *high = &c->levels[i + 1];
    float part =
        logf((1 - low->recall) / (1 - recall)) / logf((1 - low->recall) / (1 - high->recall));
    float lists = interpolate((float)low->lists_max, (float)high->lists_max, part);
    struct calibration_level level = *high;
    level.recall = recall;
    level.patience = interpolate(low->patience, high->patience, part);
    level.lists_max = lists < (float)SEGMENT_LISTS_MAX ? (uint32_t)ceilf(lists) : SEGMENT_LISTS_MAX;
    return level;
}

static bool is_level_valid(const struct calibration_level *l)
{
    return l->recall > 0 && l->recall <= CALIBRATION_RECALL_MAX && l->epsilon >= 0 &&
           l->epsilon <= epsilon_max && l->patience > 0 &&
           l->patience <= CALIBRATION_PATIENCE_MAX && l->lists_max >= 1 &&
           l->lists_max <= SEGMENT_LISTS_MAX && l->candidates >= 1 &&
           l->candidates <= CALIBRATION_CANDIDATES_MAX;
}

bool calibration_is_valid(const struct calibration *c)
{
    if (c->count < 1 || c->count > CALIBRATION_LEVELS_MAX) return false;
    for (uint32_t i = 0; i < c->count; i++) {
        if (!is_level_valid(&c->levels[i])) return false;
        if (i > 0 && !(c->levels[i].recall > c->levels[i - 1].recall)) return false;
    }
    return true;
}

err calibration_read(struct segment *s, struct calibration *out)
{
    const struct segment_section *section = segment_section(s, SEGMENT_CALIB, 0);
    struct calibration c;

    if (!section) return ERR_ABSENT;
    if (section->len != sizeof c) return ERR_DAMAGED;
    TRY(segment_touch(s, section, 0, section->len));
    memcpy(&c, section->bytes, sizeof c);
    if (!calibration_is_valid(&c)) return ERR_DAMAGED;
    *out = c;
    return OK;
}
