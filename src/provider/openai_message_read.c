// The messages of a request (openai_chat.h).

#include "provider/openai_chat.h"
#include "provider/openai_content.h"

// The members of a message; what they make of it depends on its role, wherever that stands.
struct message {
    struct chat_text role;
    struct chat_text name;
    struct chat_text call_id;
    struct openai_said said;
    bool has_content;
};

enum { ROLE, NAME, CONTENT, CALLS, CALL_ID, FUNCTION, REFUSAL, REASONING, MEMBERS };

static const str names[MEMBERS] = {
    [ROLE] = STR_INIT("role"),
    [NAME] = STR_INIT("name"),
    [CONTENT] = STR_INIT("content"),
    [CALLS] = STR_INIT("tool_calls"),
    [CALL_ID] = STR_INIT("tool_call_id"),
    [FUNCTION] = STR_INIT("function_call"),
    [REFUSAL] = STR_INIT("refusal"),
    [REASONING] = STR_INIT("reasoning_content"),
};

static err take_member(struct chat_walk *w, size_t name, struct message *m)
{
    switch (name) {
    case ROLE: return chat_walk_text(w, &m->role);
    case NAME: return chat_walk_text(w, &m->name);
    case CONTENT:
        m->has_content = true;
        m->said.content.count = 0; // of a repeated member the last counts
        return openai_content_read(w, &m->said.content);
    case CALLS: m->said.calls.count = 0; return openai_content_read_calls(w, &m->said.calls);
    case CALL_ID: return chat_walk_text(w, &m->call_id);
    case FUNCTION: return openai_content_read_function(w, &m->said.calls);
    case REFUSAL: return chat_walk_text(w, &m->said.refusal);
    case REASONING: return chat_walk_text(w, &m->said.reasoning);
    default: return chat_walk_drop(w);
    }
}

static void use_parts(struct chat_message *out, struct chat_parts parts)
{
    out->parts = parts.items;
    out->part_count = parts.count;
}

// Legacy calls have no ids, and results name the function. Both get the same one, made of a count,
// so that it is the same each time the conversation is sent.
static void give_ids(struct chat_walk *w, struct openai_message_ids *ids, struct chat_parts *calls)
{
    for (size_t i = 0; i < calls->count; i++) {
        struct chat_part *call = &calls->items[i];
        if (chat_text_is_given(call->id)) continue;
        ids->last = chat_text_plain(arena_format(w->arena, "call_%zu", ids->count++));
        call->id = ids->last;
    }
}

static err make_assistant(struct chat_walk *w, struct message *m, struct openai_message_ids *ids,
                          struct chat_message *out)
{
    struct chat_parts all;

    give_ids(w, ids, &m->said.calls);
    TRY(openai_content_said(w, &m->said, &all));
    out->role = CHAT_ASSISTANT;
    out->name = m->name;
    use_parts(out, all);
    return OK;
}

static err make_result(struct chat_walk *w, struct message *m, struct chat_text call_id,
                       struct chat_message *out)
{
    struct chat_parts all = {.items = NULL};
    struct chat_part *result;

    if (!chat_text_is_given(call_id)) return chat_walk_missing(w, names[CALL_ID]);
    if (!m->has_content) return chat_walk_missing(w, names[CONTENT]);
    TRY(chat_walk_add_part(w, &all, CHAT_PART_TOOL_RESULT, &result));
    result->id = call_id;
    result->name = m->name;
    result->parts = m->said.content.items;
    result->part_count = m->said.content.count;
    out->role = CHAT_TOOL;
    use_parts(out, all);
    return OK;
}

static err make_spoken(struct chat_walk *w, const struct message *m, enum chat_role role,
                       struct chat_message *out)
{
    if (!m->has_content) return chat_walk_missing(w, names[CONTENT]);
    out->role = role;
    out->name = m->name;
    use_parts(out, m->said.content);
    return OK;
}

static err make_message(struct chat_walk *w, struct message *m, struct openai_message_ids *ids,
                        struct chat_message *out)
{
    if (!chat_text_is_given(m->role)) return chat_walk_missing(w, names[ROLE]);
    if (chat_text_is(m->role, STR("user"))) return make_spoken(w, m, CHAT_USER, out);
    if (chat_text_is(m->role, STR("system"))) return make_spoken(w, m, CHAT_SYSTEM, out);
    if (chat_text_is(m->role, STR("developer"))) return make_spoken(w, m, CHAT_DEVELOPER, out);
    if (chat_text_is(m->role, STR("tool"))) return make_result(w, m, m->call_id, out);
    if (chat_text_is(m->role, STR("function"))) return make_result(w, m, ids->last, out);
    if (!chat_text_is(m->role, STR("assistant")))
        return chat_walk_refuse_at(w, ERR_RANGE, names[ROLE],
                                   STR("The role must be system, developer, user, assistant or "
                                       "tool."));
    return make_assistant(w, m, ids, out);
}

err openai_message_read(struct chat_walk *w, struct openai_message_ids *ids,
                        struct chat_message *out)
{
    struct message m = {.has_content = false};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, MEMBERS, &name))) {
        TRY(take_member(w, name, &m));
    }
    *out = (struct chat_message){.role = CHAT_USER};
    return e == ERR_EOF ? make_message(w, &m, ids, out) : e;
}
