#include "retrieval/vector/column_build.h"

#include "base/memory.h"

#include <assert.h>

// Design
//
// Sorting is radix sort, the lowest digit first, of row numbers alone: the values stay where they
// are, each pass reads them by row number. That is 8 bytes a row beside the values instead of 24,
// and stable, so that rows of one value ascend. Digits in which all rows agree are skipped: years
// take two passes, not six.

enum { DIGIT_BITS = 11, DIGITS = 6, BUCKETS = 1 << DIGIT_BITS, DICT_HEAD = 2, PIECE = 16'384 };

static size_t width_of(enum column_type type)
{
    static const size_t widths[COLUMN_TYPE_COUNT] = {
        [COLUMN_I64] = 8, [COLUMN_F64] = 8, [COLUMN_BOOL] = 1, [COLUMN_STRING] = 4};

    return widths[type];
}

void column_build_init(struct column_build *b, enum column_type type, uint32_t row_count,
                       uint64_t seed)
{
    assert(width_of(type) && row_count < UINT32_MAX);
    *b = (struct column_build){.type = type, .row_count = row_count};
    b->values = memory_alloc(column_build_bytes(b, COLUMN_PART_VALUES));
    b->presence = memory_alloc(column_build_bytes(b, COLUMN_PART_PRESENCE));
    text_set_init(&b->texts, seed);
}

void column_build_done(struct column_build *b)
{
    memory_free(b->values);
    memory_free(b->presence);
    memory_free(b->order);
    memory_free(b->texts_sorted);
    text_set_done(&b->texts);
    *b = (struct column_build){0};
}

err column_build_add(struct column_build *b, const struct column_value *value)
{
    uint32_t row = b->added;
    uint8_t *to = b->values + row * width_of(b->type);
    uint32_t number = 0;

    assert(row < b->row_count && !b->order);
    assert(value->type == COLUMN_ABSENT || value->type == b->type);
    switch (value->type) {
    case COLUMN_I64: memcpy(to, &value->i64, sizeof(value->i64)); break;
    case COLUMN_F64: memcpy(to, &value->f64, sizeof(value->f64)); break;
    case COLUMN_BOOL: *to = value->boolean; break;
    case COLUMN_STRING:
        TRY(text_set_add(&b->texts, value->text, &number));
        memcpy(to, &number, sizeof(number));
        break;
    default: break;
    }
    b->added++;
    if (value->type == COLUMN_ABSENT) return OK;
    b->presence[row / 8] |= (uint8_t)(1U << row % 8);
    b->present_count++;
    return OK;
}

static bool is_present(const struct column_build *b, uint32_t row)
{
    return b->presence[row / 8] >> row % 8 & 1;
}

// What rows are sorted by.
static uint64_t key_of(const struct column_build *b, uint32_t row)
{
    const uint8_t *from = b->values + row * width_of(b->type);
    struct column_value v = {.type = b->type};
    uint32_t code;

    switch (b->type) {
    case COLUMN_I64: memcpy(&v.i64, from, sizeof(v.i64)); break;
    case COLUMN_F64: memcpy(&v.f64, from, sizeof(v.f64)); break;
    case COLUMN_BOOL: return *from;
    default: memcpy(&code, from, sizeof(code)); return code;
    }
    return column_value_key(&v);
}

// Numbers of texts become their codes, their places in the order of texts.
static void rank_texts(struct column_build *b)
{
    uint32_t count = b->texts.count;
    uint32_t *codes = memory_alloc_raw(sizeof(*codes) * count);

    b->texts_sorted = memory_alloc_raw(sizeof(*codes) * count);
    text_set_sort(&b->texts, b->texts_sorted);
    for (uint32_t code = 0; code < count; code++) {
        codes[b->texts_sorted[code]] = code;
    }
    for (uint32_t row = 0; row < b->row_count; row++) {
        uint32_t number;
        if (!is_present(b, row)) continue;
        memcpy(&number, b->values + row * sizeof(number), sizeof(number));
        memcpy(b->values + row * sizeof(number), &codes[number], sizeof(*codes));
    }
    memory_free(codes);
}

// Present rows first, then the others, each ascending.
static void order_by_presence(struct column_build *b)
{
    uint32_t present = 0;
    uint32_t absent = b->present_count;

    for (uint32_t row = 0; row < b->row_count; row++) {
        b->order[is_present(b, row) ? present++ : absent++] = row;
    }
}

static void count_digits(const struct column_build *b, uint32_t (*counts)[BUCKETS])
{
    for (uint32_t i = 0; i < b->present_count; i++) {
        uint64_t key = key_of(b, b->order[i]);
        for (unsigned d = 0; d < DIGITS; d++) {
            counts[d][key >> d * DIGIT_BITS & (BUCKETS - 1)]++;
        }
    }
}

// Moves the row numbers of `from` to `to` by one digit, whose counts become places.
static void sort_by_digit(const struct column_build *b, unsigned digit, uint32_t *places,
                          const uint32_t *from, uint32_t *to)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < BUCKETS; i++) {
        uint32_t count = places[i];
        places[i] = at;
        at += count;
    }
    for (uint32_t i = 0; i < b->present_count; i++) {
        uint64_t key = key_of(b, from[i]);
        to[places[key >> digit * DIGIT_BITS & (BUCKETS - 1)]++] = from[i];
    }
}

static bool is_constant(const struct column_build *b, const uint32_t *counts, unsigned digit)
{
    uint64_t key = b->present_count ? key_of(b, b->order[0]) : 0;

    return counts[key >> digit * DIGIT_BITS & (BUCKETS - 1)] == b->present_count;
}

void column_build_sort(struct column_build *b)
{
    assert(b->added == b->row_count && !b->order);
    if (b->type == COLUMN_STRING) rank_texts(b);
    size_t size = sizeof(*b->order) * b->row_count;
    b->order = memory_alloc_raw(size);
    order_by_presence(b);
    uint32_t *other = memory_alloc_raw(size);
    uint32_t(*counts)[BUCKETS] = memory_alloc(sizeof(*counts) * DIGITS);
    count_digits(b, counts);
    for (unsigned d = 0; d < DIGITS; d++) {
        if (is_constant(b, counts[d], d)) continue;
        sort_by_digit(b, d, counts[d], b->order, other);
        uint32_t absent = b->row_count - b->present_count;
        if (absent)
            memcpy(other + b->present_count, b->order + b->present_count, absent * sizeof(*other));
        uint32_t *sorted = other;
        other = b->order;
        b->order = sorted;
    }
    memory_free(counts);
    memory_free(other);
}

uint64_t column_build_bytes(const struct column_build *b, enum column_part part)
{
    uint64_t rows = b->row_count;

    switch (part) {
    case COLUMN_PART_VALUES: return rows * width_of(b->type);
    case COLUMN_PART_PRESENCE: return (rows + 7) / 8;
    case COLUMN_PART_ORDER: return rows * sizeof(uint32_t);
    default: break;
    }
    if (b->type != COLUMN_STRING) return 0;
    return (DICT_HEAD + 1 + (uint64_t)b->texts.count) * sizeof(uint32_t) + b->texts.text_bytes;
}

static err write_part(struct column_sink *sink, enum column_part part, const void *bytes,
                      uint64_t len)
{
    return len ? sink->write(sink, part, (str){bytes, (size_t)len}) : OK;
}

// Bytes that are gathered before they go out.
struct piece {
    struct column_sink *sink;
    size_t len;
    char bytes[PIECE];
};

static err piece_flush(struct piece *p)
{
    size_t len = p->len;

    p->len = 0;
    return write_part(p->sink, COLUMN_PART_DICT, p->bytes, len);
}

static err piece_add(struct piece *p, const void *bytes, size_t len)
{
    if (len > PIECE - p->len) TRY(piece_flush(p));
    if (len > PIECE) return write_part(p->sink, COLUMN_PART_DICT, bytes, len);
    if (len) memcpy(p->bytes + p->len, bytes, len);
    p->len += len;
    return OK;
}

static err piece_add_word(struct piece *p, uint32_t word)
{
    return piece_add(p, &word, sizeof(word));
}

static err write_dict(const struct column_build *b, struct column_sink *sink)
{
    struct piece p = {.sink = sink};
    uint32_t offset = 0;

    TRY(piece_add_word(&p, b->texts.count));
    TRY(piece_add_word(&p, (uint32_t)b->texts.text_bytes));
    TRY(piece_add_word(&p, 0));
    for (uint32_t i = 0; i < b->texts.count; i++) {
        offset += (uint32_t)text_set_get(&b->texts, b->texts_sorted[i]).len;
        TRY(piece_add_word(&p, offset));
    }
    for (uint32_t i = 0; i < b->texts.count; i++) {
        str text = text_set_get(&b->texts, b->texts_sorted[i]);
        TRY(piece_add(&p, text.ptr, text.len));
    }
    return piece_flush(&p);
}

err column_build_write(const struct column_build *b, struct column_sink *sink)
{
    static const enum column_part fixed[] = {COLUMN_PART_VALUES, COLUMN_PART_PRESENCE,
                                             COLUMN_PART_ORDER};
    const void *const bytes[] = {b->values, b->presence, b->order};

    assert(b->order);
    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
        TRY(write_part(sink, fixed[i], bytes[i], column_build_bytes(b, fixed[i])));
    }
    return b->type == COLUMN_STRING ? write_dict(b, sink) : OK;
}
