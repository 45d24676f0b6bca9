// wal: the log that makes writes durable before they are anywhere else.
//
// A caller appends a group of records, which get consecutive numbers (lsn), and commits: that
// returns when the group is on the disk. Groups of all threads that come while a sync is under way
// leave together in the next one, which one of the waiting threads does for all (group commit).
// After a power cut a group is there as a whole or not at all; every committed one is there, and
// those before it. What is stored, and what is damage, is told by wal_frame and wal_replay.
//
// A write or sync that fails ends the log: nobody knows what is on the disk then, and trying again
// would only seem to mend it. Every later call returns that error; the index is to be opened anew,
// and wal_open() writes anew what the kernel may only have claimed to have written.
//
// Safe from any thread, but for open and close. Blocks. Holds up to two frames in memory.
#pragma once

#include "retrieval/vector/wal_replay.h"

#include <pthread.h>

enum { WAL_RESERVE_BYTES = 16 * 1024 * 1024 };

struct wal_options {
    struct disk *disk;
    str folder;             // outlives the log
    uint64_t seed;          // unknown to those whose vectors are stored; for the salt of files
    uint64_t reserve_bytes; // by which files grow, ahead of records; 0: WAL_RESERVE_BYTES
};

struct wal {
    struct wal_options options;
    struct disk_file *file; // the newest; with what follows it belongs to the leader
    uint64_t salt;
    uint64_t file_bytes;     // where the next frame goes
    uint64_t reserved_bytes; // how long the file is
    pthread_mutex_t mutex;   // guards all below; a leader writes and syncs without it
    pthread_cond_t has_moved;
    struct buf pending; // a frame that grows
    struct buf spare;   // the other one, while no leader writes it
    uint32_t pending_count;
    uint64_t next_lsn;    // of the next record
    uint64_t durable_lsn; // every record below is
    bool is_led;
    int rolls_waiting; // for those who lead to end
    err failure;
    struct wal_replay_file files[WAL_REPLAY_FILES_MAX]; // oldest first
    size_t file_count;
};

// Goes on behind what a replay has `found`, in the newest file, or begins the first one.
err wal_open(struct wal *w, const struct wal_options *o, const struct wal_found *found);
// What was appended and not committed may be lost.
void wal_close(struct wal *w);

// Gives the group the numbers from `*first_lsn` on. ERR_LIMIT: a payload above
// WAL_FRAME_PAYLOAD_MAX, or a group that no frame has room for. Waits where too much is pending.
err wal_append(struct wal *w, const struct wal_record *records, size_t count, uint64_t *first_lsn);

// Returns when the record of that number, and all before it, are durable.
err wal_commit(struct wal *w, uint64_t lsn);

// Commits all that was appended, and begins a new file, unless the newest is still empty.
// `*first_lsn`: records from it on are in the newest file, all others in older ones. ERR_LIMIT: too
// many files, to be helped by wal_forget(). After this error, or where there is no room for a new
// file, the log goes on.
err wal_roll(struct wal *w, uint64_t *first_lsn);

// What ended the log; OK while it goes on. What was appended and not acknowledged then may still be
// found by a replay: nothing may be built on its absence.
err wal_health(struct wal *w);

// Removes files that have only records below `lsn`. That number is the oldest that a manifest on
// the disk asks for, the one before the newest included. Whatever a failure leaves is harmless.
err wal_forget(struct wal *w, uint64_t lsn);
