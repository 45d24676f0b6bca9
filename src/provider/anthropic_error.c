#include "provider/anthropic_error.h"

#include "codec/json_write.h"
#include "provider/members.h"

// The status that each type comes with; where two share one, the first is what it is called.
static const struct {
    unsigned status;
    str type;
} types[] = {
    {400, STR_INIT("invalid_request_error")},
    {401, STR_INIT("authentication_error")},
    {402, STR_INIT("billing_error")},
    {403, STR_INIT("permission_error")},
    {404, STR_INIT("not_found_error")},
    {409, STR_INIT("conflict_error")},
    {413, STR_INIT("request_too_large")},
    {429, STR_INIT("rate_limit_error")},
    {500, STR_INIT("api_error")},
    {503, STR_INIT("overloaded_error")},
    {504, STR_INIT("timeout_error")},
    {529, STR_INIT("overloaded_error")},
};

enum { TYPE_COUNT = sizeof(types) / sizeof(*types) };

str anthropic_error_type(unsigned status)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (types[i].status == status) return types[i].type;
    }
    if (status == 408) return STR("timeout_error");
    return status >= 400 && status < 500 ? STR("invalid_request_error") : STR("api_error");
}

unsigned anthropic_error_status(unsigned status)
{
    return status == 503 ? 529 : status;
}

// An error of a stream has no status; then its own type is believed where the API has it too.
static str type_of(const struct chat_error *e)
{
    if (e->status) return anthropic_error_type(e->status);
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (str_eq(types[i].type, e->type)) return e->type;
    }
    return STR("api_error");
}

static void write_member(struct json_writer *w, str key, str value)
{
    json_write_key(w, key);
    json_write_str(w, value);
}

err anthropic_error_write(const struct chat_error *e, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    write_member(&w, STR("type"), STR("error"));
    json_write_key(&w, STR("error"));
    json_write_object(&w);
    write_member(&w, STR("type"), type_of(e));
    write_member(&w, STR("message"), e->message);
    json_write_object_end(&w);
    json_write_key(&w, STR("request_id"));
    if (e->request_id.len) {
        json_write_str(&w, e->request_id);
    } else {
        json_write_null(&w);
    }
    json_write_object_end(&w);
    return w.error;
}

err anthropic_error_write_event(const struct chat_error *e, struct buf *out)
{
    TRY(buf_append(out, STR("event: error\ndata: ")));
    TRY(anthropic_error_write(e, out));
    return buf_append(out, STR("\n\n"));
}

static str decoded(struct json_value v, struct arena *a)
{
    return v.kind == JSON_STRING ? json_decode(json_raw(v), a) : STR("");
}

// The status that an error of this type has as an answer.
static unsigned status_of(str type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (str_eq(types[i].type, type)) return types[i].status == 503 ? 529 : types[i].status;
    }
    return 500;
}

void anthropic_error_read(unsigned status, str body, struct arena *a, struct chat_error *out)
{
    enum { THE_ERROR, REQUEST_ID, TOP_COUNT };
    enum { TYPE, MESSAGE, DETAILS, ERROR_COUNT };
    static const str top_names[TOP_COUNT] = {STR_INIT("error"), STR_INIT("request_id")};
    static const str error_names[ERROR_COUNT] = {STR_INIT("type"), STR_INIT("message"),
                                                 STR_INIT("details")};
    static const str detail_names[] = {STR_INIT("error_code")};
    struct json_value top[TOP_COUNT] = {0};
    struct json_value found[ERROR_COUNT] = {0};
    struct json_value detail[1] = {0};
    struct members m = MEMBERS(top_names, top);
    struct members of_error = MEMBERS(error_names, found);
    struct members of_details = MEMBERS(detail_names, detail);
    struct json_reader r;

    json_reader_init(&r, body);
    // What can be read counts, whatever ends it.
    (void)members_read(&r, &m);
    (void)members_read_value(top[THE_ERROR], &of_error);
    (void)members_read_value(found[DETAILS], &of_details);
    *out = (struct chat_error){.status = status,
                               .message = decoded(found[MESSAGE], a),
                               .type = decoded(found[TYPE], a),
                               .code = decoded(detail[0], a),
                               .request_id = decoded(top[REQUEST_ID], a)};
    if (!out->status) out->status = status_of(out->type);
    if (!out->message.len)
        out->message = arena_format(a, "The provider answered with status %u.", out->status);
}
