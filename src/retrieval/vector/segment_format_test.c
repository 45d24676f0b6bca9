#include "retrieval/vector/segment_format.h"

#include "support/test.h"

#include <math.h>
#include <string.h>

static struct segment_shape flat(void)
{
    return (struct segment_shape){.row_count = 1000, .dim = 100, .tier = SEGMENT_EXACT};
}

static struct segment_shape lists(void)
{
    return (struct segment_shape){.row_count = 1000,
                                  .dim = 100,
                                  .tier = SEGMENT_IVF,
                                  .padded_dim = 128,
                                  .list_count = 10,
                                  .block_count = 40,
                                  .rotation_kind = SEGMENT_ROTATION};
}

TEST(segment_format_takes_shapes_that_fit)
{
    struct segment_shape s = flat();

    CHECK_EQ(segment_format_check_shape(&s), OK);
    s.tier = SEGMENT_BYTES;
    CHECK_EQ(segment_format_check_shape(&s), OK);
    s = lists();
    CHECK_EQ(segment_format_check_shape(&s), OK);
}

TEST(segment_format_refuses_shapes_out_of_bounds)
{
    struct segment_shape bad[16];
    size_t count = 0;

#define BAD(shape, member, value)                                                                  \
    do {                                                                                           \
        bad[count] = shape();                                                                      \
        bad[count++].member = value;                                                               \
    } while (0)
    BAD(flat, row_count, 0);
    BAD(flat, row_count, SEGMENT_ROWS_MAX + 1);
    BAD(flat, dim, 0);
    BAD(flat, dim, SEGMENT_DIM_MAX + 1);
    BAD(flat, metric, METRIC_COUNT);
    BAD(flat, tier, SEGMENT_TIERS);
    BAD(flat, list_count, 1);
    BAD(flat, padded_dim, 128);
    BAD(flat, block_count, 1);
    BAD(lists, list_count, 0);
    BAD(lists, list_count, SEGMENT_LISTS_MAX + 1);
    BAD(lists, padded_dim, 192);
    BAD(lists, rotation_kind, 2);
    BAD(lists, block_count, 30);
    BAD(lists, block_count, 1001);
#undef BAD
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(segment_format_check_shape(&bad[i]), ERR_RANGE);
    }
}

// Two lists of 40 and 60 rows in blocks 0, 1 and 2, 3.
static struct segment_shape two_lists(struct ivf_list *out)
{
    struct segment_shape s = lists();

    s.row_count = 100;
    s.list_count = 2;
    s.block_count = 4;
    out[0] = (struct ivf_list){.rows = 40, .radius = 1, .scale = 1};
    out[1] =
        (struct ivf_list){.first_row = 40, .first_block = 2, .rows = 60, .radius = 1, .scale = 1};
    return s;
}

TEST(segment_format_refuses_lists_beyond_rows_and_blocks)
{
    struct ivf_list l[2];
    struct segment_damage why;
    struct segment_shape s = two_lists(l);

    CHECK_EQ(segment_format_check_lists(&s, l, &why), OK);
#define REFUSES(member, value)                                                                     \
    do {                                                                                           \
        two_lists(l);                                                                              \
        l[1].member = value;                                                                       \
        CHECK_EQ(segment_format_check_lists(&s, l, &why), ERR_DAMAGED);                            \
        CHECK_EQ(why.type, SEGMENT_LISTS);                                                         \
        CHECK_EQ(why.harm, SEGMENT_IMPOSSIBLE);                                                    \
    } while (0)
    REFUSES(first_row, 39);
    REFUSES(first_row, 41);
    REFUSES(first_row, UINT64_MAX);
    REFUSES(first_row, UINT64_MAX - 59);
    REFUSES(first_block, 1);
    REFUSES(first_block, 3);
    REFUSES(first_block, UINT64_MAX);
    REFUSES(rows, 61);
    REFUSES(rows, UINT32_MAX);
    REFUSES(radius, NAN);
    REFUSES(scale, INFINITY);
#undef REFUSES
}

TEST(segment_format_tells_damage_in_one_line)
{
    struct segment_damage d = {
        .type = SEGMENT_COLUMN_DICT, .number = 3, .block = 17, .harm = SEGMENT_CUT};
    char line[SEGMENT_TELL_BYTES];

    segment_format_tell(STR("a/seg-7.vseg"), &d, line, sizeof line);
    CHECK_STR(str_from_c(line),
              "a/seg-7.vseg: section COLUMN_DICT 3, block 17: the file ends before it");
    segment_format_tell(STR("a/seg-7.vseg"), &d, line, 8);
    CHECK_STR(str_from_c(line), "a/seg-7");
    CHECK_STR(str_from_c(segment_format_type_name((enum segment_type)4000)), "?");
}

// As docs/vector-index.md has them.
TEST(segment_format_has_members_where_the_documentation_says)
{
    CHECK_EQ(offsetof(struct segment_header, endian), 8);
    CHECK_EQ(offsetof(struct segment_header, major), 12);
    CHECK_EQ(offsetof(struct segment_header, minor), 14);
    CHECK_EQ(offsetof(struct segment_header, file_bytes), 16);
    CHECK_EQ(offsetof(struct segment_header, table_offset), 24);
    CHECK_EQ(offsetof(struct segment_header, section_count), 32);
    CHECK_EQ(offsetof(struct segment_header, table_crc), 36);
    CHECK_EQ(offsetof(struct segment_header, shape), 40);
    CHECK_EQ(offsetof(struct segment_shape, quantizer_id), 16);
    CHECK_EQ(offsetof(struct segment_shape, rotation_seed), 24);
    CHECK_EQ(offsetof(struct segment_shape, row_count), 32);
    CHECK_EQ(offsetof(struct segment_shape, block_count), 40);
    CHECK_EQ(offsetof(struct segment_shape, list_count), 48);
    CHECK_EQ(offsetof(struct segment_shape, dim), 52);
    CHECK_EQ(offsetof(struct segment_shape, padded_dim), 56);
    CHECK_EQ(offsetof(struct segment_shape, rotation_kind), 60);
    CHECK_EQ(offsetof(struct segment_shape, metric), 64);
    CHECK_EQ(offsetof(struct segment_shape, tier), 68);
    CHECK_EQ(offsetof(struct segment_header, crc), 4092);
    CHECK_EQ(offsetof(struct segment_entry, offset), 8);
    CHECK_EQ(offsetof(struct segment_entry, bytes), 16);
    CHECK_EQ(offsetof(struct segment_entry, crc), 24);
}
