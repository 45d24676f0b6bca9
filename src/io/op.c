#include "io/op.h"

#include "io/loop.h"

#include <assert.h>

void op_start(struct op *op, struct loop *loop, op_done_fn *done, op_cancel_fn *cancel)
{
    assert(op->state == OP_IDLE);
    assert(done);
    *op = (struct op){.loop = loop, .done = done, .cancel = cancel, .state = OP_STARTED};
    list_init(&op->link);
}

void op_finish(struct op *op, err result)
{
    assert(op->state == OP_STARTED);
    op->state = OP_FINISHED;
    op->result = result;
    op->cancel = NULL;
    list_push_back(&op->loop->finished, &op->link);
}

void op_cancel(struct op *op)
{
    if (op->state == OP_STARTED && op->cancel) op->cancel(op);
}

void op_run_finished(struct link *finished)
{
    struct link *link = NULL;

    while ((link = list_pop_front(finished))) {
        struct op *op = container_of(link, struct op, link);
        op->state = OP_IDLE; // the callback may start it again, or free it
        op->done(op, op->result);
    }
}
