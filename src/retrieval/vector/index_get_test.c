#include "retrieval/vector/row_values.h"

#include "support/index_model.h"
#include "support/test.h"

#include <string.h>

enum { DIM = 8 };

// Every row of the model is found as it is stored, and no other.
static void check_rows(struct index_model *m)
{
    float vector[DIM];
    struct buf values;

    buf_init(&values, ROW_VALUES_BYTES_MAX);
    for (uint64_t key = 0; key < INDEX_MODEL_KEYS; key++) {
        buf_clear(&values);
        const struct index_model_row *row = &m->rows[key];
        err e = index_get(m->index, key, vector, &values);
        CHECK_EQ(e, row->lives ? OK : ERR_ABSENT);
        if (e) continue;
        CHECK(memcmp(vector, m->vectors + key * DIM, sizeof vector) == 0);
        CHECK_SAME(buf_view(&values), ((str){row->values, row->values_len}));
        CHECK_EQ(index_get(m->index, key, NULL, NULL), OK);
    }
    buf_done(&values);
}

TEST(index_get_finds_the_newest_row_of_a_key_wherever_it_is)
{
    const struct index_options options = {.dim = DIM, .metric = METRIC_COSINE};
    struct index_model *m = index_model_open(&options);

    check_rows(m);
    index_model_put(m, 0, 500);
    index_model_delete(m, 10, 100);
    index_model_put(m, 50, 100);
    check_rows(m);
    index_model_load(m, 100, 2000);
    index_model_put(m, 300, 200);
    index_model_delete(m, 400, 200);
    check_rows(m);
    index_model_reopen(m);
    check_rows(m);
    CHECK_EQ(index_compact(m->index, true), OK);
    check_rows(m);
    index_model_close(m);
}
