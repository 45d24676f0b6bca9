#include "codec/json_write.h"

#include "base/number.h"
#include "codec/json_scan.h"
#include "codec/utf8.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ESCAPE_MAX = 6, // \u001f
    PIECE_MAX = 128,
    DOUBLE_MAX = 32,
    DOUBLE_DIGITS_MAX = 17,
    FLOAT_DIGITS_MAX = 9,
};

// Bytes that have an escape of two characters: its letter.
static const char escape_letter[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
    ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
};

void json_write_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

// Of the innermost open level, which there is.
static bool level_has(const struct json_writer *w, const uint64_t *bits)
{
    return bits[(w->depth - 1) / 64] >> (w->depth - 1) % 64 & 1;
}

static void level_set(const struct json_writer *w, uint64_t *bits, bool value)
{
    uint64_t *word = &bits[(w->depth - 1) / 64];
    uint64_t bit = UINT64_C(1) << (w->depth - 1) % 64;

    *word = value ? *word | bit : *word & ~bit;
}

static void write_text(struct json_writer *w, str text)
{
    if (!w->error) w->error = buf_append(w->out, text);
}

// The comma before a member or element, but the first.
static void write_comma(struct json_writer *w)
{
    if (w->depth == 0) return;
    if (level_has(w, w->has_member)) write_text(w, STR(","));
    level_set(w, w->has_member, true);
}

// What comes before any value.
static void begin_value(struct json_writer *w)
{
    assert(w->depth == 0 || w->is_after_key == level_has(w, w->in_object));
    if (!w->is_after_key) write_comma(w);
    w->is_after_key = false;
}

static void open_level(struct json_writer *w, bool is_object)
{
    assert(w->depth < JSON_WRITE_DEPTH_MAX);
    begin_value(w);
    w->depth++;
    level_set(w, w->has_member, false);
    level_set(w, w->in_object, is_object);
    write_text(w, is_object ? STR("{") : STR("["));
}

static void close_level(struct json_writer *w, bool is_object)
{
    assert(w->depth && !w->is_after_key && is_object == level_has(w, w->in_object));
    w->depth--;
    write_text(w, is_object ? STR("}") : STR("]"));
}

void json_write_object(struct json_writer *w)
{
    open_level(w, true);
}

void json_write_object_end(struct json_writer *w)
{
    close_level(w, true);
}

void json_write_array(struct json_writer *w)
{
    open_level(w, false);
}

void json_write_array_end(struct json_writer *w)
{
    close_level(w, false);
}

void json_write_key(struct json_writer *w, str key)
{
    assert(w->depth && !w->is_after_key && level_has(w, w->in_object));
    write_comma(w);
    if (!w->error) w->error = json_write_quoted(w->out, key);
    write_text(w, STR(":"));
    w->is_after_key = true;
}

void json_write_str(struct json_writer *w, str value)
{
    begin_value(w);
    if (!w->error) w->error = json_write_quoted(w->out, value);
}

void json_write_u64(struct json_writer *w, uint64_t value)
{
    char digits[NUMBER_U64_DIGITS_MAX];

    begin_value(w);
    write_text(w, (str){.ptr = digits, .len = number_from_u64(digits, value)});
}

void json_write_i64(struct json_writer *w, int64_t value)
{
    char digits[1 + NUMBER_U64_DIGITS_MAX] = "-";
    bool is_negative = value < 0;
    uint64_t magnitude = is_negative ? 0 - (uint64_t)value : (uint64_t)value;

    begin_value(w);
    size_t len = number_from_u64(digits + is_negative, magnitude);
    write_text(w, (str){.ptr = digits, .len = is_negative + len});
}

// A finite number in as few digits as read back as it is. Any decimal of up to `digits` of them
// survives the way there and back, but for subnormals, and %g drops trailing zeros.
static void write_number(struct json_writer *w, double value, int digits, int digits_max)
{
    char text[DOUBLE_MAX];
    int len = 0;

    begin_value(w);
    for (; digits <= digits_max; digits++) {
        len = snprintf(text, sizeof(text), "%.*g", digits, value);
        assert(len > 0 && len < DOUBLE_MAX);
        bool is_same = digits_max == FLOAT_DIGITS_MAX ? strtof(text, NULL) == (float)value
                                                      : strtod(text, NULL) == value;
        if (is_same) break;
    }
    write_text(w, (str){.ptr = text, .len = (size_t)len});
}

void json_write_double(struct json_writer *w, double value)
{
    if (!isfinite(value)) {
        json_write_null(w);
        return;
    }
    write_number(w, value, fabs(value) < DBL_MIN ? 1 : DBL_DIG, DOUBLE_DIGITS_MAX);
}

void json_write_float(struct json_writer *w, float value)
{
    if (!isfinite(value)) {
        json_write_null(w);
        return;
    }
    write_number(w, (double)value, fabsf(value) < FLT_MIN ? 1 : FLT_DIG, FLOAT_DIGITS_MAX);
}

void json_write_bool(struct json_writer *w, bool value)
{
    begin_value(w);
    write_text(w, value ? STR("true") : STR("false"));
}

void json_write_null(struct json_writer *w)
{
    begin_value(w);
    write_text(w, STR("null"));
}

void json_write_raw(struct json_writer *w, str text)
{
    begin_value(w);
    write_text(w, text);
}

// Writes what stands for the special byte or sequence that begins `*s`, which it takes from there.
static char *write_special(char *to, str *s)
{
    unsigned char c = (unsigned char)s->ptr[0];
    size_t taken = 1;

    if (escape_letter[c]) {
        *to++ = '\\';
        *to++ = escape_letter[c];
    } else if (c < 0x20) {
        memcpy(to, "\\u00", 4);
        to[4] = (char)('0' + (c >> 4));
        to[5] = "0123456789abcdef"[c & 15];
        to += ESCAPE_MAX;
    } else if ((taken = utf8_sequence(*s)) > 0) {
        memcpy(to, s->ptr, taken);
        to += taken;
    } else {
        taken = utf8_bad_sequence(*s);
        memcpy(to, UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1);
        to += sizeof(UTF8_REPLACEMENT) - 1;
    }
    *s = str_sub(*s, taken, s->len);
    return to;
}

err json_write_escaped(struct buf *out, str value)
{
    char piece[PIECE_MAX + ESCAPE_MAX]; // what is escaped gathers here, with the bits between

    while (value.len) {
        const char *end = value.ptr + value.len;
        size_t plain = (size_t)(json_scan(value.ptr, end) - value.ptr);
        TRY(buf_append(out, str_sub(value, 0, plain)));
        if (plain == value.len) return OK;
        value = str_sub(value, plain, value.len);
        char *to = piece;
        while (value.len && to < piece + PIECE_MAX) {
            if (json_scan_is_special(value.ptr[0])) {
                to = write_special(to, &value);
            } else {
                *to++ = value.ptr[0];
                value = str_sub(value, 1, value.len);
            }
        }
        TRY(buf_append(out, (str){.ptr = piece, .len = (size_t)(to - piece)}));
    }
    return OK;
}

err json_write_quoted(struct buf *out, str value)
{
    TRY(buf_append_char(out, '"'));
    TRY(json_write_escaped(out, value));
    return buf_append_char(out, '"');
}
