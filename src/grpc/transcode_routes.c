#include "grpc/transcode_routes.h"

#include "grpc/field_path.h"

#include <stdarg.h>
#include <stdio.h>

struct building {
    struct arena *arena;
    struct diag *diag;
    struct transcode_route *routes;
    struct path_router_route *paths;
    size_t count;
    err error; // the first
};

enum { FAULT_MAX = 256 };

// Notes what is wrong with a method's rule.
[[gnu::format(printf, 4, 5)]] static void
fault(struct building *b, err e, const struct descriptor_method *m, const char *format, ...)
{
    char text[FAULT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); // a longer one is clipped
    va_end(args);
    diag_add(b->diag, (struct diag_place){0}, STR(""), "%" STR_FMT ".%" STR_FMT ": %s",
             STR_ARG(m->service->name), STR_ARG(m->name), text);
    if (!b->error) b->error = e;
}

static void add_route(struct building *b, struct transcode_route route, str verb, str path)
{
    const struct descriptor_method *m = route.method;

    b->routes[b->count] = route;
    b->paths[b->count] = (struct path_router_route){
        .method = verb,
        .path = path,
        .name = arena_format(b->arena, "%" STR_FMT ".%" STR_FMT, STR_ARG(m->service->name),
                             STR_ARG(m->name)),
    };
    b->count++;
}

static const struct descriptor_field *top_field(struct building *b,
                                                const struct descriptor_method *m,
                                                const struct descriptor_message *message, str name)
{
    const struct descriptor_field *field = descriptor_field_by_name(message, name);

    if (!field)
        fault(b, ERR_ABSENT, m, "\"%" STR_FMT "\" is no field of %" STR_FMT, STR_ARG(name),
              STR_ARG(message->name));
    return field;
}

// A variable binds a single field that one text can say, and not the one that the body holds.
static void check_variable(struct building *b, const struct transcode_route *route, str field_path)
{
    const struct descriptor_method *m = route->method;
    struct field_path path;
    err e = field_path_resolve(m->input, field_path, &path);

    if (e == ERR_ABSENT || e == ERR_LIMIT) {
        fault(b, e, m, "the path binds \"%" STR_FMT "\", which is no field of %" STR_FMT,
              STR_ARG(field_path), STR_ARG(m->input->name));
        return;
    }
    bool is_single = !e && !field_path_last(&path)->is_repeated;
    if (!is_single || !field_path_is_textual(field_path_last(&path)))
        fault(b, ERR_TYPE, m, "the path binds \"%" STR_FMT "\", which is no single value",
              STR_ARG(field_path));
    else if (path.count == 1 && path.fields[0] == route->body)
        fault(b, ERR_TYPE, m, "both path and body hold \"%" STR_FMT "\"", STR_ARG(field_path));
}

static void check_path(struct building *b, const struct transcode_route *route, str path)
{
    struct path_template t;
    err e = path_template_compile(path, b->arena, b->diag, &t);

    if (e) {
        fault(b, e, route->method, "its path is the one of the finding before");
        return;
    }
    for (size_t i = 0; i < t.variable_count; i++) {
        check_variable(b, route, t.variables[i].field_path);
    }
}

static void add_rule(struct building *b, struct transcode_route route,
                     const struct descriptor_http_rule *rule)
{
    const struct descriptor_method *m = route.method;

    route.is_body_whole = str_eq(rule->body, STR("*"));
    if (rule->body.len && !route.is_body_whole) route.body = top_field(b, m, m->input, rule->body);
    if (rule->response_body.len) route.response = top_field(b, m, m->output, rule->response_body);
    if (rule->body.len && str_eq(rule->verb, STR("GET")))
        fault(b, ERR_TYPE, m, "a GET request has no body");
    check_path(b, &route, rule->path);
    add_route(b, route, rule->verb, rule->path);
}

static void add_method(struct building *b, const struct descriptor_pool *pool,
                       const struct descriptor_method *m)
{
    struct transcode_route route = {.pool = pool, .method = m};
    str native = arena_format(b->arena, "/%" STR_FMT "/%" STR_FMT, STR_ARG(m->service->name),
                              STR_ARG(m->name));
    bool has_native = false;

    for (size_t i = 0; i < m->rule_count; i++) {
        const struct descriptor_http_rule *rule = &m->rules[i];
        has_native = has_native || (str_eq(rule->path, native) && str_eq(rule->verb, STR("POST")));
        add_rule(b, route, rule);
    }
    if (has_native) return;
    route.is_native = true;
    route.is_body_whole = true;
    add_route(b, route, STR("POST"), native);
}

static bool is_served(const struct transcode_set *set, str service)
{
    for (size_t i = 0; i < set->service_count; i++) {
        if (str_eq(set->services[i], service)) return true;
    }
    return set->service_count == 0;
}

static size_t count_routes(const struct transcode_set *set)
{
    size_t count = 0;

    for (size_t i = 0; i < set->pool->service_count; i++) {
        const struct descriptor_service *s = &set->pool->services[i];
        for (size_t k = 0; k < s->method_count && is_served(set, s->name); k++) {
            count += s->methods[k].rule_count + 1;
        }
    }
    return count;
}

static void add_set(struct building *b, const struct transcode_set *set)
{
    for (size_t i = 0; i < set->service_count; i++) {
        if (descriptor_find_service(set->pool, set->services[i])) continue;
        diag_add(b->diag, (struct diag_place){0}, STR(""),
                 "the service %" STR_FMT " is not in its descriptor set",
                 STR_ARG(set->services[i]));
        if (!b->error) b->error = ERR_ABSENT;
    }
    for (size_t i = 0; i < set->pool->service_count; i++) {
        const struct descriptor_service *s = &set->pool->services[i];
        for (size_t k = 0; k < s->method_count && is_served(set, s->name); k++) {
            add_method(b, set->pool, &s->methods[k]);
        }
    }
}

err transcode_routes_build(const struct transcode_set *sets, size_t count, struct arena *arena,
                           struct diag *d, const struct transcode_routes **out)
{
    struct building b = {.arena = arena, .diag = d};
    struct transcode_routes *t = NULL;
    size_t most = 0;

    for (size_t i = 0; i < count; i++) {
        most += count_routes(&sets[i]);
    }
    b.routes = arena_array(arena, struct transcode_route, most);
    b.paths = arena_array(arena, struct path_router_route, most);
    for (size_t i = 0; i < count; i++) {
        add_set(&b, &sets[i]);
    }
    TRY(b.error);
    t = arena_new(arena, struct transcode_routes);
    t->routes = b.routes;
    TRY(path_router_build(b.paths, b.count, arena, d, &t->router));
    *out = t;
    return OK;
}

err transcode_routes_find(const struct transcode_routes *t, str method, str path,
                          struct arena *arena, struct transcode_found *out)
{
    TRY(path_router_find(t->router, method, path, arena, &out->match));
    out->route = &t->routes[out->match.route];
    return OK;
}
