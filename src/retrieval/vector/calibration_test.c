#include "retrieval/vector/calibration.h"

#include "support/segment_forge.h"
#include "support/test.h"

#include <math.h>
#include <string.h>

static bool is_near(float got, float want)
{
    return fabsf(got - want) <= 1e-3F * want;
}

static struct calibration two_levels(void)
{
    return (struct calibration){
        .count = 2,
        .levels =
            {{.recall = 0.9F, .epsilon = 1, .patience = 10, .lists_max = 100, .candidates = 20},
             {.recall = 0.99F, .epsilon = 2, .patience = 40, .lists_max = 400, .candidates = 50}},
    };
}

TEST(calibration_gives_each_level_itself)
{
    const struct calibration *c = calibration_guess();

    CHECK(calibration_is_valid(c));
    for (uint32_t i = 0; i < c->count; i++) {
        struct calibration_level l = calibration_find(c, c->levels[i].recall);
        CHECK(is_near(l.patience, c->levels[i].patience));
        CHECK(l.lists_max - c->levels[i].lists_max <= 1);
        CHECK_EQ(l.candidates, c->levels[i].candidates);
    }
}

TEST(calibration_between_levels_is_interpolated_by_what_is_missed)
{
    struct calibration c = two_levels();
    struct calibration_level l = calibration_find(&c, 1 - 0.0316228F);

    CHECK(is_near(l.patience, 20));
    CHECK_EQ(l.lists_max, 200);
    CHECK(is_near(l.epsilon, 2));
    CHECK_EQ(l.candidates, 50);
}

TEST(calibration_answers_any_recall)
{
    struct calibration c = two_levels();

    CHECK(is_near(calibration_find(&c, 0).patience, 10));
    CHECK(is_near(calibration_find(&c, -1).patience, 10));
    CHECK(is_near(calibration_find(&c, 0.999F).patience, 160));
    CHECK(is_near(calibration_find(&c, 1).patience, 640));
    CHECK(is_near(calibration_find(&c, NAN).patience, 640));
    CHECK_EQ(calibration_find(&c, 7).lists_max, 6400);
    c.levels[1].lists_max = SEGMENT_LISTS_MAX;
    CHECK_EQ(calibration_find(&c, 1).lists_max, SEGMENT_LISTS_MAX);
    c.count = 1;
    CHECK(is_near(calibration_find(&c, 1).patience, 10));
}

TEST(calibration_with_a_member_out_of_bounds_is_invalid)
{
    struct calibration c = two_levels();

    CHECK(calibration_is_valid(&c));
    c.count = 0;
    CHECK(!calibration_is_valid(&c));
    c.count = CALIBRATION_LEVELS_MAX + 1;
    CHECK(!calibration_is_valid(&c));
#define CHECK_REFUSED(member, value)                                                               \
    c = two_levels();                                                                              \
    c.levels[1].member = (value);                                                                  \
    CHECK(!calibration_is_valid(&c))
    CHECK_REFUSED(recall, 0.9F);
    CHECK_REFUSED(recall, NAN);
    CHECK_REFUSED(recall, 1);
    CHECK_REFUSED(epsilon, -1);
    CHECK_REFUSED(epsilon, NAN);
    CHECK_REFUSED(patience, 0);
    CHECK_REFUSED(patience, INFINITY);
    CHECK_REFUSED(lists_max, 0);
    CHECK_REFUSED(lists_max, SEGMENT_LISTS_MAX + 1);
    CHECK_REFUSED(candidates, 0);
    CHECK_REFUSED(candidates, CALIBRATION_CANDIDATES_MAX + 1);
#undef CHECK_REFUSED
}

// Files of the sample have a CALIB of another length, and none without lists.
TEST(calibration_that_a_segment_lacks_or_that_is_none_is_told)
{
    static struct segment_forge forge;
    static struct segment segment;
    struct segment_damage why;
    struct calibration c;

    segment_forge_init(&forge, SEGMENT_EXACT, 10);
    CHECK_EQ(segment_forge_open(&forge, SEGMENT_CHECK_OFF, &segment, &why), OK);
    err without = calibration_read(&segment, &c);
    CHECK_EQ(without, segment_section(&segment, SEGMENT_CALIB, 0) ? ERR_DAMAGED : ERR_ABSENT);
    segment_close(&segment);
    segment_forge_done(&forge);
    segment_forge_init(&forge, SEGMENT_IVF, 100);
    CHECK_EQ(segment_forge_open(&forge, SEGMENT_CHECK_OFF, &segment, &why), OK);
    CHECK_EQ(calibration_read(&segment, &c), ERR_DAMAGED);
    segment_close(&segment);
    segment_forge_done(&forge);
}
