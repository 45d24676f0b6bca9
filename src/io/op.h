// op: one asynchronous operation in flight.
//
// The caller embeds an op in its own struct, so starting an operation never allocates, and finds
// itself again in the callback with container_of().
//
// Contract, for every x_start(op, ...) in the tree:
//   1. `done` runs exactly once, always from the loop, never from inside x_start().
//   2. Until it has run, the op's memory belongs to the operation.
//   3. op_cancel() only asks: `done` still runs, with ERR_CANCELED unless it had finished.
//   4. Every op has a deadline; ERR_TIMEOUT is a result like any other.
// An op belongs to one loop.
#pragma once

#include "base/err.h"
#include "base/list.h"

#include <stdint.h>

struct loop;
struct op;
typedef void op_done_fn(struct op *op, err result);
typedef void op_cancel_fn(struct op *op);

enum op_state { OP_IDLE, OP_STARTED, OP_FINISHED };

struct op {
    struct link link; // in the loop's queue of finished ops
    struct loop *loop;
    op_done_fn *done;
    op_cancel_fn *cancel; // set by the provider while it can still be canceled
    err result;
    uint8_t state; // enum op_state
};

// For providers. A zeroed op is idle.
void op_start(struct op *op, struct loop *loop, op_done_fn *done, op_cancel_fn *cancel);
// `done` runs in this turn of the loop, after the current callback.
void op_finish(struct op *op, err result);

// For callers. Harmless on an op that is idle or has finished.
void op_cancel(struct op *op);

static inline bool op_is_idle(const struct op *op)
{
    return op->state == OP_IDLE;
}

// For the loop: runs the callbacks of the ops in `finished`, and of those that finish meanwhile.
void op_run_finished(struct link *finished);
