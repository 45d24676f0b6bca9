#include "assess/mock/mock_script.h"

#include "assess/mock/mock_request.h"
#include "base/list.h"

#include <math.h>
#include <string.h>

#define MOCK_KEYS_COUNT UINT32_MAX

enum kind { TEXT, COUNT, FLAG, TIME, PACE, CHANCE, BETWEEN, HEADERS, END, INTERIM, TOOLS };

enum section { SECTION_match, SECTION_answer, SECTION_timing, SECTION_error, SECTION_fault };

static const str sections[] = {
    STR_INIT("match"), STR_INIT("answer"), STR_INIT("timing"), STR_INIT("error"), STR_INIT("fault"),
};

enum { SECTIONS = sizeof(sections) / sizeof(sections[0]), KEYS_OF_SECTION_MAX = 32 };

struct key {
    str name;
    str help;
    enum section section;
    enum kind kind;
    size_t member; // offset in struct mock_rule
    size_t given;
    uint64_t max;
};

static const struct key keys[] = {
#define MOCK_KEY(section_, key_, kind_, member_, given_, max_, help_)                              \
    {.name = STR_INIT(#key_),                                                                      \
     .help = STR_INIT(help_),                                                                      \
     .section = SECTION_##section_,                                                                \
     .kind = kind_,                                                                                \
     .member = offsetof(struct mock_rule, member_),                                                \
     .given = offsetof(struct mock_rule, given_),                                                  \
     .max = max_},
#include "assess/mock/mock_keys.def"
#undef MOCK_KEY
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

struct reading {
    struct arena *arena;
    struct diag *diag;
    struct mock_rule *rule;
};

bool mock_script_key(size_t index, struct mock_script_key *out)
{
    if (index >= KEYS) return false;
    *out =
        (struct mock_script_key){sections[keys[index].section], keys[index].name, keys[index].help};
    return true;
}

// A decimal number with at most six places, in millionths. What follows stays in `*rest`.
static err read_millionths(str text, uint64_t *out, str *rest)
{
    uint64_t value = 0;
    uint64_t unit = 1000000;
    bool has_point = false;
    size_t at = 0;

    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (c == '.' && !has_point && at) {
            has_point = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        if (has_point && unit == 1) return ERR_SYNTAX;
        if (has_point) unit /= 10;
        if (value > UINT32_MAX) return ERR_RANGE;
        value = value * 10 + (uint64_t)(c - '0');
    }
    if (at == 0 || text.ptr[at - 1] == '.') return ERR_SYNTAX;
    *out = value * unit;
    *rest = str_sub(text, at, text.len);
    return OK;
}

err mock_script_time(str text, uint64_t *us)
{
    static const struct {
        str name;
        uint64_t us;
    } units[] = {{STR_INIT("us"), 1},
                 {STR_INIT("ms"), 1000},
                 {STR_INIT(""), 1000},
                 {STR_INIT("s"), 1000000},
                 {STR_INIT("m"), 60000000}};
    uint64_t millionths = 0;
    str unit = STR("");

    TRY(read_millionths(text, &millionths, &unit));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!str_eq(unit, units[i].name)) continue;
        uint64_t most = (uint64_t)MOCK_PACE_MAX_US;
        if (millionths / 1000000 > most / units[i].us) return ERR_RANGE;
        *us = (uint64_t)((double)millionths * (double)units[i].us / 1e6 + 0.5);
        return *us > most ? ERR_RANGE : OK;
    }
    return ERR_SYNTAX;
}

static void complain(struct reading *r, const struct yaml_node *n, const char *what, str hint)
{
    diag_add(r->diag, n->place, hint, "%" STR_FMT "%s%s", STR_ARG(n->key), n->key.len ? ": " : "",
             what);
}

// What the name nearest to a misspelt one is; empty where none is near.
static str hint_for(struct reading *r, str name, const str *names, size_t count)
{
    str near = diag_nearest(name, names, count);

    if (!near.len) return STR("");
    return arena_format(&r->diag->arena, "did you mean %" STR_FMT "?", STR_ARG(near));
}

static void unknown(struct reading *r, const struct yaml_node *n, const str *names, size_t count)
{
    diag_add(r->diag, n->key_place, hint_for(r, n->key, names, count),
             "unknown key \"%" STR_FMT "\"", STR_ARG(n->key));
}

static void read_text(struct reading *r, const struct yaml_node *n, str *out)
{
    if (n->kind != YAML_SCALAR || yaml_is_null(n)) {
        complain(r, n, "is a text", STR(""));
        return;
    }
    *out = arena_str(r->arena, n->text);
}

static void read_count(struct reading *r, const struct yaml_node *n, uint64_t max, uint64_t *out)
{
    if (n->kind != YAML_SCALAR || !str_to_u64(n->text, max, out))
        diag_add(r->diag, n->place, STR(""), "%" STR_FMT ": is a number from 0 to %llu",
                 STR_ARG(n->key), (unsigned long long)max);
}

static void read_flag(struct reading *r, const struct yaml_node *n, bool *out)
{
    bool is_true = n->kind == YAML_SCALAR && str_eq(n->text, STR("true"));

    if (!is_true && !(n->kind == YAML_SCALAR && str_eq(n->text, STR("false")))) {
        complain(r, n, "is true or false", STR(""));
        return;
    }
    *out = is_true;
}

static bool read_time(struct reading *r, const struct yaml_node *n, uint64_t *us)
{
    if (n->kind == YAML_SCALAR && mock_script_time(n->text, us) == OK) return true;
    complain(r, n, "is a time of at most an hour", STR("such as 200ms, 1.5s or 500us"));
    return false;
}

static bool read_time_us(struct reading *r, const struct yaml_node *n, int64_t *us)
{
    uint64_t value = 0;

    if (!read_time(r, n, &value)) return false;
    *us = (int64_t)value; // an hour at most
    return true;
}

static void read_chance(struct reading *r, const struct yaml_node *n, double *out)
{
    uint64_t millionths = 0;
    str rest = STR("");
    err e = n->kind == YAML_SCALAR ? read_millionths(n->text, &millionths, &rest) : ERR_TYPE;
    double scale = str_eq(rest, STR("%")) ? 1e-8 : 1e-6;
    double value = (double)millionths * scale;

    if (e || value > 1 || (rest.len && !str_eq(rest, STR("%")))) {
        complain(r, n, "is a share", STR("such as 10% or 0.1"));
        return;
    }
    *out = value;
}

static void read_between(struct reading *r, const struct yaml_node *n, uint64_t *from)
{
    struct mock_match *m = container_of(from, struct mock_match, from);
    const struct yaml_node *a = n->kind == YAML_SEQUENCE && n->count == 2 ? n->first : NULL;
    uint64_t first = 0;
    uint64_t last = 0;

    if (!a || !str_to_u64(a->text, UINT32_MAX, &first) ||
        !str_to_u64(a->next->text, UINT32_MAX, &last) || first == 0 || last < first) {
        complain(r, n, "is a list of two numbers, the lower one first", STR("such as [3, 5]"));
        return;
    }
    m->from = first;
    m->to = last;
}

static void read_headers(struct reading *r, const struct yaml_node *n, str *out)
{
    if (n->kind != YAML_MAPPING) {
        complain(r, n, "is a mapping of names and values", STR(""));
        return;
    }
    for (const struct yaml_node *c = n->first; c; c = c->next) {
        if (c->kind != YAML_SCALAR || !h1_is_token(c->key) || !h1_is_field_value(c->text)) {
            complain(r, c, "can't be a header", STR(""));
            continue;
        }
        *out = arena_format(r->arena, "%" STR_FMT "%" STR_FMT ": %" STR_FMT "\r\n", STR_ARG(*out),
                            STR_ARG(c->key), STR_ARG(c->text));
    }
}

static void read_end(struct reading *r, const struct yaml_node *n, enum mock_end *out)
{
    static const str names[] = {STR_INIT("none"), STR_INIT("clean"), STR_INIT("close"),
                                STR_INIT("torn"), STR_INIT("reset"), STR_INIT("stall")};
    enum { NAMES = sizeof(names) / sizeof(names[0]) };

    for (size_t i = 0; i < NAMES; i++) {
        if (n->kind != YAML_SCALAR || !str_eq(n->text, names[i])) continue;
        *out = (enum mock_end)i;
        return;
    }
    complain(r, n, "is clean, close, torn, reset, stall or none", STR(""));
}

static void read_interim(struct reading *r, const struct yaml_node *n, struct mock_fault *f)
{
    const struct yaml_node *c = n->kind == YAML_SEQUENCE ? n->first : n;

    for (; c; c = n->kind == YAML_SEQUENCE ? c->next : NULL) {
        bool is_continue = c->kind == YAML_SCALAR && str_eq(c->text, STR("100"));
        bool is_hints = c->kind == YAML_SCALAR && str_eq(c->text, STR("103"));
        if (!is_continue && !is_hints) complain(r, n, "is 100, 103 or a list of them", STR(""));
        f->has_continue |= is_continue;
        f->has_early_hints |= is_hints;
    }
}

static void read_tool(struct reading *r, const struct yaml_node *n, struct mock_tool *tool)
{
    static const str names[] = {STR_INIT("name"), STR_INIT("arguments")};

    if (n->kind != YAML_MAPPING || !yaml_get(n, names[0])) {
        complain(r, n, "is a list of mappings with a name", STR("such as [{name: f}]"));
        return;
    }
    for (const struct yaml_node *c = n->first; c; c = c->next) {
        if (str_eq(c->key, names[0])) {
            read_text(r, c, &tool->name);
        } else if (str_eq(c->key, names[1])) {
            read_text(r, c, &tool->arguments);
        } else {
            unknown(r, c, names, 2);
        }
    }
}

static void read_tools(struct reading *r, const struct yaml_node *n, struct mock_answer *a)
{
    size_t count = 0;

    if (n->kind != YAML_SEQUENCE || n->count == 0 || n->count > MOCK_SCRIPT_TOOLS_MAX) {
        diag_add(r->diag, n->place, STR(""), "tools: is a list of at most %d calls",
                 MOCK_SCRIPT_TOOLS_MAX);
        return;
    }
    struct mock_tool *tools = arena_array(r->arena, struct mock_tool, n->count);
    for (const struct yaml_node *c = n->first; c; c = c->next) {
        read_tool(r, c, &tools[count++]);
    }
    a->tools = tools;
    a->tool_count = count;
}

static void read_recorded(struct reading *r, const struct yaml_node *n, struct mock_pace *p)
{
    size_t count = 0;

    if (n->kind != YAML_SEQUENCE || n->count == 0 || n->count > MOCK_SCRIPT_RECORDED_MAX) {
        complain(r, n, "is a list of times", STR("such as [10ms, 30ms]"));
        return;
    }
    int64_t *waits = arena_array(r->arena, int64_t, n->count);
    for (const struct yaml_node *c = n->first; c; c = c->next) {
        if (!read_time_us(r, c, &waits[count++])) return;
    }
    *p = (struct mock_pace){.kind = MOCK_PACE_RECORDED, .recorded = waits, .count = count};
}

// Two values: times, but for the sigma of a lognormal, which is a plain number.
static void read_pair(struct reading *r, const struct yaml_node *n, enum mock_pace_kind kind,
                      struct mock_pace *p)
{
    struct mock_pace pace = {.kind = kind};
    uint64_t millionths = 0;
    str rest = STR("");

    if (n->kind != YAML_SEQUENCE || n->count != 2) {
        complain(r, n, "is a list of two values", STR("such as [20ms, 5ms], or [20ms, 0.5]"));
        return;
    }
    if (!read_time_us(r, n->first, &pace.first_us)) return;
    const struct yaml_node *second = n->first->next;
    if (kind == MOCK_PACE_LOGNORMAL) {
        if (second->kind != YAML_SCALAR || read_millionths(second->text, &millionths, &rest) ||
            rest.len || millionths > 10 * 1000000) {
            complain(r, n, "has a sigma from 0 to 10 as its second value", STR("such as 0.5"));
            return;
        }
        pace.sigma = (double)millionths / 1e6;
    } else if (!read_time_us(r, second, &pace.second_us)) {
        return;
    }
    if (kind == MOCK_PACE_UNIFORM && pace.second_us < pace.first_us) {
        complain(r, n, "goes from the lower time to the higher", STR(""));
        return;
    }
    *p = pace;
}

static void read_pace(struct reading *r, const struct yaml_node *n, struct mock_pace *p)
{
    static const str names[] = {
        [MOCK_PACE_FIXED] = STR_INIT("fixed"),         [MOCK_PACE_NORMAL] = STR_INIT("normal"),
        [MOCK_PACE_LOGNORMAL] = STR_INIT("lognormal"), [MOCK_PACE_UNIFORM] = STR_INIT("uniform"),
        [MOCK_PACE_RECORDED] = STR_INIT("recorded"),
    };
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    const struct yaml_node *c = n;
    unsigned kind = MOCK_PACE_FIXED;

    if (n->kind == YAML_MAPPING && n->count == 1) {
        c = n->first;
        for (kind = 0; kind < NAMES && !str_eq(c->key, names[kind]);) {
            kind++;
        }
        if (kind == NAMES) {
            diag_add(r->diag, c->key_place, hint_for(r, c->key, names, NAMES),
                     "no distribution is called %" STR_FMT, STR_ARG(c->key));
            return;
        }
    } else if (n->kind != YAML_SCALAR) {
        complain(r, n, "is a time or one distribution", STR("such as {lognormal: [20ms, 0.5]}"));
        return;
    }
    struct mock_pace fixed = {.kind = MOCK_PACE_FIXED};
    if (kind == MOCK_PACE_RECORDED) {
        read_recorded(r, c, p);
    } else if (kind != MOCK_PACE_FIXED) {
        read_pair(r, c, (enum mock_pace_kind)kind, p);
    } else if (read_time_us(r, c, &fixed.first_us)) {
        *p = fixed;
    }
}

static void read_value(struct reading *r, const struct key *k, const struct yaml_node *n)
{
    void *member = (char *)r->rule + k->member;

    switch (k->kind) {
    case TEXT: read_text(r, n, member); break;
    case COUNT: read_count(r, n, k->max, member); break;
    case FLAG: read_flag(r, n, member); break;
    case TIME: (void)read_time(r, n, member); break; // complains by itself
    case PACE: read_pace(r, n, member); break;
    case CHANCE: read_chance(r, n, member); break;
    case BETWEEN: read_between(r, n, member); break;
    case HEADERS: read_headers(r, n, member); break;
    case END: read_end(r, n, member); break;
    case INTERIM: read_interim(r, n, &r->rule->fault); break;
    case TOOLS: read_tools(r, n, &r->rule->answer); break;
    }
    *(bool *)((char *)r->rule + k->given) = true;
}

static void read_section(struct reading *r, enum section section, const struct yaml_node *n)
{
    str names[KEYS_OF_SECTION_MAX];
    size_t count = 0;

    if (n->kind != YAML_MAPPING) {
        complain(r, n, "is a mapping", STR(""));
        return;
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].section == section && count < KEYS_OF_SECTION_MAX)
            names[count++] = keys[i].name;
    }
    for (const struct yaml_node *c = n->first; c; c = c->next) {
        size_t i = 0;
        while (i < KEYS && !(keys[i].section == section && str_eq(keys[i].name, c->key))) {
            i++;
        }
        if (i < KEYS) {
            read_value(r, &keys[i], c);
        } else {
            unknown(r, c, names, count);
        }
    }
}

// What makes sense apart may not together.
static void check_rule(struct reading *r, const struct yaml_node *n)
{
    struct mock_fault *f = &r->rule->fault;
    bool has_place = f->after_events != MOCK_RULE_NEVER || f->after_bytes != MOCK_RULE_NEVER;

    if ((has_place || f->before_head) && f->end == MOCK_END_NONE)
        diag_add(r->diag, n->place, STR("add end: reset, or another one"),
                 "the fault says where, but not how the answer ends");
    if (f->end == MOCK_END_CLEAN && f->before_head)
        diag_add(r->diag, n->place, STR("end: close does"),
                 "an answer can't end cleanly before its head");
    if (f->drip_us && !f->split)
        diag_add(r->diag, n->place, STR("add split: 16"), "drip needs split");
    if (r->rule->error.status && r->rule->error.status < 200)
        diag_add(r->diag, n->place, STR(""), "error.status is 200 to 599");
    if (r->rule->answer.content_type.len && !h1_is_field_value(r->rule->answer.content_type))
        diag_add(r->diag, n->place, STR(""), "answer.content_type can't be a header");
    if (r->rule->error.content_type.len && !h1_is_field_value(r->rule->error.content_type))
        diag_add(r->diag, n->place, STR(""), "error.content_type can't be a header");
    if (f->end != MOCK_END_NONE && !has_place) f->after_events = 0;
}

static void read_rule(struct reading *r, const struct yaml_node *n)
{
    if (n->kind != YAML_MAPPING) {
        diag_add(r->diag, n->place, STR(""), "a rule is a mapping");
        return;
    }
    for (const struct yaml_node *c = n->first; c; c = c->next) {
        size_t i = 0;
        while (i < SECTIONS && !str_eq(sections[i], c->key)) {
            i++;
        }
        if (i < SECTIONS) {
            read_section(r, (enum section)i, c);
        } else {
            unknown(r, c, sections, SECTIONS);
        }
    }
    check_rule(r, n);
}

err mock_script_overlay(str text, struct arena *arena, struct diag *d, struct mock_rule *rule)
{
    const struct yaml_node *root = NULL;
    struct reading r = {.arena = arena, .diag = d, .rule = rule};

    TRY(yaml_parse(text, arena, d, &root));
    read_rule(&r, root);
    return d->count ? ERR_SYNTAX : OK;
}

err mock_script_read(str text, const struct mock_rule *base, struct arena *arena, struct diag *d,
                     struct mock_rule **rules, size_t *count)
{
    static const str top = STR_INIT("rules");
    const struct yaml_node *root = NULL;
    struct reading r = {.arena = arena, .diag = d};

    TRY(yaml_parse(text, arena, d, &root));
    for (const struct yaml_node *c = root->first; root->kind == YAML_MAPPING && c; c = c->next) {
        if (!str_eq(c->key, top)) unknown(&r, c, &top, 1);
    }
    const struct yaml_node *list = yaml_get(root, top);
    if (!list || list->kind != YAML_SEQUENCE || list->count > MOCK_SCRIPT_RULES_MAX) {
        diag_add(d, root->place, STR("rules: [{match: ..., answer: ...}]"),
                 "a script is a mapping with a list of at most %d rules", MOCK_SCRIPT_RULES_MAX);
        return ERR_SYNTAX;
    }
    struct mock_rule *read = arena_array(arena, struct mock_rule, list->count + 1);
    size_t at = 0;
    for (const struct yaml_node *n = list->first; n; n = n->next) {
        read[at] = *base;
        r.rule = &read[at++];
        read_rule(&r, n);
    }
    if (d->count) return ERR_SYNTAX;
    *rules = read;
    *count = at;
    return OK;
}
