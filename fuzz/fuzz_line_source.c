// Any bytes as a file of lines: each chunk is a text of UTF-8 that says something, with metadata
// that can be read, and every line is told once at most, as a chunk or as one of no use.
//
// The input is flags u8 and the bytes of the file.
#include "base/list.h"
#include "codec/utf8.h"
#include "retrieval/ingest/line_source.h"
#include "retrieval/vector/row_values.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FLAG_JSONL = 1, MAX_MASK = 7, CHUNKS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

struct reading {
    struct line_source source;
    uint64_t bad;
    uint64_t last_bad;
};

static void on_bad_line(struct line_source *s, uint64_t line, const char *why)
{
    struct reading *r = container_of(s, struct reading, source);

    check(line > r->last_bad && why != NULL);
    r->last_bad = line;
    r->bad++;
}

static void check_chunk(const struct chunk *c, const struct column_schema *schema)
{
    check(c->text.len > 0 && str_trim(c->text).len > 0 && utf8_is_valid(c->text));
    check(row_values_check(schema, c->attributes) == OK);
}

static uint64_t read_all(struct reading *r, size_t max)
{
    static const atomic_bool never = false;
    struct chunk chunks[CHUNKS];
    uint64_t told = 0;
    size_t count = 0;
    err e = OK;

    while (!(e = r->source.source.next(&r->source.source, chunks, max, &never, &count))) {
        check(count > 0 && count <= max);
        for (size_t i = 0; i < count; i++) {
            check_chunk(&chunks[i], r->source.schema);
        }
        told += count;
    }
    check(e == ERR_EOF);
    return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct column_schema schema;
    char path[64];
    uint64_t lines = 1;

    if (len == 0) return 0;
    snprintf(path, sizeof(path), "/dev/shm/fuzz-lines-%d.%s", (int)getpid(),
             bytes[0] & FLAG_JSONL ? "jsonl" : "txt");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(fd >= 0 && write(fd, bytes + 1, len - 1) == (ssize_t)(len - 1));
    close(fd);
    for (size_t i = 1; i < len; i++) {
        lines += bytes[i] == '\n';
    }
    column_schema_init(&schema);
    check(column_schema_add(&schema, STR("year"), COLUMN_I64, 0) == OK);
    check(column_schema_add(&schema, STR("lang"), COLUMN_STRING, 0) == OK);
    struct reading r = {.source = {.schema = &schema, .bad_line = on_bad_line}};
    check(line_source_open(&r.source, str_from_c(path)) == OK);
    uint64_t told = read_all(&r, 1 + (bytes[0] >> 1 & MAX_MASK));
    check(told + r.bad <= lines);
    line_source_close(&r.source);
    unlink(path);
    return 0;
}
