#include "grpc/json_scalar.h"

#include "codec/base64.h"
#include "codec/json_string.h"
#include "codec/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_SHORT_MAX = 64 };

enum protobuf_wire json_scalar_wire(enum descriptor_type type)
{
    switch (type) {
    case DESCRIPTOR_DOUBLE:
    case DESCRIPTOR_FIXED64:
    case DESCRIPTOR_SFIXED64: return PROTOBUF_FIXED64;
    case DESCRIPTOR_FLOAT:
    case DESCRIPTOR_FIXED32:
    case DESCRIPTOR_SFIXED32: return PROTOBUF_FIXED32;
    case DESCRIPTOR_STRING:
    case DESCRIPTOR_BYTES: return PROTOBUF_BYTES;
    default: return PROTOBUF_VARINT;
    }
}

bool json_scalar_is_null(const struct descriptor_enum *e)
{
    return str_eq(e->name, STR("google.protobuf.NullValue"));
}

const char *json_scalar_expected(const struct descriptor_field *f)
{
    switch (f->type) {
    case DESCRIPTOR_DOUBLE:
    case DESCRIPTOR_FLOAT: return "a number";
    case DESCRIPTOR_BOOL: return "true or false";
    case DESCRIPTOR_STRING: return "a string";
    case DESCRIPTOR_BYTES: return "base64 in a string";
    case DESCRIPTOR_ENUM: return "a name or number of an enum";
    default: return "a whole number";
    }
}

// Whether all of `text` is a number as JSON writes it.
static bool is_number(str text)
{
    struct json_reader r;
    struct json_value v;

    json_reader_init(&r, text);
    return json_value(&r, &v) == OK && v.kind == JSON_NUMBER && v.text.len == text.len;
}

// Whole numbers of a type lie in -low..high.
struct bounds {
    uint64_t low;
    uint64_t high;
};

static struct bounds bounds_of(enum descriptor_type type)
{
    switch (type) {
    case DESCRIPTOR_UINT64:
    case DESCRIPTOR_FIXED64: return (struct bounds){0, UINT64_MAX};
    case DESCRIPTOR_UINT32:
    case DESCRIPTOR_FIXED32: return (struct bounds){0, UINT32_MAX};
    case DESCRIPTOR_INT64:
    case DESCRIPTOR_SINT64:
    case DESCRIPTOR_SFIXED64: return (struct bounds){UINT64_C(1) << 63, INT64_MAX};
    default: return (struct bounds){UINT64_C(1) << 31, INT32_MAX};
    }
}

static err read_whole(enum descriptor_type type, str number, uint64_t *out)
{
    struct bounds in = bounds_of(type);
    bool is_negative = str_starts(number, STR("-"));
    str digits = str_sub(number, is_negative, number.len);
    uint64_t value = 0;

    TRY(json_to_u64((struct json_value){.kind = JSON_NUMBER, .text = digits},
                    is_negative ? in.low : in.high, &value));
    if (is_negative) value = 0 - value;
    if (type == DESCRIPTOR_SINT32 || type == DESCRIPTOR_SINT64)
        value = protobuf_to_zigzag((int64_t)value);
    *out = value;
    return OK;
}

static uint64_t bits_of(enum descriptor_type type, double value, float narrow)
{
    uint64_t bits = 0;

    if (type == DESCRIPTOR_FLOAT) {
        memcpy(&bits, &narrow, sizeof(narrow));
    } else {
        memcpy(&bits, &value, sizeof(value));
    }
    return bits;
}

// The text is a number of JSON; strtod wants it to end with a NUL.
static err read_real(enum descriptor_type type, str number, struct arena *arena, uint64_t *out)
{
    char room[NUMBER_SHORT_MAX];
    const char *text = room;
    double value = 0;
    float narrow = 0;

    if (number.len < sizeof(room)) {
        memcpy(room, number.ptr, number.len);
        room[number.len] = '\0';
    } else {
        text = arena_str(arena, number).ptr;
    }
    // A float is rounded once: by way of a double it could be rounded twice.
    if (type == DESCRIPTOR_FLOAT) {
        narrow = strtof(text, NULL);
    } else {
        value = strtod(text, NULL);
    }
    if (!isfinite(value) || !isfinite(narrow)) return ERR_RANGE;
    *out = bits_of(type, value, narrow);
    return OK;
}

// What a number field may hold besides numbers.
static bool read_unreal(enum descriptor_type type, str text, uint64_t *out)
{
    double value = 0;

    if (str_eq(text, STR("NaN"))) {
        value = __builtin_nan("");
    } else if (str_eq(text, STR("Infinity"))) {
        value = __builtin_inf();
    } else if (str_eq(text, STR("-Infinity"))) {
        value = -__builtin_inf();
    } else {
        return false;
    }
    *out = bits_of(type, value, (float)value);
    return true;
}

static err read_number(const struct descriptor_field *f, str text, struct arena *arena,
                       struct json_scalar *out)
{
    bool is_real = f->type == DESCRIPTOR_DOUBLE || f->type == DESCRIPTOR_FLOAT;

    if (!is_real) return read_whole(f->type, text, &out->value);
    return read_real(f->type, text, arena, &out->value);
}

static err read_enum_name(const struct descriptor_enum *e, str name, struct json_scalar *out)
{
    const struct descriptor_enum_value *v = descriptor_value_by_name(e, name);

    if (!v) return ERR_ABSENT;
    out->value = (uint64_t)(int64_t)v->number;
    return OK;
}

static err read_enum_number(const struct descriptor_enum *e, str number, struct json_scalar *out)
{
    TRY(read_whole(DESCRIPTOR_INT32, number, &out->value));
    bool is_known = descriptor_value_by_number(e, (int32_t)(uint32_t)out->value);
    return is_known || e->is_open ? OK : ERR_ABSENT;
}

static err read_bytes(str text, struct arena *arena, struct json_scalar *out)
{
    char *room = arena_alloc_raw(arena, base64_decoded_max(text.len));

    out->bytes.ptr = room;
    return base64_decode(text, BASE64_LENIENT, room, &out->bytes.len) ? ERR_TYPE : OK;
}

// What stands in quotes, decoded.
static err read_string(const struct descriptor_field *f, str text, struct arena *arena,
                       struct json_scalar *out)
{
    switch (f->type) {
    case DESCRIPTOR_STRING: out->bytes = text; return OK;
    case DESCRIPTOR_BYTES: return read_bytes(text, arena, out);
    case DESCRIPTOR_ENUM: return read_enum_name(f->enumeration, text, out);
    case DESCRIPTOR_BOOL: return ERR_TYPE;
    case DESCRIPTOR_DOUBLE:
    case DESCRIPTOR_FLOAT:
        if (read_unreal(f->type, text, &out->value)) return OK;
        [[fallthrough]];
    default: return is_number(text) ? read_number(f, text, arena, out) : ERR_TYPE;
    }
}

static uint32_t unit_at(str raw, size_t at)
{
    bool is_unit =
        raw.len - at >= JSON_UNICODE_ESCAPE && raw.ptr[at] == '\\' && raw.ptr[at + 1] == 'u';

    return is_unit ? json_string_hex(raw.ptr + at + 2) : 0;
}

// Whether a checked string has a surrogate without its other half, which is no character.
static bool has_lone_surrogate(str raw)
{
    size_t at = str_find_char(raw, '\\');

    while (at < raw.len) {
        uint32_t unit = unit_at(raw, at);
        at += unit ? JSON_UNICODE_ESCAPE : JSON_SHORT_ESCAPE;
        if ((unit & 0xfc00) == 0xdc00) return true;
        if ((unit & 0xfc00) == 0xd800) {
            if ((unit_at(raw, at) & 0xfc00) != 0xdc00) return true;
            at += JSON_UNICODE_ESCAPE;
        }
        at += str_find_char(str_sub(raw, at, raw.len), '\\');
    }
    return false;
}

err json_scalar_read(const struct descriptor_field *f, struct json_value v, struct arena *arena,
                     struct json_scalar *out)
{
    struct json_scalar s = {.wire = json_scalar_wire(f->type)};
    bool is_number = s.wire != PROTOBUF_BYTES && f->type != DESCRIPTOR_BOOL;
    err e = ERR_TYPE;

    if (v.kind == JSON_STRING) {
        if (has_lone_surrogate(json_raw(v))) return ERR_TYPE;
        e = read_string(f, json_decode(json_raw(v), arena), arena, &s);
    } else if (f->type == DESCRIPTOR_ENUM) {
        if (v.kind == JSON_NUMBER) e = read_enum_number(f->enumeration, v.text, &s);
        if (v.kind == JSON_NULL && json_scalar_is_null(f->enumeration)) e = OK;
    } else if (v.kind == JSON_NUMBER && is_number) {
        e = read_number(f, v.text, arena, &s);
    } else if (f->type == DESCRIPTOR_BOOL && (v.kind == JSON_TRUE || v.kind == JSON_FALSE)) {
        s.value = v.kind == JSON_TRUE;
        e = OK;
    }
    if (!e) *out = s;
    return e;
}

err json_scalar_read_text(const struct descriptor_field *f, str text, struct arena *arena,
                          struct json_scalar *out)
{
    struct json_scalar s = {.wire = json_scalar_wire(f->type)};

    if (f->type == DESCRIPTOR_BOOL) {
        s.value = str_eq(text, STR("true"));
        if (!s.value && !str_eq(text, STR("false"))) return ERR_TYPE;
    } else if (f->type == DESCRIPTOR_ENUM && is_number(text)) {
        TRY(read_enum_number(f->enumeration, text, &s));
    } else if (f->type == DESCRIPTOR_STRING && !utf8_is_valid(text)) {
        return ERR_TYPE;
    } else {
        TRY(read_string(f, text, arena, &s));
    }
    *out = s;
    return OK;
}
