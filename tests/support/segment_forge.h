// segment_forge: the file of a segment in memory, to be damaged and opened, and to be sealed again
// by somebody who knows how checksums are made.
#pragma once

#include "retrieval/vector/segment.h"

struct segment_forge {
    uint8_t *bytes;
    uint64_t len;
    uint64_t room;
    int fd;        // of the file in memory that is opened
    char path[32]; // its name
};

// A file of the sample's, in memory.
void segment_forge_init(struct segment_forge *f, enum segment_tier tier, uint32_t rows);
void segment_forge_done(struct segment_forge *f);
// A copy, to be damaged; it can grow by 64 KiB.
void segment_forge_copy(struct segment_forge *f, const struct segment_forge *from);

struct segment_header *segment_forge_header(const struct segment_forge *f);
// The first entry of a type; the test fails where there is none.
struct segment_entry *segment_forge_entry(const struct segment_forge *f, enum segment_type type);

// Makes every checksum match, from those of blocks to the header's, and the footer like the header.
// Entries and table are where the unsealed header and table say, if that is within the file.
void segment_forge_seal(struct segment_forge *f);
// The same for table, header and footer alone.
void segment_forge_seal_table(struct segment_forge *f);

// Writes the bytes to the file and opens that.
err segment_forge_open(struct segment_forge *f, enum segment_check check, struct segment *s,
                       struct segment_damage *why);
