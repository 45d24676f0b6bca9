// index: vectors under 64-bit keys, kept in a folder and searched by nearness.
//
// A row is a key, a vector and values of the schema's columns, any of which may be absent. Rows are
// written to a log and to memory; full memory becomes an immutable segment, segments are merged.
// What index_write() acknowledged survives a power cut. One process at a time opens a folder for
// writing, or any number for reading (index_lock.h).
//
// Rows are seen as soon as they are written. All of a batch appears at once to those who search the
// newest rows; a row that replaces another is never found beside it, and at no time is neither
// found. Searching takes no lock. Distances: smaller is nearer (metric.h); vectors need not be
// normalised.
//
// Functions are safe from any thread unless they say otherwise; a searcher belongs to one thread at
// a time. They block: on the disk, and index_write() also while memory is full. What failed in the
// background is told by index_stats() and, once memory is full, by writes.
#pragma once

#include "base/buf.h"
#include "base/time.h"
#include "retrieval/vector/metric.h"
#include "retrieval/vector/nearest.h"
#include "retrieval/vector/row_source.h"

#include <stdbool.h>

struct column_schema;
struct disk;
struct filter;
struct index;

enum {
    INDEX_DIM_MAX = 4096,
    INDEX_BATCH_OPS_MAX = 16'384,
    INDEX_HITS_MAX = 16'384,
    INDEX_THREADS_MAX = 64,
};

// How much is checked of what was written earlier.
enum index_verify {
    INDEX_VERIFY_OFF,
    INDEX_VERIFY_FIRST_TOUCH, // blocks that are read, once each
    INDEX_VERIFY_FULL,        // all, when it is opened
};

// Zero stands for the default, in brackets. Of an existing index, the first three are its own.
struct index_options {
    uint32_t dim;
    enum metric metric;
    const struct column_schema *schema; // NULL: no columns; borrowed until the call returns
    float recall;                       // wanted of ten nearest, 0.8 to 0.999 [0.95]
    uint32_t memtable_rows;             // that become a segment [32,768; fewer if memory is short]
    uint32_t exact_rows_max;            // a segment of fewer has no codes [10,000],
    uint32_t bytes_rows_max;            // and of fewer no lists [50,000]
    uint64_t memory_bytes_max;          // of rows in memory and of a merge [256 MiB]
    unsigned threads;                   // that build [1]
    enum index_verify verify;
    struct disk *disk;      // [the kernel's]
    usec (*now)(void);      // [clock_monotonic]; deadlines are in its time
    uint64_t seed;          // of rotations and clusterings
    bool is_read_only;      // what is there now; nothing in the folder changes
    bool has_no_background; // flushes and merges happen in index_flush() and index_compact() alone
};

// Makes the folder, whose parent exists, and an empty index in it. ERR_IN_USE where one is there.
err index_create(str folder, const struct index_options *options);

// ERR_ABSENT, ERR_IN_USE where another process writes, ERR_DAMAGED. Free it with index_close().
err index_open(str folder, const struct index_options *options, struct index **out);

// Nobody else uses it any more. What is in memory stays in the log. Takes NULL.
void index_close(struct index *ix);

// ---- writing

enum index_op_kind { INDEX_PUT, INDEX_DELETE };

struct index_op {
    enum index_op_kind kind;
    uint64_t key;
    const float *vector; // [dim]
    str values; // of the columns, as row_values_encode() makes them; empty where all are absent
};

// Writes all or none, in order; it lasts and is seen when this returns. Callers that wait at the
// same time share one sync. ERR_RANGE for a vector that isn't finite and for too large a batch,
// ERR_DAMAGED for malformed values. Once the disk failed, every write fails until it is reopened.
err index_write(struct index *ix, const struct index_op *ops, size_t count);

// Is told how far a long work has come, from the thread that asked for it; true ends it.
struct index_progress {
    bool (*report)(struct index_progress *p, const char *stage, uint64_t done, uint64_t total);
};

// Adds many rows without the log: one segment is built of them, and they appear, replacing those of
// the same keys, and last when this returns. `values` gives a row's columns, or is NULL.
struct index_values {
    err (*fetch)(struct index_values *v, uint64_t row, str *out); // valid until the next
};
err index_load(struct index *ix, struct row_source *rows, struct index_values *values,
               struct index_progress *progress);

// Makes segments of all that is in memory.
err index_flush(struct index *ix);

// Merges what is due; with `all`, everything into one segment without dead rows.
err index_compact(struct index *ix, bool all);

// ---- reading

struct index_query {
    const float *vector;         // [dim]
    uint32_t k;                  // hits wanted, 1 to INDEX_HITS_MAX
    const struct filter *filter; // NULL: all rows; its schema is the index's
    float recall;                // up to 1, which is exact; 0: the index's
    uint32_t lists;              // to scan in each segment, under a filter too; 0: by recall
    bool is_exact;               // read every vector
    bool has_radius;             // only hits at this distance or nearer
    float radius;
    usec deadline; // by the index's clock; 0: none
};

struct index_result {
    struct nearest_hit
        *hits; // nearest first; of equal ones the lower key. Room for k, the caller's
    uint32_t count;
    bool is_complete; // false where the deadline came first
    bool is_damaged;  // damaged bytes were met; index_verify() tells where
    uint64_t rows_scanned;
    uint64_t rows_ranked; // whose exact distance was taken
};

// The scratch memory of a search.
struct index_searcher;

struct index_searcher *index_searcher_new(struct index *ix);
// Before the index is closed. Takes NULL.
void index_searcher_free(struct index_searcher *s);

// The nearest are found as surely as `recall` says; without a radius, min(k, matching) rows are
// returned. ERR_RANGE for a k, a vector, a recall or a radius that can't be; ERR_TYPE for a filter
// of another schema; ERR_DENIED unless the filter pins each partition column to one value.
err index_search(struct index_searcher *s, const struct index_query *query,
                 struct index_result *result);

// `count` searches by up to `threads` threads, each with the result that it has alone.
err index_search_batch(struct index *ix, const struct index_query *queries, size_t count,
                       unsigned threads, struct index_result *results);

// The row of a key: its vector as it is stored, to `vector` ([dim]; may be NULL), and its values,
// appended to `values` (may be NULL). ERR_ABSENT.
err index_get(struct index *ix, uint64_t key, float *vector, struct buf *values);

// ---- looking after it

struct index_stats {
    uint32_t dim;
    enum metric metric;
    uint64_t rows; // that live
    uint64_t dead; // still in segments
    uint64_t memtable_rows;
    uint64_t memtable_bytes;
    uint64_t segments;
    uint64_t disk_bytes; // of segments
    uint64_t generation; // of the manifest
    uint64_t lsn;        // of the next record
    uint64_t replayed;   // records, when it was opened
    uint64_t flushes;
    uint64_t merges;
    uint64_t searches_damaged;
    err background; // the last failure of work in the background; OK once it succeeded again
};

void index_stats(struct index *ix, struct index_stats *out);

// The columns of the index; lives as long as the index.
const struct column_schema *index_schema(const struct index *ix);

struct index_finding {
    str file; // name in the folder
    str section;
    uint64_t block;
    str what;
};

// Is told of each damaged place; an error ends the search.
struct index_finder {
    err (*found)(struct index_finder *f, const struct index_finding *finding);
};

// Reads and checks everything. OK where nothing is damaged, ERR_DAMAGED otherwise.
err index_verify(struct index *ix, struct index_finder *finder);

// Makes a folder that holds the index as it is now and opens like it: hard links, so on the same
// file system, and a copy of what little changes. Rows in memory become a segment first.
err index_backup(struct index *ix, str folder);
