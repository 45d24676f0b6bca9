// A request as a whole (openai_chat.h).

#include "provider/openai_chat.h"

#include <string.h>

enum { MESSAGES_FIRST = 16 };

// What is read, and what is only judged when all of it is known, as members come in any order.
struct request {
    struct chat_request q;
    struct openai_message_ids ids;
    size_t message_room;
    struct openai_tools tools;
    struct chat_text safety_identifier;
    str max_completion_tokens;
    str choices;
    enum chat_flag stream;
    enum chat_flag wants_usage;
};

// How a member is read: as a value of its kind, into a place; or by a function of its own.
enum how { TEXT, NUMBER, COUNT, WHOLE, OBJECT, FLAG, OWN };

// name, how, place
#define MEMBERS(X)                                                                                 \
    X(model, TEXT, q.model)                                                                        \
    X(user, TEXT, q.user)                                                                          \
    X(safety_identifier, TEXT, safety_identifier)                                                  \
    X(service_tier, TEXT, q.service_tier)                                                          \
    X(verbosity, TEXT, q.verbosity)                                                                \
    X(max_tokens, COUNT, q.max_tokens)                                                             \
    X(max_completion_tokens, COUNT, max_completion_tokens)                                         \
    X(n, COUNT, choices)                                                                           \
    X(top_k, WHOLE, q.top_k)                                                                       \
    X(top_logprobs, WHOLE, q.top_logprobs)                                                         \
    X(seed, NUMBER, q.seed)                                                                        \
    X(temperature, NUMBER, q.temperature)                                                          \
    X(top_p, NUMBER, q.top_p)                                                                      \
    X(frequency_penalty, NUMBER, q.frequency_penalty)                                              \
    X(presence_penalty, NUMBER, q.presence_penalty)                                                \
    X(logit_bias, OBJECT, q.logit_bias_json)                                                       \
    X(metadata, OBJECT, q.metadata_json)                                                           \
    X(logprobs, FLAG, q.logprobs)                                                                  \
    X(stream, FLAG, stream)                                                                        \
    X(parallel_tool_calls, FLAG, q.tool_choice.parallel)                                           \
    X(messages, OWN, q)                                                                            \
    X(tools, OWN, q)                                                                               \
    X(tool_choice, OWN, q)                                                                         \
    X(functions, OWN, q)                                                                           \
    X(function_call, OWN, q)                                                                       \
    X(response_format, OWN, q)                                                                     \
    X(reasoning_effort, OWN, q)                                                                    \
    X(stop, OWN, q)                                                                                \
    X(stream_options, OWN, q)                                                                      \
    X(modalities, OWN, q)                                                                          \
    X(web_search_options, OWN, q)

#define MEMBER_ENUM(name, how, place) member_##name,
enum { MEMBERS(MEMBER_ENUM) member_count };
#undef MEMBER_ENUM

#define MEMBER_NAME(name, how, place) STR_INIT(#name),
static const str names[] = {MEMBERS(MEMBER_NAME)};
#undef MEMBER_NAME

#define MEMBER_FIELD(name, how, place) {how, offsetof(struct request, place)},
static const struct {
    enum how how;
    size_t at;
} fields[] = {MEMBERS(MEMBER_FIELD)};
#undef MEMBER_FIELD

static err read_messages(struct chat_walk *w, struct request *r)
{
    struct chat_message *items = r->q.messages;
    size_t count = 0; // of a repeated member the last counts
    err e;

    TRY(chat_walk_array(w));
    while (!(e = chat_walk_element(w))) {
        if (count == CHAT_MESSAGES_MAX)
            return chat_walk_refuse(w, ERR_LIMIT, STR("There are too many messages."));
        if (count == r->message_room) {
            r->message_room = count ? 2 * count : MESSAGES_FIRST;
            items = arena_array(w->arena, struct chat_message, r->message_room);
            if (count) memcpy(items, r->q.messages, count * sizeof(*items));
            r->q.messages = items;
        }
        TRY(openai_message_read(w, &r->ids, &items[count++]));
    }
    r->q.message_count = count;
    return e == ERR_EOF ? OK : e;
}

static err add_stop(struct chat_walk *w, struct chat_request *q)
{
    if (q->stop_count == CHAT_STOPS_MAX)
        return chat_walk_refuse(w, ERR_LIMIT, STR("There are too many of these."));
    return chat_walk_text(w, &q->stops[q->stop_count++]);
}

static err read_stop(struct chat_walk *w, struct request *r)
{
    enum json_kind kind;
    err e;

    if (!r->q.stops) r->q.stops = arena_array(w->arena, struct chat_text, CHAT_STOPS_MAX);
    r->q.stop_count = 0;
    TRY(json_peek(&w->json, &kind));
    if (kind == JSON_STRING) return add_stop(w, &r->q);
    TRY(chat_walk_array(w));
    while (!(e = chat_walk_element(w))) {
        TRY(add_stop(w, &r->q));
    }
    return e == ERR_EOF ? OK : e;
}

static err read_stream_options(struct chat_walk *w, struct request *r)
{
    static const str options[] = {STR_INIT("include_usage")};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, options, 1, &name))) {
        if (name == 0) {
            TRY(chat_walk_flag(w, &r->wants_usage));
        } else {
            TRY(chat_walk_drop(w));
        }
    }
    return e == ERR_EOF ? OK : e;
}

// Only text can be asked for.
static err read_modalities(struct chat_walk *w)
{
    struct chat_text modality;
    err e;

    TRY(chat_walk_array(w));
    while (!(e = chat_walk_element(w))) {
        TRY(chat_walk_text(w, &modality));
        if (!chat_text_is(modality, STR("text")))
            return chat_walk_refuse(w, ERR_UNSUPPORTED,
                                    STR("Only text can be asked of this model."));
    }
    return e == ERR_EOF ? OK : e;
}

static err read_effort(struct chat_walk *w, struct chat_reasoning *out)
{
    TRY(chat_walk_text(w, &out->effort));
    bool is_off = chat_text_is(out->effort, STR("none"));
    out->thinking = is_off ? CHAT_THINKING_OFF : CHAT_THINKING_UNSET;
    return OK;
}

// Which legacy answers can't hold, so none may ask for more than one call.
static err use_functions(struct chat_request *q, err e)
{
    q->uses_functions = true;
    q->tool_choice.parallel = CHAT_NO;
    return e;
}

static err read_own(struct chat_walk *w, size_t name, struct request *r)
{
    struct chat_request *q = &r->q;

    switch (name) {
    case member_messages: return read_messages(w, r);
    case member_tools: r->tools.count = 0; return openai_tool_read(w, &r->tools);
    case member_tool_choice: return openai_tool_read_choice(w, &q->tool_choice);
    case member_functions: return use_functions(q, openai_tool_read_functions(w, &r->tools));
    case member_function_call:
        return use_functions(q, openai_tool_read_function_choice(w, &q->tool_choice));
    case member_response_format: return openai_format_read(w, &q->format);
    case member_reasoning_effort: return read_effort(w, &q->reasoning);
    case member_stop: return read_stop(w, r);
    case member_stream_options: return read_stream_options(w, r);
    case member_modalities: return read_modalities(w);
    default: // the search of the web, which an empty object asks for too
        chat_notes_drop(w->notes, names[name]);
        return chat_walk_skip(w);
    }
}

static err take_member(struct chat_walk *w, size_t name, struct request *r)
{
    if (name == member_count) return chat_walk_drop(w);
    void *place = (char *)r + fields[name].at;
    switch (fields[name].how) {
    case TEXT: return chat_walk_text(w, place);
    case NUMBER: return chat_walk_number(w, place);
    case COUNT:
        return chat_walk_count(w, 1, name == member_n ? CHAT_CHOICES_MAX : UINT64_MAX, place);
    case WHOLE: return chat_walk_count(w, 0, UINT64_MAX, place);
    case OBJECT: return chat_walk_raw(w, JSON_OBJECT, place);
    case FLAG: return chat_walk_flag(w, place);
    case OWN: break;
    }
    return read_own(w, name, r);
}

// What follows from several members.
static err settle(struct chat_walk *w, struct request *r)
{
    struct chat_request *q = &r->q;
    struct json_value choices = {.kind = JSON_NUMBER, .text = r->choices};

    if (!chat_text_has(q->model)) return chat_walk_missing(w, names[member_model]);
    if (!q->message_count) return chat_walk_missing(w, names[member_messages]);
    q->tools = r->tools.items;
    q->tool_count = r->tools.count;
    q->is_stream = r->stream == CHAT_YES;
    q->wants_usage = q->is_stream && r->wants_usage == CHAT_YES;
    q->choice_count = 1;
    if (r->choices.len) TRY(json_to_u64(choices, CHAT_CHOICES_MAX, &q->choice_count));
    if (!chat_text_is_given(q->user)) {
        q->user = r->safety_identifier;
    } else if (chat_text_is_given(r->safety_identifier)) {
        chat_notes_drop(w->notes, names[member_safety_identifier]);
    }
    if (r->max_completion_tokens.len) {
        if (q->max_tokens.len) chat_notes_drop(w->notes, names[member_max_tokens]);
        q->max_tokens = r->max_completion_tokens;
        q->has_completion_max = true;
    }
    return OK;
}

err openai_chat_read(str body, struct arena *a, struct chat_request *out, struct chat_notes *n)
{
    struct request r = {.stream = CHAT_UNSET};
    struct chat_walk w;
    size_t name;

    chat_walk_init(&w, body, a, n);
    err e = chat_walk_object(&w);
    while (!e && !(e = chat_walk_member(&w, names, member_count, &name))) {
        e = take_member(&w, name, &r);
    }
    e = chat_walk_end(&w, e == ERR_EOF ? OK : e);
    if (!e) e = settle(&w, &r);
    if (e) return e;
    *out = r.q;
    return OK;
}
