#include "io/memory_dialer.h"

#include "base/memory.h"

struct dial_race {
    struct dial *dial;
    struct memory_dialer *dialer;
    struct timer answer;
    enum memory_dialer_mood mood;
    bool is_late;
};

static void finish(struct dial_race *r, err result)
{
    struct dial *d = r->dial;

    loop_alarm_stop(d->op.loop, &r->answer);
    r->dialer->live_count--;
    d->race = NULL;
    memory_free(r);
    op_finish(&d->op, result);
}

static void cancel_dial(struct op *op)
{
    finish(container_of(op, struct dial, op)->race, ERR_CANCELED);
}

static void answer(struct timer *t)
{
    struct dial_race *r = container_of(t, struct dial_race, answer);
    struct memory_dialer *m = r->dialer;
    struct dial *d = r->dial;
    struct stream *far = NULL;

    if (r->is_late || r->mood == MEMORY_DIALER_REFUSES) {
        finish(r, r->is_late ? ERR_TIMEOUT : ERR_REFUSED);
        return;
    }
    memory_stream_pair(d->op.loop, m->options, &d->stream, &far);
    finish(r, OK);
    m->accepted(m, d->target, far);
}

static void start_dial(struct dialer *dialer, struct dial *d)
{
    struct memory_dialer *m = container_of(dialer, struct memory_dialer, dialer);
    struct dial_race *r = memory_new(struct dial_race);
    msec due = d->op.loop->now + m->delay;

    r->dial = d;
    r->dialer = m;
    r->mood = m->mood;
    r->is_late = m->mood == MEMORY_DIALER_IS_SILENT || due >= d->deadline;
    d->race = r;
    d->op.cancel = cancel_dial;
    m->dial_count++;
    m->live_count++;
    loop_alarm_at(d->op.loop, &r->answer, r->is_late ? d->deadline : due, answer);
}

void memory_dialer_init(struct memory_dialer *m)
{
    *m = (struct memory_dialer){.dialer = {.start = start_dial}};
}
