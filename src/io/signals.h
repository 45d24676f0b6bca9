// signals: the requests of the operator and the system, as events of one loop.
//
// SIGTERM and SIGINT ask for the end, SIGHUP for a fresh look at configuration and log files. They
// are blocked in every thread and read from a signalfd, so no code runs in a handler. SIGPIPE is
// ignored: a write to a broken pipe says so itself.
#pragma once

#include "io/loop.h"

struct signals {
    struct watch watch;
    struct loop *loop;
    void (*received)(struct signals *s, int number); // may close `s`
};

// Blocks the signals in the calling thread and those it starts later: main() calls it first.
err signals_block(void);

// Receives them in `loop`; `received` must be set.
err signals_open(struct signals *s, struct loop *loop);
// Harmless when not open. The signals stay blocked.
void signals_close(struct signals *s);
