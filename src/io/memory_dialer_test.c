#include "io/memory_dialer.h"

#include "support/test.h"

struct caller {
    struct dial dial;
    struct dial_target target;
    err result;
    int done_count;
    msec done_at;
};

static struct stream *accepted;

static void keep_accepted(struct memory_dialer *m, const struct dial_target *target,
                          struct stream *s)
{
    (void)m;
    accepted = target->port == 80 ? s : NULL;
}

static void note_dial(struct op *op, err result)
{
    struct caller *c = container_of(op, struct caller, dial.op);

    c->result = result;
    c->done_count++;
    c->done_at = op->loop->now;
}

static void call(struct loop *l, struct memory_dialer *m, struct caller *c)
{
    *c = (struct caller){.target = {.host = STR("model.example"), .port = 80}};
    dial_start(&c->dial, &m->dialer, l, &c->target, l->now + 2000, note_dial);
    CHECK_EQ(c->done_count, 0);
}

TEST(memory_dialer_connects_after_its_delay)
{
    struct loop l;
    struct memory_dialer m;
    struct caller c;
    size_t len = 0;
    char byte = 0;
    struct iovec iov = {(char[]){'x'}, 1};

    loop_init_virtual(&l, 100);
    memory_dialer_init(&m);
    m.accepted = keep_accepted;
    m.delay = 70;
    call(&l, &m, &c);
    loop_run(&l);
    CHECK_EQ(c.result, OK);
    CHECK_EQ(c.done_count, 1);
    CHECK_EQ(c.done_at, 170);
    CHECK_EQ(stream_write(c.dial.stream, &iov, 1, &len), OK);
    CHECK_EQ(stream_read(accepted, &byte, 1, &len), OK);
    CHECK_EQ(byte, 'x');
    CHECK_EQ(m.live_count, 0);
    stream_close(c.dial.stream, STREAM_CLOSE);
    stream_close(accepted, STREAM_CLOSE);
    loop_done(&l);
}

TEST(memory_dialer_refuses_stays_silent_or_comes_too_late)
{
    static const struct {
        enum memory_dialer_mood mood;
        msec delay;
        err result;
        msec took;
    } cases[] = {{MEMORY_DIALER_REFUSES, 5, ERR_REFUSED, 5},
                 {MEMORY_DIALER_IS_SILENT, 0, ERR_TIMEOUT, 2000},
                 {MEMORY_DIALER_ACCEPTS, 3000, ERR_TIMEOUT, 2000}};
    struct loop l;
    struct memory_dialer m;
    struct caller c;

    loop_init_virtual(&l, 0);
    memory_dialer_init(&m);
    m.accepted = keep_accepted;
    for (size_t i = 0; i < 3; i++) {
        msec begun = l.now;
        m.mood = cases[i].mood;
        m.delay = cases[i].delay;
        call(&l, &m, &c);
        loop_run(&l);
        CHECK_EQ(c.result, cases[i].result);
        CHECK_EQ(c.done_at - begun, cases[i].took);
        CHECK(!c.dial.stream);
    }
    CHECK_EQ(m.dial_count, 3);
    loop_done(&l);
}

TEST(memory_dialer_can_be_canceled)
{
    struct loop l;
    struct memory_dialer m;
    struct caller c;

    loop_init_virtual(&l, 0);
    memory_dialer_init(&m);
    m.accepted = keep_accepted;
    m.delay = 50;
    call(&l, &m, &c);
    op_cancel(&c.dial.op);
    op_cancel(&c.dial.op);
    loop_run(&l);
    CHECK_EQ(c.done_count, 1);
    CHECK_EQ(c.result, ERR_CANCELED);
    CHECK_EQ(l.now, 0);
    loop_done(&l);
}
