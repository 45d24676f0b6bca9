#include "io/listener.h"

#include "io/socket.h"

#include "support/test.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CONNS = 100 };

struct bench {
    struct loop loop;
    struct listener listener;
    int fds[CONNS]; // the other ends
    int accepted_count;
    bool closes; // with the first one accepted
};

static void on_accepted(struct listener *l, struct stream *s)
{
    struct bench *b = container_of(l, struct bench, listener);

    b->accepted_count++;
    stream_close(s, STREAM_CLOSE);
    if (b->closes) listener_close(l);
}

static void bench_init(struct bench *b)
{
    struct address any;

    *b = (struct bench){.accepted_count = 0};
    CHECK_EQ(loop_init(&b->loop), OK);
    CHECK_EQ(socket_parse_address(STR("127.0.0.1:0"), &any), OK);
    b->listener.accepted = on_accepted;
    CHECK_EQ(listener_open(&b->listener, &b->loop, &any, false), OK);
    CHECK(b->listener.address.port > 0);
}

static void bench_done(struct bench *b)
{
    listener_close(&b->listener);
    loop_done(&b->loop);
}

static void wait_for(struct bench *b, int count)
{
    for (int i = 0; i < 500 && b->accepted_count < count; i++) {
        loop_turn(&b->loop, 10);
    }
    CHECK_EQ(b->accepted_count, count);
}

TEST(listener_accepts_a_flood_in_several_turns)
{
    struct bench b;

    bench_init(&b);
    for (int i = 0; i < CONNS; i++) {
        CHECK_EQ(socket_connect(&b.listener.address, &b.fds[i]), OK);
    }
    wait_for(&b, CONNS);
    CHECK_EQ(b.listener.refused_count, 0);
    for (int i = 0; i < CONNS; i++) {
        close(b.fds[i]);
    }
    bench_done(&b);
}

TEST(listener_may_be_closed_by_whom_it_calls)
{
    struct bench b;

    bench_init(&b);
    b.closes = true;
    CHECK_EQ(socket_connect(&b.listener.address, &b.fds[0]), OK);
    CHECK_EQ(socket_connect(&b.listener.address, &b.fds[1]), OK);
    wait_for(&b, 1);
    for (int i = 0; i < 5; i++) {
        loop_turn(&b.loop, 1);
    }
    CHECK_EQ(b.accepted_count, 1);
    CHECK(!listener_is_open(&b.listener));
    close(b.fds[0]);
    close(b.fds[1]);
    bench_done(&b);
}

TEST(listener_rests_while_the_process_is_out_of_descriptors)
{
    struct bench b;
    struct rlimit old;
    struct rlimit none;

    bench_init(&b);
    CHECK_EQ(socket_connect(&b.listener.address, &b.fds[0]), OK);
    int highest = open("/dev/null", O_RDONLY | O_CLOEXEC); // the next would be the same
    CHECK(highest >= 0);
    close(highest);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)highest, .rlim_max = old.rlim_max};
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 20; i++) {
        loop_turn(&b.loop, 1);
    }
    uint64_t refused = b.listener.refused_count;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    CHECK_EQ(b.accepted_count, 0);
    CHECK_EQ(refused, 1); // tried once, then rested
    wait_for(&b, 1);      // by itself, without another event
    close(b.fds[0]);
    bench_done(&b);
}
