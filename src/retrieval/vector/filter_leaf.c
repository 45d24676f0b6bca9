#include "retrieval/vector/filter_leaf.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

// The keys from `low` up to and with `high`; none where low is above high.
struct range {
    uint64_t low;
    uint64_t high;
};

static const struct range nothing = {1, 0};

static struct range everything(enum column_type type)
{
    struct range r = {0, UINT64_MAX};

    if (type == COLUMN_F64)
        r = (struct range){column_value_key_f64(-(double)INFINITY),
                           column_value_key_f64((double)INFINITY)};
    if (type == COLUMN_BOOL) r.high = 1;
    return r;
}

void filter_leaf_init(struct filter_leaf *l, uint32_t column, enum column_type type)
{
    struct range r = everything(type);

    *l = (struct filter_leaf){.test = FILTER_RANGE, .type = type, .column = column};
    if (type == COLUMN_STRING) return;
    l->low = r.low;
    l->high = r.high;
}

void filter_leaf_init_present(struct filter_leaf *l, uint32_t column, enum column_type type)
{
    filter_leaf_init(l, column, type);
    if (type == COLUMN_STRING) return;
    l->low = 0;
    l->high = UINT64_MAX;
}

static bool is_number(enum column_type type)
{
    return type == COLUMN_I64 || type == COLUMN_F64;
}

bool filter_leaf_compares(enum column_type column, enum column_type literal)
{
    return column == literal || (is_number(column) && is_number(literal));
}

// The keys of values below, at and above a literal: those up to and with `below`, those from
// `above` on, and what is between, if anything is.
struct cut {
    uint64_t below;
    uint64_t above;
    bool has_below;
    bool has_above;
};

static struct cut cut_at(uint64_t key)
{
    return (struct cut){
        .below = key - 1, .above = key + 1, .has_below = key > 0, .has_above = key < UINT64_MAX};
}

// Between a key and the next.
static struct cut cut_behind(uint64_t key)
{
    return (struct cut){.below = key, .above = key + 1, .has_below = true, .has_above = true};
}

static struct cut cut_i64_at(double literal)
{
    double whole = floor(literal);

    if (literal >= 0x1p63) return (struct cut){.below = UINT64_MAX, .has_below = true};
    if (literal < -0x1p63) return (struct cut){.above = 0, .has_above = true};
    uint64_t key = column_value_key_i64((int64_t)whole);
    return whole == literal ? cut_at(key) : cut_behind(key);
}

// A whole number that is no double lies between two, one of which is the nearest to it.
static struct cut cut_f64_at(int64_t literal)
{
    double nearest = (double)literal;
    uint64_t key = column_value_key_f64(nearest);

    if (nearest >= 0x1p63 || (int64_t)nearest > literal) return cut_behind(key - 1);
    return (int64_t)nearest == literal ? cut_at(key) : cut_behind(key);
}

static struct cut cut_of(enum column_type column, const struct column_value *literal)
{
    if (column == COLUMN_I64 && literal->type == COLUMN_F64) return cut_i64_at(literal->f64);
    if (column == COLUMN_F64 && literal->type == COLUMN_I64) return cut_f64_at(literal->i64);
    return cut_at(column_value_key(literal));
}

// Whether a value of the column is equal to the literal, which then has `*key`.
static bool cut_key(enum column_type column, const struct column_value *literal, uint64_t *key)
{
    struct cut c = cut_of(column, literal);

    if (c.has_below && c.has_above && c.above - c.below == 1) return false;
    if (!c.has_below && c.above == 0) return false;          // below all
    if (!c.has_above && c.below == UINT64_MAX) return false; // above all
    *key = c.has_below ? c.below + 1 : c.above - 1;
    return true;
}

static void narrow(struct filter_leaf *l, struct range r)
{
    if (r.low > l->low) l->low = r.low;
    if (r.high < l->high) l->high = r.high;
    if (l->low > l->high) l->test = FILTER_NEVER;
}

static void compare_key(struct filter_leaf *l, enum filter_comparison how,
                        const struct column_value *literal)
{
    struct cut c = cut_of(l->type, literal);
    struct range r = {0, UINT64_MAX};
    uint64_t key = 0;
    bool has_equal = cut_key(l->type, literal, &key);

    switch (how) {
    case FILTER_EQ: r = has_equal ? (struct range){key, key} : nothing; break;
    case FILTER_LTE:
        if (has_equal) r.high = key;
        if (has_equal) break;
        [[fallthrough]];
    case FILTER_LT: r = c.has_below ? (struct range){0, c.below} : nothing; break;
    case FILTER_GTE:
        if (has_equal) r.low = key;
        if (has_equal) break;
        [[fallthrough]];
    case FILTER_GT: r = c.has_above ? (struct range){c.above, UINT64_MAX} : nothing; break;
    }
    narrow(l, r);
}

static void narrow_low(struct filter_texts *r, str text, bool is_open)
{
    int order = r->has_low ? str_compare(text, r->low) : 1;

    if (order < 0 || (order == 0 && !is_open)) return;
    r->has_low = true;
    r->low = text;
    r->is_low_open = is_open;
}

static void narrow_high(struct filter_texts *r, str text, bool is_open)
{
    int order = r->has_high ? str_compare(text, r->high) : -1;

    if (order > 0 || (order == 0 && !is_open)) return;
    r->has_high = true;
    r->high = text;
    r->is_high_open = is_open;
}

static void compare_text(struct filter_leaf *l, enum filter_comparison how, str text)
{
    struct filter_texts *r = &l->range;

    if (how == FILTER_EQ || how == FILTER_GT || how == FILTER_GTE)
        narrow_low(r, text, how == FILTER_GT);
    if (how == FILTER_EQ || how == FILTER_LT || how == FILTER_LTE)
        narrow_high(r, text, how == FILTER_LT);
    if (!r->has_low || !r->has_high) return;
    int order = str_compare(r->low, r->high);
    if (order > 0 || (order == 0 && (r->is_low_open || r->is_high_open))) l->test = FILTER_NEVER;
}

void filter_leaf_compare(struct filter_leaf *l, enum filter_comparison how,
                         const struct column_value *literal)
{
    assert(filter_leaf_compares(l->type, literal->type));
    if (l->type == COLUMN_STRING) {
        compare_text(l, how, literal->text);
    } else {
        compare_key(l, how, literal);
    }
}

static bool is_text_in_range(const struct filter_texts *r, str text)
{
    if (r->has_low && str_compare(text, r->low) < r->is_low_open) return false;
    return !r->has_high || str_compare(text, r->high) <= -(int)r->is_high_open;
}

static int by_key(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return *x < *y ? -1 : *x > *y;
}

static int by_text(const void *a, const void *b)
{
    const str *x = a;
    const str *y = b;

    return str_compare(*x, *y);
}

static void list_keys(struct filter_leaf *l, const struct column_value *literals, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t key;
        if (!cut_key(l->type, &literals[i], &key) || key < l->low || key > l->high) continue;
        l->keys[kept++] = key;
    }
    if (kept) qsort(l->keys, kept, sizeof(*l->keys), by_key);
    for (uint32_t i = 0; i < kept; i++) {
        if (l->count == 0 || l->keys[l->count - 1] != l->keys[i]) l->keys[l->count++] = l->keys[i];
    }
    if (l->count == 0) return;
    l->low = l->keys[0];
    l->high = l->keys[l->count - 1];
}

static void list_texts(struct filter_leaf *l, const struct column_value *literals, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (is_text_in_range(&l->range, literals[i].text)) l->texts[kept++] = literals[i].text;
    }
    if (kept) qsort(l->texts, kept, sizeof(*l->texts), by_text);
    for (uint32_t i = 0; i < kept; i++) {
        if (l->count == 0 || !str_eq(l->texts[l->count - 1], l->texts[i]))
            l->texts[l->count++] = l->texts[i];
    }
}

void filter_leaf_list(struct filter_leaf *l, const struct column_value *literals, uint32_t count,
                      struct arena *arena)
{
    assert(l->test != FILTER_LIST);
    if (l->test == FILTER_NEVER) return;
    if (l->type == COLUMN_STRING) {
        l->texts = arena_array(arena, str, count);
        list_texts(l, literals, count);
    } else {
        l->keys = arena_array(arena, uint64_t, count);
        list_keys(l, literals, count);
    }
    l->test = l->count ? FILTER_LIST : FILTER_NEVER;
}

static bool takes_text(const struct filter_leaf *l, str text)
{
    if (l->test == FILTER_RANGE) return is_text_in_range(&l->range, text);
    return bsearch(&text, l->texts, l->count, sizeof(*l->texts), by_text) != NULL;
}

bool filter_leaf_takes(const struct filter_leaf *l, const struct column_value *v)
{
    if (l->test == FILTER_NEVER || v->type == COLUMN_ABSENT) return false;
    if (l->type == COLUMN_STRING) return takes_text(l, v->text);
    uint64_t key = column_value_key(v);
    if (key < l->low || key > l->high) return false;
    return l->test == FILTER_RANGE || filter_leaf_has_key(l->keys, l->count, key);
}

static bool pins_text(const struct filter_leaf *l, str *out)
{
    const struct filter_texts *r = &l->range;

    if (l->test == FILTER_LIST) {
        if (l->count == 1) *out = l->texts[0];
        return l->count == 1;
    }
    if (!r->has_low || !r->has_high || !str_eq(r->low, r->high)) return false;
    *out = r->low; // both ends are in it, as it takes something
    return true;
}

bool filter_leaf_pins(const struct filter_leaf *l, struct column_value *out)
{
    struct column_value v = {.type = l->type};

    if (l->test == FILTER_NEVER || l->is_negated) return false;
    if (l->type == COLUMN_STRING) {
        if (!pins_text(l, &v.text)) return false;
    } else {
        if (l->low != l->high) return false;
        v = column_value_of_key(l->type, l->low);
    }
    *out = v;
    return true;
}
