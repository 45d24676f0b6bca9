#include "base/str.h"

#include <string.h>
#include <strings.h>

str str_from_c(const char *text)
{
    return (str){.ptr = text, .len = text ? strlen(text) : 0};
}

bool str_eq(str a, str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool str_eq_nocase_bytes(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

bool str_starts(str s, str prefix)
{
    return s.len >= prefix.len && str_eq((str){.ptr = s.ptr, .len = prefix.len}, prefix);
}

bool str_ends(str s, str suffix)
{
    return s.len >= suffix.len &&
           str_eq((str){.ptr = s.ptr + (s.len - suffix.len), .len = suffix.len}, suffix);
}

int str_compare(str a, str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;

    if (order) return order;
    return (a.len > b.len) - (a.len < b.len);
}

str str_sub(str s, size_t from, size_t len)
{
    if (from >= s.len) return (str){.ptr = s.ptr ? s.ptr + s.len : NULL, .len = 0};
    if (len > s.len - from) len = s.len - from;
    return (str){.ptr = s.ptr + from, .len = len};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

str str_trim(str s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

size_t str_find_char(str s, char c)
{
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;

    return at ? (size_t)(at - s.ptr) : s.len;
}

size_t str_find(str s, str needle)
{
    if (needle.len == 0) return 0;
    for (size_t from = 0; from + needle.len <= s.len;) {
        size_t at = from + str_find_char(str_sub(s, from, s.len), needle.ptr[0]);
        if (at + needle.len > s.len) break;
        if (memcmp(s.ptr + at, needle.ptr, needle.len) == 0) return at;
        from = at + 1;
    }
    return s.len;
}

str str_cut(str *rest, char sep)
{
    size_t at = str_find_char(*rest, sep);
    str head = str_sub(*rest, 0, at);

    *rest = str_sub(*rest, at + 1, rest->len);
    return head;
}

bool str_to_u64(str s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9) return false;
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (value > max) return false;
    *out = value;
    return true;
}
