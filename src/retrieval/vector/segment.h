// segment: an immutable file of vectors, opened by mmap: no byte is copied but tables.
//
// Opening reads the header, the footer, the table and LISTS, and checks all of them; it takes less
// than a millisecond whatever the size. LISTS is copied, so that what was validated stays so. No
// other byte of a file is used as an address without a check, so damage can change scores and
// never what is read.
//
// Safe for any number of threads between open and close. Reads of `bytes` never fail: where the
// file was cut or the disk fails they see zeros, and segment_health() tells afterwards.
#pragma once

#include "io/mapped_file.h"
#include "retrieval/vector/segment_format.h"

enum segment_check {
    SEGMENT_CHECK_OFF,         // checksums are left to segment_verify()
    SEGMENT_CHECK_FIRST_TOUCH, // segment_touch() checks each block once
    SEGMENT_CHECK_FULL,        // opening reads and checks the whole file
};

struct segment_section {
    enum segment_type type;
    uint16_t number;
    uint32_t elem_bytes;
    const uint8_t *bytes;
    uint64_t len;
    uint32_t crc;         // of its block checksums
    uint64_t first_check; // of them in BLKCRC
};

struct segment {
    struct mapped_file file;
    char *path;
    struct segment_shape shape;
    struct segment_section *sections; // [section_count], in the order of the file
    unsigned section_count;

    // Shortcuts to sections; NULL where the tier has none.
    const struct segment_section *by_type[SEGMENT_BLKCRC + 1]; // number 0
    struct ivf_list *lists; // a copy, validated: [shape.list_count]
    const uint64_t *keys;   // [shape.row_count]
    const float *raw;       // [shape.row_count][shape.dim]

    uint64_t table_offset;
    uint32_t table_crc;
    const uint32_t *checks;       // BLKCRC
    _Atomic uint64_t *touched;    // a bit a block that was found good; NULL unless FIRST_TOUCH
    struct rotation rotation;     // of tier IVF
    struct segment_damage damage; // the first that was met
    _Atomic unsigned damage_step; // 0: none; 1: being written; 2: there
};

// ERR_ABSENT, ERR_DENIED, ERR_TYPE and ERR_LIMIT as mapped_file_open(); ERR_UNSUPPORTED for one
// of another major version or byte order; ERR_DAMAGED: `*why` says where.
err segment_open(struct segment *s, str path, enum segment_check check, struct segment_damage *why);
void segment_close(struct segment *s);

// NULL where there is none.
const struct segment_section *segment_section(const struct segment *s, enum segment_type type,
                                              uint16_t number);

// Checks the blocks that these bytes of a section lie in, those that were not yet found good. OK at
// once unless the segment was opened with FIRST_TOUCH. ERR_DAMAGED, and segment_health() tells
// where; ERR_RANGE where the section is shorter.
err segment_touch_blocks(struct segment *s, const struct segment_section *section, uint64_t offset,
                         uint64_t len);

static inline err segment_touch(struct segment *s, const struct segment_section *section,
                                uint64_t offset, uint64_t len)
{
    return s->touched ? segment_touch_blocks(s, section, offset, len) : OK;
}

// The same for all that scanning a list reads: its CODE1, CODE4 and FACT4, and its centroid.
err segment_touch_list(struct segment *s, uint32_t list);

// Fills the pointers of a segment of tier IVF; touches CENTQ. ERR_TYPE for another tier.
err segment_ivf(struct segment *s, struct ivf_view *out);

// The row of a key. ERR_ABSENT; ERR_DAMAGED as segment_touch().
err segment_find_key(struct segment *s, uint64_t key, uint64_t *row);

// OK while nothing that was read or touched is known to be damaged; else ERR_DAMAGED and what was
// met first in `*out`. Asks the system once.
err segment_health(struct segment *s, struct segment_damage *out);

// Whether a block is what was written, whatever was touched. ERR_DAMAGED: `*why` says what is
// damaged, which may be the checksum.
err segment_check_block(const struct segment *s, const struct segment_section *section,
                        uint64_t block, struct segment_damage *why);
// Whether the block checksums of a section are those that were written.
bool segment_are_checks_good(const struct segment *s, const struct segment_section *section);
// What to say of a block that is known to be damaged: the harm is what the system knows of it.
struct segment_damage segment_damage_at(const struct segment *s,
                                        const struct segment_section *section, uint64_t block);
