#include "support/index_stage.h"

#include "base/memory.h"
#include "retrieval/vector/index_state.h"
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

void index_stage_close(struct index_stage *s)
{
    index_close(s->index);
    s->index = NULL;
    fake_disk_close(&s->disk);
}

err index_stage_reopen(struct index_stage *s)
{
    index_close(s->index);
    s->index = NULL;
    return index_open(str_from_c(s->folder), &s->options, &s->index);
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

// ---- reading

// A row as it lies somewhere.
struct row {
    uint64_t key;
    const float *vector;
    struct column_value version;
};

struct visitor {
    void (*row)(struct visitor *v, const struct row *row);
};

static void visit(const struct index_stage *s, struct visitor *v)
{
    unsigned place = epoch_enter(&s->index->epoch);
    const struct index_view *view = s->index->view;

    for (uint32_t i = 0; i < view->part_count; i++) {
        const struct index_part *p = view->parts[i];
        for (uint32_t row = 0; row < p->segment.shape.row_count; row++) {
            if (tombstones_has(&p->dead, row)) continue;
            const struct row r = {p->segment.keys[row],
                                  p->segment.raw + (size_t)row * INDEX_STAGE_DIM,
                                  columns_get(&p->columns, row, 0)};
            v->row(v, &r);
        }
    }
    for (struct index_fresh *f = view->first; f; f = index_view_fresh_next(f)) {
        uint32_t visible = memtable_visible(&f->table);
        for (uint32_t row = 0; row < visible; row++) {
            if (memtable_is_dead(&f->table, row, visible)) continue;
            const struct row r = {memtable_key(&f->table, row), memtable_vector(&f->table, row),
                                  row_values_get(&s->schema, memtable_values(&f->table, row), 0)};
            v->row(v, &r);
        }
    }
    epoch_leave(&s->index->epoch, place);
}

struct by_key {
    struct visitor visitor;
    uint64_t key;
    uint32_t version;
};

static void match_key(struct visitor *v, const struct row *row)
{
    struct by_key *b = container_of(v, struct by_key, visitor);
    float want[INDEX_STAGE_DIM];

    if (row->key != b->key) return;
    index_stage_vector(row->key, (uint32_t)row->version.i64, want);
    bool is_whole = b->version == 0 && row->version.type == COLUMN_I64 &&
                    memcmp(want, row->vector, sizeof want) == 0;
    b->version = is_whole ? (uint32_t)row->version.i64 : UINT32_MAX;
}

uint32_t index_stage_version(struct index_stage *s, uint64_t key)
{
    struct by_key b = {.visitor.row = match_key, .key = key};

    visit(s, &b.visitor);
    return b.version;
}
