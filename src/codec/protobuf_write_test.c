#include "codec/protobuf_write.h"

#include "support/test.h"

#include <string.h>

static void check_written(struct protobuf_writer *w, str want)
{
    CHECK_EQ(w->error, OK);
    CHECK_SAME(buf_view(w->out), want);
    buf_done(w->out);
}

TEST(protobuf_write_writes_the_shortest_form)
{
    struct protobuf_writer w;
    struct buf out;

    buf_init(&out, 256);
    protobuf_write_init(&w, &out);
    protobuf_write_varint(&w, 1, 150);
    protobuf_write_varint(&w, 16, 0);
    protobuf_write_varint(&w, PROTOBUF_NUMBER_MAX, UINT64_MAX);
    protobuf_write_fixed32(&w, 2, 0x04030201);
    protobuf_write_fixed64(&w, 3, 1);
    protobuf_write_bytes(&w, 4, STR("hi"));
    protobuf_write_bytes(&w, 4, STR(""));
    protobuf_write_raw(&w, STR("\x08\x05"));
    check_written(&w, STR("\x08\x96\x01"
                          "\x80\x01\x00"
                          "\xf8\xff\xff\xff\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                          "\x15\x01\x02\x03\x04"
                          "\x19\x01\x00\x00\x00\x00\x00\x00\x00"
                          "\x22\x02hi"
                          "\x22\x00"
                          "\x08\x05"));
}

TEST(protobuf_write_packs_values_and_nests_messages)
{
    struct protobuf_writer w;
    struct buf out;

    buf_init(&out, 256);
    protobuf_write_init(&w, &out);
    size_t outer = protobuf_write_open(&w, 1);
    size_t packed = protobuf_write_open(&w, 2);
    protobuf_write_value(&w, PROTOBUF_VARINT, 3);
    protobuf_write_value(&w, PROTOBUF_VARINT, 270);
    protobuf_write_value(&w, PROTOBUF_FIXED32, 5);
    protobuf_write_close(&w, packed);
    protobuf_write_close(&w, outer);
    protobuf_write_close(&w, protobuf_write_open(&w, 3));
    protobuf_write_tag(&w, 4, PROTOBUF_GROUP);
    protobuf_write_tag(&w, 4, PROTOBUF_GROUP_END);
    check_written(&w, STR("\x0a\x09\x12\x07\x03\x8e\x02\x05\x00\x00\x00\x1a\x00\x23\x24"));
}

// Messages in one another, the inner of `len` bytes, must read back whatever room lengths need.
static void check_nested(size_t len, char *bytes)
{
    struct protobuf_writer w;
    struct protobuf_reader r;
    struct protobuf_field f;
    struct buf out;

    buf_init(&out, len + 64);
    protobuf_write_init(&w, &out);
    protobuf_write_varint(&w, 1, 9);
    size_t outer = protobuf_write_open(&w, 2);
    size_t inner = protobuf_write_open(&w, 3);
    protobuf_write_raw(&w, (str){.ptr = bytes, .len = len});
    protobuf_write_close(&w, inner);
    protobuf_write_varint(&w, 4, 7);
    protobuf_write_close(&w, outer);
    CHECK_EQ(w.error, OK);
    protobuf_reader_init(&r, buf_view(&out));
    CHECK_EQ(protobuf_next(&r, &f), OK);
    CHECK_EQ(protobuf_next(&r, &f), OK);
    CHECK_EQ(f.number, 2);
    CHECK(r.at == r.end);
    protobuf_reader_init(&r, f.bytes);
    CHECK_EQ(protobuf_next(&r, &f), OK);
    CHECK_SAME(f.bytes, ((str){.ptr = bytes, .len = len}));
    CHECK_EQ(protobuf_next(&r, &f), OK);
    CHECK_EQ(f.value, 7);
    buf_done(&out);
}

TEST(protobuf_write_close_makes_room_for_long_lengths)
{
    static const size_t around[] = {0, 125, 127, 128, 16383, 16384, 70000};
    static char bytes[70010];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i % 251);
    }
    for (size_t i = 0; i < sizeof(around) / sizeof(*around); i++) {
        for (size_t len = around[i]; len < around[i] + 5; len++) {
            check_nested(len, bytes);
        }
    }
}

TEST(protobuf_write_keeps_the_first_failure)
{
    struct protobuf_writer w;
    struct buf out;

    buf_init(&out, 131);
    protobuf_write_init(&w, &out);
    size_t mark = protobuf_write_open(&w, 1);
    char *room = NULL;
    CHECK_EQ(buf_reserve(&out, 129, &room), OK);
    memset(room, 0, 129);
    buf_grew(&out, 129);
    protobuf_write_close(&w, mark); // a second byte of length has no room
    CHECK_EQ(w.error, ERR_LIMIT);
    buf_clear(&out);
    protobuf_write_varint(&w, 1, 1);
    protobuf_write_close(&w, protobuf_write_open(&w, 1));
    CHECK_EQ(buf_len(&out), 0);
    buf_done(&out);
}
