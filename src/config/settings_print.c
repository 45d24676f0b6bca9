#include "config/settings_print.h"

#include "config/settings_table.h"
#include "config/value.h"

#include <string.h>

// Functions here call each other as deep as the table nests, which is fixed.
static err print_section(const struct settings *s, const struct settings_section *section,
                         const char *base, unsigned indent, bool is_item, struct buf *out);

static err print_indent(unsigned indent, struct buf *out)
{
    for (unsigned i = 0; i < indent; i++) {
        TRY(buf_append(out, STR("  ")));
    }
    return OK;
}

// In double quotes, as YAML and expand.h read it back.
static err print_quoted(str text, struct buf *out)
{
    TRY(buf_append_char(out, '"'));
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"' || c == '\\') TRY(buf_append_char(out, '\\'));
        if (str_starts(str_sub(text, i, 2), STR("${"))) TRY(buf_append_char(out, '$'));
        TRY(buf_append_char(out, c));
    }
    return buf_append_char(out, '"');
}

static uint64_t load_number(const struct settings_field *f, const char *base)
{
    uint32_t count;
    uint64_t number;

    if (f->type != SETTINGS_SIZE && f->type != SETTINGS_DURATION) {
        memcpy(&count, base + f->offset, sizeof(count));
        return count;
    }
    memcpy(&number, base + f->offset, sizeof(number)); // a duration is never negative
    return number;
}

static str load_text(const struct settings *s, const struct settings_field *f, const char *base)
{
    str text;

    if (f->type == SETTINGS_PROVIDER) return s->providers[load_number(f, base)].name;
    memcpy(&text, base + f->offset, sizeof(text));
    return f->type == SETTINGS_SECRET ? STR("***") : text;
}

static bool is_absent(const struct settings_field *f, const char *base)
{
    bool is_given = true;
    size_t count;
    str text;

    if (f->type == SETTINGS_TEXTS) {
        memcpy(&count, base + f->second, sizeof(count));
        return !count;
    }
    if (f->type == SETTINGS_SECTION && f->is_optional)
        memcpy(&is_given, base + f->second, sizeof(is_given));
    if (!is_given) return true;
    if (f->type > SETTINGS_URL) return false;
    memcpy(&text, base + f->offset, sizeof(text));
    return !text.len;
}

static err print_value(const struct settings *s, const struct settings_field *f, const char *base,
                       struct buf *out)
{
    struct settings_span span;
    bool is_on;

    TRY(buf_append_char(out, ' '));
    switch (f->type) {
    case SETTINGS_COUNT:
    case SETTINGS_SIZE:
    case SETTINGS_DURATION:
    case SETTINGS_SHARE:
    case SETTINGS_FACTOR:
        TRY(settings_table_print_number(out, f->type, load_number(f, base)));
        break;
    case SETTINGS_SPAN:
        memcpy(&span, base + f->offset, sizeof(span));
        TRY(buf_append_char(out, '['));
        TRY(value_print_duration(out, (uint64_t)span.from_ms));
        TRY(buf_append(out, STR(", ")));
        TRY(value_print_duration(out, (uint64_t)span.to_ms));
        TRY(buf_append_char(out, ']'));
        break;
    case SETTINGS_SWITCH:
        memcpy(&is_on, base + f->offset, sizeof(is_on));
        TRY(buf_append(out, is_on ? STR("true") : STR("false")));
        break;
    default: TRY(print_quoted(load_text(s, f, base), out)); break;
    }
    return buf_append_char(out, '\n');
}

static err print_list(const struct settings *s, const struct settings_field *f, const char *base,
                      unsigned indent, struct buf *out)
{
    const char *items;
    size_t count;

    memcpy(&items, base + f->offset, sizeof(items));
    memcpy(&count, base + f->second, sizeof(count));
    if (!count) return buf_append(out, STR(" []\n"));
    TRY(buf_append_char(out, '\n'));
    for (size_t i = 0; i < count; i++) {
        TRY(print_section(s, f->section, items + i * f->section->size, indent + 1, true, out));
    }
    return OK;
}

static err print_texts(const struct settings_field *f, const char *base, struct buf *out)
{
    const struct settings_item *items;
    size_t count;

    memcpy(&items, base + f->offset, sizeof(items));
    memcpy(&count, base + f->second, sizeof(count));
    TRY(buf_append(out, STR(" [")));
    for (size_t i = 0; i < count; i++) {
        if (i) TRY(buf_append(out, STR(", ")));
        TRY(print_quoted(items[i].text, out));
    }
    return buf_append(out, STR("]\n"));
}

static err print_section(const struct settings *s, const struct settings_section *section,
                         const char *base, unsigned indent, bool is_item, struct buf *out)
{
    for (size_t i = 0; i < section->field_count; i++) {
        const struct settings_field *f = &section->fields[i];
        if (is_absent(f, base)) continue;
        TRY(print_indent(indent, out));
        if (is_item) TRY(buf_append(out, i ? STR("  ") : STR("- ")));
        TRY(buf_append(out, f->key));
        TRY(buf_append_char(out, ':'));
        unsigned inside = indent + (is_item ? 2 : 1);
        if (f->type == SETTINGS_LIST) {
            TRY(print_list(s, f, base, inside - 1, out));
        } else if (f->type == SETTINGS_TEXTS) {
            TRY(print_texts(f, base, out));
        } else if (f->type == SETTINGS_SECTION) {
            TRY(buf_append_char(out, '\n'));
            TRY(print_section(s, f->section, base + f->offset, inside, false, out));
        } else {
            TRY(print_value(s, f, base, out));
        }
    }
    return OK;
}

err settings_print(const struct settings *s, struct buf *out)
{
    return print_section(s, &settings_table, (const char *)s, 0, false, out);
}
