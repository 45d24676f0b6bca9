#include "base/memory.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

void *memory_alloc(size_t size)
{
    void *ptr = calloc(1, size ? size : 1);

    if (!ptr) abort();
    return ptr;
}

void *memory_alloc_raw(size_t size)
{
    void *ptr = malloc(size ? size : 1);

    if (!ptr) abort();
    return ptr;
}

void memory_free(void *ptr)
{
    free(ptr);
}

#ifdef HAS_ASAN
void memory_poison(const void *ptr, size_t size)
{
    __asan_poison_memory_region(ptr, size);
}

void memory_unpoison(const void *ptr, size_t size)
{
    __asan_unpoison_memory_region(ptr, size);
}
#else
void memory_poison(const void *ptr, size_t size)
{
    (void)ptr;
    (void)size;
}

void memory_unpoison(const void *ptr, size_t size)
{
    (void)ptr;
    (void)size;
}
#endif
