// column_room: the parts of one column, built in memory. A header alone.
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "retrieval/vector/columns.h"

#include "support/test.h"

enum { COLUMN_ROOM_MAX = 64 << 20 };

struct column_room {
    struct column_sink sink;
    struct buf parts[COLUMN_PART_COUNT];
};

static inline err column_room_write(struct column_sink *s, enum column_part part, str bytes)
{
    return buf_append(&container_of(s, struct column_room, sink)->parts[part], bytes);
}

// Of the values of a column in all rows, `stride` values apart.
static inline void column_room_build(struct column_room *r, enum column_type type,
                                     const struct column_value *values, uint32_t rows,
                                     uint32_t stride)
{
    struct column_build b;

    r->sink.write = column_room_write;
    column_build_init(&b, type, rows, rows);
    for (uint32_t i = 0; i < rows; i++) {
        CHECK_EQ(column_build_add(&b, &values[(size_t)i * stride]), OK);
    }
    for (int i = 0; i < COLUMN_PART_COUNT; i++) {
        buf_init(&r->parts[i], COLUMN_ROOM_MAX);
    }
    uint64_t dict_bytes = column_build_bytes(&b, COLUMN_PART_DICT);
    column_build_sort(&b);
    CHECK_EQ(column_build_write(&b, &r->sink), OK);
    CHECK_EQ(buf_len(&r->parts[COLUMN_PART_DICT]), dict_bytes);
    for (int i = 0; i < COLUMN_PART_COUNT; i++) {
        CHECK_EQ(buf_len(&r->parts[i]), column_build_bytes(&b, (enum column_part)i));
    }
    column_build_done(&b);
}

static inline struct column_parts column_room_parts(const struct column_room *r)
{
    struct column_parts p;

    for (int i = 0; i < COLUMN_PART_COUNT; i++) {
        p.parts[i] = buf_view(&r->parts[i]);
    }
    return p;
}

static inline void column_room_done(struct column_room *r)
{
    for (int i = 0; i < COLUMN_PART_COUNT; i++) {
        buf_done(&r->parts[i]);
    }
}
