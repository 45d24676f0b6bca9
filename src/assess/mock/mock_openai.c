// Design: a stream is a walk over (step, block, choice): every choice's role, then block by block
// the words, each to every choice, then every choice's finish, the usage and the end mark. A call
// that begins the answer is opened by the event of the role, any other one by an event of its own.
// An event is written from the walk's place alone, so a stream holds no text of its own.
#include "assess/mock/mock_openai.h"

#include "assess/mock/mock_member.h"
#include "assess/mock/mock_name.h"

#include <stdio.h>

enum { ID_BYTES_MAX = 64 };

enum step { STEP_ROLE, STEP_OPEN, STEP_WORD, STEP_FINISH, STEP_USAGE, STEP_DONE, STEP_END };

static str fingerprint = STR_INIT("fp_mock");

// The members every body and every event begin with.
static void begin(struct json_writer *w, struct buf *out, const struct mock_say *s, bool is_chat)
{
    json_write_init(w, out);
    json_write_object(w);
    mock_member_id(w, STR("id"), is_chat ? STR("chatcmpl-") : STR("cmpl-"), s);
}

static void middle(struct json_writer *w, const struct mock_say *s, str object)
{
    mock_member_str(w, STR("object"), object);
    mock_member_u64(w, STR("created"), s->created);
    mock_member_str(w, STR("model"), s->model);
}

static void write_usage(struct json_writer *w, const struct mock_say *s)
{
    json_write_object(w);
    mock_member_u64(w, STR("prompt_tokens"), s->prompt_tokens);
    mock_member_u64(w, STR("completion_tokens"), s->completion_tokens);
    mock_member_u64(w, STR("total_tokens"), s->prompt_tokens + s->completion_tokens);
    mock_member_object(w, STR("prompt_tokens_details"));
    mock_member_u64(w, STR("cached_tokens"), s->cached_tokens);
    mock_member_u64(w, STR("audio_tokens"), 0);
    json_write_object_end(w);
    mock_member_object(w, STR("completion_tokens_details"));
    mock_member_u64(w, STR("reasoning_tokens"), s->thinking_tokens);
    mock_member_u64(w, STR("audio_tokens"), 0);
    mock_member_u64(w, STR("accepted_prediction_tokens"), 0);
    mock_member_u64(w, STR("rejected_prediction_tokens"), 0);
    json_write_object_end(w);
    json_write_object_end(w);
}

static void write_tool_calls(struct json_writer *w, const struct mock_say *s)
{
    mock_member_array(w, STR("tool_calls"));
    for (size_t i = 0; i < s->block_count; i++) {
        const struct mock_block *b = &s->blocks[i];
        if (b->kind != MOCK_BLOCK_TOOL) continue;
        json_write_object(w);
        mock_member_id_nth(w, STR("id"), STR("call_"), s, mock_say_tool_index(s, i));
        mock_member_str(w, STR("type"), STR("function"));
        mock_member_object(w, STR("function"));
        mock_member_str(w, STR("name"), b->name);
        mock_member_words(w, STR("arguments"), &b->words);
        json_write_object_end(w);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_message(struct json_writer *w, const struct mock_say *s)
{
    const struct mock_block *thinking = mock_say_block(s, MOCK_BLOCK_THINKING);
    const struct mock_block *text = mock_say_block(s, MOCK_BLOCK_TEXT);

    mock_member_object(w, STR("message"));
    mock_member_str(w, STR("role"), STR("assistant"));
    if (text) {
        mock_member_words(w, STR("content"), &text->words);
    } else {
        mock_member_null(w, STR("content"));
    }
    if (thinking) mock_member_words(w, STR("reasoning_content"), &thinking->words);
    if (mock_say_block(s, MOCK_BLOCK_TOOL)) write_tool_calls(w, s);
    mock_member_null(w, STR("refusal"));
    mock_member_array(w, STR("annotations"));
    json_write_array_end(w);
    json_write_object_end(w);
}

// Of all blocks, legacy completions say one.
static const struct mock_block *only_block(const struct mock_say *s)
{
    const struct mock_block *text = mock_say_block(s, MOCK_BLOCK_TEXT);

    return text ? text : &s->blocks[s->block_count - 1];
}

static void write_finish(struct json_writer *w, const struct mock_say *s)
{
    if (s->has_no_finish) {
        mock_member_null(w, STR("finish_reason"));
    } else {
        mock_member_str(w, STR("finish_reason"), s->finish_reason);
    }
}

static err whole(const struct mock_say *s, struct buf *out, bool is_chat)
{
    struct json_writer w;

    begin(&w, out, s, is_chat);
    middle(&w, s, is_chat ? STR("chat.completion") : STR("text_completion"));
    mock_member_array(&w, STR("choices"));
    for (uint64_t i = 0; i < s->req->choices; i++) {
        json_write_object(&w);
        mock_member_u64(&w, STR("index"), i);
        if (is_chat) {
            write_message(&w, s);
        } else {
            mock_member_words(&w, STR("text"), &only_block(s)->words);
        }
        mock_member_null(&w, STR("logprobs"));
        write_finish(&w, s);
        json_write_object_end(&w);
    }
    json_write_array_end(&w);
    json_write_key(&w, STR("usage"));
    write_usage(&w, s);
    if (is_chat) mock_member_str(&w, STR("service_tier"), STR("default"));
    mock_member_str(&w, STR("system_fingerprint"), fingerprint);
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

static const struct mock_block *block_at(const struct mock_say *s)
{
    return &s->blocks[s->at.block];
}

// A call's first piece brings index, id, type and name; the others index and arguments.
static void write_call_delta(struct json_writer *w, const struct mock_say *s)
{
    bool is_first = s->at.step != STEP_WORD;
    size_t index = mock_say_tool_index(s, s->at.block);

    mock_member_array(w, STR("tool_calls"));
    json_write_object(w);
    mock_member_u64(w, STR("index"), index);
    if (is_first) {
        mock_member_id_nth(w, STR("id"), STR("call_"), s, index);
        mock_member_str(w, STR("type"), STR("function"));
    }
    mock_member_object(w, STR("function"));
    if (is_first) mock_member_str(w, STR("name"), block_at(s)->name);
    mock_member_str(w, STR("arguments"), is_first ? STR("") : s->at.token);
    json_write_object_end(w);
    json_write_object_end(w);
    json_write_array_end(w);
}

static void write_role(struct json_writer *w, const struct mock_say *s)
{
    mock_member_str(w, STR("role"), STR("assistant"));
    json_write_key(w, STR("content"));
    if (block_at(s)->kind == MOCK_BLOCK_TOOL) {
        json_write_null(w);
        write_call_delta(w, s);
    } else {
        json_write_str(w, STR(""));
    }
    mock_member_null(w, STR("refusal"));
}

static void write_word(struct json_writer *w, const struct mock_say *s)
{
    switch (block_at(s)->kind) {
    case MOCK_BLOCK_THINKING: mock_member_str(w, STR("reasoning_content"), s->at.token); break;
    case MOCK_BLOCK_TEXT: mock_member_str(w, STR("content"), s->at.token); break;
    case MOCK_BLOCK_TOOL: write_call_delta(w, s); break;
    }
}

static void write_delta(struct json_writer *w, const struct mock_say *s)
{
    mock_member_object(w, STR("delta"));
    if (s->at.step == STEP_ROLE) {
        write_role(w, s);
    } else if (s->at.step == STEP_OPEN || s->at.step == STEP_WORD) {
        write_word(w, s);
    }
    json_write_object_end(w);
}

static void write_choice(struct json_writer *w, const struct mock_say *s, bool is_chat)
{
    json_write_object(w);
    mock_member_u64(w, STR("index"), s->at.choice);
    if (is_chat) {
        write_delta(w, s);
    } else {
        mock_member_str(w, STR("text"), s->at.step == STEP_WORD ? s->at.token : STR(""));
    }
    mock_member_null(w, STR("logprobs"));
    if (s->at.step == STEP_FINISH) {
        write_finish(w, s);
    } else {
        mock_member_null(w, STR("finish_reason"));
    }
    json_write_object_end(w);
}

static err write_event(const struct mock_say *s, struct buf *out, bool is_chat)
{
    struct json_writer w;

    TRY(buf_append(out, STR("data: ")));
    begin(&w, out, s, is_chat);
    middle(&w, s, is_chat ? STR("chat.completion.chunk") : STR("text_completion"));
    if (is_chat) mock_member_str(&w, STR("service_tier"), STR("default"));
    mock_member_str(&w, STR("system_fingerprint"), fingerprint);
    mock_member_array(&w, STR("choices"));
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

// Whether there is an event at this step of the walk. Legacy completions know only words.
static bool has_step(struct mock_say *s, bool is_chat)
{
    const struct mock_block *b = block_at(s);

    switch ((enum step)s->at.step) {
    case STEP_ROLE: return is_chat;
    case STEP_OPEN: return is_chat && b->kind == MOCK_BLOCK_TOOL && s->at.block;
    case STEP_WORD:
        if (!is_chat && b != only_block(s)) return false;
        return s->at.choice || mock_say_word(&b->words, &s->at.cursor, &s->at.token);
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
        bool has_block = s->at.step == STEP_WORD && mock_say_next_block(s);
        s->at.step = has_block ? STEP_OPEN : s->at.step + 1;
    }
    s->at.is_paced = s->at.step == STEP_WORD && mock_say_is_paced(s);
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
    s->at.said += s->at.step == STEP_WORD;
    s->at.has_usage |= s->at.step == STEP_USAGE;
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

static err write_error(const struct mock_problem *p, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_object(&w, STR("error"));
    mock_member_str(&w, STR("message"), p->message);
    mock_member_str(&w, STR("type"), p->type);
    mock_member_str_or_null(&w, STR("param"), p->param);
    mock_member_str_or_null(&w, STR("code"), p->code);
    json_write_object_end(&w);
    json_write_object_end(&w);
    return w.error;
}

err mock_openai_fail(struct mock_say *s, struct buf *out)
{
    const struct mock_problem problem = {
        .type = STR("server_error"), .code = STR("server_error"), .message = mock_dialect_failure};

    (void)s;
    TRY(buf_append(out, STR("data: ")));
    TRY(write_error(&problem, out));
    return buf_append(out, STR("\n\n"));
}

static void write_model(struct json_writer *w, const struct mock_say *s, str id)
{
    json_write_object(w);
    mock_member_str(w, STR("id"), id);
    mock_member_str(w, STR("object"), STR("model"));
    mock_member_u64(w, STR("created"), s->created);
    mock_member_str(w, STR("owned_by"), STR("sluice-mock"));
    json_write_object_end(w);
}

err mock_openai_models(const struct mock_say *s, struct buf *out)
{
    struct mock_name_entry name;
    struct json_writer w;
    char id[ID_BYTES_MAX];

    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_str(&w, STR("object"), STR("list"));
    mock_member_array(&w, STR("data"));
    write_model(&w, s, STR("mock"));
    for (size_t i = 0; mock_name_entry(i, &name); i++) {
        int len = snprintf(id, sizeof(id), "mock-%" STR_FMT, STR_ARG(name.name));
        write_model(&w, s, (str){.ptr = id, .len = (size_t)len});
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
    mock_member_id(&w, STR("id"), STR("modr-"), s);
    mock_member_str(&w, STR("model"), s->model);
    mock_member_array(&w, STR("results"));
    json_write_object(&w);
    json_write_key(&w, STR("flagged"));
    json_write_bool(&w, false);
    for (int is_score = 0; is_score < 2; is_score++) {
        mock_member_object(&w, is_score ? STR("category_scores") : STR("categories"));
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

static str type_of_status(unsigned status)
{
    if (status == 401) return STR("authentication_error");
    if (status == 403) return STR("permission_error");
    if (status == 429) return STR("rate_limit_error");
    return status >= 500 ? STR("server_error") : STR("invalid_request_error");
}

static str answer_fields(str request_id, struct arena *arena)
{
    return arena_format(arena,
                        "x-request-id: %" STR_FMT "\r\n"
                        "openai-version: 2020-10-01\r\n"
                        "openai-organization: sluice-mock\r\n"
                        "openai-processing-ms: 1\r\n"
                        "x-ratelimit-limit-requests: 10000\r\n"
                        "x-ratelimit-remaining-requests: 9999\r\n"
                        "x-ratelimit-reset-requests: 6ms\r\n"
                        "x-ratelimit-limit-tokens: 2000000\r\n"
                        "x-ratelimit-remaining-tokens: 1999000\r\n"
                        "x-ratelimit-reset-tokens: 0s\r\n",
                        STR_ARG(request_id));
}

const struct mock_dialect mock_openai = {
    .broken_event = STR_INIT("data: {\"id\":\"chatcmpl-broken\",\"choices\":[{\"delta\":\n\n"),
    .type_of_status = type_of_status,
    .error = write_error,
    .fields = answer_fields,
};
