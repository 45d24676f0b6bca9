#include "support/index_stage.h"

#include "base/memory.h"
#include "retrieval/vector/row_values.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

enum { VALUES_BYTES_MAX = 64, BATCH_ROWS_MAX = 1024 };

void index_stage_open(struct index_stage *s, uint64_t seed)
{
    *s = (struct index_stage){0};
    fake_disk_open(&s->disk, seed);
    snprintf(s->folder, sizeof s->folder, "%s/index", s->disk.folder);
    column_schema_init(&s->schema);
    CHECK_EQ(column_schema_add(&s->schema, STR("version"), COLUMN_I64, 0), OK);
    s->options = (struct index_options){
        .dim = INDEX_STAGE_DIM,
        .metric = METRIC_L2,
        .schema = &s->schema,
        .memtable_rows = INDEX_STAGE_MEMTABLE,
        .exact_rows_max = 100,
        .bytes_rows_max = 250,
        .disk = &s->disk.disk,
        .has_no_background = true,
    };
    CHECK_EQ(index_create(str_from_c(s->folder), &s->options), OK);
    CHECK_EQ(index_stage_reopen(s), OK);
}

void index_stage_leave(struct index_stage *s)
{
    index_searcher_free(s->searcher);
    s->searcher = NULL;
    index_close(s->index);
    s->index = NULL;
}

void index_stage_close(struct index_stage *s)
{
    index_stage_leave(s);
    fake_disk_close(&s->disk);
}

err index_stage_reopen(struct index_stage *s)
{
    index_stage_leave(s);
    TRY(index_open(str_from_c(s->folder), &s->options, &s->index));
    s->searcher = index_searcher_new(s->index);
    return OK;
}

void index_stage_vector(uint64_t key, uint32_t version, float *out)
{
    struct random r;

    random_init(&r, random_mix(key) + version);
    for (unsigned i = 0; i < INDEX_STAGE_DIM; i++) {
        out[i] = (float)random_normal(&r);
    }
}

// ---- writing

struct rows {
    float vectors[BATCH_ROWS_MAX][INDEX_STAGE_DIM];
    char values[BATCH_ROWS_MAX][VALUES_BYTES_MAX];
    struct index_op ops[BATCH_ROWS_MAX];
};

static void put(const struct index_stage *s, struct rows *rows, uint32_t i, uint64_t key,
                uint32_t version)
{
    const struct column_value value = {.type = COLUMN_I64, .i64 = version};
    struct buf buf;

    index_stage_vector(key, version, rows->vectors[i]);
    buf_init(&buf, VALUES_BYTES_MAX);
    CHECK_EQ(row_values_encode(&s->schema, &value, &buf), OK);
    memcpy(rows->values[i], buf_view(&buf).ptr, buf_len(&buf));
    rows->ops[i] = (struct index_op){.kind = INDEX_PUT,
                                     .key = key,
                                     .vector = rows->vectors[i],
                                     .values = {rows->values[i], buf_len(&buf)}};
    buf_done(&buf);
}

err index_stage_put(struct index_stage *s, uint64_t first, uint32_t count, uint32_t version)
{
    struct rows *rows = memory_new(struct rows);

    CHECK(count <= BATCH_ROWS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        put(s, rows, i, first + i, version);
    }
    err e = index_write(s->index, rows->ops, count);
    memory_free(rows);
    return e;
}

err index_stage_delete(struct index_stage *s, uint64_t first, uint32_t count)
{
    struct rows *rows = memory_new(struct rows);

    CHECK(count <= BATCH_ROWS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        rows->ops[i] = (struct index_op){.kind = INDEX_DELETE, .key = first + i};
    }
    err e = index_write(s->index, rows->ops, count);
    memory_free(rows);
    return e;
}

struct version_values {
    struct index_values values;
    struct buf buf;
};

static err fetch_version(struct index_values *v, uint64_t row, str *out)
{
    (void)row;
    *out = buf_view(&container_of(v, struct version_values, values)->buf);
    return OK;
}

err index_stage_load(struct index_stage *s, struct row_source *rows, uint32_t version)
{
    const struct column_value value = {.type = COLUMN_I64, .i64 = version};
    struct version_values v = {.values.fetch = fetch_version};

    buf_init(&v.buf, VALUES_BYTES_MAX);
    CHECK_EQ(row_values_encode(&s->schema, &value, &v.buf), OK);
    err e = index_load(s->index, rows, &v.values, NULL);
    buf_done(&v.buf);
    return e;
}

err index_stage_load_rows(struct index_stage *s, uint64_t first, uint32_t count, uint32_t version)
{
    float *vectors = memory_alloc_raw(count * INDEX_STAGE_DIM * sizeof *vectors);
    uint64_t *keys = memory_alloc_raw(count * sizeof *keys);
    struct row_source_array rows;

    for (uint32_t i = 0; i < count; i++) {
        keys[i] = first + i;
        index_stage_vector(keys[i], version, vectors + (size_t)i * INDEX_STAGE_DIM);
    }
    row_source_array_init(&rows, vectors, count, INDEX_STAGE_DIM);
    rows.keys = keys;
    err e = index_stage_load(s, &rows.source, version);
    memory_free(vectors);
    memory_free(keys);
    return e;
}

// ---- reading

// Whether the nearest row to this vector is that of the key.
static bool finds_itself(struct index_stage *s, uint64_t key, const float *vector)
{
    struct nearest_hit hit;
    const struct index_query query = {.vector = vector, .k = 1};
    struct index_result result = {.hits = &hit};

    CHECK_EQ(index_search(s->searcher, &query, &result), OK);
    return result.count == 1 && hit.key == key && hit.distance == 0 && result.is_complete;
}

uint32_t index_stage_version(struct index_stage *s, uint64_t key)
{
    float vector[INDEX_STAGE_DIM];
    float want[INDEX_STAGE_DIM];
    struct buf values;

    buf_init(&values, VALUES_BYTES_MAX);
    err e = index_get(s->index, key, vector, &values);
    struct column_value version = row_values_get(&s->schema, buf_view(&values), 0);
    buf_done(&values);
    if (e == ERR_ABSENT) return 0;
    CHECK_EQ(e, OK);
    if (version.type != COLUMN_I64) return UINT32_MAX;
    index_stage_vector(key, (uint32_t)version.i64, want);
    if (memcmp(want, vector, sizeof want) != 0 || !finds_itself(s, key, want)) return UINT32_MAX;
    return (uint32_t)version.i64;
}

void index_stage_check(struct index_stage *s, uint64_t first, uint32_t count, uint32_t version)
{
    for (uint64_t key = first; key < first + count; key++) {
        CHECK_EQ(index_stage_version(s, key), version);
    }
}

struct index_stats index_stage_stats(struct index_stage *s)
{
    struct index_stats stats;

    index_stats(s->index, &stats);
    return stats;
}
