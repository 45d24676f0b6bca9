#include "codec/protobuf.h"

#include "base/buf.h"

#include "support/test.h"

#include <string.h>

#define S(text) STR_INIT(text)
#define FF9 "\xff\xff\xff\xff\xff\xff\xff\xff\xff"

struct sample {
    str bytes;
    str want; // "number:value " a field, with text in quotes and the length of a group in brackets
};

static err tell_field(const struct protobuf_field *f, struct buf *told)
{
    switch (f->wire) {
    case PROTOBUF_BYTES:
        return buf_append_format(told, "%u:\"%" STR_FMT "\" ", f->number, STR_ARG(f->bytes));
    case PROTOBUF_GROUP: return buf_append_format(told, "%u:[%zu] ", f->number, f->bytes.len);
    default: return buf_append_format(told, "%u:%llu ", f->number, (unsigned long long)f->value);
    }
}

// Tells the fields of a message; the fields as they came must be all of it.
static err tell(str bytes, struct buf *told)
{
    struct protobuf_reader r;
    struct protobuf_field f = {0};
    size_t passed = 0;
    err e;

    buf_clear(told);
    protobuf_reader_init(&r, bytes);
    while ((e = protobuf_next(&r, &f)) == OK) {
        CHECK(f.whole.ptr == bytes.ptr + passed);
        passed += f.whole.len;
        CHECK_EQ(tell_field(&f, told), OK);
    }
    if (e == ERR_EOF) CHECK_EQ(passed, bytes.len);
    return e;
}

static const struct sample whole[] = {
    {S(""), S("")},
    {S("\x08\x00"), S("1:0 ")},
    {S("\x08\x96\x01"), S("1:150 ")},
    {S("\x08\x80\x00"), S("1:0 ")}, // a needless zero
    {S("\x08" FF9 "\x01"), S("1:18446744073709551615 ")},
    {S("\xf8\xff\xff\xff\x0f\x07"), S("536870911:7 ")},
    {S("\x0d\x01\x02\x03\x04"), S("1:67305985 ")},
    {S("\x09\x01\x00\x00\x00\x00\x00\x00\x80"), S("1:9223372036854775809 ")},
    {S("\x12\x00"), S("2:\"\" ")},
    {S("\x12\x07testing"), S("2:\"testing\" ")},
    {S("\x1b\x1c"), S("3:[0] ")},
    {S("\x1b\x08\x01\x1b\x12\x01x\x1c\x1c\x08\x05"), S("3:[7] 1:5 ")},
    {S("\x08\x01\x12\x01y\x08\x02"), S("1:1 2:\"y\" 1:2 ")},
};

TEST(protobuf_next_reads_fields_of_every_form)
{
    struct buf told;

    buf_init(&told, 256);
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
        CHECK_EQ(tell(whole[i].bytes, &told), ERR_EOF);
        CHECK_SAME(buf_view(&told), whole[i].want);
    }
    buf_done(&told);
}

static const str broken[] = {
    S("\x00\x01"),                 // number 0
    S("\x80\x80\x80\x80\x10\x01"), // number 2^29
    S("\x0e\x01"),                 // wire type 6
    S("\x0f\x01"),                 // wire type 7
    S("\x08" FF9 "\x02"),          // the 65th bit
    S("\x08" FF9 "\x80\x00"),      // eleven bytes
    S("\x0c"),                     // an end without a group
    S("\x1b"),                     // a group without an end
    S("\x1b\x24"),                 // closed by another number
    S("\x1b\x23\x1c\x24"),         // closed crosswise
    S("\x1b\x0e\x1c"),             // something broken inside
    S("\x12" FF9 "\x01"),          // longer than memory
    S("\x12\x03xy"),               // longer than what is there
};

TEST(protobuf_next_refuses_what_is_broken_and_stays_before_it)
{
    struct protobuf_field f = {.number = 99};
    struct protobuf_reader r;

    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        protobuf_reader_init(&r, broken[i]);
        CHECK_EQ(protobuf_next(&r, &f), ERR_SYNTAX);
        CHECK_EQ(protobuf_next(&r, &f), ERR_SYNTAX);
        CHECK(r.at == broken[i].ptr && f.number == 99);
    }
}

TEST(protobuf_next_refuses_a_field_that_is_cut_anywhere)
{
    struct buf told;

    buf_init(&told, 256);
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
        struct protobuf_reader r;
        struct protobuf_field f = {0};
        protobuf_reader_init(&r, whole[i].bytes);
        if (protobuf_next(&r, &f)) continue;
        for (size_t len = 1; len < f.whole.len; len++) {
            CHECK_EQ(tell(str_sub(whole[i].bytes, 0, len), &told), ERR_SYNTAX);
        }
    }
    buf_done(&told);
}

// Groups of number 1 in groups.
static err read_groups(size_t depth)
{
    char bytes[2 * (PROTOBUF_GROUPS_MAX + 1)];
    struct protobuf_reader r;
    struct protobuf_field f;

    memset(bytes, 0x0b, depth);
    memset(bytes + depth, 0x0c, depth);
    protobuf_reader_init(&r, (str){.ptr = bytes, .len = 2 * depth});
    return protobuf_next(&r, &f);
}

TEST(protobuf_next_bounds_groups_in_groups)
{
    CHECK_EQ(read_groups(PROTOBUF_GROUPS_MAX), OK);
    CHECK_EQ(read_groups(PROTOBUF_GROUPS_MAX + 1), ERR_LIMIT);
}

TEST(protobuf_next_packed_reads_values_without_tags)
{
    struct protobuf_reader r;
    uint64_t value = 0;

    protobuf_reader_init(&r, STR("\x03\x8e\x02\x9e\xa7\x05"));
    CHECK_EQ(protobuf_next_packed(&r, PROTOBUF_VARINT, &value), OK);
    CHECK_EQ(value, 3);
    CHECK_EQ(protobuf_next_packed(&r, PROTOBUF_VARINT, &value), OK);
    CHECK_EQ(value, 270);
    CHECK_EQ(protobuf_next_packed(&r, PROTOBUF_VARINT, &value), OK);
    CHECK_EQ(value, 86942);
    CHECK_EQ(protobuf_next_packed(&r, PROTOBUF_VARINT, &value), ERR_EOF);
    protobuf_reader_init(&r, STR("\x01\x00\x00\x00\x02\x00\x00"));
    CHECK_EQ(protobuf_next_packed(&r, PROTOBUF_FIXED32, &value), OK);
    CHECK_EQ(value, 1);
    CHECK_EQ(protobuf_next_packed(&r, PROTOBUF_FIXED32, &value), ERR_SYNTAX);
    CHECK_EQ(value, 1);
}

TEST(protobuf_zigzag_goes_both_ways)
{
    static const int64_t numbers[] = {0, -1, 1, -2, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    static const uint64_t zigzags[] = {0,         1, 2, 3, 4294967294, 4294967295, UINT64_MAX - 1,
                                       UINT64_MAX};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        CHECK(protobuf_to_zigzag(numbers[i]) == zigzags[i]);
        CHECK_EQ(protobuf_from_zigzag(zigzags[i]), numbers[i]);
    }
}
