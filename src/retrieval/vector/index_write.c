// Design: a batch is made ready by its caller, appended to the log, which numbers it, and committed
// there together with those of others. Then it waits for its turn: records enter memory in the
// order of their numbers. Within memory, all that the batch replaces in the newest memtable dies in
// the moment in which it is published; what it replaces elsewhere dies right afterwards, so that a
// reader, who looks at segments first and at the newest memtable last, finds the old row or the new
// one or both, of which it takes the new one.
#include "retrieval/vector/index_write.h"

#include "base/memory.h"
#include "retrieval/vector/index_flush.h"
#include "retrieval/vector/kernels.h"
#include "retrieval/vector/normalize.h"
#include "retrieval/vector/row_values.h"

#include <math.h>
#include <string.h>

// Distances are squares of differences of two such lengths, and must stay finite.
static const float length2_max = 1e37F;

err index_write_vector(const struct index *ix, const float *vector, float *out)
{
    uint32_t dim = ix->options.dim;
    float norm = 0;

    if (out != vector) memcpy(out, vector, dim * sizeof *out);
    if (ix->options.metric == METRIC_COSINE) {
        return normalize_f32(out, dim, &norm) == NORMALIZE_NOT_FINITE ? ERR_RANGE : OK;
    }
    float length2 = kernels()->dot_f32(out, out, dim);
    return length2 <= length2_max ? OK : ERR_RANGE; // NaN is not
}

// A batch as records; of a put, the payload is the vector and the values.
struct batch {
    struct wal_record *records;
    size_t count;
    uint32_t puts;
    char *bytes;
};

static err check_op(const struct index *ix, const struct index_op *op)
{
    if (op->kind == INDEX_DELETE) return OK;
    if (op->kind != INDEX_PUT || !op->vector) return ERR_RANGE;
    return row_values_check(&ix->schema, op->values);
}

static size_t payload_bytes(const struct index *ix, const struct index_op *op)
{
    return op->kind == INDEX_PUT ? ix->options.dim * sizeof(float) + op->values.len : 0;
}

static err batch_fill(struct batch *b, const struct index *ix, const struct index_op *ops)
{
    size_t vector_bytes = ix->options.dim * sizeof(float);
    char *at = b->bytes;

    for (size_t i = 0; i < b->count; i++) {
        const struct index_op *op = &ops[i];
        struct wal_record *r = &b->records[i];
        *r = (struct wal_record){.key = op->key, .op = INDEX_RECORD_DELETE};
        if (op->kind == INDEX_DELETE) continue;
        r->op = INDEX_RECORD_PUT;
        r->payload = (str){at, payload_bytes(ix, op)};
        TRY(index_write_vector(ix, op->vector, (float *)(void *)at));
        if (op->values.len) memcpy(at + vector_bytes, op->values.ptr, op->values.len);
        at += (r->payload.len + sizeof(float) - 1) / sizeof(float) * sizeof(float);
        b->puts++;
    }
    return OK;
}

static err batch_make(struct batch *b, const struct index *ix, const struct index_op *ops,
                      size_t count)
{
    size_t bytes = 0;

    *b = (struct batch){.count = count};
    for (size_t i = 0; i < count; i++) {
        TRY(check_op(ix, &ops[i]));
        bytes += payload_bytes(ix, &ops[i]) + sizeof(float);
    }
    b->records = memory_alloc_raw(count * sizeof *b->records + bytes);
    b->bytes = (char *)(b->records + count);
    err e = batch_fill(b, ix, ops);
    if (e) memory_free(b->records);
    return e;
}

// Deletes take no room in memory; how many are in the log is bounded by this alone.
static bool has_many_records(const struct index *ix)
{
    const uint64_t records_a_row = 4;
    uint64_t records = ix->applied_lsn + 1 - ix->active->first_lsn;

    return records >= records_a_row * ix->active->table.rows_max;
}

// Where the newest memtable is full, the next one begins; the batch fits then.
static void make_room(struct index *ix, uint32_t puts)
{
    const struct memtable *m = &ix->active->table;

    if (memtable_has_room(m, puts) && !has_many_records(ix)) {
        if (puts == 0 || m->rows == 0 || m->bytes < index_state_memtable_bytes(ix)) return;
    }
    index_state_rotate(ix, puts);
}

static void enter(struct index *ix, const struct wal_record *r, uint32_t visible)
{
    struct memtable *m = &ix->active->table;
    size_t vector_bytes = ix->options.dim * sizeof(float);

    if (r->op == INDEX_RECORD_PUT) {
        const float *vector = (const float *)(const void *)r->payload.ptr;
        (void)memtable_append(m, r->key, vector, str_sub(r->payload, vector_bytes, SIZE_MAX));
        return;
    }
    uint32_t row = memtable_newest(m, r->key);
    if (row != MEMTABLE_NONE) memtable_kill(m, row, visible);
}

// Under `mutex`, in turn.
static void apply(struct index *ix, const struct batch *b, uint64_t first_lsn)
{
    err damage = OK;

    make_room(ix, b->puts);
    struct memtable *m = &ix->active->table;
    uint32_t visible = m->rows + b->puts; // when all of it is
    for (size_t i = 0; i < b->count; i++) {
        enter(ix, &b->records[i], visible);
    }
    memtable_publish(m);
    for (size_t i = 0; i < b->count; i++) {
        err e = index_state_kill(ix, b->records[i].key);
        if (e) damage = e;
    }
    ix->applied_lsn = first_lsn + b->count - 1;
    // The batch is in, whatever is damaged where older rows of its keys may be.
    if (damage) ix->background = damage;
    pthread_cond_broadcast(&ix->has_moved);
}

// Under `mutex`.
static void end_writing(struct index *ix)
{
    ix->writing--;
    pthread_cond_broadcast(&ix->has_moved);
}

static void apply_in_turn(struct index *ix, const struct batch *b, uint64_t first_lsn)
{
    pthread_mutex_lock(&ix->mutex);
    while (ix->applied_lsn + 1 != first_lsn) {
        pthread_cond_wait(&ix->has_moved, &ix->mutex);
    }
    apply(ix, b, first_lsn);
    end_writing(ix);
    pthread_mutex_unlock(&ix->mutex);
}

// Under `mutex`, which is given up meanwhile: waits while the gate is closed or too many memtables
// are full; where nothing happens in the background, empties one.
static err wait_for_room(struct index *ix)
{
    err e = OK;

    while (!e && (ix->is_gate_closed || ix->frozen_count >= INDEX_FROZEN_MAX)) {
        if (!ix->is_gate_closed && !ix->has_threads) {
            pthread_mutex_unlock(&ix->mutex);
            e = index_flush_oldest(ix);
            pthread_mutex_lock(&ix->mutex);
        } else if (!ix->is_gate_closed && ix->background) {
            e = ix->background;
        } else {
            pthread_cond_wait(&ix->has_moved, &ix->mutex);
        }
    }
    return e;
}

static err begin_writing(struct index *ix)
{
    pthread_mutex_lock(&ix->mutex);
    err e = wait_for_room(ix);
    if (!e) ix->writing++;
    pthread_mutex_unlock(&ix->mutex);
    return e;
}

static err write_batch(struct index *ix, const struct batch *b)
{
    uint64_t first_lsn = 0;

    TRY(begin_writing(ix));
    err e = wal_append(&ix->wal, b->records, b->count, &first_lsn);
    if (!e) e = wal_commit(&ix->wal, first_lsn + b->count - 1);
    if (!e) {
        apply_in_turn(ix, b, first_lsn);
        return OK;
    }
    pthread_mutex_lock(&ix->mutex);
    end_writing(ix);
    pthread_mutex_unlock(&ix->mutex);
    return e;
}

err index_write(struct index *ix, const struct index_op *ops, size_t count)
{
    struct batch b;

    if (ix->options.is_read_only) return ERR_DENIED;
    if (count > INDEX_BATCH_OPS_MAX) return ERR_RANGE;
    if (count == 0) return OK;
    if (ix->unpublishable) return ix->unpublishable;
    TRY(batch_make(&b, ix, ops, count));
    err e = write_batch(ix, &b);
    memory_free(b.records);
    return e;
}

void index_write_close_gate(struct index *ix)
{
    pthread_mutex_lock(&ix->mutex);
    while (ix->is_gate_closed) {
        pthread_cond_wait(&ix->has_moved, &ix->mutex);
    }
    ix->is_gate_closed = true;
    while (ix->writing > 0) {
        pthread_cond_wait(&ix->has_moved, &ix->mutex);
    }
    pthread_mutex_unlock(&ix->mutex);
}

void index_write_open_gate(struct index *ix)
{
    pthread_mutex_lock(&ix->mutex);
    ix->is_gate_closed = false;
    pthread_cond_broadcast(&ix->has_moved);
    pthread_mutex_unlock(&ix->mutex);
}

err index_write_replay(struct index *ix, uint64_t lsn, const struct wal_record *r)
{
    size_t vector_bytes = ix->options.dim * sizeof(float);
    struct wal_record record = *r;
    struct batch b = {.records = &record, .count = 1, .puts = r->op == INDEX_RECORD_PUT};

    if (r->op != INDEX_RECORD_PUT && r->op != INDEX_RECORD_DELETE) return ERR_UNSUPPORTED;
    if (b.puts) {
        if (r->payload.len < vector_bytes) return ERR_DAMAGED;
        TRY(row_values_check(&ix->schema, str_sub(r->payload, vector_bytes, SIZE_MAX)));
        b.bytes = memory_alloc_raw(r->payload.len); // aligned for floats
        memcpy(b.bytes, r->payload.ptr, r->payload.len);
        record.payload.ptr = b.bytes;
    }
    pthread_mutex_lock(&ix->mutex);
    apply(ix, &b, lsn);
    pthread_mutex_unlock(&ix->mutex);
    memory_free(b.bytes);
    return OK;
}
