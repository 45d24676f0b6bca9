// Design: a stream is a walk over (step, choice): every choice's role, then the words, each to
// every choice, then every choice's finish, the usage and the end mark. An event is written from
// the walk's place alone, so a stream holds no text of its own.
#include "assess/mock/mock_openai.h"

#include "codec/json_write.h"

#include <assert.h>
#include <string.h>

enum { ID_BYTES_MAX = 64 };

enum step { STEP_ROLE, STEP_WORD, STEP_FINISH, STEP_USAGE, STEP_DONE, STEP_END };

static str fingerprint = STR_INIT("fp_mock");

static void key_str(struct json_writer *w, str key, str value)
{
    json_write_key(w, key);
    json_write_str(w, value);
}

static void key_u64(struct json_writer *w, str key, uint64_t value)
{
    json_write_key(w, key);
    json_write_u64(w, value);
}

static void key_null(struct json_writer *w, str key)
{
    json_write_key(w, key);
    json_write_null(w);
}

static void key_id(struct json_writer *w, str prefix, const struct mock_say *s)
{
    char id[ID_BYTES_MAX];

    assert(prefix.len + s->digits.len <= sizeof(id));
    memcpy(id, prefix.ptr, prefix.len);
    memcpy(id + prefix.len, s->digits.ptr, s->digits.len);
    key_str(w, STR("id"), (str){.ptr = id, .len = prefix.len + s->digits.len});
}

// The members every body and every event begin with.
static void begin(struct json_writer *w, struct buf *out, const struct mock_say *s, bool is_chat)
{
    json_write_init(w, out);
    json_write_object(w);
    key_id(w, is_chat ? STR("chatcmpl-") : STR("cmpl-"), s);
}

static void middle(struct json_writer *w, const struct mock_say *s, str object)
{
    key_str(w, STR("object"), object);
    key_u64(w, STR("created"), s->created);
    key_str(w, STR("model"), s->model);
}

static void write_usage(struct json_writer *w, const struct mock_say *s)
{
    json_write_object(w);
    key_u64(w, STR("prompt_tokens"), s->prompt_tokens);
    key_u64(w, STR("completion_tokens"), s->completion_tokens);
    key_u64(w, STR("total_tokens"), s->prompt_tokens + s->completion_tokens);
    json_write_key(w, STR("prompt_tokens_details"));
    json_write_object(w);
    key_u64(w, STR("cached_tokens"), 0);
    key_u64(w, STR("audio_tokens"), 0);
    json_write_object_end(w);
    json_write_key(w, STR("completion_tokens_details"));
    json_write_object(w);
    key_u64(w, STR("reasoning_tokens"), 0);
    key_u64(w, STR("audio_tokens"), 0);
    key_u64(w, STR("accepted_prediction_tokens"), 0);
    key_u64(w, STR("rejected_prediction_tokens"), 0);
    json_write_object_end(w);
    json_write_object_end(w);
}

static void write_words(struct json_writer *w, const struct mock_words *words)
{
    struct buf text;

    buf_init(&text, w->out->max);
    err e = mock_say_all(words, &text);
    if (e) {
        w->error = e;
    } else {
        json_write_str(w, buf_view(&text));
    }
    buf_done(&text);
}

static void key_call_id(struct json_writer *w, const struct mock_say *s)
{
    key_id(w, STR("call_"), s);
}

static void write_tool_calls(struct json_writer *w, const struct mock_say *s)
{
    json_write_key(w, STR("tool_calls"));
    json_write_array(w);
    json_write_object(w);
    key_call_id(w, s);
    key_str(w, STR("type"), STR("function"));
    json_write_key(w, STR("function"));
    json_write_object(w);
    key_str(w, STR("name"), s->tool_name);
    json_write_key(w, STR("arguments"));
    write_words(w, &s->words);
    json_write_object_end(w);
    json_write_object_end(w);
    json_write_array_end(w);
}

static void write_message(struct json_writer *w, const struct mock_say *s)
{
    json_write_key(w, STR("message"));
    json_write_object(w);
    key_str(w, STR("role"), STR("assistant"));
    json_write_key(w, STR("content"));
    if (s->tool_name.len) {
        json_write_null(w);
        write_tool_calls(w, s);
    } else {
        write_words(w, &s->words);
    }
    key_null(w, STR("refusal"));
    json_write_key(w, STR("annotations"));
    json_write_array(w);
    json_write_array_end(w);
    json_write_object_end(w);
}

static void write_finish(struct json_writer *w, const struct mock_say *s)
{
    if (s->has_no_finish) {
        key_null(w, STR("finish_reason"));
    } else {
        key_str(w, STR("finish_reason"), s->finish_reason);
    }
}

static err whole(const struct mock_say *s, struct buf *out, bool is_chat)
{
    struct json_writer w;

    begin(&w, out, s, is_chat);
    middle(&w, s, is_chat ? STR("chat.completion") : STR("text_completion"));
    json_write_key(&w, STR("choices"));
    json_write_array(&w);
    for (uint64_t i = 0; i < s->req->choices; i++) {
        json_write_object(&w);
        key_u64(&w, STR("index"), i);
        if (is_chat) {
            write_message(&w, s);
        } else {
            json_write_key(&w, STR("text"));
            write_words(&w, &s->words);
        }
        key_null(&w, STR("logprobs"));
        write_finish(&w, s);
        json_write_object_end(&w);
    }
    json_write_array_end(&w);
    json_write_key(&w, STR("usage"));
    write_usage(&w, s);
    if (is_chat) key_str(&w, STR("service_tier"), STR("default"));
    key_str(&w, STR("system_fingerprint"), fingerprint);
    json_write_object_end(&w);
    return w.error;
}

err mock_openai_chat(const struct mock_say *s, struct buf *out)
{
    return whole(s, out, true);
}

err mock_openai_completion(const struct mock_say *s, struct buf *out)
{
    return whole(s, out, false);
}

// A call's first piece brings index, id, type and name; the others index and arguments.
static void write_call_delta(struct json_writer *w, const struct mock_say *s)
{
    bool is_first = s->at.step == STEP_ROLE;

    json_write_key(w, STR("tool_calls"));
    json_write_array(w);
    json_write_object(w);
    key_u64(w, STR("index"), 0);
    if (is_first) {
        key_call_id(w, s);
        key_str(w, STR("type"), STR("function"));
    }
    json_write_key(w, STR("function"));
    json_write_object(w);
    if (is_first) key_str(w, STR("name"), s->tool_name);
    key_str(w, STR("arguments"), is_first ? STR("") : s->at.token);
    json_write_object_end(w);
    json_write_object_end(w);
    json_write_array_end(w);
}

static void write_delta(struct json_writer *w, const struct mock_say *s)
{
    json_write_key(w, STR("delta"));
    json_write_object(w);
    if (s->at.step == STEP_ROLE) {
        key_str(w, STR("role"), STR("assistant"));
        json_write_key(w, STR("content"));
        if (s->tool_name.len) {
            json_write_null(w);
            write_call_delta(w, s);
        } else {
            json_write_str(w, STR(""));
        }
        key_null(w, STR("refusal"));
    } else if (s->at.step == STEP_WORD && s->tool_name.len) {
        write_call_delta(w, s);
    } else if (s->at.step == STEP_WORD) {
        key_str(w, STR("content"), s->at.token);
    }
    json_write_object_end(w);
}

static void write_choice(struct json_writer *w, const struct mock_say *s, bool is_chat)
{
    json_write_object(w);
    key_u64(w, STR("index"), s->at.choice);
    if (is_chat) {
        write_delta(w, s);
    } else {
        key_str(w, STR("text"), s->at.step == STEP_WORD ? s->at.token : STR(""));
    }
    key_null(w, STR("logprobs"));
    if (s->at.step == STEP_FINISH) {
        write_finish(w, s);
    } else {
        key_null(w, STR("finish_reason"));
    }
    json_write_object_end(w);
}

static err write_event(const struct mock_say *s, struct buf *out, bool is_chat)
{
    struct json_writer w;

    TRY(buf_append(out, STR("data: ")));
    begin(&w, out, s, is_chat);
    middle(&w, s, is_chat ? STR("chat.completion.chunk") : STR("text_completion"));
    if (is_chat) key_str(&w, STR("service_tier"), STR("default"));
    key_str(&w, STR("system_fingerprint"), fingerprint);
    json_write_key(&w, STR("choices"));
    json_write_array(&w);
    if (s->at.step != STEP_USAGE) write_choice(&w, s, is_chat);
    json_write_array_end(&w);
    if (s->req->include_usage) {
        json_write_key(&w, STR("usage"));
        if (s->at.step == STEP_USAGE) {
            write_usage(&w, s);
        } else {
            json_write_null(&w);
        }
    }
    json_write_object_end(&w);
    if (w.error) return w.error;
    return buf_append(out, STR("\n\n"));
}

// Whether there is an event at this step of the walk.
static bool has_step(struct mock_say *s, bool is_chat)
{
    switch ((enum step)s->at.step) {
    case STEP_ROLE: return is_chat;
    case STEP_WORD: return s->at.choice || mock_say_word(&s->words, &s->at.cursor, &s->at.token);
    case STEP_FINISH: return !s->has_no_finish;
    case STEP_USAGE: return s->req->include_usage;
    case STEP_DONE: return !s->has_no_done;
    case STEP_END: return true;
    }
    return false;
}

// To the next step that has an event.
static void settle(struct mock_say *s, bool is_chat)
{
    while (!has_step(s, is_chat)) {
        s->at.step++;
    }
    s->at.is_paced = s->at.step == STEP_WORD && s->at.choice == 0 && s->at.cursor.word > 1;
    s->at.is_end = s->at.step == STEP_END;
}

static void advance(struct mock_say *s)
{
    bool is_of_choice = s->at.step <= STEP_FINISH;

    if (is_of_choice && ++s->at.choice < s->req->choices) return;
    s->at.choice = 0;
    if (s->at.step != STEP_WORD) s->at.step++;
}

static err next(struct mock_say *s, struct buf *out, bool is_chat)
{
    if (!s->at.is_started) settle(s, is_chat);
    s->at.is_started = true;
    if (s->at.is_end) return ERR_EOF;
    TRY(s->at.step == STEP_DONE ? buf_append(out, STR("data: [DONE]\n\n"))
                                : write_event(s, out, is_chat));
    advance(s);
    settle(s, is_chat);
    return OK;
}

err mock_openai_chat_next(struct mock_say *s, struct buf *out)
{
    return next(s, out, true);
}

err mock_openai_completion_next(struct mock_say *s, struct buf *out)
{
    return next(s, out, false);
}

static void write_model(struct json_writer *w, const struct mock_say *s, str id)
{
    json_write_object(w);
    key_str(w, STR("id"), id);
    key_str(w, STR("object"), STR("model"));
    key_u64(w, STR("created"), s->created);
    key_str(w, STR("owned_by"), STR("sluice-mock"));
    json_write_object_end(w);
}

err mock_openai_models(const struct mock_say *s, struct buf *out)
{
    static const str names[] = {STR_INIT("mock"), STR_INIT("mock-embedding")};
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    key_str(&w, STR("object"), STR("list"));
    json_write_key(&w, STR("data"));
    json_write_array(&w);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        write_model(&w, s, names[i]);
    }
    json_write_array_end(&w);
    json_write_object_end(&w);
    return w.error;
}

err mock_openai_model(const struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    write_model(&w, s, s->model);
    return w.error;
}

err mock_openai_moderation(const struct mock_say *s, struct buf *out)
{
    static const str categories[] = {
        STR_INIT("harassment"), STR_INIT("hate"),   STR_INIT("illicit"),
        STR_INIT("self-harm"),  STR_INIT("sexual"), STR_INIT("violence"),
    };
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    key_id(&w, STR("modr-"), s);
    key_str(&w, STR("model"), s->model);
    json_write_key(&w, STR("results"));
    json_write_array(&w);
    json_write_object(&w);
    json_write_key(&w, STR("flagged"));
    json_write_bool(&w, false);
    for (int is_score = 0; is_score < 2; is_score++) {
        json_write_key(&w, is_score ? STR("category_scores") : STR("categories"));
        json_write_object(&w);
        for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++) {
            json_write_key(&w, categories[i]);
            if (is_score) {
                json_write_double(&w, 0);
            } else {
                json_write_bool(&w, false);
            }
        }
        json_write_object_end(&w);
    }
    json_write_object_end(&w);
    json_write_array_end(&w);
    json_write_object_end(&w);
    return w.error;
}

static void key_str_or_null(struct json_writer *w, str key, str value)
{
    if (value.len) {
        key_str(w, key, value);
    } else {
        key_null(w, key);
    }
}

err mock_openai_error(const struct mock_problem *p, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    json_write_key(&w, STR("error"));
    json_write_object(&w);
    key_str(&w, STR("message"), p->message);
    key_str(&w, STR("type"), p->type);
    key_str_or_null(&w, STR("param"), p->param);
    key_str_or_null(&w, STR("code"), p->code);
    json_write_object_end(&w);
    json_write_object_end(&w);
    return w.error;
}
