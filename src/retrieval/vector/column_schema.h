// column_schema: which metadata columns the rows of an index have.
//
// At most COLUMN_SCHEMA_MAX columns, numbered in the order they were added. The numbers are stored
// with the rows, hence columns are only ever appended: rows and segments of an older schema have no
// value in the newer columns. A value by copy without pointers; immutable once it is in use, and
// then safe from any thread.
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "retrieval/vector/column_value.h"

enum { COLUMN_SCHEMA_MAX = 64, COLUMN_NAME_MAX = 63, COLUMN_SCHEMA_BYTES_MAX = 8192 };

// Rows with one value of a partition column are kept and asked for together.
enum { COLUMN_FLAG_PARTITION = 1, COLUMN_FLAGS_ALL = 1 };

struct column {
    uint8_t type; // enum column_type, never COLUMN_ABSENT
    uint8_t flags;
    uint8_t name_len;
    char name[COLUMN_NAME_MAX];
};

struct column_schema {
    uint32_t count;
    uint64_t wide_mask; // a bit a column: those of eight bytes, I64 and F64
    uint64_t bool_mask;
    uint64_t string_mask;
    struct column columns[COLUMN_SCHEMA_MAX];
};

// "i64", "f64", "bool", "string".
const char *column_schema_type_name(enum column_type type);

void column_schema_init(struct column_schema *s);

// ERR_LIMIT: there are COLUMN_SCHEMA_MAX already. ERR_SYNTAX: the name is empty, too long, no
// UTF-8, has control characters, is there already, or is a word of filters ("field", "and", "or",
// "not"). ERR_TYPE, ERR_UNSUPPORTED: no such type, no such flag.
err column_schema_add(struct column_schema *s, str name, enum column_type type, unsigned flags);

// Borrowed of the schema.
str column_schema_name(const struct column_schema *s, uint32_t column);

bool column_schema_find(const struct column_schema *s, str name, uint32_t *out);

// As the manifest keeps it: {u8 version 1, u8 count}, then {u8 type, u8 flags, u8 length, name} a
// column. Appends at most COLUMN_SCHEMA_BYTES_MAX.
err column_schema_write(const struct column_schema *s, struct buf *out);

// ERR_UNSUPPORTED: of a later version. ERR_DAMAGED: anything else that was never written.
err column_schema_read(str bytes, struct column_schema *out);
