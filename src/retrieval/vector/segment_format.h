// segment_format: the bytes of a segment file, and what must hold before anybody relies on them.
//
// A file is a header of 4 KiB, sections, a table of the sections and a footer, which equals the
// header. Trust has a chain: the header has a checksum and holds that of the table, an entry of the
// table holds that of its section's block checksums, and these cover the section in blocks of
// 64 KiB. What lies between sections is zero. Integers have the order of the machine that wrote
// them, and a machine of the other order refuses the file. docs/vector-index.md tells it byte by
// byte. Pure.
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "retrieval/vector/ivf.h"

#include <stddef.h>
#include <stdint.h>

enum {
    SEGMENT_MAJOR = 1, // a reader refuses another one
    SEGMENT_MINOR = 0, // a reader takes any, and ignores sections that it does not know
    SEGMENT_ENDIAN = 0x01020304,
    SEGMENT_PAGE_BYTES = 4096, // header and footer; sections begin at a multiple
    SEGMENT_BLOCK_BYTES = 64 * 1024,
    SEGMENT_HUGE_BYTES = 2 * 1024 * 1024, // where RAW of at least as many bytes begins
    SEGMENT_SECTIONS_MAX = 512,
    SEGMENT_DIM_MAX = ROTATION_DIM_MAX,
    SEGMENT_LISTS_MAX = QUANTIZER_LISTS_MAX,
    SEGMENT_ROTATION = 1, // the kind that rotation.h is
    SEGMENT_UUID_BYTES = 16,
    SEGMENT_TELL_BYTES = 256, // enough for segment_format_tell() but for the path
};

#define SEGMENT_ROWS_MAX (UINT64_C(0xffffffff) - 1) // KEYHASH holds a row's number and one more

enum segment_type {
#define SECTION(name, number) SEGMENT_##name = (number),
#include "retrieval/vector/segment_section.def"
#undef SECTION
};

// How rows are searched, which decides what sections there are. All have KEYS, KEYHASH and RAW.
enum segment_tier {
    SEGMENT_EXACT, // nothing more: RAW is scanned
    SEGMENT_BYTES, // INT8 and SCALE8 are scanned
    SEGMENT_IVF,   // CENT, CENTQ, LISTS, CODE1, CODE4, FACT4
    SEGMENT_TIERS,
};

// What a segment holds; a part of the header.
struct segment_shape {
    uint8_t uuid[SEGMENT_UUID_BYTES];
    uint64_t quantizer_id;  // segments with one id share centroids and rotation; 0 without lists
    uint64_t rotation_seed; //
    uint64_t row_count;     // 1 to SEGMENT_ROWS_MAX
    uint64_t block_count;   // of CODE1
    uint32_t list_count;
    uint32_t dim;
    uint32_t padded_dim;    // rotation_padded_dim(); 0 without lists
    uint32_t rotation_kind; // SEGMENT_ROTATION; 0 without lists
    uint32_t metric;        // enum metric
    uint32_t tier;          // enum segment_tier
};

struct segment_header {
    uint8_t magic[8];
    uint32_t endian;
    uint16_t major;
    uint16_t minor;
    uint64_t file_bytes;
    uint64_t table_offset; // a multiple of 4 KiB; zeros follow the table up to the footer
    uint32_t section_count;
    uint32_t table_crc;
    struct segment_shape shape;
    uint8_t zeros[SEGMENT_PAGE_BYTES - 116];
    uint32_t crc; // of all bytes before it
};

// One section, as the table has it. Entries are in the order of their offsets.
struct segment_entry {
    uint16_t type;
    uint16_t number; // which of several of that type, such as a column's; else 0
    uint32_t elem_bytes;
    uint64_t offset; // a multiple of 4 KiB
    uint64_t bytes;
    uint32_t crc; // of its block checksums; 0 for BLKCRC
    uint32_t zero;
};

_Static_assert(sizeof(struct segment_shape) == 72, "as in files");
_Static_assert(sizeof(struct segment_header) == SEGMENT_PAGE_BYTES, "as in files");
_Static_assert(sizeof(struct segment_entry) == 32, "as in files");

// Where damage was found. Blocks are those of 64 KiB of the section.
struct segment_damage {
    enum segment_type type;
    uint16_t number;
    uint64_t block;
    enum segment_harm {
        SEGMENT_CHANGED,    // a checksum does not match
        SEGMENT_CUT,        // the file ends before it
        SEGMENT_UNREADABLE, // the system could not read it
        SEGMENT_IMPOSSIBLE, // the checksum matches what can't be: somebody's mistake, or forged
    } harm;
};

// "CODE1"; "?" for a type that is not known.
const char *segment_format_type_name(enum segment_type type);

// "a checksum does not match"
const char *segment_format_harm_name(enum segment_harm harm);

// One line for people, such as "seg-7.vseg: section CODE1, block 17: a checksum does not match".
// Cut where it exceeds `size`, which is above 0.
void segment_format_tell(str path, const struct segment_damage *d, char *out, size_t size);

// ERR_RANGE where a member is out of bounds, or does not fit the others.
err segment_format_check_shape(const struct segment_shape *shape);

// Sets magic, versions and the checksum of a header whose other members are set.
void segment_format_seal(struct segment_header *h);

// Whether the header of a file of `file_bytes` can be relied on. ERR_UNSUPPORTED: another major
// version or byte order; ERR_DAMAGED: `*why` says what.
err segment_format_check_header(const struct segment_header *h, uint64_t file_bytes,
                                struct segment_damage *why);

// Whether the sections are there, lie within the file and apart from each other, and have the
// lengths that the shape demands. `h` was checked, and its checksum of the table matched `entries`.
// ERR_DAMAGED: `*why` says what.
err segment_format_check_table(const struct segment_header *h, const struct segment_entry *entries,
                               struct segment_damage *why);

// Whether lists follow each other within the rows and blocks that there are. ERR_DAMAGED.
err segment_format_check_lists(const struct segment_shape *shape, const struct ivf_list *lists,
                               struct segment_damage *why);

// How many bytes a section has in a file of this shape; `otherwise` where the shape does not say.
uint64_t segment_format_bytes(const struct segment_shape *shape, enum segment_type type,
                              uint64_t otherwise);

// Blocks of 64 KiB in so many bytes, the last of which may be shorter.
static inline uint64_t segment_format_blocks(uint64_t bytes)
{
    return bytes / SEGMENT_BLOCK_BYTES + (bytes % SEGMENT_BLOCK_BYTES != 0);
}

// The next multiple of `unit`, a power of two.
static inline uint64_t segment_format_align(uint64_t bytes, uint64_t unit)
{
    return (bytes + unit - 1) & ~(unit - 1);
}
