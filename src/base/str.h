// str: a read-only view of bytes somebody else owns.
//
// Pass and return it by value. It is not NUL-terminated and may hold any byte. A str is valid as
// long as its owner is; arena_str() keeps one longer. Letters are ASCII letters wherever case is
// ignored: HTTP, URIs and JSON need no more.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct str {
    const char *ptr;
    size_t len;
} str;

#define STR(literal) ((str){.ptr = "" literal, .len = sizeof(literal) - 1})

// The same for static initialisers, where a compound literal is no constant.
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        .ptr = "" literal, .len = sizeof(literal) - 1                                              \
    }

// printf("%" STR_FMT, STR_ARG(s))
#define STR_FMT ".*s"
#define STR_ARG(s) (int)(s).len, (s).ptr

// A view of a NUL-terminated string; empty for NULL.
str str_from_c(const char *text);

bool str_eq(str a, str b);
// The bytes of two texts of one length.
bool str_eq_nocase_bytes(const char *a, const char *b, size_t len);

static inline bool str_eq_nocase(str a, str b)
{
    return a.len == b.len && str_eq_nocase_bytes(a.ptr, b.ptr, a.len);
}

bool str_starts(str s, str prefix);
bool str_ends(str s, str suffix);

// Orders bytes as unsigned; a prefix comes first. Below, at or above zero.
int str_compare(str a, str b);

// The part of `s` from `from` on, at most `len` bytes; clipped to what is there.
str str_sub(str s, size_t from, size_t len);

// Without spaces and tabs at either end.
str str_trim(str s);

// Where `c`, or the text `needle`, first stands in `s`; s.len where it doesn't.
size_t str_find_char(str s, char c);
size_t str_find(str s, str needle);

// Cuts `*rest` at the first `sep`: returns what precedes it and leaves what follows in `*rest`.
// Without a `sep`, returns the whole and leaves `*rest` empty.
str str_cut(str *rest, char sep);

// Reads all of `s` as an unsigned decimal number. False if it is empty, holds another character
// or exceeds `max`; `*out` is then untouched.
bool str_to_u64(str s, uint64_t max, uint64_t *out);
