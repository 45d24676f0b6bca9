// Design: first the shape of the whole body, by its tables, so that all else may trust the types it
// reads. Then a walk over the messages, with the calls of tools that wait for results as its only
// memory; last what the other members say about each other.
#include "assess/mock/mock_openai_check.h"

#include "assess/mock/mock_digest.h"
#include "assess/mock/mock_openai_shape.h"
#include "assess/mock/mock_pending.h"

enum { NAME_MAX = 64, STOPS_MAX = 4, SHOWN_MAX = 100, KINDS = 7 };

struct check {
    struct arena *arena;
    struct mock_problem *out;
    size_t message;
    struct mock_pending pending; // calls of the assistant's last message
};

static bool refuse(struct check *c, str param, const char *code, str message)
{
    c->out->param = param;
    c->out->code = str_from_c(code);
    c->out->message = message;
    return false;
}

// "a string", or "a string or an array".
static str name_kinds(unsigned kinds, struct arena *arena)
{
    static const char *const names[KINDS] = {"null",     "a boolean", "an integer", "a decimal",
                                             "a string", "an array",  "an object"};
    str list = STR("");

    for (size_t i = 0; i < KINDS; i++) {
        if (!(kinds & 1U << i) || (i == 0 && kinds != MOCK_SHAPE_NULL)) continue;
        list = arena_format(arena, "%" STR_FMT "%s%s", STR_ARG(list), list.len ? " or " : "",
                            names[i]);
    }
    return list;
}

static const char *kind_name(enum json_kind kind)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",       [JSON_FALSE] = "a boolean", [JSON_TRUE] = "a boolean",
        [JSON_NUMBER] = "a number", [JSON_STRING] = "a string", [JSON_ARRAY] = "an array",
        [JSON_OBJECT] = "an object"};

    return names[kind];
}

// 'a', 'b'.
static str list_values(const struct mock_shape_finding *f, struct arena *arena)
{
    str list = STR("");

    if (f->flaw == MOCK_SHAPE_WORD) {
        for (const str *word = f->field->words; word->len; word++) {
            list = arena_format(arena, "%" STR_FMT "%s'%" STR_FMT "'", STR_ARG(list),
                                list.len ? ", " : "", STR_ARG(*word));
        }
        return list;
    }
    for (const struct mock_shape_variant *v = f->shape->variants; v->tag.len; v++) {
        list = arena_format(arena, "%" STR_FMT "%s'%" STR_FMT "'", STR_ARG(list),
                            list.len ? ", " : "", STR_ARG(v->tag));
    }
    return list;
}

static bool refuse_value(struct check *c, const struct mock_shape_finding *f, str path)
{
    str value = f->value.kind == JSON_STRING ? str_sub(json_raw(f->value), 0, SHOWN_MAX)
                                             : str_from_c(kind_name(f->value.kind));

    return refuse(c, path, "invalid_value",
                  arena_format(c->arena,
                               "Invalid value: '%" STR_FMT "'. Supported values are: %" STR_FMT ".",
                               STR_ARG(value), STR_ARG(list_values(f, c->arena))));
}

static bool refuse_bound(struct check *c, const struct mock_shape_finding *f, str path)
{
    bool is_below = f->flaw == MOCK_SHAPE_BELOW;
    bool is_integer = f->field->kinds & MOCK_SHAPE_INTEGER;
    const char *kind = is_integer ? "integer" : "decimal";
    const char *codes[] = {"decimal_above_max_value", "decimal_below_min_value",
                           "integer_above_max_value", "integer_below_min_value"};

    return refuse(c, path, codes[2 * is_integer + is_below],
                  arena_format(c->arena,
                               "Invalid '%" STR_FMT
                               "': %s %s value. Expected a value %s %g, but got "
                               "%" STR_FMT " instead.",
                               STR_ARG(path), kind, is_below ? "below minimum" : "above maximum",
                               is_below ? ">=" : "<=", is_below ? f->field->min : f->field->max,
                               STR_ARG(str_sub(f->value.text, 0, SHOWN_MAX))));
}

static bool refuse_empty(struct check *c, const struct mock_shape_finding *f, str path)
{
    bool is_array = f->value.kind == JSON_ARRAY;
    const char *what = is_array ? "array" : "string";

    return refuse(c, path, is_array ? "empty_array" : "empty_string",
                  arena_format(c->arena,
                               "Invalid '%" STR_FMT "': empty %s. Expected a%s %s with minimum "
                               "length 1, but got an empty %s instead.",
                               STR_ARG(path), what, is_array ? "n" : "", what, what));
}

static bool refuse_type(struct check *c, const struct mock_shape_finding *f, str path)
{
    bool is_element = !f->path[f->depth - 1].name.len;
    unsigned kinds = is_element ? f->field->elements : f->field->kinds;

    return refuse(
        c, path, "invalid_type",
        arena_format(
            c->arena, "Invalid type for '%" STR_FMT "': expected %" STR_FMT ", but got %s instead.",
            STR_ARG(path), STR_ARG(name_kinds(kinds, c->arena)), kind_name(f->value.kind)));
}

static bool refuse_finding(struct check *c, const struct mock_shape_finding *f)
{
    str path = mock_shape_path(f, true, c->arena);

    switch (f->flaw) {
    case MOCK_SHAPE_BROKEN:
        return refuse(c, STR(""), "", STR("We could not parse the JSON body of your request."));
    case MOCK_SHAPE_UNKNOWN:
        if (f->depth == 1)
            return refuse(c, STR(""), "",
                          arena_format(c->arena,
                                       "Unrecognized request argument supplied: %" STR_FMT,
                                       STR_ARG(path)));
        return refuse(c, path, "unknown_parameter",
                      arena_format(c->arena, "Unknown parameter: '%" STR_FMT "'.", STR_ARG(path)));
    case MOCK_SHAPE_MISSING:
        return refuse(
            c, path, "missing_required_parameter",
            arena_format(c->arena, "Missing required parameter: '%" STR_FMT "'.", STR_ARG(path)));
    case MOCK_SHAPE_TYPE: return refuse_type(c, f, path);
    case MOCK_SHAPE_EMPTY: return refuse_empty(c, f, path);
    case MOCK_SHAPE_BELOW:
    case MOCK_SHAPE_ABOVE: return refuse_bound(c, f, path);
    case MOCK_SHAPE_WORD:
    case MOCK_SHAPE_TAG: return refuse_value(c, f, path);
    }
    return true;
}

static str role_param(struct check *c)
{
    return arena_format(c->arena, "messages.[%zu].role", c->message);
}

// Whether nothing waits for a result when something else comes.
static bool check_answered(struct check *c)
{
    str ids = mock_pending_list(&c->pending, c->arena);

    if (!ids.len) return true;
    return refuse(c, role_param(c), "",
                  arena_format(c->arena,
                               "An assistant message with 'tool_calls' must be followed by tool "
                               "messages responding to each 'tool_call_id'. The following "
                               "tool_call_ids did not have response messages: %" STR_FMT,
                               STR_ARG(ids)));
}

static bool check_calls(struct check *c, struct json_value calls)
{
    static const str id_member = STR_INIT("id");
    struct json_reader walk;
    struct json_value v;

    c->pending.count = 0;
    mock_shape_elements(&walk, calls);
    while (mock_shape_next(&walk, &v)) {
        mock_shape_members(v.text, &id_member, &v, 1);
        if (!mock_pending_add(&c->pending, mock_shape_text(v, c->arena)))
            return refuse(c, role_param(c), "invalid_value",
                          STR("Duplicate value for 'tool_call_id', or more than 128 of them."));
    }
    return true;
}

enum { ROLE, CONTENT, CALLS, CALL_ID, FUNCTION_CALL, MESSAGE_MEMBERS };

static bool check_assistant(struct check *c, const struct json_value *v)
{
    if (v[CONTENT].kind == JSON_NULL && v[CALLS].kind != JSON_ARRAY &&
        v[FUNCTION_CALL].kind != JSON_OBJECT)
        return refuse(c, arena_format(c->arena, "messages.[%zu].content", c->message), "",
                      STR("Invalid value for 'content': expected a string, got null."));
    return check_calls(c, v[CALLS]);
}

// An image that comes along is base64, or its URL has another scheme.
static bool check_image(struct check *c, struct json_value image, size_t part)
{
    static const str url_member = STR_INIT("url");
    struct json_value v;
    str bytes = STR("");

    if (image.kind != JSON_OBJECT) return true;
    mock_shape_members(image.text, &url_member, &v, 1);
    str url = mock_shape_text(v, c->arena);
    if (!str_starts(url, STR("data:"))) return true;
    str head = str_cut(&url, ',');
    if (str_starts(head, STR("data:image/")) && str_ends(head, STR(";base64")) &&
        mock_digest_decode(url, c->arena, &bytes) == OK)
        return true;
    str param =
        arena_format(c->arena, "messages[%zu].content[%zu].image_url.url", c->message, part);
    return refuse(c, param, "invalid_value",
                  arena_format(c->arena,
                               "Invalid '%" STR_FMT
                               "'. Expected a base64-encoded data URL with an image MIME type.",
                               STR_ARG(param)));
}

static bool check_parts(struct check *c, struct json_value content)
{
    static const str image_member = STR_INIT("image_url");
    struct json_reader walk;
    struct json_value v;

    mock_shape_elements(&walk, content);
    for (size_t i = 0; mock_shape_next(&walk, &v); i++) {
        mock_shape_members(v.text, &image_member, &v, 1);
        if (!check_image(c, v, i)) return false;
    }
    return true;
}

static bool check_message(struct check *c, str message)
{
    static const str names[] = {STR_INIT("role"), STR_INIT("content"), STR_INIT("tool_calls"),
                                STR_INIT("tool_call_id"), STR_INIT("function_call")};
    struct json_value v[MESSAGE_MEMBERS];

    mock_shape_members(message, names, v, MESSAGE_MEMBERS);
    str role = mock_shape_text(v[ROLE], c->arena);
    if (str_eq(role, STR("tool"))) {
        if (mock_pending_answer(&c->pending, mock_shape_text(v[CALL_ID], c->arena))) return true;
        return refuse(c, role_param(c), "",
                      STR("Invalid parameter: messages with role 'tool' must be a response to a "
                          "preceeding message with 'tool_calls'."));
    }
    if (!check_answered(c)) return false;
    c->pending.count = 0;
    if (str_eq(role, STR("assistant"))) return check_assistant(c, v);
    return check_parts(c, v[CONTENT]);
}

static bool check_messages(struct check *c, struct json_value messages)
{
    struct json_reader walk;
    struct json_value message;

    mock_shape_elements(&walk, messages);
    for (; mock_shape_next(&walk, &message); c->message++) {
        if (!check_message(c, message.text)) return false;
    }
    return check_answered(c);
}

static bool check_function(struct check *c, struct json_value function, size_t nth)
{
    static const str names[] = {STR_INIT("name"), STR_INIT("parameters")};
    static const str type_member = STR_INIT("type");
    struct json_value v[2];
    struct json_value type;

    mock_shape_members(function.text, names, v, 2);
    str name = mock_shape_text(v[0], c->arena);
    if (!mock_shape_is_name(name, NAME_MAX)) {
        str param = arena_format(c->arena, "tools[%zu].function.name", nth);
        return refuse(c, param, "invalid_value",
                      arena_format(c->arena,
                                   "Invalid '%" STR_FMT
                                   "': string does not match pattern. Expected a string that "
                                   "matches the pattern '^[a-zA-Z0-9_-]{1,64}$'.",
                                   STR_ARG(param)));
    }
    if (v[1].kind != JSON_OBJECT) return true;
    mock_shape_members(v[1].text, &type_member, &type, 1);
    if (str_eq(mock_shape_text(type, c->arena), STR("object"))) return true;
    return refuse(c, arena_format(c->arena, "tools[%zu].function.parameters", nth),
                  "invalid_function_parameters",
                  arena_format(c->arena,
                               "Invalid schema for function '%" STR_FMT
                               "': schema must be a JSON Schema of 'type: \"object\"'.",
                               STR_ARG(name)));
}

static bool check_tools(struct check *c, struct json_value tools)
{
    static const str function_member = STR_INIT("function");
    struct json_reader walk;
    struct json_value v;

    mock_shape_elements(&walk, tools);
    for (size_t i = 0; mock_shape_next(&walk, &v); i++) {
        mock_shape_members(v.text, &function_member, &v, 1);
        if (v.kind == JSON_OBJECT && !check_function(c, v, i)) return false;
    }
    return true;
}

enum {
    MESSAGES,
    TOOLS,
    CHOICE,
    PARALLEL,
    STREAM,
    STREAM_OPTIONS,
    MAX_TOKENS,
    MAX_COMPLETION,
    STOP,
    CHAT_MEMBERS
};

static bool check_needs_tools(struct check *c, const struct json_value *v)
{
    static const str names[] = {STR_INIT("tool_choice"), STR_INIT("parallel_tool_calls")};

    if (v[TOOLS].kind == JSON_ARRAY) return true;
    for (size_t i = 0; i < 2; i++) {
        if (v[CHOICE + i].kind == JSON_NULL) continue;
        return refuse(c, names[i], "",
                      arena_format(c->arena,
                                   "Invalid value for '%" STR_FMT "': '%" STR_FMT
                                   "' is only allowed when 'tools' are specified.",
                                   STR_ARG(names[i]), STR_ARG(names[i])));
    }
    return true;
}

static bool check_stops(struct check *c, struct json_value stops)
{
    struct json_reader walk;
    struct json_value v;
    size_t count = 0;

    mock_shape_elements(&walk, stops);
    while (mock_shape_next(&walk, &v)) {
        count++;
    }
    if (count <= STOPS_MAX) return true;
    return refuse(c, STR("stop"), "array_above_max_length",
                  arena_format(c->arena,
                               "Invalid 'stop': array too long. Expected an array with maximum "
                               "length 4, but got an array with length %zu instead.",
                               count));
}

// What members say about each other.
static bool check_together(struct check *c, const struct json_value *v)
{
    if (!check_needs_tools(c, v)) return false;
    if (v[STREAM_OPTIONS].kind == JSON_OBJECT && v[STREAM].kind != JSON_TRUE)
        return refuse(c, STR("stream_options"), "",
                      STR("The 'stream_options' parameter is only allowed when 'stream' is "
                          "enabled."));
    if (v[MAX_TOKENS].kind == JSON_NUMBER && v[MAX_COMPLETION].kind == JSON_NUMBER)
        return refuse(c, STR("max_tokens"), "invalid_parameter_combination",
                      STR("Setting 'max_tokens' and 'max_completion_tokens' at the same time is "
                          "not supported."));
    return check_stops(c, v[STOP]);
}

bool mock_openai_check_chat(const struct mock_asked *a, struct arena *arena,
                            struct mock_problem *out)
{
    static const str names[] = {STR_INIT("messages"),    STR_INIT("tools"),
                                STR_INIT("tool_choice"), STR_INIT("parallel_tool_calls"),
                                STR_INIT("stream"),      STR_INIT("stream_options"),
                                STR_INIT("max_tokens"),  STR_INIT("max_completion_tokens"),
                                STR_INIT("stop")};
    struct check c = {.arena = arena, .out = out};
    struct mock_shape_finding finding;
    struct json_value v[CHAT_MEMBERS];

    if (!a->is_strict) return true;
    *out = (struct mock_problem){.status = 400};
    if (!mock_shape_check(a->body, &mock_openai_shape_chat, true, &finding))
        return refuse_finding(&c, &finding);
    mock_shape_members(a->body, names, v, CHAT_MEMBERS);
    return check_messages(&c, v[MESSAGES]) && check_tools(&c, v[TOOLS]) && check_together(&c, v);
}
