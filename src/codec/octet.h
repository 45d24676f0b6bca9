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

// Marks, in the high bit of each byte, the control bytes among eight. Only the lowest mark is
// exact: the borrow of a subtraction may reach the bytes above one. After "Bit Twiddling Hacks"
// (S. Anderson), hasless(x,n) and haszero(v).
static inline uint64_t octet_mark_controls(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t del = eight ^ (ones * 0x7f);

    return (((eight - ones * 0x20) & ~eight) | ((del - ones) & ~del)) & (ones * 0x80);
}

// The first byte from `at` on that is not text; `end` if there is none.
static inline const char *octet_skip_text(const char *at, const char *end)
{
    uint64_t eight = 0;

    while (end - at >= (long)sizeof(eight)) {
        memcpy(&eight, at, sizeof(eight));
        uint64_t marks = octet_mark_controls(eight);
        if (!marks) {
            at += sizeof(eight);
            continue;
        }
        at += __builtin_ctzll(marks) / 8; // little endian: the lowest mark is the first byte
        if (*at != '\t') return at;
        at++;
    }
    while (at < end && octet_is(*at, OCTET_TEXT)) {
        at++;
    }
    return at;
}
