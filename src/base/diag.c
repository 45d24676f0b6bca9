#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT_MAX = 512, NAME_MAX_LEN = 48, EDITS_MAX = 2 };

void diag_init(struct diag *d)
{
    *d = (struct diag){0};
    arena_init(&d->arena, 2048);
}

void diag_done(struct diag *d)
{
    arena_reset(&d->arena);
    d->count = 0;
}

void diag_add(struct diag *d, struct diag_place place, str hint, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    if (d->count < DIAG_MAX) {
        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args); // a longer message is clipped
        va_end(args);
        d->findings[d->count] = (struct diag_finding){
            .line = place.line,
            .column = place.column,
            .message = arena_str(&d->arena, str_from_c(text)),
            .hint = arena_str(&d->arena, hint),
        };
    }
    d->count++;
}

err diag_print(const struct diag *d, str file, struct buf *out)
{
    for (size_t i = 0; i < d->count && i < DIAG_MAX; i++) {
        const struct diag_finding *f = &d->findings[i];
        TRY(buf_append(out, file));
        if (f->line) TRY(buf_append_format(out, ":%u:%u", f->line, f->column));
        TRY(buf_append_format(out, ": %" STR_FMT, STR_ARG(f->message)));
        if (f->hint.len) TRY(buf_append_format(out, " (%" STR_FMT ")", STR_ARG(f->hint)));
        TRY(buf_append_char(out, '\n'));
    }
    if (d->count > DIAG_MAX) TRY(buf_append_format(out, "and %zu more\n", d->count - DIAG_MAX));
    return OK;
}

// Levenshtein distance, one row at a time.
static size_t edits_between(str a, str b)
{
    size_t row[NAME_MAX_LEN + 1];

    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.len];
}

str diag_nearest(str name, const str *known, size_t count)
{
    str nearest = STR("");
    size_t fewest = EDITS_MAX + 1;

    if (name.len > NAME_MAX_LEN) return nearest;
    for (size_t i = 0; i < count; i++) {
        if (known[i].len > NAME_MAX_LEN) continue;
        size_t edits = edits_between(name, known[i]);
        if (edits < fewest && edits < known[i].len) {
            fewest = edits;
            nearest = known[i];
        }
    }
    return nearest;
}
