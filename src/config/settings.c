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

// OPENAI_BASE_URL is left alone on purpose: people point it at us, and we would call ourselves.
err settings_default(const char *const *environment, struct diag *d, struct settings **out)
{
    const str openai = STR("providers:\n"
                           "  - name: openai\n"
                           "    base_url: https://api.openai.com/v1\n"
                           "    api_key: \"${OPENAI_API_KEY}\"\n"
                           "models:\n"
                           "  - {name: \"*\", targets: [{provider: openai}]}\n");
    str key = STR("");
    bool has_key = expand_lookup(environment, STR("OPENAI_API_KEY"), &key) && key.len;

    return settings_parse(has_key ? openai : STR(""), environment, d, out);
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

    return found ? found : find_exactly(s, STR("*"));
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
