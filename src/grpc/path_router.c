// Design: a tree with one level a segment. A search tries the literal child, then that of "*", then
// "**", and goes back where there is no route; since routes that cross are refused, of those that
// match a request one is the narrowest, and this order meets it first. Each node is visited once at
// most, so a search costs no more than there are routes.
#include "grpc/path_router.h"

#include <string.h>

// A route that ends at a node.
struct ending {
    struct ending *next;
    size_t route;
};

struct node {
    str literal;
    struct node **literals; // sorted
    size_t literal_count;
    size_t literal_room;
    struct node *any;
    struct ending *endings;
    struct ending *rest; // of those that end in "**" here
};

struct path_router {
    const struct path_router_route *routes;
    struct path_template *templates;
    size_t count;
    struct node root;
};

static bool is_any_method(str method)
{
    return str_eq(method, STR("*"));
}

static void print_clash(const struct path_router *r, size_t a, size_t b, struct diag *d,
                        bool is_same)
{
    const struct path_router_route *first = &r->routes[a];
    const struct path_router_route *second = &r->routes[b];

    diag_add(d, (struct diag_place){0}, STR(""),
             "%" STR_FMT " %" STR_FMT " of %" STR_FMT " and %" STR_FMT " %" STR_FMT " of %" STR_FMT
             "%s",
             STR_ARG(first->method), STR_ARG(first->path), STR_ARG(first->name),
             STR_ARG(second->method), STR_ARG(second->path), STR_ARG(second->name),
             is_same ? " match the same requests"
                     : " both match some requests, and neither is the narrower one");
}

// Adds to what the paths say about two routes what their methods say.
static enum path_template_relation relate(const struct path_router *r, size_t a, size_t b)
{
    str first = r->routes[a].method;
    str second = r->routes[b].method;
    enum path_template_relation paths = PATH_TEMPLATE_APART;

    if (!str_eq(first, second) && !is_any_method(first) && !is_any_method(second))
        return PATH_TEMPLATE_APART;
    paths = path_template_relate(&r->templates[a], &r->templates[b]);
    if (paths == PATH_TEMPLATE_APART || str_eq(first, second)) return paths;
    if (is_any_method(second))
        return paths == PATH_TEMPLATE_AROUND ? PATH_TEMPLATE_CROSSING
               : paths == PATH_TEMPLATE_SAME ? PATH_TEMPLATE_INSIDE
                                             : paths;
    return paths == PATH_TEMPLATE_INSIDE ? PATH_TEMPLATE_CROSSING
           : paths == PATH_TEMPLATE_SAME ? PATH_TEMPLATE_AROUND
                                         : paths;
}

// Whether somewhere both have literals, and others: most pairs differ so, and need no more looking.
static bool differ_plainly(const struct path_template *a, const struct path_template *b)
{
    for (size_t i = 0; i < a->segment_count && i < b->segment_count; i++) {
        bool are_literals = !a->segments[i].kind && !b->segments[i].kind;
        if (are_literals && !str_eq(a->segments[i].literal, b->segments[i].literal)) return true;
    }
    return false;
}

static err check_clashes(const struct path_router *r, struct diag *d)
{
    size_t before = d->count;

    for (size_t a = 0; a < r->count; a++) {
        for (size_t b = a + 1; b < r->count; b++) {
            if (differ_plainly(&r->templates[a], &r->templates[b])) continue;
            enum path_template_relation relation = relate(r, a, b);
            if (relation == PATH_TEMPLATE_SAME || relation == PATH_TEMPLATE_CROSSING)
                print_clash(r, a, b, d, relation == PATH_TEMPLATE_SAME);
        }
    }
    return d->count == before ? OK : ERR_IN_USE;
}

// Where `literal` is among the children, or belongs.
static size_t literal_place(const struct node *n, str literal)
{
    size_t low = 0;
    size_t high = n->literal_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(n->literals[middle]->literal, literal) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct node *find_literal(const struct node *n, str literal)
{
    size_t at = literal_place(n, literal);

    if (at == n->literal_count || !str_eq(n->literals[at]->literal, literal)) return NULL;
    return n->literals[at];
}

static struct node *add_literal(struct node *n, str literal, struct arena *arena)
{
    size_t at = literal_place(n, literal);
    struct node *child = arena_new(arena, struct node);

    if (n->literal_count == n->literal_room) {
        size_t room = n->literal_room ? n->literal_room * 2 : 4;
        struct node **literals = arena_array(arena, struct node *, room);
        if (n->literal_count) memcpy(literals, n->literals, n->literal_count * sizeof(*literals));
        n->literals = literals;
        n->literal_room = room;
    }
    memmove(n->literals + at + 1, n->literals + at, (n->literal_count - at) * sizeof(child));
    n->literals[at] = child;
    n->literal_count++;
    child->literal = literal;
    return child;
}

static struct node *child_of(struct node *n, const struct path_template_segment *s,
                             struct arena *arena)
{
    if (s->kind == PATH_TEMPLATE_ANY) {
        if (!n->any) n->any = arena_new(arena, struct node);
        return n->any;
    }
    struct node *child = find_literal(n, s->literal);
    return child ? child : add_literal(n, s->literal, arena);
}

static void add_route(struct path_router *r, size_t route, struct arena *arena)
{
    const struct path_template *t = &r->templates[route];
    struct node *n = &r->root;
    struct ending *ending = arena_new(arena, struct ending);
    struct ending **list = NULL;

    for (size_t i = 0; i < t->segment_count && t->segments[i].kind != PATH_TEMPLATE_REST; i++) {
        n = child_of(n, &t->segments[i], arena);
    }
    bool has_rest =
        t->segment_count && t->segments[t->segment_count - 1].kind == PATH_TEMPLATE_REST;
    list = has_rest ? &n->rest : &n->endings;
    ending->route = route;
    ending->next = *list;
    *list = ending;
}

err path_router_build(const struct path_router_route *routes, size_t count, struct arena *arena,
                      struct diag *d, const struct path_router **out)
{
    struct path_router *r = NULL;
    err e = OK;

    if (count > PATH_ROUTER_ROUTES_MAX) {
        diag_add(d, (struct diag_place){0}, STR(""), "%zu routes; at most %d are served", count,
                 PATH_ROUTER_ROUTES_MAX);
        return ERR_LIMIT;
    }
    r = arena_new(arena, struct path_router);
    *r = (struct path_router){.routes = routes, .count = count};
    r->templates = arena_array(arena, struct path_template, count);
    for (size_t i = 0; i < count; i++) {
        err mistake = path_template_compile(routes[i].path, arena, d, &r->templates[i]);
        if (mistake) e = mistake;
    }
    TRY(e);
    TRY(check_clashes(r, d));
    for (size_t i = 0; i < count; i++) {
        add_route(r, i, arena);
    }
    *out = r;
    return OK;
}

enum { NOWHERE = -1 };

struct search {
    const struct path_router *router;
    const struct path_template_parts *parts;
    str method;
    bool has_verb;                     // asked for
    str others[PATH_ROUTER_ALLOW_MAX]; // methods by which the path is known
    size_t other_count;
};

static void note_other(struct search *s, str method)
{
    for (size_t i = 0; i < s->other_count; i++) {
        if (str_eq(s->others[i], method)) return;
    }
    if (s->other_count < PATH_ROUTER_ALLOW_MAX) s->others[s->other_count++] = method;
}

// The ending of the list that is for this verb and method, before one for any method.
static long pick(struct search *s, const struct ending *list)
{
    long any = NOWHERE;

    for (const struct ending *e = list; e; e = e->next) {
        str verb = s->router->templates[e->route].verb;
        str method = s->router->routes[e->route].method;
        if (!str_eq(verb, s->has_verb ? s->parts->verb : STR(""))) continue;
        if (str_eq(method, s->method)) return (long)e->route;
        if (is_any_method(method))
            any = (long)e->route;
        else
            note_other(s, method);
    }
    return any;
}

// The tree is as deep as the longest template, PATH_TEMPLATE_SEGMENTS_MAX, whatever a peer sends.
static long search_below(struct search *s, const struct node *n, size_t at)
{
    const struct node *literal = NULL;
    long found = NOWHERE;

    if (at == s->parts->count) {
        found = pick(s, n->endings);
        // With a verb "**" wants a segment (path_template.h).
        return found != NOWHERE || s->has_verb ? found : pick(s, n->rest);
    }
    str part = path_template_part(s->parts, at, s->has_verb);
    literal = find_literal(n, part);
    if (literal) found = search_below(s, literal, at + 1);
    if (found == NOWHERE && n->any && part.len) found = search_below(s, n->any, at + 1);
    return found != NOWHERE ? found : pick(s, n->rest);
}

static err explain(const struct search *s, struct arena *arena, str *allow)
{
    str list = STR("");

    if (s->other_count == 0) return ERR_ABSENT;
    for (size_t i = 0; i < s->other_count; i++) {
        list = arena_format(arena, "%" STR_FMT "%s%" STR_FMT, STR_ARG(list), i ? ", " : "",
                            STR_ARG(s->others[i]));
    }
    *allow = list;
    return ERR_UNSUPPORTED;
}

err path_router_find(const struct path_router *r, str method, str path, struct arena *arena,
                     struct path_router_match *out)
{
    struct path_template_parts parts;
    struct search s = {.router = r, .parts = &parts, .method = method};
    long found = NOWHERE;

    TRY(path_template_split(path, arena, &parts));
    s.has_verb = parts.verb.len > 0;
    if (s.has_verb) found = search_below(&s, &r->root, 0);
    s.has_verb = false;
    if (found == NOWHERE) found = search_below(&s, &r->root, 0);
    if (found == NOWHERE) return explain(&s, arena, &out->allow);
    out->route = (size_t)found;
    out->path = &r->templates[found];
    path_template_capture(out->path, &parts, arena, out->values);
    return OK;
}
