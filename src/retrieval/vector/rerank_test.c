#include "retrieval/vector/rerank.h"

#include "base/list.h"

#include "support/test.h"

#include <math.h>

enum { DIM = 3, COUNT = 40 };

struct line {
    struct raw_rows rows;
    float floats[COUNT][DIM];
    uint64_t missing;
};

static const float *find(struct raw_rows *rows, uint32_t source, uint64_t row)
{
    struct line *line = container_of(rows, struct line, rows);

    CHECK_EQ(source, 7);
    return row == line->missing ? NULL : line->floats[row];
}

static void line_init(struct line *line)
{
    *line = (struct line){.rows.find = find, .missing = COUNT};
    for (unsigned i = 0; i < COUNT; i++) {
        line->floats[i][1] = (float)i;
    }
}

static void offer_all(struct candidates *c, struct candidate *entries)
{
    candidates_init(c, entries, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        // Estimates have the order wrong.
        CHECK(candidates_offer(
            c, (struct candidate){.estimate = -(float)i, .source = 7, .row = (i * 7) % COUNT}));
    }
}

TEST(rerank_measures_and_sorts)
{
    struct candidate entries[COUNT];
    struct candidates c;
    struct line line;
    float query[DIM] = {0, 10.25F, 0};

    line_init(&line);
    offer_all(&c, entries);
    rerank(&c, &(struct rerank_query){query, DIM, METRIC_L2}, &line.rows);
    CHECK_EQ(entries[0].row, 10);
    CHECK(entries[0].estimate == 0.0625F);
    CHECK_EQ(entries[1].row, 11);
    CHECK_EQ(entries[COUNT - 1].row, COUNT - 1);
    rerank(&c, &(struct rerank_query){query, DIM, METRIC_IP}, &line.rows);
    CHECK_EQ(entries[0].row, COUNT - 1);
    CHECK(entries[0].estimate == -10.25F * (COUNT - 1));
}

TEST(rerank_puts_what_is_missing_or_no_number_last)
{
    struct candidate entries[COUNT];
    struct candidates c;
    struct line line;
    float query[DIM] = {0};

    line_init(&line);
    line.missing = 0;
    line.floats[1][0] = NAN;
    offer_all(&c, entries);
    rerank(&c, &(struct rerank_query){query, DIM, METRIC_COSINE}, &line.rows);
    CHECK_EQ(entries[0].row, 2);
    CHECK(isinf(entries[COUNT - 2].estimate));
    CHECK_EQ(entries[COUNT - 1].row, 1);
}
