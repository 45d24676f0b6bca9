// Design: read_section(), read_inner() and read_list() call each other as deep as the table nests,
// which is fixed. Fields are read in the table's order, whatever the file's: providers are there
// when the targets name them.
#include "config/settings_read.h"

#include "config/settings_scalar.h"
#include "config/settings_table.h"

#include <stddef.h>
#include <string.h>

enum { HINT_MAX = 512, ITEM_MAX = 512 };

static void read_section(struct settings_reader *r, const struct settings_section *section,
                         const struct yaml_node *n, char *base);
static void read_inner(struct settings_reader *r, const struct settings_field *f,
                       const struct yaml_node *n, char *base);

// Finds items that have the same in the unique field `f`.
static void check_unique(struct settings_reader *r, const struct settings_field *f,
                         const struct yaml_node *list, const char *items, size_t size)
{
    const char *item = items;

    for (const struct yaml_node *n = list->first; n; n = n->next, item += size) {
        const struct yaml_node *named = yaml_get(n, f->key);
        const char *before = items;
        str value;
        memcpy(&value, item + f->offset, sizeof(value));
        if (!named || !value.len) continue;
        for (; before < item; before += size) {
            str other;
            memcpy(&other, before + f->offset, sizeof(other));
            if (!str_eq(value, other)) continue;
            settings_scalar_refuse(r, f, named, "stands twice");
            break;
        }
    }
}

// Counts the items of a list. False after a finding.
static bool check_list(struct settings_reader *r, const struct settings_field *f,
                       const struct yaml_node *n, size_t *count)
{
    *count = n && n->kind == YAML_SEQUENCE ? n->count : 0;
    if (n && n->kind != YAML_SEQUENCE && !yaml_is_null(n)) {
        diag_add(r->diag, n->place, STR(""), "%" STR_FMT " must be a list", STR_ARG(f->key));
        return false;
    }
    if (n && (*count < f->min || *count > f->max)) {
        diag_add(r->diag, n->place, STR(""), "%" STR_FMT " takes %ju to %ju items, not %zu",
                 STR_ARG(f->key), (uintmax_t)f->min, (uintmax_t)f->max, *count);
        return false;
    }
    return true;
}

static void read_list(struct settings_reader *r, const struct settings_field *f,
                      const struct yaml_node *n, char *base)
{
    const struct settings_section *section = f->section;
    size_t count = 0;
    char *items;

    if (!check_list(r, f, n, &count)) return;
    items = arena_alloc(&r->settings->arena, section->size * count);
    memcpy(base + f->offset, &items, sizeof(items));
    memcpy(base + f->second, &count, sizeof(count));
    if (!count) return;
    char *item = items;
    for (const struct yaml_node *child = n->first; child; child = child->next) {
        if (child->kind == YAML_MAPPING)
            read_section(r, section, child, item);
        else
            diag_add(r->diag, child->place, STR(""), "%" STR_FMT ": an item must be a mapping",
                     STR_ARG(f->key));
        item += section->size;
    }
    for (size_t i = 0; i < section->field_count; i++) {
        if (section->fields[i].is_unique)
            check_unique(r, &section->fields[i], n, items, section->size);
    }
}

static void read_texts(struct settings_reader *r, const struct settings_field *f,
                       const struct yaml_node *n, char *base)
{
    const struct settings_field item = {.key = f->key,
                                        .type = SETTINGS_TEXT,
                                        .offset = offsetof(struct settings_item, text),
                                        .min = 1,
                                        .max = ITEM_MAX,
                                        .is_required = true};
    struct settings_item *items = NULL;
    size_t count = 0;

    if (!check_list(r, f, n, &count)) return;
    items = arena_array(&r->settings->arena, struct settings_item, count);
    memcpy(base + f->offset, &items, sizeof(items));
    memcpy(base + f->second, &count, sizeof(count));
    for (const struct yaml_node *child = count ? n->first : NULL; child; child = child->next) {
        items->place = child->place;
        settings_scalar_read(r, &item, child, (char *)items);
        items++;
    }
}

static void refuse_key(struct settings_reader *r, const struct settings_section *section,
                       const struct yaml_node *n)
{
    str *names = arena_array(&r->diag->arena, str, section->field_count);
    struct buf known;

    buf_init(&known, HINT_MAX);
    (void)buf_append(&known, STR("known: ")); // what does not fit in a hint is left out
    for (size_t i = 0; i < section->field_count; i++) {
        names[i] = section->fields[i].key;
        (void)buf_append_format(&known, "%s%" STR_FMT, i ? ", " : "", STR_ARG(names[i]));
    }
    str nearest = diag_nearest(n->key, names, section->field_count);
    diag_add(r->diag, n->key_place,
             nearest.len ? settings_scalar_did_you_mean(r, nearest) : buf_view(&known),
             "unknown key \"%" STR_FMT "\"", STR_ARG(settings_scalar_shown(r, n->key)));
    buf_done(&known);
}

static void check_keys(struct settings_reader *r, const struct settings_section *section,
                       const struct yaml_node *n)
{
    for (const struct yaml_node *child = n->first; child; child = child->next) {
        size_t i = 0;
        while (i < section->field_count && !str_eq(section->fields[i].key, child->key)) {
            i++;
        }
        if (i == section->field_count) refuse_key(r, section, child);
    }
}

static void read_section(struct settings_reader *r, const struct settings_section *section,
                         const struct yaml_node *n, char *base)
{
    if (n && n->kind == YAML_MAPPING) check_keys(r, section, n);
    for (size_t i = 0; i < section->field_count; i++) {
        const struct settings_field *f = &section->fields[i];
        const struct yaml_node *child = n ? yaml_get(n, f->key) : NULL;
        if (f->is_required && !child)
            diag_add(r->diag, n ? n->place : (struct diag_place){0}, STR(""),
                     "%" STR_FMT " is missing", STR_ARG(f->key));
        if (f->type == SETTINGS_LIST) {
            read_list(r, f, child, base);
        } else if (f->type == SETTINGS_TEXTS) {
            read_texts(r, f, child, base);
        } else if (f->type != SETTINGS_SECTION) {
            settings_scalar_read(r, f, child, base);
        } else {
            read_inner(r, f, child, base);
        }
    }
}

static void read_inner(struct settings_reader *r, const struct settings_field *f,
                       const struct yaml_node *n, char *base)
{
    const bool is_given = n != NULL;

    if (n && n->kind != YAML_MAPPING && !yaml_is_null(n))
        diag_add(r->diag, n->place, STR(""), "%" STR_FMT " must be a mapping", STR_ARG(f->key));
    if (f->is_optional) {
        memcpy(base + f->second, &is_given, sizeof(is_given));
        if (!n) return;
    }
    read_section(r, f->section, n, base + f->offset);
}

static void check_keys_of_providers(struct settings_reader *r)
{
    const struct settings *s = r->settings;
    const struct yaml_node *list = yaml_get(r->root, STR("providers"));
    const struct yaml_node *n = list ? list->first : NULL;

    for (size_t i = 0; i < s->provider_count; i++, n = n->next) {
        if (s->providers[i].api_key.len && s->providers[i].api_key_count)
            diag_add(r->diag, yaml_get(n, STR("api_keys"))->place, STR("put it into api_keys, too"),
                     "api_keys: the provider has an api_key already");
    }
}

// Another gateway is reached by gRPC, which needs HTTP/2.
static void check_sluice(struct settings_reader *r, const struct settings_provider *p,
                         const struct yaml_node *n)
{
    if (str_eq(p->dialect, STR("sluice")) && str_eq(p->http, STR("1.1")))
        diag_add(r->diag, yaml_get(n, STR("http"))->place, STR("leave it out"),
                 "http: sluice is spoken over HTTP/2");
}

static bool is_grpc(const struct settings_provider *p)
{
    return str_eq(p->dialect, STR("grpc"));
}

static void check_key_of_grpc(struct settings_reader *r, const struct yaml_node *provider, str key)
{
    const struct yaml_node *n = yaml_get(provider, key);

    if (n)
        diag_add(r->diag, n->key_place, STR("write dialect: grpc"),
                 "%" STR_FMT " is for gRPC services", STR_ARG(key));
}

// Services of gRPC are reached by HTTP/2, at paths that are theirs alone.
static void check_grpc(struct settings_reader *r, const struct settings_provider *p,
                       const struct yaml_node *n)
{
    if (!is_grpc(p)) {
        check_key_of_grpc(r, n, STR("descriptor_set"));
        if (p->service_count) check_key_of_grpc(r, n, STR("services"));
        return;
    }
    if (!p->descriptor_set.len)
        diag_add(r->diag, n->place, STR("protoc --include_imports --descriptor_set_out=FILE"),
                 "descriptor_set is missing: it says what a gRPC provider serves");
    if (p->url.path_prefix.len)
        diag_add(r->diag, yaml_get(n, STR("base_url"))->place, STR("scheme, host and port"),
                 "base_url: gRPC services have no path in front of theirs");
    if (str_eq(p->http, STR("1.1")))
        diag_add(r->diag, yaml_get(n, STR("http"))->place, STR(""), "http: gRPC needs HTTP/2");
}

static void check_dialects(struct settings_reader *r)
{
    const struct settings *s = r->settings;
    const struct yaml_node *list = yaml_get(r->root, STR("providers"));
    const struct yaml_node *n = list ? list->first : NULL;

    for (size_t i = 0; i < s->provider_count; i++, n = n->next) {
        check_sluice(r, &s->providers[i], n);
        check_grpc(r, &s->providers[i], n);
    }
}

// Targets and fallbacks of a model ask models, which services of gRPC have none of.
static void check_targets(struct settings_reader *r, const struct settings_target *targets,
                          size_t count, const struct yaml_node *list)
{
    const struct yaml_node *n = list ? list->first : NULL;

    for (size_t i = 0; i < count; i++, n = n->next) {
        const struct settings_provider *p = &r->settings->providers[targets[i].provider];
        if (is_grpc(p))
            diag_add(r->diag, yaml_get(n, STR("provider"))->place, STR(""),
                     "provider: its dialect is grpc, which serves no models");
    }
}

static const struct diag_place *place_in_tls(struct settings_reader *r, str key)
{
    const struct yaml_node *tls = yaml_get(yaml_get(r->root, STR("listen")), STR("tls"));
    const struct yaml_node *n = yaml_get(tls, key);

    return n ? &n->place : &tls->place;
}

// Authorities that nobody asks for would leave a door open that looks shut.
static void check_clients_of_tls(struct settings_reader *r)
{
    const struct settings_tls *tls = &r->settings->listen.tls;

    if (!tls->is_given || (tls->client_ca.len > 0) != str_eq(tls->client_auth, STR("none"))) return;
    if (tls->client_ca.len)
        diag_add(r->diag, *place_in_tls(r, STR("client_ca")),
                 STR("write client_auth: required, or optional"),
                 "client_ca: no client is asked for a certificate");
    else
        diag_add(r->diag, *place_in_tls(r, STR("client_auth")),
                 STR("name the authorities in client_ca"),
                 "client_auth: nobody is there to vouch for clients");
}

// What no single key can tell.
static void check_whole(struct settings_reader *r)
{
    const struct settings *s = r->settings;
    const struct yaml_node *list = yaml_get(r->root, STR("models"));
    const struct yaml_node *n = list ? list->first : NULL;

    if (str_eq(s->listen.address, s->admin.address) && !str_ends(s->listen.address, STR(":0"))) {
        const struct yaml_node *admin = yaml_get(r->root, STR("admin"));
        diag_add(r->diag, admin ? admin->place : r->root->place, STR("give each its own port"),
                 "listen and admin have the same address");
    }
    check_keys_of_providers(r);
    check_clients_of_tls(r);
    check_dialects(r);
    for (size_t i = 0; i < s->model_count; i++, n = n->next) {
        uint64_t sum = 0;
        for (size_t k = 0; k < s->models[i].target_count; k++) {
            sum += s->models[i].targets[k].weight;
        }
        check_targets(r, s->models[i].targets, s->models[i].target_count,
                      yaml_get(n, STR("targets")));
        check_targets(r, s->models[i].fallback, s->models[i].fallback_count,
                      yaml_get(n, STR("fallback")));
        if (!sum)
            diag_add(r->diag, yaml_get(n, STR("targets"))->place, STR("give one a weight above 0"),
                     "targets: none would ever be chosen");
    }
}

void settings_read(struct settings *s, const struct settings_source *from, struct diag *d)
{
    struct settings_reader r = {.settings = s,
                                .root = from->root,
                                .folder = from->folder,
                                .environment = from->environment,
                                .diag = d};
    size_t findings = d->count;

    if (from->root->kind != YAML_MAPPING && !yaml_is_null(from->root)) {
        diag_add(d, from->root->place, STR(""), "a configuration is a mapping of keys to values");
        return;
    }
    read_section(&r, &settings_table, from->root, (char *)s);
    if (d->count == findings) check_whole(&r);
}
