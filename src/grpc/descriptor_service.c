#include "grpc/descriptor_private.h"

enum {
    SERVICE_NAME = DESCRIPTOR_TEXT(1),
    SERVICE_METHOD = DESCRIPTOR_TEXT(2),

    METHOD_NAME = DESCRIPTOR_TEXT(1),
    METHOD_INPUT = DESCRIPTOR_TEXT(2),
    METHOD_OUTPUT = DESCRIPTOR_TEXT(3),
    METHOD_OPTIONS = DESCRIPTOR_TEXT(4),
    METHOD_CLIENT_STREAMING = DESCRIPTOR_NUMBER(5),
    METHOD_SERVER_STREAMING = DESCRIPTOR_NUMBER(6),

    OPTIONS_HTTP = DESCRIPTOR_TEXT(72295728), // the extension google.api.http

    HTTP_GET = DESCRIPTOR_TEXT(2),
    HTTP_PUT = DESCRIPTOR_TEXT(3),
    HTTP_POST = DESCRIPTOR_TEXT(4),
    HTTP_DELETE = DESCRIPTOR_TEXT(5),
    HTTP_PATCH = DESCRIPTOR_TEXT(6),
    HTTP_BODY = DESCRIPTOR_TEXT(7),
    HTTP_CUSTOM = DESCRIPTOR_TEXT(8),
    HTTP_BINDING = DESCRIPTOR_TEXT(11),
    HTTP_RESPONSE_BODY = DESCRIPTOR_TEXT(12),

    CUSTOM_KIND = DESCRIPTOR_TEXT(1),
    CUSTOM_PATH = DESCRIPTOR_TEXT(2),
};

static str http_of(str method)
{
    return descriptor_read_text(descriptor_read_text(method, METHOD_OPTIONS), OPTIONS_HTTP);
}

// One rule, without its further bindings.
static struct descriptor_http_rule read_rule(struct descriptor_reading *r, str bytes, str method)
{
    struct descriptor_http_rule rule = {.verb = STR("")};
    struct protobuf_reader p;
    struct protobuf_field f;

    protobuf_reader_init(&p, bytes);
    while (descriptor_read_next(r, &p, &f)) {
        str verb = STR("");
        switch (descriptor_read_tag(&f)) {
        case HTTP_GET: verb = STR("GET"); break;
        case HTTP_PUT: verb = STR("PUT"); break;
        case HTTP_POST: verb = STR("POST"); break;
        case HTTP_DELETE: verb = STR("DELETE"); break;
        case HTTP_PATCH: verb = STR("PATCH"); break;
        case HTTP_CUSTOM:
            rule.verb = descriptor_read_text(f.bytes, CUSTOM_KIND);
            rule.path = descriptor_read_text(f.bytes, CUSTOM_PATH);
            break;
        case HTTP_BODY: rule.body = f.bytes; break;
        case HTTP_RESPONSE_BODY: rule.response_body = f.bytes; break;
        default: break;
        }
        if (verb.len == 0) continue;
        rule.verb = verb;
        rule.path = f.bytes;
    }
    if (rule.verb.len == 0 || !str_starts(rule.path, STR("/")))
        descriptor_read_fault(r, ERR_SYNTAX, method, "an HTTP rule without a verb or a path");
    return rule;
}

static void read_rules(struct descriptor_reading *r, str http, struct descriptor_method *m)
{
    size_t count = 1 + descriptor_read_count(http, HTTP_BINDING);
    struct descriptor_http_rule *rules = arena_array(r->arena, struct descriptor_http_rule, count);
    struct protobuf_reader p;
    struct protobuf_field f;

    m->rules = rules;
    rules[m->rule_count++] = read_rule(r, http, m->service->name);
    protobuf_reader_init(&p, http);
    while (descriptor_read_next(r, &p, &f)) {
        if (descriptor_read_tag(&f) != HTTP_BINDING) continue;
        rules[m->rule_count++] = read_rule(r, f.bytes, m->service->name);
        if (descriptor_read_count(f.bytes, HTTP_BINDING))
            descriptor_read_fault(r, ERR_SYNTAX, m->service->name,
                                  "additional_bindings in additional_bindings");
    }
}

// The method's service is set.
static void read_method(struct descriptor_reading *r, str bytes, struct descriptor_method *m)
{
    str http = http_of(bytes);

    m->name = descriptor_read_text(bytes, METHOD_NAME);
    m->is_client_streaming = descriptor_read_number(bytes, METHOD_CLIENT_STREAMING) != 0;
    m->is_server_streaming = descriptor_read_number(bytes, METHOD_SERVER_STREAMING) != 0;
    (void)descriptor_read_name(r, m->service->name, m->name); // what is wrong with it is noted
    descriptor_read_pending(r, (struct descriptor_pending){
                                   .type_name = descriptor_read_text(bytes, METHOD_INPUT),
                                   .user = m->service->name,
                                   .message = &m->input,
                               });
    descriptor_read_pending(r, (struct descriptor_pending){
                                   .type_name = descriptor_read_text(bytes, METHOD_OUTPUT),
                                   .user = m->service->name,
                                   .message = &m->output,
                               });
    if (http.len) read_rules(r, http, m);
}

void descriptor_service_read(struct descriptor_reading *r, str bytes, str scope)
{
    struct descriptor_service *s = &r->services[r->pool->service_count++];
    size_t count = descriptor_read_count(bytes, SERVICE_METHOD);
    struct descriptor_method *methods = arena_array(r->arena, struct descriptor_method, count);
    struct protobuf_reader p;
    struct protobuf_field f;

    *s = (struct descriptor_service){
        .name = descriptor_read_name(r, scope, descriptor_read_text(bytes, SERVICE_NAME)),
        .file = r->file,
        .methods = methods,
    };
    protobuf_reader_init(&p, bytes);
    while (descriptor_read_next(r, &p, &f)) {
        if (descriptor_read_tag(&f) != SERVICE_METHOD) continue;
        struct descriptor_method *m = &methods[s->method_count++];
        m->service = s;
        read_method(r, f.bytes, m);
    }
}

size_t descriptor_service_count(str bytes)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    size_t count = 0;

    protobuf_reader_init(&p, bytes);
    while (protobuf_next(&p, &f) == OK) {
        if (descriptor_read_tag(&f) != SERVICE_METHOD) continue;
        count += 1 + descriptor_read_count(http_of(f.bytes), HTTP_BINDING);
    }
    return count;
}
