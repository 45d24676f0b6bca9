#include "provider/members.h"

#include <string.h>

// Keys are hardly ever written with escapes, so that nearly all are told by their length and one
// comparison.
size_t members_find(const str *names, size_t count, str raw)
{
    size_t i = 0;

    for (; i < count; i++) {
        if (names[i].len == raw.len && !memcmp(names[i].ptr, raw.ptr, raw.len)) return i;
    }
    if (!raw.len || !memchr(raw.ptr, '\\', raw.len)) return count;
    for (i = 0; i < count && !json_string_is(raw, names[i]); i++) {
    }
    return i;
}

err members_read(struct json_reader *r, struct members *m)
{
    enum json_kind kind;
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_OBJECT) return ERR_TYPE;
    memset(m->values, 0, m->count * sizeof(*m->values));
    m->stranger_count = 0;
    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        TRY(json_value(r, &v));
        size_t name = members_find(m->names, m->count, key);
        if (name < m->count) {
            m->values[name] = v;
        } else if (v.kind != JSON_NULL && m->stranger_count < MEMBERS_STRANGERS_MAX) {
            m->strangers[m->stranger_count++] = key;
        }
    }
    return e == ERR_EOF ? OK : e;
}

err members_read_value(struct json_value v, struct members *m)
{
    struct json_reader r;

    if (v.kind != JSON_OBJECT) return ERR_TYPE;
    json_reader_init(&r, v.text);
    return members_read(&r, m);
}
