#include "retrieval/vector/filter_parse.h"

#include "retrieval/vector/filter_build.h"
#include "retrieval/vector/filter_field.h"

#include <assert.h>

// Design
//
// The text is checked whole, once; then it is walked with a stack of readers of its own objects and
// arrays, whose depth is bounded, so that nesting costs no recursion. Each reader stands in the
// object or array whose parts go below one node of the filter.

enum { LEVELS_MAX = 2 * FILTER_DEPTH_MAX + 1 }; // an array and an object in it each

struct level {
    struct json_reader reader;
    struct filter_spot spot; // of its parts
    uint32_t depth;          // of "and", "or" and "not" around them
    bool is_array;
};

struct parse {
    struct filter_build build;
    struct level levels[LEVELS_MAX];
    uint32_t level_count;
};

static void push(struct parse *p, struct json_value v, struct level l)
{
    assert(p->level_count < LEVELS_MAX);
    l.is_array = v.kind == JSON_ARRAY;
    json_reader_init(&l.reader, v.text);
    if (json_enter(&l.reader) == OK) p->levels[p->level_count++] = l; // it is one of the two
}

struct members {
    uint32_t count;
    bool has_field;
};

static struct members look_at(str object)
{
    struct members m = {0};
    struct json_reader r;
    str key;

    json_reader_init(&r, object);
    if (json_enter(&r)) return m; // can't be: it is an object
    while (json_member(&r, &key) == OK) {
        m.count++;
        if (json_string_is(key, STR("field"))) m.has_field = true;
    }
    return m;
}

// One filter, whose parts go to `l.spot`, or to a node of their own below it.
static void enter_filter(struct parse *p, struct json_value v, struct level l)
{
    struct filter_build *b = &p->build;

    if (v.kind != JSON_OBJECT) {
        filter_build_fail(b, v.text, ERR_TYPE, STR("such as {\"field\":\"year\",\"gte\":2020}"),
                          "a filter is an object");
        return;
    }
    struct members m = look_at(v.text);
    if (m.has_field) {
        filter_field_read(b, l.spot, v.text);
        return;
    }
    if (m.count != 1) l.spot.parent = filter_build_group(b, l.spot, FILTER_AND);
    push(p, v, l);
}

static bool deepen(struct parse *p, str key, struct level *l)
{
    if (++l->depth <= FILTER_DEPTH_MAX) return true;
    filter_build_fail(&p->build, key, ERR_LIMIT, STR(""), "the filter nests more than %d deep",
                      FILTER_DEPTH_MAX);
    p->build.is_stopped = true;
    return false;
}

static void read_group(struct parse *p, str key, struct json_value v, struct level l)
{
    bool is_and = json_string_is(key, STR("and"));

    if (v.kind != JSON_ARRAY) {
        filter_build_fail(&p->build, v.text, ERR_TYPE, STR(""), "\"%s\" takes an array of filters",
                          is_and ? "and" : "or");
        return;
    }
    l.spot.parent = filter_build_group(&p->build, l.spot, is_and ? FILTER_AND : FILTER_OR);
    push(p, v, l);
}

static void read_member(struct parse *p, const struct level *at, str key, struct json_value v)
{
    struct level l = {.spot = at->spot, .depth = at->depth};
    bool is_not = json_string_is(key, STR("not"));

    if (!is_not && !json_string_is(key, STR("and")) && !json_string_is(key, STR("or"))) {
        filter_field_read_short(&p->build, l.spot, key, v);
        return;
    }
    if (!deepen(p, key, &l)) return;
    if (is_not) {
        l.spot.is_negated = !l.spot.is_negated;
        enter_filter(p, v, l);
    } else {
        read_group(p, key, v, l);
    }
}

// The next part of the innermost level, or its end.
static void read_next(struct parse *p)
{
    struct level *at = &p->levels[p->level_count - 1];
    struct json_value v;
    str key = STR("");
    err e = at->is_array ? json_element(&at->reader) : json_member(&at->reader, &key);

    if (!e) e = json_value(&at->reader, &v);
    if (e) {
        p->level_count--; // at its end: the text was checked
        return;
    }
    if (at->is_array) {
        enter_filter(p, v, (struct level){.spot = at->spot, .depth = at->depth});
    } else {
        read_member(p, at, key, v);
    }
}

static void check_text(struct filter_build *b)
{
    size_t at = 0;

    if (b->text.len > FILTER_TEXT_MAX) {
        filter_build_fail(b, b->text, ERR_LIMIT, STR(""), "the filter is longer than %d bytes",
                          FILTER_TEXT_MAX);
        return;
    }
    err e = json_check(b->text, &at);
    if (e)
        filter_build_fail(b, str_sub(b->text, at, 0), e, STR(""),
                          e == ERR_LIMIT ? "the JSON nests too deep" : "not JSON");
}

static const struct filter *finish(const struct filter_build *b)
{
    struct filter *f = arena_new(b->arena, struct filter);

    f->schema = b->schema;
    f->node_count = b->node_count;
    f->nodes = arena_array(b->arena, struct filter_node, b->node_count);
    memcpy(f->nodes, b->nodes, b->node_count * sizeof(*f->nodes));
    filter_link(f);
    return f;
}

err filter_parse(str json, const struct column_schema *schema, struct arena *arena,
                 struct diag *diag, const struct filter **out)
{
    struct parse p = {0};
    struct filter_build *b = &p.build;
    struct json_reader r;
    struct json_value root;

    b->schema = schema;
    b->arena = arena;
    b->diag = diag;
    b->text = json.len ? json : STR("");
    filter_build_init(b);
    check_text(b);
    if (b->error) return b->error;
    json_reader_init(&r, b->text);
    TRY(json_value(&r, &root));
    enter_filter(&p, root, (struct level){0});
    while (p.level_count && !b->is_stopped) {
        read_next(&p);
    }
    if (b->error) return b->error;
    *out = finish(b);
    return OK;
}
