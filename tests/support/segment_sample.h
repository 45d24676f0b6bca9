// segment_sample: segments with every kind of section, and their file.
//
// Lists, keys and the hash of keys are what they must be, all else is random bytes: files are about
// bytes. The same rows and tier make the same segment.
#pragma once

#include "io/disk.h"
#include "retrieval/vector/segment.h"

enum { SEGMENT_SAMPLE_SECTIONS = 20, SEGMENT_SAMPLE_DIM = 20, SEGMENT_SAMPLE_LISTS = 5 };

struct segment_writer;

struct segment_sample {
    struct segment_shape shape;
    struct segment_sample_section {
        enum segment_type type;
        uint16_t number;
        uint32_t elem_bytes;
        uint64_t len;
        uint8_t *bytes;
    } sections[SEGMENT_SAMPLE_SECTIONS];
    unsigned section_count;
};

void segment_sample_init(struct segment_sample *s, enum segment_tier tier, uint32_t rows);
void segment_sample_done(struct segment_sample *s);

uint64_t segment_sample_key(uint64_t row);

// Opens a writer and reserves all sections, of which number i is sections[i].
err segment_sample_open(const struct segment_sample *s, struct disk *disk, str path,
                        struct segment_writer *w);
// The whole file. On failure there is none.
err segment_sample_write(const struct segment_sample *s, struct disk *disk, str path);

// Reads all that an open segment shows, touching first what it reads, and looks up some keys.
// Returns the first error.
err segment_sample_read(struct segment *s);
