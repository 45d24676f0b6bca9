// Any bytes as a segment file: refused, or read to the last byte, looked up in and scanned without
// leaving it. What a full check finds good is good to readers, too, and they know of all that they
// met.
//
// An input is taken twice: as a file, and as the first PIECE bytes of each page of one that is then
// sealed, so that whoever changes a table or a list gets past the checksums.
#include "base/list.h"
#include "base/memory.h"
#include "codec/crc32c.h"
#include "retrieval/vector/columns.h"
#include "retrieval/vector/ivf_scan.h"
#include "retrieval/vector/segment_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = SEGMENT_PAGE_BYTES, PIECE = 512, ROWS = 200, LISTS = 4, KEYS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

struct counter {
    struct segment_verify_watcher watcher;
    unsigned count;
};

static void count(struct segment_verify_watcher *w, const struct segment_damage *d)
{
    char line[SEGMENT_TELL_BYTES];

    segment_format_tell(STR("a"), d, line, sizeof line);
    container_of(w, struct counter, watcher)->count++;
}

static bool read_sections(struct segment *s)
{
    bool is_good = true;
    uint64_t sum = 0; // kept, so that all is read

    for (unsigned i = 0; i < s->section_count; i++) {
        const struct segment_section *section = &s->sections[i];
        must(segment_section(s, section->type, section->number) == section);
        if (section->type != SEGMENT_BLKCRC && segment_touch(s, section, 0, section->len)) {
            is_good = false;
        }
        must(segment_touch(s, section, section->len, 1) == (s->touched ? ERR_RANGE : OK));
        for (uint64_t at = 0; at < section->len; at++) {
            sum += section->bytes[at];
        }
    }
    return is_good && sum != UINT64_MAX;
}

// Keys that are there, and those beside them that may not be.
static void find_keys(struct segment *s)
{
    uint64_t rows = s->shape.row_count;
    uint64_t row = 0;

    for (uint64_t i = 0; i < KEYS; i++) {
        err e = segment_find_key(s, s->keys[i % rows] + i / rows, &row);
        must(e == OK || e == ERR_ABSENT || e == ERR_DAMAGED);
        must(e != OK || row < rows);
    }
}

// Damage may make any number of any estimate: only where is read matters.
static void scan_lists(struct segment *s, const struct ivf_view *view)
{
    float *vector = memory_alloc(view->quantizer.dim * sizeof *vector);
    struct candidate entries[ROWS];
    struct probe probes[LISTS];
    struct candidates best;
    struct ivf_query q;

    vector[0] = 1;
    candidates_init(&best, entries, ROWS);
    ivf_query_init(&q, view->quantizer.dim, view->quantizer.list_count);
    ivf_query_set(&q, &view->quantizer, vector);
    uint32_t found = ivf_query_probe(&q, LISTS, probes);
    struct ivf_scan scan = {.candidates = &best, .epsilon = 1.5F};
    for (uint32_t i = 0; i < found; i++) {
        must(probes[i].list < view->quantizer.list_count);
        (void)segment_touch_list(s, probes[i].list);
        (void)ivf_scan_list(view, &q, &probes[i], &scan);
    }
    candidates_sort(&best);
    for (uint32_t i = 0; i < best.count; i++) {
        must(entries[i].row < view->row_count);
    }
    ivf_query_done(&q);
    memory_free(vector);
}

static void scan(struct segment *s)
{
    struct ivf_view view;
    err e = segment_ivf(s, &view);

    must((e == ERR_TYPE) == (s->shape.tier != SEGMENT_IVF));
    if (s->shape.tier != SEGMENT_IVF) return;
    for (uint32_t i = 0; i < s->shape.list_count; i++) {
        must(!e ? ivf_holds(&view, &view.lists[i]) : true);
    }
    if (!e) scan_lists(s, &view);
}

static str part_of(const struct segment *s, enum segment_type type, uint16_t number)
{
    const struct segment_section *section = segment_section(s, type, number);

    return section ? (str){(const char *)section->bytes, section->len} : STR("");
}

static void read_column(const struct columns *c, uint32_t column)
{
    const struct column_view *v = &c->views[column];
    uint64_t len = 0;

    for (uint32_t row = 0; row < c->row_count && row < ROWS; row++) {
        struct column_value value = columns_get(c, row, column);
        if (value.type == COLUMN_STRING) len += value.text.len;
    }
    if (v->type == COLUMN_ABSENT) return;
    if (v->type == COLUMN_STRING) must(columns_code(v, STR("b"), false) <= v->text_count);
    struct columns_search all = {.to = c->row_count};
    must(columns_place(v, all, len) <= c->row_count);
}

static void read_columns(const struct segment *s)
{
    static const enum column_type types[] = {COLUMN_I64, COLUMN_STRING, COLUMN_BOOL, COLUMN_F64};
    static const enum segment_type sections[COLUMN_PART_COUNT] = {
        [COLUMN_PART_VALUES] = SEGMENT_COLUMN_VALUES,
        [COLUMN_PART_PRESENCE] = SEGMENT_COLUMN_PRESENCE,
        [COLUMN_PART_ORDER] = SEGMENT_COLUMN_ORDER,
        [COLUMN_PART_DICT] = SEGMENT_COLUMN_DICT,
    };
    enum { COUNT = sizeof types / sizeof *types };
    struct column_parts parts[COUNT];
    struct column_schema schema;
    struct columns columns;

    column_schema_init(&schema);
    for (uint16_t i = 0; i < COUNT; i++) {
        must(column_schema_add(&schema, (str){&"abcd"[i], 1}, types[i], 0) == OK);
        for (unsigned part = 0; part < COLUMN_PART_COUNT; part++) {
            parts[i].parts[part] = part_of(s, sections[part], i);
        }
    }
    if (columns_open(&schema, (uint32_t)s->shape.row_count, parts, &columns)) return;
    for (uint32_t i = 0; i < COUNT; i++) {
        read_column(&columns, i);
    }
}

static void check_open(struct segment *s)
{
    struct counter counter = {.watcher = {.found = count}};
    struct segment_damage why;
    bool is_good = read_sections(s);
    bool is_healthy = segment_health(s, &why) == OK;

    must(is_good == is_healthy);
    err e = segment_verify(s, &counter.watcher);
    must((e == ERR_DAMAGED) == (counter.count > 0) && (e == OK || e == ERR_DAMAGED));
    must(e || is_good); // the other way round, what lies between sections may be damaged
    find_keys(s);
    scan(s);
    read_columns(s);
}

static void check_file(const uint8_t *bytes, size_t len)
{
    int fd = memfd_create("segment", MFD_CLOEXEC);
    struct segment_damage why = {0};
    struct segment s;
    char path[32];

    must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    err e = segment_open(&s, str_from_c(path), SEGMENT_CHECK_FIRST_TOUCH, &why);
    if (!e) {
        check_open(&s);
        segment_close(&s);
        e = segment_open(&s, str_from_c(path), SEGMENT_CHECK_OFF, &why);
        must(e == OK);
        find_keys(&s);
        scan(&s);
        segment_close(&s);
    }
    must(e == OK || e == ERR_DAMAGED || e == ERR_UNSUPPORTED || e == ERR_EOF);
    close(fd);
}

// The checksums of a section's blocks, one behind the other in `checks`.
static void sum_blocks(const uint8_t *bytes, uint64_t len, uint8_t *checks)
{
    for (uint64_t b = 0; b < segment_format_blocks(len); b++) {
        uint64_t left = len - b * SEGMENT_BLOCK_BYTES;
        uint32_t crc = crc32c(0, bytes + b * SEGMENT_BLOCK_BYTES,
                              left < SEGMENT_BLOCK_BYTES ? left : SEGMENT_BLOCK_BYTES);
        memcpy(checks + b * sizeof crc, &crc, sizeof crc);
    }
}

// Makes the checksums of sections match where they and BLKCRC lie within the file. They may lie
// over the table, so an entry is copied while it is used.
static void seal_sections(uint8_t *file, uint64_t len, uint8_t *table, uint32_t count)
{
    struct segment_entry e;
    uint64_t at = 0;

    memcpy(&e, table + (count - 1) * sizeof e, sizeof e);
    at = e.offset;
    for (uint32_t i = 0; i + 1 < count; i++) {
        memcpy(&e, table + i * sizeof e, sizeof e);
        uint64_t checks = segment_format_blocks(e.bytes) * sizeof(uint32_t);
        if (e.offset > len || e.bytes > len - e.offset || at > len || checks > len - at) return;
        sum_blocks(file + e.offset, e.bytes, file + at);
        e.crc = crc32c(0, file + at, checks);
        memcpy(table + i * sizeof e, &e, sizeof e);
        at += checks;
    }
}

static void seal(uint8_t *file, uint64_t len)
{
    struct segment_header h;

    memcpy(&h, file, sizeof h);
    if (h.table_offset < PAGE || h.table_offset > len - PAGE || h.section_count < 1 ||
        h.section_count > (len - h.table_offset) / sizeof(struct segment_entry)) {
        return;
    }
    seal_sections(file, len, file + h.table_offset, h.section_count);
    h.table_crc = crc32c(0, file + h.table_offset, h.section_count * sizeof(struct segment_entry));
    segment_format_seal(&h);
    memcpy(file, &h, sizeof h);
    memcpy(file + len - PAGE, &h, sizeof h);
}

static void check_pieces(const uint8_t *bytes, size_t len)
{
    size_t pages = (len + PIECE - 1) / PIECE;
    uint8_t *file = memory_alloc((pages + 1) * PAGE);

    for (size_t i = 0; i < pages; i++) {
        size_t left = len - i * PIECE;
        memcpy(file + i * PAGE, bytes + i * PIECE, left < PIECE ? left : PIECE);
    }
    if (pages > 0) seal(file, (pages + 1) * PAGE);
    check_file(file, (pages + 1) * PAGE);
    memory_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len > 0) check_file(bytes, len);
    check_pieces(bytes, len);
    return 0;
}
