// arena: memory that is freed all at once.
//
// Every request owns one; whatever lives exactly as long as the request comes from it and is never
// freed by hand. Allocation moves a pointer. Bytes not handed out are poisoned under
// AddressSanitizer. Not thread-safe: an arena belongs to one loop.
#pragma once

#include "base/str.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; // newest first; NULL until the first allocation
    size_t chunk_size;         // bytes asked for an ordinary chunk, its header included
    size_t held;               // bytes of all chunks
};

// Allocates nothing yet. Chunks are of `chunk_size` bytes, larger where one allocation needs it.
void arena_init(struct arena *a, size_t chunk_size);

// The same, with `size` bytes at `room`, aligned for any type, as its first chunk: what lies inside
// a recycled object costs no allocation. The room is given up at the first arena_reset().
void arena_init_in(struct arena *a, void *room, size_t size, size_t chunk_size);

// Frees everything. The arena is empty and usable again.
void arena_reset(struct arena *a);

// Memory aligned for any type; zeroed, or unset with _raw for what is filled at once.
[[gnu::malloc, gnu::returns_nonnull]] void *arena_alloc(struct arena *a, size_t size);
[[gnu::malloc, gnu::returns_nonnull]] void *arena_alloc_raw(struct arena *a, size_t size);

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, count) ((type *)arena_alloc((a), sizeof(type) * (count)))

// A copy of `s` that lives as long as the arena; NUL-terminated for the sake of C interfaces.
str arena_str(struct arena *a, str s);

// printf into the arena; NUL-terminated too.
[[gnu::format(printf, 2, 3)]] str arena_format(struct arena *a, const char *format, ...);
