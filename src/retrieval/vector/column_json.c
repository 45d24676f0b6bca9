#include "retrieval/vector/column_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { NUMBER_LEN_MAX = 400 };

static err read_f64(str number, double *out)
{
    char text[NUMBER_LEN_MAX + 1];

    if (number.len > NUMBER_LEN_MAX) return ERR_RANGE;
    memcpy(text, number.ptr, number.len);
    text[number.len] = '\0';
    double value = strtod(text, NULL); // the reader has checked the syntax
    if (!isfinite(value)) return ERR_RANGE;
    *out = value;
    return OK;
}

// Without a fraction or exponent all 64 bits count; with one, what a double can say.
static err read_i64(str number, int64_t *out)
{
    bool is_negative = str_starts(number, STR("-"));
    uint64_t max = (uint64_t)INT64_MAX + is_negative;
    uint64_t magnitude = 0;
    double value = 0;

    if (str_to_u64(str_sub(number, is_negative, number.len), max, &magnitude)) {
        *out = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
        return OK;
    }
    TRY(read_f64(number, &value));
    if (value != floor(value)) return ERR_TYPE;
    if (value < -0x1p53 || value > 0x1p53) return ERR_RANGE;
    *out = (int64_t)value;
    return OK;
}

err column_json_read(struct json_value v, enum column_type type, struct arena *arena,
                     struct column_value *out)
{
    struct column_value value = {.type = type};

    if (v.kind == JSON_NULL) {
        *out = (struct column_value){.type = COLUMN_ABSENT};
        return OK;
    }
    switch (type) {
    case COLUMN_I64:
        if (v.kind != JSON_NUMBER) return ERR_TYPE;
        TRY(read_i64(v.text, &value.i64));
        break;
    case COLUMN_F64:
        if (v.kind != JSON_NUMBER) return ERR_TYPE;
        TRY(read_f64(v.text, &value.f64));
        break;
    case COLUMN_BOOL:
        if (v.kind != JSON_TRUE && v.kind != JSON_FALSE) return ERR_TYPE;
        value.boolean = v.kind == JSON_TRUE;
        break;
    default:
        if (v.kind != JSON_STRING) return ERR_TYPE;
        value.text = json_decode(json_raw(v), arena);
        if (value.text.len > COLUMN_TEXT_MAX) return ERR_RANGE;
    }
    *out = value;
    return OK;
}

err column_json_read_member(const struct column_schema *s, str key, struct json_value v,
                            struct arena *arena, struct column_value *values)
{
    uint32_t column = 0;

    if (!column_schema_find(s, key, &column)) return OK;
    return column_json_read(v, (enum column_type)s->columns[column].type, arena, &values[column]);
}

err column_json_read_row(const struct column_schema *s, str object, struct arena *arena,
                         struct column_value *values)
{
    struct json_reader reader;
    enum json_kind kind;
    str key = STR("");
    err e = OK;

    json_reader_init(&reader, object);
    TRY(json_peek(&reader, &kind));
    if (kind != JSON_OBJECT) return ERR_TYPE;
    TRY(json_enter(&reader));
    while (!(e = json_member(&reader, &key))) {
        struct json_value v;
        TRY(json_value(&reader, &v));
        TRY(column_json_read_member(s, json_decode(key, arena), v, arena, values));
    }
    return e == ERR_EOF ? json_end(&reader) : e;
}

void column_json_write(struct json_writer *w, const struct column_value *value)
{
    switch (value->type) {
    case COLUMN_I64: json_write_i64(w, value->i64); break;
    case COLUMN_F64: json_write_double(w, value->f64); break;
    case COLUMN_BOOL: json_write_bool(w, value->boolean); break;
    case COLUMN_STRING: json_write_str(w, value->text); break;
    default: json_write_null(w);
    }
}
