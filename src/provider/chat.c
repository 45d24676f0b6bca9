#include "provider/chat.h"

#include <stdarg.h>
#include <stdio.h>

bool chat_notes_has(const struct chat_notes *n, str name)
{
    for (size_t i = 0; i < n->dropped_count; i++) {
        if (str_eq(n->dropped[i], name)) return true;
    }
    return false;
}

void chat_notes_drop(struct chat_notes *n, str name)
{
    if (n->dropped_count == CHAT_DROPPED_MAX || chat_notes_has(n, name)) return;
    n->dropped[n->dropped_count++] = name;
}

err chat_notes_refuse(struct chat_notes *n, err e, str problem, str param)
{
    n->problem = problem;
    n->param = param;
    return e;
}

err chat_notes_refuse_at(struct chat_notes *n, err e, str problem, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(n->param_room, sizeof(n->param_room), format, args); // a cut one does
    va_end(args);
    return chat_notes_refuse(n, e, problem, str_from_c(n->param_room));
}
