// A request as a whole (openai_chat.h).

#include "provider/openai_chat.h"
#include "provider/openai_words.h"

enum { STOPS_MAX = 4 }; // that the API takes

// A value as it came; nothing where there is none.
static void write_raw(struct json_writer *w, str key, str json)
{
    if (!json.len) return;
    json_write_key(w, key);
    json_write_raw(w, json);
}

static bool is_any(struct chat_text t, const str *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (chat_text_is(t, values[i])) return true;
    }
    return false;
}

static void write_value(struct json_writer *w, struct gather *g, str key, struct chat_text t)
{
    json_write_key(w, key);
    chat_text_write(w, g, t);
}

static bool is_digit(str s, size_t at, char least)
{
    return at < s.len && s.ptr[at] >= least && s.ptr[at] <= '9';
}

// Whether the model is one of those that take no max_tokens: "gpt-5" and later, "o1", "o3-mini";
// also behind the name of a vendor ("openai/o3").
static bool is_newer_model(str model)
{
    for (size_t slash = 0; (slash = str_find_char(model, '/')) < model.len;) {
        model = str_sub(model, slash + 1, model.len);
    }
    if (str_starts(model, STR("gpt-"))) return is_digit(model, 4, '5');
    return str_starts(model, STR("o")) && is_digit(model, 1, '1') &&
           (model.len == 2 || model.ptr[2] == '-');
}

static bool is_reasoning(const struct chat_reasoning *r)
{
    return r->thinking == CHAT_THINKING_ON || r->thinking == CHAT_THINKING_ADAPTIVE ||
           (chat_text_has(r->effort) && r->thinking != CHAT_THINKING_OFF);
}

static void write_max_tokens(const struct chat_request *q, struct json_writer *w)
{
    bool is_newer =
        q->has_completion_max || is_reasoning(&q->reasoning) || is_newer_model(q->model.bytes);

    write_raw(w, is_newer ? STR("max_completion_tokens") : STR("max_tokens"), q->max_tokens);
}

// The effort that a budget stands for.
static str effort_of(str budget_tokens)
{
    struct json_value v = {.kind = JSON_NUMBER, .text = budget_tokens};
    uint64_t n = 0;

    if (!budget_tokens.len || json_to_u64(v, UINT64_MAX, &n)) return STR("medium");
    return n < 4096 ? STR("low") : n < 16'384 ? STR("medium") : STR("high");
}

static void write_reasoning(const struct chat_reasoning *r, struct json_writer *w, struct gather *g,
                            struct chat_notes *n)
{
    static const str efforts[] = {STR_INIT("none"),   STR_INIT("minimal"), STR_INIT("low"),
                                  STR_INIT("medium"), STR_INIT("high"),    STR_INIT("xhigh"),
                                  STR_INIT("max")};
    const str key = STR("reasoning_effort");

    if (is_any(r->effort, efforts, sizeof(efforts) / sizeof(*efforts))) {
        write_value(w, g, key, r->effort);
        if (r->budget_tokens.len) chat_notes_drop(n, STR("thinking.budget_tokens"));
    } else if (r->thinking == CHAT_THINKING_ON) {
        write_value(w, g, key, chat_text_plain(effort_of(r->budget_tokens)));
    } else if (chat_text_has(r->effort)) {
        chat_notes_drop(n, key);
    } else if (r->thinking == CHAT_THINKING_OFF) {
        chat_notes_drop(n, STR("thinking")); // models that can't reason refuse to hear of it
    }
}

static void write_stops(const struct chat_request *q, struct json_writer *w, struct gather *g,
                        struct chat_notes *n)
{
    if (!q->stop_count) return;
    if (q->stop_count > STOPS_MAX) chat_notes_drop(n, STR("stop"));
    json_write_key(w, STR("stop"));
    json_write_array(w);
    for (size_t i = 0; i < q->stop_count && i < STOPS_MAX; i++) {
        chat_text_write(w, g, q->stops[i]);
    }
    json_write_array_end(w);
}

static void write_words(const struct chat_request *q, struct json_writer *w, struct gather *g,
                        struct chat_notes *n)
{
    static const str verbosities[] = {STR_INIT("low"), STR_INIT("medium"), STR_INIT("high")};

    str tier = openai_words_tier(q->service_tier);
    if (tier.len) {
        write_value(w, g, STR("service_tier"), chat_text_plain(tier));
    } else if (chat_text_has(q->service_tier)) {
        chat_notes_drop(n, STR("service_tier"));
    }
    if (is_any(q->verbosity, verbosities, sizeof(verbosities) / sizeof(*verbosities))) {
        write_value(w, g, STR("verbosity"), q->verbosity);
    } else if (chat_text_has(q->verbosity)) {
        chat_notes_drop(n, STR("verbosity"));
    }
    chat_text_write_member(w, g, STR("user"), q->user);
}

static void write_numbers(const struct chat_request *q, struct json_writer *w, struct chat_notes *n)
{
    if (q->choice_count > 1) {
        json_write_key(w, STR("n"));
        json_write_u64(w, q->choice_count);
    }
    write_raw(w, STR("temperature"), q->temperature);
    write_raw(w, STR("top_p"), q->top_p);
    write_raw(w, STR("frequency_penalty"), q->frequency_penalty);
    write_raw(w, STR("presence_penalty"), q->presence_penalty);
    write_raw(w, STR("seed"), q->seed);
    if (q->logprobs) {
        json_write_key(w, STR("logprobs"));
        json_write_bool(w, q->logprobs == CHAT_YES);
    }
    write_raw(w, STR("top_logprobs"), q->top_logprobs);
    write_raw(w, STR("logit_bias"), q->logit_bias_json);
    write_raw(w, STR("metadata"), q->metadata_json);
    if (q->top_k.len) chat_notes_drop(n, STR("top_k"));
}

static void write_stream(const struct chat_request *q, struct json_writer *w)
{
    if (!q->is_stream) return;
    json_write_key(w, STR("stream"));
    json_write_bool(w, true);
    if (!q->wants_usage) return;
    json_write_key(w, STR("stream_options"));
    json_write_object(w);
    json_write_key(w, STR("include_usage"));
    json_write_bool(w, true);
    json_write_object_end(w);
}

// Tools and messages come first, so that what a conversation has said is a prefix of what it says
// next, up to the end of its last message.
err openai_chat_write(const struct chat_request *q, struct gather *out, struct chat_notes *n)
{
    struct json_writer w;

    json_write_init(&w, &out->text);
    json_write_object(&w);
    chat_text_write_member(&w, out, STR("model"), q->model);
    TRY(openai_tool_write(q, &w, out, n));
    TRY(openai_format_write(&q->format, &w, out, n));
    json_write_key(&w, STR("messages"));
    TRY(openai_message_write(q, &w, out, n));
    write_max_tokens(q, &w);
    write_reasoning(&q->reasoning, &w, out, n);
    write_words(q, &w, out, n);
    write_numbers(q, &w, n);
    write_stops(q, &w, out, n);
    write_stream(q, &w);
    json_write_object_end(&w);
    return w.error;
}
