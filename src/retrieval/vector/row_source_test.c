#include "retrieval/vector/row_source.h"

#include "support/test.h"

static const float rows[] = {1, 2, 3, 4, 5, 6};

TEST(row_source_copies_rows_and_keys_of_an_array)
{
    static const uint64_t keys[] = {70, 80, 90};
    struct row_source_array a;
    float out[4];
    uint64_t got[2];

    row_source_array_init(&a, rows, 3, 2);
    a.keys = keys;
    CHECK_EQ(a.source.fetch(&a.source, 1, 2, out, got), OK);
    CHECK(out[0] == 3 && out[3] == 6);
    CHECK_EQ(got[0], 80);
    CHECK_EQ(got[1], 90);
    CHECK_EQ(a.source.fetch(&a.source, 0, 1, NULL, got), OK);
    CHECK_EQ(got[0], 70);
}

TEST(row_source_of_an_array_without_keys_counts_its_rows)
{
    struct row_source_array a;
    uint64_t got[3];

    row_source_array_init(&a, rows, 3, 2);
    CHECK_EQ(a.source.fetch(&a.source, 0, 3, NULL, got), OK);
    CHECK_EQ(got[2], 2);
}

TEST(row_source_refuses_rows_that_an_array_has_not)
{
    struct row_source_array a;
    float out[8];

    row_source_array_init(&a, rows, 3, 2);
    CHECK_EQ(a.source.fetch(&a.source, 2, 2, out, NULL), ERR_RANGE);
    CHECK_EQ(a.source.fetch(&a.source, UINT64_MAX, 2, out, NULL), ERR_RANGE);
    CHECK_EQ(a.source.fetch(&a.source, 3, 0, out, NULL), OK);
}
