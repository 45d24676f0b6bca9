#include "grpc/field_path.h"

#include "codec/octet.h"

static bool is_single_message(const struct descriptor_field *f)
{
    return f->message && !f->is_repeated;
}

err field_path_resolve(const struct descriptor_message *m, str text, struct field_path *out)
{
    struct field_path p = {.count = 0};
    bool is_more = true;

    while (is_more) {
        is_more = str_find_char(text, '.') < text.len;
        str name = str_cut(&text, '.');
        if (p.count == FIELD_PATH_MAX) return ERR_LIMIT;
        if (p.count && !is_single_message(field_path_last(&p))) return ERR_TYPE;
        if (p.count) m = field_path_last(&p)->message;
        p.fields[p.count] = descriptor_field_by_name(m, name);
        if (!p.fields[p.count]) return ERR_ABSENT;
        p.count++;
    }
    *out = p;
    return OK;
}

bool field_path_is_textual(const struct descriptor_field *field)
{
    if (!field->message) return true;
    switch (field->message->well_known) {
    case DESCRIPTOR_DURATION:
    case DESCRIPTOR_FIELD_MASK:
    case DESCRIPTOR_TIMESTAMP:
    case DESCRIPTOR_WRAPPER: return !field->is_map;
    default: return false;
    }
}

// What the text is of: the type of the field, or of the value in a wrapper.
static enum descriptor_type type_of(const struct descriptor_field *field)
{
    bool is_wrapped = field->message && field->message->well_known == DESCRIPTOR_WRAPPER;

    return is_wrapped ? field->message->fields[0].type : field->type;
}

static bool is_whole_number(str text)
{
    size_t i = str_starts(text, STR("-")) ? 1 : 0;
    size_t digits = text.len - i;

    while (i < text.len && octet_is_digit(text.ptr[i])) {
        i++;
    }
    return digits > 0 && i == text.len && (digits == 1 || !str_starts(text, STR("0"))) &&
           !(digits > 1 && str_starts(text, STR("-0")));
}

// Numbers may stand in quotes, so that only what may not goes without: booleans, and enums by
// number.
static void write_value(const struct descriptor_field *field, str text, struct json_writer *w)
{
    enum descriptor_type type = type_of(field);
    bool is_bare =
        type == DESCRIPTOR_BOOL && (str_eq(text, STR("true")) || str_eq(text, STR("false")));

    if (type == DESCRIPTOR_ENUM && is_whole_number(text)) is_bare = true;
    if (is_bare)
        json_write_raw(w, text);
    else
        json_write_str(w, text);
}

void field_path_write(const struct field_path *p, str text, struct json_writer *w)
{
    const struct descriptor_field *last = field_path_last(p);

    for (size_t i = 0; i < p->count; i++) {
        json_write_object(w);
        json_write_key(w, p->fields[i]->json_name);
    }
    if (last->is_repeated) json_write_array(w);
    write_value(last, text, w);
    if (last->is_repeated) json_write_array_end(w);
    for (size_t i = 0; i < p->count; i++) {
        json_write_object_end(w);
    }
}
