// Design: first the shape of the whole body, by its tables, so that all else may trust the types it
// reads. Then a walk over the messages, with the calls of tools that wait for results as its only
// memory; last what the other members say about each other.
#include "assess/mock/mock_anthropic_check.h"

#include "assess/mock/mock_anthropic_shape.h"
#include "assess/mock/mock_digest.h"
#include "assess/mock/mock_pending.h"

enum { TOOL_NAME_MAX = 128, SHOWN_MAX = 100, TOKENS_MAX = 1'000'000'000 };

// Newer versions than this one take the role "system" among the messages.
static const str oldest_version = STR_INIT("2023-06-01");

struct check {
    struct arena *arena;
    struct mock_problem *out;
    bool takes_system;
    bool is_thinking;
    // The walk over the messages.
    size_t message;
    size_t block;
    str role;                    // of the turn
    bool has_message;            // there was one before
    struct mock_pending pending; // calls of the assistant's last turn
    str first_type;              // of the first block in that turn; empty for a plain text
    bool has_result;             // the user's turn brings results
    str last_text;               // of the last message
};

static str shown(str s)
{
    return str_sub(s, 0, SHOWN_MAX);
}

static bool refuse(struct check *c, str message)
{
    c->out->message = message;
    return false;
}

static const char *wanted(unsigned kinds)
{
    if (kinds & MOCK_SHAPE_STRING) return "Input should be a valid string";
    if (kinds & MOCK_SHAPE_NUMBER) return "Input should be a valid number";
    if (kinds & MOCK_SHAPE_INTEGER) return "Input should be a valid integer";
    if (kinds & MOCK_SHAPE_BOOL) return "Input should be a valid boolean";
    return kinds & MOCK_SHAPE_ARRAY ? "Input should be a valid list" : "Input should be an object";
}

// 'a', 'b' or 'c'.
static str list_words(const str *words, struct arena *arena)
{
    str list = STR("");

    for (; words->len; words++) {
        const char *glue = words[1].len ? ", " : " or ";
        list = arena_format(arena, "%" STR_FMT "%s'%" STR_FMT "'", STR_ARG(list),
                            list.len ? glue : "", STR_ARG(*words));
    }
    return list;
}

static str list_tags(const struct mock_shape *shape, struct arena *arena)
{
    str list = STR("");

    for (const struct mock_shape_variant *v = shape->variants; v->tag.len; v++) {
        list = arena_format(arena, "%" STR_FMT "%s'%" STR_FMT "'", STR_ARG(list),
                            list.len ? ", " : "", STR_ARG(v->tag));
    }
    return list;
}

// What is wrong at the finding's path, but for a tag.
static str flaw_text(const struct mock_shape_finding *f, struct arena *arena)
{
    const struct mock_shape_field *field = f->field;

    switch (f->flaw) {
    case MOCK_SHAPE_MISSING: return STR("Field required");
    case MOCK_SHAPE_UNKNOWN: return STR("Extra inputs are not permitted");
    case MOCK_SHAPE_EMPTY: return STR("String should have at least 1 character");
    case MOCK_SHAPE_BELOW:
        return arena_format(arena, "Input should be greater than or equal to %g", field->min);
    case MOCK_SHAPE_ABOVE:
        return arena_format(arena, "Input should be less than or equal to %g", field->max);
    case MOCK_SHAPE_WORD:
        return arena_format(arena, "Input should be %" STR_FMT,
                            STR_ARG(list_words(field->words, arena)));
    case MOCK_SHAPE_TYPE: {
        bool is_element = !f->path[f->depth - 1].name.len;
        return str_from_c(wanted(is_element ? field->elements : field->kinds));
    }
    case MOCK_SHAPE_TAG:
    case MOCK_SHAPE_BROKEN: break;
    }
    return STR("");
}

static bool refuse_finding(struct check *c, struct mock_shape_finding *f)
{
    if (f->flaw == MOCK_SHAPE_BROKEN)
        return refuse(c, STR("The request body is not valid JSON, or no object."));
    if (f->flaw != MOCK_SHAPE_TAG) {
        str path = mock_shape_path(f, false, c->arena);
        return refuse(c, arena_format(c->arena, "%" STR_FMT ": %" STR_FMT, STR_ARG(path),
                                      STR_ARG(flaw_text(f, c->arena))));
    }
    str value = f->value.kind == JSON_STRING ? shown(json_raw(f->value)) : STR("?");
    str tag = f->path[--f->depth].name;
    str path = mock_shape_path(f, false, c->arena);
    if (str_eq(tag, STR("role")))
        return refuse(c, arena_format(c->arena,
                                      "messages: Unexpected role \"%" STR_FMT
                                      "\". Allowed roles are \"user\" or \"assistant\"",
                                      STR_ARG(value)));
    return refuse(c, arena_format(c->arena,
                                  "%" STR_FMT ": Input tag '%" STR_FMT "' found using '%" STR_FMT
                                  "' does not match any of the expected tags: %" STR_FMT,
                                  STR_ARG(path), STR_ARG(value), STR_ARG(tag),
                                  STR_ARG(list_tags(f->shape, c->arena))));
}

static bool refuse_waiting(struct check *c, size_t message, str ids)
{
    return refuse(c, arena_format(c->arena,
                                  "messages.%zu: `tool_use` ids were found without `tool_result` "
                                  "blocks immediately after: %" STR_FMT
                                  ". Each `tool_use` block must have a corresponding `tool_result` "
                                  "block in the next message.",
                                  message, STR_ARG(ids)));
}

// Whether nothing waits for a result that does not come any more.
static bool check_answered(struct check *c)
{
    str ids = mock_pending_list(&c->pending, c->arena);

    return !ids.len || refuse_waiting(c, c->message ? c->message - 1 : 0, ids);
}

static bool check_result(struct check *c, str id)
{
    c->has_result = true;
    if (mock_pending_answer(&c->pending, id)) return true;
    return refuse(c, arena_format(c->arena,
                                  "messages.%zu.content.%zu: unexpected `tool_use_id` found in "
                                  "`tool_result` blocks: %" STR_FMT
                                  ". Each `tool_result` block must have a corresponding `tool_use` "
                                  "block in the previous message.",
                                  c->message, c->block, STR_ARG(shown(id))));
}

static bool check_thinking_block(struct check *c, str thinking, str signature)
{
    char seal[MOCK_DIGEST_SEAL + 1];

    mock_digest_seal(thinking, seal);
    if (str_eq(signature, str_from_c(seal))) return true;
    return refuse(c, arena_format(c->arena,
                                  "messages.%zu.content.%zu: Invalid `signature` in `thinking` "
                                  "block",
                                  c->message, c->block));
}

static bool check_image(struct check *c, struct json_value source)
{
    static const str names[] = {STR_INIT("type"), STR_INIT("data")};
    struct json_value v[2];
    str bytes = STR("");

    mock_shape_members(source.text, names, v, 2);
    if (!str_eq(mock_shape_text(v[0], c->arena), STR("base64"))) return true;
    if (mock_digest_decode(mock_shape_text(v[1], c->arena), c->arena, &bytes) == OK) return true;
    return refuse(c, arena_format(c->arena,
                                  "messages.%zu.content.%zu.image.source.base64: invalid base64 "
                                  "data",
                                  c->message, c->block));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_blank(str s)
{
    size_t at = 0;

    while (at < s.len && is_space(s.ptr[at])) {
        at++;
    }
    return at == s.len;
}

enum { TYPE, TEXT, ID, USE_ID, THINKING, SIGNATURE, SOURCE, BLOCK_MEMBERS };

static bool check_block(struct check *c, str block)
{
    static const str names[] = {
        STR_INIT("type"),     STR_INIT("text"),      STR_INIT("id"),    STR_INIT("tool_use_id"),
        STR_INIT("thinking"), STR_INIT("signature"), STR_INIT("source")};
    struct json_value v[BLOCK_MEMBERS];

    mock_shape_members(block, names, v, BLOCK_MEMBERS);
    str type = mock_shape_text(v[TYPE], c->arena);
    str id = mock_shape_text(v[ID], c->arena);
    c->last_text = mock_shape_text(v[TEXT], c->arena);
    if (!c->block && !c->first_type.len) c->first_type = type;
    if (str_eq(type, STR("tool_result")))
        return check_result(c, mock_shape_text(v[USE_ID], c->arena));
    if (str_eq(c->role, STR("user")) && !check_answered(c)) return false;
    if (str_eq(type, STR("text")) && !c->last_text.len)
        return refuse(c, STR("messages: text content blocks must be non-empty"));
    if (str_eq(type, STR("text")) && is_blank(c->last_text))
        return refuse(c, STR("messages: text content blocks must contain non-whitespace text"));
    if (str_eq(type, STR("tool_use")) && !mock_pending_add(&c->pending, id))
        return refuse(c, STR("messages: `tool_use` ids must be unique"));
    if (str_eq(type, STR("thinking")))
        return check_thinking_block(c, mock_shape_text(v[THINKING], c->arena),
                                    mock_shape_text(v[SIGNATURE], c->arena));
    return !str_eq(type, STR("image")) || check_image(c, v[SOURCE]);
}

static bool check_empty(struct check *c)
{
    return refuse(c, arena_format(c->arena,
                                  "messages.%zu: all messages must have non-empty content except "
                                  "for the optional final assistant message",
                                  c->message));
}

static bool check_content(struct check *c, struct json_value content, bool may_be_empty)
{
    struct json_reader walk;
    struct json_value block;

    c->last_text = mock_shape_text(content, c->arena);
    if (content.kind == JSON_STRING) {
        if (!c->last_text.len && !may_be_empty) return check_empty(c);
        return !str_eq(c->role, STR("user")) || check_answered(c);
    }
    mock_shape_elements(&walk, content);
    for (c->block = 0; mock_shape_next(&walk, &block); c->block++) {
        if (!check_block(c, block.text)) return false;
    }
    return c->block || may_be_empty || check_empty(c);
}

// A turn is a run of messages of one role; the API joins them.
static bool begin_turn(struct check *c, str role)
{
    bool is_assistant = str_eq(role, STR("assistant"));

    if (!c->has_message && is_assistant)
        return refuse(c, STR("messages: first message must use the \"user\" role"));
    if (c->has_message && str_eq(role, c->role)) return true;
    c->role = role;
    if (!is_assistant) {
        c->has_result = false;
        return true;
    }
    if (!check_answered(c)) return false;
    c->pending.count = 0;
    c->first_type = STR("");
    return true;
}

static bool check_message(struct check *c, str message, bool is_last)
{
    static const str names[] = {STR_INIT("role"), STR_INIT("content")};
    struct json_value v[2];

    mock_shape_members(message, names, v, 2);
    str role = mock_shape_text(v[0], c->arena);
    if (str_eq(role, STR("system"))) {
        if (c->takes_system) return true;
        return refuse(c, STR("messages: Unexpected role \"system\". The Messages API accepts a "
                             "top-level `system` parameter, not \"system\" as an input message "
                             "role."));
    }
    if (!begin_turn(c, role)) return false;
    bool is_assistant = str_eq(role, STR("assistant"));
    if (!check_content(c, v[1], is_last && is_assistant)) return false;
    c->has_message = true;
    return true;
}

// What only the end of the conversation tells.
static bool check_last_turn(struct check *c)
{
    bool is_assistant = str_eq(c->role, STR("assistant"));
    str text = c->last_text;

    if (!c->has_message) return refuse(c, STR("messages: at least one message is required"));
    if (!check_answered(c)) return false;
    if (is_assistant && text.len && is_space(text.ptr[text.len - 1]))
        return refuse(c, STR("messages: final assistant content cannot end with trailing "
                             "whitespace"));
    bool begins_well =
        str_eq(c->first_type, STR("thinking")) || str_eq(c->first_type, STR("redacted_thinking"));
    if (!c->is_thinking || !c->has_result || is_assistant || begins_well) return true;
    return refuse(c,
                  arena_format(c->arena,
                               "messages.%zu.content.0.type: Expected `thinking` or "
                               "`redacted_thinking`, but found `%" STR_FMT
                               "`. When `thinking` is enabled, a final `assistant` message must "
                               "start with a thinking block.",
                               c->message > 1 ? c->message - 2 : 0, STR_ARG(shown(c->first_type))));
}

static bool check_messages(struct check *c, struct json_value messages)
{
    struct json_reader walk;
    struct json_value message;

    mock_shape_elements(&walk, messages);
    for (; mock_shape_next(&walk, &message); c->message++) {
        struct json_reader ahead = walk;
        bool is_last = json_element(&ahead) == ERR_EOF;
        if (!check_message(c, message.text, is_last)) return false;
    }
    return check_last_turn(c);
}

// The names of tools are well formed, and of one tool each; `*found` is whether `wanted_name` is
// among them.
static bool check_tools(struct check *c, struct json_value tools, str wanted_name, bool *found)
{
    static const str name_member = STR_INIT("name");
    struct mock_pending names = {.count = 0};
    struct json_reader walk;
    struct json_value v;

    mock_shape_elements(&walk, tools);
    for (size_t i = 0; mock_shape_next(&walk, &v); i++) {
        mock_shape_members(v.text, &name_member, &v, 1);
        str name = mock_shape_text(v, c->arena);
        *found |= str_eq(name, wanted_name);
        if (!mock_shape_is_name(name, TOOL_NAME_MAX))
            return refuse(c, arena_format(c->arena,
                                          "tools.%zu.custom.name: String should match pattern "
                                          "'^[a-zA-Z0-9_-]{1,128}$'",
                                          i));
        if (!mock_pending_add(&names, name))
            return refuse(c, STR("tools: Tool names must be unique, and 128 at most."));
    }
    return true;
}

static bool check_choice(struct check *c, struct json_value choice, struct json_value tools)
{
    static const str members[] = {STR_INIT("type"), STR_INIT("name")};
    struct json_value v[2];
    bool found = false;

    mock_shape_members(choice.kind == JSON_OBJECT ? choice.text : STR("{}"), members, v, 2);
    str type = mock_shape_text(v[0], c->arena);
    str name = mock_shape_text(v[1], c->arena);
    if (!check_tools(c, tools, name, &found)) return false;
    if (choice.kind == JSON_OBJECT && tools.kind != JSON_ARRAY)
        return refuse(c, STR("tool_choice: may only be specified while providing tools"));
    if (str_eq(type, STR("tool")) && !found)
        return refuse(c, arena_format(c->arena, "Tool '%" STR_FMT "' not found in provided tools",
                                      STR_ARG(shown(name))));
    bool is_forced = str_eq(type, STR("tool")) || str_eq(type, STR("any"));
    if (c->is_thinking && is_forced)
        return refuse(c, STR("Thinking may not be enabled when tool_choice forces tool use."));
    return true;
}

enum { MESSAGES, SYSTEM, TOOLS, CHOICE, THOUGHT, MAX_TOKENS, TEMPERATURE, REQUEST_MEMBERS };

static bool check_thinking(struct check *c, const struct json_value *v)
{
    static const str budget_member = STR_INIT("budget_tokens");
    struct json_value b;
    uint64_t budget = 0;
    uint64_t most = TOKENS_MAX;
    uint64_t temperature = 1;

    if (!c->is_thinking) return true;
    mock_shape_members(v[THOUGHT].text, &budget_member, &b, 1);
    // What is no whole number of these bounds is none of the values that are looked for.
    if (b.kind == JSON_NUMBER && json_to_u64(b, TOKENS_MAX, &budget)) budget = TOKENS_MAX;
    if (v[MAX_TOKENS].kind == JSON_NUMBER && json_to_u64(v[MAX_TOKENS], TOKENS_MAX, &most))
        most = 0;
    if (budget >= most)
        return refuse(c, STR("`max_tokens` must be greater than `thinking.budget_tokens`."));
    if (v[TEMPERATURE].kind == JSON_NUMBER &&
        (json_to_u64(v[TEMPERATURE], 1, &temperature) || temperature != 1))
        return refuse(c, STR("`temperature` may only be set to 1 when thinking is enabled."));
    return true;
}

static bool check_system(struct check *c, struct json_value system)
{
    static const str text_member = STR_INIT("text");
    struct json_reader walk;
    struct json_value v;

    mock_shape_elements(&walk, system);
    while (mock_shape_next(&walk, &v)) {
        mock_shape_members(v.text, &text_member, &v, 1);
        if (!mock_shape_text(v, c->arena).len)
            return refuse(c, STR("system: text content blocks must be non-empty"));
    }
    return true;
}

// A credential in either field, and a version.
static bool check_head(struct check *c, const struct h1_head *head)
{
    bool has_key =
        h1_field_find(head, STR("x-api-key")) || h1_field_find(head, STR("authorization"));

    if (!has_key) {
        c->out->status = 401;
        return refuse(c, STR("x-api-key header is required"));
    }
    if (!h1_field_find(head, STR("anthropic-version")))
        return refuse(c, STR("anthropic-version: header is required"));
    return true;
}

static bool check(const struct mock_asked *a, const struct mock_shape *shape, struct arena *arena,
                  struct mock_problem *out)
{
    static const str names[] = {STR_INIT("messages"),   STR_INIT("system"),
                                STR_INIT("tools"),      STR_INIT("tool_choice"),
                                STR_INIT("thinking"),   STR_INIT("max_tokens"),
                                STR_INIT("temperature")};
    static const str type_member = STR_INIT("type");
    const struct h1_field *version = h1_field_find(a->head, STR("anthropic-version"));
    struct check c = {.arena = arena, .out = out};
    struct mock_shape_finding finding;
    struct json_value v[REQUEST_MEMBERS];
    struct json_value type;

    *out = (struct mock_problem){.status = 400};
    c.takes_system = version && str_compare(version->value, oldest_version) > 0;
    if (a->is_strict && !check_head(&c, a->head)) return false;
    if (!mock_shape_check(a->body, shape, a->is_strict, &finding))
        return refuse_finding(&c, &finding);
    mock_shape_members(a->body, names, v, REQUEST_MEMBERS);
    if (v[THOUGHT].kind == JSON_OBJECT) {
        mock_shape_members(v[THOUGHT].text, &type_member, &type, 1);
        c.is_thinking = !str_eq(mock_shape_text(type, arena), STR("disabled"));
    }
    return check_system(&c, v[SYSTEM]) && check_messages(&c, v[MESSAGES]) &&
           check_choice(&c, v[CHOICE], v[TOOLS]) && check_thinking(&c, v);
}

bool mock_anthropic_check_message(const struct mock_asked *a, struct arena *arena,
                                  struct mock_problem *out)
{
    return check(a, &mock_anthropic_shape_request, arena, out);
}

bool mock_anthropic_check_count(const struct mock_asked *a, struct arena *arena,
                                struct mock_problem *out)
{
    return check(a, &mock_anthropic_shape_count, arena, out);
}
