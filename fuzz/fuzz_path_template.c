// Any lines are templates and any last line a path: what is compiled relates to itself as the same,
// relations agree both ways and with the path, and the router finds what asking each finds.
#include "grpc/path_router.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { TEMPLATES_MAX = 6 };

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static enum path_template_relation reversed(enum path_template_relation r)
{
    if (r == PATH_TEMPLATE_INSIDE) return PATH_TEMPLATE_AROUND;
    return r == PATH_TEMPLATE_AROUND ? PATH_TEMPLATE_INSIDE : r;
}

static void check_captures(const struct path_template *t, const struct path_template_parts *p,
                           str path, struct arena *arena)
{
    str values[PATH_TEMPLATE_VARIABLES_MAX];

    path_template_capture(t, p, arena, values);
    for (size_t i = 0; i < t->variable_count; i++) {
        check(values[i].len <= path.len);
    }
}

static void check_pair(const struct path_template *a, const struct path_template *b,
                       const struct path_template_parts *p)
{
    enum path_template_relation r = path_template_relate(a, b);
    bool is_a = path_template_match(a, p);
    bool is_b = path_template_match(b, p);

    check(path_template_relate(b, a) == reversed(r));
    check(r != PATH_TEMPLATE_APART || !is_a || !is_b);
    check(r != PATH_TEMPLATE_SAME || is_a == is_b);
    check(r != PATH_TEMPLATE_INSIDE || !is_a || is_b);
    check(r != PATH_TEMPLATE_AROUND || !is_b || is_a);
}

static void check_router(const struct path_router_route *routes, size_t count, str path,
                         struct arena *arena, struct diag *d)
{
    const struct path_router *router = NULL;
    struct path_router_match m;
    struct path_template_parts parts;
    bool is_any = false;

    if (path_router_build(routes, count, arena, d, &router)) return;
    check(path_template_split(path, arena, &parts) == OK);
    err e = path_router_find(router, STR("GET"), path, arena, &m);
    for (size_t i = 0; i < count; i++) {
        struct path_template t;
        check(path_template_compile(routes[i].path, arena, d, &t) == OK);
        if (!path_template_match(&t, &parts)) continue;
        is_any = true;
        check(e == OK);
        check(i == m.route || path_template_relate(m.path, &t) == PATH_TEMPLATE_INSIDE);
    }
    check(is_any == (e == OK));
}

static void check_all(str text, struct arena *arena, struct diag *d)
{
    struct path_template templates[TEMPLATES_MAX];
    struct path_router_route routes[TEMPLATES_MAX];
    struct path_template_parts parts;
    size_t count = 0;

    while (count < TEMPLATES_MAX && str_find_char(text, '\n') < text.len) {
        str line = str_cut(&text, '\n');
        if (path_template_compile(line, arena, d, &templates[count])) continue;
        routes[count] = (struct path_router_route){STR("GET"), line, line};
        check(path_template_relate(&templates[count], &templates[count]) == PATH_TEMPLATE_SAME);
        count++;
    }
    if (path_template_split(text, arena, &parts)) return;
    for (size_t i = 0; i < count; i++) {
        if (path_template_match(&templates[i], &parts))
            check_captures(&templates[i], &parts, text, arena);
        for (size_t k = 0; k < count; k++) {
            check_pair(&templates[i], &templates[k], &parts);
        }
    }
    check_router(routes, count, text, arena, d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena;
    struct diag d;

    if (len == 0 || len > 4096) return 0;
    arena_init(&arena, 16'384);
    diag_init(&d);
    check_all((str){(const char *)bytes, len}, &arena, &d);
    diag_done(&d);
    arena_reset(&arena);
    return 0;
}
