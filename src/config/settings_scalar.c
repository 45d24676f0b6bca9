// Design: each value goes from its node to a text (environment, default), is checked by its type,
// and lands at its offset.
#include "config/settings_scalar.h"

#include "config/base_url.h"
#include "config/expand.h"
#include "config/value.h"

#include <string.h>

enum { SHOWN_MAX = 80, HINT_MAX = 512 };

// One value on its way.
struct value {
    const struct settings_field *field;
    struct diag_place place;
    str raw;  // as in the file
    str text; // expanded
    char *base;
};

str settings_scalar_shown(struct settings_reader *r, str raw)
{
    size_t len = raw.len < SHOWN_MAX ? raw.len : SHOWN_MAX;

    while (len && len < raw.len && ((unsigned char)raw.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    char *copy = arena_alloc_raw(&r->diag->arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        bool is_control = (unsigned char)raw.ptr[i] < ' ' || raw.ptr[i] == 0x7f;
        copy[i] = is_control ? '?' : raw.ptr[i];
    }
    return (str){.ptr = copy, .len = len};
}

static void refuse(struct settings_reader *r, const struct value *v, str hint, const char *what)
{
    bool is_secret = v->field->type == SETTINGS_SECRET;
    str raw = is_secret ? STR("***") : settings_scalar_shown(r, v->raw);

    diag_add(r->diag, v->place, hint, "%" STR_FMT ": \"%" STR_FMT "\" %s", STR_ARG(v->field->key),
             STR_ARG(raw), what);
}

str settings_scalar_did_you_mean(struct settings_reader *r, str name)
{
    if (!name.len) return STR("");
    return arena_format(&r->diag->arena, "did you mean \"%" STR_FMT "\"?", STR_ARG(name));
}

static str bounds_hint(struct settings_reader *r, const struct settings_field *f)
{
    struct buf b;

    buf_init(&b, HINT_MAX);
    if (f->type == SETTINGS_TEXT || f->type == SETTINGS_FILE || f->type == SETTINGS_NAME ||
        f->type == SETTINGS_SECRET || f->type == SETTINGS_URL)
        (void)buf_append_format(&b, "%ju to %ju bytes", (uintmax_t)f->min, (uintmax_t)f->max);
    else
        (void)settings_table_print_bounds(&b, f); // two numbers and a phrase of ours fit
    str hint = arena_str(&r->diag->arena, buf_view(&b));
    buf_done(&b);
    return hint;
}

static void store_str(const struct value *v)
{
    memcpy(v->base + v->field->offset, &v->text, sizeof(v->text));
}

static bool is_byte_allowed(enum settings_type type, unsigned char c)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool is_digit = c >= '0' && c <= '9';

    if (type == SETTINGS_NAME) return is_letter || is_digit || c == '.' || c == '_' || c == '-';
    if (type == SETTINGS_SECRET) return c > ' ' && c < 0x7f;
    return c >= ' ' && c != 0x7f;
}

// An empty text is as good as none where none is allowed and has no default.
static bool check_text(struct settings_reader *r, const struct value *v)
{
    const struct settings_field *f = v->field;
    bool may_be_empty = !f->is_required && !f->fallback;
    const char *what = "holds a control byte";

    if (f->type == SETTINGS_NAME) what = "holds more than letters, digits and \". _ -\"";
    if (f->type == SETTINGS_SECRET) what = "holds a space, a line end or a byte that is not ASCII";
    for (size_t i = 0; i < v->text.len; i++) {
        if (is_byte_allowed(f->type, (unsigned char)v->text.ptr[i])) continue;
        refuse(r, v, STR(""), what);
        return false;
    }
    if (v->text.len > f->max || (v->text.len < f->min && !may_be_empty)) {
        refuse(r, v, bounds_hint(r, f), v->text.len ? "is too long" : "is empty");
        return false;
    }
    return true;
}

static void read_text(struct settings_reader *r, const struct value *v)
{
    if (check_text(r, v)) store_str(v);
}

static void read_file(struct settings_reader *r, const struct value *v)
{
    struct value whole = *v;

    if (!check_text(r, v)) return;
    if (r->folder.len && v->text.len && v->text.ptr[0] != '/')
        whole.text = arena_format(&r->settings->arena, "%" STR_FMT "/%" STR_FMT, STR_ARG(r->folder),
                                  STR_ARG(v->text));
    store_str(&whole);
    memcpy(v->base + v->field->second, &v->place, sizeof(v->place));
}

static void read_choice(struct settings_reader *r, const struct value *v)
{
    const str *choices = v->field->choices;
    size_t count = 0;

    for (; choices[count].len; count++) {
        if (!str_eq(v->text, choices[count])) continue;
        store_str(v);
        return;
    }
    str nearest = diag_nearest(v->text, choices, count);
    str hint = nearest.len ? settings_scalar_did_you_mean(r, nearest)
                           : arena_format(&r->diag->arena, "known: %" STR_FMT, STR_ARG(*choices));
    refuse(r, v, hint, "is not known");
}

static void read_address(struct settings_reader *r, const struct value *v)
{
    if (value_address(v->text))
        refuse(r, v, STR("write host:port, [::1]:port or :port"), "is no address");
    else
        store_str(v);
}

static void read_url(struct settings_reader *r, const struct value *v)
{
    struct settings_url url;
    const char *why = "";

    if (!check_text(r, v)) return;
    if (base_url_parse(v->text, &r->settings->arena, &url, &why)) {
        refuse(r, v, STR("such as https://api.example.com/v1"), why);
        return;
    }
    store_str(v);
    memcpy(v->base + v->field->second, &url, sizeof(url));
}

static void read_switch(struct settings_reader *r, const struct value *v)
{
    bool is_on = str_eq(v->text, STR("true"));

    if (!is_on && !str_eq(v->text, STR("false")))
        refuse(r, v, STR("write true or false"), "is not a switch");
    else
        memcpy(v->base + v->field->offset, &is_on, sizeof(is_on));
}

static err parse_number(const struct value *v, uint64_t *out)
{
    if (v->field->type == SETTINGS_SHARE) return value_share(v->text, out);
    if (v->field->type == SETTINGS_FACTOR) return value_decimal(v->text, 3, out);
    if (v->field->type == SETTINGS_SIZE) return value_size(v->text, out);
    if (v->field->type == SETTINGS_DURATION) return value_duration(v->text, out);
    return str_to_u64(v->text, UINT64_MAX, out) ? OK : ERR_SYNTAX;
}

static void store_number(const struct value *v, uint64_t number)
{
    char *at = v->base + v->field->offset;
    uint32_t count = (uint32_t)number;
    int64_t duration = (int64_t)number;

    if (v->field->type == SETTINGS_SIZE)
        memcpy(at, &number, sizeof(number));
    else if (v->field->type == SETTINGS_DURATION)
        memcpy(at, &duration, sizeof(duration));
    else
        memcpy(at, &count, sizeof(count));
}

// How a number is written, for those who wrote it otherwise.
struct notation {
    enum settings_type type;
    str hint;
    const char *not_one;
};

static const struct notation *notation_of(enum settings_type type)
{
    static const struct notation notations[] = {
        {SETTINGS_COUNT, STR_INIT("write a whole number"), "is no whole number"},
        {SETTINGS_SIZE, STR_INIT("write a whole number and its unit: 64KiB, 10MB"), "is no size"},
        {SETTINGS_DURATION, STR_INIT("write a whole number and its unit: 250ms, 5s, 2m, 1h"),
         "is no duration"},
        {SETTINGS_SHARE, STR_INIT("write a number and a percent sign: 20%, 1.5%"), "is no share"},
        {SETTINGS_FACTOR, STR_INIT("write a number with at most three decimals: 1.3"),
         "is no factor"},
    };
    size_t i = 0;

    while (notations[i].type != type) {
        i++;
    }
    return &notations[i];
}

static void read_number(struct settings_reader *r, const struct value *v)
{
    const struct settings_field *f = v->field;
    const struct notation *n = notation_of(f->type);
    uint64_t number = 0;
    err e = parse_number(v, &number);

    bool is_inside = (number >= f->min && number <= f->max) || (!number && f->zero);
    if (e == ERR_SYNTAX)
        refuse(r, v, n->hint, n->not_one);
    else if (e || !is_inside)
        refuse(r, v, bounds_hint(r, f), "is out of bounds");
    else
        store_number(v, number);
}

static void read_span(struct settings_reader *r, const struct value *v)
{
    const struct settings_field *f = v->field;
    uint64_t from = 0;
    uint64_t to = 0;
    err e = value_span(v->text, &from, &to);

    if (e == ERR_SYNTAX) {
        refuse(r, v, STR("write two durations: [30s, 120s]"), "is no span");
    } else if (e || from < f->min || to > f->max) {
        refuse(r, v, bounds_hint(r, f), "is out of bounds, or begins behind its end");
    } else {
        struct settings_span span = {.from_ms = (int64_t)from, .to_ms = (int64_t)to};
        memcpy(v->base + f->offset, &span, sizeof(span));
    }
}

// The nearest provider name, of those that stand in the file: never what a variable put there.
static str nearest_provider(struct settings_reader *r, str name)
{
    const struct yaml_node *list = yaml_get(r->root, STR("providers"));
    str *names = arena_array(&r->diag->arena, str, list ? list->count : 0);
    size_t count = 0;

    for (const struct yaml_node *n = list ? list->first : NULL; n; n = n->next) {
        const struct yaml_node *provider = yaml_get(n, STR("name"));
        if (provider) names[count++] = provider->text;
    }
    return diag_nearest(name, names, count);
}

static void read_provider(struct settings_reader *r, const struct value *v)
{
    const struct settings *s = r->settings;

    for (size_t i = 0; i < s->provider_count; i++) {
        if (!str_eq(s->providers[i].name, v->text)) continue;
        store_number(v, i);
        return;
    }
    if (!s->provider_count)
        refuse(r, v, STR("there are none; add it to providers"), "is no provider");
    else
        refuse(r, v, settings_scalar_did_you_mean(r, nearest_provider(r, v->text)),
               "is no provider");
}

// The text of a span, which YAML reads as a list.
static str join_span(struct settings_reader *r, const struct yaml_node *n)
{
    const struct yaml_node *a = n->first;
    const struct yaml_node *b = a ? a->next : NULL;

    if (!b || b->next || a->kind != YAML_SCALAR || b->kind != YAML_SCALAR) return STR("[]");
    return arena_format(&r->diag->arena, "[%" STR_FMT ", %" STR_FMT "]", STR_ARG(a->text),
                        STR_ARG(b->text));
}

// Finds the value's text. False after a finding.
static bool find_text(struct settings_reader *r, struct value *v, const struct yaml_node *n)
{
    bool is_span = v->field->type == SETTINGS_SPAN && n->kind == YAML_SEQUENCE;
    str missing = STR("");

    if (!is_span && (n->kind != YAML_SCALAR || yaml_is_null(n))) {
        diag_add(r->diag, n->place, STR(""), "%" STR_FMT " %s", STR_ARG(v->field->key),
                 n->kind == YAML_SCALAR ? "has no value" : "takes one value");
        return false;
    }
    v->raw = is_span ? join_span(r, n) : n->text;
    switch (expand(v->raw, r->environment, &r->settings->arena, &v->text, &missing)) {
    case OK: return true;
    case ERR_ABSENT:
        diag_add(r->diag, n->place, STR("set it, or write ${NAME:-default}"),
                 "%" STR_FMT ": the environment has no %" STR_FMT, STR_ARG(v->field->key),
                 STR_ARG(settings_scalar_shown(r, missing)));
        return false;
    case ERR_LIMIT: refuse(r, v, STR(""), "is too long"); return false;
    default:
        refuse(r, v, STR("write ${NAME} or ${NAME:-default}; $${ stands for ${"),
               "has a malformed ${");
        return false;
    }
}

void settings_scalar_read(struct settings_reader *r, const struct settings_field *f,
                          const struct yaml_node *n, char *base)
{
    struct value v = {.field = f, .base = base};

    if (n) {
        v.place = n->place;
        if (!find_text(r, &v, n)) return;
    } else if (f->fallback) {
        v.raw = v.text = str_from_c(f->fallback);
    } else {
        v.text = STR("");
        store_str(&v); // a required one was found missing by read_section()
        return;
    }
    switch (f->type) {
    case SETTINGS_FILE: read_file(r, &v); break;
    case SETTINGS_CHOICE: read_choice(r, &v); break;
    case SETTINGS_ADDRESS: read_address(r, &v); break;
    case SETTINGS_URL: read_url(r, &v); break;
    case SETTINGS_SWITCH: read_switch(r, &v); break;
    case SETTINGS_PROVIDER: read_provider(r, &v); break;
    case SETTINGS_SPAN: read_span(r, &v); break;
    case SETTINGS_COUNT:
    case SETTINGS_SIZE:
    case SETTINGS_DURATION:
    case SETTINGS_SHARE:
    case SETTINGS_FACTOR: read_number(r, &v); break;
    default: read_text(r, &v); break;
    }
}

void settings_scalar_refuse(struct settings_reader *r, const struct settings_field *f,
                            const struct yaml_node *n, const char *what)
{
    const struct value v = {.field = f, .place = n->place, .raw = n->text};

    refuse(r, &v, STR(""), what);
}
