#include "provider/anthropic.h"

#include "provider/anthropic_usage.h"
#include "provider/members.h"

enum member {
    MEMBER_MODEL,
    MEMBER_STREAM,
    MEMBER_MESSAGES,
    MEMBER_MAX_TOKENS,
    MEMBER_TOOLS,
    MEMBER_OUTPUT_CONFIG,
    MEMBER_OUTPUT_FORMAT, // where betas had it
    MEMBERS_KNOWN,
};

static const str member_names[MEMBERS_KNOWN] = {
    [MEMBER_MODEL] = STR_INIT("model"),
    [MEMBER_STREAM] = STR_INIT("stream"),
    [MEMBER_MESSAGES] = STR_INIT("messages"),
    [MEMBER_MAX_TOKENS] = STR_INIT("max_tokens"),
    [MEMBER_TOOLS] = STR_INIT("tools"),
    [MEMBER_OUTPUT_CONFIG] = STR_INIT("output_config"),
    [MEMBER_OUTPUT_FORMAT] = STR_INIT("output_format"),
};

static bool is_filled_array(struct json_value v)
{
    struct json_reader r;

    if (v.kind != JSON_ARRAY) return false;
    json_reader_init(&r, v.text);
    return !json_enter(&r) && !json_element(&r);
}

static bool has_format(struct json_value config)
{
    static const str names[] = {STR_INIT("format")};
    struct json_value found[1];
    struct members m = MEMBERS(names, found);

    return !members_read_value(config, &m) && found[0].kind == JSON_OBJECT;
}

static err take_member(enum member which, struct json_value v, struct openai_request *out)
{
    switch (which) {
    case MEMBER_MODEL:
        if (v.kind != JSON_STRING) return ERR_TYPE;
        if (out->model_count == OPENAI_MODELS_MAX) return ERR_LIMIT;
        out->models[out->model_count++] = v.text;
        break;
    case MEMBER_STREAM:
        if (v.kind != JSON_TRUE && v.kind != JSON_FALSE && v.kind != JSON_NULL) return ERR_TYPE;
        out->is_stream = v.kind == JSON_TRUE;
        break;
    case MEMBER_MESSAGES: out->messages = v.text; break;
    case MEMBER_MAX_TOKENS: out->max_tokens = v.kind == JSON_NUMBER ? v.text : STR(""); break;
    case MEMBER_TOOLS: out->has_tools = is_filled_array(v); break;
    case MEMBER_OUTPUT_CONFIG: out->has_response_format |= has_format(v); break;
    case MEMBER_OUTPUT_FORMAT: out->has_response_format |= v.kind == JSON_OBJECT; break;
    case MEMBERS_KNOWN: break;
    }
    return OK;
}

static err scan_request(struct json_reader *r, struct openai_request *out)
{
    enum json_kind kind;
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_OBJECT) return ERR_SYNTAX;
    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        TRY(json_value(r, &v));
        TRY(take_member((enum member)members_find(member_names, MEMBERS_KNOWN, key), v, out));
    }
    if (e != ERR_EOF) return e;
    return json_end(r);
}

err anthropic_scan_request(str body, struct openai_request *out, size_t *error_at)
{
    struct openai_request found = {.choice_count = 1};
    struct json_reader r;

    json_reader_init(&r, body);
    err e = scan_request(&r, &found);
    if (e) {
        *error_at = r.at;
        return e == ERR_EOF ? ERR_SYNTAX : e;
    }
    *out = found;
    return OK;
}

struct token_usage anthropic_answer_usage(str body)
{
    static const str names[] = {STR_INIT("usage")};
    struct json_value found[1];
    struct members m = MEMBERS(names, found);
    struct token_usage usage = {.is_known = false};
    struct json_reader r;

    json_reader_init(&r, body);
    if (members_read(&r, &m) || json_end(&r) || found[0].kind != JSON_OBJECT) return usage;
    json_reader_init(&r, found[0].text);
    // It was found good.
    (void)anthropic_usage_read(&r, &usage);
    return usage;
}
