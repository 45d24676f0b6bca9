// index_part: one segment of an open index, and what is dead in it.
//
// Counted: each view that shows it holds it, and so does whoever works on it; the last one who lets
// go closes it. The segment never changes; tombstones are set by writers while others read. Its
// files may be removed while it is open.
#pragma once

#include "retrieval/vector/calibration.h"
#include "retrieval/vector/columns.h"
#include "retrieval/vector/ivf.h"
#include "retrieval/vector/segment.h"
#include "retrieval/vector/tombstones.h"

struct index_part {
    struct segment segment;
    struct tombstones dead;
    struct ivf_view ivf; // where it has lists
    struct calibration calibration;
    bool has_lists;
    struct columns columns;

    struct disk *disk;
    char folder[FILE_PATH_MAX];
    uint8_t uuid[SEGMENT_UUID_BYTES];
    uint64_t dead_generation; // of the newest file of tombstones; 0: there is none
    uint64_t dead_saved;      // how many it holds
    uint64_t file_bytes;
    _Atomic uint32_t holders;
};

struct index_part_options {
    struct disk *disk;
    str folder;
    const uint8_t *uuid;
    const struct column_schema *schema; // outlives it
    uint64_t dead_generation;           // 0: nothing is dead
    enum segment_check check;
};

// Held once, by the caller. Errors are those of segment_open() and tombstones_load(), and
// ERR_DAMAGED where a segment is not of its name.
err index_part_open(const struct index_part_options *o, struct index_part **out);

struct index_part *index_part_hold(struct index_part *p);
// Takes NULL.
void index_part_drop(struct index_part *p);

// Writes tombstones that no file holds yet, if any, to a new one of the next generation. One thread
// at a time.
err index_part_save_dead(struct index_part *p);

// Rows that live.
static inline uint64_t index_part_live(const struct index_part *p)
{
    return p->segment.shape.row_count - p->dead.dead;
}
