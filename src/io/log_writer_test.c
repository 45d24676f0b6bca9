// Crosses threads.
#include "io/log_writer.h"

#include "io/file.h"

#include "support/test.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct desk {
    struct loop loop;
    struct offload offload;
    struct log_writer writer;
    char folder[40];
    char path[60];
};

static void open_desk(struct desk *d)
{
    *d = (struct desk){.folder = "/tmp/log_writer_test.XXXXXX"};
    CHECK(mkdtemp(d->folder));
    snprintf(d->path, sizeof(d->path), "%s/log", d->folder);
    CHECK_EQ(loop_init(&d->loop), OK);
    CHECK_EQ(offload_open(&d->offload, 1, 10), OK);
    CHECK_EQ(log_writer_open(&d->writer, &d->loop, &d->offload, str_from_c(d->path)), OK);
}

static void close_desk(struct desk *d)
{
    log_writer_close(&d->writer);
    log_writer_close(&d->writer);
    offload_close(&d->offload);
    (void)loop_turn(&d->loop, 0);
    loop_done(&d->loop);
    unlink(d->path);
    rmdir(d->folder);
}

static size_t file_size(const char *path)
{
    struct buf b;

    buf_init(&b, 10'000'000);
    err e = file_read(str_from_c(path), &b);
    size_t len = buf_len(&b);
    buf_done(&b);
    return e ? 0 : len;
}

static void turn_until_size(struct desk *d, size_t size)
{
    for (int i = 0; i < 300 && file_size(d->path) < size; i++) {
        (void)loop_turn(&d->loop, 10);
    }
    CHECK_EQ(file_size(d->path), size);
}

TEST(log_writer_writes_a_line_after_a_moment)
{
    static struct desk d;
    struct buf b;

    open_desk(&d);
    msec begun = d.loop.now;
    log_writer_append(&d.writer, STR("first"));
    log_writer_append(&d.writer, STR("second"));
    CHECK_EQ(file_size(d.path), 0);
    turn_until_size(&d, 13);
    CHECK(d.loop.now - begun >= LOG_WRITER_WAIT_MS);
    buf_init(&b, 100);
    CHECK_EQ(file_read(str_from_c(d.path), &b), OK);
    CHECK_STR(buf_view(&b), "first\nsecond\n");
    CHECK_EQ(d.writer.dropped_count, 0);
    buf_done(&b);
    close_desk(&d);
}

enum { LINES = 5000, LINE_BYTES = 50 };

TEST(log_writer_writes_a_full_batch_at_once_and_every_line_in_order)
{
    static struct desk d;
    struct buf b;
    char line[LINE_BYTES + 1];

    open_desk(&d);
    for (int i = 0; i < LINES; i++) {
        snprintf(line, sizeof(line), "%049d", i);
        log_writer_append(&d.writer, (str){line, LINE_BYTES - 1});
        if (i % 1000 == 0) (void)loop_turn(&d.loop, 0);
    }
    log_writer_close(&d.writer);
    buf_init(&b, 1'000'000);
    CHECK_EQ(file_read(str_from_c(d.path), &b), OK);
    CHECK_EQ(buf_len(&b), LINES * LINE_BYTES);
    for (int i = 0; i < LINES; i++) {
        snprintf(line, sizeof(line), "%049d", i);
        CHECK_SAME(str_sub(buf_view(&b), (size_t)i * LINE_BYTES, LINE_BYTES - 1),
                   ((str){line, LINE_BYTES - 1}));
    }
    buf_done(&b);
    close_desk(&d);
}

static atomic_bool is_blocked;

static err block(struct offload_job *job)
{
    (void)job;
    while (atomic_load(&is_blocked)) {
        usleep(200);
    }
    return OK;
}

static void ignore(struct op *op, err result)
{
    (void)op;
    (void)result;
}

TEST(log_writer_drops_and_counts_what_the_disk_can_not_take_in_time)
{
    static char line[1024];
    static struct desk d;
    struct offload_job blocker = {.result = OK};

    memset(line, 'x', sizeof(line));
    open_desk(&d);
    atomic_store(&is_blocked, true);
    offload_start(&blocker, &d.offload, &d.loop, block, ignore);
    for (int i = 0; i < 2000; i++) {
        log_writer_append(&d.writer, (str){line, sizeof(line) - 1});
    }
    CHECK_EQ(d.writer.dropped_count, 2000 - 1024);
    atomic_store(&is_blocked, false);
    turn_until_size(&d, 1024 * 1024);
    for (int i = 0; i < 100 && d.writer.writing_bytes > 0; i++) {
        (void)loop_turn(&d.loop, 10);
    }
    log_writer_append(&d.writer, STR("again"));
    turn_until_size(&d, 1024 * 1024 + 6);
    CHECK_EQ(d.writer.dropped_count, 2000 - 1024);
    close_desk(&d);
}

TEST(log_writer_keeps_its_lines_when_the_pool_is_full)
{
    static struct desk d;

    open_desk(&d);
    d.offload.queue_max = 0;
    log_writer_append(&d.writer, STR("patient"));
    for (int i = 0; i < 30; i++) {
        (void)loop_turn(&d.loop, 10);
    }
    CHECK_EQ(d.writer.failure, ERR_LIMIT);
    log_writer_append(&d.writer, STR("later"));
    d.offload.queue_max = 10;
    turn_until_size(&d, 14);
    CHECK_EQ(d.writer.dropped_count, 0);
    close_desk(&d);
}

TEST(log_writer_reopens_after_a_rotation)
{
    static struct desk d;
    char rotated[80];

    open_desk(&d);
    log_writer_append(&d.writer, STR("old"));
    turn_until_size(&d, 4);
    snprintf(rotated, sizeof(rotated), "%s.1", d.path);
    CHECK_EQ(rename(d.path, rotated), 0);
    log_writer_append(&d.writer, STR("between"));
    log_writer_reopen(&d.writer);
    turn_until_size(&d, 8);
    log_writer_append(&d.writer, STR("new"));
    turn_until_size(&d, 12);
    CHECK_EQ(file_size(rotated), 4);
    unlink(rotated);
    close_desk(&d);
}

TEST(log_writer_that_can_not_reopen_goes_on_with_the_old_file)
{
    static struct desk d;
    char moved[60];
    char path[80];

    open_desk(&d);
    snprintf(moved, sizeof(moved), "%s.moved", d.folder);
    snprintf(path, sizeof(path), "%s/log", moved);
    CHECK_EQ(rename(d.folder, moved), 0);
    log_writer_append(&d.writer, STR("kept"));
    log_writer_reopen(&d.writer);
    for (int i = 0; i < 100 && d.writer.failure == OK; i++) {
        (void)loop_turn(&d.loop, 10);
    }
    CHECK_EQ(d.writer.failure, ERR_ABSENT);
    CHECK_EQ(file_size(path), 5);
    CHECK_EQ(rename(moved, d.folder), 0);
    close_desk(&d);
}

TEST(log_writer_counts_lines_a_full_disk_refuses)
{
    static struct desk d;
    struct log_writer full;

    open_desk(&d);
    CHECK_EQ(log_writer_open(&full, &d.loop, &d.offload, STR("/dev/full")), OK);
    log_writer_append(&full, STR("lost"));
    log_writer_append(&full, STR("lost too"));
    for (int i = 0; i < 100 && full.dropped_count == 0; i++) {
        (void)loop_turn(&d.loop, 10);
    }
    CHECK_EQ(full.dropped_count, 2);
    CHECK_EQ(full.failure, ERR_SYSTEM);
    log_writer_append(&full, STR("at the end"));
    log_writer_close(&full);
    CHECK_EQ(full.dropped_count, 3);
    close_desk(&d);
}

TEST(log_writer_knows_the_standard_streams_and_refuses_the_impossible)
{
    static struct desk d;
    struct log_writer w = {.dropped_count = 0};
    int ends[2];
    char room[16] = "";

    open_desk(&d);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    CHECK_EQ(pipe(ends), 0);
    CHECK(dup2(ends[1], STDOUT_FILENO) >= 0);
    err e = log_writer_open(&w, &d.loop, &d.offload, STR("stdout"));
    log_writer_append(&w, STR("hello"));
    log_writer_reopen(&w);
    log_writer_close(&w);
    CHECK(dup2(saved, STDOUT_FILENO) >= 0);
    close(saved);
    CHECK_EQ(e, OK);
    CHECK_EQ(read(ends[0], room, sizeof(room)), 6);
    CHECK_STR(str_from_c(room), "hello\n");
    close(ends[0]);
    close(ends[1]);
    CHECK_EQ(log_writer_open(&w, &d.loop, &d.offload, STR("/nowhere/log")), ERR_ABSENT);
    CHECK_EQ(log_writer_open(&w, &d.loop, &d.offload, STR("")), ERR_RANGE);
    log_writer_close(&w);
    close_desk(&d);
}
