#include "retrieval/vector/columns.h"

#include <assert.h>

enum { WORD = sizeof(uint32_t), DICT_HEAD = 3 * WORD }; // count, bytes, the first offset

static bool is_absent(const struct column_parts *p)
{
    for (int i = 0; i < COLUMN_PART_COUNT; i++) {
        if (p->parts[i].len) return false;
    }
    return true;
}

static const uint8_t *bytes_of(str part)
{
    return (const uint8_t *)part.ptr;
}

static err open_dict(str dict, struct column_view *v)
{
    if (dict.len < DICT_HEAD) return ERR_DAMAGED;
    v->text_count = column_view_u32(bytes_of(dict), 0);
    v->text_bytes = column_view_u32(bytes_of(dict), 1);
    uint64_t ends = (uint64_t)v->text_count * WORD;
    if (dict.len != DICT_HEAD + ends + v->text_bytes) return ERR_DAMAGED;
    v->text_ends = bytes_of(dict) + DICT_HEAD;
    v->texts = dict.ptr + DICT_HEAD + ends;
    return OK;
}

static err open_view(const struct column *c, const struct column_parts *p, struct column_view *v)
{
    static const uint8_t widths[COLUMN_TYPE_COUNT] = {
        [COLUMN_I64] = 8, [COLUMN_F64] = 8, [COLUMN_BOOL] = 1, [COLUMN_STRING] = 4};
    uint64_t rows = v->row_count;

    if (is_absent(p)) return OK;
    if (p->parts[COLUMN_PART_VALUES].len != rows * widths[c->type]) return ERR_DAMAGED;
    if (p->parts[COLUMN_PART_PRESENCE].len != (rows + 7) / 8) return ERR_DAMAGED;
    if (p->parts[COLUMN_PART_ORDER].len != rows * WORD) return ERR_DAMAGED;
    v->values = bytes_of(p->parts[COLUMN_PART_VALUES]);
    v->presence = bytes_of(p->parts[COLUMN_PART_PRESENCE]);
    v->order = bytes_of(p->parts[COLUMN_PART_ORDER]);
    if (c->type == COLUMN_STRING) TRY(open_dict(p->parts[COLUMN_PART_DICT], v));
    if (c->type != COLUMN_STRING && p->parts[COLUMN_PART_DICT].len) return ERR_DAMAGED;
    v->type = (enum column_type)c->type;
    return OK;
}

err columns_open(const struct column_schema *schema, uint32_t row_count,
                 const struct column_parts *parts, struct columns *out)
{
    struct columns c = {.schema = schema, .row_count = row_count};

    for (uint32_t i = 0; i < schema->count; i++) {
        c.views[i].row_count = row_count;
        TRY(open_view(&schema->columns[i], &parts[i], &c.views[i]));
    }
    *out = c;
    return OK;
}

str columns_text(const struct column_view *v, uint32_t code)
{
    if (code >= v->text_count) return STR("");
    uint32_t start = code ? column_view_u32(v->text_ends, code - 1) : 0;
    uint32_t end = column_view_u32(v->text_ends, code);
    if (start > end || end > v->text_bytes) return STR("");
    return (str){v->texts + start, end - start};
}

struct column_value columns_get(const struct columns *c, uint32_t row, uint32_t column)
{
    struct column_value out = {.type = COLUMN_ABSENT};

    assert(column < c->schema->count);
    const struct column_view *v = &c->views[column];
    if (v->type == COLUMN_ABSENT || row >= v->row_count || !column_view_is_present(v, row))
        return out;
    const uint8_t *from = v->values;
    uint32_t code;
    switch (v->type) {
    case COLUMN_I64: memcpy(&out.i64, from + row * sizeof(out.i64), sizeof(out.i64)); break;
    case COLUMN_F64: memcpy(&out.f64, from + row * sizeof(out.f64), sizeof(out.f64)); break;
    case COLUMN_BOOL: out.boolean = from[row] != 0; break;
    default:
        code = column_view_u32(from, row);
        if (code >= v->text_count) return out;
        out.text = columns_text(v, code);
    }
    out.type = v->type;
    return out;
}

uint32_t columns_code(const struct column_view *v, str text, bool is_after)
{
    uint32_t low = 0;
    uint32_t high = v->text_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (str_compare(columns_text(v, middle), text) < is_after) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Whether the row at a place of the order comes before what is searched for.
static bool is_before(const struct column_view *v, uint32_t place, uint64_t key, bool is_after)
{
    uint32_t row = column_view_row(v, place);

    if (row >= v->row_count || !column_view_is_present(v, row)) return false;
    uint64_t has = column_view_key(v, row);
    return has < key || (is_after && has == key);
}

uint32_t columns_place(const struct column_view *v, struct columns_search s, uint64_t key)
{
    while (s.from < s.to) {
        uint32_t middle = s.from + (s.to - s.from) / 2;
        if (is_before(v, middle, key, s.is_after)) {
            s.from = middle + 1;
        } else {
            s.to = middle;
        }
    }
    return s.from;
}
