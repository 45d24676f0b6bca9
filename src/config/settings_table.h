// settings_table: every key of the configuration, once.
//
// The reader, the defaults, the checks, the reference manual, the JSON Schema and the printed
// settings all walk these descriptions; a new key is a field in settings.h and a row here. A
// *section* is a mapping with fixed keys. Static and read-only: any thread.
#pragma once

#include "base/buf.h"

enum settings_type {
    SETTINGS_TEXT,     // str; printable, `max` bytes
    SETTINGS_FILE,     // str; path, absolute or as the process takes it; its place at `second`
    SETTINGS_NAME,     // str; letters, digits and ". _ -", `max` bytes
    SETTINGS_SECRET,   // str; visible ASCII, never printed
    SETTINGS_CHOICE,   // str; one of `choices`
    SETTINGS_ADDRESS,  // str; host:port
    SETTINGS_URL,      // str, and taken apart at `second`
    SETTINGS_COUNT,    // uint32_t
    SETTINGS_SIZE,     // uint64_t, bytes
    SETTINGS_DURATION, // int64_t, milliseconds
    SETTINGS_SHARE,    // uint32_t, basis points: hundredths of a percent
    SETTINGS_FACTOR,   // uint32_t, thousandths
    SETTINGS_SPAN,     // struct settings_span: two durations, the second not below the first
    SETTINGS_SWITCH,   // bool
    SETTINGS_PROVIDER, // uint32_t, index of the provider named
    SETTINGS_SECTION,  // a struct, described by `section`; an optional one tells the bool at
                       // `second`
    SETTINGS_TEXTS,    // pointer to struct settings_item: texts; their size_t number at `second`
    SETTINGS_LIST,     // pointer to `section` structs, their size_t number at `second`
};

struct settings_section;

struct settings_field {
    str key;
    enum settings_type type;
    size_t offset; // in the section's struct
    size_t second;
    const char *fallback; // the default as it would be written; NULL where there is none
    uint64_t min;
    uint64_t max;
    const char *zero;   // what 0 means where it is outside min..max and yet allowed
    const str *choices; // ends with an empty one
    const struct settings_section *section;
    bool is_required;
    bool is_unique; // no two items of a list have the same
    bool needs_restart;
    bool is_optional; // a section that has no defaults where it is absent
    const char *sentence;
};

struct settings_section {
    size_t size; // of the struct
    const struct settings_field *fields;
    size_t field_count;
};

extern const struct settings_section settings_table;

// Whether it is one number between bounds.
bool settings_table_is_number(enum settings_type type);

// Append a number as it would be written, and what a number of the field may be.
err settings_table_print_number(struct buf *out, enum settings_type type, uint64_t value);
err settings_table_print_bounds(struct buf *out, const struct settings_field *f);
