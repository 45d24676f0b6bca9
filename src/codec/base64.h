// base64: bytes as letters (RFC 4648).
//
// Written in the ordinary alphabet with padding. Read in that or the URL-safe alphabet: strictly
// the one, or leniently both, padded or not. Bits that padding leaves unused must be zero either
// way, so that one text stands for one sequence of bytes. Pure.
#pragma once

#include "base/buf.h"

enum base64_kind {
    BASE64_STRICT,  // the ordinary alphabet, padded
    BASE64_URL,     // the URL-safe alphabet, not padded
    BASE64_LENIENT, // either, also mixed
};

// The length of what base64_encode() appends.
static inline size_t base64_encoded_len(size_t len)
{
    return (len + 2) / 3 * 4;
}

// The most bytes that a text of this length stands for.
static inline size_t base64_decoded_max(size_t len)
{
    return len / 4 * 3 + len % 4;
}

// Appends the letters of `bytes`. ERR_LIMIT where they don't fit; nothing was appended then.
err base64_encode(struct buf *out, str bytes);

// The bytes of `text`, of which there are `*len`, into `out`, which has room for
// base64_decoded_max(). ERR_SYNTAX: it is none of that kind; `out` is then unset.
err base64_decode(str text, enum base64_kind kind, char *out, size_t *len);
