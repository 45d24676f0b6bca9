#include "retrieval/vector/wal_frame.h"

#include "support/test.h"

#include <string.h>

enum { SALT = 77, FIRST_LSN = 1000 };

static void make_frame(struct buf *frame, const struct wal_record *records, uint32_t count)
{
    buf_init(frame, WAL_FRAME_BYTES_MAX);
    CHECK_EQ(wal_frame_begin(frame), OK);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQ(wal_frame_add(frame, &records[i]), OK);
    }
    CHECK_EQ(wal_frame_seal(frame, FIRST_LSN, count, SALT), OK);
}

static const struct wal_record three[] = {
    {7, STR_INIT("payload"), 1},
    {UINT64_MAX, STR_INIT(""), 255},
    {0, STR_INIT("eight by"), 0},
};

static err read_frame(str bytes, struct wal_frame *f, str *body)
{
    TRY(wal_frame_read(bytes, SALT, f));
    *body = str_sub(bytes, WAL_FRAME_HEAD_BYTES, f->body_bytes);
    return wal_frame_is_whole(f, *body) ? OK : ERR_DAMAGED;
}

TEST(wal_frame_gives_back_its_records)
{
    struct buf frame;
    struct wal_frame f;
    struct wal_record r;
    str body;

    make_frame(&frame, three, 3);
    CHECK_EQ(buf_len(&frame), WAL_FRAME_SECTOR_BYTES);
    CHECK_EQ(read_frame(buf_view(&frame), &f, &body), OK);
    CHECK_EQ(f.first_lsn, FIRST_LSN);
    CHECK_EQ(f.record_count, 3);
    CHECK_EQ(wal_frame_bytes(&f), WAL_FRAME_SECTOR_BYTES);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(wal_frame_next(&body, &r), OK);
        CHECK_EQ(r.key, three[i].key);
        CHECK_EQ(r.op, three[i].op);
        CHECK_SAME(r.payload, three[i].payload);
    }
    CHECK_EQ(wal_frame_next(&body, &r), ERR_EOF);
    buf_done(&frame);
}

TEST(wal_frame_notices_every_flipped_bit)
{
    struct buf frame;
    struct wal_frame f;
    str body;

    make_frame(&frame, three, 3);
    CHECK_EQ(read_frame(buf_view(&frame), &f, &body), OK);
    size_t used = WAL_FRAME_HEAD_BYTES + (size_t)f.body_bytes;
    for (size_t bit = 0; bit < used * 8; bit++) {
        frame.bytes[bit / 8] ^= (char)(1 << bit % 8);
        CHECK_EQ(read_frame(buf_view(&frame), &f, &body), ERR_DAMAGED);
        frame.bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t len = 0; len < used; len++) {
        CHECK_EQ(read_frame(str_sub(buf_view(&frame), 0, len), &f, &body), ERR_DAMAGED);
    }
    CHECK_EQ(wal_frame_read(buf_view(&frame), SALT + 1, &f), ERR_DAMAGED);
    buf_done(&frame);
}

TEST(wal_frame_refuses_records_that_lead_out_of_the_body)
{
    struct wal_record r;
    char bytes[32] = {9};
    str body = {bytes, 24};

    CHECK_EQ(wal_frame_next(&body, &r), ERR_DAMAGED); // nine bytes of payload need 32
    CHECK_EQ(body.len, 24);
    body.len = 15;
    CHECK_EQ(wal_frame_next(&body, &r), ERR_DAMAGED);
    body.len = 32;
    CHECK_EQ(wal_frame_next(&body, &r), OK);
    CHECK_EQ(body.len, 0);
    memset(bytes, 0xff, 4);
    body = (str){bytes, 32};
    CHECK_EQ(wal_frame_next(&body, &r), ERR_DAMAGED);
}

TEST(wal_frame_head_of_a_file_is_checked)
{
    char head[WAL_FRAME_SECTOR_BYTES];
    struct wal_frame_file in = {3, 500, 12345};
    struct wal_frame_file out = {0};
    str bytes = {head, sizeof(head)};

    wal_frame_write_file(&in, head);
    CHECK_EQ(wal_frame_read_file(bytes, &out), OK);
    CHECK_EQ(out.sequence, 3);
    CHECK_EQ(out.first_lsn, 500);
    CHECK_EQ(out.salt, 12345);
    for (size_t i = 0; i < 40; i++) {
        head[i] ^= 16;
        CHECK_EQ(wal_frame_read_file(bytes, &out), ERR_DAMAGED);
        head[i] ^= 16;
    }
    CHECK_EQ(wal_frame_read_file(str_sub(bytes, 0, 39), &out), ERR_DAMAGED);
}

TEST(wal_frame_numbers_leave_room_for_more)
{
    static const uint64_t numbers[] = {0, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    char head[WAL_FRAME_SECTOR_BYTES];
    struct buf frame;
    struct wal_frame f;
    struct wal_frame_file file;

    for (int i = 0; i < 3; i++) {
        wal_frame_write_file(&(struct wal_frame_file){1, numbers[i], SALT}, head);
        CHECK_EQ(wal_frame_read_file((str){head, sizeof(head)}, &file), ERR_DAMAGED);
        buf_init(&frame, WAL_FRAME_BYTES_MAX);
        CHECK_EQ(wal_frame_begin(&frame), OK);
        CHECK_EQ(wal_frame_add(&frame, &three[0]), OK);
        CHECK_EQ(wal_frame_seal(&frame, numbers[i], 1, SALT), OK);
        CHECK_EQ(wal_frame_read(buf_view(&frame), SALT, &f), i == 0 ? OK : ERR_DAMAGED);
        buf_done(&frame);
    }
}
