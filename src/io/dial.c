#include "io/dial.h"

void dial_start(struct dial *d, struct dialer *dialer, struct loop *loop,
                const struct dial_target *target, msec deadline, op_done_fn *done)
{
    op_start(&d->op, loop, done, NULL);
    d->target = target;
    d->deadline = deadline;
    d->stream = NULL;
    d->race = NULL;
    dialer->start(dialer, d);
}
