#include "provider/chat.h"

void chat_notes_drop(struct chat_notes *n, str name)
{
    for (size_t i = 0; i < n->dropped_count; i++) {
        if (str_eq(n->dropped[i], name)) return;
    }
    if (n->dropped_count < CHAT_DROPPED_MAX) n->dropped[n->dropped_count++] = name;
}

err chat_notes_refuse(struct chat_notes *n, err e, str problem, str param)
{
    n->problem = problem;
    n->param = param;
    return e;
}
