// memory: the only door to malloc.
//
// Small allocations abort the process when memory is out (STYLE.md, "Types, errors, memory"), so
// nothing here returns NULL. Everything a peer controls is bounded before it gets here.
#pragma once

#include <stddef.h>

// Zeroed memory for `size` bytes, aligned for any type; memory_free() gives it back.
[[gnu::malloc, gnu::returns_nonnull]] void *memory_alloc(size_t size);

// The same without zeroing, for what is filled at once.
[[gnu::malloc, gnu::returns_nonnull]] void *memory_alloc_raw(size_t size);

// Takes NULL.
void memory_free(void *ptr);

#define memory_new(type) ((type *)memory_alloc(sizeof(type)))

// Tell AddressSanitizer that nobody may, or may again, touch these bytes. No-ops without it.
void memory_poison(const void *ptr, size_t size);
void memory_unpoison(const void *ptr, size_t size);
