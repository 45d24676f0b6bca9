#include "retrieval/vector/index.h"

#include "support/index_stage.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

static struct index_stage stage;

struct findings {
    struct index_finder finder;
    unsigned count;
    unsigned count_max;
    char file[80];
    char section[16];
    char what[80];
};

static void copy_str(str from, char *out, size_t size)
{
    snprintf(out, size, "%" STR_FMT, STR_ARG(from));
}

static err note(struct index_finder *f, const struct index_finding *finding)
{
    struct findings *all = container_of(f, struct findings, finder);

    copy_str(finding->file, all->file, sizeof all->file);
    copy_str(finding->section, all->section, sizeof all->section);
    copy_str(finding->what, all->what, sizeof all->what);
    return ++all->count > all->count_max ? ERR_CANCELED : OK;
}

static err verify(struct findings *f)
{
    *f = (struct findings){.finder.found = note, .count_max = 100};
    return index_verify(stage.index, &f->finder);
}

// A name in the folder that begins and ends like this.
struct search {
    struct disk_lister lister;
    str begin;
    str end;
    char path[4096];
};

static err match(struct disk_lister *l, str name)
{
    struct search *s = container_of(l, struct search, lister);

    if (!str_starts(name, s->begin) || !str_ends(name, s->end)) return OK;
    return disk_path(str_from_c(stage.folder), name, s->path);
}

static void flip(str begin, str end, long offset)
{
    struct search s = {.lister.name = match, .begin = begin, .end = end};

    CHECK_EQ(disk_list(&stage.disk.disk, str_from_c(stage.folder), &s.lister), OK);
    FILE *f = fopen(s.path, "r+b");
    CHECK(f);
    CHECK_EQ(fseek(f, offset, SEEK_SET), 0);
    int byte = fgetc(f);
    CHECK_EQ(fseek(f, offset, SEEK_SET), 0);
    CHECK_EQ(fputc(byte ^ 1, f), byte ^ 1);
    CHECK_EQ(fclose(f), 0);
}

static void start(void)
{
    index_stage_open(&stage, 1);
    CHECK_EQ(index_stage_put(&stage, 0, 400, 1), OK);
    CHECK_EQ(index_compact(stage.index, true), OK);
    CHECK_EQ(index_stage_delete(&stage, 0, 10), OK);
    CHECK_EQ(index_stage_put(&stage, 400, 10, 1), OK);
    CHECK_EQ(index_flush(stage.index), OK);
    CHECK_EQ(index_compact(stage.index, true), OK);
    CHECK_EQ(index_stage_delete(&stage, 10, 10), OK);
    CHECK_EQ(index_flush(stage.index), OK); // a file of tombstones
}

TEST(index_verify_finds_nothing_where_nothing_is_damaged)
{
    struct findings f;

    start();
    CHECK_EQ(verify(&f), OK);
    CHECK_EQ(f.count, 0);
    CHECK_EQ(index_stage_reopen(&stage), OK);
    CHECK_EQ(verify(&f), OK);
    index_stage_close(&stage);
}

TEST(index_verify_says_which_file_and_section_is_damaged)
{
    struct findings f;

    start();
    flip(STR("seg-"), STR(".vseg"), 4096 + 100); // behind the header
    CHECK_EQ(verify(&f), ERR_DAMAGED);
    CHECK_EQ(f.count, 1);
    CHECK_STR(str_from_c(f.section), "CENT");
    CHECK_STR(str_from_c(f.what), "a checksum does not match");
    CHECK(str_starts(str_from_c(f.file), STR("seg-")));
    CHECK_EQ(index_verify(stage.index, NULL), ERR_DAMAGED);
    index_stage_close(&stage);
}

TEST(index_verify_finds_damage_to_tombstones_and_manifests)
{
    struct findings f;

    start();
    flip(STR("seg-"), STR(".del"), 40);
    CHECK_EQ(verify(&f), ERR_DAMAGED);
    CHECK_EQ(f.count, 1);
    CHECK(str_ends(str_from_c(f.file), STR(".del")));
    index_stage_close(&stage);

    struct index_stats stats;
    char newest[32];
    start();
    index_stats(stage.index, &stats);
    snprintf(newest, sizeof newest, "MANIFEST-%08llu", (unsigned long long)stats.generation);
    flip(str_from_c(newest), STR(""), 40);
    CHECK_EQ(verify(&f), ERR_DAMAGED);
    CHECK_EQ(f.count, 1);
    CHECK(strcmp(f.file, newest) == 0);
    index_stage_close(&stage);
}

TEST(index_verify_ends_when_the_finder_has_enough)
{
    struct findings f = {.finder.found = note};

    start();
    flip(STR("seg-"), STR(".vseg"), 4096 + 100);
    CHECK_EQ(index_verify(stage.index, &f.finder), ERR_CANCELED);
    CHECK_EQ(f.count, 1);
    index_stage_close(&stage);
}

// Rows that are damaged don't get a new checksum.
TEST(index_verify_finds_damage_after_a_merge_that_met_it)
{
    struct findings f;

    start();
    flip(STR("seg-"), STR(".vseg"), 4096 + 100);
    CHECK_EQ(index_compact(stage.index, true), ERR_DAMAGED);
    CHECK_EQ(verify(&f), ERR_DAMAGED);
    CHECK_EQ(index_stage_version(&stage, 100), 1);
    index_stage_close(&stage);
}
