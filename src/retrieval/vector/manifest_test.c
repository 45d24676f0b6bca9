#include "retrieval/vector/manifest.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

static const struct manifest_segment two_segments[] = {
    {{1, 2, 3, 0xab}, STR_INIT("seg-one.vseg"), 0, 1000, 0},
    {{0xff, 0x10}, STR_INIT("seg-two.vseg"), 7, 5, 5},
};

static const struct manifest example = {
    .generation = 12,
    .checkpoint_lsn = 345,
    .rotation_seed = UINT64_MAX,
    .schema = STR_INIT("columns"),
    .segments = two_segments,
    .segment_count = 2,
};

static void encode(const struct manifest *m, struct buf *out)
{
    buf_init(out, MANIFEST_BYTES_MAX);
    CHECK_EQ(manifest_encode(m, out), OK);
}

TEST(manifest_is_read_as_it_was_written)
{
    struct arena arena;
    struct manifest m;
    struct buf bytes;

    arena_init(&arena, 1000);
    encode(&example, &bytes);
    CHECK_EQ(manifest_decode(buf_view(&bytes), &arena, &m), OK);
    buf_done(&bytes); // it stands on its own
    CHECK_EQ(m.generation, 12);
    CHECK_EQ(m.checkpoint_lsn, 345);
    CHECK(m.rotation_seed == UINT64_MAX);
    CHECK_STR(m.schema, "columns");
    CHECK_EQ(m.segment_count, 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK_EQ(memcmp(m.segments[i].uuid, two_segments[i].uuid, MANIFEST_UUID_BYTES), 0);
        CHECK_SAME(m.segments[i].name, two_segments[i].name);
        CHECK_EQ(m.segments[i].tombstone_generation, two_segments[i].tombstone_generation);
        CHECK_EQ(m.segments[i].rows, two_segments[i].rows);
        CHECK_EQ(m.segments[i].dead_rows, two_segments[i].dead_rows);
    }
    arena_reset(&arena);
}

TEST(manifest_may_be_empty)
{
    struct arena arena;
    struct manifest m = example;
    struct buf bytes;

    arena_init(&arena, 1000);
    m.segment_count = 0;
    m.schema = STR("");
    encode(&m, &bytes);
    CHECK_EQ(manifest_decode(buf_view(&bytes), &arena, &m), OK);
    CHECK_EQ(m.segment_count, 0);
    CHECK_EQ(m.schema.len, 0);
    buf_done(&bytes);
    arena_reset(&arena);
}

TEST(manifest_notices_every_flipped_bit_and_every_cut)
{
    struct arena arena;
    struct manifest m;
    struct buf bytes;

    arena_init(&arena, 1000);
    encode(&example, &bytes);
    for (size_t bit = 0; bit < buf_len(&bytes) * 8; bit++) {
        bytes.bytes[bit / 8] ^= (char)(1 << bit % 8);
        CHECK_EQ(manifest_decode(buf_view(&bytes), &arena, &m), ERR_DAMAGED);
        bytes.bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t len = 0; len < buf_len(&bytes); len++) {
        CHECK_EQ(manifest_decode(str_sub(buf_view(&bytes), 0, len), &arena, &m), ERR_DAMAGED);
    }
    CHECK_EQ(buf_append(&bytes, STR("12345678")), OK);
    CHECK_EQ(manifest_decode(buf_view(&bytes), &arena, &m), ERR_DAMAGED);
    buf_done(&bytes);
    arena_reset(&arena);
}

// Written with a right checksum, and still not believed.
TEST(manifest_believes_no_name_that_leads_elsewhere)
{
    static const str names[] = {STR_INIT("../seg"), STR_INIT("/seg"), STR_INIT("a\0b"),
                                STR_INIT(".hidden")};
    struct arena arena;
    struct manifest_segment segment = two_segments[0];
    struct manifest m = example;
    struct manifest out;
    struct buf bytes;

    arena_init(&arena, 1000);
    m.segments = &segment;
    m.segment_count = 1;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        segment.name = names[i];
        encode(&m, &bytes);
        CHECK_EQ(manifest_decode(buf_view(&bytes), &arena, &out), ERR_DAMAGED);
        buf_done(&bytes);
    }
    arena_reset(&arena);
}

TEST(manifest_has_maxima)
{
    static char text[MANIFEST_SCHEMA_MAX + 1];
    static struct manifest_segment many[MANIFEST_SEGMENTS_MAX + 1];
    struct arena arena;
    struct manifest m = example;
    struct manifest out;
    struct buf bytes;

    arena_init(&arena, 1000);
    memset(text, 'n', sizeof(text));
    for (size_t i = 0; i <= MANIFEST_SEGMENTS_MAX; i++) {
        many[i].name = (str){text, MANIFEST_NAME_MAX - 1};
    }
    m.segments = many;
    m.segment_count = MANIFEST_SEGMENTS_MAX;
    m.schema = (str){text, MANIFEST_SCHEMA_MAX};
    encode(&m, &bytes);
    CHECK_EQ(manifest_decode(buf_view(&bytes), &arena, &out), OK);
    CHECK_EQ(out.segment_count, MANIFEST_SEGMENTS_MAX);
    buf_clear(&bytes);
    m.segment_count++;
    CHECK_EQ(manifest_encode(&m, &bytes), ERR_LIMIT);
    m.segment_count--;
    m.schema.len++;
    CHECK_EQ(manifest_encode(&m, &bytes), ERR_LIMIT);
    m.schema.len--;
    many[5].name.len++;
    CHECK_EQ(manifest_encode(&m, &bytes), ERR_LIMIT);
    buf_done(&bytes);
    arena_reset(&arena);
}

TEST(manifest_names_files_of_segments)
{
    char name[MANIFEST_NAME_MAX];

    manifest_segment_name(two_segments[0].uuid, name);
    CHECK_STR(str_from_c(name), "seg-010203ab000000000000000000000000.vseg");
    CHECK(manifest_names(&example, STR("seg-one.vseg")));
    CHECK(manifest_names(&example, STR("seg-two.vseg")));
    CHECK(!manifest_names(&example, STR("seg-three.vseg")));
    manifest_tombstones_name(two_segments[1].uuid, 7, name);
    CHECK_STR(str_from_c(name), "seg-ff100000000000000000000000000000-7.del");
    CHECK(manifest_names(&example, str_from_c(name)));
    manifest_tombstones_name(two_segments[1].uuid, 6, name);
    CHECK(!manifest_names(&example, str_from_c(name)));
    manifest_tombstones_name(two_segments[0].uuid, 0, name);
    CHECK(!manifest_names(&example, str_from_c(name)));
    manifest_tombstones_name(two_segments[0].uuid, UINT64_MAX, name);
    CHECK_EQ(strlen(name), 4 + 32 + 1 + 20 + 4);
}
