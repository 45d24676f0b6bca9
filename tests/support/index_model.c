#include "support/index_model.h"

#include "base/list.h"
#include "base/memory.h"
#include "retrieval/vector/exact.h"
#include "retrieval/vector/filter.h"
#include "retrieval/vector/normalize.h"
#include "retrieval/vector/row_values.h"

#include "support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMTABLE_ROWS = 256, EXACT_ROWS = 300, BYTES_ROWS = 600, BATCH = 64 };

static void add_columns(struct column_schema *s)
{
    column_schema_init(s);
    CHECK_EQ(column_schema_add(s, STR("year"), COLUMN_I64, 0), OK);
    CHECK_EQ(column_schema_add(s, STR("score"), COLUMN_F64, 0), OK);
    CHECK_EQ(column_schema_add(s, STR("draft"), COLUMN_BOOL, 0), OK);
    CHECK_EQ(column_schema_add(s, STR("tag"), COLUMN_STRING, 0), OK);
    CHECK_EQ(column_schema_add(s, STR("center"), COLUMN_I64, 0), OK);
}

static void open_index(struct index_model *m)
{
    CHECK_EQ(index_open(str_from_c(m->folder), &m->options, &m->index), OK);
    m->searcher = index_searcher_new(m->index);
}

struct index_model *index_model_open(const struct index_options *options)
{
    struct index_model *m = memory_new(struct index_model);
    size_t dim = options->dim;

    m->options = *options;
    m->options.has_no_background = true;
    if (m->options.memtable_rows == 0) m->options.memtable_rows = MEMTABLE_ROWS;
    if (m->options.exact_rows_max == 0) m->options.exact_rows_max = EXACT_ROWS;
    if (m->options.bytes_rows_max == 0) m->options.bytes_rows_max = BYTES_ROWS;
    if (options->schema) {
        m->schema = *options->schema;
    } else {
        add_columns(&m->schema);
    }
    m->options.schema = &m->schema;
    random_init(&m->random, test_seed());
    m->centers = memory_alloc(INDEX_MODEL_CENTERS * dim * sizeof *m->centers);
    m->raw = memory_alloc(INDEX_MODEL_KEYS * dim * sizeof *m->raw);
    m->vectors = memory_alloc(INDEX_MODEL_KEYS * dim * sizeof *m->vectors);
    m->rows = memory_alloc(INDEX_MODEL_KEYS * sizeof *m->rows);
    for (size_t i = 0; i < INDEX_MODEL_CENTERS * dim; i++) {
        m->centers[i] = (float)random_normal(&m->random) * 2;
    }
    snprintf(m->folder, sizeof m->folder, "/tmp/index_model.XXXXXX");
    CHECK(mkdtemp(m->folder));
    CHECK_EQ(index_create(str_from_c(m->folder), &m->options), OK);
    open_index(m);
    return m;
}

void index_model_reopen(struct index_model *m)
{
    index_searcher_free(m->searcher);
    index_close(m->index);
    open_index(m);
}

static void remove_folder(const char *folder)
{
    char path[sizeof((struct dirent *)0)->d_name + 80];
    DIR *d = opendir(folder);

    CHECK(d);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.') unlink(path);
    }
    closedir(d);
    CHECK_EQ(rmdir(folder), 0);
}

void index_model_close(struct index_model *m)
{
    index_searcher_free(m->searcher);
    index_close(m->index);
    remove_folder(m->folder);
    memory_free(m->centers);
    memory_free(m->raw);
    memory_free(m->vectors);
    memory_free(m->rows);
    memory_free(m);
}

void index_model_vector(struct index_model *m, float *out)
{
    m->center = random_below(&m->random, INDEX_MODEL_CENTERS);
    const float *center = m->centers + m->center * m->options.dim;

    for (uint32_t i = 0; i < m->options.dim; i++) {
        out[i] = center[i] + (float)random_normal(&m->random);
    }
}

// The row gets a vector as it is stored, and values by chance.
static void set_row(struct index_model *m, uint64_t key, const float *vector)
{
    static const str tags[] = {STR_INIT("red"), STR_INIT("green"), STR_INIT("blue")};
    struct index_model_row *row = &m->rows[key];
    float *stored = m->vectors + key * m->options.dim;
    uint64_t dice = random_u64(&m->random);
    struct column_value values[5] = {
        {.type = COLUMN_I64, .i64 = (int64_t)(dice % 1000)},
        {.type = COLUMN_F64, .f64 = random_unit(&m->random)},
        {.type = COLUMN_BOOL, .boolean = dice >> 20 & 1},
        {.type = COLUMN_STRING, .text = tags[(dice >> 32) % 3]},
        {.type = COLUMN_I64, .i64 = (int64_t)m->center},
    };
    struct buf bytes;
    float norm = 0;

    if ((dice >> 50) % 8 == 0) values[1].type = COLUMN_ABSENT;
    if (m->schema.count == 1) values[0] = values[3]; // the schema of partitions: one text
    memcpy(m->raw + key * m->options.dim, vector, m->options.dim * sizeof *stored);
    memcpy(stored, vector, m->options.dim * sizeof *stored);
    if (m->options.metric == METRIC_COSINE) (void)!normalize_f32(stored, m->options.dim, &norm);
    buf_init(&bytes, INDEX_MODEL_VALUES_MAX);
    CHECK_EQ(row_values_encode(&m->schema, values, &bytes), OK);
    row->lives = true;
    row->values_len = (uint8_t)buf_len(&bytes);
    memcpy(row->values, buf_view(&bytes).ptr, row->values_len);
    buf_done(&bytes);
}

static str values_of(const struct index_model *m, uint64_t key)
{
    return (str){m->rows[key].values, m->rows[key].values_len};
}

static void write_rows(struct index_model *m, uint64_t first, uint32_t count)
{
    struct index_op ops[BATCH];

    for (uint32_t done = 0; done < count;) {
        uint32_t some = count - done < BATCH ? count - done : BATCH;
        for (uint32_t i = 0; i < some; i++) {
            uint64_t key = first + done + i;
            ops[i] = (struct index_op){
                .kind = m->rows[key].lives ? INDEX_PUT : INDEX_DELETE,
                .key = key,
                .vector = m->raw + key * m->options.dim,
                .values = values_of(m, key),
            };
        }
        CHECK_EQ(index_write(m->index, ops, some), OK);
        done += some;
    }
}

void index_model_put_vector(struct index_model *m, uint64_t key, const float *vector)
{
    set_row(m, key, vector);
    write_rows(m, key, 1);
}

static void make_rows(struct index_model *m, uint64_t first, uint32_t count)
{
    float *vector = memory_alloc(m->options.dim * sizeof *vector);

    CHECK(first + count <= INDEX_MODEL_KEYS);
    for (uint64_t key = first; key < first + count; key++) {
        index_model_vector(m, vector);
        set_row(m, key, vector);
    }
    memory_free(vector);
}

void index_model_put(struct index_model *m, uint64_t first, uint32_t count)
{
    make_rows(m, first, count);
    write_rows(m, first, count);
}

void index_model_delete(struct index_model *m, uint64_t first, uint32_t count)
{
    for (uint64_t key = first; key < first + count; key++) {
        m->rows[key].lives = false;
    }
    write_rows(m, first, count);
}

struct load_values {
    struct index_values values;
    const struct index_model *model;
    uint64_t first;
};

static err fetch_values(struct index_values *v, uint64_t row, str *out)
{
    const struct load_values *l = container_of(v, struct load_values, values);

    *out = values_of(l->model, l->first + row);
    return OK;
}

void index_model_load(struct index_model *m, uint64_t first, uint32_t count)
{
    struct load_values values = {{fetch_values}, m, first};
    uint64_t *keys = memory_alloc(count * sizeof *keys);
    struct row_source_array rows;

    make_rows(m, first, count);
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = first + i;
    }
    row_source_array_init(&rows, m->raw + first * m->options.dim, count, m->options.dim);
    rows.keys = keys;
    CHECK_EQ(index_load(m->index, &rows.source, &values.values, NULL), OK);
    memory_free(keys);
}

static float distance_of(const struct index_model *m, const float *query, uint64_t key)
{
    return exact_distance(m->options.metric, query, m->vectors + key * m->options.dim,
                          m->options.dim);
}

static const float *stored_query(const struct index_model *m, const struct index_query *q,
                                 float *room)
{
    float norm = 0;

    memcpy(room, q->vector, m->options.dim * sizeof *room);
    if (m->options.metric == METRIC_COSINE) (void)!normalize_f32(room, m->options.dim, &norm);
    return room;
}

static bool is_wanted(const struct index_model *m, const struct index_query *q, uint64_t key)
{
    return m->rows[key].lives && (!q->filter || filter_match(q->filter, values_of(m, key)));
}

uint32_t index_model_truth(struct index_model *m, const struct index_query *q)
{
    float query[INDEX_DIM_MAX];
    struct nearest nearest;

    (void)stored_query(m, q, query);
    nearest_init(&nearest, m->truth, q->k);
    for (uint64_t key = 0; key < INDEX_MODEL_KEYS; key++) {
        if (!is_wanted(m, q, key)) continue;
        float distance = distance_of(m, query, key);
        if (!q->has_radius || distance <= q->radius) nearest_push(&nearest, distance, key);
    }
    nearest_sort(&nearest);
    return nearest.count;
}

static void check_hits(const struct index_model *m, const struct index_query *q,
                       const struct index_result *r)
{
    bool *is_seen = memory_alloc(INDEX_MODEL_KEYS);
    float query[INDEX_DIM_MAX];

    (void)stored_query(m, q, query);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct nearest_hit *hit = &r->hits[i];
        CHECK(hit->key < INDEX_MODEL_KEYS);
        CHECK(!is_seen[hit->key]);
        is_seen[hit->key] = true;
        CHECK(is_wanted(m, q, hit->key));
        CHECK(hit->distance == distance_of(m, query, hit->key));
        CHECK(!q->has_radius || hit->distance <= q->radius);
        if (i == 0) continue;
        CHECK(hit[-1].distance < hit->distance ||
              (hit[-1].distance == hit->distance && hit[-1].key < hit->key));
    }
    memory_free(is_seen);
}

uint32_t index_model_search(struct index_model *m, const struct index_query *q,
                            struct index_result *result)
{
    uint32_t true_count = index_model_truth(m, q);
    uint32_t found = 0;

    *result = (struct index_result){.hits = m->hits};
    CHECK_EQ(index_search(m->searcher, q, result), OK);
    CHECK(result->is_complete);
    CHECK(!result->is_damaged);
    if (!q->has_radius) CHECK_EQ(result->count, true_count);
    check_hits(m, q, result);
    for (uint32_t i = 0; i < result->count;
         i++) { // by distance, as equal ones stand for each other
        found += true_count > 0 && m->hits[i].distance <= m->truth[true_count - 1].distance;
    }
    return found;
}
