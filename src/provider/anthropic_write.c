// Requests of /v1/messages, written (anthropic_dialect.h).
//
// Design
//
// What providers cache by is written first, in the order of their caches: tools, system, messages.
// It depends on nothing that comes later, so that the front of a conversation that grows is the
// same bytes in every turn.

#include "codec/json.h"
#include "provider/anthropic_blocks.h"
#include "provider/anthropic_dialect.h"
#include "provider/anthropic_think.h"

static void write_text(struct anthropic_blocks *b, str key, struct chat_text t)
{
    if (chat_text_has(t)) chat_text_write_member(&b->w, b->out, key, t);
}

static void write_number(struct anthropic_blocks *b, str key, str number)
{
    json_write_key(&b->w, key);
    json_write_raw(&b->w, number);
}

static void write_str(struct anthropic_blocks *b, str key, str value)
{
    json_write_key(&b->w, key);
    json_write_str(&b->w, value);
}

// --- Tools ---

static err write_schema(struct anthropic_blocks *b, const struct chat_tool *t, size_t index)
{
    str schema = t->schema_json;

    if (!schema.len && chat_text_has(t->schema_text)) {
        // Anything but an object is none; the API says so.
        if (anthropic_blocks_arguments(t->schema_text, &b->arena, &schema))
            return chat_notes_refuse_at(b->notes, ERR_SYNTAX,
                                        STR("The schema of this tool is no JSON object."),
                                        "tools[%zu]", index);
    }
    json_write_key(&b->w, STR("input_schema"));
    json_write_raw(&b->w, schema.len ? schema : STR("{\"type\":\"object\",\"properties\":{}}"));
    return OK;
}

static err write_tools(struct anthropic_blocks *b, const struct chat_request *q)
{
    if (!q->tool_count) return OK;
    json_write_key(&b->w, STR("tools"));
    json_write_array(&b->w);
    for (size_t i = 0; i < q->tool_count; i++) {
        const struct chat_tool *t = &q->tools[i];
        json_write_object(&b->w);
        chat_text_write_member(&b->w, b->out, STR("name"), t->name);
        write_text(b, STR("description"), t->description);
        TRY(write_schema(b, t, i));
        if (t->strict == CHAT_YES) write_number(b, STR("strict"), STR("true"));
        if (t->cache_json.len) write_number(b, STR("cache_control"), t->cache_json);
        json_write_object_end(&b->w);
    }
    json_write_array_end(&b->w);
    return OK;
}

// Without tools there is nothing to choose, and the API refuses to be told.
static void write_tool_choice(struct anthropic_blocks *b, const struct chat_request *q)
{
    static const str types[] = {
        [CHAT_CHOOSE_UNSET] = STR_INIT("auto"), [CHAT_CHOOSE_AUTO] = STR_INIT("auto"),
        [CHAT_CHOOSE_NONE] = STR_INIT("none"),  [CHAT_CHOOSE_ANY] = STR_INIT("any"),
        [CHAT_CHOOSE_ONE] = STR_INIT("tool"),
    };
    const struct chat_tool_choice *c = &q->tool_choice;
    bool is_serial = c->parallel == CHAT_NO && c->kind != CHAT_CHOOSE_NONE;

    if (!q->tool_count) {
        if (c->kind == CHAT_CHOOSE_ANY || c->kind == CHAT_CHOOSE_ONE)
            chat_notes_drop(b->notes, STR("tool_choice"));
        return;
    }
    if (c->kind == CHAT_CHOOSE_UNSET && !is_serial) return;
    json_write_key(&b->w, STR("tool_choice"));
    json_write_object(&b->w);
    write_str(b, STR("type"), types[c->kind]);
    if (c->kind == CHAT_CHOOSE_ONE) chat_text_write_member(&b->w, b->out, STR("name"), c->name);
    if (is_serial) write_number(b, STR("disable_parallel_tool_use"), STR("true"));
    json_write_object_end(&b->w);
}

// --- Messages ---

static bool is_system(const struct chat_message *m)
{
    return m->role == CHAT_SYSTEM || m->role == CHAT_DEVELOPER;
}

static err write_system(struct anthropic_blocks *b, const struct chat_request *q)
{
    bool is_open = false;

    for (size_t i = 0; i < q->message_count; i++) {
        const struct chat_message *m = &q->messages[i];
        if (!is_system(m)) continue;
        b->message = i;
        for (size_t k = 0; k < m->part_count; k++) {
            if (m->parts[k].kind != CHAT_PART_TEXT)
                return chat_notes_refuse_at(b->notes, ERR_UNSUPPORTED,
                                            STR("A system prompt is text."),
                                            "messages[%zu].content[%zu]", i, k);
            if (!anthropic_blocks_has(b, &m->parts[k])) continue;
            if (!is_open) {
                json_write_key(&b->w, STR("system"));
                json_write_array(&b->w);
                is_open = true;
            }
            TRY(anthropic_blocks_write(b, &m->parts[k], k));
        }
    }
    if (is_open) json_write_array_end(&b->w);
    return OK;
}

// Whether it becomes a message, or a part of one.
static bool says_something(const struct anthropic_blocks *b, const struct chat_message *m)
{
    if (is_system(m)) return false;
    for (size_t i = 0; i < m->part_count; i++) {
        if (anthropic_blocks_has(b, &m->parts[i])) return true;
    }
    return false;
}

// From `from` on, the messages that become one: up to the next of the other side.
static size_t run_end(const struct anthropic_blocks *b, const struct chat_request *q, size_t from)
{
    bool is_assistant = q->messages[from].role == CHAT_ASSISTANT;
    size_t end = from + 1;

    while (end < q->message_count && ((q->messages[end].role == CHAT_ASSISTANT) == is_assistant ||
                                      !says_something(b, &q->messages[end]))) {
        end++;
    }
    return end;
}

// The text that ends a run, for which nothing else says a word.
static const struct chat_part *last_part(const struct anthropic_blocks *b,
                                         const struct chat_request *q, size_t from, size_t end)
{
    while (end-- > from) {
        const struct chat_message *m = &q->messages[end];
        if (is_system(m)) continue;
        for (size_t i = m->part_count; i--;) {
            if (anthropic_blocks_has(b, &m->parts[i])) return &m->parts[i];
        }
    }
    return NULL;
}

struct run {
    size_t from;
    size_t end;
    const struct chat_part *trimmed; // the prefill, or NULL
};

static err write_parts(struct anthropic_blocks *b, const struct chat_request *q,
                       const struct run *run, bool are_results)
{
    for (size_t i = run->from; i < run->end; i++) {
        const struct chat_message *m = &q->messages[i];
        if (is_system(m)) continue;
        b->message = i;
        if (chat_text_has(m->name)) chat_notes_drop(b->notes, STR("messages.name"));
        for (size_t k = 0; k < m->part_count; k++) {
            struct chat_part part = m->parts[k];
            if ((part.kind == CHAT_PART_TOOL_RESULT) != are_results ||
                !anthropic_blocks_has(b, &part))
                continue;
            if (&m->parts[k] == run->trimmed) part.text = anthropic_blocks_trim(part.text);
            TRY(anthropic_blocks_write(b, &part, k));
        }
    }
    return OK;
}

static void open_message(struct anthropic_blocks *b, str role)
{
    json_write_object(&b->w);
    write_str(b, STR("role"), role);
    json_write_key(&b->w, STR("content"));
    json_write_array(&b->w);
}

static void close_message(struct anthropic_blocks *b)
{
    json_write_array_end(&b->w);
    json_write_object_end(&b->w);
}

static err write_run(struct anthropic_blocks *b, const struct chat_request *q,
                     const struct run *run)
{
    bool is_assistant = q->messages[run->from].role == CHAT_ASSISTANT;

    open_message(b, is_assistant ? STR("assistant") : STR("user"));
    TRY(write_parts(b, q, run, true));
    TRY(write_parts(b, q, run, false));
    close_message(b);
    return OK;
}

// The user begins, be it with next to nothing.
static err write_beginning(struct anthropic_blocks *b)
{
    const struct chat_part dot = {.kind = CHAT_PART_TEXT, .text = chat_text_plain(STR("."))};

    open_message(b, STR("user"));
    TRY(anthropic_blocks_write(b, &dot, 0));
    close_message(b);
    return OK;
}

static err write_messages(struct anthropic_blocks *b, const struct chat_request *q)
{
    bool is_first = true;

    json_write_key(&b->w, STR("messages"));
    json_write_array(&b->w);
    for (struct run run = {0}; run.from < q->message_count; run.from = run.end) {
        run.end = run.from + 1;
        if (!says_something(b, &q->messages[run.from])) continue;
        bool is_assistant = q->messages[run.from].role == CHAT_ASSISTANT;
        run.end = run_end(b, q, run.from);
        run.trimmed =
            is_assistant && run.end == q->message_count ? last_part(b, q, run.from, run.end) : NULL;
        if (is_first && is_assistant) TRY(write_beginning(b));
        is_first = false;
        TRY(write_run(b, q, &run));
    }
    if (is_first) TRY(write_beginning(b));
    json_write_array_end(&b->w);
    return OK;
}

// --- The rest ---

static void write_max_tokens(struct anthropic_blocks *b, const struct chat_request *q,
                             const struct anthropic_think *t)
{
    if (q->max_tokens.len) {
        write_number(b, STR("max_tokens"), q->max_tokens);
        return;
    }
    json_write_key(&b->w, STR("max_tokens"));
    json_write_u64(&b->w, ANTHROPIC_DEFAULT_MAX_TOKENS + t->budget);
}

static void write_thinking(struct anthropic_blocks *b, const struct anthropic_think *t)
{
    static const str types[] = {
        [ANTHROPIC_THINK_UNSET] = STR_INIT(""),
        [ANTHROPIC_THINK_DISABLED] = STR_INIT("disabled"),
        [ANTHROPIC_THINK_BUDGET] = STR_INIT("enabled"),
        [ANTHROPIC_THINK_ADAPTIVE] = STR_INIT("adaptive"),
    };

    if (t->kind == ANTHROPIC_THINK_UNSET) return;
    json_write_key(&b->w, STR("thinking"));
    json_write_object(&b->w);
    write_str(b, STR("type"), types[t->kind]);
    if (t->kind == ANTHROPIC_THINK_BUDGET) {
        json_write_key(&b->w, STR("budget_tokens"));
        json_write_u64(&b->w, t->budget);
    }
    json_write_object_end(&b->w);
}

// Notes a number that is left out, unless it is the default and so says nothing.
static void drop_number(struct anthropic_blocks *b, str name, str number, double standard)
{
    if (number.len && anthropic_think_number(number, standard + 1) != standard)
        chat_notes_drop(b->notes, name);
}

static void write_sampling(struct anthropic_blocks *b, const struct chat_request *q,
                           const struct anthropic_think *t)
{
    double temperature = anthropic_think_number(q->temperature, 2);

    if (t->kind == ANTHROPIC_THINK_BUDGET || t->kind == ANTHROPIC_THINK_ADAPTIVE) {
        drop_number(b, STR("temperature"), q->temperature, 1);
        drop_number(b, STR("top_p"), q->top_p, 1);
        if (q->top_k.len) chat_notes_drop(b->notes, STR("top_k"));
        return;
    }
    if (q->temperature.len) {
        if (temperature > 1) chat_notes_drop(b->notes, STR("temperature"));
        write_number(b, STR("temperature"), temperature > 1 ? STR("1") : q->temperature);
        drop_number(b, STR("top_p"), q->top_p, 1);
    } else if (q->top_p.len) {
        write_number(b, STR("top_p"), q->top_p);
    }
    if (q->top_k.len) write_number(b, STR("top_k"), q->top_k);
}

static void write_stops(struct anthropic_blocks *b, const struct chat_request *q)
{
    bool is_open = false;

    for (size_t i = 0; i < q->stop_count; i++) {
        if (anthropic_blocks_is_blank(q->stops[i])) {
            chat_notes_drop(b->notes, STR("stop"));
            continue;
        }
        if (!is_open) {
            json_write_key(&b->w, STR("stop_sequences"));
            json_write_array(&b->w);
            is_open = true;
        }
        chat_text_write(&b->w, b->out, q->stops[i]);
    }
    if (is_open) json_write_array_end(&b->w);
}

static err write_format(struct anthropic_blocks *b, const struct chat_format *f)
{
    str schema = f->schema_json;

    if (!schema.len && anthropic_blocks_arguments(f->schema_text, &b->arena, &schema))
        return chat_notes_refuse(b->notes, ERR_SYNTAX, STR("The schema is no JSON object."),
                                 STR("response_format"));
    json_write_key(&b->w, STR("format"));
    json_write_object(&b->w);
    write_str(b, STR("type"), STR("json_schema"));
    write_number(b, STR("schema"), schema);
    json_write_object_end(&b->w);
    return OK;
}

static err write_output_config(struct anthropic_blocks *b, const struct chat_request *q,
                               const struct anthropic_think *t)
{
    bool has_schema = q->format.kind == CHAT_FORMAT_SCHEMA;

    if (q->format.kind == CHAT_FORMAT_JSON) chat_notes_drop(b->notes, STR("response_format"));
    if (!has_schema && !t->effort.len) return OK;
    json_write_key(&b->w, STR("output_config"));
    json_write_object(&b->w);
    if (t->effort.len) write_str(b, STR("effort"), t->effort);
    if (has_schema) TRY(write_format(b, &q->format));
    json_write_object_end(&b->w);
    return OK;
}

static void write_account(struct anthropic_blocks *b, const struct chat_request *q)
{
    struct chat_text tier = q->service_tier;

    if (chat_text_has(q->user)) {
        json_write_key(&b->w, STR("metadata"));
        json_write_object(&b->w);
        chat_text_write_member(&b->w, b->out, STR("user_id"), q->user);
        json_write_object_end(&b->w);
    }
    if (chat_text_is(tier, STR("auto"))) {
        write_str(b, STR("service_tier"), STR("auto"));
    } else if (chat_text_is(tier, STR("default")) || chat_text_is(tier, STR("standard_only"))) {
        write_str(b, STR("service_tier"), STR("standard_only"));
    } else if (chat_text_has(tier)) {
        chat_notes_drop(b->notes, STR("service_tier"));
    }
}

// What the API has nothing for.
static err drop_rest(struct anthropic_blocks *b, const struct chat_request *q)
{
    if (q->choice_count > 1)
        return chat_notes_refuse(b->notes, ERR_UNSUPPORTED,
                                 STR("This model gives one answer to a request."), STR("n"));
    if (q->seed.len) chat_notes_drop(b->notes, STR("seed"));
    drop_number(b, STR("frequency_penalty"), q->frequency_penalty, 0);
    drop_number(b, STR("presence_penalty"), q->presence_penalty, 0);
    if (q->logprobs == CHAT_YES) chat_notes_drop(b->notes, STR("logprobs"));
    if (q->top_logprobs.len) chat_notes_drop(b->notes, STR("top_logprobs"));
    if (q->logit_bias_json.len) chat_notes_drop(b->notes, STR("logit_bias"));
    if (q->metadata_json.len) chat_notes_drop(b->notes, STR("metadata"));
    if (chat_text_has(q->verbosity) && !chat_text_is(q->verbosity, STR("medium")))
        chat_notes_drop(b->notes, STR("verbosity"));
    return OK;
}

// What changes the answer alone.
static void write_answering(struct anthropic_blocks *b, const struct chat_request *q,
                            const struct anthropic_think *t)
{
    write_sampling(b, q, t);
    write_stops(b, q);
    write_account(b, q);
}

static err write_request(struct anthropic_blocks *b, const struct chat_request *q, bool is_count)
{
    struct anthropic_think think = anthropic_think_of(q, b->notes);

    TRY(drop_rest(b, q));
    json_write_object(&b->w);
    chat_text_write_member(&b->w, b->out, STR("model"), q->model);
    TRY(write_tools(b, q));
    TRY(write_system(b, q));
    TRY(write_messages(b, q));
    if (!is_count) write_max_tokens(b, q, &think);
    write_tool_choice(b, q);
    write_thinking(b, &think);
    TRY(write_output_config(b, q, &think));
    if (!is_count) write_answering(b, q, &think);
    if (q->is_stream && !is_count) write_number(b, STR("stream"), STR("true"));
    json_write_object_end(&b->w);
    return b->w.error;
}

err anthropic_write_request(const struct chat_request *q, struct gather *out, struct chat_notes *n)
{
    struct anthropic_blocks b;

    anthropic_blocks_init(&b, out, n);
    err e = write_request(&b, q, false);
    anthropic_blocks_done(&b);
    return e;
}

err anthropic_write_count_request(const struct chat_request *q, struct gather *out,
                                  struct chat_notes *n)
{
    struct anthropic_blocks b;

    anthropic_blocks_init(&b, out, n);
    err e = write_request(&b, q, true);
    anthropic_blocks_done(&b);
    return e;
}
