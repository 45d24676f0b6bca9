#include "retrieval/vector/index_build.h"

#include "base/memory.h"
#include "retrieval/vector/column_build.h"
#include "retrieval/vector/segment_build.h"

#include <assert.h>
#include <string.h>

// The sections of columns, beside those of vectors. Values are gathered column by column, so that
// one at a time is in memory; those of texts twice, first to learn how long their dictionary is.
struct extras {
    struct segment_extras extras;
    struct index *ix;
    struct index_rows *rows;
    const uint32_t *order; // NULL: the source's; what is summed up does not depend on it
    unsigned sections[COLUMN_SCHEMA_MAX][COLUMN_PART_COUNT];
};

static enum segment_type type_of(enum column_part part)
{
    static const enum segment_type types[COLUMN_PART_COUNT] = {
        [COLUMN_PART_VALUES] = SEGMENT_COLUMN_VALUES,
        [COLUMN_PART_PRESENCE] = SEGMENT_COLUMN_PRESENCE,
        [COLUMN_PART_ORDER] = SEGMENT_COLUMN_ORDER,
        [COLUMN_PART_DICT] = SEGMENT_COLUMN_DICT,
    };

    return types[part];
}

static err gather(const struct extras *x, uint32_t column, struct column_build *b)
{
    for (uint64_t i = 0; i < b->row_count; i++) {
        struct column_value value = {.type = COLUMN_ABSENT};
        TRY(x->rows->value(x->rows, x->order ? x->order[i] : i, column, &value));
        TRY(column_build_add(b, &value));
    }
    return OK;
}

static void begin_column(const struct extras *x, uint32_t column, struct column_build *b)
{
    column_build_init(b, x->ix->schema.columns[column].type, (uint32_t)x->rows->source.count,
                      x->ix->options.seed);
}

static err reserve_column(struct extras *x, struct segment_writer *w, uint32_t column)
{
    struct column_build b;
    err e = OK;

    begin_column(x, column, &b);
    if (b.type == COLUMN_STRING) e = gather(x, column, &b);
    for (unsigned part = 0; part < COLUMN_PART_COUNT && !e; part++) {
        uint64_t bytes = column_build_bytes(&b, part);
        if (bytes == 0) continue;
        e = segment_writer_reserve(w, type_of(part), (uint16_t)column, 1, bytes,
                                   &x->sections[column][part]);
    }
    column_build_done(&b);
    return e;
}

static err reserve_columns(struct segment_extras *extras, struct segment_writer *w)
{
    struct extras *x = container_of(extras, struct extras, extras);

    for (uint32_t i = 0; i < x->ix->schema.count; i++) {
        TRY(reserve_column(x, w, i));
    }
    return OK;
}

// Takes what a column writes to its sections.
struct sink {
    struct column_sink sink;
    struct segment_writer *writer;
    const unsigned *sections;
};

static err write_part(struct column_sink *sink, enum column_part part, str bytes)
{
    struct sink *s = container_of(sink, struct sink, sink);

    return segment_writer_append(s->writer, s->sections[part], bytes.ptr, bytes.len);
}

static err write_column(struct extras *x, struct segment_writer *w, uint32_t column)
{
    struct sink sink = {.sink.write = write_part, .writer = w, .sections = x->sections[column]};
    struct column_build b;

    begin_column(x, column, &b);
    err e = gather(x, column, &b);
    if (!e) {
        column_build_sort(&b);
        e = column_build_write(&b, &sink.sink);
    }
    column_build_done(&b);
    return e;
}

static err write_columns(struct segment_extras *extras, struct segment_writer *w,
                         const uint32_t *order, uint64_t count)
{
    struct extras *x = container_of(extras, struct extras, extras);

    assert(count == x->rows->source.count);
    x->order = order;
    for (uint32_t i = 0; i < x->ix->schema.count; i++) {
        TRY(write_column(x, w, i));
    }
    return OK;
}

// A name for a new segment, whose file is kept from now on. ERR_LIMIT where too many are made.
static err begin(struct index *ix, uint8_t *uuid)
{
    err e = ERR_LIMIT;

    pthread_mutex_lock(&ix->mutex);
    for (unsigned i = 0; i < INDEX_MAKING_MAX && e; i++) {
        struct index_making *m = &ix->making[i];
        if (m->is_taken) continue;
        uint64_t words[2] = {random_u64(&ix->names), random_u64(&ix->names)};
        memcpy(m->uuid, words, sizeof m->uuid);
        memcpy(uuid, m->uuid, sizeof m->uuid);
        m->is_taken = true;
        e = OK;
    }
    pthread_mutex_unlock(&ix->mutex);
    return e;
}

static void settle(struct index *ix, const uint8_t *uuid)
{
    pthread_mutex_lock(&ix->mutex);
    for (unsigned i = 0; i < INDEX_MAKING_MAX; i++) {
        struct index_making *m = &ix->making[i];
        if (memcmp(m->uuid, uuid, sizeof m->uuid) == 0) m->is_taken = false;
    }
    pthread_mutex_unlock(&ix->mutex);
}

void index_build_settle(struct index *ix, const struct index_part *p)
{
    settle(ix, p->uuid);
}

struct index_build_lists index_build_lists_of(const struct index_part *p)
{
    return (struct index_build_lists){
        .centroids = p->ivf.quantizer.centroids,
        .count = p->ivf.quantizer.list_count,
        .quantizer_id = p->segment.shape.quantizer_id,
        .calibration = &p->calibration,
    };
}

static err build(struct index *ix, const struct index_build_options *o, const uint8_t *uuid)
{
    struct extras x = {.extras = {reserve_columns, write_columns}, .ix = ix, .rows = o->rows};
    struct segment_build_options options = {
        .disk = ix->disk,
        .metric = ix->options.metric,
        .rotation_seed = ix->rotation_seed,
        .exact_below = ix->options.exact_rows_max,
        .bytes_below = ix->options.bytes_rows_max,
        .memory_bytes_max = ix->options.memory_bytes_max / 2,
        .threads = ix->options.threads,
        .seed = ix->options.seed,
        .centroids = o->lists.centroids,
        .list_count = o->lists.count,
        .quantizer_id = o->lists.quantizer_id,
        .calibration = o->lists.calibration,
        .extras = o->rows->value ? &x.extras : NULL,
        .watch = o->watch,
    };
    char name[MANIFEST_NAME_MAX];
    char path[FILE_PATH_MAX];

    memcpy(options.uuid, uuid, sizeof options.uuid);
    if (options.quantizer_id == 0) {
        memcpy(&options.quantizer_id, uuid, sizeof options.quantizer_id);
        options.quantizer_id |= 1; // 0 is none
    }
    manifest_segment_name(uuid, name);
    TRY(disk_path(str_from_c(ix->folder), str_from_c(name), path));
    return segment_build(&o->rows->source, &options, str_from_c(path));
}

err index_build(struct index *ix, const struct index_build_options *o, struct index_part **out)
{
    uint8_t uuid[SEGMENT_UUID_BYTES];
    struct index_part_options part = {.disk = ix->disk,
                                      .folder = str_from_c(ix->folder),
                                      .uuid = uuid,
                                      .schema = &ix->schema,
                                      .check = SEGMENT_CHECK_OFF};

    TRY(begin(ix, uuid));
    err e = build(ix, o, uuid);
    if (!e) e = index_part_open(&part, out);
    if (e) settle(ix, uuid);
    return e;
}
