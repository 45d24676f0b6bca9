#include "codec/json.h"

#include "codec/json_scan.h"
#include "codec/json_string.h"
#include "codec/utf8.h"

#include <assert.h>
#include <string.h>

// Design
//
// A walk is a pointer that moves over the text. Small inline functions pass one thing each: they
// take the pointer by address, advance it, and on false leave it at the offending byte. A whole
// value is passed by one loop, whose stack of open brackets is the reader's own, above the
// entered levels; so nesting costs a bit a level and no recursion.
// Strings are nearly all of a real text. They are scanned for special bytes (json_scan.h); only
// what stands at one is looked at closer, out of line (json_string.h).

// Where something ends, or the offending byte.
struct passed {
    const char *at;
    err error;
};

// What begins a value: its kind and one more, 0 for a byte that begins none.
static const uint8_t kind_after[256] = {
    ['n'] = JSON_NULL + 1,   ['f'] = JSON_FALSE + 1,  ['t'] = JSON_TRUE + 1,
    ['-'] = JSON_NUMBER + 1, ['0'] = JSON_NUMBER + 1, ['1'] = JSON_NUMBER + 1,
    ['2'] = JSON_NUMBER + 1, ['3'] = JSON_NUMBER + 1, ['4'] = JSON_NUMBER + 1,
    ['5'] = JSON_NUMBER + 1, ['6'] = JSON_NUMBER + 1, ['7'] = JSON_NUMBER + 1,
    ['8'] = JSON_NUMBER + 1, ['9'] = JSON_NUMBER + 1, ['"'] = JSON_STRING + 1,
    ['['] = JSON_ARRAY + 1,  ['{'] = JSON_OBJECT + 1,
};

static inline bool is_digit(char c)
{
    return (unsigned)(unsigned char)c - '0' <= 9;
}

static inline const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

// A string, behind its opening quote.
static inline bool pass_string(const char **at, const char *end)
{
    *at = json_scan(*at, end);
    if (*at < end && **at == '"') {
        *at += 1;
        return true;
    }
    struct json_string_end rest = json_string_pass(*at, end);
    *at = rest.at;
    return rest.is_valid;
}

static inline bool pass_digits(const char **at, const char *end)
{
    const char *p = *at;

    while (p < end && is_digit(*p)) {
        p++;
    }
    bool any = p > *at;
    *at = p;
    return any;
}

static bool pass_number(const char **at, const char *end)
{
    if (**at == '-') *at += 1;
    if (*at < end && **at == '0') {
        *at += 1;
    } else if (!pass_digits(at, end)) {
        return false;
    }
    if (*at < end && **at == '.') {
        *at += 1;
        if (!pass_digits(at, end)) return false;
    }
    if (*at < end && (**at | 0x20) == 'e') {
        *at += 1;
        if (*at < end && (**at == '+' || **at == '-')) *at += 1;
        if (!pass_digits(at, end)) return false;
    }
    return true;
}

static bool pass_word(const char **at, const char *end, str word)
{
    for (size_t i = 0; i < word.len; i++, *at += 1) {
        if (*at == end || **at != word.ptr[i]) return false;
    }
    return true;
}

// A value that nests nothing, or what is none.
static inline bool pass_scalar(const char **at, const char *end)
{
    if (**at == '"') {
        *at += 1;
        return pass_string(at, end);
    }
    switch (**at) {
    case 't': return pass_word(at, end, STR("true"));
    case 'f': return pass_word(at, end, STR("false"));
    case 'n': return pass_word(at, end, STR("null"));
    default: return kind_after[(unsigned char)**at] == JSON_NUMBER + 1 && pass_number(at, end);
    }
}

// A key with its colon, from the white space before it on. In `*key` what the quotes hold.
static inline bool pass_key(const char **at, const char *end, str *key)
{
    const char *p = skip_space(*at, end);

    *at = p;
    if (p == end || *p != '"') return false;
    *at = p + 1;
    if (!pass_string(at, end)) return false;
    *key = (str){.ptr = p + 1, .len = (size_t)(*at - p) - 2};
    *at = skip_space(*at, end);
    if (*at == end || **at != ':') return false;
    *at += 1;
    return true;
}

static inline void level_set(uint64_t *in_object, uint32_t level, bool is_object)
{
    uint64_t *word = &in_object[level / 64];
    uint64_t bit = UINT64_C(1) << level % 64;

    *word = is_object ? *word | bit : *word & ~bit;
}

static inline bool level_is_object(const uint64_t *in_object, uint32_t level)
{
    return in_object[level / 64] >> level % 64 & 1;
}

// A value of any depth, within `entered` levels.
static struct passed pass_value(uint64_t *in_object, uint32_t entered, const char *at,
                                const char *end)
{
    uint32_t depth = entered;
    bool is_object = false; // the innermost, if depth > entered
    str key;

    do {
        at = skip_space(at, end);
        if (at == end) return (struct passed){at, ERR_SYNTAX};
        if (*at == '{' || *at == '[') {
            if (depth == JSON_DEPTH_MAX) return (struct passed){at, ERR_LIMIT};
            is_object = *at == '{';
            level_set(in_object, depth++, is_object);
            at = skip_space(at + 1, end);
            if (at == end || *at != (is_object ? '}' : ']')) {
                if (is_object && !pass_key(&at, end, &key)) return (struct passed){at, ERR_SYNTAX};
                continue;
            }
        } else if (!pass_scalar(&at, end)) {
            return (struct passed){at, ERR_SYNTAX};
        }
        while (depth > entered) {
            at = skip_space(at, end);
            if (at < end && *at == ',') {
                at++;
                if (is_object && !pass_key(&at, end, &key)) return (struct passed){at, ERR_SYNTAX};
                break;
            }
            if (at == end || *at != (is_object ? '}' : ']')) return (struct passed){at, ERR_SYNTAX};
            at++;
            depth--;
            is_object = depth > entered && level_is_object(in_object, depth - 1);
        }
    } while (depth > entered);
    return (struct passed){at, OK};
}

void json_reader_init(struct json_reader *r, str text)
{
    *r = (struct json_reader){.text = text.len ? text : STR("")};
}

static inline const char *reader_end(const struct json_reader *r)
{
    return r->text.ptr + r->text.len;
}

static inline void reader_move(struct json_reader *r, const char *at)
{
    r->at = (size_t)(at - r->text.ptr);
}

static err reader_fail(struct json_reader *r, const char *at, err e)
{
    reader_move(r, at);
    r->error = e;
    return e;
}

err json_peek(struct json_reader *r, enum json_kind *out)
{
    if (r->error) return r->error;
    assert(r->place == JSON_BEFORE_VALUE);
    const char *at = skip_space(r->text.ptr + r->at, reader_end(r));
    unsigned kind = at < reader_end(r) ? kind_after[(unsigned char)*at] : 0;
    if (!kind) return reader_fail(r, at, ERR_SYNTAX);
    reader_move(r, at);
    *out = (enum json_kind)(kind - 1);
    return OK;
}

err json_value(struct json_reader *r, struct json_value *out)
{
    enum json_kind kind;

    TRY(json_peek(r, &kind));
    const char *start = r->text.ptr + r->at;
    struct passed p = pass_value(r->in_object, r->depth, start, reader_end(r));
    if (p.error) return reader_fail(r, p.at, p.error);
    reader_move(r, p.at);
    r->place = JSON_AFTER_VALUE;
    *out = (struct json_value){.kind = kind, .text = {start, (size_t)(p.at - start)}};
    return OK;
}

err json_enter(struct json_reader *r)
{
    enum json_kind kind;

    TRY(json_peek(r, &kind));
    if (kind != JSON_OBJECT && kind != JSON_ARRAY) return ERR_TYPE;
    const char *at = r->text.ptr + r->at;
    if (r->depth == JSON_DEPTH_MAX) return reader_fail(r, at, ERR_LIMIT);
    level_set(r->in_object, r->depth++, kind == JSON_OBJECT);
    reader_move(r, at + 1);
    r->place = JSON_AFTER_OPEN;
    return OK;
}

// Moves to the next member or element of the innermost, behind its comma.
static err reader_next(struct json_reader *r, char closing)
{
    struct json_value unread;

    if (r->place == JSON_BEFORE_VALUE) TRY(json_value(r, &unread));
    if (r->error) return r->error;
    const char *at = skip_space(r->text.ptr + r->at, reader_end(r));
    if (at == reader_end(r)) return reader_fail(r, at, ERR_SYNTAX);
    if (*at == closing) {
        reader_move(r, at + 1);
        r->depth--;
        r->place = JSON_AFTER_VALUE;
        return ERR_EOF;
    }
    if (r->place == JSON_AFTER_VALUE) {
        if (*at != ',') return reader_fail(r, at, ERR_SYNTAX);
        at++;
    }
    reader_move(r, at);
    r->place = JSON_BEFORE_VALUE;
    return OK;
}

err json_member(struct json_reader *r, str *key)
{
    assert(r->depth && level_is_object(r->in_object, r->depth - 1));
    TRY(reader_next(r, '}'));
    const char *at = r->text.ptr + r->at;
    if (!pass_key(&at, reader_end(r), key)) return reader_fail(r, at, ERR_SYNTAX);
    reader_move(r, at);
    return OK;
}

err json_element(struct json_reader *r)
{
    assert(r->depth && !level_is_object(r->in_object, r->depth - 1));
    return reader_next(r, ']');
}

err json_end(struct json_reader *r)
{
    if (r->error) return r->error;
    const char *at = skip_space(r->text.ptr + r->at, reader_end(r));
    if (at < reader_end(r) || r->depth || r->place != JSON_AFTER_VALUE)
        return reader_fail(r, at, ERR_SYNTAX);
    reader_move(r, at);
    return OK;
}

err json_check(str text, size_t *error_at)
{
    struct json_reader r;
    struct json_value v;

    json_reader_init(&r, text);
    err e = json_value(&r, &v);
    if (!e) e = json_end(&r);
    if (e && error_at) *error_at = r.at;
    return e;
}

str json_raw(struct json_value v)
{
    assert(v.kind == JSON_STRING);
    return str_sub(v.text, 1, v.text.len - 2);
}

// The UTF-16 code unit of the \u escape that begins `s`; UINT32_MAX where there is none.
static uint32_t escaped_unit(str s)
{
    if (s.len < JSON_UNICODE_ESCAPE || s.ptr[0] != '\\' || s.ptr[1] != 'u') return UINT32_MAX;
    return json_string_hex(s.ptr + 2);
}

// Decodes the escape that begins `s`, of a pair of surrogates both. Returns how many bytes it
// took and writes `*len` bytes, never more. A broken one stands for its backslash.
static size_t decode_escape(str s, char out[UTF8_SEQUENCE_MAX], size_t *len)
{
    char meaning = s.len > 1 ? json_string_escape(s.ptr[1]) : 0;
    uint32_t unit = escaped_unit(s);

    if (unit == UINT32_MAX) {
        *len = 1;
        out[0] = meaning ? meaning : '\\';
        return meaning ? JSON_SHORT_ESCAPE : 1;
    }
    if ((unit & 0xf800) != 0xd800) {
        *len = utf8_encode(out, unit);
        return JSON_UNICODE_ESCAPE;
    }
    uint32_t low = escaped_unit(str_sub(s, JSON_UNICODE_ESCAPE, s.len));
    if ((unit & 0xfc00) == 0xd800 && low != UINT32_MAX && (low & 0xfc00) == 0xdc00) {
        *len = utf8_encode(out, 0x10000 + ((unit & 0x3ff) << 10 | (low & 0x3ff)));
        return 2 * (size_t)JSON_UNICODE_ESCAPE;
    }
    *len = sizeof(UTF8_REPLACEMENT) - 1;
    memcpy(out, UTF8_REPLACEMENT, *len);
    return JSON_UNICODE_ESCAPE;
}

bool json_string_is(str raw, str name)
{
    char meaning[UTF8_SEQUENCE_MAX];
    size_t len;

    if (raw.len < name.len) return false; // an escape is longer than its meaning
    // Most keys are told apart here.
    if (name.len && raw.ptr[0] != name.ptr[0] && raw.ptr[0] != '\\') return false;
    for (;;) {
        str plain = str_sub(raw, 0, str_find_char(raw, '\\'));
        if (!str_starts(name, plain)) return false;
        name = str_sub(name, plain.len, name.len);
        if (plain.len == raw.len) return name.len == 0;
        raw = str_sub(raw, plain.len, raw.len);
        raw = str_sub(raw, decode_escape(raw, meaning, &len), raw.len);
        if (!str_starts(name, (str){.ptr = meaning, .len = len})) return false;
        name = str_sub(name, len, name.len);
    }
}

str json_decode(str raw, struct arena *arena)
{
    size_t plain = str_find_char(raw, '\\');
    size_t len;

    if (plain == raw.len) return raw;
    char *copy = arena_alloc_raw(arena, raw.len);
    char *to = copy;
    for (;;) {
        memcpy(to, raw.ptr, plain);
        to += plain;
        raw = str_sub(raw, plain, raw.len);
        if (raw.len == 0) break;
        raw = str_sub(raw, decode_escape(raw, to, &len), raw.len);
        to += len;
        plain = str_find_char(raw, '\\');
    }
    return (str){.ptr = copy, .len = (size_t)(to - copy)};
}

// A number without its sign: value * 10^scale, the value without trailing zeros.
struct decimal {
    uint64_t value;
    int64_t scale;
    bool is_above; // the value has more than 64 bits
};

static void decimal_times_ten(struct decimal *d, int64_t times)
{
    for (; times > 0 && d->value && !d->is_above; times--) {
        d->is_above = __builtin_mul_overflow(d->value, UINT64_C(10), &d->value);
    }
}

// Reads digits and dot from `at` on; returns where they end.
static const char *decimal_read(struct decimal *d, const char *at, const char *end)
{
    int64_t zeros = 0; // not yet in the value
    int64_t per_digit = 0;

    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            per_digit = -1;
            continue;
        }
        d->scale += per_digit;
        zeros++;
        if (*at == '0') continue;
        decimal_times_ten(d, zeros);
        zeros = 0;
        if (!d->is_above)
            d->is_above = __builtin_add_overflow(d->value, (uint64_t)(*at - '0'), &d->value);
    }
    d->scale += zeros;
    return at;
}

// The exponent from its 'e' on, 0 where there is none. No text is long enough to make up for one
// beyond the bounds it is held in.
static int64_t exponent_read(const char *at, const char *end)
{
    int64_t exponent = 0;
    bool is_negative = false;

    for (; at < end; at++) {
        if (*at == '-') is_negative = true;
        if (is_digit(*at) && exponent < INT64_C(1) << 56) exponent = exponent * 10 + (*at - '0');
    }
    return is_negative ? -exponent : exponent;
}

err json_to_u64(struct json_value v, uint64_t max, uint64_t *out)
{
    struct decimal d = {0};

    if (v.kind != JSON_NUMBER) return ERR_TYPE;
    const char *end = v.text.ptr + v.text.len;
    bool is_negative = str_starts(v.text, STR("-"));
    const char *exponent = decimal_read(&d, v.text.ptr + is_negative, end);
    d.scale += exponent_read(exponent, end);
    if (d.value || d.is_above) {
        if (d.scale < 0) return ERR_TYPE;
        decimal_times_ten(&d, d.scale);
        if (is_negative || d.is_above) return ERR_RANGE;
    }
    if (d.value > max) return ERR_RANGE;
    *out = d.value;
    return OK;
}
