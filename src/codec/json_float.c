#include "codec/json_float.h"

#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Design
//
// A decimal of at most 2^53 and a power of ten up to 10^22 are doubles, so that their product or
// quotient is the double nearest to the number (Clinger 1990). Rounding that to a float is right
// unless it lies in the middle between two floats, as only then the rounding before has hidden on
// which side the number is. What is out of these bounds is left to the C library.

enum { POWERS = 23, DIGITS_MAX = 9 };

static const double powers[POWERS] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// value * 10^-scale, above zero.
struct decimal {
    uint64_t value;
    int scale;
};

// The float nearest to a decimal; false where that can't be told here.
static bool round_decimal(struct decimal d, float *out)
{
    double r = (double)d.value;
    uint64_t bits;

    if (d.value >> 53 || d.scale <= -POWERS || d.scale >= POWERS) return false;
    r = d.scale >= 0 ? r / powers[d.scale] : r * powers[-d.scale];
    if (r < (double)FLT_MIN || r > (double)FLT_MAX) return false;
    memcpy(&bits, &r, sizeof(bits));
    bool is_exact = d.scale <= 0 && r <= 0x1p53;
    if (!is_exact && (bits & 0x1fff'ffff) == 0x1000'0000) return false; // the middle of two
    *out = (float)r;
    return true;
}

// Digits and dot, without the sign; false where there are too many of them.
static bool read_digits(str s, size_t *at, struct decimal *d)
{
    bool is_fraction = false;
    int count = 0;

    for (; *at < s.len; *at += 1) {
        char c = s.ptr[*at];
        if (c == '.') {
            is_fraction = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        if (d->value) count++;
        if (count > 17) return false;
        d->value = d->value * 10 + (uint64_t)(c - '0');
        d->scale += is_fraction;
        if (d->scale >= 400) return false;
    }
    return true;
}

// The exponent, if there is one.
static bool read_exponent(str s, size_t at, struct decimal *d)
{
    bool is_negative = false;
    int exponent = 0;

    if (at == s.len) return true;
    for (at++; at < s.len; at++) {
        if (s.ptr[at] == '+') continue;
        if (s.ptr[at] == '-') {
            is_negative = true;
            continue;
        }
        exponent = exponent * 10 + (s.ptr[at] - '0');
        if (exponent > 400) return false;
    }
    d->scale += is_negative ? exponent : -exponent;
    return true;
}

static err read_slowly(str number, float *out)
{
    char text[JSON_FLOAT_READ_MAX + 1];

    if (number.len >= sizeof(text)) return ERR_RANGE;
    memcpy(text, number.ptr, number.len);
    text[number.len] = '\0';
    float value = strtof(text, NULL);
    if (!isfinite(value)) return ERR_RANGE;
    *out = value;
    return OK;
}

err json_float_read(str number, float *out)
{
    bool is_negative = str_starts(number, STR("-"));
    struct decimal d = {0, 0};
    size_t at = is_negative;
    float value = 0;

    if (!read_digits(number, &at, &d) || !read_exponent(number, at, &d))
        return read_slowly(number, out);
    if (d.value && !round_decimal(d, &value)) return read_slowly(number, out);
    *out = is_negative ? -value : value;
    return OK;
}

// The nearest decimal of so many digits, as the C library has it.
static struct decimal decimal_slowly(float value, int digits)
{
    char text[JSON_FLOAT_LEN_MAX];
    struct decimal d = {0, digits - 1};
    char *at = text;

    (void)snprintf(text, sizeof(text), "%.*e", digits - 1, (double)value); // of one length
    for (; *at != 'e'; at++) {
        if (*at != '.') d.value = d.value * 10 + (uint64_t)(*at - '0');
    }
    d.scale -= (int)strtol(at + 1, NULL, 10);
    return strtof(text, NULL) == value ? d : (struct decimal){0, 0};
}

// The shortest decimal that is nearest to no other float.
static struct decimal shortest(float value)
{
    double v = (double)value;
    int exponent = (int)floor(log10(v));
    struct decimal d;
    float again;

    for (int digits = 1; digits <= DIGITS_MAX; digits++) {
        d.scale = digits - 1 - exponent;
        if (d.scale <= -POWERS || d.scale >= POWERS) break;
        double scaled = d.scale >= 0 ? v * powers[d.scale] : v / powers[-d.scale];
        d.value = (uint64_t)(scaled + 0.5);
        if (round_decimal(d, &again) && again == value) return d;
    }
    for (int digits = 1; digits <= DIGITS_MAX; digits++) {
        d = decimal_slowly(value, digits);
        if (d.value) break;
    }
    return d;
}

// Digits as text, with a dot or zeros where they belong; an exponent where those would be many.
static size_t write_decimal(char *out, struct decimal d)
{
    char digits[NUMBER_U64_DIGITS_MAX];
    size_t at = 0;

    while (d.value % 10 == 0) {
        d.value /= 10;
        d.scale--;
    }
    int len = (int)number_from_u64(digits, d.value);
    int whole = len - d.scale; // digits before the dot
    bool is_plain = whole > -6 && whole <= 16;
    int dot = is_plain ? whole : 1;
    if (dot <= 0) {
        out[at++] = '0';
        out[at++] = '.';
    }
    for (int i = dot; i < 0; i++) {
        out[at++] = '0';
    }
    for (int i = 0; i < len || i < dot; i++) {
        if (i && i == dot) out[at++] = '.';
        out[at++] = i < len ? digits[i] : '0';
    }
    if (!is_plain) at += (size_t)snprintf(out + at, 8, "e%d", whole - 1);
    return at;
}

size_t json_float_write(char out[JSON_FLOAT_LEN_MAX], float value)
{
    size_t sign = signbit(value) ? 1 : 0;

    if (!isfinite(value)) return 0;
    out[0] = '-';
    if (value == 0) {
        out[sign] = '0';
        return sign + 1;
    }
    return sign + write_decimal(out + sign, shortest(fabsf(value)));
}
