#include "retrieval/vector/row_values.h"

#include <assert.h>

// Where things lie in a row: offsets from its start.
struct layout {
    uint64_t present;
    size_t wide;
    size_t bools;
    size_t ends;
    size_t texts;
};

static unsigned count_bits(uint64_t mask)
{
    return (unsigned)__builtin_popcountll(mask);
}

static size_t mask_bytes(unsigned columns)
{
    return (columns + 7) / 8;
}

// A bit for each of the first `count`.
static uint64_t mask_below(unsigned count)
{
    return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

// False where the bytes end before the texts begin, or have no values.
static bool layout_read(const struct column_schema *s, str bytes, struct layout *out)
{
    struct layout l = {0};
    unsigned columns = bytes.len ? (unsigned char)bytes.ptr[0] : 0;

    if (columns == 0 || columns > s->count || bytes.len < 1 + mask_bytes(columns)) return false;
    memcpy(&l.present, bytes.ptr + 1, mask_bytes(columns));
    l.present &= mask_below(columns);
    l.wide = 1 + mask_bytes(columns);
    l.bools = l.wide + sizeof(uint64_t) * count_bits(l.present & s->wide_mask);
    l.ends = l.bools + count_bits(l.present & s->bool_mask);
    l.texts = l.ends + sizeof(uint16_t) * count_bits(l.present & s->string_mask);
    if (l.texts > bytes.len) return false;
    *out = l;
    return true;
}

// Where the text before number `text` ends and the one after it begins, from the first text on.
static size_t text_end(str bytes, const struct layout *l, unsigned text)
{
    uint16_t end;

    if (text == 0) return 0;
    memcpy(&end, bytes.ptr + l->ends + (text - 1) * sizeof(end), sizeof(end));
    return end;
}

static struct column_value read_text(str bytes, const struct layout *l, unsigned text)
{
    size_t start = text_end(bytes, l, text);
    size_t end = text_end(bytes, l, text + 1);

    if (start > end || end > bytes.len - l->texts)
        return (struct column_value){.type = COLUMN_ABSENT};
    return (struct column_value){.type = COLUMN_STRING,
                                 .text = {bytes.ptr + l->texts + start, end - start}};
}

struct column_value row_values_get(const struct column_schema *s, str bytes, uint32_t column)
{
    struct layout l;
    struct column_value v = {0};

    assert(column < s->count);
    uint64_t below = mask_below(column);
    if (!layout_read(s, bytes, &l) || !(l.present >> column & 1)) return v;
    v.type = (enum column_type)s->columns[column].type;
    const char *wide = bytes.ptr + l.wide + 8 * count_bits(l.present & below & s->wide_mask);
    switch (v.type) {
    case COLUMN_I64: memcpy(&v.i64, wide, sizeof(v.i64)); break;
    case COLUMN_F64: memcpy(&v.f64, wide, sizeof(v.f64)); break;
    case COLUMN_BOOL:
        v.boolean = bytes.ptr[l.bools + count_bits(l.present & below & s->bool_mask)] != 0;
        break;
    default: return read_text(bytes, &l, count_bits(l.present & below & s->string_mask));
    }
    return v;
}

err row_values_check(const struct column_schema *s, str bytes)
{
    struct layout l;

    if (bytes.len == 0) return OK;
    if (!layout_read(s, bytes, &l)) return ERR_DAMAGED;
    unsigned columns = (unsigned char)bytes.ptr[0];
    uint64_t stored = 0;
    memcpy(&stored, bytes.ptr + 1, mask_bytes(columns));
    if (stored != l.present || !(l.present >> (columns - 1) & 1)) return ERR_DAMAGED;
    for (size_t i = l.bools; i < l.ends; i++) {
        if ((unsigned char)bytes.ptr[i] > 1) return ERR_DAMAGED;
    }
    size_t at = 0;
    for (unsigned i = 1; i <= count_bits(l.present & s->string_mask); i++) {
        size_t end = text_end(bytes, &l, i);
        if (end < at || end - at > COLUMN_TEXT_MAX) return ERR_DAMAGED;
        at = end;
    }
    return at == bytes.len - l.texts ? OK : ERR_DAMAGED;
}

// What is present, and how long the row is going to be.
static err measure(const struct column_schema *s, const struct column_value *values,
                   struct layout *out, size_t *len)
{
    struct layout l = {0};
    size_t texts = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        if (values[i].type == COLUMN_ABSENT) continue;
        if (values[i].type != (enum column_type)s->columns[i].type) return ERR_TYPE;
        l.present |= UINT64_C(1) << i;
        if (values[i].type != COLUMN_STRING) continue;
        if (values[i].text.len > COLUMN_TEXT_MAX) return ERR_LIMIT;
        texts += values[i].text.len;
    }
    if (texts > ROW_VALUES_TEXT_MAX) return ERR_LIMIT;
    unsigned columns = l.present ? 64 - (unsigned)__builtin_clzll(l.present) : 0;
    l.wide = 1 + mask_bytes(columns);
    l.bools = l.wide + sizeof(uint64_t) * count_bits(l.present & s->wide_mask);
    l.ends = l.bools + count_bits(l.present & s->bool_mask);
    l.texts = l.ends + sizeof(uint16_t) * count_bits(l.present & s->string_mask);
    *len = columns ? l.texts + texts : 0;
    *out = l;
    return OK;
}

// Writes one value where its kind has come to.
static void put_value(char *row, struct layout *at, size_t texts_start,
                      const struct column_value *v)
{
    uint16_t end;

    switch (v->type) {
    case COLUMN_I64:
    case COLUMN_F64:
        if (v->type == COLUMN_I64) memcpy(row + at->wide, &v->i64, sizeof(v->i64));
        if (v->type == COLUMN_F64) memcpy(row + at->wide, &v->f64, sizeof(v->f64));
        at->wide += sizeof(uint64_t);
        break;
    case COLUMN_BOOL: row[at->bools++] = v->boolean; break;
    case COLUMN_STRING:
        if (v->text.len) memcpy(row + at->texts, v->text.ptr, v->text.len);
        at->texts += v->text.len;
        end = (uint16_t)(at->texts - texts_start);
        memcpy(row + at->ends, &end, sizeof(end));
        at->ends += sizeof(end);
        break;
    default: break;
    }
}

err row_values_encode(const struct column_schema *s, const struct column_value *values,
                      struct buf *out)
{
    struct layout at;
    size_t len = 0;
    char *row = NULL;

    TRY(measure(s, values, &at, &len));
    if (len == 0) return OK;
    TRY(buf_reserve(out, len, &row));
    unsigned columns = 64 - (unsigned)__builtin_clzll(at.present);
    row[0] = (char)columns;
    memcpy(row + 1, &at.present, mask_bytes(columns));
    size_t texts_start = at.texts;
    for (uint32_t i = 0; i < columns; i++) {
        put_value(row, &at, texts_start, &values[i]);
    }
    buf_grew(out, len);
    return OK;
}
