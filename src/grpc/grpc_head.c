#include "grpc/grpc_head.h"

#include "grpc/grpc_timeout.h"

static str value_of(const struct h1_head *head, str name)
{
    const struct h1_field *field = h1_field_find(head, name);

    return field ? field->value : STR("");
}

// What follows "application/grpc" in the content type, in lower case or not; false for another.
static bool read_type(const struct h1_head *head, str *suffix)
{
    str type = value_of(head, STR("content-type"));
    str ours = STR("application/grpc");

    if (!str_eq_nocase(str_sub(type, 0, ours.len), ours)) return false;
    *suffix = str_sub(type, ours.len, type.len);
    return !suffix->len || suffix->ptr[0] == '+' || suffix->ptr[0] == ';' ||
           str_starts(str_trim(*suffix), STR(";"));
}

bool grpc_head_is_grpc(const struct h1_head *head)
{
    str suffix;

    return read_type(head, &suffix);
}

bool grpc_head_is_json(const struct h1_head *head)
{
    str type = value_of(head, STR("content-type"));

    return str_eq_nocase(str_trim(str_sub(type, 0, str_find_char(type, ';'))),
                         STR("application/json"));
}

static err refuse(struct grpc_refusal *why, unsigned http, enum status_code code, str message)
{
    *why = (struct grpc_refusal){.http = http, .status = {.code = code, .message = message}};
    return ERR_UNSUPPORTED;
}

// "+proto", or no suffix; parameters say nothing.
static bool is_protobuf(str suffix)
{
    str format = str_trim(str_cut(&suffix, ';'));

    return !format.len || str_eq_nocase(format, STR("+proto"));
}

static bool read_encoding(const struct h1_head *head, enum grpc_encoding *out)
{
    str value = value_of(head, STR("grpc-encoding"));

    if (str_eq_nocase(value, STR("gzip"))) {
        *out = GRPC_GZIP;
        return true;
    }
    return !value.len || str_eq_nocase(value, STR("identity"));
}

err grpc_head_read(const struct h1_head *head, struct grpc_head *out, struct grpc_refusal *why)
{
    struct grpc_head h = {.timeout_us = TIME_NEVER};
    str timeout = value_of(head, STR("grpc-timeout"));
    str suffix;

    if (!read_type(head, &suffix))
        return refuse(why, 415, STATUS_UNKNOWN, STR("the content type is not application/grpc"));
    if (!str_eq(head->method, STR("POST")))
        return refuse(why, 405, STATUS_UNIMPLEMENTED, STR("gRPC calls are POST requests"));
    if (!is_protobuf(suffix))
        return refuse(why, 200, STATUS_UNIMPLEMENTED, STR("messages are protobuf"));
    if (!h1_value_has_token(value_of(head, STR("te")), STR("trailers")))
        return refuse(why, 200, STATUS_INTERNAL,
                      STR("no \"te: trailers\": something between does not speak gRPC"));
    if (!read_encoding(head, &h.encoding))
        return refuse(why, 200, STATUS_UNIMPLEMENTED,
                      STR("the compression is unknown; known are " GRPC_HEAD_ENCODINGS));
    if (timeout.len && grpc_timeout_read(timeout, &h.timeout_us))
        return refuse(why, 200, STATUS_INTERNAL, STR("grpc-timeout is malformed"));
    h.accepts_gzip = h1_value_has_token(value_of(head, STR("grpc-accept-encoding")), STR("gzip"));
    *out = h;
    return OK;
}
