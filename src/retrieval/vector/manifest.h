// manifest: what an index consists of, at one moment.
//
// Each change of the set of segments is a new generation, written beside the last one
// (manifest_store). What the log has from `checkpoint_lsn` on is not in the segments yet.
// Immutable.
//
//     head     magic[8], version u32, crc u32, generation u64, checkpoint_lsn u64, rotation_seed
//     u64,
//              schema_bytes u32, segment_count u32
//     schema   bytes, zeros to a multiple of 8
//     segment  uuid[16], tombstone_generation u64, rows u64, dead_rows u64, name_bytes u32, zero
//     u32,
//              name, zeros to a multiple of 8
//
// Little-endian; the crc is CRC-32C of all other bytes; nothing follows. Pure.
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum {
    MANIFEST_SEGMENTS_MAX = 4096,
    MANIFEST_SCHEMA_MAX = 64 * 1024,
    MANIFEST_NAME_MAX = 64,
    MANIFEST_BYTES_MAX = 1024 * 1024,
    MANIFEST_UUID_BYTES = 16,
};

struct manifest_segment {
    uint8_t uuid[MANIFEST_UUID_BYTES];
    str name;                      // of its file
    uint64_t tombstone_generation; // of the file that says which rows are dead; 0: none
    uint64_t rows;
    uint64_t dead_rows; // at most `rows`
};

struct manifest {
    uint64_t generation; // from 1
    uint64_t checkpoint_lsn;
    uint64_t rotation_seed;
    str schema; // of the index, in its own words
    const struct manifest_segment *segments;
    size_t segment_count;
};

// Appends. ERR_LIMIT: more than the maxima above, or than fits into `out`, where a part may stand.
err manifest_encode(const struct manifest *m, struct buf *out);

// What it consists of is copied into the arena. ERR_DAMAGED; ERR_UNSUPPORTED for another version.
err manifest_decode(str bytes, struct arena *arena, struct manifest *out);

// "seg-<uuid>.vseg" and "seg-<uuid>-<generation>.del", NUL-terminated, in `out` of
// MANIFEST_NAME_MAX bytes.
void manifest_segment_name(const uint8_t *uuid, char *out);
void manifest_tombstones_name(const uint8_t *uuid, uint64_t generation, char *out);

// Is `name` a file of one of its segments?
bool manifest_names(const struct manifest *m, str name);
