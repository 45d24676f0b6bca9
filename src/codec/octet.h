// octet: what each byte may be in HTTP messages and URIs (RFC 9110 section 5.6, RFC 3986), for
// the codecs that walk them byte by byte.
//
// A class is a set of bytes. Text is what a field value may hold: everything but control bytes,
// tab aside. A target is a URI without white space, control bytes, bytes above 127 and "#". Host
// bytes are those of DNS names and IPv4 addresses and "_": fewer than RFC 3986 would allow.
// Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { OCTET_TOKEN = 1, OCTET_TEXT = 2, OCTET_TARGET = 4, OCTET_HOST = 8 };

extern const uint8_t octet_classes[256];

static inline bool octet_is(char c, unsigned classes)
{
    return (octet_classes[(unsigned char)c] & classes) != 0;
}

static inline bool octet_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool octet_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

// The value of a hexadecimal digit in either case; -1 for another byte.
int octet_hex_value(char c);

// How many of the eight bytes at `at` are text before the first that isn't. Each byte is judged in
// its own seven low bits, so that no carry reaches a neighbour.
static inline size_t octet_text_among_eight(const char *at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t eight = 0;

    memcpy(&eight, at, sizeof(eight));
    uint64_t low = eight & (ones * 0x7f);
    uint64_t is_not_low = low + ones * (0x80 - ' ');
    uint64_t is_not_tab = (low ^ (ones * '\t')) + ones * 0x7f;
    uint64_t is_del = low + ones;
    uint64_t marks = ((~is_not_low & is_not_tab) | is_del) & ~eight & (ones * 0x80);
    return marks ? (size_t)__builtin_ctzll(marks) / 8 : sizeof(eight);
}

// The first byte from `at` on that is not text; `end` if there is none.
static inline const char *octet_skip_text(const char *at, const char *end)
{
    while (end - at >= (long)sizeof(uint64_t)) {
        size_t len = octet_text_among_eight(at);
        // Not `at += len` in either case: the next load must not wait for this count.
        if (len < sizeof(uint64_t)) return at + len;
        at += sizeof(uint64_t);
    }
    while (at < end && octet_is(*at, OCTET_TEXT)) {
        at++;
    }
    return at;
}
