// segment_writer: writes one segment file, sections side by side, in bounded memory.
//
// Life: open; reserve each section; layout, which fixes where they lie; append to each, in any
// interleaving, what was reserved; finish. Or abort, at any time, which removes the file. A section
// is buffered a block (64 KiB) at a time once something was appended to it.
//
// Sections may be appended to by several threads, each section by one at a time; all else belongs
// to one thread. Errors stay: after one, the writer can only be aborted.
#pragma once

#include "io/disk.h"
#include "retrieval/vector/segment_format.h"

struct segment_writer {
    struct disk *disk;
    struct disk_file *file;
    char *path;
    struct segment_shape shape;
    struct segment_writer_section *sections; // [SEGMENT_SECTIONS_MAX]
    unsigned section_count;
    uint64_t checks_offset; // of BLKCRC; 0 before the layout
    uint64_t table_offset;
};

// Creates the file. ERR_RANGE: the shape is out of bounds; ERR_IN_USE: the file exists. On failure
// there is nothing to abort.
err segment_writer_open(struct segment_writer *w, struct disk *disk, str path,
                        const struct segment_shape *shape);

// A section of exactly `bytes`, which are elements of `elem_bytes`; `*section` names it from then
// on. They will lie in the order of reservation. `type` is none of BLKCRC, HEADER, TABLE, FOOTER.
err segment_writer_reserve(struct segment_writer *w, enum segment_type type, uint16_t number,
                           uint32_t elem_bytes, uint64_t bytes, unsigned *section);

// Ends the reservations. ERR_RANGE where the sections are not those that the shape demands.
err segment_writer_layout(struct segment_writer *w);

// The next bytes of a section. ERR_RANGE where they are more than was reserved.
err segment_writer_append(struct segment_writer *w, unsigned section, const void *bytes,
                          size_t len);

// Where a section begins in the file, once there is a layout. Once all of it was appended, it can
// be read there.
uint64_t segment_writer_offset(const struct segment_writer *w, unsigned section);

// Writes what opens the file and makes all of it durable, the file's name included. ERR_RANGE where
// a section lacks bytes. On success the writer is done with; on failure it has to be aborted.
err segment_writer_finish(struct segment_writer *w);

// Removes the file.
void segment_writer_abort(struct segment_writer *w);
