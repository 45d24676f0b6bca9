// schemas: the pools that tests of gRPC know: our own, and that of tests/protobuf.
#pragma once

#include "grpc/descriptor.h"
#include "grpc/own_descriptors.h"

#include "support/golden.h"
#include "support/test.h"

struct schemas {
    struct buf set;
    struct arena arena;
    struct diag diag;
    const struct descriptor_pool *pools[2]; // ours, and the one of the tests
};

static inline void schemas_init(struct schemas *s)
{
    buf_init(&s->set, 1 << 20);
    arena_init(&s->arena, 1 << 14);
    diag_init(&s->diag);
    golden_read("tests/protobuf/descriptors.bin", &s->set);
    CHECK_EQ(descriptor_read(own_descriptors(), &s->arena, &s->diag, &s->pools[0]), OK);
    CHECK_EQ(descriptor_read(buf_view(&s->set), &s->arena, &s->diag, &s->pools[1]), OK);
}

static inline void schemas_done(struct schemas *s)
{
    diag_done(&s->diag);
    arena_reset(&s->arena);
    buf_done(&s->set);
}
