#include "provider/openai.h"

#include "codec/json_write.h"

#include <assert.h>

static err take_model(struct json_reader *r, struct openai_request *out)
{
    struct json_value v;

    TRY(json_value(r, &v));
    if (v.kind != JSON_STRING) return ERR_TYPE;
    if (out->model_count == OPENAI_MODELS_MAX) return ERR_LIMIT;
    out->models[out->model_count++] = v.text;
    return OK;
}

static err take_stream(struct json_reader *r, struct openai_request *out)
{
    struct json_value v;

    TRY(json_value(r, &v));
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE && v.kind != JSON_NULL) return ERR_TYPE;
    out->is_stream = v.kind == JSON_TRUE;
    return OK;
}

static err take_count(struct json_reader *r, struct openai_request *out)
{
    uint64_t n = 0;
    struct json_value v;

    TRY(json_value(r, &v));
    // What is no count is the upstream's to refuse.
    if (!json_to_u64(v, UINT64_MAX, &n) && n > 1) out->choice_count = n;
    return OK;
}

static err scan_request(struct json_reader *r, struct openai_request *out)
{
    struct json_value v;
    str key;
    err e = OK;

    e = json_enter(r);
    if (e) return e == ERR_TYPE ? ERR_SYNTAX : e;
    while (!(e = json_member(r, &key))) {
        if (json_string_is(key, STR("model"))) {
            TRY(take_model(r, out));
        } else if (json_string_is(key, STR("stream"))) {
            TRY(take_stream(r, out));
        } else if (json_string_is(key, STR("n"))) {
            TRY(take_count(r, out));
        } else {
            TRY(json_value(r, &v));
        }
    }
    if (e != ERR_EOF) return e;
    return json_end(r);
}

err openai_scan_request(str body, struct openai_request *out, size_t *error_at)
{
    struct openai_request found = {.choice_count = 1};
    struct json_reader r;
    enum json_kind kind;

    json_reader_init(&r, body);
    err e = json_peek(&r, &kind);
    if (!e && kind != JSON_OBJECT) e = ERR_SYNTAX;
    if (!e) e = scan_request(&r, &found);
    if (e) {
        *error_at = r.at;
        return e == ERR_EOF ? ERR_SYNTAX : e;
    }
    *out = found;
    return OK;
}

struct openai_usage openai_answer_usage(str body)
{
    struct openai_stream s = {.kind = OPENAI_STREAM_CHAT};

    // A whole answer has its usage where an event has it.
    if (openai_stream_event(&s, body)) return (struct openai_usage){.is_known = false};
    return s.usage;
}

err openai_splice_content(struct buf *out, str data, str content, str replacement)
{
    char *room;

    assert(content.ptr >= data.ptr && content.ptr + content.len <= data.ptr + data.len);
    size_t before = (size_t)(content.ptr - data.ptr);
    str after = str_sub(data, before + content.len, data.len);
    TRY(buf_reserve(out, before + replacement.len + after.len, &room));
    TRY(buf_append(out, str_sub(data, 0, before)));
    TRY(buf_append(out, replacement));
    return buf_append(out, after);
}

static void write_members(struct json_writer *w, const struct openai_error *e)
{
    json_write_key(w, STR("message"));
    json_write_str(w, e->message);
    json_write_key(w, STR("param"));
    if (e->param.len) {
        json_write_str(w, e->param);
    } else {
        json_write_null(w);
    }
    json_write_key(w, STR("code"));
    json_write_str(w, e->code);
}

static void write_error(struct json_writer *w, const struct openai_error *e)
{
    json_write_key(w, STR("error"));
    json_write_object(w);
    json_write_key(w, STR("type"));
    json_write_str(w, e->type);
    write_members(w, e);
    json_write_object_end(w);
}

err openai_write_error(struct buf *out, const struct openai_error *e)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    write_error(&w, e);
    json_write_object_end(&w);
    return w.error;
}

// Newer SDKs throw on the flat members of a responses stream's error, older ones only on "error".
err openai_write_stream_error(struct buf *out, const struct openai_stream *s,
                              const struct openai_error *e)
{
    struct json_writer w;

    if (s->kind == OPENAI_STREAM_CHAT) {
        TRY(buf_append(out, STR("data: ")));
        TRY(openai_write_error(out, e));
        return buf_append(out, STR("\n\n"));
    }
    TRY(buf_append(out, STR("event: error\ndata: ")));
    json_write_init(&w, out);
    json_write_object(&w);
    json_write_key(&w, STR("type"));
    json_write_str(&w, STR("error"));
    json_write_key(&w, STR("sequence_number"));
    json_write_u64(&w, s->sequence + 1);
    write_members(&w, e);
    write_error(&w, e);
    json_write_object_end(&w);
    TRY(w.error);
    return buf_append(out, STR("\n\n"));
}

str openai_error_type(unsigned status)
{
    switch (status) {
    case 401: return STR("authentication_error");
    case 403: return STR("permission_error");
    case 404: return STR("invalid_request_error");
    case 429: return STR("rate_limit_error");
    default: return status < 500 ? STR("invalid_request_error") : STR("server_error");
    }
}
