#include "assess/mock/mock_grpc.h"

#include "codec/grpc_frame.h"
#include "codec/protobuf.h"
#include "grpc/grpc_head.h"
#include "grpc/json_to_protobuf.h"
#include "grpc/own_descriptors.h"
#include "grpc/protobuf_to_json.h"

enum {
    DEPTH_MAX = 8,             // of messages whose fields are looked at
    MESSAGE_MAX = 64 << 20,    // bytes
    JSON_MAX = 6 * (16 << 20), // of a request, whose texts may have to be escaped
};

err mock_grpc_init(struct mock_grpc *g)
{
    struct diag d;

    arena_init(&g->arena, 64 * 1024);
    diag_init(&d);
    err e = descriptor_read(own_descriptors(), &g->arena, &d, &g->pool);
    diag_done(&d);
    return e;
}

void mock_grpc_done(struct mock_grpc *g)
{
    arena_reset(&g->arena);
}

void mock_grpc_begin(const struct mock_grpc *g, const struct h1_head *head, str path,
                     struct mock_grpc_call *out)
{
    struct mock_grpc_call c = {.grpc = g, .http = 200};
    struct grpc_refusal why;
    struct grpc_head read;

    c.method = descriptor_find_method(g->pool, path);
    if (grpc_head_read(head, &read, &why)) {
        c.http = why.http;
        c.refusal = why.status;
    } else if (!c.method) {
        c.refusal = (struct status){.code = STATUS_UNIMPLEMENTED,
                                    .message = STR("The mock has no such method.")};
    }
    *out = c;
}

static str refuse(struct mock_grpc_call *c, enum status_code code, str message)
{
    c->refusal = (struct status){.code = code, .message = message};
    return STR("");
}

// The frames of a body that is whole: exactly one.
static err unframe(struct mock_grpc_call *c, str body)
{
    struct grpc_frame_reader reader;
    struct grpc_frame frame;
    struct buf gather;
    str rest = body;

    buf_init(&gather, MESSAGE_MAX);
    grpc_frame_reader_init(&reader, &gather);
    err e = grpc_frame_next(&reader, &rest, &frame);
    buf_done(&gather); // a message that lies in one piece needs none
    if (e || rest.len) return ERR_SYNTAX;
    if (frame.is_compressed) return ERR_UNSUPPORTED;
    c->message = frame.message;
    return OK;
}

str mock_grpc_read(struct mock_grpc_call *c, str body, struct arena *arena)
{
    struct message_fault why;
    struct buf json;

    if (c->refusal.code) return STR("");
    err e = unframe(c, body);
    if (e == ERR_UNSUPPORTED)
        return refuse(c, STATUS_UNIMPLEMENTED, STR("The mock takes no compressed messages."));
    if (e) return refuse(c, STATUS_INTERNAL, STR("The body is not one message in its frame."));
    const struct protobuf_to_json_options o = {.pool = c->grpc->pool, .arena = arena};
    message_fault_init(&why);
    buf_init(&json, JSON_MAX);
    e = protobuf_to_json(&o, c->method->input, c->message, &json, &why);
    str text = e ? STR("") : arena_str(arena, buf_view(&json));
    buf_done(&json);
    if (e) return refuse(c, STATUS_INVALID_ARGUMENT, message_fault_text(&why, arena));
    return text;
}

static enum protobuf_wire wire_of(enum descriptor_type type)
{
    switch (type) {
    case DESCRIPTOR_DOUBLE:
    case DESCRIPTOR_FIXED64:
    case DESCRIPTOR_SFIXED64: return PROTOBUF_FIXED64;
    case DESCRIPTOR_FLOAT:
    case DESCRIPTOR_FIXED32:
    case DESCRIPTOR_SFIXED32: return PROTOBUF_FIXED32;
    case DESCRIPTOR_STRING:
    case DESCRIPTOR_BYTES:
    case DESCRIPTOR_MESSAGE: return PROTOBUF_BYTES;
    case DESCRIPTOR_GROUP: return PROTOBUF_GROUP;
    default: return PROTOBUF_VARINT;
    }
}

static bool is_known(const struct descriptor_field *field, const struct protobuf_field *f)
{
    if (!field) return false;
    if (f->wire == wire_of(field->type)) return true;
    return f->wire == PROTOBUF_BYTES && field->is_repeated && descriptor_is_packable(field->type);
}

// Recursion is bounded by `depth`, whatever the peer sent; the message was read before, so that it
// is one.
static str unknown_in(const struct descriptor_message *m, str bytes, unsigned depth,
                      struct arena *arena)
{
    struct protobuf_reader r;
    struct protobuf_field f;

    protobuf_reader_init(&r, bytes);
    while (protobuf_next(&r, &f) == OK) {
        const struct descriptor_field *field = descriptor_field_by_number(m, f.number);
        if (!is_known(field, &f))
            return arena_format(arena, "field %u of %" STR_FMT, f.number, STR_ARG(m->name));
        if (field->type != DESCRIPTOR_MESSAGE || depth == DEPTH_MAX) continue;
        str inner = unknown_in(field->message, f.bytes, depth + 1, arena);
        if (inner.len) return inner;
    }
    return STR("");
}

str mock_grpc_unknown(const struct mock_grpc_call *c, struct arena *arena)
{
    return unknown_in(c->method->input, c->message, 0, arena);
}

static err write_message(const struct mock_grpc_call *c, str json, struct arena *arena,
                         struct buf *message, struct buf *out)
{
    const struct json_to_protobuf_options o = {.pool = c->grpc->pool, .arena = arena};
    struct message_fault why;

    message_fault_init(&why);
    TRY(json_to_protobuf(&o, c->method->output, json, message, &why));
    return grpc_frame_append(out, buf_view(message), false);
}

err mock_grpc_write(const struct mock_grpc_call *c, str json, struct buf *out)
{
    struct arena arena;
    struct buf message;

    arena_init(&arena, 4096);
    buf_init(&message, MESSAGE_MAX);
    err e = write_message(c, json, &arena, &message, out);
    buf_done(&message);
    arena_reset(&arena);
    return e;
}
