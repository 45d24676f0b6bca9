#include "provider/chat_walk.h"

#include "base/number.h"
#include "codec/utf8.h"

#include <assert.h>
#include <string.h>

enum { PARTS_FIRST = 1 }; // most messages are one text

void chat_walk_init(struct chat_walk *w, str body, struct arena *a, struct chat_notes *n)
{
    *w = (struct chat_walk){.arena = a, .notes = n};
    json_reader_init(&w->json, body);
}

// A path as it is put together, cut off where it is too long.
struct path_text {
    char bytes[CHAT_PARAM_MAX];
    size_t len;
};

static void path_add(struct path_text *t, str s)
{
    size_t room = sizeof(t->bytes) - t->len;
    size_t len = s.len < room ? s.len : room;

    if (len) memcpy(t->bytes + t->len, s.ptr, len);
    t->len += len;
}

static void path_add_name(struct path_text *t, str name)
{
    if (t->len && name.len) path_add(t, STR("."));
    path_add(t, name);
}

static void path_add_index(struct path_text *t, size_t index)
{
    char digits[NUMBER_U64_DIGITS_MAX];

    path_add(t, STR("["));
    path_add(t, (str){.ptr = digits, .len = number_from_u64(digits, index)});
    path_add(t, STR("]"));
}

static str path_of(const struct chat_walk *w, struct path_text *t, bool has_indexes)
{
    for (size_t i = 0; i < w->depth; i++) {
        path_add_name(t, w->path[i].name);
        if (has_indexes && w->path[i].index) path_add_index(t, w->path[i].index - 1);
    }
    return (str){.ptr = t->bytes, .len = t->len};
}

err chat_walk_refuse_at(struct chat_walk *w, err e, str name, str problem)
{
    struct path_text t = {.len = 0};

    if (!w->notes) return e;
    (void)path_of(w, &t, true);
    path_add_name(&t, name);
    return chat_notes_refuse_at(w->notes, e, problem, "%.*s", (int)t.len, t.bytes);
}

err chat_walk_refuse(struct chat_walk *w, err e, str problem)
{
    return chat_walk_refuse_at(w, e, STR(""), problem);
}

err chat_walk_missing(struct chat_walk *w, str name)
{
    return chat_walk_refuse_at(w, ERR_TYPE, name, STR("This member is required."));
}

// An error of the text itself, whatever it was meant to say.
static err refuse_text(struct chat_walk *w, err e)
{
    str rest = str_sub(w->json.text, w->json.at, w->json.text.len);
    const char *what = "it is no JSON";

    if (!w->notes) return e;
    if (e == ERR_LIMIT) what = "it nests too deeply";
    if (!rest.len) what = "it ends too early";
    if (rest.len && (unsigned char)rest.ptr[0] >= 0x80 && !utf8_sequence(rest))
        what = "it is no UTF-8";
    str problem =
        arena_format(w->arena, "The body can't be read: at byte %zu %s.", w->json.at, what);
    return chat_notes_refuse(w->notes, e, problem, STR(""));
}

err chat_walk_end(struct chat_walk *w, err e)
{
    if (!e) e = json_end(&w->json);
    return w->json.error ? refuse_text(w, w->json.error) : e;
}

static const str expected[] = {
    [JSON_NULL] = STR_INIT("null is expected here."),
    [JSON_FALSE] = STR_INIT("true or false is expected here."),
    [JSON_TRUE] = STR_INIT("true or false is expected here."),
    [JSON_NUMBER] = STR_INIT("A number is expected here."),
    [JSON_STRING] = STR_INIT("A string is expected here."),
    [JSON_ARRAY] = STR_INIT("An array is expected here."),
    [JSON_OBJECT] = STR_INIT("An object is expected here."),
};

static err enter(struct chat_walk *w, enum json_kind kind)
{
    enum json_kind found;

    TRY(json_peek(&w->json, &found));
    if (found != kind) return chat_walk_refuse(w, ERR_TYPE, expected[kind]);
    TRY(json_enter(&w->json));
    assert(w->depth < CHAT_WALK_DEPTH_MAX);
    w->path[w->depth].name = STR("");
    w->path[w->depth++].index = 0;
    return OK;
}

err chat_walk_object(struct chat_walk *w)
{
    return enter(w, JSON_OBJECT);
}

err chat_walk_array(struct chat_walk *w)
{
    return enter(w, JSON_ARRAY);
}

static size_t find_name(const str *names, size_t count, str key)
{
    size_t i = 0;

    while (i < count && !json_string_is(key, names[i])) {
        i++;
    }
    return i;
}

// A peer's name for something, fit to be shown in a header field.
static str name_to_show(str key)
{
    if (!key.len || key.len > CHAT_WALK_NAME_MAX) return STR("(other)");
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] <= ' ' || key.ptr[i] > '~' || strchr("\\\",;", key.ptr[i]))
            return STR("(other)");
    }
    return key;
}

err chat_walk_member(struct chat_walk *w, const str *names, size_t count, size_t *which)
{
    enum json_kind kind = JSON_NULL;
    err e = OK;
    str key;

    while (!(e = json_member(&w->json, &key))) {
        TRY(json_peek(&w->json, &kind));
        if (kind == JSON_NULL) continue; // the reader passes what was left unread
        *which = find_name(names, count, key);
        w->path[w->depth - 1].name = *which < count ? names[*which] : name_to_show(key);
        return OK;
    }
    if (e == ERR_EOF) w->depth--;
    return e;
}

err chat_walk_element(struct chat_walk *w)
{
    err e = json_element(&w->json);

    if (!e) w->path[w->depth - 1].index++;
    if (e == ERR_EOF) w->depth--;
    return e;
}

// The next value, which must be of a kind.
static err take(struct chat_walk *w, enum json_kind kind, struct json_value *out)
{
    enum json_kind found;

    TRY(json_peek(&w->json, &found));
    if (found != kind) return chat_walk_refuse(w, ERR_TYPE, expected[kind]);
    return json_value(&w->json, out);
}

err chat_walk_text(struct chat_walk *w, struct chat_text *out)
{
    struct json_value v;

    TRY(take(w, JSON_STRING, &v));
    *out = chat_text_json(json_raw(v));
    return OK;
}

err chat_walk_number(struct chat_walk *w, str *out)
{
    return chat_walk_raw(w, JSON_NUMBER, out);
}

err chat_walk_flag(struct chat_walk *w, enum chat_flag *out)
{
    enum json_kind found;
    struct json_value v;

    TRY(json_peek(&w->json, &found));
    TRY(take(w, found == JSON_TRUE ? JSON_TRUE : JSON_FALSE, &v));
    *out = v.kind == JSON_TRUE ? CHAT_YES : CHAT_NO;
    return OK;
}

err chat_walk_raw(struct chat_walk *w, enum json_kind kind, str *out)
{
    struct json_value v;

    TRY(take(w, kind, &v));
    *out = v.text;
    return OK;
}

err chat_walk_count(struct chat_walk *w, uint64_t min, uint64_t max, str *out)
{
    struct json_value v;
    uint64_t n = 0;

    TRY(take(w, JSON_NUMBER, &v));
    err e = json_to_u64(v, max, &n);
    if (e == ERR_TYPE) return chat_walk_refuse(w, e, STR("A whole number is expected here."));
    if (!e && n < min) e = ERR_RANGE;
    if (e) return chat_walk_refuse(w, e, STR("The number is out of range."));
    *out = v.text;
    return OK;
}

err chat_walk_skip(struct chat_walk *w)
{
    struct json_value v;

    return json_value(&w->json, &v);
}

static bool is_empty(struct json_value v)
{
    if (v.kind == JSON_FALSE || v.kind == JSON_NULL) return true;
    if (v.kind != JSON_ARRAY && v.kind != JSON_OBJECT) return false;
    return str_trim(str_sub(v.text, 1, v.text.len - 2)).len == 0;
}

err chat_walk_drop(struct chat_walk *w)
{
    struct path_text t = {.len = 0};
    struct json_value v;

    TRY(json_value(&w->json, &v));
    if (!w->notes || is_empty(v)) return OK;
    str name = path_of(w, &t, false);
    if (!chat_notes_has(w->notes, name)) chat_notes_drop(w->notes, arena_str(w->arena, name));
    return OK;
}

err chat_walk_add_part(struct chat_walk *w, struct chat_parts *parts, enum chat_part_kind kind,
                       struct chat_part **out)
{
    if (w->part_count == CHAT_PARTS_MAX)
        return chat_walk_refuse(w, ERR_LIMIT, STR("There are too many parts of messages."));
    if (parts->count == parts->room) {
        size_t room = parts->room ? 2 * parts->room : PARTS_FIRST;
        struct chat_part *items = arena_array(w->arena, struct chat_part, room);
        if (parts->count) memcpy(items, parts->items, parts->count * sizeof(*items));
        parts->items = items;
        parts->room = room;
    }
    w->part_count++;
    *out = &parts->items[parts->count++];
    **out = (struct chat_part){.kind = kind};
    return OK;
}
