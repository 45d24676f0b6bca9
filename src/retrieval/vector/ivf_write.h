// ivf_write: the rows of a plan, encoded and written in the order of their lists.
//
// Rows go in waves: while one is encoded by all threads, one of them appends the wave before to the
// sections. Memory is that of two waves, some 16 MiB each and an encoder for each thread.
#pragma once

#include "retrieval/vector/ivf_plan.h"
#include "retrieval/vector/segment_writer.h"

struct ivf_write_options {
    struct row_source *rows;
    const struct ivf_plan *plan;
    const struct quantizer *quantizer; // of the plan's centroids
    struct segment_writer *writer;
    struct {
        unsigned code1, code4, fact4, keys, raw;
    } sections;          // of the writer
    uint32_t *key_slots; // a key_hash, which is filled
    uint64_t key_slot_count;
    unsigned threads; // above 0
    struct build_watch *watch;
};

// ERR_CANCELED; what the source or the disk fails with.
err ivf_write(const struct ivf_write_options *o);
