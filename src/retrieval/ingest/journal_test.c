#include "retrieval/ingest/journal.h"

#include "base/buf.h"
#include "io/file.h"

#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 22 };

static char folder[] = "/tmp/sluice-journal-XXXXXX";
static char path[64];

static str fresh(void)
{
    if (!path[0]) {
        CHECK(mkdtemp(folder) != NULL);
        snprintf(path, sizeof(path), "%s/j", folder);
    }
    unlink(path);
    return str_from_c(path);
}

static void forget(void)
{
    unlink(path);
    rmdir(folder);
    path[0] = '\0';
    snprintf(folder, sizeof(folder), "/tmp/sluice-journal-XXXXXX");
}

static void read_file(struct buf *out)
{
    buf_clear(out);
    CHECK_EQ(file_read(str_from_c(path), out), OK);
}

static void write_file(str bytes)
{
    size_t written = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0);
    CHECK_EQ(file_write_all(fd, bytes, &written), OK);
    close(fd);
}

// A group of keys from..to-1, each with the hash key + add.
static void write_keys(struct journal *j, uint64_t from, uint64_t to, uint64_t add)
{
    for (uint64_t key = from; key < to; key++) {
        CHECK_EQ(journal_note(j, (struct journal_entry){key, key + add}), OK);
    }
    CHECK_EQ(journal_write(j), OK);
}

static size_t known(struct journal *j, uint64_t to, uint64_t add)
{
    size_t count = 0;

    for (uint64_t key = 0; key < to; key++) {
        count += journal_has(j, key, key + add);
    }
    return count;
}

TEST(journal_remembers_what_was_written_and_nothing_else)
{
    struct journal_options options = {.stamp = 5};
    struct journal j;

    CHECK_EQ(journal_open(&j, fresh(), &options), OK);
    write_keys(&j, 0, 3000, 1);
    CHECK_EQ(journal_note(&j, (struct journal_entry){9999, 1}), OK);
    CHECK(journal_has(&j, 9999, 1));
    CHECK(!journal_has(&j, 2, 4)); // another text
    journal_close(&j);
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    CHECK_EQ(known(&j, 4000, 1), 3000);
    CHECK(!journal_has(&j, 9999, 1));
    CHECK_EQ(j.mark, 1);
    write_keys(&j, 0, 10, 2); // these texts changed
    journal_close(&j);
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    CHECK_EQ(known(&j, 4000, 1), 2990);
    CHECK_EQ(known(&j, 4000, 2), 10);
    CHECK_EQ(j.mark, 2);
    journal_close(&j);
    forget();
}

TEST(journal_goes_by_the_mark_of_a_sink_that_keeps_one)
{
    struct journal_options options = {.stamp = 5, .keeps_marks = true, .mark = 7};
    struct journal j;

    CHECK_EQ(journal_open(&j, fresh(), &options), OK);
    write_keys(&j, 0, 10, 1);
    write_keys(&j, 10, 20, 1);
    CHECK_EQ(j.mark, 9);
    journal_close(&j);

    options.mark = 10;
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), ERR_SYNTAX);
    options.mark = 9;
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    CHECK_EQ(known(&j, 100, 1), 20);
    journal_close(&j);
    options.mark = 8; // the sink never committed the last group
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    CHECK_EQ(known(&j, 100, 1), 10);
    write_keys(&j, 50, 60, 1);
    journal_close(&j);
    options.mark = 9;
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    CHECK_EQ(known(&j, 100, 1), 20);
    CHECK(journal_has(&j, 55, 56) && !journal_has(&j, 15, 16));
    journal_close(&j);
    options.mark = 6; // of a time before this journal
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), ERR_SYNTAX);
    forget();
}

TEST(journal_is_of_one_stamp_and_one_process_and_of_no_other_file)
{
    struct journal_options options = {.stamp = 5};
    struct journal j;
    struct journal other;
    struct buf before;
    struct buf after;

    buf_init(&before, FILE_BYTES_MAX);
    buf_init(&after, FILE_BYTES_MAX);
    CHECK_EQ(journal_open(&j, fresh(), &options), OK);
    write_keys(&j, 0, 10, 1);
    CHECK_EQ(journal_open(&other, str_from_c(path), &options), ERR_IN_USE);
    journal_close(&j);
    read_file(&before);
    options.stamp = 6;
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), ERR_TYPE);
    read_file(&after);
    CHECK_SAME(buf_view(&after), buf_view(&before));
    write_file(STR("my notes"));
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), ERR_SYNTAX);
    read_file(&after);
    CHECK_STR(buf_view(&after), "my notes");
    buf_done(&before);
    buf_done(&after);
    forget();
}

TEST(journal_that_was_cut_anywhere_keeps_the_whole_groups)
{
    struct journal_options options = {.stamp = 5};
    struct journal j;
    struct buf whole;

    buf_init(&whole, FILE_BYTES_MAX);
    CHECK_EQ(journal_open(&j, fresh(), &options), OK);
    write_keys(&j, 0, 3, 1);
    write_keys(&j, 3, 5, 1);
    journal_close(&j);
    read_file(&whole);
    CHECK_EQ(buf_len(&whole), 32 + 24 + 3 * 16 + 24 + 2 * 16);
    for (size_t len = 32; len <= buf_len(&whole); len++) {
        write_file(str_sub(buf_view(&whole), 0, len));
        CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
        CHECK_EQ(known(&j, 9, 1), len < 32 + 72 ? 0 : len < buf_len(&whole) ? 3 : 5);
        write_keys(&j, 6, 8, 1);
        journal_close(&j);
        CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
        CHECK(journal_has(&j, 6, 7) && journal_has(&j, 7, 8));
        journal_close(&j);
    }
    buf_done(&whole);
    forget();
}

TEST(journal_with_any_bit_flipped_tells_or_forgets_but_never_invents)
{
    struct journal_options plain = {.stamp = 5};
    struct journal_options marked = {.stamp = 5, .keeps_marks = true, .mark = 2};
    struct journal j;
    struct buf whole;

    buf_init(&whole, FILE_BYTES_MAX);
    CHECK_EQ(journal_open(&j, fresh(), &plain), OK);
    write_keys(&j, 0, 3, 1);
    write_keys(&j, 3, 5, 1);
    journal_close(&j);
    read_file(&whole);
    for (size_t bit = 0; bit < buf_len(&whole) * 8; bit++) {
        size_t damaged_group = bit / 8 < 32 ? 0 : bit / 8 < 32 + 72 ? 1 : 2;
        whole.bytes[bit / 8] = (char)(whole.bytes[bit / 8] ^ (1 << bit % 8));
        write_file(buf_view(&whole));
        err e = journal_open(&j, str_from_c(path), &marked);
        CHECK(e == ERR_SYNTAX || (e == ERR_TYPE && damaged_group == 0));
        e = journal_open(&j, str_from_c(path), &plain);
        if (damaged_group == 0) {
            CHECK(e == ERR_SYNTAX || e == ERR_TYPE);
        } else {
            CHECK_EQ(e, OK);
            CHECK_EQ(j.known_count, damaged_group == 1 ? 0 : 3);
            CHECK_EQ(known(&j, 5, 1), j.known_count);
            journal_close(&j);
        }
        whole.bytes[bit / 8] = (char)(whole.bytes[bit / 8] ^ (1 << bit % 8));
    }
    buf_done(&whole);
    forget();
}

TEST(journal_of_old_hashes_is_written_anew)
{
    struct journal_options options = {.stamp = 5, .keeps_marks = true};
    struct journal j;
    struct buf file;

    buf_init(&file, FILE_BYTES_MAX);
    CHECK_EQ(journal_open(&j, fresh(), &options), OK);
    for (uint64_t round = 1; round <= 10; round++) {
        write_keys(&j, 0, 1000, round);
    }
    journal_close(&j);
    read_file(&file);
    CHECK(buf_len(&file) > 160'000);
    options.mark = 10;
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    CHECK_EQ(known(&j, 2000, 10), 1000);
    read_file(&file);
    CHECK_EQ(buf_len(&file), 32 + 24 + 16'000);
    write_keys(&j, 1000, 1001, 10);
    CHECK_EQ(j.mark, 11);
    journal_close(&j);
    options.mark = 11;
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    CHECK_EQ(known(&j, 2000, 10), 1001);
    journal_close(&j);
    buf_done(&file);
    forget();
}

TEST(journal_takes_no_more_than_a_group_at_once)
{
    struct journal_options options = {.stamp = 5};
    struct journal j;

    CHECK_EQ(journal_open(&j, fresh(), &options), OK);
    for (uint64_t key = 0; key < JOURNAL_GROUP_MAX; key++) {
        CHECK_EQ(journal_note(&j, (struct journal_entry){key, key + 1}), OK);
    }
    CHECK_EQ(journal_note(&j, (struct journal_entry){1, 1}), ERR_LIMIT);
    CHECK_EQ(journal_write(&j), OK);
    CHECK_EQ(journal_note(&j, (struct journal_entry){1 << 20, 1}), OK);
    journal_close(&j);
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    CHECK_EQ(j.known_count, JOURNAL_GROUP_MAX);
    journal_close(&j);
    forget();
}

TEST(journal_leaves_nothing_behind_a_group_that_it_cut)
{
    struct journal_options options = {.stamp = 5};
    struct journal j;
    struct buf file;

    buf_init(&file, FILE_BYTES_MAX);
    CHECK_EQ(journal_open(&j, fresh(), &options), OK);
    write_keys(&j, 0, 3, 1);
    write_keys(&j, 3, 5, 1);
    journal_close(&j);
    read_file(&file);
    file.bytes[60] ^= 1; // in the first group
    write_file(buf_view(&file));
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    write_keys(&j, 10, 13, 1); // as long as the first one was
    journal_close(&j);
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    CHECK_EQ(j.known_count, 3);
    CHECK_EQ(j.mark, 1);
    j.mark = 5; // so that the next group's is no successor
    write_keys(&j, 20, 23, 1);
    journal_close(&j);
    CHECK_EQ(journal_open(&j, str_from_c(path), &options), OK);
    CHECK_EQ(j.known_count, 3);
    journal_close(&j);
    buf_done(&file);
    forget();
}
