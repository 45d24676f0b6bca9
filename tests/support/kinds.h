// kinds: the descriptors of tests/protobuf, and its samples, for tests of what reads them.
#pragma once

#include "grpc/descriptor.h"

#include "support/golden.h"
#include "support/test.h"

enum { KINDS_FILE_MAX = 1 << 20 };

struct kinds {
    struct buf set;
    struct arena arena;
    const struct descriptor_pool *pool;
};

static inline void kinds_begin(struct kinds *k)
{
    struct diag d;

    buf_init(&k->set, KINDS_FILE_MAX);
    arena_init(&k->arena, 4096);
    diag_init(&d);
    golden_read("tests/protobuf/descriptors.bin", &k->set);
    CHECK_EQ(descriptor_read(buf_view(&k->set), &k->arena, &d, &k->pool), OK);
    diag_done(&d);
}

static inline void kinds_end(struct kinds *k)
{
    buf_done(&k->set);
    arena_reset(&k->arena);
}

static inline const struct descriptor_message *kinds_message(const struct kinds *k, str name)
{
    const struct descriptor_message *m = descriptor_find_message(k->pool, name);

    if (!m) test_fail(__FILE__, __LINE__, "no message %" STR_FMT, STR_ARG(name));
    return m;
}

// Samples: NAME.json is what NAME.txt is as JSON, NAME.bin what protoc made of it.
static const struct {
    const char *name;
    str message;
} kinds_samples[] = {
    {"all", STR_INIT("test.All")},
    {"empty", STR_INIT("test.All")},
    {"maps", STR_INIT("test.Maps")},
    {"old", STR_INIT("test.old.Old")},
    {"oneof_color", STR_INIT("test.OneOf")},
    {"oneof_inner", STR_INIT("test.OneOf")},
    {"oneof_nothing", STR_INIT("test.OneOf")},
    {"oneof_number", STR_INIT("test.OneOf")},
    {"oneof_raw", STR_INIT("test.OneOf")},
    {"oneof_text", STR_INIT("test.OneOf")},
    {"present", STR_INIT("test.Present")},
    {"repeated", STR_INIT("test.Repeated")},
    {"scalars", STR_INIT("test.Scalars")},
    {"well_known", STR_INIT("test.WellKnown")},
};

enum { KINDS_SAMPLES = sizeof(kinds_samples) / sizeof(*kinds_samples) };

// Reads tests/protobuf/NAME.SUFFIX.
static inline void kinds_read(struct kinds *k, const char *name, const char *suffix,
                              struct buf *out)
{
    buf_clear(out);
    golden_read(arena_format(&k->arena, "tests/protobuf/%s.%s", name, suffix).ptr, out);
}
