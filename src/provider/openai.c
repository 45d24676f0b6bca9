#include "provider/openai.h"

#include "codec/json_write.h"

enum { INDEX_MAX = 63 }; // of a choice that is told from others

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

static err take_usage(struct json_reader *r, struct openai_usage *out)
{
    struct openai_usage usage = {.is_known = true};
    enum json_kind kind;
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_OBJECT) return json_value(r, &v);
    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        TRY(json_value(r, &v));
        // A count that is no number is the upstream's affair, not a broken stream.
        if (json_string_is(key, STR("prompt_tokens")) || json_string_is(key, STR("input_tokens")))
            (void)json_to_u64(v, UINT64_MAX, &usage.input_tokens);
        if (json_string_is(key, STR("completion_tokens")) ||
            json_string_is(key, STR("output_tokens")))
            (void)json_to_u64(v, UINT64_MAX, &usage.output_tokens);
    }
    if (e != ERR_EOF) return e;
    *out = usage;
    return OK;
}

static err take_choice(struct json_reader *r, struct openai_stream *s)
{
    uint64_t index = 0;
    bool is_finished = false;
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        TRY(json_value(r, &v));
        if (json_string_is(key, STR("index"))) {
            (void)json_to_u64(v, INDEX_MAX, &index); // a stray index counts as the first choice
        } else if (json_string_is(key, STR("finish_reason"))) {
            is_finished = v.kind == JSON_STRING;
        } else if (json_string_is(key, STR("delta")) || json_string_is(key, STR("text"))) {
            s->has_content = true;
        }
    }
    if (e != ERR_EOF) return e;
    s->choices_seen |= UINT64_C(1) << index;
    if (is_finished) s->choices_finished |= UINT64_C(1) << index;
    return OK;
}

static err take_choices(struct json_reader *r, struct openai_stream *s)
{
    enum json_kind kind;
    struct json_value v;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_ARRAY) return json_value(r, &v);
    TRY(json_enter(r));
    while (!(e = json_element(r))) {
        TRY(json_peek(r, &kind));
        if (kind == JSON_OBJECT) {
            TRY(take_choice(r, s));
        } else {
            TRY(json_value(r, &v));
        }
    }
    return e == ERR_EOF ? OK : e;
}

static bool is_terminal_type(str raw)
{
    return json_string_is(raw, STR("response.completed")) ||
           json_string_is(raw, STR("response.incomplete")) ||
           json_string_is(raw, STR("response.failed"));
}

// What tells that a request was heard, long before the first token maybe.
static bool is_receipt_type(str raw)
{
    return json_string_is(raw, STR("response.created")) ||
           json_string_is(raw, STR("response.queued")) ||
           json_string_is(raw, STR("response.in_progress"));
}

static err take_response(struct json_reader *r, struct openai_stream *s)
{
    enum json_kind kind;
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_OBJECT) return json_value(r, &v);
    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        if (json_string_is(key, STR("usage"))) {
            TRY(take_usage(r, &s->usage));
        } else {
            TRY(json_value(r, &v));
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err take_scalar(struct json_reader *r, str key, struct openai_stream *s)
{
    struct json_value v;

    TRY(json_value(r, &v));
    if (json_string_is(key, STR("error"))) {
        s->has_failed |= v.kind == JSON_OBJECT;
    } else if (json_string_is(key, STR("sequence_number"))) {
        (void)json_to_u64(v, UINT64_MAX, &s->sequence); // only used to number our own
    } else if (json_string_is(key, STR("type")) && v.kind == JSON_STRING) {
        str raw = json_raw(v);
        s->is_finished |= s->kind == OPENAI_STREAM_RESPONSES && is_terminal_type(raw);
        s->has_failed |= s->kind == OPENAI_STREAM_RESPONSES && json_string_is(raw, STR("error"));
        s->has_content |= !is_receipt_type(raw);
    }
    return OK;
}

static err take_event(struct json_reader *r, struct openai_stream *s)
{
    enum json_kind kind;
    str key;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_OBJECT) return ERR_TYPE;
    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        if (json_string_is(key, STR("choices"))) {
            TRY(take_choices(r, s));
        } else if (json_string_is(key, STR("usage"))) {
            TRY(take_usage(r, &s->usage));
        } else if (json_string_is(key, STR("response"))) {
            TRY(take_response(r, s));
        } else {
            TRY(take_scalar(r, key, s));
        }
    }
    if (e != ERR_EOF) return e;
    return json_end(r);
}

// Every choice that began, and as many as were asked for.
static bool has_finished(const struct openai_stream *s)
{
    uint64_t count = (uint64_t)__builtin_popcountll(s->choices_finished);
    uint64_t expected = s->choices_expected < INDEX_MAX ? s->choices_expected : INDEX_MAX;

    return count && count >= expected && !(s->choices_seen & ~s->choices_finished);
}

err openai_stream_event(struct openai_stream *s, str data)
{
    struct openai_stream next = *s;
    struct json_reader r;

    if (str_eq(data, STR("[DONE]"))) {
        s->is_done = true;
        return OK;
    }
    json_reader_init(&r, data);
    if (take_event(&r, &next)) return ERR_SYNTAX;
    if (s->kind == OPENAI_STREAM_CHAT) next.is_finished = has_finished(&next);
    *s = next;
    return OK;
}

bool openai_stream_is_complete(const struct openai_stream *s)
{
    return s->is_finished || s->is_done || s->has_failed;
}

struct openai_usage openai_answer_usage(str body)
{
    struct openai_stream s = {.kind = OPENAI_STREAM_CHAT};
    struct json_reader r;

    json_reader_init(&r, body);
    if (take_event(&r, &s)) return (struct openai_usage){.is_known = false};
    return s.usage;
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
