#include "io/file.h"

#include "support/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/file_test.XXXXXX";

static void write_file(str bytes)
{
    memcpy(path, "/tmp/file_test.XXXXXX", sizeof(path));
    int fd = mkstemp(path);
    size_t written = 0;

    CHECK(fd >= 0);
    CHECK_EQ(file_write_all(fd, bytes, &written), OK);
    CHECK_EQ(written, bytes.len);
    close(fd);
}

TEST(file_read_appends_the_whole_file)
{
    struct buf b;

    buf_init(&b, 20);
    CHECK_EQ(buf_append(&b, STR("have ")), OK);
    write_file(STR("fifteen bytes!!"));
    CHECK_EQ(file_read(str_from_c(path), &b), OK);
    CHECK_STR(buf_view(&b), "have fifteen bytes!!");
    buf_done(&b);
    unlink(path);
}

TEST(file_read_refuses_one_byte_too_many_and_leaves_the_buf_alone)
{
    struct buf b;

    buf_init(&b, 19);
    CHECK_EQ(buf_append(&b, STR("have ")), OK);
    write_file(STR("fifteen bytes!!"));
    CHECK_EQ(file_read(str_from_c(path), &b), ERR_LIMIT);
    CHECK_STR(buf_view(&b), "have ");
    buf_done(&b);
    unlink(path);
}

TEST(file_read_takes_large_and_empty_files)
{
    static char large[200'000];
    struct buf b;

    memset(large, 'x', sizeof(large));
    buf_init(&b, 1'000'000);
    write_file((str){large, sizeof(large)});
    CHECK_EQ(file_read(str_from_c(path), &b), OK);
    CHECK_EQ(buf_len(&b), sizeof(large));
    unlink(path);
    buf_clear(&b);
    write_file(STR(""));
    CHECK_EQ(file_read(str_from_c(path), &b), OK);
    CHECK_EQ(buf_len(&b), 0);
    unlink(path);
    CHECK_EQ(file_read(STR("/proc/self/status"), &b), OK); // claims to have no bytes
    CHECK(buf_len(&b) > 0);
    buf_done(&b);
}

TEST(file_read_names_what_is_wrong)
{
    static char overlong[FILE_PATH_MAX];
    struct buf b;

    memset(overlong, 'a', sizeof(overlong));
    buf_init(&b, 100);
    CHECK_EQ(file_read(STR("/nowhere/at/all"), &b), ERR_ABSENT);
    CHECK_EQ(file_read(STR("/tmp"), &b), ERR_TYPE);
    CHECK_EQ(file_read(STR(""), &b), ERR_RANGE);
    CHECK_EQ(file_read(STR("/tmp\0x"), &b), ERR_RANGE);
    CHECK_EQ(file_read((str){overlong, sizeof(overlong)}, &b), ERR_RANGE);
    CHECK_EQ(buf_len(&b), 0);
    buf_done(&b);
}

TEST(file_write_all_gives_up_on_a_pipe_nobody_reads)
{
    static char much[100'000];
    int ends[2];
    size_t written = 0;

    CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
    CHECK_EQ(file_write_all(ends[1], (str){much, sizeof(much)}, &written), ERR_TIMEOUT);
    CHECK(written > 0);
    CHECK(written < sizeof(much));
    close(ends[0]);
    close(ends[1]);
}
