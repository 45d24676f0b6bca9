#include "grpc/grpc_call.h"

#include "base/steps.h"
#include "codec/gzip.h"

#include <assert.h>

// Below this a message is sent as it is: packed it would hardly be shorter.
enum { WORTH_PACKING = 1024 };

static const struct step steps[] = {
    [GRPC_CALL_OPEN] = {"open", STEP_BIT(GRPC_CALL_ANSWERING) | STEP_BIT(GRPC_CALL_DONE)},
    [GRPC_CALL_ANSWERING] = {"answering", STEP_BIT(GRPC_CALL_DONE)},
    [GRPC_CALL_DONE] = {"done", 0},
};

void grpc_call_init(struct grpc_call *c, const struct grpc_head *head,
                    const struct descriptor_method *method, size_t message_bytes_max)
{
    *c = (struct grpc_call){.method = method, .head = *head};
    buf_init(&c->gather, message_bytes_max);
    buf_init(&c->unpacked, message_bytes_max);
    grpc_frame_reader_init(&c->reader, &c->gather);
}

void grpc_call_done(struct grpc_call *c)
{
    buf_done(&c->gather);
    buf_done(&c->unpacked);
}

static err fail(struct status *why, err e, enum status_code code, str message)
{
    *why = (struct status){.code = code, .message = message};
    return e;
}

static err fail_frame(struct status *why, err e)
{
    if (e == ERR_LIMIT)
        return fail(why, e, STATUS_RESOURCE_EXHAUSTED, STR("the request message is too long"));
    return fail(why, e, STATUS_INTERNAL, STR("the request is not framed as gRPC"));
}

static err unpack(struct grpc_call *c, struct grpc_frame *f, struct status *why)
{
    if (!f->is_compressed) return OK;
    if (c->head.encoding != GRPC_GZIP)
        return fail(why, ERR_SYNTAX, STATUS_INTERNAL,
                    STR("a compressed message, and no grpc-encoding that says how"));
    buf_clear(&c->unpacked);
    err e = gzip_decompress(f->message, &c->unpacked);
    if (e == ERR_LIMIT)
        return fail(why, e, STATUS_RESOURCE_EXHAUSTED,
                    STR("the request message is too long once unpacked"));
    if (e) return fail(why, e, STATUS_INTERNAL, STR("the request message is no gzip"));
    f->message = buf_view(&c->unpacked);
    return OK;
}

err grpc_call_next(struct grpc_call *c, str *piece, str *message, struct status *why)
{
    struct grpc_frame f;
    err e = grpc_frame_next(&c->reader, piece, &f);

    if (e) return e == ERR_AGAIN ? e : fail_frame(why, e);
    // grpc/doc/statuscodes.md has this code for a wrong number of messages.
    if (c->has_request && !c->method->is_client_streaming)
        return fail(why, ERR_SYNTAX, STATUS_UNIMPLEMENTED,
                    STR("the method takes one request message"));
    TRY(unpack(c, &f, why));
    c->has_request = true;
    *message = f.message;
    return OK;
}

err grpc_call_request_end(struct grpc_call *c, struct status *why)
{
    if (!grpc_frame_is_between(&c->reader))
        return fail(why, ERR_SYNTAX, STATUS_INTERNAL, STR("the request ends within a message"));
    if (!c->has_request && !c->method->is_client_streaming)
        return fail(why, ERR_SYNTAX, STATUS_UNIMPLEMENTED, STR("a request message is missing"));
    return OK;
}

static bool packs(const struct grpc_call *c)
{
    return c->head.encoding == GRPC_GZIP && c->head.accepts_gzip;
}

err grpc_call_begin(struct grpc_call *c, struct buf *fields)
{
    assert(c->step == GRPC_CALL_OPEN);
    TRY(buf_append(fields, STR("content-type: application/grpc\r\n"
                               "grpc-accept-encoding: " GRPC_HEAD_ENCODINGS "\r\n")));
    if (packs(c)) TRY(buf_append(fields, STR("grpc-encoding: gzip\r\n")));
    steps_move(steps, &c->step, GRPC_CALL_ANSWERING);
    return OK;
}

static err write_packed(str message, struct buf *body)
{
    struct buf packed;

    buf_init(&packed, message.len);
    err e = gzip_compress(message, &packed);
    // What would not get shorter stays as it is.
    if (e == ERR_LIMIT)
        e = grpc_frame_append(body, message, false);
    else if (!e)
        e = grpc_frame_append(body, buf_view(&packed), true);
    buf_done(&packed);
    return e;
}

err grpc_call_write(struct grpc_call *c, str message, struct buf *body)
{
    bool is_packed = packs(c) && message.len >= WORTH_PACKING;

    assert(c->step == GRPC_CALL_ANSWERING);
    if (c->has_response && !c->method->is_server_streaming) return ERR_RANGE;
    TRY(is_packed ? write_packed(message, body) : grpc_frame_append(body, message, false));
    c->has_response = true;
    return OK;
}

err grpc_call_refuse(const struct status *s, struct buf *fields)
{
    TRY(buf_append(fields, STR("content-type: application/grpc\r\n"
                               "grpc-accept-encoding: " GRPC_HEAD_ENCODINGS "\r\n")));
    return status_write_fields(s, fields);
}

err grpc_call_end(struct grpc_call *c, struct status s, struct buf *fields)
{
    bool is_begun = c->step == GRPC_CALL_ANSWERING;

    if (s.code == STATUS_OK && !c->has_response && !c->method->is_server_streaming)
        s = (struct status){.code = STATUS_INTERNAL, .message = STR("there is no response")};
    TRY(is_begun ? status_write_fields(&s, fields) : grpc_call_refuse(&s, fields));
    steps_move(steps, &c->step, GRPC_CALL_DONE);
    return OK;
}
