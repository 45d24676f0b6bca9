// Any text is a request: its method, target and body, a line each but the last, for the services of
// tests/transcode. A message that is made of it can be shown, and errors say something.
#include "grpc/protobuf_to_json.h"
#include "grpc/transcode_answer.h"
#include "grpc/transcode_request.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { SET_MAX = 1 << 16, MESSAGE_MAX = 1 << 16, JSON_MAX = 1 << 20 };

static const struct transcode_routes *routes;
static const struct descriptor_pool *pool;
static struct arena schemas;
static struct diag findings;
static char set[SET_MAX];

static void check(bool is_true)
{
    if (!is_true) abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    FILE *file = fopen("tests/transcode/descriptors.bin", "rb");

    (void)argc;
    (void)argv;
    check(file != NULL);
    size_t len = fread(set, 1, sizeof(set), file);
    fclose(file);
    arena_init(&schemas, 1 << 16);
    diag_init(&findings);
    check(descriptor_read((str){set, len}, &schemas, &findings, &pool) == OK);
    const struct transcode_set served = {.pool = pool};
    check(transcode_routes_build(&served, 1, &schemas, &findings, &routes) == OK);
    return 0;
}

// The message read as an answer of its own type, which need not be one of the method's.
static void check_answer(const struct transcode_route *route, str accept, str message,
                         struct arena *arena)
{
    struct transcode_answer answer;
    struct status why = {.code = STATUS_OK};
    struct buf out;

    buf_init(&out, JSON_MAX);
    transcode_answer_init(&answer, route, accept);
    check(answer.content_type.len > 0);
    err e = transcode_answer_write(&answer, message, arena, &out, &why);
    check((e == OK) == (why.code == STATUS_OK));
    why.code = STATUS_ABORTED;
    why.details = message;
    (void)transcode_answer_error(&answer, &why, arena, &out); // a raw body can't say it
    buf_done(&out);
}

static void check_message(const struct transcode_route *route, str message, struct arena *arena)
{
    const struct protobuf_to_json_options options = {.pool = pool, .arena = arena};
    struct message_fault fault;
    struct buf json;

    buf_init(&json, JSON_MAX);
    message_fault_init(&fault);
    err e = protobuf_to_json(&options, route->method->input, message, &json, &fault);
    check(e == OK || e == ERR_LIMIT || fault.reason[0]);
    buf_done(&json);
}

static void check_request(str method, str target, str body, struct arena *arena)
{
    struct transcode_found found;
    struct transcode_request r = {.found = &found, .body = body, .content_type = target};
    struct status why = {.code = STATUS_OK};
    struct buf message;
    str path = {0};

    r.query = target;
    path = str_cut(&r.query, '?');
    if (transcode_routes_find(routes, method, path, arena, &found)) return;
    buf_init(&message, MESSAGE_MAX);
    r.ignores_unknown = body.len % 2;
    r.ignores_parameters = target.len % 2;
    err e = transcode_request(&r, arena, &message, &why);
    check((e == OK) == (why.code == STATUS_OK));
    check((e == OK) == (why.message.len == 0));
    if (!e) check_message(found.route, buf_view(&message), arena);
    check_answer(found.route, target, e ? body : buf_view(&message), arena);
    buf_done(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str text = {(const char *)bytes, len};
    struct arena arena;

    if (len == 0 || len > 1 << 14) return 0;
    arena_init(&arena, 1 << 14);
    str method = str_cut(&text, '\n');
    str target = str_cut(&text, '\n');
    check_request(method, target, text, &arena);
    arena_reset(&arena);
    return 0;
}
