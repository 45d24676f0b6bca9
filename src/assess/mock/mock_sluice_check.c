// Design: types are right, as the schema has seen to that; a walk over the messages remembers the
// calls of tools that wait for results, and all else is looked at member by member.
#include "assess/mock/mock_sluice_check.h"

#include "assess/mock/mock_pending.h"
#include "assess/mock/mock_shape.h"

enum { NAME_MAX = 64 };

struct check {
    struct arena *arena;
    struct mock_problem *out;
    bool is_strict;
    size_t message;
    str role;
    struct mock_pending pending; // calls of the assistant's last message
};

static bool refuse(struct check *c, str param, const char *message)
{
    c->out->param = param;
    c->out->message = str_from_c(message);
    return false;
}

static bool refuse_part(struct check *c, size_t part, const char *message)
{
    return refuse(c, arena_format(c->arena, "messages[%zu].parts[%zu]", c->message, part), message);
}

static bool has_role(const struct check *c, str role)
{
    return str_eq(c->role, role);
}

// A picture, a recording or a document.
static bool check_media(struct check *c, size_t part, struct json_value holder)
{
    enum { URL, DATA, FILE_ID, TYPE, COUNT };
    static const str media_member = STR_INIT("media");
    static const str names[COUNT] = {STR_INIT("url"), STR_INIT("data"), STR_INIT("fileId"),
                                     STR_INIT("mediaType")};
    struct json_value media;
    struct json_value v[COUNT];

    mock_shape_members(holder.text, &media_member, &media, 1);
    if (media.kind != JSON_OBJECT) return refuse_part(c, part, "it has no media");
    mock_shape_members(media.text, names, v, COUNT);
    if (v[URL].kind == JSON_NULL && v[DATA].kind == JSON_NULL && v[FILE_ID].kind == JSON_NULL)
        return refuse_part(c, part, "its media have no source");
    if (v[DATA].kind == JSON_STRING && v[TYPE].kind == JSON_NULL)
        return refuse_part(c, part, "data needs a media_type");
    if (has_role(c, STR("ROLE_SYSTEM")) || has_role(c, STR("ROLE_DEVELOPER")))
        return refuse_part(c, part, "media is not for this role");
    return true;
}

static bool check_call(struct check *c, size_t part, struct json_value call)
{
    static const str names[] = {STR_INIT("id"), STR_INIT("name"), STR_INIT("arguments")};
    struct json_value v[3];

    mock_shape_members(call.text, names, v, 3);
    if (!has_role(c, STR("ROLE_ASSISTANT")))
        return refuse_part(c, part, "only the assistant calls tools");
    if (v[0].kind == JSON_NULL || v[1].kind == JSON_NULL)
        return refuse_part(c, part, "a call needs an id and a name");
    str arguments = mock_shape_text(v[2], c->arena);
    if (c->is_strict && (!str_starts(str_trim(arguments), STR("{")) || json_check(arguments, NULL)))
        return refuse_part(c, part, "arguments must be a JSON object");
    if (!mock_pending_add(&c->pending, mock_shape_text(v[0], c->arena)))
        return refuse_part(c, part, "its id was used before");
    return true;
}

static bool check_result(struct check *c, size_t part, struct json_value result)
{
    static const str names[] = {STR_INIT("callId"), STR_INIT("parts")};
    struct json_value v[2];

    mock_shape_members(result.text, names, v, 2);
    if (!has_role(c, STR("ROLE_TOOL")))
        return refuse_part(c, part, "results of tools stand in messages of ROLE_TOOL");
    if (v[0].kind == JSON_NULL) return refuse_part(c, part, "a result needs the id of its call");
    if (!mock_pending_answer(&c->pending, mock_shape_text(v[0], c->arena)) && c->is_strict)
        return refuse_part(c, part, "no call of that id waits for a result");
    return true;
}

static bool check_part(struct check *c, size_t nth, struct json_value part)
{
    enum { TEXT, IMAGE, AUDIO, FILE, CALL, RESULT, REASONING, REFUSAL, COUNT };
    static const str names[COUNT] = {
        STR_INIT("text"),     STR_INIT("image"),      STR_INIT("audio"),     STR_INIT("file"),
        STR_INIT("toolCall"), STR_INIT("toolResult"), STR_INIT("reasoning"), STR_INIT("refusal")};
    struct json_value v[COUNT];
    size_t kind = 0;

    mock_shape_members(part.text, names, v, COUNT);
    while (kind < COUNT && v[kind].kind == JSON_NULL) {
        kind++;
    }
    bool is_assistants = kind == REASONING || kind == REFUSAL;
    if (kind == COUNT) return refuse_part(c, nth, "it is of no kind");
    if (kind >= IMAGE && kind <= FILE) return check_media(c, nth, v[kind]);
    if (kind == CALL) return check_call(c, nth, v[kind]);
    if (kind == RESULT) return check_result(c, nth, v[kind]);
    if (is_assistants && !has_role(c, STR("ROLE_ASSISTANT")))
        return refuse_part(c, nth, "only the assistant says so");
    if (has_role(c, STR("ROLE_TOOL")))
        return refuse_part(c, nth, "messages of ROLE_TOOL hold results only");
    return true;
}

// Before anybody else speaks, the calls of the assistant have their results.
static bool check_answered(struct check *c)
{
    str waiting = mock_pending_list(&c->pending, c->arena);

    if (waiting.len && c->is_strict)
        return refuse(
            c, arena_format(c->arena, "messages[%zu]", c->message),
            arena_format(c->arena, "calls wait for their results: %" STR_FMT, STR_ARG(waiting))
                .ptr);
    c->pending.count = 0;
    return true;
}

static bool is_role(str name)
{
    static const str roles[] = {STR_INIT("ROLE_SYSTEM"), STR_INIT("ROLE_DEVELOPER"),
                                STR_INIT("ROLE_USER"), STR_INIT("ROLE_ASSISTANT"),
                                STR_INIT("ROLE_TOOL")};

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (str_eq(name, roles[i])) return true;
    }
    return false;
}

static bool check_message(struct check *c, struct json_value message)
{
    static const str names[] = {STR_INIT("role"), STR_INIT("parts")};
    struct json_reader walk;
    struct json_value part;
    struct json_value v[2];

    mock_shape_members(message.text, names, v, 2);
    c->role = mock_shape_text(v[0], c->arena);
    if (!is_role(c->role))
        return refuse(c, arena_format(c->arena, "messages[%zu].role", c->message),
                      "a message must have a role");
    if (!has_role(c, STR("ROLE_TOOL")) && !check_answered(c)) return false;
    if (c->is_strict && v[1].kind == JSON_NULL)
        return refuse(c, arena_format(c->arena, "messages[%zu].parts", c->message),
                      "a message must say something");
    mock_shape_elements(&walk, v[1]);
    for (size_t i = 0; mock_shape_next(&walk, &part); i++) {
        if (!check_part(c, i, part)) return false;
    }
    return true;
}

static bool check_messages(struct check *c, struct json_value messages)
{
    struct json_reader walk;
    struct json_value message;

    if (messages.kind != JSON_ARRAY) return refuse(c, STR("messages"), "there are no messages");
    mock_shape_elements(&walk, messages);
    for (c->message = 0; mock_shape_next(&walk, &message); c->message++) {
        if (!check_message(c, message)) return false;
    }
    return check_answered(c);
}

// Each has a name, and parameters that are an object where there are any; `chosen` is one of them.
static bool check_tools(struct check *c, struct json_value tools, str chosen)
{
    static const str names[] = {STR_INIT("name"), STR_INIT("parameters")};
    struct json_reader walk;
    struct json_value tool;
    struct json_value v[2];
    bool has_chosen = !chosen.len;

    mock_shape_elements(&walk, tools);
    for (size_t i = 0; mock_shape_next(&walk, &tool); i++) {
        mock_shape_members(tool.text, names, v, 2);
        str name = mock_shape_text(v[0], c->arena);
        str schema = mock_shape_text(v[1], c->arena);
        has_chosen |= str_eq(name, chosen);
        if (!name.len || (c->is_strict && !mock_shape_is_name(name, NAME_MAX)))
            return refuse(c, arena_format(c->arena, "tools[%zu].name", i), "it is no name");
        if (schema.len && (!str_starts(str_trim(schema), STR("{")) || json_check(schema, NULL)))
            return refuse(c, arena_format(c->arena, "tools[%zu].parameters", i),
                          "they must be a JSON object");
    }
    return has_chosen || refuse(c, STR("tool_choice"), "there is no such tool");
}

static bool check_choice(struct check *c, struct json_value tools, struct json_value choice)
{
    static const str tool_member = STR_INIT("tool");
    struct json_value chosen = {.kind = JSON_NULL};

    if (c->is_strict && choice.kind == JSON_OBJECT && tools.kind == JSON_NULL)
        return refuse(c, STR("tool_choice"), "it is only for requests with tools");
    if (choice.kind == JSON_OBJECT) mock_shape_members(choice.text, &tool_member, &chosen, 1);
    return check_tools(c, tools, mock_shape_text(chosen, c->arena));
}

// A JSON schema, where one is asked for, is one.
static bool check_format(struct check *c, struct json_value format)
{
    static const str schema_member = STR_INIT("jsonSchema");
    static const str names[] = {STR_INIT("name"), STR_INIT("schema")};
    struct json_value schema;
    struct json_value v[2];

    if (format.kind != JSON_OBJECT) return true;
    mock_shape_members(format.text, &schema_member, &schema, 1);
    if (schema.kind != JSON_OBJECT) return true;
    mock_shape_members(schema.text, names, v, 2);
    str text = mock_shape_text(v[1], c->arena);
    if (str_starts(str_trim(text), STR("{")) && json_check(text, NULL) == OK) return true;
    return refuse(c, STR("response_format.json_schema.schema"), "it must be a JSON object");
}

// A number as JSON writes it, within bounds that are whole.
static bool check_range(struct check *c, const char *name, struct json_value number, double max)
{
    uint64_t whole = 0;

    if (number.kind == JSON_NULL) return true;
    bool is_below = str_starts(number.text, STR("-")) && !str_starts(number.text, STR("-0"));
    err e = json_to_u64(number, (uint64_t)max, &whole);
    // A fraction is no whole number, and below the bound where what is before its point is.
    if (e == ERR_TYPE) {
        str before = str_sub(number.text, 0, str_find_char(number.text, '.'));
        if (str_to_u64(before, UINT64_MAX, &whole) && whole < (uint64_t)max) e = OK;
    }
    if (!is_below && !e) return true;
    return refuse(c, str_from_c(name), "it is out of its range");
}

static bool begin(const struct mock_asked *a, struct arena *arena, struct mock_problem *out,
                  struct check *c)
{
    *c = (struct check){.arena = arena, .out = out, .is_strict = a->is_strict};
    *out = (struct mock_problem){.status = 400};
    if (a->is_strict && a->unknown.len)
        return refuse(c, STR(""),
                      arena_format(arena, "%" STR_FMT " is unknown", STR_ARG(a->unknown)).ptr);
    return true;
}

bool mock_sluice_check_chat(const struct mock_asked *a, struct arena *arena,
                            struct mock_problem *out)
{
    enum { MODEL, MESSAGES, TOOLS, CHOICE, TEMPERATURE, TOP_P, FORMAT, COUNT };
    static const str names[COUNT] = {STR_INIT("model"),         STR_INIT("messages"),
                                     STR_INIT("tools"),         STR_INIT("toolChoice"),
                                     STR_INIT("temperature"),   STR_INIT("topP"),
                                     STR_INIT("responseFormat")};
    struct json_value v[COUNT];
    struct check c;

    if (!begin(a, arena, out, &c)) return false;
    mock_shape_members(a->body, names, v, COUNT);
    if (v[MODEL].kind == JSON_NULL) return refuse(&c, STR("model"), "there is no model");
    return check_messages(&c, v[MESSAGES]) && check_choice(&c, v[TOOLS], v[CHOICE]) &&
           check_format(&c, v[FORMAT]) && check_range(&c, "temperature", v[TEMPERATURE], 2) &&
           check_range(&c, "top_p", v[TOP_P], 1);
}

bool mock_sluice_check_embed(const struct mock_asked *a, struct arena *arena,
                             struct mock_problem *out)
{
    static const str names[] = {STR_INIT("model"), STR_INIT("input")};
    static const str kinds[] = {STR_INIT("text"), STR_INIT("tokens")};
    struct json_reader walk;
    struct json_value input;
    struct json_value v[2];
    struct check c;

    if (!begin(a, arena, out, &c)) return false;
    mock_shape_members(a->body, names, v, 2);
    if (v[0].kind == JSON_NULL) return refuse(&c, STR("model"), "there is no model");
    if (v[1].kind == JSON_NULL) return refuse(&c, STR("input"), "there is nothing to embed");
    mock_shape_elements(&walk, v[1]);
    for (size_t i = 0; mock_shape_next(&walk, &input); i++) {
        struct json_value kind[2];
        mock_shape_members(input.text, kinds, kind, 2);
        if (kind[0].kind != JSON_NULL || kind[1].kind != JSON_NULL) continue;
        return refuse(&c, arena_format(arena, "input[%zu]", i), "it is of no kind");
    }
    return true;
}

bool mock_sluice_check_health(const struct mock_asked *a, struct arena *arena,
                              struct mock_problem *out)
{
    static const str known[] = {STR_INIT(""), STR_INIT("sluice.v1.Chat"),
                                STR_INIT("sluice.v1.Embeddings"),
                                STR_INIT("grpc.health.v1.Health")};
    static const str service_member = STR_INIT("service");
    struct json_value service;
    struct check c;

    if (!begin(a, arena, out, &c)) return false;
    mock_shape_members(a->body, &service_member, &service, 1);
    str name = mock_shape_text(service, arena);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_eq(name, known[i])) return true;
    }
    out->status = 404;
    return refuse(&c, STR("service"), "there is no such service");
}
