#include "io/op.h"

#include "io/loop.h"

#include "support/test.h"

struct fetch {
    struct op op;
    err seen;
    int calls;
};

static void fetch_done(struct op *op, err result)
{
    struct fetch *f = container_of(op, struct fetch, op);

    f->seen = result;
    f->calls++;
}

static void fetch_cancel(struct op *op)
{
    op_finish(op, ERR_CANCELED);
}

TEST(op_cancel_completes_once_and_from_the_loop)
{
    struct loop loop;
    struct fetch f = {.seen = OK};

    loop_init_virtual(&loop, 0);
    op_start(&f.op, &loop, fetch_done, fetch_cancel);
    op_cancel(&f.op);
    op_cancel(&f.op);
    CHECK_EQ(f.calls, 0);
    CHECK(!op_is_idle(&f.op));
    loop_turn(&loop, 0);
    CHECK_EQ(f.calls, 1);
    CHECK_EQ(f.seen, ERR_CANCELED);
    CHECK(op_is_idle(&f.op));
    op_cancel(&f.op);
    loop_turn(&loop, 0);
    CHECK_EQ(f.calls, 1);
    loop_done(&loop);
}
