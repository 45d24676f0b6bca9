#include "grpc/transcode_request.h"

#include "codec/protobuf_write.h"
#include "codec/uri.h"
#include "codec/utf8.h"
#include "grpc/field_path.h"
#include "grpc/json_to_protobuf.h"
#include "grpc/message_join.h"

#include <stdarg.h>
#include <stdio.h>

// Field numbers of google.api.HttpBody.
enum { HTTP_BODY_TYPE = 1, HTTP_BODY_BYTES = 2 };

enum { REASON_MAX = 512 };

// A field that is set, by path or query.
struct binding {
    struct binding *next;
    struct field_path path;
    str name; // as the template or the query has it
    bool is_of_path;
};

struct transcoding {
    const struct transcode_request *request;
    const struct transcode_route *route;
    struct json_to_protobuf_options options;
    struct arena *arena;
    struct buf *out;
    struct status *why;
    struct binding *bindings;
};

[[gnu::format(printf, 3, 4)]] static err refuse(struct transcoding *t, err e, const char *format,
                                                ...)
{
    char text[REASON_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); // a longer one is clipped
    va_end(args);
    *t->why = (struct status){
        .code = e == ERR_UNSUPPORTED ? STATUS_UNIMPLEMENTED : STATUS_INVALID_ARGUMENT,
        .message = arena_str(t->arena, str_from_c(text)),
    };
    return e;
}

// What json_to_protobuf said, and where it was found: the body goes without saying.
static err refuse_fault(struct transcoding *t, err e, const struct message_fault *fault,
                        const char *where)
{
    if (!fault->reason[0]) return refuse(t, e, "the request is too large");
    str reason = message_fault_text(fault, t->arena);
    return refuse(t, e, "%" STR_FMT "%s", STR_ARG(reason), where);
}

bool transcode_request_is_raw(const struct descriptor_message *m)
{
    return m && str_eq(m->name, STR("google.api.HttpBody"));
}

static bool is_blank(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!memchr(" \t\r\n", text.ptr[i], 4)) return false;
    }
    return true;
}

static err write_raw(struct transcoding *t, uint32_t field_number)
{
    struct protobuf_writer w;
    size_t mark = 0;

    protobuf_write_init(&w, t->out);
    if (field_number) mark = protobuf_write_open(&w, field_number);
    protobuf_write_bytes(&w, HTTP_BODY_TYPE, t->request->content_type);
    protobuf_write_bytes(&w, HTTP_BODY_BYTES, t->request->body);
    if (field_number) protobuf_write_close(&w, mark);
    return w.error ? refuse(t, w.error, "the request is too large") : OK;
}

// An empty body is an empty message, or leaves its field out. A body that nothing reads is refused:
// its sender would not learn otherwise.
static err write_body(struct transcoding *t)
{
    const struct transcode_route *route = t->route;
    const struct descriptor_field *field = route->body;
    str body = t->request->body;
    struct message_fault fault;
    err e = OK;

    message_fault_init(&fault);
    if (route->is_body_whole && transcode_request_is_raw(route->method->input))
        return write_raw(t, 0);
    if (field && !field->is_repeated && transcode_request_is_raw(field->message))
        return write_raw(t, field->number);
    if (is_blank(body)) return OK;
    if (route->is_body_whole)
        e = json_to_protobuf(&t->options, route->method->input, body, t->out, &fault);
    else if (field)
        e = json_to_protobuf_field(&t->options, field, body, t->out, &fault);
    else
        return refuse(t, ERR_TYPE, "this request has no body");
    return e ? refuse_fault(t, e, &fault, "") : OK;
}

// Writes the one field at the path, in the messages around it.
static err write_field(struct transcoding *t, const struct field_path *path, str text,
                       struct message_fault *fault)
{
    struct protobuf_writer w;
    size_t marks[FIELD_PATH_MAX];

    protobuf_write_init(&w, t->out);
    for (size_t i = 0; i + 1 < path->count; i++) {
        marks[i] = protobuf_write_open(&w, path->fields[i]->number);
    }
    TRY(w.error);
    TRY(json_to_protobuf_text(&t->options, field_path_last(path), text, t->out, fault));
    for (size_t i = path->count - 1; i > 0; i--) {
        protobuf_write_close(&w, marks[i - 1]);
    }
    return w.error;
}

static err write_value(struct transcoding *t, const struct binding *b, str text)
{
    const char *where = b->is_of_path ? ", in the path" : ", in the query";
    struct message_fault fault;
    err e = OK;

    if (!utf8_is_valid(text))
        return refuse(t, ERR_SYNTAX, "%" STR_FMT ": it is not UTF-8%s", STR_ARG(b->name), where);
    message_fault_init(&fault);
    e = write_field(t, &b->path, text, &fault);
    if (!e) return OK;
    for (size_t i = b->path.count - 1; i > 0; i--) {
        e = message_fault_in_member(&fault, e, b->path.fields[i - 1]->json_name);
    }
    return refuse_fault(t, e, &fault, where);
}

static bool are_same(const struct field_path *a, const struct field_path *b)
{
    return a->count == b->count && memcmp((const void *)a->fields, (const void *)b->fields,
                                          a->count * sizeof(a->fields[0])) == 0;
}

// Whether both set members of one oneof of one message.
static bool are_rivals(const struct field_path *a, const struct field_path *b)
{
    const struct descriptor_oneof *oneof = NULL;
    size_t i = 0;

    while (i < a->count && i < b->count && a->fields[i] == b->fields[i]) {
        i++;
    }
    if (i == a->count || i == b->count) return false;
    oneof = a->fields[i]->oneof;
    return oneof && oneof == b->fields[i]->oneof;
}

static void add_binding(struct transcoding *t, struct binding b)
{
    struct binding *kept = arena_new(t->arena, struct binding);

    *kept = b;
    kept->next = t->bindings;
    t->bindings = kept;
}

static err check_free(struct transcoding *t, const struct binding *b)
{
    for (const struct binding *other = t->bindings; other; other = other->next) {
        if (are_same(&other->path, &b->path) && !field_path_last(&b->path)->is_repeated)
            return refuse(t, ERR_IN_USE, "parameter \"%" STR_FMT "\" is given twice",
                          STR_ARG(b->name));
        if (are_rivals(&other->path, &b->path))
            return refuse(t, ERR_IN_USE,
                          "parameters \"%" STR_FMT "\" and \"%" STR_FMT "\" exclude each other",
                          STR_ARG(other->name), STR_ARG(b->name));
    }
    return OK;
}

// Finds the field that a parameter sets. ERR_ABSENT: none, or one that path or body hold.
static err find_field(const struct transcoding *t, str name, struct field_path *out)
{
    if (t->route->is_body_whole) return ERR_ABSENT;
    TRY(field_path_resolve(t->route->method->input, name, out));
    for (const struct binding *b = t->bindings; b; b = b->next) {
        if (b->is_of_path && are_same(&b->path, out)) return ERR_ABSENT;
    }
    return out->fields[0] == t->route->body ? ERR_ABSENT : OK;
}

static err write_parameter(struct transcoding *t, str name, str text)
{
    struct binding b = {.name = name};
    err e = find_field(t, name, &b.path);

    if (e == ERR_ABSENT || e == ERR_LIMIT) {
        if (t->request->ignores_parameters) return OK;
        return refuse(t, e, "parameter \"%" STR_FMT "\" is unknown", STR_ARG(name));
    }
    if (e || !field_path_is_textual(field_path_last(&b.path)))
        return refuse(t, ERR_TYPE, "parameter \"%" STR_FMT "\" is no single value, nor a list",
                      STR_ARG(name));
    TRY(check_free(t, &b));
    add_binding(t, b);
    return write_value(t, &b, text);
}

static err decode(struct transcoding *t, str raw, str *out)
{
    char *bytes = arena_alloc_raw(t->arena, raw.len);
    size_t len = 0;

    if (uri_decode_query(raw, bytes, raw.len, &len))
        return refuse(t, ERR_SYNTAX, "the query has a broken escape");
    *out = (str){.ptr = bytes, .len = len};
    return OK;
}

static err write_query(struct transcoding *t)
{
    str query = t->request->query;
    size_t count = 0;

    while (query.len) {
        str value = str_cut(&query, '&');
        str name = str_cut(&value, '=');
        if (!name.len && !value.len) continue;
        if (count++ == TRANSCODE_REQUEST_PARAMETERS_MAX)
            return refuse(t, ERR_LIMIT, "the query has too many parameters");
        TRY(decode(t, name, &name));
        TRY(decode(t, value, &value));
        TRY(write_parameter(t, name, value));
    }
    return OK;
}

// The variables of the path, each with its field: rivals of the query's parameters.
static err note_path(struct transcoding *t, struct binding *bound)
{
    const struct path_template *template = t->request->found->match.path;

    for (size_t i = 0; i < template->variable_count; i++) {
        bound[i] = (struct binding){.name = template->variables[i].field_path, .is_of_path = true};
        TRY(field_path_resolve(t->route->method->input, bound[i].name, &bound[i].path));
        add_binding(t, bound[i]);
    }
    return OK;
}

static err write_all(struct transcoding *t)
{
    struct binding bound[PATH_TEMPLATE_VARIABLES_MAX];
    const struct path_router_match *match = &t->request->found->match;

    TRY(note_path(t, bound));
    TRY(write_body(t));
    TRY(write_query(t));
    for (size_t i = 0; i < match->path->variable_count; i++) {
        TRY(write_value(t, &bound[i], match->values[i]));
    }
    return OK;
}

// Whether path or query may set fields within messages, of which others then stand in another
// place.
static bool may_nest(const struct transcode_request *r)
{
    const struct path_template *template = r->found->match.path;
    bool may =
        str_find_char(r->query, '.') < r->query.len || str_find_char(r->query, '%') < r->query.len;

    for (size_t i = 0; i < template->variable_count && !may; i++) {
        str path = template->variables[i].field_path;
        may = str_find_char(path, '.') < path.len;
    }
    return may;
}

static err join_parts(struct transcoding *t, str message, struct buf *out)
{
    const struct field_path **paths = NULL;
    size_t count = 0;
    size_t i = 0;

    for (const struct binding *b = t->bindings; b; b = b->next) {
        count++;
    }
    if (!count) return buf_append(out, message);
    paths = arena_array(t->arena, const struct field_path *, count);
    for (const struct binding *b = t->bindings; b; b = b->next) {
        paths[i++] = &b->path;
    }
    return message_join(paths, count, message, t->arena, out);
}

static err write_joined(struct transcoding *t)
{
    struct buf *out = t->out;
    struct buf parts;

    buf_init(&parts, out->max);
    t->out = &parts;
    err e = write_all(t);
    if (!e && join_parts(t, buf_view(&parts), out))
        e = refuse(t, ERR_LIMIT, "the request is too large");
    buf_done(&parts);
    return e;
}

err transcode_request(const struct transcode_request *r, struct arena *arena, struct buf *out,
                      struct status *why)
{
    struct transcoding t = {
        .request = r,
        .route = r->found->route,
        .options = {.pool = r->found->route->pool,
                    .arena = arena,
                    .ignores_unknown = r->ignores_unknown},
        .arena = arena,
        .out = out,
        .why = why,
    };

    if (t.route->method->is_client_streaming)
        return refuse(&t, ERR_UNSUPPORTED, "the method takes a stream of messages: use gRPC");
    return may_nest(r) ? write_joined(&t) : write_all(&t);
}
