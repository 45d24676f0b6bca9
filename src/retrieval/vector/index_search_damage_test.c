#include "retrieval/vector/index_searcher.h"

#include "support/index_model.h"
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DIM = 16, K = 10 };

// A model of one segment, by whose lists and vectors searches go.
static struct index_model *open_model(enum index_verify verify)
{
    const struct index_options options = {.dim = DIM, .verify = verify};
    struct index_model *m = index_model_open(&options);

    index_model_load(m, 0, 5000);
    index_model_reopen(m);
    return m;
}

static void open_segment(const struct index_model *m, int *out)
{
    char path[400];
    DIR *d = opendir(m->folder);

    CHECK(d);
    *out = -1;
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (!strstr(e->d_name, ".vseg")) continue;
        snprintf(path, sizeof path, "%s/%s", m->folder, e->d_name);
        *out = open(path, O_RDWR);
    }
    closedir(d);
    CHECK(*out >= 0);
}

// Changes a byte in the middle of a section of the segment.
static void damage(const struct index_model *m, enum segment_type type)
{
    const struct segment *s = &m->index->view->parts[0]->segment;
    const struct segment_section *section = s->by_type[type];
    off_t at = (off_t)(section->bytes - s->file.bytes) + (off_t)section->len / 2;
    unsigned char byte = 0;
    int file;

    open_segment(m, &file);
    CHECK_EQ(pread(file, &byte, 1, at), 1);
    byte ^= 0x40;
    CHECK_EQ(pwrite(file, &byte, 1, at), 1);
    close(file);
}

// Searches that read everything; whether one of them says that bytes are damaged.
static bool is_told(struct index_model *m)
{
    struct index_result result = {.hits = m->hits};
    float vector[DIM];
    bool is_damaged = false;

    for (unsigned exact = 0; exact < 2; exact++) {
        struct index_query q = {.vector = vector, .k = K, .lists = UINT32_MAX, .is_exact = exact};
        index_model_vector(m, vector);
        CHECK_EQ(index_search(m->searcher, &q, &result), OK);
        CHECK_EQ(result.count, K);
        is_damaged |= result.is_damaged;
    }
    return is_damaged;
}

TEST(index_search_tells_of_damaged_bytes_it_was_to_read)
{
    static const enum segment_type types[] = {SEGMENT_CENT,  SEGMENT_CODE1, SEGMENT_CODE4,
                                              SEGMENT_FACT4, SEGMENT_RAW,   SEGMENT_KEYS};

    for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
        struct index_model *m = open_model(INDEX_VERIFY_FIRST_TOUCH);
        struct index_stats stats;
        damage(m, types[i]);
        CHECK(is_told(m));
        index_stats(m->index, &stats);
        CHECK(stats.searches_damaged > 0);
        index_model_close(m);
    }
}

TEST(index_search_of_undamaged_bytes_tells_of_none)
{
    struct index_model *m = open_model(INDEX_VERIFY_FIRST_TOUCH);
    struct index_stats stats;

    CHECK(!is_told(m));
    index_stats(m->index, &stats);
    CHECK_EQ(stats.searches_damaged, 0);
    index_model_close(m);
}

TEST(index_search_of_a_file_that_was_cut_goes_on_and_says_so)
{
    struct index_model *m = open_model(INDEX_VERIFY_OFF);
    int file;

    CHECK(!is_told(m));
    open_segment(m, &file);
    CHECK_EQ(ftruncate(file, (off_t)m->index->view->parts[0]->segment.file.len / 2), 0);
    close(file);
    struct index_result result = {.hits = m->hits};
    float vector[DIM] = {0};
    struct index_query q = {.vector = vector, .k = K, .is_exact = true};
    CHECK_EQ(index_search(m->searcher, &q, &result), OK);
    CHECK(result.is_damaged);
    index_model_close(m);
}
