#include "io/signals.h"

#include "support/test.h"

#include <signal.h>
#include <unistd.h>

struct ear {
    struct signals signals;
    int heard[4];
    int count;
    bool is_done_after_one;
};

static void hear(struct signals *s, int number)
{
    struct ear *e = container_of(s, struct ear, signals);

    if (e->count < 4) e->heard[e->count++] = number;
    if (e->is_done_after_one) signals_close(s);
}

TEST(signals_arrive_in_the_loop_and_kill_nobody)
{
    struct loop l;
    struct ear e = {.signals = {.received = hear}};

    CHECK_EQ(signals_block(), OK);
    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(signals_open(&e.signals, &l), OK);
    CHECK_EQ(kill(getpid(), SIGHUP), 0);
    CHECK_EQ(kill(getpid(), SIGTERM), 0);
    CHECK_EQ(e.count, 0);
    for (int i = 0; i < 100 && e.count < 2; i++) {
        (void)loop_turn(&l, 10);
    }
    CHECK_EQ(e.count, 2);
    CHECK(e.heard[0] != e.heard[1]);
    CHECK(e.heard[0] == SIGHUP || e.heard[1] == SIGHUP);
    CHECK(e.heard[0] == SIGTERM || e.heard[1] == SIGTERM);
    signals_close(&e.signals);
    signals_close(&e.signals);
    loop_done(&l);
}

TEST(signals_may_be_closed_by_the_receiver)
{
    struct loop l;
    struct ear e = {.signals = {.received = hear}, .is_done_after_one = true};

    CHECK_EQ(signals_block(), OK);
    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(signals_open(&e.signals, &l), OK);
    CHECK_EQ(kill(getpid(), SIGHUP), 0);
    CHECK_EQ(kill(getpid(), SIGINT), 0);
    for (int i = 0; i < 10; i++) {
        (void)loop_turn(&l, 1);
    }
    CHECK_EQ(e.count, 1);
    // What was not received is still pending; taken here so that the next test starts clean.
    CHECK_EQ(signals_open(&e.signals, &l), OK);
    for (int i = 0; i < 100 && e.count < 2; i++) {
        (void)loop_turn(&l, 10);
    }
    CHECK_EQ(e.count, 2);
    loop_done(&l);
}

TEST(signals_ignores_a_broken_pipe)
{
    int ends[2];

    CHECK_EQ(signals_block(), OK);
    CHECK_EQ(pipe(ends), 0);
    close(ends[0]);
    CHECK_EQ(write(ends[1], "x", 1), -1);
    close(ends[1]);
}
