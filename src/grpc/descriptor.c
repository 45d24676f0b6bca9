#include "grpc/descriptor.h"

const struct descriptor_symbol *descriptor_find(const struct descriptor_pool *p, str name)
{
    size_t low = 0;
    size_t high = p->symbol_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_compare(p->symbols[middle].name, name);
        if (order == 0) return &p->symbols[middle];
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static const struct descriptor_symbol *find_kind(const struct descriptor_pool *p, str name,
                                                 enum descriptor_symbol_kind kind)
{
    const struct descriptor_symbol *s = descriptor_find(p, name);

    return s && s->kind == kind ? s : NULL;
}

const struct descriptor_file *descriptor_find_file(const struct descriptor_pool *p, str name)
{
    for (size_t i = 0; i < p->file_count; i++) {
        if (str_eq(p->files[i].name, name)) return &p->files[i];
    }
    return NULL;
}

const struct descriptor_message *descriptor_find_message(const struct descriptor_pool *p, str name)
{
    const struct descriptor_symbol *s = find_kind(p, name, DESCRIPTOR_SYMBOL_MESSAGE);

    return s ? s->message : NULL;
}

const struct descriptor_enum *descriptor_find_enum(const struct descriptor_pool *p, str name)
{
    const struct descriptor_symbol *s = find_kind(p, name, DESCRIPTOR_SYMBOL_ENUM);

    return s ? s->enumeration : NULL;
}

const struct descriptor_service *descriptor_find_service(const struct descriptor_pool *p, str name)
{
    const struct descriptor_symbol *s = find_kind(p, name, DESCRIPTOR_SYMBOL_SERVICE);

    return s ? s->service : NULL;
}

static const struct descriptor_method *method_of(const struct descriptor_service *s, str name)
{
    for (size_t i = 0; i < s->method_count; i++) {
        if (str_eq(s->methods[i].name, name)) return &s->methods[i];
    }
    return NULL;
}

// Where the last `c` of `s` stands; s.len where there is none.
static size_t last_char(str s, char c)
{
    for (size_t i = s.len; i > 0; i--) {
        if (s.ptr[i - 1] == c) return i - 1;
    }
    return s.len;
}

const struct descriptor_method *descriptor_find_method(const struct descriptor_pool *p, str path)
{
    if (!str_starts(path, STR("/"))) return NULL;
    size_t slash = last_char(path, '/');
    if (slash == 0) return NULL;
    const struct descriptor_service *s = descriptor_find_service(p, str_sub(path, 1, slash - 1));
    return s ? method_of(s, str_sub(path, slash + 1, path.len)) : NULL;
}

static bool message_declares(const struct descriptor_message *m, str name)
{
    for (size_t i = 0; i < m->field_count; i++) {
        if (str_eq(m->fields[i].name, name)) return true;
    }
    for (size_t i = 0; i < m->oneof_count; i++) {
        if (str_eq(m->oneofs[i].name, name)) return true;
    }
    return false;
}

// An enum's values are declared in the scope around it, so its own name is no part of theirs.
static const struct descriptor_file *find_value_file(const struct descriptor_pool *p, str scope,
                                                     str name)
{
    for (size_t i = 0; i < p->enum_count; i++) {
        const struct descriptor_enum *e = &p->enums[i];
        size_t dot = last_char(e->name, '.');
        str around = str_sub(e->name, 0, dot == e->name.len ? 0 : dot);
        if (str_eq(around, scope) && descriptor_value_by_name(e, name)) return e->file;
    }
    return NULL;
}

const struct descriptor_file *descriptor_find_symbol_file(const struct descriptor_pool *p,
                                                          str symbol)
{
    const struct descriptor_symbol *s = descriptor_find(p, symbol);

    if (s) return s->file;
    size_t dot = last_char(symbol, '.');
    str scope = str_sub(symbol, 0, dot == symbol.len ? 0 : dot);
    str name = dot == symbol.len ? symbol : str_sub(symbol, dot + 1, symbol.len);
    s = descriptor_find(p, scope);
    if (s && s->kind == DESCRIPTOR_SYMBOL_MESSAGE && message_declares(s->message, name))
        return s->file;
    if (s && s->kind == DESCRIPTOR_SYMBOL_SERVICE && method_of(s->service, name)) return s->file;
    return find_value_file(p, scope, name);
}

const struct descriptor_field *descriptor_field_by_number(const struct descriptor_message *m,
                                                          uint32_t number)
{
    size_t low = 0;
    size_t high = m->field_count;

    // Most messages number their fields without gaps.
    if (number - 1 < m->field_count && m->by_number[number - 1]->number == number)
        return m->by_number[number - 1];
    while (low < high) {
        size_t middle = (low + high) / 2;
        uint32_t found = m->by_number[middle]->number;
        if (found == number) return m->by_number[middle];
        if (found < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

// The name that fields are sorted by: as declared, or of JSON.
static str field_name(const struct descriptor_field *f, bool is_json)
{
    return is_json ? f->json_name : f->name;
}

// Of several of one name the one declared first.
static const struct descriptor_field *search_fields(const struct descriptor_field **sorted,
                                                    size_t count, str name, bool is_json)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (str_compare(field_name(sorted[middle], is_json), name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_found = low < count && str_eq(field_name(sorted[low], is_json), name);
    return is_found ? sorted[low] : NULL;
}

const struct descriptor_field *descriptor_field_by_name(const struct descriptor_message *m,
                                                        str name)
{
    const struct descriptor_field *f = search_fields(m->by_json_name, m->field_count, name, true);

    return f ? f : search_fields(m->by_name, m->field_count, name, false);
}

const struct descriptor_enum_value *descriptor_value_by_number(const struct descriptor_enum *e,
                                                               int32_t number)
{
    size_t low = 0;
    size_t high = e->value_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (e->by_number[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_found = low < e->value_count && e->by_number[low]->number == number;
    return is_found ? e->by_number[low] : NULL;
}

const struct descriptor_enum_value *descriptor_value_by_name(const struct descriptor_enum *e,
                                                             str name)
{
    size_t low = 0;
    size_t high = e->value_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_compare(e->by_name[middle]->name, name);
        if (order == 0) return e->by_name[middle];
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

bool descriptor_is_packable(enum descriptor_type type)
{
    return type != DESCRIPTOR_STRING && type != DESCRIPTOR_BYTES && type != DESCRIPTOR_MESSAGE &&
           type != DESCRIPTOR_GROUP;
}
