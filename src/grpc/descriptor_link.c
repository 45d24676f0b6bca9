#include "grpc/descriptor_private.h"

#include <stdlib.h>

// What a message of google.protobuf must look like for its own form of JSON: the types of the
// fields 1, 2 and so on.
struct known {
    str name;
    enum descriptor_well_known kind;
    bool is_repeated; // its one field is
    uint8_t types[7]; // ends with 0
};

static const struct known known_messages[] = {
    {STR_INIT("google.protobuf.Any"), DESCRIPTOR_ANY, false, {DESCRIPTOR_STRING, DESCRIPTOR_BYTES}},
    {STR_INIT("google.protobuf.BoolValue"), DESCRIPTOR_WRAPPER, false, {DESCRIPTOR_BOOL}},
    {STR_INIT("google.protobuf.BytesValue"), DESCRIPTOR_WRAPPER, false, {DESCRIPTOR_BYTES}},
    {STR_INIT("google.protobuf.DoubleValue"), DESCRIPTOR_WRAPPER, false, {DESCRIPTOR_DOUBLE}},
    {STR_INIT("google.protobuf.Duration"),
     DESCRIPTOR_DURATION,
     false,
     {DESCRIPTOR_INT64, DESCRIPTOR_INT32}},
    {STR_INIT("google.protobuf.Empty"), DESCRIPTOR_EMPTY, false, {0}},
    {STR_INIT("google.protobuf.FieldMask"), DESCRIPTOR_FIELD_MASK, true, {DESCRIPTOR_STRING}},
    {STR_INIT("google.protobuf.FloatValue"), DESCRIPTOR_WRAPPER, false, {DESCRIPTOR_FLOAT}},
    {STR_INIT("google.protobuf.Int32Value"), DESCRIPTOR_WRAPPER, false, {DESCRIPTOR_INT32}},
    {STR_INIT("google.protobuf.Int64Value"), DESCRIPTOR_WRAPPER, false, {DESCRIPTOR_INT64}},
    {STR_INIT("google.protobuf.ListValue"), DESCRIPTOR_LIST_VALUE, true, {DESCRIPTOR_MESSAGE}},
    {STR_INIT("google.protobuf.StringValue"), DESCRIPTOR_WRAPPER, false, {DESCRIPTOR_STRING}},
    {STR_INIT("google.protobuf.Struct"), DESCRIPTOR_STRUCT, true, {DESCRIPTOR_MESSAGE}},
    {STR_INIT("google.protobuf.Timestamp"),
     DESCRIPTOR_TIMESTAMP,
     false,
     {DESCRIPTOR_INT64, DESCRIPTOR_INT32}},
    {STR_INIT("google.protobuf.UInt32Value"), DESCRIPTOR_WRAPPER, false, {DESCRIPTOR_UINT32}},
    {STR_INIT("google.protobuf.UInt64Value"), DESCRIPTOR_WRAPPER, false, {DESCRIPTOR_UINT64}},
    {STR_INIT("google.protobuf.Value"),
     DESCRIPTOR_VALUE,
     false,
     {DESCRIPTOR_ENUM, DESCRIPTOR_DOUBLE, DESCRIPTOR_STRING, DESCRIPTOR_BOOL, DESCRIPTOR_MESSAGE,
      DESCRIPTOR_MESSAGE}},
};

static void fault_in(struct descriptor_reading *r, const struct descriptor_file *file, str name,
                     const char *what)
{
    r->file = file;
    descriptor_read_fault(r, ERR_SYNTAX, name, what);
}

static void fault_absent(struct descriptor_reading *r, const struct descriptor_file *file, str name,
                         str absent)
{
    if (!r->error) r->error = ERR_ABSENT;
    diag_add(r->diag, (struct diag_place){0}, STR("protoc --include_imports adds what is imported"),
             "%" STR_FMT ": %" STR_FMT "%s%" STR_FMT " is not in the set", STR_ARG(file->name),
             STR_ARG(name), name.len ? ": " : "", STR_ARG(absent));
}

static int by_symbol_name(const void *a, const void *b)
{
    const struct descriptor_symbol *x = a;
    const struct descriptor_symbol *y = b;

    return str_compare(x->name, y->name);
}

static void add_symbols(const struct descriptor_pool *p, struct descriptor_symbol *to)
{
    for (size_t i = 0; i < p->message_count; i++) {
        *to++ = (struct descriptor_symbol){p->messages[i].name,
                                           DESCRIPTOR_SYMBOL_MESSAGE,
                                           p->messages[i].file,
                                           {.message = &p->messages[i]}};
    }
    for (size_t i = 0; i < p->enum_count; i++) {
        *to++ = (struct descriptor_symbol){p->enums[i].name,
                                           DESCRIPTOR_SYMBOL_ENUM,
                                           p->enums[i].file,
                                           {.enumeration = &p->enums[i]}};
    }
    for (size_t i = 0; i < p->service_count; i++) {
        *to++ = (struct descriptor_symbol){p->services[i].name,
                                           DESCRIPTOR_SYMBOL_SERVICE,
                                           p->services[i].file,
                                           {.service = &p->services[i]}};
    }
    for (size_t i = 0; i < p->extension_count; i++) {
        *to++ = (struct descriptor_symbol){p->extensions[i].name,
                                           DESCRIPTOR_SYMBOL_EXTENSION,
                                           p->extensions[i].file,
                                           {.extension = &p->extensions[i]}};
    }
}

static void index_symbols(struct descriptor_reading *r)
{
    struct descriptor_pool *p = r->pool;
    size_t count = p->message_count + p->enum_count + p->service_count + p->extension_count;
    struct descriptor_symbol *symbols = arena_array(r->arena, struct descriptor_symbol, count);

    add_symbols(p, symbols);
    if (count) qsort(symbols, count, sizeof(*symbols), by_symbol_name);
    for (size_t i = 1; i < count; i++) {
        if (str_eq(symbols[i - 1].name, symbols[i].name))
            fault_in(r, symbols[i].file, symbols[i].name, "declared twice");
    }
    p->symbols = symbols;
    p->symbol_count = count;
}

static int by_file_name(const void *a, const void *b)
{
    const struct descriptor_file *const *x = a;
    const struct descriptor_file *const *y = b;

    return str_compare((*x)->name, (*y)->name);
}

static int by_name_of_file(const void *key, const void *element)
{
    const str *name = key;
    const struct descriptor_file *const *file = element;

    return str_compare(*name, (*file)->name);
}

static void link_imports(struct descriptor_reading *r)
{
    size_t count = r->pool->file_count;
    const struct descriptor_file **sorted =
        arena_array(r->arena, const struct descriptor_file *, count);

    for (size_t i = 0; i < count; i++) {
        sorted[i] = &r->files[i];
    }
    qsort(sorted, count, sizeof(*sorted), by_file_name);
    for (size_t i = 1; i < count; i++) {
        if (str_eq(sorted[i - 1]->name, sorted[i]->name))
            fault_in(r, sorted[i], STR(""), "in the set twice");
    }
    for (size_t i = 0; i < count; i++) {
        struct descriptor_file *file = &r->files[i];
        for (size_t k = 0; k < file->import_count; k++) {
            str name = r->import_names[i][k];
            const struct descriptor_file *const *found =
                bsearch(&name, sorted, count, sizeof(*sorted), by_name_of_file);
            if (found) {
                file->imports[k] = *found;
            } else {
                fault_absent(r, file, STR(""), name);
            }
        }
    }
}

static void link_field(struct descriptor_field *field, const struct descriptor_symbol *s,
                       bool is_delimited)
{
    if (s->kind == DESCRIPTOR_SYMBOL_ENUM) {
        field->enumeration = s->enumeration;
        return;
    }
    field->message = s->message;
    field->has_presence = !field->is_repeated;
    field->is_map = field->is_repeated && s->message->is_map_entry;
    // Entries of maps and what is in them have lengths, whatever the features are.
    if (is_delimited && !field->is_map && !field->owner->is_map_entry)
        field->type = DESCRIPTOR_GROUP;
}

static void link_names(struct descriptor_reading *r)
{
    for (const struct descriptor_pending *p = r->pending; p; p = p->next) {
        bool is_full = str_starts(p->type_name, STR("."));
        str name = str_sub(p->type_name, is_full, p->type_name.len);
        const struct descriptor_symbol *s = is_full ? descriptor_find(r->pool, name) : NULL;
        bool is_enum = p->field && p->field->type == DESCRIPTOR_ENUM;
        if (!s) {
            fault_absent(r, p->file, p->user, name);
        } else if (s->kind != (is_enum ? DESCRIPTOR_SYMBOL_ENUM : DESCRIPTOR_SYMBOL_MESSAGE)) {
            fault_in(r, p->file, p->user, "a name in it is of something that is no such type");
        } else if (p->field) {
            link_field(p->field, s, p->is_delimited);
        } else {
            *p->message = s->message;
        }
    }
}

static int by_field_number(const void *a, const void *b)
{
    const struct descriptor_field *const *x = a;
    const struct descriptor_field *const *y = b;

    return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

static int by_field_name(const void *a, const void *b)
{
    const struct descriptor_field *const *x = a;
    const struct descriptor_field *const *y = b;

    return str_compare((*x)->name, (*y)->name);
}

// Fields of one JSON name, which proto2 allows, in the order of their declaration.
static int by_field_json_name(const void *a, const void *b)
{
    const struct descriptor_field *const *x = a;
    const struct descriptor_field *const *y = b;
    int order = str_compare((*x)->json_name, (*y)->json_name);

    return order ? order : ((*x)->index > (*y)->index) - ((*x)->index < (*y)->index);
}

static const struct descriptor_field **sort_fields(struct descriptor_reading *r,
                                                   const struct descriptor_message *m,
                                                   int (*order)(const void *, const void *))
{
    const struct descriptor_field **sorted =
        arena_array(r->arena, const struct descriptor_field *, m->field_count);

    for (size_t i = 0; i < m->field_count; i++) {
        sorted[i] = &m->fields[i];
    }
    if (m->field_count) qsort(sorted, m->field_count, sizeof(*sorted), order);
    return sorted;
}

static void index_fields(struct descriptor_reading *r, struct descriptor_message *m)
{
    m->by_number = sort_fields(r, m, by_field_number);
    m->by_name = sort_fields(r, m, by_field_name);
    m->by_json_name = sort_fields(r, m, by_field_json_name);
    for (size_t i = 1; i < m->field_count; i++) {
        if (m->by_number[i - 1]->number == m->by_number[i]->number)
            fault_in(r, m->file, m->name, "two fields have one number");
        if (str_eq(m->by_name[i - 1]->name, m->by_name[i]->name))
            fault_in(r, m->file, m->name, "two fields have one name");
    }
}

static bool is_key_type(enum descriptor_type type)
{
    return (descriptor_is_packable(type) || type == DESCRIPTOR_STRING) &&
           type != DESCRIPTOR_DOUBLE && type != DESCRIPTOR_FLOAT && type != DESCRIPTOR_ENUM;
}

static void check_map_entry(struct descriptor_reading *r, const struct descriptor_message *m)
{
    const struct descriptor_field *key = descriptor_field_by_number(m, 1);
    const struct descriptor_field *value = descriptor_field_by_number(m, 2);
    bool is_entry = m->field_count == 2 && key && value && is_key_type(key->type) &&
                    !key->is_repeated && !value->is_repeated && value->type != DESCRIPTOR_GROUP &&
                    !m->has_required && m->oneof_count == 0;

    if (!is_entry) fault_in(r, m->file, m->name, "not what an entry of a map looks like");
}

static const struct known *find_known(str name)
{
    for (size_t i = 0; i < sizeof(known_messages) / sizeof(*known_messages); i++) {
        if (str_eq(known_messages[i].name, name)) return &known_messages[i];
    }
    return NULL;
}

static void check_known(struct descriptor_reading *r, struct descriptor_message *m)
{
    const struct known *known =
        str_starts(m->name, STR("google.protobuf.")) ? find_known(m->name) : NULL;

    if (!known) return;
    bool is_alike = true;
    size_t count = 0;
    for (; known->types[count]; count++) {
        const struct descriptor_field *f = descriptor_field_by_number(m, (uint32_t)count + 1);
        is_alike &= f && f->type == known->types[count] && f->is_repeated == known->is_repeated;
        is_alike &= f && f->is_map == (known->kind == DESCRIPTOR_STRUCT);
        is_alike &= f && (f->oneof != NULL) == (known->kind == DESCRIPTOR_VALUE);
    }
    if (!is_alike || count != m->field_count)
        fault_in(r, m->file, m->name, "not the message that everybody knows by this name");
    m->well_known = known->kind;
}

static int by_value_name(const void *a, const void *b)
{
    const struct descriptor_enum_value *const *x = a;
    const struct descriptor_enum_value *const *y = b;

    return str_compare((*x)->name, (*y)->name);
}

// Aliases in the order of their declaration, which is that of their addresses.
static int by_value_number(const void *a, const void *b)
{
    const struct descriptor_enum_value *const *x = a;
    const struct descriptor_enum_value *const *y = b;
    int order = ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);

    return order ? order : (*x > *y) - (*x < *y);
}

static void index_values(struct descriptor_reading *r, struct descriptor_enum *e)
{
    e->by_name = arena_array(r->arena, const struct descriptor_enum_value *, e->value_count);
    e->by_number = arena_array(r->arena, const struct descriptor_enum_value *, e->value_count);
    for (size_t i = 0; i < e->value_count; i++) {
        e->by_name[i] = e->by_number[i] = &e->values[i];
    }
    qsort(e->by_name, e->value_count, sizeof(*e->by_name), by_value_name);
    qsort(e->by_number, e->value_count, sizeof(*e->by_number), by_value_number);
    for (size_t i = 1; i < e->value_count; i++) {
        if (str_eq(e->by_name[i - 1]->name, e->by_name[i]->name))
            fault_in(r, e->file, e->name, "two values have one name");
    }
}

void descriptor_link(struct descriptor_reading *r)
{
    link_imports(r);
    index_symbols(r);
    link_names(r);
    for (size_t i = 0; i < r->pool->message_count; i++) {
        struct descriptor_message *m = &r->messages[i];
        index_fields(r, m);
        if (m->is_map_entry) check_map_entry(r, m);
        check_known(r, m);
    }
    for (size_t i = 0; i < r->pool->enum_count; i++) {
        index_values(r, &r->enums[i]);
    }
}
