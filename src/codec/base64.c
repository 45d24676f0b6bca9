#include "codec/base64.h"

#include <string.h>

// Design
//
// Decoding looks every letter up and judges four of them by one test: all have the bit of a letter.
// The two alphabets differ in two letters, which have a bit of their own; what was met of those is
// judged at the end.

enum {
    VALUE = 63,
    LETTER = 64,
    ORDINARY = 128, // '+' or '/'
    URL_SAFE = 256, // '-' or '_'
};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const uint16_t letter_of[256] = {['A'] = LETTER | 0,
                                        ['B'] = LETTER | 1,
                                        ['C'] = LETTER | 2,
                                        ['D'] = LETTER | 3,
                                        ['E'] = LETTER | 4,
                                        ['F'] = LETTER | 5,
                                        ['G'] = LETTER | 6,
                                        ['H'] = LETTER | 7,
                                        ['I'] = LETTER | 8,
                                        ['J'] = LETTER | 9,
                                        ['K'] = LETTER | 10,
                                        ['L'] = LETTER | 11,
                                        ['M'] = LETTER | 12,
                                        ['N'] = LETTER | 13,
                                        ['O'] = LETTER | 14,
                                        ['P'] = LETTER | 15,
                                        ['Q'] = LETTER | 16,
                                        ['R'] = LETTER | 17,
                                        ['S'] = LETTER | 18,
                                        ['T'] = LETTER | 19,
                                        ['U'] = LETTER | 20,
                                        ['V'] = LETTER | 21,
                                        ['W'] = LETTER | 22,
                                        ['X'] = LETTER | 23,
                                        ['Y'] = LETTER | 24,
                                        ['Z'] = LETTER | 25,
                                        ['a'] = LETTER | 26,
                                        ['b'] = LETTER | 27,
                                        ['c'] = LETTER | 28,
                                        ['d'] = LETTER | 29,
                                        ['e'] = LETTER | 30,
                                        ['f'] = LETTER | 31,
                                        ['g'] = LETTER | 32,
                                        ['h'] = LETTER | 33,
                                        ['i'] = LETTER | 34,
                                        ['j'] = LETTER | 35,
                                        ['k'] = LETTER | 36,
                                        ['l'] = LETTER | 37,
                                        ['m'] = LETTER | 38,
                                        ['n'] = LETTER | 39,
                                        ['o'] = LETTER | 40,
                                        ['p'] = LETTER | 41,
                                        ['q'] = LETTER | 42,
                                        ['r'] = LETTER | 43,
                                        ['s'] = LETTER | 44,
                                        ['t'] = LETTER | 45,
                                        ['u'] = LETTER | 46,
                                        ['v'] = LETTER | 47,
                                        ['w'] = LETTER | 48,
                                        ['x'] = LETTER | 49,
                                        ['y'] = LETTER | 50,
                                        ['z'] = LETTER | 51,
                                        ['0'] = LETTER | 52,
                                        ['1'] = LETTER | 53,
                                        ['2'] = LETTER | 54,
                                        ['3'] = LETTER | 55,
                                        ['4'] = LETTER | 56,
                                        ['5'] = LETTER | 57,
                                        ['6'] = LETTER | 58,
                                        ['7'] = LETTER | 59,
                                        ['8'] = LETTER | 60,
                                        ['9'] = LETTER | 61,
                                        ['+'] = LETTER | ORDINARY | 62,
                                        ['/'] = LETTER | ORDINARY | 63,
                                        ['-'] = LETTER | URL_SAFE | 62,
                                        ['_'] = LETTER | URL_SAFE | 63};

static const uint16_t strangers[] = {
    [BASE64_STRICT] = URL_SAFE, [BASE64_URL] = ORDINARY, [BASE64_LENIENT] = 0};

static void encode_3(char *to, uint32_t bits)
{
    to[0] = letters[bits >> 18 & 63];
    to[1] = letters[bits >> 12 & 63];
    to[2] = letters[bits >> 6 & 63];
    to[3] = letters[bits & 63];
}

err base64_encode(struct buf *out, str bytes)
{
    const unsigned char *from = (const unsigned char *)bytes.ptr;
    size_t whole = bytes.len / 3;
    size_t rest = bytes.len % 3;
    char *to;

    TRY(buf_reserve(out, base64_encoded_len(bytes.len), &to));
    for (size_t i = 0; i < whole; i++, from += 3, to += 4) {
        encode_3(to, (uint32_t)(from[0] << 16 | from[1] << 8 | from[2]));
    }
    if (rest) {
        encode_3(to, (uint32_t)(from[0] << 16 | (rest == 2 ? from[1] << 8 : 0)));
        memset(to + 1 + rest, '=', 3 - rest);
    }
    buf_grew(out, base64_encoded_len(bytes.len));
    return OK;
}

// How many letters it has, without the padding; false where that can't be right.
static bool letters_of(str text, enum base64_kind kind, size_t *count)
{
    size_t len = text.len;

    while (len && text.len - len < 2 && text.ptr[len - 1] == '=') {
        len--;
    }
    *count = len;
    if (len % 4 == 1) return false;
    if (kind == BASE64_URL) return len == text.len;
    if (kind == BASE64_LENIENT && len == text.len) return true;
    return text.len % 4 == 0;
}

// Four letters as three bytes; what is missing of them stands as 'A'. Returns the bits that all of
// them have, and adds those that any has to `*any`.
static unsigned decode_4(const unsigned char *from, char *to, unsigned *any)
{
    unsigned a = letter_of[from[0]];
    unsigned b = letter_of[from[1]];
    unsigned c = letter_of[from[2]];
    unsigned d = letter_of[from[3]];
    unsigned bits = (a & VALUE) << 18 | (b & VALUE) << 12 | (c & VALUE) << 6 | (d & VALUE);

    to[0] = (char)(bits >> 16);
    to[1] = (char)(bits >> 8);
    to[2] = (char)bits;
    *any |= a | b | c | d;
    return a & b & c & d;
}

err base64_decode(str text, enum base64_kind kind, char *out, size_t *len)
{
    const unsigned char *from = (const unsigned char *)text.ptr;
    unsigned char last[4] = "AAAA";
    char bytes[3] = {0};
    unsigned any = 0;
    char *to = out;
    size_t count;

    if (!letters_of(text, kind, &count)) return ERR_SYNTAX;
    size_t rest = count % 4;
    for (size_t i = 0; i < count / 4; i++, from += 4, to += 3) {
        if (!(decode_4(from, to, &any) & LETTER)) return ERR_SYNTAX;
    }
    if (rest) {
        memcpy(last, from, rest);
        if (!(decode_4(last, bytes, &any) & LETTER)) return ERR_SYNTAX;
        if (bytes[2] || (rest == 2 && bytes[1])) return ERR_SYNTAX; // bits that mean nothing
        memcpy(to, bytes, rest - 1);
        to += rest - 1;
    }
    if (any & strangers[kind]) return ERR_SYNTAX;
    *len = (size_t)(to - out);
    return OK;
}
