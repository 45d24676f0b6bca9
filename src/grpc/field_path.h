// field_path: a field of a message or of what it contains, by its path: "shelf.book.title".
//
// Paths stand in templates and queries. All fields on the way are single messages, the last may be
// any. Names are those of the JSON form or those that were declared. Pure.
#pragma once

#include "grpc/descriptor.h"

enum { FIELD_PATH_MAX = 16 };

struct field_path {
    const struct descriptor_field *fields[FIELD_PATH_MAX];
    size_t count; // at least 1
};

// ERR_ABSENT: there is no such field; ERR_TYPE: one on the way is repeated, a
// group or no message; ERR_LIMIT: it is too long.
err field_path_resolve(const struct descriptor_message *m, str text, struct field_path *out);

static inline const struct descriptor_field *field_path_last(const struct field_path *p)
{
    return p->fields[p->count - 1];
}

// Whether one text can say a value of the field, or of an element where it is repeated: scalars,
// enums, wrappers, Timestamp, Duration and FieldMask.
bool field_path_is_textual(const struct descriptor_field *field);
