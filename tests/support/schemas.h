// schemas: the pools that tests of gRPC know.
#pragma once

#include "grpc/descriptor.h"
#include "grpc/own_descriptors.h"

#include "support/golden.h"
#include "support/test.h"

enum schemas_pool {
    SCHEMAS_OWN,     // proto/
    SCHEMAS_KINDS,   // tests/protobuf
    SCHEMAS_LIBRARY, // tests/transcode
    SCHEMAS_POOLS,
};

struct schemas {
    struct buf kinds;
    struct buf library;
    struct arena arena;
    struct diag diag;
    const struct descriptor_pool *pools[SCHEMAS_POOLS];
};

static inline void schemas_init(struct schemas *s)
{
    buf_init(&s->kinds, 1 << 20);
    buf_init(&s->library, 1 << 20);
    arena_init(&s->arena, 1 << 14);
    diag_init(&s->diag);
    golden_read("tests/protobuf/descriptors.bin", &s->kinds);
    golden_read("tests/transcode/descriptors.bin", &s->library);
    const str sets[SCHEMAS_POOLS] = {own_descriptors(), buf_view(&s->kinds), buf_view(&s->library)};
    for (size_t i = 0; i < SCHEMAS_POOLS; i++) {
        CHECK_EQ(descriptor_read(sets[i], &s->arena, &s->diag, &s->pools[i]), OK);
    }
}

static inline void schemas_done(struct schemas *s)
{
    diag_done(&s->diag);
    arena_reset(&s->arena);
    buf_done(&s->library);
    buf_done(&s->kinds);
}
