// line_source: the lines of a file as chunks.
//
// A file that ends in ".jsonl" has a JSON object a line: `text` is what is embedded; `id`, a whole
// number or a string, names the chunk, and without one its text does; members with the names of the
// schema's columns are its metadata; others are passed over. Of any other file each line that is
// not blank is a text. A line that can't be used is told of and passed. The file is mapped, so it
// is read as far as it is asked for; where it was cut meanwhile or the disk fails, the source ends
// with ERR_DAMAGED. Belongs to one thread.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "io/mapped_file.h"
#include "retrieval/ingest/chunk.h"
#include "retrieval/vector/column_schema.h"

enum { LINE_SOURCE_TEXT_MAX = 1024 * 1024 }; // bytes of a line

struct line_source {
    struct chunk_source source;
    struct mapped_file file;
    const struct column_schema *schema; // borrowed
    // Is told of each line that was passed, counted from 1, and why.
    void (*bad_line)(struct line_source *s, uint64_t line, const char *why);
    struct arena arena;    // of what was told last
    struct buf attributes; // of one line, before they move to the arena
    uint64_t at;
    uint64_t line;
    bool is_jsonl;
    bool is_empty; // a file without a byte can't be mapped
};

// Set `bad_line` and `schema` before, zero the rest. What mapped_file_open() returns, but an empty
// file is a source of nothing.
err line_source_open(struct line_source *s, str path);
void line_source_close(struct line_source *s);
