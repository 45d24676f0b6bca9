// Design: a value may also be written with ${NAME} in it, so every scalar that is not free text
// is "either that, or a string with ${".
#include "config/settings_schema.h"

#include "codec/json_write.h"
#include "config/settings_table.h"

enum { DESCRIPTION_MAX = 1024 };

// Calls itself, by way of write_field(), as deep as the table nests, which is fixed.
static void write_section(struct json_writer *w, const struct settings_section *section);

static void write_text_member(struct json_writer *w, str key, str value)
{
    json_write_key(w, key);
    json_write_str(w, value);
}

static void write_u64_member(struct json_writer *w, str key, uint64_t value)
{
    json_write_key(w, key);
    json_write_u64(w, value);
}

static void write_pattern(struct json_writer *w, str pattern)
{
    json_write_object(w);
    write_text_member(w, STR("type"), STR("string"));
    write_text_member(w, STR("pattern"), pattern);
    json_write_object_end(w);
}

static void write_integer(struct json_writer *w, const struct settings_field *f)
{
    json_write_object(w);
    write_text_member(w, STR("type"), STR("integer"));
    write_u64_member(w, STR("minimum"), f->zero ? 0 : f->min);
    write_u64_member(w, STR("maximum"), f->max);
    json_write_object_end(w);
}

static void write_choices(struct json_writer *w, const struct settings_field *f)
{
    json_write_object(w);
    json_write_key(w, STR("enum"));
    json_write_array(w);
    for (const str *choice = f->choices; choice->len; choice++) {
        json_write_str(w, *choice);
    }
    json_write_array_end(w);
    json_write_object_end(w);
}

// The forms a scalar with its own notation may have, but for ${.
static void write_forms(struct json_writer *w, const struct settings_field *f)
{
    switch (f->type) {
    case SETTINGS_COUNT: write_integer(w, f); break;
    case SETTINGS_SIZE:
        write_integer(w, f);
        write_pattern(w, STR("^[0-9]+([KMGT]i?B|B)?$"));
        break;
    case SETTINGS_DURATION:
        write_pattern(w, STR("^[0-9]+(ms|s|m|h)$"));
        json_write_object(w);
        write_u64_member(w, STR("const"), 0);
        json_write_object_end(w);
        break;
    case SETTINGS_SHARE: write_pattern(w, STR("^[0-9]+(\\.[0-9]{1,2})?%$")); break;
    case SETTINGS_FACTOR:
        write_pattern(w, STR("^[0-9]+(\\.[0-9]{1,3})?$"));
        json_write_object(w);
        write_text_member(w, STR("type"), STR("number"));
        json_write_object_end(w);
        break;
    case SETTINGS_SPAN:
        write_pattern(w, STR("^\\[.*,.*\\]$"));
        json_write_object(w);
        write_text_member(w, STR("type"), STR("array"));
        write_u64_member(w, STR("minItems"), 2);
        write_u64_member(w, STR("maxItems"), 2);
        json_write_object_end(w);
        break;
    case SETTINGS_SWITCH:
        json_write_object(w);
        write_text_member(w, STR("type"), STR("boolean"));
        json_write_object_end(w);
        break;
    case SETTINGS_CHOICE: write_choices(w, f); break;
    case SETTINGS_ADDRESS:
        write_pattern(w, STR("^(\\[[0-9A-Fa-f:.]+\\]|[^:]*):[0-9]{1,5}$"));
        break;
    case SETTINGS_URL: write_pattern(w, STR("^[Hh][Tt][Tt][Pp][Ss]?://[^@?#]+$")); break;
    default: write_pattern(w, STR("^[A-Za-z0-9._-]{1,64}$")); break;
    }
}

static void write_scalar(struct json_writer *w, const struct settings_field *f)
{
    if (f->type == SETTINGS_TEXT || f->type == SETTINGS_FILE || f->type == SETTINGS_SECRET) {
        write_text_member(w, STR("type"), STR("string"));
        if (f->is_required) write_u64_member(w, STR("minLength"), f->min);
    } else {
        json_write_key(w, STR("anyOf"));
        json_write_array(w);
        write_forms(w, f);
        write_pattern(w, STR("\\$\\{"));
        json_write_array_end(w);
    }
    if (!f->fallback) return;
    json_write_key(w, STR("default"));
    if (f->type == SETTINGS_COUNT || f->type == SETTINGS_SWITCH)
        json_write_raw(w, str_from_c(f->fallback)); // reads the same in YAML and JSON
    else
        json_write_str(w, str_from_c(f->fallback));
}

static err describe(const struct settings_field *f, struct buf *out)
{
    TRY(buf_append(out, str_from_c(f->sentence)));
    if (!settings_table_is_number(f->type) && f->type != SETTINGS_SPAN) return OK;
    TRY(buf_append(out, STR(" (")));
    TRY(settings_table_print_bounds(out, f));
    return buf_append_char(out, ')');
}

static void write_description(struct json_writer *w, const struct settings_field *f)
{
    struct buf text;

    buf_init(&text, DESCRIPTION_MAX);
    if (!describe(f, &text)) write_text_member(w, STR("description"), buf_view(&text));
    buf_done(&text);
}

static void write_list(struct json_writer *w, const struct settings_field *f)
{
    write_text_member(w, STR("type"), STR("array"));
    write_u64_member(w, STR("minItems"), f->min);
    write_u64_member(w, STR("maxItems"), f->max);
    json_write_key(w, STR("items"));
    json_write_object(w);
    write_section(w, f->section);
    json_write_object_end(w);
}

static void write_texts(struct json_writer *w, const struct settings_field *f)
{
    write_text_member(w, STR("type"), STR("array"));
    write_u64_member(w, STR("minItems"), f->min);
    write_u64_member(w, STR("maxItems"), f->max);
    json_write_key(w, STR("items"));
    json_write_object(w);
    write_text_member(w, STR("type"), STR("string"));
    write_u64_member(w, STR("minLength"), 1);
    json_write_object_end(w);
}

static void write_field(struct json_writer *w, const struct settings_field *f)
{
    json_write_key(w, f->key);
    json_write_object(w);
    write_description(w, f);
    if (f->type == SETTINGS_LIST)
        write_list(w, f);
    else if (f->type == SETTINGS_TEXTS)
        write_texts(w, f);
    else if (f->type == SETTINGS_SECTION)
        write_section(w, f->section);
    else
        write_scalar(w, f);
    json_write_object_end(w);
}

// The members of the object that describes a section.
static void write_section(struct json_writer *w, const struct settings_section *section)
{
    write_text_member(w, STR("type"), STR("object"));
    json_write_key(w, STR("additionalProperties"));
    json_write_bool(w, false);
    json_write_key(w, STR("required"));
    json_write_array(w);
    for (size_t i = 0; i < section->field_count; i++) {
        if (section->fields[i].is_required) json_write_str(w, section->fields[i].key);
    }
    json_write_array_end(w);
    json_write_key(w, STR("properties"));
    json_write_object(w);
    for (size_t i = 0; i < section->field_count; i++) {
        write_field(w, &section->fields[i]);
    }
    json_write_object_end(w);
}

err settings_schema(struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    write_text_member(&w, STR("$schema"), STR("https://json-schema.org/draft/2020-12/schema"));
    write_text_member(&w, STR("title"), STR("sluice configuration"));
    write_section(&w, &settings_table);
    json_write_object_end(&w);
    return w.error;
}
