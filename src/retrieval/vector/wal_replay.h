// wal_replay: what a log still knows.
//
// A log is the files wal-00000001.log, wal-00000002.log and on of one folder, of which a checkpoint
// may have removed the oldest. Their records are numbered without a gap, from 1.
//
// Where the newest file stops making sense, either the power went while the last frame was written,
// which nobody was told to be safe: it is cut off. Or the disk has lost what was safe: that is
// damage, and an error. What tells them apart is that a frame is written only after those before it
// were made durable, and a file is begun only after the last one was. So it is damage
// - where a frame of the same file, with a later number, follows behind the bad one;
// - where a later file exists;
// - where a file has no good head, for it gets its name only with its head in place;
// - where the numbers leave a gap, before the first record that was asked for, too.
// Damage to the very last frame can't be told from a torn write and is cut off like one.
//
// Blocks. One thread; nobody writes the log meanwhile (index_lock).
#pragma once

#include "io/disk.h"
#include "retrieval/vector/wal_frame.h"

enum {
    WAL_REPLAY_FILES_MAX = 256,
    WAL_REPLAY_NAME_MAX = 32,
};

// Is told of each record, in order; an error ends the replay. Embedded in the caller's struct. The
// payload is gone when it returns.
struct wal_sink {
    err (*record)(struct wal_sink *s, uint64_t lsn, const struct wal_record *r);
};

struct wal_replay_file {
    uint64_t sequence;
    uint64_t first_lsn; // 0 in one that is too old to matter and has no good head
};

struct wal_found {
    uint64_t next_lsn;
    struct wal_replay_file files[WAL_REPLAY_FILES_MAX]; // oldest first
    size_t file_count;
    uint64_t end_lsn;   // behind the last record of the newest file; what a checkpoint has beyond
                        // it, if anything, is no longer in the log
    uint64_t end_bytes; // of the newest file, up to there
    uint64_t salt;      // of the newest file
    bool is_cut;        // something torn was cut off there
    // Where ERR_DAMAGED was returned.
    char damaged[WAL_REPLAY_NAME_MAX];
    uint64_t damaged_at;
    const char *damage;
};

// Tells of all records from `from_lsn` on, which is at least 1: the first that no segment has. A
// folder without a log has an empty one, but only where nothing is asked for but the very first.
// ERR_DAMAGED says in `*out` which file, where and what; ERR_UNSUPPORTED likewise. ERR_LIMIT: more
// than WAL_REPLAY_FILES_MAX files. `*out` is set whatever is returned.
err wal_replay(struct disk *disk, str folder, uint64_t from_lsn, struct wal_sink *sink,
               struct wal_found *out);

// "folder/wal-00000001.log" in `out` of FILE_PATH_MAX bytes.
err wal_replay_path(str folder, uint64_t sequence, char *out);
