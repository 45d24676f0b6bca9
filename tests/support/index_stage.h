// index_stage: a small index on a disk whose power can be cut, and rows that tell what they are.
//
// Its limits are so low that a few hundred rows take every path there is: memtables of 64 rows,
// segments of floats below 100 rows, of bytes below 250, of lists above. A row is a key and a
// version, from which follow its vector and the value of its column "version".
#pragma once

#include "retrieval/vector/column_schema.h"
#include "retrieval/vector/index.h"

#include "support/fake_disk.h"

enum { INDEX_STAGE_DIM = 12, INDEX_STAGE_MEMTABLE = 64 };

struct index_stage {
    struct fake_disk disk;
    char folder[64];
    struct column_schema schema;
    struct index_options options; // for the next opening
    struct index *index;          // NULL while it is closed
    struct index_searcher *searcher;
};

// Makes an index; it has no background, so that the same seed does the same.
void index_stage_open(struct index_stage *s, uint64_t seed);
void index_stage_close(struct index_stage *s);

// Closes the index alone.
void index_stage_leave(struct index_stage *s);
err index_stage_reopen(struct index_stage *s);

void index_stage_vector(uint64_t key, uint32_t version, float *out);

// One batch: each key from `first` on.
err index_stage_put(struct index_stage *s, uint64_t first, uint32_t count, uint32_t version);
err index_stage_delete(struct index_stage *s, uint64_t first, uint32_t count);

// Loads rows whose vectors are those of the version.
err index_stage_load(struct index_stage *s, struct row_source *rows, uint32_t version);
// The same with each key from `first` on.
err index_stage_load_rows(struct index_stage *s, uint64_t first, uint32_t count, uint32_t version);

// The version of the row that is found by its key and, searching, by its vector; 0 where none is
// found by the key, UINT32_MAX where vector and column don't agree or the vector finds another row.
uint32_t index_stage_version(struct index_stage *s, uint64_t key);

// Each key from `first` on has this version.
void index_stage_check(struct index_stage *s, uint64_t first, uint32_t count, uint32_t version);

struct index_stats index_stage_stats(struct index_stage *s);
