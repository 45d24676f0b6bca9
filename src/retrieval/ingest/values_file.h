// values_file: the columns of rows that come from a file of vectors: a JSON object a line.
//
// Line n, counted from 0, has the values of row n; members that are no columns are passed over.
// All lines are read once when the file is opened, so what is wrong with one is told before any
// work is done. The file is mapped. Belongs to one thread.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "io/mapped_file.h"
#include "retrieval/vector/index.h"

enum {
    VALUES_FILE_LINE_MAX = 1024 * 1024, // bytes
    VALUES_FILE_ROWS_MAX = 1 << 30,
};

struct values_file {
    struct index_values values; // what index_load() takes
    const struct column_schema *schema;
    struct mapped_file file;
    uint64_t *starts; // [count + 1]; of lines, then the end
    uint64_t count;
    struct arena arena; // of the line that was read last
    struct buf encoded;
};

// What went wrong with which line, counted from 1; 0 where it is the file as a whole.
struct values_file_problem {
    uint64_t line;
    const char *what;
};

// What mapped_file_open() returns; ERR_SYNTAX where a line is no object or a value does not fit its
// column, and ERR_LIMIT where there are too many lines or one is too long: then `*problem` says
// more. The schema is borrowed.
err values_file_open(struct values_file *f, str path, const struct column_schema *schema,
                     struct values_file_problem *problem);
void values_file_close(struct values_file *f);
