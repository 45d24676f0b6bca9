#include "retrieval/vector/segment_verify.h"

#include "base/list.h"

#include "support/segment_forge.h"
#include "support/segment_sample.h"
#include "support/test.h"

#include <stdio.h>
#include <unistd.h>

enum { ROWS = 2500, FINDINGS_MAX = 100 };

// Keeps what was found, and goes on for so many steps.
struct findings {
    struct segment_verify_watcher watcher;
    struct segment_damage all[FINDINGS_MAX];
    unsigned count;
    unsigned steps_left;
};

static void keep(struct segment_verify_watcher *w, const struct segment_damage *d)
{
    struct findings *f = container_of(w, struct findings, watcher);

    CHECK(f->count < FINDINGS_MAX);
    f->all[f->count++] = *d;
}

static bool count_down(struct segment_verify_watcher *w)
{
    struct findings *f = container_of(w, struct findings, watcher);

    return f->steps_left-- > 0;
}

static struct segment_forge forge;
static struct segment segment;
static struct segment_damage why;

static void start(struct findings *f)
{
    *f = (struct findings){.watcher = {.found = keep}};
    segment_forge_init(&forge, SEGMENT_IVF, ROWS);
}

static err open_and_verify(struct findings *f)
{
    CHECK_EQ(segment_forge_open(&forge, SEGMENT_CHECK_OFF, &segment, &why), OK);
    return segment_verify(&segment, &f->watcher);
}

static void end(void)
{
    segment_close(&segment);
    segment_forge_done(&forge);
}

static void flip(uint64_t offset)
{
    forge.bytes[offset] ^= 0x10;
}

TEST(segment_verify_finds_nothing_in_a_good_file)
{
    struct findings f;

    start(&f);
    CHECK_EQ(open_and_verify(&f), OK);
    CHECK_EQ(f.count, 0);
    end();
}

TEST(segment_verify_finds_each_damaged_block)
{
    struct findings f;
    const struct segment_entry *e = NULL;

    start(&f);
    e = segment_forge_entry(&forge, SEGMENT_RAW);
    flip(e->offset + 3 * SEGMENT_BLOCK_BYTES - 1);
    flip(e->offset + e->bytes - 1);
    flip(segment_forge_entry(&forge, SEGMENT_CODE1)->offset);
    CHECK_EQ(open_and_verify(&f), ERR_DAMAGED);
    CHECK_EQ(f.count, 3);
    CHECK_EQ(f.all[0].type, SEGMENT_CODE1);
    CHECK_EQ(f.all[0].block, 0);
    CHECK_EQ(f.all[1].type, SEGMENT_RAW);
    CHECK_EQ(f.all[1].block, 2);
    CHECK_EQ(f.all[2].block, 3);
    CHECK_EQ(f.all[2].harm, SEGMENT_CHANGED);
    end();
}

TEST(segment_verify_finds_what_is_written_between_sections)
{
    struct findings f;
    const struct segment_entry *e = NULL;

    start(&f);
    e = segment_forge_entry(&forge, SEGMENT_CALIB);
    flip(e->offset + e->bytes);
    e = segment_forge_entry(&forge, SEGMENT_BLKCRC);
    flip(e->offset + e->bytes + 100);
    flip(forge.len - SEGMENT_PAGE_BYTES - 1);
    CHECK_EQ(open_and_verify(&f), ERR_DAMAGED);
    CHECK_EQ(f.count, 3);
    CHECK_EQ(f.all[0].type, SEGMENT_CALIB);
    CHECK_EQ(f.all[1].type, SEGMENT_BLKCRC);
    CHECK_EQ(f.all[2].type, SEGMENT_TABLE);
    end();
}

TEST(segment_verify_blames_a_damaged_checksum_and_not_its_block)
{
    struct findings f;

    start(&f);
    flip(segment_forge_entry(&forge, SEGMENT_BLKCRC)->offset);
    CHECK_EQ(open_and_verify(&f), ERR_DAMAGED);
    CHECK_EQ(f.count, 1);
    CHECK_EQ(f.all[0].type, SEGMENT_BLKCRC);
    end();
}

// Header, table and footer are read again, as the file may have changed since it was opened.
TEST(segment_verify_finds_what_has_changed_since_the_file_was_opened)
{
    struct findings f;
    uint64_t places[3];

    start(&f);
    places[0] = 100;
    places[1] = segment_forge_header(&forge)->table_offset + 5;
    places[2] = forge.len - 7;
    for (unsigned i = 0; i < 3; i++) {
        static const enum segment_type types[] = {SEGMENT_HEADER, SEGMENT_TABLE, SEGMENT_FOOTER};
        f.count = 0;
        CHECK_EQ(segment_forge_open(&forge, SEGMENT_CHECK_OFF, &segment, &why), OK);
        CHECK_EQ(pwrite(forge.fd, "\xaa", 1, (off_t)places[i]), 1);
        CHECK_EQ(segment_verify(&segment, &f.watcher), ERR_DAMAGED);
        CHECK_EQ(f.count, 1);
        CHECK_EQ(f.all[0].type, types[i]);
        segment_close(&segment);
    }
    segment_forge_done(&forge);
}

TEST(segment_verify_of_a_file_that_was_cut_tells_where_it_ends)
{
    struct findings f;
    uint64_t raw = 0;
    unsigned blocks = 0;

    start(&f);
    raw = segment_forge_entry(&forge, SEGMENT_RAW)->offset;
    CHECK_EQ(segment_forge_open(&forge, SEGMENT_CHECK_OFF, &segment, &why), OK);
    CHECK_EQ(ftruncate(forge.fd, (off_t)raw + SEGMENT_BLOCK_BYTES + 4096), 0);
    CHECK_EQ(segment_verify(&segment, &f.watcher), ERR_DAMAGED);
    for (unsigned i = 0; i < f.count; i++) {
        if (f.all[i].type != SEGMENT_RAW) continue;
        CHECK_EQ(f.all[i].block, ++blocks);
        CHECK_EQ(f.all[i].harm, SEGMENT_CUT);
    }
    CHECK_EQ(blocks, 3);
    CHECK(f.count > 3);
    end();
}

TEST(segment_verify_ends_when_asked_to)
{
    struct findings f;

    start(&f);
    f.watcher.goes_on = count_down;
    f.steps_left = 3;
    CHECK_EQ(open_and_verify(&f), ERR_CANCELED);
    f.steps_left = 1000;
    CHECK_EQ(segment_verify(&segment, &f.watcher), OK);
    CHECK(f.steps_left < 990);
    end();
}

// Of files; the shadow that a sanitizer keeps does not count.
static size_t resident_kib(void)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");

    CHECK(statm && fscanf(statm, "%*u %*u %lu", &pages) == 1);
    fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

TEST(segment_verify_keeps_nothing_of_a_file_in_memory)
{
    struct findings f = {.watcher = {.found = keep}};

    segment_forge_init(&forge, SEGMENT_EXACT, 150'000);
    CHECK(forge.len > 12 << 20);
    CHECK_EQ(segment_forge_open(&forge, SEGMENT_CHECK_OFF, &segment, &why), OK);
    size_t before = resident_kib();
    CHECK_EQ(segment_verify(&segment, &f.watcher), OK);
    CHECK(resident_kib() < before + 4096);
    end();
}
