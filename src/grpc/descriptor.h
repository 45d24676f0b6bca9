// descriptor: protobuf schemas, as they are at run time.
//
// A pool is what `protoc --include_imports --descriptor_set_out` wrote (a FileDescriptorSet), read
// and resolved: files, messages with their fields, enums, services with their methods and the HTTP
// rules that google.api.http gives them. It is immutable and indexed, so any thread may read it.
// Everything of it lives in the arena that descriptor_read() was given, except that names without
// a scope and raw bytes are views of the set itself: set and arena outlive the pool.
// Full names are as protobuf writes them, without the leading dot: "sluice.v1.Chat".
// proto2, proto3 and the editions 2023 and 2024 are all reduced to what a field does: whether it
// has presence, is packed, is a group. Extensions are known by name and number alone; on messages
// they are unknown fields.
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "base/err.h"

enum {
    DESCRIPTOR_SET_MAX = 16 << 20, // bytes
    DESCRIPTOR_FILES_MAX = 4096,
    DESCRIPTOR_SYMBOLS_MAX = 1 << 17, // messages, enums, services and extensions, all together
    DESCRIPTOR_MEMBERS_MAX = 1 << 19, // fields, values, methods and so on, all together
    DESCRIPTOR_NESTING_MAX = 32,      // messages declared in messages
    DESCRIPTOR_NAME_MAX = 512,        // bytes of a full name
};

// As FieldDescriptorProto.Type numbers them.
enum descriptor_type {
    DESCRIPTOR_DOUBLE = 1,
    DESCRIPTOR_FLOAT = 2,
    DESCRIPTOR_INT64 = 3,
    DESCRIPTOR_UINT64 = 4,
    DESCRIPTOR_INT32 = 5,
    DESCRIPTOR_FIXED64 = 6,
    DESCRIPTOR_FIXED32 = 7,
    DESCRIPTOR_BOOL = 8,
    DESCRIPTOR_STRING = 9,
    DESCRIPTOR_GROUP = 10, // a message between two tags
    DESCRIPTOR_MESSAGE = 11,
    DESCRIPTOR_BYTES = 12,
    DESCRIPTOR_UINT32 = 13,
    DESCRIPTOR_ENUM = 14,
    DESCRIPTOR_SFIXED32 = 15,
    DESCRIPTOR_SFIXED64 = 16,
    DESCRIPTOR_SINT32 = 17,
    DESCRIPTOR_SINT64 = 18,
};

// Messages of google.protobuf that have a JSON form of their own.
enum descriptor_well_known {
    DESCRIPTOR_ORDINARY,
    DESCRIPTOR_ANY,
    DESCRIPTOR_DURATION,
    DESCRIPTOR_EMPTY,
    DESCRIPTOR_FIELD_MASK,
    DESCRIPTOR_LIST_VALUE,
    DESCRIPTOR_STRUCT,
    DESCRIPTOR_TIMESTAMP,
    DESCRIPTOR_VALUE,
    DESCRIPTOR_WRAPPER, // DoubleValue to BytesValue
};

struct descriptor_file {
    str name;  // "sluice/v1/chat.proto"
    str bytes; // its FileDescriptorProto, as it stands in the set
    str package;
    const struct descriptor_file **imports; // in the order of the file
    size_t import_count;
};

struct descriptor_enum_value {
    str name;
    int32_t number;
};

struct descriptor_enum {
    str name; // full
    const struct descriptor_file *file;
    const struct descriptor_enum_value *values; // as declared, at least one; aliases included
    size_t value_count;
    bool is_open; // a number without a name is a value too
    const struct descriptor_enum_value **by_name;
    const struct descriptor_enum_value **by_number; // of aliases the first declared comes first
};

struct descriptor_oneof {
    str name;
    bool is_synthetic; // what proto3 wraps an `optional` in
};

struct descriptor_field {
    str name;
    str json_name;
    uint32_t number;
    uint32_t index; // in its message's fields
    enum descriptor_type type;
    bool is_repeated; // maps too
    bool is_map;
    bool is_required;
    bool is_packed;                            // how it is written; both forms are read
    bool has_presence;                         // being absent differs from being zero
    const struct descriptor_oneof *oneof;      // NULL where it is in none, or a synthetic one
    const struct descriptor_message *message;  // of MESSAGE and GROUP
    const struct descriptor_enum *enumeration; // of ENUM
    const struct descriptor_message *owner;    // the message that it is a field of
};

struct descriptor_message {
    str name; // full
    const struct descriptor_file *file;
    const struct descriptor_field *fields; // as declared
    size_t field_count;
    const struct descriptor_oneof *oneofs;
    size_t oneof_count;
    enum descriptor_well_known well_known;
    bool is_map_entry; // fields 1 and 2 are key and value
    bool has_required; // any field is
    const struct descriptor_field **by_number;
    const struct descriptor_field **by_name;
    const struct descriptor_field **by_json_name;
};

// One way to call a method by HTTP (google.api.HttpRule).
struct descriptor_http_rule {
    str verb;          // "GET", or what a custom rule says
    str path;          // a template: "/v1/{name=shelves/*}"
    str body;          // "" for none, "*" for all that the path doesn't bind, else a field's name
    str response_body; // "" for all of it, else a field's name
};

struct descriptor_method {
    str name; // "Complete"
    const struct descriptor_service *service;
    const struct descriptor_message *input;
    const struct descriptor_message *output;
    bool is_client_streaming;
    bool is_server_streaming;
    const struct descriptor_http_rule *rules; // the rule and its additional_bindings
    size_t rule_count;
};

struct descriptor_service {
    str name; // full
    const struct descriptor_file *file;
    const struct descriptor_method *methods;
    size_t method_count;
};

struct descriptor_extension {
    str name; // full
    const struct descriptor_file *file;
    str extendee; // full name of the message
    uint32_t number;
};

enum descriptor_symbol_kind {
    DESCRIPTOR_SYMBOL_MESSAGE,
    DESCRIPTOR_SYMBOL_ENUM,
    DESCRIPTOR_SYMBOL_SERVICE,
    DESCRIPTOR_SYMBOL_EXTENSION,
};

// Something that a full name means.
struct descriptor_symbol {
    str name;
    enum descriptor_symbol_kind kind;
    const struct descriptor_file *file;
    union {
        const struct descriptor_message *message;
        const struct descriptor_enum *enumeration;
        const struct descriptor_service *service;
        const struct descriptor_extension *extension;
    };
};

struct descriptor_pool {
    const struct descriptor_file *files; // as in the set
    size_t file_count;
    const struct descriptor_message *messages; // nested ones too
    size_t message_count;
    const struct descriptor_enum *enums;
    size_t enum_count;
    const struct descriptor_service *services;
    size_t service_count;
    const struct descriptor_extension *extensions;
    size_t extension_count;
    const struct descriptor_symbol *symbols; // sorted by name
    size_t symbol_count;
};

// Reads a set. What is wrong with it is found in `d`, each finding with the file and the name it
// is about; the err is then ERR_SYNTAX (broken or contradictory), ERR_ABSENT (a name or an import
// is not in the set), ERR_LIMIT or ERR_UNSUPPORTED (an unknown syntax or edition).
err descriptor_read(str set, struct arena *arena, struct diag *d,
                    const struct descriptor_pool **out);

// What a full name means; NULL where it means nothing.
const struct descriptor_symbol *descriptor_find(const struct descriptor_pool *p, str name);

// Each NULL where there is none. Full names, without a leading dot.
const struct descriptor_file *descriptor_find_file(const struct descriptor_pool *p, str name);
const struct descriptor_message *descriptor_find_message(const struct descriptor_pool *p, str name);
const struct descriptor_enum *descriptor_find_enum(const struct descriptor_pool *p, str name);
const struct descriptor_service *descriptor_find_service(const struct descriptor_pool *p, str name);
// By the path of a call: "/sluice.v1.Chat/Complete".
const struct descriptor_method *descriptor_find_method(const struct descriptor_pool *p, str path);
// The file that declares a symbol: a message, enum, service or extension, or the field, oneof,
// enum value or method of one ("sluice.v1.Chat.Complete").
const struct descriptor_file *descriptor_find_symbol_file(const struct descriptor_pool *p,
                                                          str symbol);

// Each NULL where there is none.
const struct descriptor_field *descriptor_field_by_number(const struct descriptor_message *m,
                                                          uint32_t number);
// By its JSON name, else by the name it was declared with.
const struct descriptor_field *descriptor_field_by_name(const struct descriptor_message *m,
                                                        str name);
const struct descriptor_enum_value *descriptor_value_by_number(const struct descriptor_enum *e,
                                                               int32_t number);
const struct descriptor_enum_value *descriptor_value_by_name(const struct descriptor_enum *e,
                                                             str name);

// Whether it is a type whose repeated values may be packed.
bool descriptor_is_packable(enum descriptor_type type);
