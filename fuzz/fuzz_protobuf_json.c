// JSON and messages, both ways. The first byte chooses a message and the way; what one way makes,
// the other must read, and what then comes back must be the same.
#include "codec/json.h"
#include "grpc/json_to_protobuf.h"
#include "grpc/protobuf_to_json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SET_MAX = 1 << 16, OUT_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const str messages[] = {
    STR_INIT("test.All"),       STR_INIT("test.Scalars"), STR_INIT("test.Present"),
    STR_INIT("test.Repeated"),  STR_INIT("test.Maps"),    STR_INIT("test.OneOf"),
    STR_INIT("test.WellKnown"), STR_INIT("test.old.Old"), STR_INIT("google.protobuf.Value"),
};

enum { MESSAGES = sizeof(messages) / sizeof(*messages) };

static void must(bool holds)
{
    if (!holds) abort();
}

// The descriptors of tests/protobuf, read once; fuzzers run in the root of the repository.
static const struct descriptor_pool *pool(void)
{
    static char set[SET_MAX];
    static struct arena arena;
    static struct diag d;
    static const struct descriptor_pool *read_pool;

    if (read_pool) return read_pool;
    int file = open("tests/protobuf/descriptors.bin", O_RDONLY);
    ssize_t len = read(file, set, sizeof(set));
    must(file >= 0 && len > 0 && close(file) == 0);
    arena_init(&arena, 1 << 16);
    diag_init(&d);
    must(descriptor_read((str){.ptr = set, .len = (size_t)len}, &arena, &d, &read_pool) == OK);
    return read_pool;
}

struct round {
    const struct descriptor_message *message;
    struct arena arena;
    struct buf first;
    struct buf second;
    struct buf third;
    bool is_odd; // options
};

static err to_bytes(struct round *r, str json, struct buf *out)
{
    struct json_to_protobuf_options o = {
        .pool = pool(), .arena = &r->arena, .ignores_unknown = r->is_odd};
    struct message_fault why;
    err e = json_to_protobuf(&o, r->message, json, out, &why);

    must(e == OK || message_fault_text(&why, &r->arena).len > 0);
    return e;
}

static err to_json(struct round *r, str bytes, struct buf *out)
{
    struct protobuf_to_json_options o = {
        .pool = pool(), .arena = &r->arena, .emits_defaults = r->is_odd, .keeps_names = r->is_odd};
    struct message_fault why;
    err e = protobuf_to_json(&o, r->message, bytes, out, &why);

    must(e == OK || message_fault_text(&why, &r->arena).len > 0);
    must(e != OK || json_check(buf_view(out), NULL) == OK);
    return e;
}

// What has no way back: more than the buf takes, or nesting that counts differently.
static bool is_bound(err e)
{
    return e == ERR_LIMIT;
}

static void from_json(struct round *r, str json)
{
    if (to_bytes(r, json, &r->first)) return;
    err e = to_json(r, buf_view(&r->first), &r->second);
    must(!e || is_bound(e));
    if (e) return;
    e = to_bytes(r, buf_view(&r->second), &r->third);
    must(!e || is_bound(e));
}

static void from_bytes(struct round *r, str bytes)
{
    if (to_json(r, bytes, &r->first)) return;
    err e = to_bytes(r, buf_view(&r->first), &r->second);
    must(!e || is_bound(e));
    if (e) return;
    e = to_json(r, buf_view(&r->second), &r->third);
    must(!e || is_bound(e));
    if (!e) must(str_eq(buf_view(&r->first), buf_view(&r->third)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct round r = {0};

    if (len == 0) return 0;
    str rest = {.ptr = (const char *)bytes + 1, .len = len - 1};
    r.is_odd = bytes[0] & 0x80;
    r.message = descriptor_find_message(pool(), messages[(bytes[0] & 0x3f) % MESSAGES]);
    arena_init(&r.arena, 4096);
    buf_init(&r.first, OUT_MAX);
    buf_init(&r.second, OUT_MAX);
    buf_init(&r.third, OUT_MAX);
    if (bytes[0] & 0x40) {
        from_bytes(&r, rest);
    } else {
        from_json(&r, rest);
    }
    buf_done(&r.first);
    buf_done(&r.second);
    buf_done(&r.third);
    arena_reset(&r.arena);
    return 0;
}
