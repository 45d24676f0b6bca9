// The events of a stream as they are written (openai_events.h).

#include "base/list.h"
#include "provider/openai.h"
#include "provider/openai_error.h"
#include "provider/openai_events.h"
#include "provider/openai_usage.h"
#include "provider/openai_words.h"

enum { MASK_WORDS = (CHAT_CHOICES_MAX + 63) / 64, PENDING_MAX = 64 };

struct writer {
    struct chat_writer port;
    struct arena *arena;
    struct chat_reply reply;
    str head; // of every chunk, up to the value of its choices; empty: not yet made
    uint64_t has_role[MASK_WORDS];
    uint64_t has_calls[MASK_WORDS];
    uint64_t has_finish[MASK_WORDS];
    struct {
        uint32_t choice;
        uint32_t tool;
    } pending[PENDING_MAX]; // calls whose arguments did not come yet
    size_t pending_count;
    struct token_usage usage;
    bool has_ended;
};

static bool mask_has(const uint64_t *mask, uint32_t choice)
{
    return mask[choice / 64] >> choice % 64 & 1;
}

static void mask_add(uint64_t *mask, uint32_t choice)
{
    mask[choice / 64] |= UINT64_C(1) << choice % 64;
}

static err write_head(const struct writer *w, struct chat_text model, struct buf *out)
{
    TRY(buf_append(out, STR("data: {\"id\":\"chatcmpl-")));
    TRY(json_write_escaped(out, w->reply.id_seed));
    TRY(buf_append(out, STR("\",\"object\":\"chat.completion.chunk\",\"created\":")));
    TRY(buf_append_u64(out, w->reply.created));
    TRY(buf_append(out, STR(",\"model\":")));
    TRY(chat_text_append(out, w->reply.model.len ? chat_text_plain(w->reply.model) : model));
    return buf_append(out, STR(",\"choices\":"));
}

// All chunks begin alike.
static err make_head(struct writer *w, struct chat_text model)
{
    struct buf head;

    if (w->head.len) return OK;
    buf_init(&head, 200 + 6 * (w->reply.id_seed.len + w->reply.model.len + model.bytes.len));
    err e = write_head(w, model, &head);
    if (!e) w->head = arena_str(w->arena, buf_view(&head));
    buf_done(&head);
    return e;
}

// A chunk up to its delta, which is an object, and from there on.
static err begin_chunk(const struct writer *w, uint32_t choice, struct buf *out)
{
    TRY(buf_append(out, w->head));
    TRY(buf_append(out, STR("[{\"index\":")));
    TRY(buf_append_u64(out, choice));
    return buf_append(out, STR(",\"delta\":{"));
}

static err end_chunk(const struct writer *w, str finish, struct buf *out)
{
    TRY(buf_append(out, STR("},\"logprobs\":null,\"finish_reason\":")));
    TRY(finish.len ? json_write_quoted(out, finish) : buf_append(out, STR("null")));
    TRY(buf_append(out, STR("}]")));
    if (w->reply.wants_usage) TRY(buf_append(out, STR(",\"usage\":null")));
    return buf_append(out, STR("}\n\n"));
}

static err put_role(struct writer *w, uint32_t choice, struct buf *out)
{
    if (mask_has(w->has_role, choice)) return OK;
    mask_add(w->has_role, choice);
    TRY(begin_chunk(w, choice, out));
    TRY(buf_append(out, STR("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null")));
    return end_chunk(w, STR(""), out);
}

static err put_text(struct writer *w, const struct chat_event *e, str key, struct buf *out)
{
    TRY(begin_chunk(w, e->choice, out));
    TRY(json_write_quoted(out, key));
    TRY(buf_append_char(out, ':'));
    TRY(chat_text_append(out, e->text));
    return end_chunk(w, STR(""), out);
}

// The legacy form holds one call.
static bool is_left_out(const struct writer *w, uint32_t tool)
{
    return w->reply.uses_functions && tool > 0;
}

static err write_call_id(struct writer *w, const struct chat_event *e, struct buf *out)
{
    if (chat_text_has(e->id)) return chat_text_append(out, e->id);
    TRY(buf_append(out, STR("\"call_")));
    TRY(json_write_escaped(out, w->reply.id_seed));
    return buf_append_format(out, "_%u_%u\"", e->choice, e->tool);
}

static err put_call(struct writer *w, const struct chat_event *e, struct buf *out)
{
    mask_add(w->has_calls, e->choice);
    if (is_left_out(w, e->tool)) return OK;
    if (w->pending_count == PENDING_MAX) return ERR_LIMIT;
    w->pending[w->pending_count].choice = e->choice;
    w->pending[w->pending_count++].tool = e->tool;
    TRY(begin_chunk(w, e->choice, out));
    if (w->reply.uses_functions) {
        TRY(buf_append(out, STR("\"function_call\":{\"name\":")));
        TRY(chat_text_append(out, e->name));
        TRY(buf_append(out, STR(",\"arguments\":\"\"}")));
        return end_chunk(w, STR(""), out);
    }
    TRY(buf_append_format(out, "\"tool_calls\":[{\"index\":%u,\"id\":", e->tool));
    TRY(write_call_id(w, e, out));
    TRY(buf_append(out, STR(",\"type\":\"function\",\"function\":{\"name\":")));
    TRY(chat_text_append(out, e->name));
    TRY(buf_append(out, STR(",\"arguments\":\"\"}}]")));
    return end_chunk(w, STR(""), out);
}

static void forget_pending(struct writer *w, uint32_t choice, uint32_t tool)
{
    for (size_t i = 0; i < w->pending_count; i++) {
        if (w->pending[i].choice != choice || w->pending[i].tool != tool) continue;
        w->pending[i] = w->pending[--w->pending_count];
        return;
    }
}

static err put_arguments(struct writer *w, const struct chat_event *e, struct buf *out)
{
    if (is_left_out(w, e->tool)) return OK;
    if (chat_text_has(e->text)) forget_pending(w, e->choice, e->tool);
    TRY(begin_chunk(w, e->choice, out));
    if (w->reply.uses_functions) {
        TRY(buf_append(out, STR("\"function_call\":{\"arguments\":")));
        TRY(chat_text_append(out, e->text));
        TRY(buf_append_char(out, '}'));
        return end_chunk(w, STR(""), out);
    }
    TRY(buf_append_format(out,
                          "\"tool_calls\":[{\"index\":%u,\"function\":{\"arguments\":", e->tool));
    TRY(chat_text_append(out, e->text));
    TRY(buf_append(out, STR("}}]")));
    return end_chunk(w, STR(""), out);
}

// Clients parse the arguments of a call, so one that had none is called with an empty object.
static err put_pending(struct writer *w, uint32_t choice, struct buf *out)
{
    struct chat_event e = {
        .kind = CHAT_EVENT_ARGUMENTS, .choice = choice, .text = chat_text_plain(STR("{}"))};

    for (size_t i = 0; i < w->pending_count;) {
        if (w->pending[i].choice != choice) {
            i++;
            continue;
        }
        e.tool = w->pending[i].tool;
        TRY(put_arguments(w, &e, out)); // which takes it from the list
    }
    return OK;
}

static err put_finish(struct writer *w, uint32_t choice, enum chat_finish finish, struct buf *out)
{
    if (mask_has(w->has_finish, choice)) return OK;
    TRY(put_pending(w, choice, out));
    mask_add(w->has_finish, choice);
    TRY(begin_chunk(w, choice, out));
    return end_chunk(w, openai_words_finish(finish, w->reply.uses_functions), out);
}

static err put_usage(struct writer *w, struct buf *out)
{
    struct json_writer json;

    if (!w->reply.wants_usage || !w->usage.is_known) return OK;
    TRY(buf_append(out, w->head));
    TRY(buf_append(out, STR("[],\"usage\":")));
    json_write_init(&json, out);
    openai_usage_write(&json, &w->usage);
    TRY(json.error);
    return buf_append(out, STR("}\n\n"));
}

// Whatever began has a finish before the end.
static err put_end(struct writer *w, struct buf *out)
{
    if (w->has_ended) return OK;
    w->has_ended = true;
    TRY(put_role(w, 0, out));
    for (uint32_t choice = 0; choice < CHAT_CHOICES_MAX; choice++) {
        if (!mask_has(w->has_role, choice)) continue;
        bool has_calls = mask_has(w->has_calls, choice);
        TRY(put_finish(w, choice, has_calls ? CHAT_FINISH_TOOL_CALLS : CHAT_FINISH_UNKNOWN, out));
    }
    TRY(put_usage(w, out));
    return buf_append(out, STR("data: [DONE]\n\n"));
}

static void take_usage(struct writer *w, const struct chat_event *e)
{
    if (e->usage.is_known) w->usage = e->usage;
}

static err put_part(struct writer *w, const struct chat_event *e, struct buf *out)
{
    switch (e->kind) {
    case CHAT_EVENT_TEXT: return put_text(w, e, STR("content"), out);
    case CHAT_EVENT_REFUSAL: return put_text(w, e, STR("refusal"), out);
    case CHAT_EVENT_REASONING: return put_text(w, e, STR("reasoning_content"), out);
    case CHAT_EVENT_TOOL_CALL: return put_call(w, e, out);
    case CHAT_EVENT_ARGUMENTS: return put_arguments(w, e, out);
    case CHAT_EVENT_FINISH: return put_finish(w, e->choice, e->finish, out);
    default: return OK;
    }
}

static err put(struct chat_writer *port, const struct chat_event *e, struct buf *out)
{
    struct writer *w = container_of(port, struct writer, port);

    if (w->has_ended) return OK;
    TRY(make_head(w, e->model));
    take_usage(w, e);
    switch (e->kind) {
    case CHAT_EVENT_USAGE:
    case CHAT_EVENT_SIGNATURE:
    case CHAT_EVENT_REDACTED: return OK;
    case CHAT_EVENT_END: return put_end(w, out);
    default: break;
    }
    if (e->choice >= CHAT_CHOICES_MAX) return ERR_LIMIT;
    TRY(put_role(w, e->choice, out));
    return put_part(w, e, out);
}

static err fail(struct chat_writer *port, const struct chat_error *e, struct buf *out)
{
    struct writer *w = container_of(port, struct writer, port);

    if (w->has_ended) return OK;
    w->has_ended = true;
    TRY(buf_append(out, STR("data: ")));
    TRY(openai_error_write(e, out));
    return buf_append(out, STR("\n\n"));
}

struct chat_writer *openai_events_write_new(struct arena *a, const struct chat_reply *r)
{
    struct writer *w = arena_new(a, struct writer);

    w->port = (struct chat_writer){.put = put, .fail = fail};
    w->arena = a;
    w->reply = *r;
    if (r->is_resumed) mask_add(w->has_role, 0);
    return &w->port;
}
