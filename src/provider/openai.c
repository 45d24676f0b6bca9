#include "provider/openai.h"

#include "codec/json_write.h"

#include <assert.h>

static err take_model(struct json_value v, struct openai_request *out)
{
    if (v.kind != JSON_STRING) return ERR_TYPE;
    if (out->model_count == OPENAI_MODELS_MAX) return ERR_LIMIT;
    out->models[out->model_count++] = v.text;
    return OK;
}

static err take_stream(struct json_value v, struct openai_request *out)
{
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE && v.kind != JSON_NULL) return ERR_TYPE;
    out->is_stream = v.kind == JSON_TRUE;
    return OK;
}

static void take_count(struct json_value v, struct openai_request *out)
{
    uint64_t n = 0;

    // What is no count is the upstream's to refuse.
    if (!json_to_u64(v, UINT64_MAX, &n) && n > 1) out->choice_count = n;
}

// A member of a small object that was passed whole, as written; false where it has none.
static bool find_member(struct json_value object, str name, struct json_value *out)
{
    struct json_reader r;
    struct json_value v;
    bool is_found = false;
    str key;

    if (object.kind != JSON_OBJECT) return false;
    json_reader_init(&r, object.text);
    err e = json_enter(&r);
    while (!e && !(e = json_member(&r, &key)) && !(e = json_value(&r, &v))) {
        if (!json_string_is(key, name)) continue;
        *out = v;
        is_found = true;
    }
    return is_found;
}

static bool is_format(struct json_value v)
{
    struct json_value type;

    if (v.kind != JSON_OBJECT) return false;
    return !find_member(v, STR("type"), &type) || type.kind != JSON_STRING ||
           !json_string_is(json_raw(type), STR("text"));
}

static bool is_filled_array(struct json_value v)
{
    struct json_reader r;

    if (v.kind != JSON_ARRAY) return false;
    json_reader_init(&r, v.text);
    return !json_enter(&r) && !json_element(&r);
}

static str number_of(struct json_value v)
{
    return v.kind == JSON_NUMBER ? v.text : STR("");
}

enum member {
    MEMBER_MODEL,
    MEMBER_STREAM,
    MEMBER_N,
    MEMBER_MESSAGES,
    MEMBER_MAX_TOKENS,
    MEMBER_MAX_COMPLETION_TOKENS,
    MEMBER_STREAM_OPTIONS,
    MEMBER_TOOLS,
    MEMBER_FUNCTIONS,
    MEMBER_RESPONSE_FORMAT,
    MEMBER_LOGPROBS,
    MEMBERS,
};

static enum member member_of(str key)
{
    static const str names[MEMBERS] = {
        [MEMBER_MODEL] = STR_INIT("model"),
        [MEMBER_STREAM] = STR_INIT("stream"),
        [MEMBER_N] = STR_INIT("n"),
        [MEMBER_MESSAGES] = STR_INIT("messages"),
        [MEMBER_MAX_TOKENS] = STR_INIT("max_tokens"),
        [MEMBER_MAX_COMPLETION_TOKENS] = STR_INIT("max_completion_tokens"),
        [MEMBER_STREAM_OPTIONS] = STR_INIT("stream_options"),
        [MEMBER_TOOLS] = STR_INIT("tools"),
        [MEMBER_FUNCTIONS] = STR_INIT("functions"),
        [MEMBER_RESPONSE_FORMAT] = STR_INIT("response_format"),
        [MEMBER_LOGPROBS] = STR_INIT("logprobs"),
    };
    int m = 0;

    while (m < MEMBERS && !json_string_is(key, names[m])) {
        m++;
    }
    return (enum member)m;
}

static err take_member(enum member m, struct json_value v, struct openai_request *out)
{
    switch (m) {
    case MEMBER_MODEL: return take_model(v, out);
    case MEMBER_STREAM: return take_stream(v, out);
    case MEMBER_N: take_count(v, out); break;
    case MEMBER_MESSAGES: out->messages = v.text; break;
    case MEMBER_MAX_TOKENS: out->max_tokens = number_of(v); break;
    case MEMBER_MAX_COMPLETION_TOKENS: out->max_completion_tokens = number_of(v); break;
    case MEMBER_STREAM_OPTIONS: out->stream_options = v.text; break;
    case MEMBER_TOOLS:
    case MEMBER_FUNCTIONS: out->has_tools |= is_filled_array(v); break;
    case MEMBER_RESPONSE_FORMAT: out->has_response_format = is_format(v); break;
    // A legacy completion says how many.
    case MEMBER_LOGPROBS: out->has_logprobs = v.kind == JSON_TRUE || v.kind == JSON_NUMBER; break;
    case MEMBERS: break;
    }
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
        TRY(json_value(r, &v));
        TRY(take_member(member_of(key), v, out));
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

err openai_ask_usage(struct buf *out, str body, const struct openai_request *r)
{
    size_t brace = body.len;

    if (r->stream_options.len || !r->is_stream) return ERR_UNSUPPORTED;
    while (body.ptr[--brace] != '}') {
    }
    TRY(buf_append(out, str_sub(body, 0, brace)));
    // It has at least the "stream" that it asks for.
    TRY(buf_append(out, STR(",\"stream_options\":{\"include_usage\":true}")));
    return buf_append(out, str_sub(body, brace, body.len));
}

struct token_usage openai_answer_usage(str body)
{
    struct answer_stream s = {.kind = ANSWER_OPENAI_CHAT};

    // A whole answer has its usage where an event has it.
    if (openai_stream_event(&s, body)) return (struct token_usage){.is_known = false};
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
    if (e->code.len) {
        json_write_str(w, e->code);
    } else {
        json_write_null(w);
    }
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
err openai_write_stream_error(struct buf *out, const struct answer_stream *s,
                              const struct openai_error *e)
{
    struct json_writer w;

    if (s->kind == ANSWER_OPENAI_CHAT) {
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
