// wal_frame: the bytes of a log file: its head, and frames of records.
//
// A frame is what one sync makes durable: the groups of records that were waiting, whole. One
// checksum covers all of it, so that a group is there as a whole or not at all. It begins on a
// sector of its own, and the next is written only when it is durable: nothing ever touches a sector
// that must last, and whoever finds a frame knows that all before it was durable once. The salt is
// the file's own, so that neither bytes of an older file nor a payload that looks like a frame pass
// for one.
//
//     file    magic[8] version u32, crc u32, sequence u64, first_lsn u64, salt u64; zeros to 512
//     frame   head_crc u32, body_crc u32, body_bytes u32, record_count u32, first_lsn u64, salt
//     u64,
//             then the body: records; zeros to the next sector
//     record  payload_bytes u32, op u8, zero[3], key u64, payload, zeros to a multiple of 8
//
// Little-endian. A record's sequence number (lsn) is the frame's first_lsn and its place in it.
// Each crc is CRC-32C; that of the file covers what is before and behind it, head_crc what follows
// it, body_crc the body. Pure.
#pragma once

#include "base/buf.h"

enum {
    WAL_FRAME_SECTOR_BYTES = 512, // also the size of a file's head
    WAL_FRAME_HEAD_BYTES = 32,
    WAL_FRAME_RECORD_HEAD_BYTES = 16,
    WAL_FRAME_PAYLOAD_MAX = 1024 * 1024,
    WAL_FRAME_BYTES_MAX = 16 * 1024 * 1024, // its head included
};

struct wal_record {
    uint64_t key;
    str payload;
    uint8_t op; // what it means is the index's affair
};

struct wal_frame_file {
    uint64_t sequence;
    uint64_t first_lsn; // of the first record that may be in it
    uint64_t salt;
};

struct wal_frame {
    uint64_t first_lsn;
    uint32_t record_count;
    uint32_t body_bytes;
    uint32_t body_crc;
};

// Writes WAL_FRAME_SECTOR_BYTES.
void wal_frame_write_file(const struct wal_frame_file *f, char *out);
// ERR_DAMAGED; ERR_UNSUPPORTED for a version that is not known.
err wal_frame_read_file(str bytes, struct wal_frame_file *out);

// Bytes that a record takes in a frame.
size_t wal_frame_record_bytes(const struct wal_record *r);

// A frame is built in a buf: begun, given records, and sealed, which fills in its head and makes it
// a whole number of sectors. The payload is at most WAL_FRAME_PAYLOAD_MAX long. ERR_LIMIT where the
// buf is full.
err wal_frame_begin(struct buf *frame);
err wal_frame_add(struct buf *frame, const struct wal_record *r);
err wal_frame_seal(struct buf *frame, uint64_t first_lsn, uint32_t record_count, uint64_t salt);

// Reads the head that `bytes` begin with. ERR_DAMAGED: there is none of this file.
err wal_frame_read(str bytes, uint64_t salt, struct wal_frame *out);
bool wal_frame_is_whole(const struct wal_frame *f, str body);
// Takes the next record off the body. ERR_EOF at its end, ERR_DAMAGED where it is none.
err wal_frame_next(str *body, struct wal_record *out);

// Bytes of a frame with its head, up to the next sector.
size_t wal_frame_bytes(const struct wal_frame *f);
