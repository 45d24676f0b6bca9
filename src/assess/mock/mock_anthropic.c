// Design: a stream is a walk over (step, block): the message's start, block by block its start, its
// deltas and its stop, then the finish and the message's stop. An event is written from the walk's
// place alone, so a stream holds no text of its own.
#include "assess/mock/mock_anthropic.h"

#include "assess/mock/mock_digest.h"
#include "assess/mock/mock_member.h"
#include "assess/mock/mock_name.h"

#include <stdio.h>

enum { ID_BYTES_MAX = 64 };

enum step {
    STEP_START,
    STEP_OPEN,
    STEP_PING,
    STEP_EMPTY, // a call's first delta, which brings nothing
    STEP_WORD,
    STEP_SIGN, // what was thought
    STEP_CLOSE,
    STEP_FINISH,
    STEP_STOP,
    STEP_END
};

static const str names[] = {
    [STEP_START] = STR_INIT("message_start"),
    [STEP_OPEN] = STR_INIT("content_block_start"),
    [STEP_PING] = STR_INIT("ping"),
    [STEP_EMPTY] = STR_INIT("content_block_delta"),
    [STEP_WORD] = STR_INIT("content_block_delta"),
    [STEP_SIGN] = STR_INIT("content_block_delta"),
    [STEP_CLOSE] = STR_INIT("content_block_stop"),
    [STEP_FINISH] = STR_INIT("message_delta"),
    [STEP_STOP] = STR_INIT("message_stop"),
};

// A reason in OpenAI's words, as scripts have it, in Anthropic's; others are taken as they are.
static str stop_reason(const struct mock_say *s)
{
    static const struct {
        str ours;
        str theirs;
    } reasons[] = {
        {STR_INIT("stop"), STR_INIT("end_turn")},
        {STR_INIT("length"), STR_INIT("max_tokens")},
        {STR_INIT("tool_calls"), STR_INIT("tool_use")},
        {STR_INIT("content_filter"), STR_INIT("refusal")},
    };

    if (s->stop.len && str_eq(s->finish_reason, STR("stop"))) return STR("stop_sequence");
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (str_eq(s->finish_reason, reasons[i].ours)) return reasons[i].theirs;
    }
    return s->finish_reason;
}

static void write_stop(struct json_writer *w, const struct mock_say *s, bool is_done)
{
    bool is_told = is_done && !s->has_no_finish;

    mock_member_str_or_null(w, STR("stop_reason"), is_told ? stop_reason(s) : STR(""));
    mock_member_str_or_null(w, STR("stop_sequence"), is_told ? s->stop : STR(""));
}

// Tokens that a cache had, or took, are not in input_tokens.
static uint64_t input_tokens(const struct mock_say *s)
{
    uint64_t cached = s->cached_tokens + s->cache_write_tokens;

    return s->prompt_tokens > cached ? s->prompt_tokens - cached : 0;
}

static void write_prompt_usage(struct json_writer *w, const struct mock_say *s)
{
    mock_member_object(w, STR("usage"));
    mock_member_u64(w, STR("input_tokens"), input_tokens(s));
    mock_member_u64(w, STR("cache_creation_input_tokens"), s->cache_write_tokens);
    mock_member_u64(w, STR("cache_read_input_tokens"), s->cached_tokens);
}

static void write_usage(struct json_writer *w, const struct mock_say *s, uint64_t output_tokens)
{
    write_prompt_usage(w, s);
    mock_member_object(w, STR("cache_creation"));
    mock_member_u64(w, STR("ephemeral_5m_input_tokens"), s->cache_write_tokens);
    mock_member_u64(w, STR("ephemeral_1h_input_tokens"), 0);
    json_write_object_end(w);
    mock_member_u64(w, STR("output_tokens"), output_tokens);
    mock_member_str(w, STR("service_tier"), STR("standard"));
    json_write_object_end(w);
}

// A seal over all that is thought, which a client must bring back as it was.
static void write_signature(struct json_writer *w, const struct mock_block *b)
{
    char seal[MOCK_DIGEST_SEAL + 1];
    struct buf text;

    buf_init(&text, w->out->max);
    err e = mock_say_all(&b->words, &text);
    mock_digest_seal(buf_view(&text), seal);
    mock_member_str(w, STR("signature"), str_from_c(seal));
    if (e && !w->error) w->error = e;
    buf_done(&text);
}

// What a script calls arguments need not be JSON: then the input is empty.
static void write_input(struct json_writer *w, const struct mock_block *b, bool is_done)
{
    str text = str_trim(b->words.text);

    json_write_key(w, STR("input"));
    if (is_done && str_starts(text, STR("{")) && json_check(text, NULL) == OK) {
        json_write_raw(w, text);
    } else {
        json_write_raw(w, STR("{}"));
    }
}

static void words_member(struct json_writer *w, str key, const struct mock_block *b, bool is_done)
{
    if (is_done) {
        mock_member_words(w, key, &b->words);
    } else {
        mock_member_str(w, key, STR(""));
    }
}

// One block, whole or as it begins.
static void write_block(struct json_writer *w, const struct mock_say *s, size_t nth, bool is_done)
{
    const struct mock_block *b = &s->blocks[nth];

    json_write_object(w);
    switch (b->kind) {
    case MOCK_BLOCK_THINKING:
        mock_member_str(w, STR("type"), STR("thinking"));
        words_member(w, STR("thinking"), b, is_done);
        if (is_done) {
            write_signature(w, b);
        } else {
            mock_member_str(w, STR("signature"), STR(""));
        }
        break;
    case MOCK_BLOCK_TEXT:
        mock_member_str(w, STR("type"), STR("text"));
        words_member(w, STR("text"), b, is_done);
        break;
    case MOCK_BLOCK_TOOL:
        mock_member_str(w, STR("type"), STR("tool_use"));
        mock_member_id_nth(w, STR("id"), STR("toolu_"), s, mock_say_tool_index(s, nth));
        mock_member_str(w, STR("name"), b->name);
        write_input(w, b, is_done);
        break;
    }
    json_write_object_end(w);
}

// A text of no words has no block: Anthropic takes none back.
static bool is_absent(const struct mock_block *b)
{
    struct mock_cursor c = {0};
    str ignored = STR("");

    return b->kind == MOCK_BLOCK_TEXT && !mock_say_word(&b->words, &c, &ignored);
}

static void write_message(struct json_writer *w, const struct mock_say *s, bool is_done)
{
    json_write_object(w);
    mock_member_str(w, STR("model"), s->model);
    mock_member_id(w, STR("id"), STR("msg_"), s);
    mock_member_str(w, STR("type"), STR("message"));
    mock_member_str(w, STR("role"), STR("assistant"));
    mock_member_array(w, STR("content"));
    for (size_t i = 0; is_done && i < s->block_count; i++) {
        if (!is_absent(&s->blocks[i])) write_block(w, s, i, true);
    }
    json_write_array_end(w);
    write_stop(w, s, is_done);
    // A stream has said a token or so when it begins.
    write_usage(w, s, is_done ? s->completion_tokens : 1);
    json_write_object_end(w);
}

err mock_anthropic_message(const struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    write_message(&w, s, true);
    return w.error;
}

static const struct mock_block *block_at(const struct mock_say *s)
{
    return &s->blocks[s->at.block];
}

// The index of the block among those that are not absent: at most one is, the text.
static size_t index_at(const struct mock_say *s)
{
    size_t index = 0;

    for (size_t i = 0; i < s->at.block; i++) {
        index += !is_absent(&s->blocks[i]);
    }
    return index;
}

static void write_delta(struct json_writer *w, const struct mock_say *s)
{
    static const struct {
        str type;
        str member;
    } kinds[] = {
        [MOCK_BLOCK_THINKING] = {STR_INIT("thinking_delta"), STR_INIT("thinking")},
        [MOCK_BLOCK_TEXT] = {STR_INIT("text_delta"), STR_INIT("text")},
        [MOCK_BLOCK_TOOL] = {STR_INIT("input_json_delta"), STR_INIT("partial_json")},
    };
    const struct mock_block *b = block_at(s);

    mock_member_object(w, STR("delta"));
    if (s->at.step == STEP_SIGN) {
        mock_member_str(w, STR("type"), STR("signature_delta"));
        write_signature(w, b);
    } else {
        mock_member_str(w, STR("type"), kinds[b->kind].type);
        mock_member_str(w, kinds[b->kind].member, s->at.step == STEP_EMPTY ? STR("") : s->at.token);
    }
    json_write_object_end(w);
}

// The finish, with the usage of all the stream.
static void write_finish(struct json_writer *w, const struct mock_say *s)
{
    mock_member_object(w, STR("delta"));
    write_stop(w, s, true);
    json_write_object_end(w);
    write_prompt_usage(w, s);
    mock_member_u64(w, STR("output_tokens"), s->completion_tokens);
    json_write_object_end(w);
}

static void write_step(struct json_writer *w, const struct mock_say *s)
{
    enum step step = s->at.step;

    mock_member_str(w, STR("type"), names[step]);
    if (step == STEP_START) {
        json_write_key(w, STR("message"));
        write_message(w, s, false);
    } else if (step == STEP_FINISH) {
        write_finish(w, s);
    } else if (step != STEP_PING && step != STEP_STOP) {
        mock_member_u64(w, STR("index"), index_at(s));
    }
    if (step == STEP_OPEN) {
        json_write_key(w, STR("content_block"));
        write_block(w, s, s->at.block, false);
    }
    if (step == STEP_EMPTY || step == STEP_WORD || step == STEP_SIGN) write_delta(w, s);
}

// Whether there is an event at this step of the walk.
static bool has_step(struct mock_say *s)
{
    const struct mock_block *b = block_at(s);

    switch ((enum step)s->at.step) {
    case STEP_OPEN:
    case STEP_CLOSE: return !is_absent(b);
    case STEP_PING: return s->at.block == 0;
    case STEP_EMPTY: return b->kind == MOCK_BLOCK_TOOL;
    case STEP_WORD: return mock_say_word(&b->words, &s->at.cursor, &s->at.token);
    case STEP_SIGN: return b->kind == MOCK_BLOCK_THINKING;
    case STEP_FINISH: return !s->has_no_finish;
    case STEP_STOP: return !s->has_no_done;
    case STEP_START:
    case STEP_END: return true;
    }
    return false;
}

static void step_on(struct mock_say *s)
{
    bool has_block = s->at.step == STEP_CLOSE && mock_say_next_block(s);

    s->at.step = has_block ? STEP_OPEN : s->at.step + 1;
}

// To the next step that has an event.
static void settle(struct mock_say *s)
{
    while (!has_step(s)) {
        step_on(s);
    }
    s->at.is_paced = s->at.step == STEP_WORD && mock_say_is_paced(s);
    s->at.is_end = s->at.step == STEP_END;
}

static err begin_event(str name, struct buf *out)
{
    TRY(buf_append(out, STR("event: ")));
    TRY(buf_append(out, name));
    return buf_append(out, STR("\ndata: "));
}

err mock_anthropic_next(struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    if (!s->at.is_started) settle(s);
    s->at.is_started = true;
    if (s->at.is_end) return ERR_EOF;
    TRY(begin_event(names[s->at.step], out));
    json_write_init(&w, out);
    json_write_object(&w);
    write_step(&w, s);
    json_write_object_end(&w);
    if (w.error) return w.error;
    s->at.said += s->at.step == STEP_WORD;
    s->at.has_usage |= s->at.step == STEP_FINISH;
    if (s->at.step != STEP_WORD) step_on(s);
    settle(s);
    return buf_append(out, STR("\n\n"));
}

static err write_error(const struct mock_problem *p, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_str(&w, STR("type"), STR("error"));
    mock_member_object(&w, STR("error"));
    mock_member_str(&w, STR("type"), p->type);
    mock_member_str(&w, STR("message"), p->message);
    json_write_object_end(&w);
    mock_member_str_or_null(&w, STR("request_id"), p->request_id);
    json_write_object_end(&w);
    return w.error;
}

err mock_anthropic_fail(struct mock_say *s, struct buf *out)
{
    const struct mock_problem problem = {.type = STR("overloaded_error"),
                                         .message = mock_dialect_failure};

    (void)s;
    TRY(begin_event(STR("error"), out));
    TRY(write_error(&problem, out));
    return buf_append(out, STR("\n\n"));
}

err mock_anthropic_count(const struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_u64(&w, STR("input_tokens"), s->prompt_tokens);
    json_write_object_end(&w);
    return w.error;
}

static void write_model(struct json_writer *w, str id)
{
    json_write_object(w);
    mock_member_str(w, STR("type"), STR("model"));
    mock_member_str(w, STR("id"), id);
    mock_member_str(w, STR("display_name"), id);
    mock_member_str(w, STR("created_at"), STR("2025-01-01T00:00:00Z"));
    json_write_object_end(w);
}

err mock_anthropic_models(const struct mock_say *s, struct buf *out)
{
    struct mock_name_entry name;
    struct json_writer w;
    char id[ID_BYTES_MAX] = "mock";
    int len = 4;

    (void)s;
    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_array(&w, STR("data"));
    write_model(&w, STR("mock"));
    for (size_t i = 0; mock_name_entry(i, &name); i++) {
        len = snprintf(id, sizeof(id), "mock-%" STR_FMT, STR_ARG(name.name));
        write_model(&w, (str){.ptr = id, .len = (size_t)len});
    }
    json_write_array_end(&w);
    mock_member_bool(&w, STR("has_more"), false);
    mock_member_str(&w, STR("first_id"), STR("mock"));
    mock_member_str(&w, STR("last_id"), (str){.ptr = id, .len = (size_t)len});
    json_write_object_end(&w);
    return w.error;
}

err mock_anthropic_model(const struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    write_model(&w, s->model);
    return w.error;
}

static str type_of_status(unsigned status)
{
    static const struct {
        unsigned status;
        str type;
    } types[] = {
        {401, STR_INIT("authentication_error")}, {402, STR_INIT("billing_error")},
        {403, STR_INIT("permission_error")},     {404, STR_INIT("not_found_error")},
        {413, STR_INIT("request_too_large")},    {429, STR_INIT("rate_limit_error")},
        {504, STR_INIT("timeout_error")},        {529, STR_INIT("overloaded_error")},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].status == status) return types[i].type;
    }
    return status >= 500 ? STR("api_error") : STR("invalid_request_error");
}

static str answer_fields(str request_id, struct arena *arena)
{
    return arena_format(arena,
                        "request-id: %" STR_FMT "\r\n"
                        "anthropic-organization-id: sluice-mock\r\n"
                        "anthropic-ratelimit-requests-limit: 10000\r\n"
                        "anthropic-ratelimit-requests-remaining: 9999\r\n"
                        "anthropic-ratelimit-requests-reset: 2030-01-01T00:00:00Z\r\n"
                        "anthropic-ratelimit-tokens-limit: 2000000\r\n"
                        "anthropic-ratelimit-tokens-remaining: 1999000\r\n"
                        "anthropic-ratelimit-tokens-reset: 2030-01-01T00:00:00Z\r\n",
                        STR_ARG(request_id));
}

const struct mock_dialect mock_anthropic = {
    .broken_event = STR_INIT("event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
                             "\"index\":0,\"delta\":\n\n"),
    .type_of_status = type_of_status,
    .error = write_error,
    .fields = answer_fields,
};
