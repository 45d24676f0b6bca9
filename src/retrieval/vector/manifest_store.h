// manifest_store: generations of a manifest in the folder of their index.
//
// MANIFEST-00000001 and on. The newest and the one before it are kept, with all that either names,
// so that damage to the newest costs no more than a longer replay of the log: the segments of the
// older one, and records from its checkpoint on, are still there. Blocks. Only the writer writes
// and cleans (index_lock); reading leaves the folder alone.
#pragma once

#include "io/disk.h"
#include "retrieval/vector/manifest.h"

struct manifest_found {
    uint64_t newest;  // the generation of the newest file, damaged or not; the next is above it
    char damaged[32]; // the file that was passed over for an older one; "" where none was
};

// The newest good one of the newest two. ERR_ABSENT: there is none at all. ERR_DAMAGED: neither is
// good. ERR_UNSUPPORTED: the newest was written by a later program. `*found` is set whatever is
// returned.
err manifest_store_load(struct disk *disk, str folder, struct arena *arena, struct manifest *out,
                        struct manifest_found *found);

// Makes it the newest, and durable, after the names of all files in the folder, and drops those
// that are not needed any more: all but this one and the newest other one that is good.
// `*oldest_lsn` is then the checkpoint that the log has to reach back to (wal_forget). After a
// failure it is unknown which is the newest: the writer stops and opens the index anew. ERR_LIMIT
// that comes of manifest_encode() has done nothing.
err manifest_store_write(struct disk *disk, str folder, const struct manifest *m,
                         uint64_t *oldest_lsn);

// Says which files of segments are still needed though no manifest names them: those in the making.
struct manifest_keeper {
    bool (*is_needed)(struct manifest_keeper *k, str name);
};

// Removes files "seg-*" that neither kept manifest names. Without a keeper, which is for the
// opening, when nothing is in the making, also files "*.tmp" that a writer left when it died; with
// one, after a write, what it needs stays.
err manifest_store_clean(struct disk *disk, str folder, struct manifest_keeper *keeper);
