// index_state: the inside of an open index, for the modules that are it.
//
// Order of locks: `merging`, `flushing`, `publishing`, `mutex`. Readers take none.
//
// - `mutex` orders what enters memory: it guards the newest memtable, which records are applied,
// and
//   the exchange of the view. It is held while a batch enters memory, never over I/O but for pages
//   of key hashes that are not in memory. Writers need an order, and their rows one owner; a lock
//   that is held for microseconds after a sync of half a millisecond costs nothing.
// - `publishing` orders manifests, each of which tells of all that is durable then.
// - `flushing` and `merging` are held for as long as one such work takes, so that there is one of
//   each; a merge, which may take minutes, holds up no flush. Only who holds one changes the parts.
// - The gate is closed by who needs a moment in which nobody writes (index_write_close_gate()).
#pragma once

#include "base/random.h"
#include "retrieval/vector/build_watch.h"
#include "retrieval/vector/column_schema.h"
#include "retrieval/vector/index.h"
#include "retrieval/vector/index_lock.h"
#include "retrieval/vector/index_view.h"
#include "retrieval/vector/manifest_store.h"
#include "retrieval/vector/wal.h"

enum {
    INDEX_FROZEN_MAX = 2, // memtables that wait to become segments before writers wait
    INDEX_PARTS_MAX = 512,
    INDEX_PARTS_BUSY = 48, // where merges are behind, and flushes wait for them
    INDEX_MAKING_MAX = 8,
};

enum index_record { INDEX_RECORD_PUT = 1, INDEX_RECORD_DELETE = 2 };

struct index {
    char folder[FILE_PATH_MAX];
    struct index_options options; // all set; the schema is the one below
    struct column_schema schema;
    uint64_t rotation_seed;
    struct disk *disk;
    struct index_lock lock;

    struct epoch epoch;
    struct index_view *_Atomic view; // changed under `mutex`
    struct wal wal;
    bool has_log; // false where it is read only

    pthread_mutex_t mutex;
    pthread_cond_t has_moved;   // records were applied, memory became free, or something failed
    struct index_fresh *active; // the last of the view's chain
    uint64_t applied_lsn;       // of the last record in memory
    uint32_t frozen_count;      // memtables before it
    uint32_t writing;           // batches on their way to it
    bool is_gate_closed;        // new ones wait

    pthread_mutex_t flushing;
    pthread_mutex_t merging;
    pthread_mutex_t publishing;
    uint64_t generation;       // of the newest manifest
    _Atomic err unpublishable; // what writing one failed with
    struct manifest_keeper keeper;
    struct index_making {
        uint8_t uuid[SEGMENT_UUID_BYTES];
        bool is_taken;
    } making[INDEX_MAKING_MAX]; // segments that no manifest names yet; under `mutex`
    struct random names;        // of segments; under `mutex`

    pthread_t flusher;
    pthread_t merger;
    bool has_threads;
    pthread_cond_t has_work; // with `mutex`
    bool has_merge_work;
    struct build_watch merge_watch; // of the merge in the background
    _Atomic bool is_closing;

    _Atomic err background; // the last failure there
    _Atomic uint64_t replayed;
    _Atomic uint64_t flushes;
    _Atomic uint64_t merges;
    _Atomic uint64_t searches_damaged;
};

// Rows of a memtable under the memory that is allowed.
uint32_t index_state_memtable_rows(const struct index *ix, const struct index_part *parent);
// Bytes after which a memtable is full, however many rows it has.
uint64_t index_state_memtable_bytes(const struct index *ix);

// Follows the newest memtable by an empty one that has room for `rows`. Under `mutex`.
void index_state_rotate(struct index *ix, uint32_t rows);

// ERR_LIMIT where a view has as many parts as there may be, which a merge helps. With `flushing`,
// so that there stays room.
err index_state_part_fits(struct index *ix);

// Marks every row of a key dead that is not in the newest memtable. Under `mutex`.
err index_state_kill(struct index *ix, uint64_t key);

// Replaces the view; the old one goes when its readers have left. Under `mutex`.
void index_state_show(struct index *ix, struct index_view *v);

// Makes a folder that lasts. ERR_IN_USE where it is there.
err index_state_make_folder(struct disk *disk, str folder);

// What of the options is the index's own, and the schema, as the manifest keeps them.
err index_state_write_schema(const struct index *ix, struct buf *out);
err index_state_read_schema(struct index *ix, str bytes);

// Tells of a failure in the background, or that there is none any more.
void index_state_report(struct index *ix, err e);
