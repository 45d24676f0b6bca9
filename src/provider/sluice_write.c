#include "codec/json.h"
#include "codec/protobuf_write.h"
#include "provider/sluice.h"
#include "provider/sluice_fields.h"
#include "provider/sluice_parts.h"

#include <stdlib.h>
#include <string.h>

// A request being written.
struct writing {
    struct protobuf_writer w;
    const struct chat_request *q;
    struct chat_notes *notes;
    struct arena arena; // for texts that must be decoded
};

static void put_text(struct writing *t, uint32_t number, struct chat_text text)
{
    sluice_parts_write_text(&t->w, number, text, &t->arena);
}

// A whole number as a JSON dialect spelled it. What is none can't be said; servers refuse it
// anyhow.
static void put_number(struct writing *t, uint32_t number, str text, str name)
{
    uint64_t value = 0;

    if (!text.len) return;
    if (json_to_u64((struct json_value){.kind = JSON_NUMBER, .text = text}, UINT32_MAX, &value)) {
        chat_notes_drop(t->notes, name);
    } else {
        protobuf_write_varint(&t->w, number, value);
    }
}

static void put_seed(struct writing *t, str text)
{
    bool is_negative = str_starts(text, STR("-"));
    uint64_t value = 0;

    if (!text.len) return;
    if (is_negative) text = str_sub(text, 1, text.len);
    if (json_to_u64((struct json_value){.kind = JSON_NUMBER, .text = text}, INT64_MAX, &value)) {
        chat_notes_drop(t->notes, STR("seed"));
    } else {
        protobuf_write_varint(&t->w, SLUICE_REQUEST_SEED, is_negative ? 0 - value : value);
    }
}

static void put_double(struct writing *t, uint32_t number, str text)
{
    uint64_t bits = 0;

    if (!text.len) return;
    double value = strtod(arena_str(&t->arena, text).ptr, NULL); // a JSON number is one to C
    memcpy(&bits, &value, sizeof(bits));
    protobuf_write_fixed64(&t->w, number, bits);
}

static void put_flag(struct writing *t, uint32_t number, enum chat_flag flag)
{
    if (flag != CHAT_UNSET) protobuf_write_varint(&t->w, number, flag == CHAT_YES);
}

static err put_messages(struct writing *t)
{
    static const uint64_t roles[] = {
        [CHAT_SYSTEM] = SLUICE_ROLE_SYSTEM, [CHAT_DEVELOPER] = SLUICE_ROLE_DEVELOPER,
        [CHAT_USER] = SLUICE_ROLE_USER,     [CHAT_ASSISTANT] = SLUICE_ROLE_ASSISTANT,
        [CHAT_TOOL] = SLUICE_ROLE_TOOL,
    };

    for (size_t i = 0; i < t->q->message_count; i++) {
        const struct chat_message *m = &t->q->messages[i];
        size_t mark = protobuf_write_open(&t->w, SLUICE_REQUEST_MESSAGES);
        protobuf_write_varint(&t->w, SLUICE_MESSAGE_ROLE, roles[m->role]);
        err e = sluice_parts_write(&t->w, SLUICE_MESSAGE_PARTS, m->parts, m->part_count, &t->arena);
        if (e)
            return chat_notes_refuse_at(t->notes, e, STR("Its content can't be sent over gRPC."),
                                        "messages[%zu].content", i);
        put_text(t, SLUICE_MESSAGE_NAME, m->name);
        protobuf_write_close(&t->w, mark);
    }
    return OK;
}

static void put_tools(struct writing *t)
{
    for (size_t i = 0; i < t->q->tool_count; i++) {
        const struct chat_tool *tool = &t->q->tools[i];
        size_t mark = protobuf_write_open(&t->w, SLUICE_REQUEST_TOOLS);
        put_text(t, SLUICE_TOOL_NAME, tool->name);
        put_text(t, SLUICE_TOOL_DESCRIPTION, tool->description);
        put_text(t, SLUICE_TOOL_PARAMETERS, chat_text_plain(tool->schema_json));
        put_flag(t, SLUICE_TOOL_STRICT, tool->strict);
        protobuf_write_close(&t->w, mark);
        if (tool->cache_json.len) chat_notes_drop(t->notes, STR("cache_control"));
    }
}

static void put_choice(struct writing *t)
{
    static const uint64_t modes[] = {
        [CHAT_CHOOSE_AUTO] = SLUICE_MODE_AUTO,
        [CHAT_CHOOSE_NONE] = SLUICE_MODE_NONE,
        [CHAT_CHOOSE_ANY] = SLUICE_MODE_REQUIRED,
    };
    const struct chat_tool_choice *c = &t->q->tool_choice;

    put_flag(t, SLUICE_REQUEST_PARALLEL, c->parallel);
    if (c->kind == CHAT_CHOOSE_UNSET) return;
    size_t mark = protobuf_write_open(&t->w, SLUICE_REQUEST_TOOL_CHOICE);
    if (c->kind == CHAT_CHOOSE_ONE) {
        put_text(t, SLUICE_CHOOSE_TOOL, c->name);
    } else {
        protobuf_write_varint(&t->w, SLUICE_CHOOSE_MODE, modes[c->kind]);
    }
    protobuf_write_close(&t->w, mark);
}

static void put_thinking(struct writing *t)
{
    static const str efforts[] = {STR_INIT("none"),   STR_INIT("minimal"), STR_INIT("low"),
                                  STR_INIT("medium"), STR_INIT("high"),    STR_INIT("max")};
    const struct chat_reasoning *r = &t->q->reasoning;
    struct chat_text effort = r->effort;

    if (r->thinking == CHAT_THINKING_OFF) effort = chat_text_plain(efforts[0]);
    if (!chat_text_has(effort) && !r->budget_tokens.len) return;
    size_t mark = protobuf_write_open(&t->w, SLUICE_REQUEST_REASONING);
    for (uint64_t i = 0; i < sizeof(efforts) / sizeof(*efforts); i++) {
        if (chat_text_is(effort, efforts[i]))
            protobuf_write_varint(&t->w, SLUICE_THINKING_EFFORT, i + 1);
    }
    put_number(t, SLUICE_THINKING_BUDGET, r->budget_tokens, STR("thinking.budget_tokens"));
    protobuf_write_close(&t->w, mark);
}

static void put_format(struct writing *t)
{
    const struct chat_format *f = &t->q->format;

    if (f->kind == CHAT_FORMAT_UNSET) return;
    size_t mark = protobuf_write_open(&t->w, SLUICE_REQUEST_FORMAT);
    size_t inner = protobuf_write_open(&t->w, f->kind == CHAT_FORMAT_TEXT   ? SLUICE_FORMAT_TEXT
                                              : f->kind == CHAT_FORMAT_JSON ? SLUICE_FORMAT_OBJECT
                                                                            : SLUICE_FORMAT_SCHEMA);
    if (f->kind == CHAT_FORMAT_SCHEMA) {
        put_text(t, SLUICE_SCHEMA_NAME, f->name);
        put_text(t, SLUICE_SCHEMA_TEXT, chat_text_plain(f->schema_json));
        put_flag(t, SLUICE_SCHEMA_STRICT, f->strict);
        put_text(t, SLUICE_SCHEMA_DESCRIPTION, f->description);
    }
    protobuf_write_close(&t->w, inner);
    protobuf_write_close(&t->w, mark);
}

// A JSON object as the entries of a map; what is no entry of it is left out.
static void put_map(struct writing *t, uint32_t number, str object)
{
    struct json_reader r;
    struct json_value v;
    str key;

    if (!object.len) return;
    json_reader_init(&r, object);
    if (json_enter(&r)) return;
    while (!json_member(&r, &key) && !json_value(&r, &v)) {
        size_t mark = protobuf_write_open(&t->w, number);
        if (number == SLUICE_REQUEST_LOGIT_BIAS) {
            uint64_t token = 0;
            (void)json_to_u64((struct json_value){.kind = JSON_NUMBER, .text = key}, UINT32_MAX,
                              &token); // one that is no number is the provider's to refuse
            protobuf_write_varint(&t->w, SLUICE_ENTRY_KEY, token);
            if (v.kind == JSON_NUMBER) put_double(t, SLUICE_ENTRY_VALUE, v.text);
        } else {
            protobuf_write_bytes(&t->w, SLUICE_ENTRY_KEY, json_decode(key, &t->arena));
            if (v.kind == JSON_STRING)
                protobuf_write_bytes(&t->w, SLUICE_ENTRY_VALUE,
                                     json_decode(json_raw(v), &t->arena));
        }
        protobuf_write_close(&t->w, mark);
    }
}

static void put_scalars(struct writing *t)
{
    const struct chat_request *q = t->q;

    put_text(t, SLUICE_REQUEST_MODEL, q->model);
    put_number(t, SLUICE_REQUEST_MAX_TOKENS, q->max_tokens, STR("max_tokens"));
    put_double(t, SLUICE_REQUEST_TEMPERATURE, q->temperature);
    put_double(t, SLUICE_REQUEST_TOP_P, q->top_p);
    put_number(t, SLUICE_REQUEST_TOP_K, q->top_k, STR("top_k"));
    put_seed(t, q->seed);
    for (size_t i = 0; i < q->stop_count; i++) {
        put_text(t, SLUICE_REQUEST_STOP, q->stops[i]);
    }
    if (q->choice_count > 1) protobuf_write_varint(&t->w, SLUICE_REQUEST_N, q->choice_count);
    put_double(t, SLUICE_REQUEST_FREQUENCY_PENALTY, q->frequency_penalty);
    put_double(t, SLUICE_REQUEST_PRESENCE_PENALTY, q->presence_penalty);
    put_flag(t, SLUICE_REQUEST_LOGPROBS, q->logprobs);
    put_number(t, SLUICE_REQUEST_TOP_LOGPROBS, q->top_logprobs, STR("top_logprobs"));
    put_text(t, SLUICE_REQUEST_USER, q->user);
    put_text(t, SLUICE_REQUEST_SERVICE_TIER, q->service_tier);
    if (chat_text_has(q->verbosity)) chat_notes_drop(t->notes, STR("verbosity"));
}

static err put_all(struct writing *t)
{
    put_scalars(t);
    TRY(put_messages(t));
    put_tools(t);
    put_choice(t);
    put_thinking(t);
    put_format(t);
    put_map(t, SLUICE_REQUEST_LOGIT_BIAS, t->q->logit_bias_json);
    put_map(t, SLUICE_REQUEST_METADATA, t->q->metadata_json);
    return t->w.error;
}

err sluice_write_request(const struct chat_request *q, struct gather *out, struct chat_notes *n)
{
    struct writing t = {.q = q, .notes = n};

    protobuf_write_init(&t.w, &out->text);
    arena_init(&t.arena, 4096);
    err e = put_all(&t);
    arena_reset(&t.arena);
    if (e && !n->problem.len)
        return chat_notes_refuse(n, e, STR("The request can't be sent over gRPC."), STR(""));
    return e;
}
