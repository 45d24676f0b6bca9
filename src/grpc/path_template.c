// Design: a template is a row of segment classes. Whether two templates can match the same path is
// decided length by length: for a given number of segments either template allows, at each place, a
// set of segments that is one of four shapes, and those compare by a small table of cases. Beyond
// the longer template's length nothing new happens, so a few lengths decide for all.
#include "grpc/path_template.h"

#include "codec/octet.h"
#include "codec/uri.h"

#include <assert.h>

struct compiler {
    str whole;
    str text; // without the verb
    size_t at;
    struct diag *diag;
    struct path_template_segment segments[PATH_TEMPLATE_SEGMENTS_MAX];
    size_t segment_count;
    struct path_template_variable variables[PATH_TEMPLATE_VARIABLES_MAX];
    size_t variable_count;
};

static err refuse(struct compiler *c, err e, const char *what)
{
    diag_add(c->diag, (struct diag_place){0}, STR(""), "path template \"%" STR_FMT "\": %s, at %zu",
             STR_ARG(c->whole), what, c->at + 1);
    return e;
}

static bool is_at(const struct compiler *c, char wanted)
{
    return c->at < c->text.len && c->text.ptr[c->at] == wanted;
}

// What may stand in a literal: what a path may hold unescaped, but for what means something here.
// No colon, so that the last one of a path is a verb's or belongs to a value.
static bool is_literal(char c)
{
    static const char others[] = "/?%*:{}[]\"<>\\^`|";

    return octet_is(c, OCTET_TARGET) && !memchr(others, c, sizeof(others) - 1);
}

static bool is_name(char c)
{
    return octet_is_digit(c) || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static err add_segment(struct compiler *c, enum path_template_kind kind, str literal)
{
    const struct path_template_segment *last = c->segments + c->segment_count;

    if (c->segment_count == PATH_TEMPLATE_SEGMENTS_MAX)
        return refuse(c, ERR_LIMIT, "too many segments");
    if (c->segment_count && last[-1].kind == PATH_TEMPLATE_REST)
        return refuse(c, ERR_SYNTAX, "nothing but a verb may follow \"**\"");
    c->segments[c->segment_count++] = (struct path_template_segment){kind, literal};
    return OK;
}

static err read_literal(struct compiler *c)
{
    size_t from = c->at;

    while (c->at < c->text.len && is_literal(c->text.ptr[c->at])) {
        c->at++;
    }
    if (c->at == from) return refuse(c, ERR_SYNTAX, "a segment is missing");
    return add_segment(c, PATH_TEMPLATE_LITERAL, str_sub(c->text, from, c->at - from));
}

static err read_plain(struct compiler *c)
{
    if (!is_at(c, '*')) return read_literal(c);
    c->at++;
    if (!is_at(c, '*')) return add_segment(c, PATH_TEMPLATE_ANY, STR(""));
    c->at++;
    return add_segment(c, PATH_TEMPLATE_REST, STR(""));
}

// "a.b.c": names of fields, none of them empty.
static err read_field_path(struct compiler *c, str *out)
{
    size_t from = c->at;

    for (;;) {
        size_t start = c->at;
        while (c->at < c->text.len && is_name(c->text.ptr[c->at])) {
            c->at++;
        }
        if (c->at == start || octet_is_digit(c->text.ptr[start]))
            return refuse(c, ERR_SYNTAX, "the name of a field is missing");
        if (!is_at(c, '.')) break;
        c->at++;
    }
    *out = str_sub(c->text, from, c->at - from);
    return OK;
}

// Whether setting one field would set the other too: they are the same, or one contains the other.
static bool do_overlap(str a, str b)
{
    str shorter = a.len < b.len ? a : b;
    str longer = a.len < b.len ? b : a;

    if (!str_starts(longer, shorter)) return false;
    return longer.len == shorter.len || longer.ptr[shorter.len] == '.';
}

static err add_variable(struct compiler *c, struct path_template_variable v)
{
    for (size_t i = 0; i < c->variable_count; i++) {
        if (do_overlap(c->variables[i].field_path, v.field_path))
            return refuse(c, ERR_SYNTAX, "a field is bound twice");
    }
    if (c->variable_count == PATH_TEMPLATE_VARIABLES_MAX)
        return refuse(c, ERR_LIMIT, "too many variables");
    c->variables[c->variable_count++] = v;
    return OK;
}

static err read_variable(struct compiler *c)
{
    struct path_template_variable v = {.first = c->segment_count};

    c->at++;
    TRY(read_field_path(c, &v.field_path));
    if (is_at(c, '=')) {
        do {
            c->at++;
            if (is_at(c, '{')) return refuse(c, ERR_SYNTAX, "a variable in a variable");
            TRY(read_plain(c));
        } while (is_at(c, '/'));
    } else {
        TRY(add_segment(c, PATH_TEMPLATE_ANY, STR("")));
    }
    if (!is_at(c, '}')) return refuse(c, ERR_SYNTAX, "a \"}\" is missing");
    c->at++;
    v.count = c->segment_count - v.first;
    return add_variable(c, v);
}

static err read_segments(struct compiler *c)
{
    do {
        c->at++;
        TRY(is_at(c, '{') ? read_variable(c) : read_plain(c));
    } while (is_at(c, '/'));
    return c->at == c->text.len ? OK : refuse(c, ERR_SYNTAX, "a byte that has no place here");
}

// Where the verb's colon is: the last one behind the last "/" and "}". The length if there is none.
static size_t find_verb(str text)
{
    for (size_t i = text.len; i > 0 && text.ptr[i - 1] != '/' && text.ptr[i - 1] != '}'; i--) {
        if (text.ptr[i - 1] == ':') return i - 1;
    }
    return text.len;
}

static err read_verb(struct compiler *c, size_t from)
{
    c->at = from + 1;
    while (c->at < c->whole.len && is_literal(c->whole.ptr[c->at])) {
        c->at++;
    }
    if (c->at == from + 1 || c->at < c->whole.len)
        return refuse(c, ERR_SYNTAX, "a verb is missing or holds what it may not");
    return OK;
}

err path_template_compile(str text, struct arena *arena, struct diag *d, struct path_template *out)
{
    size_t verb = find_verb(text);
    struct compiler c = {.whole = text, .text = str_sub(text, 0, verb), .diag = d};
    struct path_template t = {.text = text, .verb = str_sub(text, verb + 1, text.len)};

    if (!is_at(&c, '/')) return refuse(&c, ERR_SYNTAX, "it does not begin with \"/\"");
    if (verb < text.len) TRY(read_verb(&c, verb));
    c.at = 0;
    if (text.len > 1) TRY(read_segments(&c));
    struct path_template_segment *segments =
        arena_array(arena, struct path_template_segment, c.segment_count);
    struct path_template_variable *variables =
        arena_array(arena, struct path_template_variable, c.variable_count);
    memcpy(segments, c.segments, c.segment_count * sizeof(*segments));
    memcpy(variables, c.variables, c.variable_count * sizeof(*variables));
    t.segments = segments;
    t.segment_count = c.segment_count;
    t.variables = variables;
    t.variable_count = c.variable_count;
    *out = t;
    return OK;
}

// The segments, as sent, that a template allows at one place of a path of a given length.
enum shape {
    ALL,
    NOT_EMPTY,
    ENDING, // in ":" and the verb
    ONE,    // the literal, with ":" and the verb where there is one
};

struct class {
    enum shape shape;
    str literal;
    str verb;
};

static bool has_rest(const struct path_template *t)
{
    return t->segment_count && t->segments[t->segment_count - 1].kind == PATH_TEMPLATE_REST;
}

// Segments that are not "**".
static size_t fixed_count(const struct path_template *t)
{
    return t->segment_count - has_rest(t);
}

static bool allows_length(const struct path_template *t, size_t len)
{
    if (!has_rest(t)) return len == t->segment_count;
    return len >= fixed_count(t) + (t->verb.len > 0);
}

// Before a verb "*" wants something, "**" does not; no two templates differ in that alone, since
// the latter goes on to any length.
static struct class class_at(const struct path_template *t, size_t i, size_t len)
{
    bool is_verbed = t->verb.len && i + 1 == len;
    bool is_rest = i >= fixed_count(t);

    if (!is_rest && t->segments[i].kind == PATH_TEMPLATE_LITERAL)
        return (struct class){
            .shape = ONE, .literal = t->segments[i].literal, .verb = is_verbed ? t->verb : STR("")};
    if (is_verbed) return (struct class){.shape = ENDING, .verb = t->verb};
    return (struct class){.shape = is_rest ? ALL : NOT_EMPTY};
}

static bool do_meet(struct class a, struct class b)
{
    bool has_verbs = a.shape >= ENDING && b.shape >= ENDING;

    if (a.shape == ONE && b.shape == ONE)
        return str_eq(a.literal, b.literal) && str_eq(a.verb, b.verb);
    return !has_verbs || str_eq(a.verb, b.verb);
}

// Whether `a` allows each segment that `b` allows.
static bool does_contain(struct class a, struct class b)
{
    switch (a.shape) {
    case ALL: return true;
    case NOT_EMPTY: return b.shape != ALL;
    case ENDING: return b.shape >= ENDING && str_eq(a.verb, b.verb);
    case ONE: return b.shape == ONE && do_meet(a, b);
    }
    return false;
}

// What holds of two templates, as far as paths of some lengths go.
struct verdict {
    bool do_meet;
    bool is_inside; // the first in the second
    bool is_around;
};

static struct verdict relate_at(const struct path_template *a, const struct path_template *b,
                                size_t len)
{
    bool allows_a = allows_length(a, len);
    bool allows_b = allows_length(b, len);
    struct verdict v = {allows_a && allows_b, allows_b || !allows_a, allows_a || !allows_b};

    for (size_t i = 0; allows_a && allows_b && i < len; i++) {
        struct class of_a = class_at(a, i, len);
        struct class of_b = class_at(b, i, len);
        v.do_meet = v.do_meet && do_meet(of_a, of_b);
        v.is_inside = v.is_inside && does_contain(of_b, of_a);
        v.is_around = v.is_around && does_contain(of_a, of_b);
    }
    return v;
}

enum path_template_relation path_template_relate(const struct path_template *a,
                                                 const struct path_template *b)
{
    size_t longest = a->segment_count > b->segment_count ? a->segment_count : b->segment_count;
    struct verdict all = {.is_inside = true, .is_around = true};

    for (size_t len = 0; len <= longest + 2; len++) {
        struct verdict v = relate_at(a, b, len);
        all.do_meet = all.do_meet || v.do_meet;
        all.is_inside = all.is_inside && v.is_inside;
        all.is_around = all.is_around && v.is_around;
    }
    if (!all.do_meet) return PATH_TEMPLATE_APART;
    if (all.is_inside) return all.is_around ? PATH_TEMPLATE_SAME : PATH_TEMPLATE_INSIDE;
    return all.is_around ? PATH_TEMPLATE_AROUND : PATH_TEMPLATE_CROSSING;
}

// Without an escape a segment is its own meaning.
static err decode(str raw, struct arena *arena, str *out)
{
    size_t len = 0;
    char *bytes = NULL;

    *out = raw;
    if (str_find_char(raw, '%') == raw.len) return OK;
    bytes = arena_alloc_raw(arena, raw.len);
    TRY(uri_decode(raw, bytes, raw.len, &len));
    *out = (str){bytes, len};
    return OK;
}

// The verb is told from the bytes as sent: an encoded colon belongs to the segment.
static err split_verb(struct path_template_parts *p, struct arena *arena)
{
    str last = p->raw[p->count - 1];

    for (size_t i = last.len; i > 0; i--) {
        if (last.ptr[i - 1] != ':') continue;
        p->verb = str_sub(last, i, last.len);
        p->stem_raw = str_sub(last, 0, i - 1);
        return decode(p->stem_raw, arena, &p->stem);
    }
    return OK;
}

err path_template_split(str path, struct arena *arena, struct path_template_parts *out)
{
    size_t start = 1;

    out->count = 0;
    out->verb = out->stem = out->stem_raw = STR("");
    if (!str_starts(path, STR("/"))) return ERR_SYNTAX;
    while (path.len > 1 && start <= path.len) {
        str rest = str_sub(path, start, path.len);
        str raw = str_sub(rest, 0, str_find_char(rest, '/'));
        if (out->count == PATH_TEMPLATE_PARTS_MAX) return ERR_LIMIT;
        out->raw[out->count] = raw;
        TRY(decode(raw, arena, &out->decoded[out->count]));
        out->count++;
        start += raw.len + 1;
    }
    return out->count ? split_verb(out, arena) : OK;
}

bool path_template_match(const struct path_template *t, const struct path_template_parts *p)
{
    if (t->verb.len && !str_eq(t->verb, p->verb)) return false;
    if (!allows_length(t, p->count)) return false;
    for (size_t i = 0; i < fixed_count(t); i++) {
        str part = path_template_part(p, i, t->verb.len > 0);
        if (t->segments[i].kind == PATH_TEMPLATE_ANY && part.len == 0) return false;
        if (t->segments[i].kind == PATH_TEMPLATE_LITERAL && !str_eq(part, t->segments[i].literal))
            return false;
    }
    return true;
}

// Undoes each escape but those of "/".
static str decode_but_slash(str raw, struct arena *arena)
{
    char *bytes = arena_alloc_raw(arena, raw.len);
    size_t len = 0;

    for (size_t i = 0; i < raw.len; i++) {
        bool is_escape = raw.ptr[i] == '%' && raw.len - i > 2;
        int byte = is_escape
                       ? octet_hex_value(raw.ptr[i + 1]) * 16 + octet_hex_value(raw.ptr[i + 2])
                       : (unsigned char)raw.ptr[i];
        if (is_escape && byte != '/') i += 2;
        bytes[len++] = is_escape && byte == '/' ? '%' : (char)byte;
    }
    return (str){bytes, len};
}

static str value_of(const struct path_template *t, const struct path_template_variable *v,
                    const struct path_template_parts *p, struct arena *arena)
{
    bool is_rest = t->segments[v->first + v->count - 1].kind == PATH_TEMPLATE_REST;
    bool is_one = v->count == 1 && !is_rest;
    size_t end = is_rest ? p->count : v->first + v->count;
    bool has_stem = t->verb.len && end == p->count;

    if (is_one) return path_template_part(p, v->first, t->verb.len > 0);
    if (end <= v->first) return STR("");
    str last = has_stem ? p->stem_raw : p->raw[end - 1];
    const char *start = p->raw[v->first].ptr;
    str raw = {start, (size_t)(last.ptr + last.len - start)};
    return str_find_char(raw, '%') == raw.len ? raw : decode_but_slash(raw, arena);
}

void path_template_capture(const struct path_template *t, const struct path_template_parts *p,
                           struct arena *arena, str *values)
{
    assert(path_template_match(t, p));
    for (size_t i = 0; i < t->variable_count; i++) {
        values[i] = value_of(t, &t->variables[i], p, arena);
    }
}
