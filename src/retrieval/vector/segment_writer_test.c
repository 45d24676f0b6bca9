// Crosses threads: sections are appended to by several at once.
#include "retrieval/vector/segment_writer.h"

#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/segment_verify.h"

#include "support/fake_disk.h"
#include "support/segment_sample.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 2500, PATH = 64, FILE_MAX = 4 << 20 };

static struct fake_disk disk;

static void start(struct segment_sample *s, enum segment_tier tier)
{
    fake_disk_open(&disk, test_seed());
    segment_sample_init(s, tier, ROWS);
}

static void end(struct segment_sample *s)
{
    segment_sample_done(s);
    fake_disk_close(&disk);
}

static str path_of(const char *name, char *out)
{
    return (str){out, (size_t)snprintf(out, PATH, "%s/%s", disk.folder, name)};
}

static void read_file(const char *name, struct buf *out)
{
    char path[PATH];

    buf_init(out, FILE_MAX);
    CHECK_EQ(file_read(path_of(name, path), out), OK);
}

static bool exists(const char *name)
{
    char path[PATH];
    struct disk_file *f = NULL;
    err e = disk_open(&disk.disk, path_of(name, path), DISK_READ, &f);

    disk_close(f);
    return e == OK;
}

TEST(segment_writer_writes_what_a_reader_takes)
{
    for (enum segment_tier tier = SEGMENT_EXACT; tier < SEGMENT_TIERS; tier++) {
        struct segment_sample s;
        struct segment segment;
        struct segment_damage why;
        char path[PATH];
        start(&s, tier);
        CHECK_EQ(segment_sample_write(&s, &disk.disk, path_of("a", path)), OK);
        CHECK_EQ(segment_open(&segment, path_of("a", path), SEGMENT_CHECK_FULL, &why), OK);
        for (unsigned i = 0; i < s.section_count; i++) {
            const struct segment_sample_section *want = &s.sections[i];
            const struct segment_section *got = segment_section(&segment, want->type, want->number);
            CHECK(got);
            CHECK_EQ(got->len, want->len);
            CHECK(want->len == 0 || memcmp(got->bytes, want->bytes, want->len) == 0);
        }
        segment_close(&segment);
        end(&s);
    }
}

static void append_in_pieces(const struct segment_sample *s, struct segment_writer *w)
{
    uint64_t at[SEGMENT_SAMPLE_SECTIONS] = {0};
    uint64_t left = 0;
    struct random r;

    random_init(&r, test_seed());
    for (unsigned i = 0; i < s->section_count; i++) {
        left += s->sections[i].len;
    }
    while (left > 0) {
        unsigned i = (unsigned)random_below(&r, s->section_count);
        uint64_t len = random_below(&r, random_below(&r, 8) ? 3'000 : 200'000);
        if (len > s->sections[i].len - at[i]) len = s->sections[i].len - at[i];
        CHECK_EQ(segment_writer_append(w, i, s->sections[i].bytes + at[i], len), OK);
        at[i] += len;
        left -= len;
    }
}

TEST(segment_writer_writes_the_same_file_however_sections_are_appended)
{
    struct segment_sample s;
    struct segment_writer w;
    struct buf whole;
    struct buf pieces;
    char path[PATH];

    start(&s, SEGMENT_IVF);
    CHECK_EQ(segment_sample_write(&s, &disk.disk, path_of("whole", path)), OK);
    CHECK_EQ(segment_sample_open(&s, &disk.disk, path_of("pieces", path), &w), OK);
    CHECK_EQ(segment_writer_layout(&w), OK);
    append_in_pieces(&s, &w);
    CHECK_EQ(segment_writer_finish(&w), OK);
    read_file("whole", &whole);
    read_file("pieces", &pieces);
    CHECK(str_eq(buf_view(&whole), buf_view(&pieces)));
    buf_done(&whole);
    buf_done(&pieces);
    end(&s);
}

struct appender {
    pthread_t thread;
    const struct segment_sample *sample;
    struct segment_writer *writer;
    unsigned first;
};

// Every third section, a kilobyte at a time.
static void *append_some(void *arg)
{
    struct appender *a = arg;

    for (unsigned i = a->first; i < a->sample->section_count; i += 3) {
        const struct segment_sample_section *c = &a->sample->sections[i];
        for (uint64_t at = 0; at < c->len; at += 1000) {
            size_t len = c->len - at < 1000 ? (size_t)(c->len - at) : 1000;
            CHECK_EQ(segment_writer_append(a->writer, i, c->bytes + at, len), OK);
        }
    }
    return NULL;
}

TEST(segment_writer_takes_sections_from_several_threads)
{
    struct segment_sample s;
    struct segment_writer w;
    struct segment segment;
    struct segment_damage why;
    struct appender appenders[3];
    char path[PATH];

    start(&s, SEGMENT_IVF);
    CHECK_EQ(segment_sample_open(&s, &disk.disk, path_of("a", path), &w), OK);
    CHECK_EQ(segment_writer_layout(&w), OK);
    for (unsigned i = 0; i < 3; i++) {
        appenders[i] = (struct appender){.sample = &s, .writer = &w, .first = i};
        CHECK_EQ(pthread_create(&appenders[i].thread, NULL, append_some, &appenders[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(appenders[i].thread, NULL);
    }
    CHECK_EQ(segment_writer_finish(&w), OK);
    CHECK_EQ(segment_open(&segment, path_of("a", path), SEGMENT_CHECK_FULL, &why), OK);
    segment_close(&segment);
    end(&s);
}

TEST(segment_writer_refuses_sections_that_do_not_fit_the_shape)
{
    struct segment_sample s;
    struct segment_writer w;
    char path[PATH];
    unsigned section = 0;

    start(&s, SEGMENT_IVF);
    CHECK_EQ(segment_writer_open(&w, &disk.disk, path_of("a", path), &s.shape), OK);
    CHECK_EQ(segment_writer_reserve(&w, SEGMENT_KEYS, 0, 8, 8 * ROWS, &section), OK);
    CHECK_EQ(segment_writer_reserve(&w, SEGMENT_KEYS, 0, 8, 8 * ROWS, &section), ERR_RANGE);
    CHECK_EQ(segment_writer_reserve(&w, SEGMENT_BLKCRC, 0, 4, 4, &section), ERR_RANGE);
    CHECK_EQ(segment_writer_reserve(&w, SEGMENT_HEADER, 0, 4, 4, &section), ERR_RANGE);
    CHECK_EQ(segment_writer_layout(&w), ERR_RANGE); // all but KEYS are missing
    segment_writer_abort(&w);
    CHECK(!exists("a"));

    s.sections[3].len = UINT64_MAX - 1000;
    CHECK_EQ(segment_sample_open(&s, &disk.disk, path_of("a", path), &w), OK);
    CHECK_EQ(segment_writer_layout(&w), ERR_RANGE);
    segment_writer_abort(&w);
    s.shape.row_count = 0;
    CHECK_EQ(segment_writer_open(&w, &disk.disk, path_of("a", path), &s.shape), ERR_RANGE);
    CHECK(!exists("a"));
    end(&s);
}

TEST(segment_writer_leaves_a_file_that_exists_alone)
{
    struct segment_sample s;
    char path[PATH];

    start(&s, SEGMENT_EXACT);
    CHECK_EQ(segment_sample_write(&s, &disk.disk, path_of("a", path)), OK);
    CHECK_EQ(segment_sample_write(&s, &disk.disk, path_of("a", path)), ERR_IN_USE);
    CHECK(exists("a"));
    end(&s);
}

TEST(segment_writer_wants_exactly_what_was_reserved)
{
    struct segment_sample s;
    struct segment_writer w;
    char path[PATH];

    start(&s, SEGMENT_EXACT);
    CHECK_EQ(segment_sample_open(&s, &disk.disk, path_of("a", path), &w), OK);
    CHECK_EQ(segment_writer_layout(&w), OK);
    append_in_pieces(&s, &w);
    CHECK_EQ(segment_writer_append(&w, 0, "x", 1), ERR_RANGE);
    CHECK_EQ(segment_writer_append(&w, 0, "", 0), ERR_RANGE);
    CHECK_EQ(segment_writer_finish(&w), ERR_RANGE);
    segment_writer_abort(&w);

    CHECK_EQ(segment_sample_open(&s, &disk.disk, path_of("a", path), &w), OK);
    CHECK_EQ(segment_writer_layout(&w), OK);
    CHECK_EQ(segment_writer_append(&w, 0, s.sections[0].bytes, s.sections[0].len - 1), OK);
    CHECK_EQ(segment_writer_finish(&w), ERR_RANGE);
    segment_writer_abort(&w);
    CHECK(!exists("a"));
    end(&s);
}

TEST(segment_writer_says_so_when_the_disk_fails)
{
    struct segment_sample s;
    char path[PATH];
    unsigned failures = 0;

    start(&s, SEGMENT_IVF);
    for (uint64_t n = 1;; n++) {
        fake_disk_fail_at(&disk, n, ERR_LIMIT);
        err e = segment_sample_write(&s, &disk.disk, path_of("a", path));
        if (e == OK) break;
        CHECK_EQ(e, ERR_LIMIT);
        CHECK(!exists("a"));
        failures++;
    }
    CHECK(failures > 20);
    end(&s);
}

// Whatever survives a power cut while a file is written: a header says that all of it did.
TEST(segment_writer_leaves_no_file_that_opens_and_is_not_whole)
{
    unsigned seeds = 12;
    unsigned whole = 0;
    unsigned refused = 0;

    for (unsigned seed = 0; seed < seeds; seed++) {
        bool is_written = false;
        for (uint64_t n = 1; !is_written; n += 1 + n / 4) {
            struct segment_sample s;
            struct segment segment;
            struct segment_damage why;
            char path[PATH];
            fake_disk_open(&disk, seed);
            segment_sample_init(&s, SEGMENT_IVF, 1000);
            fake_disk_crash_at(&disk, n);
            is_written = segment_sample_write(&s, &disk.disk, path_of("a", path)) == OK;
            fake_disk_reboot(&disk);
            err e = segment_open(&segment, path_of("a", path), SEGMENT_CHECK_OFF, &why);
            if (e == OK) {
                CHECK_EQ(segment_sample_read(&segment), OK);
                segment_close(&segment);
                CHECK_EQ(segment_open(&segment, path_of("a", path), SEGMENT_CHECK_FULL, &why), OK);
                segment_close(&segment);
                whole++;
            } else {
                CHECK(e == ERR_ABSENT || e == ERR_EOF || e == ERR_DAMAGED);
                CHECK(!is_written);
                refused++;
            }
            end(&s);
        }
    }
    CHECK(whole >= seeds && refused > seeds);
}
