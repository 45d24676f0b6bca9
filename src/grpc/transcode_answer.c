#include "grpc/transcode_answer.h"

#include "codec/octet.h"
#include "codec/protobuf.h"
#include "grpc/protobuf_to_json.h"
#include "grpc/transcode_error.h"
#include "grpc/transcode_request.h"

// Field numbers of google.api.HttpBody.
enum { HTTP_BODY_TYPE = 1, HTTP_BODY_BYTES = 2 };

struct form_row {
    str type;
    enum transcode_answer_form form;
};

// What a client may ask a stream to be; the first is for one that does not mind.
static const struct form_row stream_forms[] = {
    {STR_INIT("application/x-ndjson"), TRANSCODE_LINES},
    {STR_INIT("application/json"), TRANSCODE_LINES},
    {STR_INIT("text/event-stream"), TRANSCODE_EVENTS},
};

// What a quality ("0.8") is in thousandths; what is none counts as 1.
static unsigned read_quality(str text)
{
    unsigned thousandths = str_starts(text, STR("1")) ? 1000 : 0;
    unsigned weight = 100;

    if (!str_starts(text, STR("0")) && !str_starts(text, STR("1"))) return 1000;
    for (size_t i = 2; i < text.len && octet_is_digit(text.ptr[i]) && weight; i++) {
        thousandths += (unsigned)(text.ptr[i] - '0') * weight;
        weight /= 10;
    }
    return thousandths;
}

// The quality among the parameters of a media range.
static unsigned quality_of(str parameters)
{
    while (parameters.len) {
        str value = str_cut(&parameters, ';');
        str name = str_trim(str_cut(&value, '='));
        if (str_eq_nocase(name, STR("q"))) return read_quality(str_trim(value));
    }
    return 1000;
}

// The form that a media range asks for; NULL for one that we don't have.
static const struct form_row *form_of(str range)
{
    if (str_eq(range, STR("*/*")) || str_eq_nocase(range, STR("application/*")))
        return &stream_forms[0];
    for (size_t i = 0; i < sizeof(stream_forms) / sizeof(*stream_forms); i++) {
        if (str_eq_nocase(range, stream_forms[i].type)) return &stream_forms[i];
    }
    return NULL;
}

// Of what the client takes (RFC 9110 section 12.5.1) the best, of equals the first.
static const struct form_row *choose_form(str accept)
{
    const struct form_row *best = &stream_forms[0];
    unsigned best_quality = 0;

    while (accept.len) {
        str parameters = str_cut(&accept, ',');
        const struct form_row *form = form_of(str_trim(str_cut(&parameters, ';')));
        unsigned quality = quality_of(parameters);
        if (!form || quality <= best_quality) continue;
        best = form;
        best_quality = quality;
    }
    return best;
}

static bool is_raw(const struct transcode_route *route)
{
    const struct descriptor_field *field = route->response;

    if (!field) return transcode_request_is_raw(route->method->output);
    return !field->is_repeated && transcode_request_is_raw(field->message);
}

void transcode_answer_init(struct transcode_answer *a, const struct transcode_route *route,
                           str accept)
{
    *a = (struct transcode_answer){.route = route, .form = TRANSCODE_JSON};
    a->content_type = STR("application/json");
    if (is_raw(route)) {
        a->form = TRANSCODE_RAW;
        a->content_type = STR("application/octet-stream");
    } else if (route->method->is_server_streaming) {
        const struct form_row *row = choose_form(accept);
        a->form = row->form;
        a->content_type = row->type;
    }
}

// The last occurrence of a field with a length; empty where there is none.
static err find_bytes(str message, uint32_t number, str *out)
{
    struct protobuf_reader r;
    struct protobuf_field f;
    err e = OK;

    *out = STR("");
    protobuf_reader_init(&r, message);
    while (!(e = protobuf_next(&r, &f))) {
        if (f.number == number && f.wire == PROTOBUF_BYTES) *out = f.bytes;
    }
    return e == ERR_EOF ? OK : e;
}

static bool is_content_type(str type)
{
    return type.len && h1_is_field_value(type);
}

// The first message tells the content type of all.
static err write_raw(struct transcode_answer *a, str message, struct arena *arena, struct buf *out)
{
    str type;
    str bytes;

    if (a->route->response) TRY(find_bytes(message, a->route->response->number, &message));
    TRY(find_bytes(message, HTTP_BODY_TYPE, &type));
    TRY(find_bytes(message, HTTP_BODY_BYTES, &bytes));
    TRY(buf_append(out, bytes));
    if (!a->is_begun && is_content_type(type)) a->content_type = arena_str(arena, type);
    return OK;
}

static err write_json(const struct transcode_answer *a, str message, struct arena *arena,
                      struct buf *out, struct message_fault *fault)
{
    const struct protobuf_to_json_options options = {
        .pool = a->route->pool,
        .arena = arena,
        .emits_defaults = a->emits_defaults,
        .keeps_names = a->keeps_names,
    };

    if (a->route->response)
        return protobuf_to_json_field(&options, a->route->response, message, out, fault);
    return protobuf_to_json(&options, a->route->method->output, message, out, fault);
}

// What stands in front of a value, and behind it. JSON text holds no line feed of its own.
static str opening(enum transcode_answer_form form)
{
    return form == TRANSCODE_EVENTS ? STR("data: ") : STR("");
}

static str ending(enum transcode_answer_form form)
{
    if (form == TRANSCODE_EVENTS) return STR("\n\n");
    return form == TRANSCODE_LINES ? STR("\n") : STR("");
}

err transcode_answer_write(struct transcode_answer *a, str message, struct arena *arena,
                           struct buf *out, struct status *why)
{
    struct message_fault fault;
    err e = OK;

    message_fault_init(&fault);
    if (a->form == TRANSCODE_RAW) {
        e = write_raw(a, message, arena, out);
    } else {
        e = buf_append(out, opening(a->form));
        if (!e) e = write_json(a, message, arena, out, &fault);
        if (!e) e = buf_append(out, ending(a->form));
    }
    if (e) {
        *why = (struct status){.code = STATUS_INTERNAL,
                               .message = fault.reason[0]
                                              ? message_fault_text(&fault, arena)
                                              : STR("the response is too large or broken")};
        return e;
    }
    a->is_begun = true;
    return OK;
}

err transcode_answer_error(const struct transcode_answer *a, const struct status *s,
                           struct arena *arena, struct buf *out)
{
    if (!a->is_begun) return transcode_error_write(s, a->route->pool, arena, out);
    if (a->form != TRANSCODE_LINES && a->form != TRANSCODE_EVENTS) return ERR_UNSUPPORTED;
    if (a->form == TRANSCODE_EVENTS) TRY(buf_append(out, STR("event: error\n")));
    TRY(buf_append(out, opening(a->form)));
    TRY(buf_append(out, STR("{\"error\":")));
    TRY(transcode_error_write(s, a->route->pool, arena, out));
    TRY(buf_append(out, STR("}")));
    return buf_append(out, ending(a->form));
}
