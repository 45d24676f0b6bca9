#include "assess/mock/mock_pending.h"

enum { ID_SHOWN_MAX = 100 };

bool mock_pending_add(struct mock_pending *p, str id)
{
    for (size_t i = 0; i < p->count; i++) {
        if (str_eq(p->ids[i], id)) return false;
    }
    if (p->count == MOCK_PENDING_MAX) return false;
    p->is_answered[p->count] = false;
    p->ids[p->count++] = id;
    return true;
}

bool mock_pending_answer(struct mock_pending *p, str id)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->is_answered[i] || !str_eq(p->ids[i], id)) continue;
        return p->is_answered[i] = true;
    }
    return false;
}

str mock_pending_list(const struct mock_pending *p, struct arena *arena)
{
    str list = STR("");

    for (size_t i = 0; i < p->count; i++) {
        if (p->is_answered[i]) continue;
        list = arena_format(arena, "%" STR_FMT "%s%" STR_FMT, STR_ARG(list), list.len ? ", " : "",
                            STR_ARG(str_sub(p->ids[i], 0, ID_SHOWN_MAX)));
    }
    return list;
}
