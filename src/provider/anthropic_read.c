// Requests of /v1/messages and its count_tokens, read (anthropic_dialect.h).

#include "provider/anthropic_content.h"
#include "provider/anthropic_dialect.h"
#include "provider/members.h"

#include <string.h>

enum { MESSAGES_FIRST = 16 };

enum member {
    MODEL,
    MESSAGES,
    SYSTEM,
    MAX_TOKENS,
    TOOLS,
    TOOL_CHOICE,
    THINKING,
    OUTPUT_CONFIG,
    OUTPUT_FORMAT, // where betas had it
    METADATA,
    STOP_SEQUENCES,
    TEMPERATURE,
    TOP_P,
    TOP_K,
    SERVICE_TIER,
    STREAM,
    MEMBERS_KNOWN,
};

static const str member_names[MEMBERS_KNOWN] = {
    [MODEL] = STR_INIT("model"),
    [MESSAGES] = STR_INIT("messages"),
    [SYSTEM] = STR_INIT("system"),
    [MAX_TOKENS] = STR_INIT("max_tokens"),
    [TOOLS] = STR_INIT("tools"),
    [TOOL_CHOICE] = STR_INIT("tool_choice"),
    [THINKING] = STR_INIT("thinking"),
    [OUTPUT_CONFIG] = STR_INIT("output_config"),
    [OUTPUT_FORMAT] = STR_INIT("output_format"),
    [METADATA] = STR_INIT("metadata"),
    [STOP_SEQUENCES] = STR_INIT("stop_sequences"),
    [TEMPERATURE] = STR_INIT("temperature"),
    [TOP_P] = STR_INIT("top_p"),
    [TOP_K] = STR_INIT("top_k"),
    [SERVICE_TIER] = STR_INIT("service_tier"),
    [STREAM] = STR_INIT("stream"),
};

// A request being read.
struct request {
    struct anthropic_content content;
    struct chat_request *out;
    struct json_value found[MEMBERS_KNOWN];
    struct chat_message *messages; // the first is kept for the system prompt
    size_t message_count;
    size_t message_room;
    bool has_dropped_tools;
};

static err refuse(struct request *q, err e, str problem, const char *leaf)
{
    return anthropic_content_refuse(&q->content, e, problem, leaf);
}

static err refuse_object(struct request *q, const char *leaf)
{
    return refuse(q, ERR_TYPE, STR("An object is required here."), leaf);
}

static err read_text(struct request *q, struct json_value v, const char *leaf,
                     struct chat_text *out)
{
    if (v.kind == JSON_NULL) return OK;
    if (v.kind != JSON_STRING) return refuse(q, ERR_TYPE, STR("A string is required here."), leaf);
    *out = chat_text_json(json_raw(v));
    return OK;
}

static err read_number(struct request *q, struct json_value v, const char *leaf, str *out)
{
    if (v.kind == JSON_NULL) return OK;
    if (v.kind != JSON_NUMBER) return refuse(q, ERR_TYPE, STR("A number is required here."), leaf);
    *out = v.text;
    return OK;
}

static err read_count(struct request *q, struct json_value v, const char *leaf, str *out)
{
    uint64_t count = 0;

    TRY(read_number(q, v, leaf, out));
    if (!out->len) return OK;
    err e = json_to_u64(v, INT64_MAX, &count);
    return e ? refuse(q, e, STR("A whole number of at least 0 is required here."), leaf) : OK;
}

// Members that nobody knows are noted below `outer`.
static err read_object(struct request *q, struct json_value v, struct members *m, const char *leaf,
                       const char *outer)
{
    err e = members_read_value(v, m);

    if (e) return e == ERR_TYPE ? refuse_object(q, leaf) : e;
    anthropic_content_drop_all(&q->content, outer, m->strangers, m->stranger_count);
    return OK;
}

// --- Messages ---

static err add_message(struct request *q, enum chat_role role, struct anthropic_parts parts)
{
    if (!parts.count) return OK;
    if (q->message_count == CHAT_MESSAGES_MAX)
        return refuse(q, ERR_LIMIT, STR("The request has too many messages."), "");
    if (q->message_count == q->message_room) {
        struct chat_message *messages =
            arena_array(q->content.arena, struct chat_message, 2 * q->message_room);
        memcpy(messages, q->messages, q->message_count * sizeof(*messages));
        q->messages = messages;
        q->message_room *= 2;
    }
    q->messages[q->message_count++] =
        (struct chat_message){.role = role, .parts = parts.items, .part_count = parts.count};
    return OK;
}

// The results of tools are messages of their own, before the rest.
static err add_user_message(struct request *q, struct anthropic_parts parts)
{
    struct anthropic_parts rest = {.items = parts.items};

    for (size_t i = 0; i < parts.count; i++) {
        if (parts.items[i].kind != CHAT_PART_TOOL_RESULT) continue;
        struct chat_part *result = arena_new(q->content.arena, struct chat_part);
        *result = parts.items[i];
        TRY(add_message(q, CHAT_TOOL, (struct anthropic_parts){.items = result, .count = 1}));
    }
    for (size_t i = 0; i < parts.count; i++) {
        if (parts.items[i].kind != CHAT_PART_TOOL_RESULT) rest.items[rest.count++] = parts.items[i];
    }
    return add_message(q, CHAT_USER, rest);
}

static err read_message(struct request *q, struct json_value v)
{
    enum { ROLE, CONTENT, COUNT };
    enum { USER, ASSISTANT, SYSTEM_ROLE, ROLES };
    static const str names[COUNT] = {STR_INIT("role"), STR_INIT("content")};
    static const str roles[ROLES] = {STR_INIT("user"), STR_INIT("assistant"), STR_INIT("system")};
    static const enum anthropic_where where[ROLES] = {ANTHROPIC_IN_USER, ANTHROPIC_IN_ASSISTANT,
                                                      ANTHROPIC_IN_SYSTEM};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);
    struct anthropic_parts parts = {0};
    size_t role = ROLES;

    TRY(read_object(q, v, &m, "", "messages."));
    if (found[ROLE].kind == JSON_STRING) role = members_find(roles, ROLES, json_raw(found[ROLE]));
    if (role == ROLES)
        return refuse(q, ERR_TYPE, STR("The role is 'user', 'assistant' or 'system'."), ".role");
    anthropic_content_enter(&q->content, ".content", SIZE_MAX);
    TRY(anthropic_content_read(&q->content, found[CONTENT], where[role], &parts));
    anthropic_content_leave(&q->content);
    if (role == USER) return add_user_message(q, parts);
    return add_message(q, role == ASSISTANT ? CHAT_ASSISTANT : CHAT_SYSTEM, parts);
}

static err read_messages(struct request *q)
{
    struct json_value all = q->found[MESSAGES];
    struct json_reader r;
    struct json_value v;
    err e = OK;

    q->message_room = MESSAGES_FIRST;
    q->messages = arena_array(q->content.arena, struct chat_message, q->message_room);
    q->message_count = 1;
    if (all.kind != JSON_ARRAY)
        return refuse(q, ERR_TYPE, STR("A list of messages is required."), "messages");
    json_reader_init(&r, all.text);
    TRY(json_enter(&r));
    for (size_t i = 0; !(e = json_element(&r)); i++) {
        TRY(json_value(&r, &v));
        anthropic_content_enter(&q->content, "messages", i);
        TRY(read_message(q, v));
        anthropic_content_leave(&q->content);
    }
    if (e != ERR_EOF) return e;
    if (q->message_count == 1)
        return refuse(q, ERR_RANGE, STR("At least one message is required."), "messages");
    return OK;
}

static err read_system(struct request *q)
{
    struct anthropic_parts parts = {0};

    if (q->found[SYSTEM].kind != JSON_NULL) {
        anthropic_content_enter(&q->content, "system", SIZE_MAX);
        TRY(anthropic_content_read(&q->content, q->found[SYSTEM], ANTHROPIC_IN_SYSTEM, &parts));
        anthropic_content_leave(&q->content);
    }
    bool has_system = parts.count != 0;
    q->messages[0] =
        (struct chat_message){.role = CHAT_SYSTEM, .parts = parts.items, .part_count = parts.count};
    q->out->messages = q->messages + !has_system;
    q->out->message_count = q->message_count - !has_system;
    return OK;
}

// --- Tools ---

static enum chat_flag flag_of(struct json_value v)
{
    return v.kind == JSON_TRUE ? CHAT_YES : v.kind == JSON_FALSE ? CHAT_NO : CHAT_UNSET;
}

static err read_tool(struct request *q, struct json_value v)
{
    enum { NAME, DESCRIPTION, SCHEMA, STRICT, CACHE, TYPE, COUNT };
    static const str names[COUNT] = {STR_INIT("name"),          STR_INIT("description"),
                                     STR_INIT("input_schema"),  STR_INIT("strict"),
                                     STR_INIT("cache_control"), STR_INIT("type")};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);
    struct chat_tool *tool = &q->out->tools[q->out->tool_count];

    err e = members_read_value(v, &m);
    if (e) return e == ERR_TYPE ? refuse_object(q, "") : e;
    if (found[TYPE].kind == JSON_STRING && !json_string_is(json_raw(found[TYPE]), STR("custom"))) {
        anthropic_content_drop(&q->content, "tools.", json_raw(found[TYPE]));
        q->has_dropped_tools = true;
        return OK;
    }
    anthropic_content_drop_all(&q->content, "tools.", m.strangers, m.stranger_count);
    *tool = (struct chat_tool){.cache_json = found[CACHE].text, .strict = flag_of(found[STRICT])};
    if (found[NAME].kind != JSON_STRING)
        return refuse(q, ERR_TYPE, STR("A string is required here."), ".name");
    TRY(read_text(q, found[NAME], ".name", &tool->name));
    TRY(read_text(q, found[DESCRIPTION], ".description", &tool->description));
    if (found[SCHEMA].kind == JSON_OBJECT) {
        tool->schema_json = found[SCHEMA].text;
    } else if (found[SCHEMA].kind != JSON_NULL) {
        return refuse_object(q, ".input_schema");
    }
    q->out->tool_count++;
    return OK;
}

static err count_elements(struct json_value array, size_t *count)
{
    struct json_reader r;
    err e = OK;

    json_reader_init(&r, array.text);
    TRY(json_enter(&r));
    for (*count = 0; !(e = json_element(&r)); ++*count) {
    }
    return e == ERR_EOF ? OK : e;
}

static err read_tools(struct request *q)
{
    struct json_value all = q->found[TOOLS];
    struct json_reader r;
    struct json_value v;
    size_t count = 0;
    err e = OK;

    if (all.kind == JSON_NULL) return OK;
    if (all.kind != JSON_ARRAY)
        return refuse(q, ERR_TYPE, STR("A list of tools is required here."), "tools");
    TRY(count_elements(all, &count));
    if (count > CHAT_TOOLS_MAX)
        return refuse(q, ERR_LIMIT, STR("The request has too many tools."), "tools");
    q->out->tools = arena_array(q->content.arena, struct chat_tool, count + 1);
    json_reader_init(&r, all.text);
    TRY(json_enter(&r));
    for (size_t i = 0; !(e = json_element(&r)); i++) {
        TRY(json_value(&r, &v));
        anthropic_content_enter(&q->content, "tools", i);
        TRY(read_tool(q, v));
        anthropic_content_leave(&q->content);
    }
    return e == ERR_EOF ? OK : e;
}

// A choice that only a tool could serve that was left out can't be kept.
static err check_choice(struct request *q, const struct chat_tool_choice *choice)
{
    bool is_there = choice->kind == CHAT_CHOOSE_ANY && q->out->tool_count;

    if (choice->kind != CHAT_CHOOSE_ANY && choice->kind != CHAT_CHOOSE_ONE) return OK;
    for (size_t i = 0; i < q->out->tool_count && !is_there; i++) {
        is_there = str_eq(q->out->tools[i].name.bytes, choice->name.bytes);
    }
    if (is_there || !q->has_dropped_tools) return OK;
    return refuse(q, ERR_UNSUPPORTED,
                  STR("The tool that is to be used is one of Anthropic's own, which this model's "
                      "provider doesn't have."),
                  "tool_choice");
}

static err read_tool_choice(struct request *q)
{
    enum { TYPE, NAME, SERIAL, COUNT };
    enum { AUTO, ANY, TOOL, NONE, TYPES };
    static const str names[COUNT] = {STR_INIT("type"), STR_INIT("name"),
                                     STR_INIT("disable_parallel_tool_use")};
    static const str types[TYPES] = {STR_INIT("auto"), STR_INIT("any"), STR_INIT("tool"),
                                     STR_INIT("none")};
    static const enum chat_choose kinds[TYPES] = {CHAT_CHOOSE_AUTO, CHAT_CHOOSE_ANY,
                                                  CHAT_CHOOSE_ONE, CHAT_CHOOSE_NONE};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);
    struct chat_tool_choice *choice = &q->out->tool_choice;
    size_t type = TYPES;

    if (q->found[TOOL_CHOICE].kind == JSON_NULL) return OK;
    TRY(read_object(q, q->found[TOOL_CHOICE], &m, "tool_choice", "tool_choice."));
    if (found[TYPE].kind == JSON_STRING) type = members_find(types, TYPES, json_raw(found[TYPE]));
    if (type == TYPES)
        return refuse(q, ERR_TYPE, STR("The type is 'auto', 'any', 'tool' or 'none'."),
                      "tool_choice.type");
    choice->kind = kinds[type];
    if (type == TOOL && found[NAME].kind != JSON_STRING)
        return refuse(q, ERR_TYPE, STR("A string is required here."), "tool_choice.name");
    if (type == TOOL) TRY(read_text(q, found[NAME], "tool_choice.name", &choice->name));
    if (found[SERIAL].kind == JSON_TRUE) choice->parallel = CHAT_NO;
    if (found[SERIAL].kind == JSON_FALSE) choice->parallel = CHAT_YES;
    return check_choice(q, choice);
}

// --- The rest ---

static err read_thinking(struct request *q)
{
    enum { TYPE, BUDGET, COUNT };
    enum { ENABLED, DISABLED, ADAPTIVE, BETWEEN_TOOLS, TYPES };
    static const str names[COUNT] = {STR_INIT("type"), STR_INIT("budget_tokens")};
    static const str types[TYPES] = {STR_INIT("enabled"), STR_INIT("disabled"),
                                     STR_INIT("adaptive"), STR_INIT("between_tools")};
    static const enum chat_thinking kinds[TYPES] = {CHAT_THINKING_ON, CHAT_THINKING_OFF,
                                                    CHAT_THINKING_ADAPTIVE, CHAT_THINKING_ADAPTIVE};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);
    size_t type = TYPES;

    if (q->found[THINKING].kind == JSON_NULL) return OK;
    TRY(read_object(q, q->found[THINKING], &m, "thinking", "thinking."));
    if (found[TYPE].kind == JSON_STRING) type = members_find(types, TYPES, json_raw(found[TYPE]));
    if (type == TYPES)
        return refuse(q, ERR_TYPE, STR("The type is 'enabled', 'disabled' or 'adaptive'."),
                      "thinking.type");
    if (type == BETWEEN_TOOLS) anthropic_content_drop(&q->content, "thinking.", STR("type"));
    q->out->reasoning.thinking = kinds[type];
    return read_count(q, found[BUDGET], "thinking.budget_tokens", &q->out->reasoning.budget_tokens);
}

static err read_format(struct request *q, struct json_value v, const char *leaf)
{
    enum { TYPE, SCHEMA, COUNT };
    static const str names[COUNT] = {STR_INIT("type"), STR_INIT("schema")};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);

    if (v.kind == JSON_NULL) return OK;
    TRY(read_object(q, v, &m, leaf, "output_config.format."));
    if (found[TYPE].kind != JSON_STRING ||
        !json_string_is(json_raw(found[TYPE]), STR("json_schema")) ||
        found[SCHEMA].kind != JSON_OBJECT)
        return refuse(q, ERR_TYPE, STR("The format is 'json_schema', with a schema."), leaf);
    q->out->format.kind = CHAT_FORMAT_SCHEMA;
    q->out->format.schema_json = found[SCHEMA].text;
    return OK;
}

static err read_output_config(struct request *q)
{
    enum { EFFORT, FORMAT, COUNT };
    static const str names[COUNT] = {STR_INIT("effort"), STR_INIT("format")};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);

    TRY(read_format(q, q->found[OUTPUT_FORMAT], "output_format"));
    if (q->found[OUTPUT_CONFIG].kind == JSON_NULL) return OK;
    TRY(read_object(q, q->found[OUTPUT_CONFIG], &m, "output_config", "output_config."));
    TRY(read_text(q, found[EFFORT], "output_config.effort", &q->out->reasoning.effort));
    return read_format(q, found[FORMAT], "output_config.format");
}

static err read_metadata(struct request *q)
{
    static const str names[] = {STR_INIT("user_id")};
    struct json_value found[1];
    struct members m = MEMBERS(names, found);

    if (q->found[METADATA].kind == JSON_NULL) return OK;
    TRY(read_object(q, q->found[METADATA], &m, "metadata", "metadata."));
    return read_text(q, found[0], "metadata.user_id", &q->out->user);
}

static err read_stops(struct request *q)
{
    struct json_value all = q->found[STOP_SEQUENCES];
    struct json_reader r;
    struct json_value v;
    err e = OK;

    if (all.kind == JSON_NULL) return OK;
    if (all.kind != JSON_ARRAY)
        return refuse(q, ERR_TYPE, STR("A list of strings is required here."), "stop_sequences");
    q->out->stops = arena_array(q->content.arena, struct chat_text, CHAT_STOPS_MAX);
    json_reader_init(&r, all.text);
    TRY(json_enter(&r));
    while (!(e = json_element(&r))) {
        TRY(json_value(&r, &v));
        if (v.kind != JSON_STRING)
            return refuse(q, ERR_TYPE, STR("A list of strings is required here."),
                          "stop_sequences");
        if (q->out->stop_count == CHAT_STOPS_MAX)
            return refuse(q, ERR_LIMIT, STR("There are too many stop sequences."),
                          "stop_sequences");
        q->out->stops[q->out->stop_count++] = chat_text_json(json_raw(v));
    }
    return e == ERR_EOF ? OK : e;
}

// OpenAI's word for it is what others know.
static err read_service_tier(struct request *q)
{
    struct chat_text *tier = &q->out->service_tier;

    TRY(read_text(q, q->found[SERVICE_TIER], "service_tier", tier));
    if (chat_text_is(*tier, STR("standard_only"))) *tier = chat_text_plain(STR("default"));
    return OK;
}

static err read_scalars(struct request *q)
{
    struct chat_request *out = q->out;
    enum json_kind stream = q->found[STREAM].kind;

    if (q->found[MODEL].kind != JSON_STRING)
        return refuse(q, ERR_TYPE, STR("A model is required."), "model");
    TRY(read_text(q, q->found[MODEL], "model", &out->model));
    if (stream != JSON_NULL && stream != JSON_TRUE && stream != JSON_FALSE)
        return refuse(q, ERR_TYPE, STR("A boolean is required here."), "stream");
    out->is_stream = out->wants_usage = stream == JSON_TRUE;
    TRY(read_count(q, q->found[MAX_TOKENS], "max_tokens", &out->max_tokens));
    TRY(read_number(q, q->found[TEMPERATURE], "temperature", &out->temperature));
    TRY(read_number(q, q->found[TOP_P], "top_p", &out->top_p));
    TRY(read_count(q, q->found[TOP_K], "top_k", &out->top_k));
    TRY(read_service_tier(q));
    TRY(read_metadata(q));
    TRY(read_stops(q));
    return read_thinking(q);
}

static err read_members(struct request *q, str body)
{
    struct members m = MEMBERS(member_names, q->found);
    struct json_reader r;

    json_reader_init(&r, body);
    err e = members_read(&r, &m);
    if (!e) e = json_end(&r);
    if (e == ERR_TYPE) return refuse(q, ERR_SYNTAX, STR("The body is no JSON object."), "");
    if (e)
        return refuse(q, e,
                      e == ERR_LIMIT ? STR("The body is nested too deeply.")
                                     : arena_format(q->content.arena,
                                                    "The body is not valid JSON: byte %zu.", r.at),
                      "");
    anthropic_content_drop_all(&q->content, "", m.strangers, m.stranger_count);
    return OK;
}

err anthropic_read_count_request(str body, struct arena *a, struct chat_request *out,
                                 struct chat_notes *n)
{
    struct chat_request found = {.choice_count = 1};
    struct request q = {.content = {.arena = a, .notes = n}, .out = &found};

    TRY(read_members(&q, body));
    TRY(read_scalars(&q));
    TRY(read_messages(&q));
    TRY(read_system(&q));
    TRY(read_tools(&q));
    TRY(read_tool_choice(&q));
    TRY(read_output_config(&q));
    *out = found;
    return OK;
}

err anthropic_read_request(str body, struct arena *a, struct chat_request *out,
                           struct chat_notes *n)
{
    struct chat_request found;

    TRY(anthropic_read_count_request(body, a, &found, n));
    if (!found.max_tokens.len)
        return chat_notes_refuse(n, ERR_TYPE, STR("A maximum of tokens is required."),
                                 STR("max_tokens"));
    *out = found;
    return OK;
}
