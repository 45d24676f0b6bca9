#include "grpc/field_path.h"

static bool is_single_message(const struct descriptor_field *f)
{
    return f->type == DESCRIPTOR_MESSAGE && !f->is_repeated;
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
