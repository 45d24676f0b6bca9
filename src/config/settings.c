#include "config/settings.h"

#include "base/memory.h"
#include "codec/yaml.h"
#include "config/expand.h"
#include "config/settings_read.h"
#include "config/settings_table.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 4096, TREE_CHUNK_SIZE = 16 * 1024 };

static int compare_models(const void *a, const void *b)
{
    const struct settings_model *const *left = a;
    const struct settings_model *const *right = b;

    return str_compare((*left)->name, (*right)->name);
}

bool settings_is_pattern(const struct settings_model *m)
{
    return str_ends(m->name, STR("*"));
}

// The longest first: the most specific.
static int compare_patterns(const void *a, const void *b)
{
    const struct settings_model *const *left = a;
    const struct settings_model *const *right = b;

    return ((*left)->name.len < (*right)->name.len) - ((*left)->name.len > (*right)->name.len);
}

static void sort_patterns(struct settings *s)
{
    s->patterns = arena_array(&s->arena, struct settings_model *, s->model_count);
    for (size_t i = 0; i < s->model_count; i++) {
        if (settings_is_pattern(&s->models[i])) s->patterns[s->pattern_count++] = &s->models[i];
    }
    if (s->pattern_count)
        qsort(s->patterns, s->pattern_count, sizeof(*s->patterns), compare_patterns);
}

static void sort_models(struct settings *s)
{
    s->by_name = arena_array(&s->arena, struct settings_model *, s->model_count);
    for (size_t i = 0; i < s->model_count; i++) {
        s->by_name[i] = &s->models[i];
    }
    if (s->model_count) qsort(s->by_name, s->model_count, sizeof(*s->by_name), compare_models);
}

static err read_tree(const struct settings_source *from, struct diag *d, struct settings **out)
{
    struct settings *s = memory_new(struct settings);
    size_t findings = d->count;

    arena_init(&s->arena, CHUNK_SIZE);
    atomic_init(&s->references, 1);
    settings_read(s, from, d);
    if (d->count > findings) {
        settings_unref(s);
        return ERR_SYNTAX;
    }
    sort_models(s);
    sort_patterns(s);
    *out = s;
    return OK;
}

err settings_parse_in(str folder, str text, const char *const *environment, struct diag *d,
                      struct settings **out)
{
    struct settings_source from = {.folder = folder, .environment = environment};
    struct arena tree;

    arena_init(&tree, TREE_CHUNK_SIZE);
    err e = yaml_parse(text, &tree, d, &from.root);
    if (!e) e = read_tree(&from, d, out);
    arena_reset(&tree);
    return e;
}

err settings_parse(str text, const char *const *environment, struct diag *d, struct settings **out)
{
    return settings_parse_in(STR(""), text, environment, d, out);
}

static bool has_key(const char *const *environment, const char *name)
{
    str key = STR("");

    return expand_lookup(environment, str_from_c(name), &key) && key.len;
}

// OPENAI_BASE_URL is left alone on purpose: people point it at us, and we would call ourselves.
err settings_default(const char *const *environment, struct diag *d, struct settings **out)
{
    bool has_openai = has_key(environment, "OPENAI_API_KEY");
    bool has_anthropic = has_key(environment, "ANTHROPIC_API_KEY");
    struct buf text;

    buf_init(&text, 4096);
    err e = OK;
    if (has_openai || has_anthropic) e = buf_append(&text, STR("providers:\n"));
    if (has_openai && !e)
        e = buf_append(&text, STR("  - {name: openai, base_url: \"https://api.openai.com/v1\", "
                                  "api_key: \"${OPENAI_API_KEY}\"}\n"));
    if (has_anthropic && !e)
        e = buf_append(&text, STR("  - {name: anthropic, dialect: anthropic, "
                                  "base_url: \"https://api.anthropic.com\", "
                                  "api_key: \"${ANTHROPIC_API_KEY}\"}\n"));
    if ((has_openai || has_anthropic) && !e) e = buf_append(&text, STR("models:\n"));
    if (has_openai && !e)
        e = buf_append(&text, STR("  - {name: \"*\", targets: [{provider: openai}]}\n"));
    if (has_anthropic && !e)
        e = buf_append_format(&text, "  - {name: \"%s\", targets: [{provider: anthropic}]}\n",
                              has_openai ? "claude*" : "*");
    if (!e) e = settings_parse(buf_view(&text), environment, d, out);
    buf_done(&text);
    return e;
}

struct settings *settings_ref(struct settings *s)
{
    uint32_t before = atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);

    assert(before > 0 && before < UINT32_MAX);
    return s;
}

void settings_unref(struct settings *s)
{
    if (!s) return;
    uint32_t before = atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1) return;
    if (s->attachment) s->attachment->free(s->attachment);
    arena_reset(&s->arena);
    memory_free(s);
}

static const struct settings_model *find_exactly(const struct settings *s, str name)
{
    size_t low = 0;
    size_t high = s->model_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(name, s->by_name[middle]->name);
        if (!order) return s->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct settings_model *settings_find_model(const struct settings *s, str name)
{
    const struct settings_model *found = find_exactly(s, name);

    for (size_t i = 0; i < s->pattern_count && !found; i++) {
        str pattern = s->patterns[i]->name;
        if (str_starts(name, str_sub(pattern, 0, pattern.len - 1))) found = s->patterns[i];
    }
    return found;
}

static bool is_same(const struct settings_field *f, const char *a, const char *b)
{
    str left;
    str right;

    if (f->type == SETTINGS_COUNT) return !memcmp(a + f->offset, b + f->offset, sizeof(uint32_t));
    memcpy(&left, a + f->offset, sizeof(left));
    memcpy(&right, b + f->offset, sizeof(right));
    return str_eq(left, right);
}

// Only sections at the top have such keys, of a count or a text.
bool settings_needs_restart(const struct settings *old, const struct settings *new,
                            struct buf *keys)
{
    bool is_needed = false;

    for (size_t i = 0; i < settings_table.field_count; i++) {
        const struct settings_field *top = &settings_table.fields[i];
        const char *a = (const char *)old + top->offset;
        const char *b = (const char *)new + top->offset;
        if (top->type != SETTINGS_SECTION) continue;
        for (size_t k = 0; k < top->section->field_count; k++) {
            const struct settings_field *f = &top->section->fields[k];
            if (!f->needs_restart || is_same(f, a, b)) continue;
            // A full buf loses names, never the answer.
            (void)buf_append_format(keys, "%s%" STR_FMT ".%" STR_FMT, is_needed ? ", " : "",
                                    STR_ARG(top->key), STR_ARG(f->key));
            is_needed = true;
        }
    }
    return is_needed;
}
