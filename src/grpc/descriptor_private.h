// descriptor_private: a descriptor set while it is read.
//
// descriptor_read.c and descriptor_service.c turn bytes into structs; descriptor_link.c then finds
// what names mean and builds the indexes. Both note what is wrong and go on, so that one run shows
// all of it. Nobody else includes this.
#pragma once

#include "codec/protobuf.h"
#include "grpc/descriptor.h"

// What a syntax, an edition or an option says of fields and enums (FeatureSet).
struct descriptor_features {
    bool has_presence;
    bool is_required;
    bool is_open;      // enums
    bool is_packed;    // repeated numbers
    bool is_delimited; // messages are groups
};

// A name that is still to be found: of a field its type, of a method its input or output.
struct descriptor_pending {
    struct descriptor_pending *next;
    const struct descriptor_file *file;
    str type_name;
    str user; // full name of the message or method that uses the type
    struct descriptor_field *field;
    bool is_delimited;
    const struct descriptor_message **message; // where there is no field
};

struct descriptor_reading {
    struct arena *arena;
    struct diag *diag;
    err error; // the first one
    struct descriptor_pool *pool;
    const struct descriptor_file *file; // that is read now
    size_t member_count;
    struct descriptor_pending *pending;
    // The pool's arrays, which only these two may write.
    struct descriptor_file *files;
    struct descriptor_message *messages;
    struct descriptor_enum *enums;
    struct descriptor_service *services;
    struct descriptor_extension *extensions;
    str **import_names; // of each file, as many as it has imports
};

// A field of descriptor.proto by its tag on the wire, so that one with another wire type is no such
// field.
#define DESCRIPTOR_TEXT(number) ((number) << 3 | PROTOBUF_BYTES)
#define DESCRIPTOR_NUMBER(number) ((number) << 3 | PROTOBUF_VARINT)

static inline uint32_t descriptor_read_tag(const struct protobuf_field *f)
{
    return f->number << 3 | (uint32_t)f->wire;
}

// The next field of a part of the set; false at its end, or where it is broken, which is noted.
bool descriptor_read_next(struct descriptor_reading *r, struct protobuf_reader *p,
                          struct protobuf_field *f);

// How often a field is there; its last value, empty or 0 where it is absent.
size_t descriptor_read_count(str bytes, uint32_t tag);
str descriptor_read_text(str bytes, uint32_t tag);
uint64_t descriptor_read_number(str bytes, uint32_t tag);

// The full name of what is declared in a scope; one that can't be is noted.
str descriptor_read_name(struct descriptor_reading *r, str scope, str name);

// Puts a name on the list of those to find; the file is the one that is read now.
void descriptor_read_pending(struct descriptor_reading *r, struct descriptor_pending p);

// Notes what is wrong with `name`, which may be empty, in the file that is read now.
void descriptor_read_fault(struct descriptor_reading *r, err e, str name, const char *what);

// A service with its methods and their HTTP rules; how many of these there are.
void descriptor_service_read(struct descriptor_reading *r, str bytes, str scope);
size_t descriptor_service_count(str bytes);

// Finds every name and builds every index.
void descriptor_link(struct descriptor_reading *r);
