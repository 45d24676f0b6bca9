#include "codec/protobuf.h"
#include "grpc/descriptor_private.h"

#include <assert.h>

// Design
//
// Three passes. The first counts, so that each array is allocated once and pointers into it stay;
// the second fills the structs and puts names that refer to something on a list; the third
// (descriptor_link.c) finds these. Messages in messages are read by recursion, which the first pass
// has bounded by DESCRIPTOR_NESTING_MAX.

enum {
    SET_FILE = DESCRIPTOR_TEXT(1),

    FILE_NAME = DESCRIPTOR_TEXT(1),
    FILE_PACKAGE = DESCRIPTOR_TEXT(2),
    FILE_IMPORT = DESCRIPTOR_TEXT(3),
    FILE_MESSAGE = DESCRIPTOR_TEXT(4),
    FILE_ENUM = DESCRIPTOR_TEXT(5),
    FILE_SERVICE = DESCRIPTOR_TEXT(6),
    FILE_EXTENSION = DESCRIPTOR_TEXT(7),
    FILE_OPTIONS = DESCRIPTOR_TEXT(8),
    FILE_SYNTAX = DESCRIPTOR_TEXT(12),
    FILE_EDITION = DESCRIPTOR_NUMBER(14),

    MESSAGE_NAME = DESCRIPTOR_TEXT(1),
    MESSAGE_FIELD = DESCRIPTOR_TEXT(2),
    MESSAGE_NESTED = DESCRIPTOR_TEXT(3),
    MESSAGE_ENUM = DESCRIPTOR_TEXT(4),
    MESSAGE_EXTENSION = DESCRIPTOR_TEXT(6),
    MESSAGE_OPTIONS = DESCRIPTOR_TEXT(7),
    MESSAGE_ONEOF = DESCRIPTOR_TEXT(8),

    FIELD_NAME = DESCRIPTOR_TEXT(1),
    FIELD_EXTENDEE = DESCRIPTOR_TEXT(2),
    FIELD_NUMBER = DESCRIPTOR_NUMBER(3),
    FIELD_LABEL = DESCRIPTOR_NUMBER(4),
    FIELD_TYPE = DESCRIPTOR_NUMBER(5),
    FIELD_TYPE_NAME = DESCRIPTOR_TEXT(6),
    FIELD_OPTIONS = DESCRIPTOR_TEXT(8),
    FIELD_ONEOF = DESCRIPTOR_NUMBER(9),
    FIELD_JSON_NAME = DESCRIPTOR_TEXT(10),
    FIELD_IS_OPTIONAL = DESCRIPTOR_NUMBER(17),

    ENUM_NAME = DESCRIPTOR_TEXT(1),
    ENUM_VALUE = DESCRIPTOR_TEXT(2),
    ENUM_OPTIONS = DESCRIPTOR_TEXT(3),

    VALUE_NAME = DESCRIPTOR_TEXT(1),
    VALUE_NUMBER = DESCRIPTOR_NUMBER(2),

    ONEOF_NAME = DESCRIPTOR_TEXT(1),

    FILE_OPTIONS_FEATURES = DESCRIPTOR_TEXT(50),
    MESSAGE_OPTIONS_MAP_ENTRY = DESCRIPTOR_NUMBER(7),
    MESSAGE_OPTIONS_FEATURES = DESCRIPTOR_TEXT(12),
    FIELD_OPTIONS_PACKED = DESCRIPTOR_NUMBER(2),
    FIELD_OPTIONS_FEATURES = DESCRIPTOR_TEXT(21),
    ENUM_OPTIONS_FEATURES = DESCRIPTOR_TEXT(7),

    FEATURE_PRESENCE = DESCRIPTOR_NUMBER(1), // explicit, implicit, required
    FEATURE_ENUM = DESCRIPTOR_NUMBER(2),     // open, closed
    FEATURE_REPEATED = DESCRIPTOR_NUMBER(3), // packed, expanded
    FEATURE_MESSAGE = DESCRIPTOR_NUMBER(5),  // with a length, delimited

    LABEL_REQUIRED = 2,
    LABEL_REPEATED = 3,

    EDITION_FIRST = 1000, // 2023
    EDITION_LAST = 1001,  // 2024
};

void descriptor_read_fault(struct descriptor_reading *r, err e, str name, const char *what)
{
    str file = r->file ? r->file->name : STR("the set");

    if (!r->error) r->error = e;
    if (name.len) {
        diag_add(r->diag, (struct diag_place){0}, STR(""), "%" STR_FMT ": %" STR_FMT ": %s",
                 STR_ARG(file), STR_ARG(name), what);
    } else {
        diag_add(r->diag, (struct diag_place){0}, STR(""), "%" STR_FMT ": %s", STR_ARG(file), what);
    }
}

bool descriptor_read_next(struct descriptor_reading *r, struct protobuf_reader *p,
                          struct protobuf_field *f)
{
    err e = protobuf_next(p, f);

    if (e && e != ERR_EOF)
        descriptor_read_fault(r, ERR_SYNTAX, STR(""), "a part of it is no descriptor");
    return e == OK;
}

size_t descriptor_read_count(str bytes, uint32_t tag)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    size_t count = 0;

    protobuf_reader_init(&p, bytes);
    while (protobuf_next(&p, &f) == OK) {
        count += descriptor_read_tag(&f) == tag;
    }
    return count;
}

// The last field of a tag; absent: with nothing in it.
static struct protobuf_field last_field(str bytes, uint32_t tag)
{
    struct protobuf_field found = {.bytes = STR("")};
    struct protobuf_reader p;
    struct protobuf_field f;

    protobuf_reader_init(&p, bytes);
    while (protobuf_next(&p, &f) == OK) {
        if (descriptor_read_tag(&f) == tag) found = f;
    }
    return found;
}

str descriptor_read_text(str bytes, uint32_t tag)
{
    return last_field(bytes, tag).bytes;
}

uint64_t descriptor_read_number(str bytes, uint32_t tag)
{
    return last_field(bytes, tag).value;
}

// Whether a declaration in `scope` has a name that it can have.
static bool check_name(struct descriptor_reading *r, str scope, str name)
{
    bool is_identifier = name.len > 0 && (name.ptr[0] < '0' || name.ptr[0] > '9');

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        is_identifier &=
            c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    }
    if (!is_identifier) {
        descriptor_read_fault(r, ERR_SYNTAX, scope, "a name declared here is no identifier");
    } else if (scope.len + 1 + name.len > DESCRIPTOR_NAME_MAX) {
        is_identifier = false;
        descriptor_read_fault(r, ERR_LIMIT, scope, "a name declared here is too long");
    }
    return is_identifier;
}

str descriptor_read_name(struct descriptor_reading *r, str scope, str name)
{
    if (!check_name(r, scope, name) || scope.len == 0) return name;
    return arena_format(r->arena, "%" STR_FMT ".%" STR_FMT, STR_ARG(scope), STR_ARG(name));
}

// What options change of the features that come from around them.
static void read_features(struct descriptor_features *features, str options, uint32_t tag)
{
    struct protobuf_reader p;
    struct protobuf_field f;

    protobuf_reader_init(&p, descriptor_read_text(options, tag));
    while (protobuf_next(&p, &f) == OK) {
        switch (descriptor_read_tag(&f)) {
        case FEATURE_PRESENCE:
            features->has_presence = f.value != 2;
            features->is_required = f.value == 3;
            break;
        case FEATURE_ENUM: features->is_open = f.value == 1; break;
        case FEATURE_REPEATED: features->is_packed = f.value == 1; break;
        case FEATURE_MESSAGE: features->is_delimited = f.value == 2; break;
        default: break;
        }
    }
}

void descriptor_read_pending(struct descriptor_reading *r, struct descriptor_pending p)
{
    struct descriptor_pending *kept = arena_new(r->arena, struct descriptor_pending);

    *kept = p;
    kept->file = r->file;
    kept->next = r->pending;
    r->pending = kept;
}

// "some_field" as "someField".
static str camel_case(struct descriptor_reading *r, str name)
{
    char *out = arena_alloc_raw(r->arena, name.len);
    bool is_upper = false;
    size_t len = 0;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c != '_') out[len++] = is_upper && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        is_upper = c == '_';
    }
    return (str){.ptr = out, .len = len};
}

// A field's parts, as they stand.
struct raw_field {
    str name;
    str json_name;
    str extendee;
    str type_name;
    str options;
    uint64_t number;
    uint64_t label;
    uint64_t type;
    uint64_t oneof;
    bool is_in_oneof;
    bool is_optional;
};

static struct raw_field read_raw_field(struct descriptor_reading *r, str bytes)
{
    struct raw_field raw = {0};
    struct protobuf_reader p;
    struct protobuf_field f;

    protobuf_reader_init(&p, bytes);
    while (descriptor_read_next(r, &p, &f)) {
        switch (descriptor_read_tag(&f)) {
        case FIELD_NAME: raw.name = f.bytes; break;
        case FIELD_EXTENDEE: raw.extendee = f.bytes; break;
        case FIELD_NUMBER: raw.number = f.value; break;
        case FIELD_LABEL: raw.label = f.value; break;
        case FIELD_TYPE: raw.type = f.value; break;
        case FIELD_TYPE_NAME: raw.type_name = f.bytes; break;
        case FIELD_OPTIONS: raw.options = f.bytes; break;
        case FIELD_ONEOF:
            raw.is_in_oneof = true;
            raw.oneof = f.value;
            break;
        case FIELD_JSON_NAME: raw.json_name = f.bytes; break;
        case FIELD_IS_OPTIONAL: raw.is_optional = f.value != 0; break;
        default: break;
        }
    }
    return raw;
}

// Puts a field into its oneof; a synthetic one is only told to be so.
static void join_oneof(struct descriptor_reading *r, struct descriptor_field *field,
                       const struct raw_field *raw, struct descriptor_oneof *oneofs)
{
    const struct descriptor_message *m = field->owner;

    if (!raw->is_in_oneof) return;
    if (raw->oneof >= m->oneof_count || field->is_repeated) {
        descriptor_read_fault(r, ERR_SYNTAX, m->name,
                              "a field of it is in a oneof that can't hold it");
        return;
    }
    field->has_presence = true;
    oneofs[raw->oneof].is_synthetic = raw->is_optional;
    if (!raw->is_optional) field->oneof = &m->oneofs[raw->oneof];
}

static void check_field(struct descriptor_reading *r, str message, const struct raw_field *raw)
{
    bool is_named = raw->type == DESCRIPTOR_MESSAGE || raw->type == DESCRIPTOR_GROUP ||
                    raw->type == DESCRIPTOR_ENUM;

    (void)check_name(r, message, raw->name); // what is wrong with it is noted
    if (raw->number == 0 || raw->number > PROTOBUF_NUMBER_MAX)
        descriptor_read_fault(r, ERR_SYNTAX, message, "a field has a number that none can have");
    if (raw->type == 0 || raw->type > DESCRIPTOR_SINT64 || is_named != (raw->type_name.len > 0))
        descriptor_read_fault(r, ERR_SYNTAX, message, "a field has a type that doesn't exist");
}

// The field's owner is set.
static void read_field(struct descriptor_reading *r, str bytes, struct descriptor_field *field,
                       struct descriptor_oneof *oneofs, struct descriptor_features features)
{
    struct raw_field raw = read_raw_field(r, bytes);
    bool is_repeated = raw.label == LABEL_REPEATED;

    check_field(r, field->owner->name, &raw);
    read_features(&features, raw.options, FIELD_OPTIONS_FEATURES);
    if (descriptor_read_count(raw.options, FIELD_OPTIONS_PACKED))
        features.is_packed = descriptor_read_number(raw.options, FIELD_OPTIONS_PACKED) != 0;
    field->name = raw.name;
    field->json_name = raw.json_name.len ? raw.json_name : camel_case(r, raw.name);
    field->number = (uint32_t)raw.number;
    field->type = (enum descriptor_type)raw.type;
    field->is_repeated = is_repeated;
    field->is_required = !is_repeated && (raw.label == LABEL_REQUIRED || features.is_required);
    field->is_packed = is_repeated && descriptor_is_packable(field->type) && features.is_packed;
    field->has_presence = !is_repeated && features.has_presence;
    join_oneof(r, field, &raw, oneofs);
    if (raw.type_name.len)
        descriptor_read_pending(r, (struct descriptor_pending){
                                       .type_name = raw.type_name,
                                       .user = field->owner->name,
                                       .field = field,
                                       .is_delimited = features.is_delimited,
                                   });
}

// Of a message or a file.
static void read_extension(struct descriptor_reading *r, str bytes, str scope)
{
    struct raw_field raw = read_raw_field(r, bytes);
    struct descriptor_extension *e = &r->extensions[r->pool->extension_count++];

    *e = (struct descriptor_extension){.name = descriptor_read_name(r, scope, raw.name),
                                       .file = r->file,
                                       .extendee = raw.extendee,
                                       .number = (uint32_t)raw.number};
    if (str_starts(e->extendee, STR("."))) e->extendee = str_sub(e->extendee, 1, raw.extendee.len);
}

static void read_value(struct descriptor_reading *r, str bytes, str name,
                       struct descriptor_enum_value *out)
{
    *out = (struct descriptor_enum_value){
        .name = descriptor_read_text(bytes, VALUE_NAME),
        .number = (int32_t)(uint32_t)descriptor_read_number(bytes, VALUE_NUMBER),
    };
    (void)check_name(r, name, out->name); // what is wrong with it is noted
}

static void read_enum(struct descriptor_reading *r, str bytes, str scope,
                      struct descriptor_features features)
{
    struct descriptor_enum *e = &r->enums[r->pool->enum_count++];
    size_t count = descriptor_read_count(bytes, ENUM_VALUE);
    struct descriptor_enum_value *values =
        arena_array(r->arena, struct descriptor_enum_value, count);
    struct protobuf_reader p;
    struct protobuf_field f;

    read_features(&features, descriptor_read_text(bytes, ENUM_OPTIONS), ENUM_OPTIONS_FEATURES);
    *e = (struct descriptor_enum){
        .name = descriptor_read_name(r, scope, descriptor_read_text(bytes, ENUM_NAME)),
        .file = r->file,
        .values = values,
        .is_open = features.is_open,
    };
    protobuf_reader_init(&p, bytes);
    while (descriptor_read_next(r, &p, &f)) {
        if (descriptor_read_tag(&f) == ENUM_VALUE)
            read_value(r, f.bytes, e->name, &values[e->value_count++]);
    }
    if (e->value_count == 0)
        descriptor_read_fault(r, ERR_SYNTAX, e->name, "an enum without values");
    else if (e->is_open && values[0].number != 0)
        descriptor_read_fault(r, ERR_SYNTAX, e->name, "the first value of an open enum is not 0");
}

// The parts of a message that are of the message itself.
static void read_members(struct descriptor_reading *r, str bytes, struct descriptor_message *m,
                         struct descriptor_features features)
{
    size_t field_count = descriptor_read_count(bytes, MESSAGE_FIELD);
    size_t oneof_count = descriptor_read_count(bytes, MESSAGE_ONEOF);
    struct descriptor_field *fields = arena_array(r->arena, struct descriptor_field, field_count);
    struct descriptor_oneof *oneofs = arena_array(r->arena, struct descriptor_oneof, oneof_count);
    struct protobuf_reader p;
    struct protobuf_field f;

    m->fields = fields;
    m->oneofs = oneofs;
    m->oneof_count = oneof_count;
    oneof_count = 0;
    protobuf_reader_init(&p, bytes);
    while (descriptor_read_next(r, &p, &f)) {
        if (descriptor_read_tag(&f) == MESSAGE_ONEOF)
            oneofs[oneof_count++].name = descriptor_read_text(f.bytes, ONEOF_NAME);
        if (descriptor_read_tag(&f) != MESSAGE_FIELD) continue;
        struct descriptor_field *field = &fields[m->field_count];
        field->owner = m;
        field->index = (uint32_t)m->field_count++;
        read_field(r, f.bytes, field, oneofs, features);
        m->has_required |= field->is_required;
    }
}

// A message and those in it, as deep as count_message() went.
static void read_message(struct descriptor_reading *r, str bytes, str scope,
                         struct descriptor_features features)
{
    struct descriptor_message *m = &r->messages[r->pool->message_count++];
    str options = descriptor_read_text(bytes, MESSAGE_OPTIONS);
    struct protobuf_reader p;
    struct protobuf_field f;

    read_features(&features, options, MESSAGE_OPTIONS_FEATURES);
    *m = (struct descriptor_message){
        .name = descriptor_read_name(r, scope, descriptor_read_text(bytes, MESSAGE_NAME)),
        .file = r->file,
        .is_map_entry = descriptor_read_number(options, MESSAGE_OPTIONS_MAP_ENTRY) != 0,
    };
    read_members(r, bytes, m, features);
    protobuf_reader_init(&p, bytes);
    while (descriptor_read_next(r, &p, &f)) {
        switch (descriptor_read_tag(&f)) {
        case MESSAGE_NESTED: read_message(r, f.bytes, m->name, features); break;
        case MESSAGE_ENUM: read_enum(r, f.bytes, m->name, features); break;
        case MESSAGE_EXTENSION: read_extension(r, f.bytes, m->name); break;
        default: break;
        }
    }
}

// What a syntax stands for.
static struct descriptor_features features_of(struct descriptor_reading *r, str bytes)
{
    str syntax = descriptor_read_text(bytes, FILE_SYNTAX);
    uint64_t edition = descriptor_read_number(bytes, FILE_EDITION);
    struct descriptor_features features = {.has_presence = true};

    if (str_eq(syntax, STR("proto3"))) {
        features = (struct descriptor_features){.is_open = true, .is_packed = true};
    } else if (str_eq(syntax, STR("editions")) && edition >= EDITION_FIRST &&
               edition <= EDITION_LAST) {
        features.is_open = features.is_packed = true;
    } else if (syntax.len && !str_eq(syntax, STR("proto2"))) {
        descriptor_read_fault(r, ERR_UNSUPPORTED, STR(""),
                              "its syntax is none of proto2, proto3, editions 2023 and 2024");
    }
    read_features(&features, descriptor_read_text(bytes, FILE_OPTIONS), FILE_OPTIONS_FEATURES);
    return features;
}

static void read_imports(struct descriptor_reading *r, str bytes, struct descriptor_file *file)
{
    size_t count = descriptor_read_count(bytes, FILE_IMPORT);
    str *names = arena_array(r->arena, str, count);
    struct protobuf_reader p;
    struct protobuf_field f;

    file->imports = arena_array(r->arena, const struct descriptor_file *, count);
    r->import_names[r->pool->file_count] = names;
    protobuf_reader_init(&p, bytes);
    while (descriptor_read_next(r, &p, &f)) {
        if (descriptor_read_tag(&f) == FILE_IMPORT) names[file->import_count++] = f.bytes;
    }
}

static void read_file(struct descriptor_reading *r, str bytes)
{
    struct descriptor_file *file = &r->files[r->pool->file_count];
    struct protobuf_reader p;
    struct protobuf_field f;

    *file = (struct descriptor_file){.name = descriptor_read_text(bytes, FILE_NAME),
                                     .package = descriptor_read_text(bytes, FILE_PACKAGE),
                                     .bytes = bytes};
    r->file = file;
    read_imports(r, bytes, file);
    r->pool->file_count++;
    if (file->name.len == 0 || file->name.len > DESCRIPTOR_NAME_MAX ||
        file->package.len > DESCRIPTOR_NAME_MAX)
        descriptor_read_fault(r, ERR_SYNTAX, STR(""), "a file without a name, or with a long one");
    struct descriptor_features features = features_of(r, bytes);
    protobuf_reader_init(&p, bytes);
    while (descriptor_read_next(r, &p, &f)) {
        switch (descriptor_read_tag(&f)) {
        case FILE_MESSAGE: read_message(r, f.bytes, file->package, features); break;
        case FILE_ENUM: read_enum(r, f.bytes, file->package, features); break;
        case FILE_EXTENSION: read_extension(r, f.bytes, file->package); break;
        case FILE_SERVICE: descriptor_service_read(r, f.bytes, file->package); break;
        default: break;
        }
    }
}

// How many of each thing a set declares.
struct counts {
    size_t files;
    size_t messages;
    size_t enums;
    size_t services;
    size_t extensions;
    size_t members;
};

static err count_message(str bytes, unsigned depth, struct counts *c)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e;

    if (depth > DESCRIPTOR_NESTING_MAX) return ERR_LIMIT;
    protobuf_reader_init(&p, bytes);
    while ((e = protobuf_next(&p, &f)) == OK) {
        switch (descriptor_read_tag(&f)) {
        case MESSAGE_NESTED:
            c->messages++;
            TRY(count_message(f.bytes, depth + 1, c));
            break;
        case MESSAGE_ENUM:
            c->enums++;
            c->members += descriptor_read_count(f.bytes, ENUM_VALUE);
            break;
        case MESSAGE_EXTENSION: c->extensions++; break;
        case MESSAGE_FIELD:
        case MESSAGE_ONEOF: c->members++; break;
        default: break;
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err count_file(str bytes, struct counts *c)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e;

    protobuf_reader_init(&p, bytes);
    while ((e = protobuf_next(&p, &f)) == OK) {
        switch (descriptor_read_tag(&f)) {
        case FILE_MESSAGE:
            c->messages++;
            TRY(count_message(f.bytes, 1, c));
            break;
        case FILE_ENUM:
            c->enums++;
            c->members += descriptor_read_count(f.bytes, ENUM_VALUE);
            break;
        case FILE_SERVICE:
            c->services++;
            c->members += descriptor_service_count(f.bytes);
            break;
        case FILE_EXTENSION: c->extensions++; break;
        case FILE_IMPORT: c->members++; break;
        default: break;
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err count_set(str set, struct counts *c)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e;

    if (set.len > DESCRIPTOR_SET_MAX) return ERR_LIMIT;
    protobuf_reader_init(&p, set);
    while ((e = protobuf_next(&p, &f)) == OK) {
        if (descriptor_read_tag(&f) != SET_FILE) continue;
        c->files++;
        TRY(count_file(f.bytes, c));
    }
    size_t symbols = c->messages + c->enums + c->services + c->extensions;
    if (c->files > DESCRIPTOR_FILES_MAX || symbols > DESCRIPTOR_SYMBOLS_MAX ||
        c->members > DESCRIPTOR_MEMBERS_MAX)
        return ERR_LIMIT;
    return e == ERR_EOF ? OK : e;
}

static void allocate(struct descriptor_reading *r, const struct counts *c)
{
    struct descriptor_pool *pool = arena_new(r->arena, struct descriptor_pool);

    r->files = arena_array(r->arena, struct descriptor_file, c->files);
    r->messages = arena_array(r->arena, struct descriptor_message, c->messages);
    r->enums = arena_array(r->arena, struct descriptor_enum, c->enums);
    r->services = arena_array(r->arena, struct descriptor_service, c->services);
    r->extensions = arena_array(r->arena, struct descriptor_extension, c->extensions);
    r->import_names = arena_array(r->arena, str *, c->files);
    pool->files = r->files;
    pool->messages = r->messages;
    pool->enums = r->enums;
    pool->services = r->services;
    pool->extensions = r->extensions;
    r->pool = pool;
}

err descriptor_read(str set, struct arena *arena, struct diag *d,
                    const struct descriptor_pool **out)
{
    struct descriptor_reading r = {.arena = arena, .diag = d};
    struct counts counts = {0};
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = count_set(set, &counts);

    if (e == ERR_LIMIT) {
        descriptor_read_fault(&r, e, STR(""), "a set that is too large, or nests too deep");
    } else if (e || counts.files == 0) {
        descriptor_read_fault(&r, ERR_SYNTAX, STR(""), "no descriptor set");
    }
    if (r.error) return r.error;
    allocate(&r, &counts);
    protobuf_reader_init(&p, set);
    while (descriptor_read_next(&r, &p, &f)) {
        if (descriptor_read_tag(&f) == SET_FILE) read_file(&r, f.bytes);
    }
    if (!r.error) descriptor_link(&r);
    if (r.error) return r.error;
    *out = r.pool;
    return OK;
}
