#include "config/value.h"

#include <arpa/inet.h>
#include <string.h>

struct unit {
    str name;
    uint64_t size;
};

// Printing takes the first that divides, so the largest come first; sizes print in binary units.
static const struct unit durations[] = {{STR_INIT("h"), 3'600'000},
                                        {STR_INIT("m"), 60'000},
                                        {STR_INIT("s"), 1000},
                                        {STR_INIT("ms"), 1}};
static const struct unit sizes[] = {
    {STR_INIT("TiB"), UINT64_C(1) << 40},
    {STR_INIT("GiB"), 1 << 30},
    {STR_INIT("MiB"), 1 << 20},
    {STR_INIT("KiB"), 1 << 10},
    {STR_INIT("TB"), 1'000'000'000'000},
    {STR_INIT("GB"), 1'000'000'000},
    {STR_INIT("MB"), 1'000'000},
    {STR_INIT("KB"), 1000},
    {STR_INIT("B"), 1},
};

enum {
    DURATIONS = sizeof(durations) / sizeof(*durations),
    SIZES = sizeof(sizes) / sizeof(*sizes),
    SIZES_BINARY = 4,
    HOST_MAX = 253,
};

static err parse(str text, const struct unit *units, size_t count, uint64_t *out)
{
    size_t digits = 0;
    uint64_t number;

    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    str name = str_sub(text, digits, text.len);
    for (size_t i = 0; digits && i < count; i++) {
        if (!str_eq(name, units[i].name)) continue;
        if (!str_to_u64(str_sub(text, 0, digits), INT64_MAX / units[i].size, &number))
            return ERR_RANGE;
        *out = number * units[i].size;
        return OK;
    }
    return ERR_SYNTAX;
}

err value_duration(str text, uint64_t *out)
{
    if (str_eq(text, STR("0"))) {
        *out = 0;
        return OK;
    }
    return parse(text, durations, DURATIONS, out);
}

err value_size(str text, uint64_t *out)
{
    static const struct unit bare = {STR_INIT(""), 1};
    err e = parse(text, &bare, 1, out);

    return e == ERR_SYNTAX ? parse(text, sizes, SIZES, out) : e;
}

err value_decimal(str text, unsigned places, uint64_t *out)
{
    str decimals = text;
    str whole = str_cut(&decimals, '.');
    bool has_point = whole.len < text.len;
    uint64_t number = 0;
    uint64_t rest = 0;

    if (has_point && (!decimals.len || decimals.len > places)) return ERR_SYNTAX;
    if (has_point && !str_to_u64(decimals, UINT64_MAX, &rest)) return ERR_SYNTAX;
    for (size_t i = 0; i < whole.len; i++) {
        if (whole.ptr[i] < '0' || whole.ptr[i] > '9') return ERR_SYNTAX;
    }
    if (!whole.len) return ERR_SYNTAX;
    if (!str_to_u64(whole, INT64_MAX / 1'000'000, &number)) return ERR_RANGE;
    for (size_t i = 0; i < places; i++) {
        number *= 10;
        if (i >= decimals.len) rest *= 10;
    }
    *out = number + rest;
    return OK;
}

err value_share(str text, uint64_t *out)
{
    if (!str_ends(text, STR("%"))) return ERR_SYNTAX;
    return value_decimal(str_sub(text, 0, text.len - 1), 2, out);
}

err value_span(str text, uint64_t *from, uint64_t *to)
{
    uint64_t first = 0;
    uint64_t second = 0;

    if (!str_starts(text, STR("[")) || !str_ends(text, STR("]"))) return ERR_SYNTAX;
    str rest = str_sub(text, 1, text.len - 2);
    TRY(value_duration(str_trim(str_cut(&rest, ',')), &first));
    TRY(value_duration(str_trim(rest), &second));
    if (first > second) return ERR_RANGE;
    *from = first;
    *to = second;
    return OK;
}

err value_host(str host, bool is_bracketed)
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char bytes[16];

    if (is_bracketed) {
        if (!host.len || host.len >= sizeof(copy) || memchr(host.ptr, '\0', host.len))
            return ERR_SYNTAX;
        memcpy(copy, host.ptr, host.len);
        copy[host.len] = '\0';
        return inet_pton(AF_INET6, copy, bytes) == 1 ? OK : ERR_SYNTAX;
    }
    if (!host.len || host.len > HOST_MAX || host.ptr[0] == '.' || host.ptr[0] == '-')
        return ERR_SYNTAX;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_digit = c >= '0' && c <= '9';
        if (!is_letter && !is_digit && c != '-' && c != '_' && c != '.') return ERR_SYNTAX;
        if (c == '.' && i && host.ptr[i - 1] == '.') return ERR_SYNTAX;
    }
    return OK;
}

err value_address(str text)
{
    size_t colon = text.len;
    uint64_t port;

    while (colon && text.ptr[colon - 1] != ':') {
        colon--;
    }
    if (!colon) return ERR_SYNTAX;
    str host = str_sub(text, 0, colon - 1);
    str digits = str_sub(text, colon, text.len);
    if (digits.len > 5 || !str_to_u64(digits, UINT16_MAX, &port)) return ERR_SYNTAX;
    if (!host.len) return OK;
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        return value_host(str_sub(host, 1, host.len - 2), true);
    return value_host(host, false);
}

static err print(struct buf *out, uint64_t value, const struct unit *units, size_t count)
{
    size_t i = 0;

    while (i < count - 1 && (!value || value % units[i].size)) {
        i++;
    }
    TRY(buf_append_u64(out, value / units[i].size));
    return buf_append(out, units[i].name);
}

err value_print_duration(struct buf *out, uint64_t ms)
{
    return print(out, ms, durations, DURATIONS);
}

err value_print_decimal(struct buf *out, uint64_t value, unsigned places)
{
    char digits[8];
    uint64_t unit = 1;
    size_t len = 0;

    for (unsigned i = 0; i < places; i++) {
        unit *= 10;
    }
    TRY(buf_append_u64(out, value / unit));
    for (value %= unit; value; value %= unit) {
        unit /= 10;
        digits[len++] = (char)('0' + value / unit);
    }
    if (!len) return OK;
    TRY(buf_append_char(out, '.'));
    return buf_append(out, (str){.ptr = digits, .len = len});
}

err value_print_size(struct buf *out, uint64_t bytes)
{
    if (!bytes || bytes % 1024) {
        TRY(buf_append_u64(out, bytes));
        return buf_append(out, STR("B"));
    }
    return print(out, bytes, sizes, SIZES_BINARY);
}
