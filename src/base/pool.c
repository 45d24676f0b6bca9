#include "base/pool.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

struct pool_spare {
    struct pool_spare *next;
};

void pool_init(struct pool *p, size_t object_size, size_t spare_max)
{
    assert(object_size >= sizeof(struct pool_spare));
    *p = (struct pool){.object_size = object_size, .spare_max = spare_max};
}

void pool_done(struct pool *p)
{
    assert(p->live_count == 0);
    while (p->spare) {
        struct pool_spare *spare = p->spare;
        memory_unpoison(spare, p->object_size);
        p->spare = spare->next;
        memory_free(spare);
    }
    p->spare_count = 0;
}

void *pool_take_raw(struct pool *p)
{
    struct pool_spare *spare = p->spare;

    p->live_count++;
    if (!spare) return memory_alloc_raw(p->object_size);
    memory_unpoison(spare, p->object_size);
    p->spare = spare->next;
    p->spare_count--;
    return spare;
}

void *pool_take(struct pool *p)
{
    void *object = pool_take_raw(p);

    memset(object, 0, p->object_size);
    return object;
}

void pool_give(struct pool *p, void *object)
{
    struct pool_spare *spare = object;

    assert(p->live_count > 0);
    p->live_count--;
    if (p->spare_count >= p->spare_max) {
        memory_free(object);
        return;
    }
    spare->next = p->spare;
    p->spare = spare;
    p->spare_count++;
    memory_poison(object, p->object_size);
}
