// Design: a walk over the text along the tables; the path is pushed and popped on the way, so that
// a finding has it as it stands. Each function returns false once there is a finding.
#include "assess/mock/mock_shape.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 64, NAME_SHOWN_MAX = 100 };

struct walk {
    struct json_reader json;
    bool is_closed;
    struct mock_shape_finding *out;
};

static bool find(struct walk *w, enum mock_shape_flaw flaw, const struct mock_shape_field *field)
{
    w->out->flaw = flaw;
    w->out->field = field;
    return false;
}

static void push(struct walk *w, str name, size_t index)
{
    assert(w->out->depth < MOCK_SHAPE_PATH_MAX);
    w->out->path[w->out->depth++] = (struct mock_shape_step){.name = name, .index = index};
}

static void pop(struct walk *w)
{
    w->out->depth--;
}

// The next value, which stays to be read; what is nested is not looked into yet. False where the
// text is broken.
static bool peek(struct walk *w, struct json_value *v)
{
    struct json_reader ahead = w->json;

    *v = (struct json_value){.kind = JSON_NULL};
    if (json_peek(&ahead, &v->kind)) return find(w, MOCK_SHAPE_BROKEN, NULL);
    if (v->kind == JSON_ARRAY || v->kind == JSON_OBJECT) return true;
    return json_value(&ahead, v) == OK || find(w, MOCK_SHAPE_BROKEN, NULL);
}

static bool is_whole(str number)
{
    return str_find_char(number, '.') == number.len && str_find_char(number, 'e') == number.len &&
           str_find_char(number, 'E') == number.len;
}

static unsigned kind_of(struct json_value v)
{
    switch (v.kind) {
    case JSON_NULL: return MOCK_SHAPE_NULL;
    case JSON_FALSE:
    case JSON_TRUE: return MOCK_SHAPE_BOOL;
    case JSON_NUMBER:
        return is_whole(v.text) ? MOCK_SHAPE_INTEGER | MOCK_SHAPE_NUMBER : MOCK_SHAPE_NUMBER;
    case JSON_STRING: return MOCK_SHAPE_STRING;
    case JSON_ARRAY: return MOCK_SHAPE_ARRAY;
    case JSON_OBJECT: return MOCK_SHAPE_OBJECT;
    }
    return 0;
}

// A number longer than anybody writes is infinite.
static double number_of(str text)
{
    char digits[NUMBER_MAX + 1];

    if (text.len > NUMBER_MAX) return HUGE_VAL;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    return strtod(digits, NULL);
}

static bool check_string(struct walk *w, const struct mock_shape_field *f, struct json_value v)
{
    str raw = json_raw(v);

    if (f->is_filled && !raw.len) return find(w, MOCK_SHAPE_EMPTY, f);
    if (!f->words) return true;
    for (const str *word = f->words; word->len; word++) {
        if (json_string_is(raw, *word)) return true;
    }
    return find(w, MOCK_SHAPE_WORD, f);
}

static bool check_number(struct walk *w, const struct mock_shape_field *f, struct json_value v)
{
    double number = number_of(v.text);

    if (!f->is_bounded) return true;
    if (number < f->min) return find(w, MOCK_SHAPE_BELOW, f);
    return number <= f->max || find(w, MOCK_SHAPE_ABOVE, f);
}

static bool check_object(struct walk *w, const struct mock_shape *shape);

// The elements of an array, and the objects among them.
static bool check_array(struct walk *w, const struct mock_shape_field *f)
{
    size_t index = 0;
    err e = json_enter(&w->json);

    while (!e && (e = json_element(&w->json)) == OK) {
        struct json_value v;
        push(w, STR(""), index++);
        if (!peek(w, &v)) return false;
        w->out->value = v;
        if (f->elements && !(kind_of(v) & f->elements)) return find(w, MOCK_SHAPE_TYPE, f);
        if (v.kind == JSON_OBJECT && f->inner && !check_object(w, f->inner)) return false;
        pop(w);
    }
    if (e != ERR_EOF) return find(w, MOCK_SHAPE_BROKEN, NULL);
    return index || !f->is_filled || find(w, MOCK_SHAPE_EMPTY, f);
}

static bool check_value(struct walk *w, const struct mock_shape_field *f)
{
    struct json_value v;

    if (!peek(w, &v)) return false;
    w->out->value = v;
    if (!(kind_of(v) & f->kinds)) return find(w, MOCK_SHAPE_TYPE, f);
    if (v.kind == JSON_STRING) return check_string(w, f, v);
    if (v.kind == JSON_NUMBER) return check_number(w, f, v);
    if (v.kind == JSON_ARRAY) return check_array(w, f);
    if (v.kind == JSON_OBJECT && f->inner) return check_object(w, f->inner);
    return true; // the walk passes it
}

// The shape that the tag of the next object chooses; NULL once there is a finding.
static const struct mock_shape *choose(struct walk *w, const struct mock_shape *shape)
{
    struct json_reader ahead = w->json;
    struct json_value v;
    str key = STR("");
    err e = json_enter(&ahead);

    while (!e && (e = json_member(&ahead, &key)) == OK) {
        if (json_string_is(key, shape->tag)) break;
    }
    push(w, shape->tag, 0);
    w->out->shape = shape;
    if (e) {
        find(w, e == ERR_EOF ? MOCK_SHAPE_MISSING : MOCK_SHAPE_BROKEN, NULL);
        return NULL;
    }
    if (json_value(&ahead, &v)) {
        find(w, MOCK_SHAPE_BROKEN, NULL);
        return NULL;
    }
    w->out->value = v;
    for (const struct mock_shape_variant *c = shape->variants; c->tag.len; c++) {
        if (v.kind != JSON_STRING || !json_string_is(json_raw(v), c->tag)) continue;
        pop(w);
        return c->shape;
    }
    find(w, MOCK_SHAPE_TAG, NULL);
    return NULL;
}

static bool check_member(struct walk *w, const struct mock_shape *shape, str key, uint64_t *seen)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct mock_shape_field *f = &shape->fields[i];
        if (!json_string_is(key, f->name)) continue;
        *seen |= UINT64_C(1) << i;
        push(w, f->name, 0);
        if (!check_value(w, f)) return false;
        pop(w);
        return true;
    }
    if (!w->is_closed || shape->is_open) return true;
    push(w, key, 0);
    return find(w, MOCK_SHAPE_UNKNOWN, NULL);
}

static bool check_object(struct walk *w, const struct mock_shape *shape)
{
    uint64_t seen = 0;
    str key = STR("");

    if (shape->tag.len) shape = choose(w, shape);
    if (!shape) return false;
    assert(shape->count <= 64);
    err e = json_enter(&w->json);
    while (!e && (e = json_member(&w->json, &key)) == OK) {
        if (!check_member(w, shape, key, &seen)) return false;
    }
    if (e != ERR_EOF) return find(w, MOCK_SHAPE_BROKEN, NULL);
    for (size_t i = 0; i < shape->count; i++) {
        if (!shape->fields[i].is_required || seen & UINT64_C(1) << i) continue;
        push(w, shape->fields[i].name, 0);
        return find(w, MOCK_SHAPE_MISSING, &shape->fields[i]);
    }
    return true;
}

bool mock_shape_check(str text, const struct mock_shape *shape, bool is_closed,
                      struct mock_shape_finding *out)
{
    struct walk w = {.is_closed = is_closed, .out = out};

    *out = (struct mock_shape_finding){.depth = 0};
    json_reader_init(&w.json, text);
    if (!peek(&w, &out->value)) return false;
    if (out->value.kind != JSON_OBJECT) return find(&w, MOCK_SHAPE_BROKEN, NULL);
    if (!check_object(&w, shape)) return false;
    return json_end(&w.json) == OK || find(&w, MOCK_SHAPE_BROKEN, NULL);
}

void mock_shape_members(str object, const str *names, struct json_value *values, size_t count)
{
    struct json_reader json;
    str key = STR("");

    for (size_t i = 0; i < count; i++) {
        values[i] = (struct json_value){.kind = JSON_NULL, .text = STR("")};
    }
    json_reader_init(&json, object);
    err e = json_enter(&json);
    while (!e && (e = json_member(&json, &key)) == OK) {
        for (size_t i = 0; i < count; i++) {
            if (!json_string_is(key, names[i])) continue;
            e = json_value(&json, &values[i]);
            break;
        }
    }
}

str mock_shape_text(struct json_value v, struct arena *arena)
{
    return v.kind == JSON_STRING ? json_decode(json_raw(v), arena) : STR("");
}

void mock_shape_elements(struct json_reader *walk, struct json_value array)
{
    json_reader_init(walk, array.kind == JSON_ARRAY ? array.text : STR("[]"));
    // It begins with a bracket.
    (void)json_enter(walk);
}

bool mock_shape_next(struct json_reader *walk, struct json_value *element)
{
    return json_element(walk) == OK && json_value(walk, element) == OK;
}

bool mock_shape_is_name(str name, size_t max)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_other = (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!is_letter && !is_other) return false;
    }
    return name.len && name.len <= max;
}

str mock_shape_path(const struct mock_shape_finding *f, bool has_brackets, struct arena *arena)
{
    str path = STR("");

    for (size_t i = 0; i < f->depth; i++) {
        const struct mock_shape_step *s = &f->path[i];
        if (s->name.len) {
            path = arena_format(arena, "%" STR_FMT "%s%" STR_FMT, STR_ARG(path), i ? "." : "",
                                STR_ARG(str_sub(s->name, 0, NAME_SHOWN_MAX)));
        } else {
            path = arena_format(arena, "%" STR_FMT "%s%zu%s", STR_ARG(path),
                                has_brackets ? "[" : ".", s->index, has_brackets ? "]" : "");
        }
    }
    return path;
}
