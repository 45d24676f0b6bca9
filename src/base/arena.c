#include "base/arena.h"

#include "base/memory.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;  // of bytes
    size_t used;  // of bytes
    bool is_lent; // not ours to free
    alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, size_t chunk_size)
{
    assert(chunk_size > sizeof(struct arena_chunk));
    *a = (struct arena){.chunk_size = chunk_size};
}

void arena_init_in(struct arena *a, void *room, size_t size, size_t chunk_size)
{
    struct arena_chunk *chunk = room;

    assert(size > sizeof(*chunk) && (uintptr_t)room % alignof(max_align_t) == 0);
    arena_init(a, chunk_size);
    *chunk = (struct arena_chunk){.size = size - sizeof(*chunk), .is_lent = true};
    memory_poison(chunk->bytes, chunk->size);
    a->chunk = chunk;
}

void arena_reset(struct arena *a)
{
    while (a->chunk) {
        struct arena_chunk *next = a->chunk->next;
        memory_unpoison(a->chunk->bytes, a->chunk->size);
        if (!a->chunk->is_lent) memory_free(a->chunk);
        a->chunk = next;
    }
    a->held = 0;
}

static struct arena_chunk *chunk_add(struct arena *a, size_t needed)
{
    size_t ordinary = a->chunk_size - sizeof(struct arena_chunk);
    size_t size = needed > ordinary ? needed : ordinary;
    struct arena_chunk *chunk = memory_alloc_raw(sizeof(*chunk) + size);

    chunk->size = size;
    chunk->used = 0;
    chunk->is_lent = false;
    memory_poison(chunk->bytes, size);
    a->held += sizeof(*chunk) + size;
    // A chunk made for one large allocation is full; keep the ordinary one on top.
    if (a->chunk && needed > ordinary) {
        chunk->next = a->chunk->next;
        a->chunk->next = chunk;
    } else {
        chunk->next = a->chunk;
        a->chunk = chunk;
    }
    return chunk;
}

void *arena_alloc_raw(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    size_t needed = (size + align - 1) & ~(align - 1);
    struct arena_chunk *chunk = a->chunk;

    if (needed < size || needed > SIZE_MAX / 2) abort();
    if (!chunk || chunk->size - chunk->used < needed) chunk = chunk_add(a, needed);
    void *ptr = chunk->bytes + chunk->used;
    chunk->used += needed;
    memory_unpoison(ptr, size);
    return ptr;
}

void *arena_alloc(struct arena *a, size_t size)
{
    void *ptr = arena_alloc_raw(a, size);

    memset(ptr, 0, size);
    return ptr;
}

str arena_str(struct arena *a, str s)
{
    char *copy = arena_alloc_raw(a, s.len + 1);

    if (s.len) memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (str){.ptr = copy, .len = s.len};
}

str arena_format(struct arena *a, const char *format, ...)
{
    va_list args;
    va_list again;

    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    char *text = arena_alloc_raw(a, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, format, again); // measured just above
    va_end(again);
    return (str){.ptr = text, .len = (size_t)len};
}
