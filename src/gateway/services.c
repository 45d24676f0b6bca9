// Design: a set is read once, its pool is then part of every attempt to build the routes. Mostly
// the first attempt is the last. Where it fails, the sets are tried one after the other in front of
// those that are good, so that a finding stands where its provider named the set.
#include "gateway/services.h"

#include "base/list.h"
#include "base/memory.h"
#include "gateway/route.h"
#include "grpc/own_descriptors.h"

enum { CHUNK_BYTES = 16 * 1024, POOLS_MAX = 257 }; // our own, and as many as there may be providers

struct services_attached {
    struct settings_attachment attachment;
    struct arena arena;
    struct services services;
};

// What is under way while a table is made.
struct making {
    struct arena *arena;
    struct diag *diag;
    const struct settings *settings;
    struct transcode_set sets[POOLS_MAX];
    size_t providers[POOLS_MAX]; // of sets[i + 1]
    size_t count;
};

// --- Findings ---

// Those of another diag, which know no place, for a provider.
static void pass_on(struct diag *to, const struct diag *from, const struct settings_provider *p)
{
    size_t kept = from->count < DIAG_MAX ? from->count : DIAG_MAX;

    for (size_t i = 0; i < kept; i++) {
        const struct diag_finding *f = &from->findings[i];
        diag_add(to, p->descriptor_set_place, f->hint, "provider %" STR_FMT ": %" STR_FMT,
                 STR_ARG(p->name), STR_ARG(f->message));
    }
}

static void find_absent(struct making *m, const struct settings_provider *p,
                        const struct settings_item *item, const struct descriptor_pool *pool)
{
    str *known = arena_array(&m->diag->arena, str, pool->service_count);

    for (size_t i = 0; i < pool->service_count; i++) {
        known[i] = pool->services[i].name;
    }
    str nearest = diag_nearest(item->text, known, pool->service_count);
    str hint = !nearest.len ? STR("")
                            : arena_format(&m->diag->arena, "did you mean \"%" STR_FMT "\"?",
                                           STR_ARG(nearest));
    diag_add(m->diag, item->place, hint,
             "provider %" STR_FMT ": the service %" STR_FMT " is not in %" STR_FMT,
             STR_ARG(p->name), STR_ARG(item->text), STR_ARG(p->descriptor_set));
}

// --- What is ours, or the vendors' ---

// Paths that no service may have, whatever the method.
static bool is_in_the_way(const struct path_template *t, struct arena *arena, str *of)
{
    size_t count = 0;
    const str *families = route_families(&count);
    struct path_template family;
    struct diag none;
    bool is = false;

    diag_init(&none);
    for (size_t i = 0; i <= count && !is; i++) {
        *of = i < count ? arena_format(arena, "/v1/%" STR_FMT "/**", STR_ARG(families[i]))
                        : STR("/sluice/**");
        // They are templates, so this does not fail.
        if (path_template_compile(*of, arena, &none, &family)) continue;
        is = path_template_relate(t, &family) != PATH_TEMPLATE_APART;
    }
    diag_done(&none);
    return is;
}

static void check_path(struct making *m, const struct settings_provider *p,
                       const struct descriptor_method *method, str verb, str path)
{
    struct path_template t;
    struct diag none;
    str of = STR("");

    diag_init(&none);
    // One that is no template is found where the routes are built. A verb narrows the last segment,
    // which the families don't look at.
    if (!path_template_compile(path, m->arena, &none, &t)) {
        t.verb = STR("");
        if (is_in_the_way(&t, m->arena, &of))
            diag_add(m->diag, p->descriptor_set_place, STR(""),
                     "provider %" STR_FMT ": %" STR_FMT " %" STR_FMT " of %" STR_FMT ".%" STR_FMT
                     " is in the way of our own %" STR_FMT,
                     STR_ARG(p->name), STR_ARG(verb), STR_ARG(path), STR_ARG(method->service->name),
                     STR_ARG(method->name), STR_ARG(of));
    }
    diag_done(&none);
}

static void check_service(struct making *m, const struct settings_provider *p,
                          const struct descriptor_service *s)
{
    for (size_t i = 0; i < s->method_count; i++) {
        const struct descriptor_method *method = &s->methods[i];
        str native = arena_format(m->arena, "/%" STR_FMT "/%" STR_FMT, STR_ARG(s->name),
                                  STR_ARG(method->name));
        check_path(m, p, method, STR("POST"), native);
        for (size_t k = 0; k < method->rule_count; k++) {
            check_path(m, p, method, method->rules[k].verb, method->rules[k].path);
        }
    }
}

// --- Sets ---

// gRPC's own, which each server has and we answer for ourselves.
static bool is_grpcs_own(str service)
{
    return str_starts(service, STR("grpc.health.")) || str_starts(service, STR("grpc.reflection."));
}

// The services that a provider serves; none is a finding.
static void choose(struct making *m, const struct settings_provider *p, struct transcode_set *set)
{
    const struct descriptor_pool *pool = set->pool;
    size_t most = p->service_count ? p->service_count : pool->service_count;
    str *names = arena_array(m->arena, str, most);
    size_t findings = m->diag->count;

    set->services = names;
    for (size_t i = 0; i < p->service_count; i++) {
        names[set->service_count++] = p->services[i].text;
        if (!descriptor_find_service(pool, p->services[i].text))
            find_absent(m, p, &p->services[i], pool);
    }
    for (size_t i = 0; i < pool->service_count && !p->service_count; i++) {
        if (!is_grpcs_own(pool->services[i].name))
            names[set->service_count++] = pool->services[i].name;
    }
    if (!set->service_count)
        diag_add(m->diag, p->descriptor_set_place, STR(""),
                 "provider %" STR_FMT ": no service is declared in %" STR_FMT, STR_ARG(p->name),
                 STR_ARG(p->descriptor_set));
    if (m->diag->count > findings) return;
    for (size_t i = 0; i < set->service_count; i++) {
        check_service(m, p, descriptor_find_service(pool, names[i]));
    }
}

static void add_provider(struct making *m, size_t index)
{
    const struct settings_provider *p = &m->settings->providers[index];
    struct transcode_set set = {.pool = NULL};
    size_t findings = m->diag->count;
    struct diag own;

    diag_init(&own);
    if (descriptor_read(p->descriptors, m->arena, &own, &set.pool)) {
        pass_on(m->diag, &own, p);
    } else {
        choose(m, p, &set);
    }
    diag_done(&own);
    if (m->diag->count > findings) return;
    m->providers[m->count - 1] = index;
    m->sets[m->count++] = set;
}

// Finds which providers spoil it.
static void blame(const struct making *m)
{
    struct transcode_set good[POOLS_MAX] = {m->sets[0]};
    const struct transcode_routes *routes = NULL;
    size_t count = 1;
    struct arena arena;
    struct diag own;

    for (size_t i = 1; i < m->count; i++) {
        const struct settings_provider *p = &m->settings->providers[m->providers[i - 1]];
        diag_init(&own);
        arena_init(&arena, CHUNK_BYTES);
        good[count] = m->sets[i];
        if (transcode_routes_build(good, count + 1, &arena, &own, &routes)) {
            pass_on(m->diag, &own, p);
        } else {
            count++;
        }
        arena_reset(&arena);
        diag_done(&own);
    }
}

static void build(struct making *m, struct services *out)
{
    const struct descriptor_pool **pools =
        arena_array(m->arena, const struct descriptor_pool *, m->count);
    size_t *providers = arena_array(m->arena, size_t, m->count);
    struct diag own;

    for (size_t i = 0; i < m->count; i++) {
        pools[i] = m->sets[i].pool;
        if (i) providers[i - 1] = m->providers[i - 1];
    }
    *out = (struct services){
        .own = pools[0], .pools = pools, .pool_count = m->count, .providers = providers};
    diag_init(&own);
    if (transcode_routes_build(m->sets, m->count, m->arena, &own, &out->routes)) blame(m);
    diag_done(&own);
}

// `settings` may be NULL, for our own services alone.
static err make(struct services *out, const struct settings *settings, struct arena *arena,
                struct diag *d)
{
    struct making m = {.arena = arena, .diag = d, .settings = settings, .count = 1};
    size_t findings = d->count;

    TRY(descriptor_read(own_descriptors(), arena, d, &m.sets[0].pool));
    for (size_t i = 0; settings && i < settings->provider_count; i++) {
        if (settings->providers[i].descriptors.ptr) add_provider(&m, i);
    }
    if (d->count == findings) build(&m, out);
    return d->count == findings ? OK : ERR_SYNTAX;
}

static void free_attached(struct settings_attachment *a)
{
    struct services_attached *s = container_of(a, struct services_attached, attachment);

    arena_reset(&s->arena);
    memory_free(s);
}

err services_attach(struct settings *s, struct diag *d)
{
    struct services_attached *made = memory_new(struct services_attached);

    made->attachment.free = free_attached;
    arena_init(&made->arena, CHUNK_BYTES);
    err e = make(&made->services, s, &made->arena, d);
    if (e)
        free_attached(&made->attachment);
    else
        s->attachment = &made->attachment;
    return e;
}

err services_init(struct services *s, const struct settings *settings, struct arena *arena)
{
    struct diag d;

    if (settings->attachment) {
        *s = container_of(settings->attachment, struct services_attached, attachment)->services;
        return OK;
    }
    diag_init(&d);
    err e = make(s, NULL, arena, &d);
    diag_done(&d);
    return e;
}

// --- Routes ---

enum service_kind services_kind(const struct descriptor_method *m)
{
    str service = m->service->name;

    if (str_eq(service, STR("grpc.health.v1.Health"))) return SERVICE_HEALTH;
    if (str_eq(service, STR("grpc.reflection.v1.ServerReflection"))) return SERVICE_REFLECTION;
    if (str_eq(service, STR("sluice.v1.Embeddings"))) return SERVICE_EMBED;
    if (str_eq(service, STR("sluice.v1.Retrieval"))) return SERVICE_SEARCH;
    return str_eq(m->name, STR("CountTokens")) ? SERVICE_COUNT : SERVICE_CHAT;
}

bool services_provider(const struct services *s, const struct transcode_route *route, size_t *out)
{
    for (size_t i = 1; i < s->pool_count; i++) {
        if (s->pools[i] != route->pool) continue;
        *out = s->providers[i - 1];
        return true;
    }
    return false;
}
