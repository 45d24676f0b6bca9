#include "retrieval/vector/index_source.h"

#include "support/test.h"

enum { DIM = 2, ROWS = 600 };

TEST(index_source_of_a_memtable_sees_what_was_visible_when_it_began)
{
    struct index_fresh *f = index_view_fresh_new(DIM, 2 * ROWS, NULL);
    float vector[DIM] = {0, 0};
    struct index_source source;

    for (uint32_t i = 0; i < ROWS; i++) {
        vector[0] = (float)i;
        (void)memtable_append(&f->table, i, vector, STR(""));
    }
    memtable_publish(&f->table);
    (void)memtable_append(&f->table, 7, vector, STR("")); // replaces row 7 for those who come later
    index_source_init_fresh(&source, f, NULL);
    memtable_publish(&f->table);
    CHECK_EQ(index_source_rows(&source), ROWS);
    CHECK(index_source_accepts(&source, 7));
    CHECK(!index_source_accepts(&source, ROWS));
    index_source_init_fresh(&source, f, NULL);
    CHECK_EQ(index_source_rows(&source), ROWS + 1);
    CHECK(!index_source_accepts(&source, 7));
    CHECK(index_source_accepts(&source, ROWS));
    CHECK_EQ(index_source_key(&source, ROWS), 7);
    index_view_fresh_free(f);
}

TEST(index_source_gives_runs_of_vectors_that_together_are_all_rows)
{
    struct index_fresh *f = index_view_fresh_new(DIM, ROWS, NULL);
    float vector[DIM] = {0, 0};
    struct index_source source;
    uint64_t row = 0;

    for (uint32_t i = 0; i < ROWS; i++) {
        vector[0] = (float)i;
        (void)memtable_append(&f->table, i, vector, STR(""));
    }
    memtable_publish(&f->table);
    index_source_init_fresh(&source, f, NULL);
    while (row < ROWS) {
        uint32_t count = 100;
        const float *run = index_source_run(&source, row, &count);
        CHECK(count > 0 && count <= 100);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(run[(size_t)i * DIM] == (float)(row + i));
        }
        row += count;
    }
    CHECK_EQ(row, ROWS);
    index_view_fresh_free(f);
}
