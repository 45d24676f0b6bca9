// diag: what is wrong with a person's input, all of it, with where and what to do.
//
// Checks of configuration, scripts and schemas collect their findings here and go on, so that one
// run shows every mistake. Bounded: past DIAG_MAX findings only the count grows. The texts live in
// the diag's own arena.
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum { DIAG_MAX = 50 };

struct diag_finding {
    uint32_t line;   // from 1; 0 where no place applies
    uint32_t column; // from 1; 0 where no place applies
    str message;
    str hint; // empty where there is none
};

struct diag {
    struct arena arena;
    struct diag_finding findings[DIAG_MAX];
    size_t count; // of all, kept or not
};

struct diag_place {
    uint32_t line;
    uint32_t column;
};

void diag_init(struct diag *d);
void diag_done(struct diag *d);

// Adds a finding; `hint` may be empty. The format is for the message.
[[gnu::format(printf, 4, 5)]] void diag_add(struct diag *d, struct diag_place place, str hint,
                                            const char *format, ...);

// Appends one "FILE:LINE:COL: message (hint)" line a finding.
err diag_print(const struct diag *d, str file, struct buf *out);

// Of `count` known names the one a typing mistake may have meant: within two edits of `name`, the
// nearest first. Empty if none is near.
str diag_nearest(str name, const str *known, size_t count);
