#include "config/settings_reference.h"

#include "base/arena.h"
#include "config/settings_table.h"

enum { PATHS_CHUNK = 1024 };

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "One YAML file. Written by sluice from the table that its parser reads; do not edit.\n"
    "A commented example is in [sluice.yaml](../examples/sluice.yaml).\n"
    "\n"
    "- Every key is optional unless it says *required*; an unknown key is an error.\n"
    "- **Durations** are whole numbers with `ms`, `s`, `m` or `h` behind: `250ms`, `5s`, `2m`.\n"
    "- **Sizes** are whole numbers of bytes, or with `KB MB GB TB` (powers of 1000) or\n"
    "  `KiB MiB GiB TiB` (powers of 1024) behind: `64KiB`.\n"
    "- **Shares** have a percent sign and at most two decimals, **factors** at most three:\n"
    "  `1.5%`, `1.3`.\n"
    "- **Addresses** are `host:port`, `[::1]:port` or `:port` (every interface); port 0 lets the\n"
    "  system choose.\n"
    "- **Files** are paths; a relative one counts from the folder of this file.\n"
    "- `${NAME}` in a value is replaced from the environment, and it is an error if `NAME` is not\n"
    "  set; `${NAME:-default}` is the default where it is unset or empty; `$${` is a plain `${`.\n"
    "  Quote such values: `\"${NAME}\"`. Messages never show what the environment put in.\n"
    "- Anchors, aliases, tags and keys that stand twice in a mapping are errors.\n"
    "- Keys marked *restart* are not applied by a reload.\n";

static const char *type_name(enum settings_type type)
{
    switch (type) {
    case SETTINGS_TEXT: return "text";
    case SETTINGS_FILE: return "file";
    case SETTINGS_NAME: return "name";
    case SETTINGS_SECRET: return "secret";
    case SETTINGS_CHOICE: return "one of";
    case SETTINGS_ADDRESS: return "address";
    case SETTINGS_URL: return "URL";
    case SETTINGS_COUNT: return "number";
    case SETTINGS_SIZE: return "size";
    case SETTINGS_DURATION: return "duration";
    case SETTINGS_SHARE: return "share";
    case SETTINGS_FACTOR: return "factor";
    case SETTINGS_SPAN: return "two durations";
    case SETTINGS_SWITCH: return "true or false";
    case SETTINGS_PROVIDER: return "name of a provider";
    case SETTINGS_SECTION: return "mapping";
    case SETTINGS_TEXTS: return "list of texts";
    case SETTINGS_LIST: return "list";
    }
    return "";
}

static err write_bounds(const struct settings_field *f, struct buf *out)
{
    switch (f->type) {
    case SETTINGS_COUNT:
    case SETTINGS_SIZE:
    case SETTINGS_DURATION:
    case SETTINGS_SHARE:
    case SETTINGS_FACTOR:
    case SETTINGS_SPAN: return settings_table_print_bounds(out, f);
    case SETTINGS_NAME: return buf_append(out, STR("letters, digits and `. _ -`"));
    case SETTINGS_TEXTS:
    case SETTINGS_LIST:
        TRY(settings_table_print_bounds(out, f));
        return buf_append(out, STR(" items"));
    case SETTINGS_CHOICE:
        for (const str *choice = f->choices; choice->len; choice++) {
            TRY(buf_append_format(out, "%s`%" STR_FMT "`", choice == f->choices ? "" : ", ",
                                  STR_ARG(*choice)));
        }
        return OK;
    default: return OK;
    }
}

static err write_row(const struct settings_field *f, struct buf *out)
{
    TRY(buf_append_format(out, "| `%" STR_FMT "` | %s | ", STR_ARG(f->key), type_name(f->type)));
    if (f->fallback) TRY(buf_append_format(out, "`%s`", f->fallback));
    if (f->is_required) TRY(buf_append(out, STR("*required*")));
    TRY(buf_append(out, STR(" | ")));
    TRY(write_bounds(f, out));
    TRY(buf_append_format(out, " | %s%s%s |\n", f->sentence,
                          f->is_unique ? " No two may have the same." : "",
                          f->needs_restart ? " *Restart.*" : ""));
    return OK;
}

// The rows of a section, then the sections inside it. Calls itself as deep as the table nests,
// which is fixed. The arena is for paths such as "models[].targets[]".
static err write_section(str path, const struct settings_section *section, struct arena *arena,
                         struct buf *out)
{
    TRY(buf_append(out, STR("\n| key | type | default | bounds | meaning |\n"
                            "|---|---|---|---|---|\n")));
    for (size_t i = 0; i < section->field_count; i++) {
        TRY(write_row(&section->fields[i], out));
    }
    for (size_t i = 0; i < section->field_count; i++) {
        const struct settings_field *f = &section->fields[i];
        if (!f->section) continue;
        str inner =
            arena_format(arena, "%" STR_FMT "%s%" STR_FMT "%s", STR_ARG(path), path.len ? "." : "",
                         STR_ARG(f->key), f->type == SETTINGS_LIST ? "[]" : "");
        TRY(buf_append_format(out, "\n## `%" STR_FMT "`\n\n%s\n", STR_ARG(inner), f->sentence));
        TRY(write_section(inner, f->section, arena, out));
    }
    return OK;
}

err settings_reference(struct buf *out)
{
    struct arena arena;

    arena_init(&arena, PATHS_CHUNK);
    err e = buf_append(out, str_from_c(introduction));
    if (!e) e = write_section(STR(""), &settings_table, &arena, out);
    arena_reset(&arena);
    return e;
}
