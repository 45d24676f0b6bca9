#include "gateway/rpc_status.h"

#include "grpc/grpc_head.h"

enum { SHOWN_MAX = 100 };

// RFC 9113 section 7, as far as gRPC tells them apart.
enum { REFUSED_STREAM = 7, CANCEL = 8, ENHANCE_YOUR_CALM = 11, INADEQUATE_SECURITY = 12 };

static struct status of_reset(uint32_t code)
{
    switch (code) {
    case REFUSED_STREAM:
        return (struct status){.code = STATUS_UNAVAILABLE,
                               .message = STR("The upstream did not take the call.")};
    case CANCEL:
        return (struct status){.code = STATUS_CANCELLED,
                               .message = STR("The upstream gave the call up.")};
    case ENHANCE_YOUR_CALM:
        return (struct status){.code = STATUS_RESOURCE_EXHAUSTED,
                               .message = STR("The upstream has had too much of us.")};
    case INADEQUATE_SECURITY:
        return (struct status){.code = STATUS_PERMISSION_DENIED,
                               .message = STR("The upstream asks for better TLS.")};
    default:
        return (struct status){.code = STATUS_INTERNAL,
                               .message = STR("The upstream reset the call.")};
    }
}

struct status rpc_status_of_failure(err why, uint32_t reset_code)
{
    struct status s = {.code = STATUS_UNAVAILABLE};

    if (reset_code) return of_reset(reset_code);
    switch (why) {
    case ERR_TIMEOUT: s.message = STR("The upstream could not be reached in time."); break;
    case ERR_RESOLVE:
    case ERR_REFUSED:
    case ERR_UNREACHABLE: s.message = STR("The upstream could not be reached."); break;
    case ERR_TLS:
    case ERR_CERTIFICATE: s.message = STR("No trusted TLS connection to the upstream."); break;
    case ERR_UNSUPPORTED: s.message = STR("The upstream does not speak HTTP/2."); break;
    case ERR_CANCELED: s.message = STR("The gateway no longer serves this upstream."); break;
    case ERR_SYNTAX:
    case ERR_LIMIT:
        s = (struct status){.code = STATUS_INTERNAL,
                            .message = STR("The upstream's answer is malformed.")};
        break;
    default: s.message = STR("The upstream's connection broke."); break;
    }
    return s;
}

bool rpc_status_is_grpc(const struct h1_head *head, struct arena *arena, struct status *out)
{
    const struct h1_field *type = h1_field_find(head, STR("content-type"));
    bool has_status = h1_field_find(head, STR("grpc-status"));
    bool is_good = head->status == 200;

    // A status that is there counts, whoever wrote it.
    if (grpc_head_is_grpc(head) && (is_good || has_status)) return true;
    if (has_status) {
        *out = rpc_status_read(head->fields, head->field_count, arena);
        if (out->code) return false;
    }
    *out = (struct status){.code = status_from_http(head->status)};
    str shown = type ? str_sub(type->value, 0, SHOWN_MAX) : STR("no content type");
    out->message = arena_format(arena, "The upstream answered %u with %" STR_FMT ".", head->status,
                                STR_ARG(shown));
    return false;
}

struct status rpc_status_read(const struct h1_field *fields, size_t count, struct arena *arena)
{
    struct status s;

    if (status_read_fields(fields, count, arena, &s))
        s = (struct status){.code = STATUS_UNKNOWN,
                            .message = STR("The upstream ended its answer without a status.")};
    return s;
}
