#include "config/expand.h"

#include "base/buf.h"

bool expand_lookup(const char *const *environment, str name, str *out)
{
    for (; *environment; environment++) {
        str value = str_from_c(*environment);
        bool is_set = str_find_char(value, '=') < value.len;
        if (is_set && str_eq(str_cut(&value, '='), name)) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool is_name(str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && !(i && c >= '0' && c <= '9')) return false;
    }
    return name.len > 0;
}

// The value of what stands between the braces.
static err resolve(str inside, const char *const *environment, str *out, str *missing)
{
    size_t mark = str_find(inside, STR(":-"));
    bool has_fallback = mark < inside.len;
    str name = str_sub(inside, 0, mark);
    str value = STR("");

    if (!is_name(name)) return ERR_SYNTAX;
    bool is_set = expand_lookup(environment, name, &value);
    if (!is_set && !has_fallback) {
        *missing = name;
        return ERR_ABSENT;
    }
    *out = value.len || !has_fallback ? value : str_sub(inside, mark + 2, inside.len);
    return OK;
}

static err expand_into(struct buf *b, str rest, const char *const *environment, str *missing)
{
    while (rest.len) {
        size_t dollar = str_find(rest, STR("${"));
        bool is_literal = dollar && dollar < rest.len && rest.ptr[dollar - 1] == '$';
        TRY(buf_append(b, str_sub(rest, 0, is_literal ? dollar - 1 : dollar)));
        rest = str_sub(rest, dollar, rest.len);
        if (!rest.len) break;
        if (is_literal) {
            TRY(buf_append(b, STR("${")));
            rest = str_sub(rest, 2, rest.len);
            continue;
        }
        size_t brace = str_find_char(rest, '}');
        str value;
        if (brace == rest.len) return ERR_SYNTAX;
        TRY(resolve(str_sub(rest, 2, brace - 2), environment, &value, missing));
        TRY(buf_append(b, value));
        rest = str_sub(rest, brace + 1, rest.len);
    }
    return OK;
}

err expand(str text, const char *const *environment, struct arena *arena, str *out, str *missing)
{
    struct buf b;

    buf_init(&b, EXPAND_TEXT_MAX);
    err e = expand_into(&b, text, environment, missing);
    if (!e) *out = arena_str(arena, buf_view(&b));
    buf_done(&b);
    return e;
}
