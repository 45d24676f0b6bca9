// Crosses threads.
#include "io/dial_network.h"

#include "io/listener.h"
#include "io/socket.h"

#include "support/test.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

// What the stand-in resolver answers.
static struct address answers[4];
static size_t answer_count;
static atomic_bool is_held;

static err answer_for_test(const char *name, struct address *addresses, size_t *count)
{
    while (strncmp(name, "held", 4) == 0 && atomic_load(&is_held)) {
        usleep(200);
    }
    if (strncmp(name, "none", 4) == 0) return ERR_RESOLVE;
    memcpy(addresses, answers, sizeof(answers));
    *count = answer_count;
    return OK;
}

enum { FILLERS = 4 };

struct town {
    struct loop loop;
    struct offload offload;
    struct dial_network network;
    struct listener listener; // on 127.0.0.1
    struct stream *accepted;
    int accepted_count;
    int black_hole; // listens on 127.0.0.3, same port, and lets nobody in
    int fillers[FILLERS];
};

static void keep_accepted(struct listener *l, struct stream *s)
{
    struct town *t = container_of(l, struct town, listener);

    t->accepted_count++;
    if (t->accepted) stream_close(t->accepted, STREAM_CLOSE);
    t->accepted = s;
}

static struct address local(uint8_t last)
{
    return (struct address){.bytes = {127, 0, 0, last}};
}

static void open_town(struct town *t)
{
    struct address any = local(1);

    *t = (struct town){.listener = {.accepted = keep_accepted}, .black_hole = -1};
    atomic_store(&is_held, true);
    memset(t->fillers, -1, sizeof(t->fillers));
    CHECK_EQ(loop_init(&t->loop), OK);
    CHECK_EQ(offload_open(&t->offload, 1, 10), OK);
    dial_network_init(&t->network, &t->loop, &t->offload);
    t->network.dns.resolve = answer_for_test;
    CHECK_EQ(listener_open(&t->listener, &t->loop, &any, false), OK);
}

// A listener whose queue is full answers no SYN: the nearest thing to a host that isn't there.
static void dig_black_hole(struct town *t)
{
    struct address there = local(3);

    there.port = t->listener.address.port;
    CHECK_EQ(socket_listen(&there, false, &t->black_hole), OK);
    CHECK_EQ(listen(t->black_hole, 0), 0);
    for (int i = 0; i < FILLERS; i++) {
        CHECK_EQ(socket_connect(&there, &t->fillers[i]), OK);
    }
}

static void close_town(struct town *t)
{
    if (t->accepted) stream_close(t->accepted, STREAM_CLOSE);
    if (t->black_hole >= 0) close(t->black_hole);
    for (int i = 0; i < FILLERS; i++) {
        if (t->fillers[i] >= 0) close(t->fillers[i]);
    }
    listener_close(&t->listener);
    dial_network_done(&t->network);
    atomic_store(&is_held, false);
    offload_close(&t->offload);
    (void)loop_turn(&t->loop, 0);
    loop_done(&t->loop);
}

struct caller {
    struct dial dial;
    struct dial_target target;
    err result;
    int done_count;
};

static void note_dial(struct op *op, err result)
{
    struct caller *c = container_of(op, struct caller, dial.op);

    c->result = result;
    c->done_count++;
}

static void call(struct town *t, struct caller *c, str host, msec wait)
{
    *c = (struct caller){.target = {.host = host, .port = t->listener.address.port}};
    dial_start(&c->dial, &t->network.dialer, &t->loop, &c->target, t->loop.now + wait, note_dial);
    CHECK_EQ(c->done_count, 0);
}

static void wait_for(struct town *t, struct caller *c)
{
    for (int i = 0; i < 1000 && c->done_count == 0; i++) {
        (void)loop_turn(&t->loop, 10);
    }
    CHECK_EQ(c->done_count, 1);
    CHECK(!c->dial.stream == (c->result != OK));
}

static void hang_up(struct caller *c)
{
    stream_close(c->dial.stream, STREAM_CLOSE);
    c->dial.stream = NULL;
}

TEST(dial_network_connects_and_bytes_flow)
{
    static struct town t;
    struct caller c;
    char bytes[8];
    size_t len = 0;
    struct iovec hello = {(char[]){'h', 'e', 'l', 'l', 'o'}, 5};

    open_town(&t);
    call(&t, &c, STR("127.0.0.1"), 5000);
    wait_for(&t, &c);
    CHECK_EQ(c.result, OK);
    CHECK_EQ(c.dial.stream->peer.port, t.listener.address.port);
    CHECK(stream_protocol(c.dial.stream).len == 0);
    CHECK_EQ(stream_write(c.dial.stream, &hello, 1, &len), OK);
    while (!t.accepted) {
        (void)loop_turn(&t.loop, 10);
    }
    err e = ERR_AGAIN;
    while ((e = stream_read(t.accepted, bytes, sizeof(bytes), &len)) == ERR_AGAIN) {
        (void)loop_turn(&t.loop, 10);
    }
    CHECK_EQ(e, OK);
    CHECK_SAME(((str){bytes, len}), STR("hello"));
    hang_up(&c);
    close_town(&t);
}

TEST(dial_network_reports_a_refusal)
{
    static struct town t;
    struct caller c;

    open_town(&t);
    call(&t, &c, STR("127.0.0.2"), 5000);
    wait_for(&t, &c);
    CHECK_EQ(c.result, ERR_REFUSED);
    close_town(&t);
}

TEST(dial_network_reports_a_name_that_is_not)
{
    static struct town t;
    struct caller c;

    open_town(&t);
    call(&t, &c, STR("none.example"), 5000);
    wait_for(&t, &c);
    CHECK_EQ(c.result, ERR_RESOLVE);
    close_town(&t);
}

TEST(dial_network_goes_on_to_the_next_address_at_once_when_one_refuses)
{
    static struct town t;
    struct caller c;

    open_town(&t);
    answers[0] = local(2);
    answers[1] = local(4);
    answers[2] = local(1);
    answer_count = 3;
    msec begun = t.loop.now;
    call(&t, &c, STR("model.example"), 5000);
    wait_for(&t, &c);
    CHECK_EQ(c.result, OK);
    CHECK(t.loop.now - begun < DIAL_NETWORK_STAGGER_MS);
    hang_up(&c);
    close_town(&t);
}

TEST(dial_network_starts_the_next_address_beside_a_silent_one)
{
    static struct town t;
    struct caller c;

    open_town(&t);
    dig_black_hole(&t);
    answers[0] = local(3);
    answers[1] = local(1);
    answer_count = 2;
    msec begun = t.loop.now;
    call(&t, &c, STR("model.example"), 5000);
    wait_for(&t, &c);
    CHECK_EQ(c.result, OK);
    CHECK(t.loop.now - begun >= DIAL_NETWORK_STAGGER_MS);
    CHECK_EQ(c.dial.stream->peer.bytes[3], 1);
    hang_up(&c);
    close_town(&t);
}

TEST(dial_network_prefers_a_refusal_to_unreachable_as_the_reason)
{
    static struct town t;
    struct caller c;

    open_town(&t);
    answers[0] = local(2);
    answers[1] = (struct address){.bytes = {[0] = 0xfe, [1] = 0xc0}, .is_v6 = 1};
    answer_count = 2;
    call(&t, &c, STR("model.example"), 5000);
    wait_for(&t, &c);
    CHECK_EQ(c.result, ERR_REFUSED);
    close_town(&t);
}

TEST(dial_network_gives_up_at_the_deadline_while_connecting)
{
    static struct town t;
    struct caller c;

    open_town(&t);
    dig_black_hole(&t);
    call(&t, &c, STR("127.0.0.3"), 50);
    wait_for(&t, &c);
    CHECK_EQ(c.result, ERR_TIMEOUT);
    close_town(&t);
}

TEST(dial_network_gives_up_at_the_deadline_while_resolving)
{
    static struct town t;
    struct caller c;

    open_town(&t);
    call(&t, &c, STR("held.example"), 50);
    wait_for(&t, &c);
    CHECK_EQ(c.result, ERR_TIMEOUT);
    close_town(&t);
}

TEST(dial_network_can_be_canceled_at_every_stage)
{
    static const str hosts[] = {STR_INIT("127.0.0.1"), STR_INIT("held.example"),
                                STR_INIT("127.0.0.3")};
    static const int turns[] = {0, 3, 3};
    static struct town t;
    struct caller c;

    open_town(&t);
    dig_black_hole(&t);
    for (size_t i = 0; i < 3; i++) {
        call(&t, &c, hosts[i], 5000);
        for (int n = 0; n < turns[i]; n++) {
            (void)loop_turn(&t.loop, 1);
        }
        CHECK_EQ(c.done_count, 0);
        op_cancel(&c.dial.op);
        op_cancel(&c.dial.op);
        CHECK_EQ(c.done_count, 0);
        wait_for(&t, &c);
        CHECK_EQ(c.result, ERR_CANCELED);
    }
    CHECK_EQ(t.network.live_count, 0);
    close_town(&t);
}

TEST(dial_network_canceled_after_it_won_is_still_ok)
{
    static struct town t;
    struct caller c;

    open_town(&t);
    call(&t, &c, STR("127.0.0.1"), 5000);
    wait_for(&t, &c);
    op_cancel(&c.dial.op);
    CHECK_EQ(c.result, OK);
    hang_up(&c);
    close_town(&t);
}
