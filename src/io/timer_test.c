#include "io/timer.h"

#include "base/random.h"

#include "support/test.h"

struct alarm_clock {
    struct timer timer;
    struct timer_wheel *wheel;
    msec fired_at;
    int fired;
};

static void ring(struct timer *t)
{
    struct alarm_clock *a = container_of(t, struct alarm_clock, timer);

    a->fired++;
    a->fired_at = a->wheel->elapsed;
}

TEST(timer_fires_at_its_time_and_once)
{
    struct timer_wheel w;
    struct alarm_clock a = {.wheel = &w};

    timer_wheel_init(&w, 1000);
    timer_wheel_arm(&w, &a.timer, 1500, ring);
    timer_wheel_advance(&w, 1499);
    CHECK_EQ(a.fired, 0);
    timer_wheel_advance(&w, 1500);
    CHECK_EQ(a.fired, 1);
    timer_wheel_advance(&w, 9999);
    CHECK_EQ(a.fired, 1);
    CHECK_EQ(timer_wheel_next(&w), INT64_MAX);
}

TEST(timer_in_the_past_fires_at_the_next_advance)
{
    struct timer_wheel w;
    struct alarm_clock a = {.wheel = &w};

    timer_wheel_init(&w, 1000);
    timer_wheel_arm(&w, &a.timer, 3, ring);
    CHECK_EQ(timer_wheel_next(&w), 1000);
    timer_wheel_advance(&w, 1000);
    CHECK_EQ(a.fired, 1);
}

TEST(timer_stopped_or_moved_does_not_fire_at_the_old_time)
{
    struct timer_wheel w;
    struct alarm_clock a = {.wheel = &w};

    timer_wheel_init(&w, 0);
    timer_wheel_arm(&w, &a.timer, 10, ring);
    timer_wheel_stop(&w, &a.timer);
    timer_wheel_stop(&w, &a.timer);
    timer_wheel_advance(&w, 50);
    CHECK_EQ(a.fired, 0);
    timer_wheel_arm(&w, &a.timer, 60, ring);
    timer_wheel_arm(&w, &a.timer, 5000, ring);
    timer_wheel_advance(&w, 4999);
    CHECK_EQ(a.fired, 0);
    timer_wheel_advance(&w, 5000);
    CHECK_EQ(a.fired, 1);
}

static struct alarm_clock stopper_victim;

static void stop_other(struct timer *t)
{
    struct alarm_clock *a = container_of(t, struct alarm_clock, timer);

    a->fired++;
    timer_wheel_stop(a->wheel, &stopper_victim.timer);
}

TEST(timer_callback_may_stop_one_due_at_the_same_time)
{
    struct timer_wheel w;
    struct alarm_clock a = {.wheel = &w};

    timer_wheel_init(&w, 0);
    stopper_victim = (struct alarm_clock){.wheel = &w};
    timer_wheel_arm(&w, &a.timer, 100, stop_other);
    timer_wheel_arm(&w, &stopper_victim.timer, 100, ring);
    timer_wheel_advance(&w, 200);
    CHECK_EQ(a.fired, 1);
    CHECK_EQ(stopper_victim.fired, 0);
}

TEST(timer_decades_away_waits_its_turn)
{
    struct timer_wheel w;
    struct alarm_clock a = {.wheel = &w};
    msec far = INT64_C(1) << 40;

    timer_wheel_init(&w, 5);
    timer_wheel_arm(&w, &a.timer, far, ring);
    timer_wheel_advance(&w, far - 1);
    CHECK_EQ(a.fired, 0);
    timer_wheel_advance(&w, far);
    CHECK_EQ(a.fired, 1);
    timer_wheel_arm(&w, &a.timer, INT64_MAX, ring);
    timer_wheel_advance(&w, far + 1000);
    CHECK_EQ(a.fired, 1);
}

enum { MANY = 2000 };

TEST(timer_many_random_ones_fire_exactly_when_due)
{
    static struct alarm_clock alarms[MANY];
    struct timer_wheel w;
    struct random r;

    random_init(&r, test_seed());
    timer_wheel_init(&w, 123456);
    for (int i = 0; i < MANY; i++) {
        alarms[i] = (struct alarm_clock){.wheel = &w};
        msec span = INT64_C(1) << random_below(&r, 22);
        timer_wheel_arm(&w, &alarms[i].timer, 123456 + (msec)random_below(&r, (uint64_t)span),
                        ring);
    }
    msec next = 0;
    while ((next = timer_wheel_next(&w)) != INT64_MAX) {
        timer_wheel_advance(&w, next);
    }
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(alarms[i].fired, 1);
        CHECK_EQ(alarms[i].fired_at, alarms[i].timer.due);
    }
}
