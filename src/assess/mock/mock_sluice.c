// Design: a stream is a walk over (step, block, choice): at each step and block the same is said of
// all choices, one after the other. An event is written from the walk's place alone.
#include "assess/mock/mock_sluice.h"

#include "assess/mock/mock_digest.h"
#include "assess/mock/mock_embeddings.h"
#include "assess/mock/mock_member.h"
#include "assess/mock/mock_shape.h"
#include "base/memory.h"

enum step {
    STEP_START,
    STEP_OPEN, // a call of a tool
    STEP_WORD,
    STEP_SIGN, // what was thought
    STEP_CLOSE,
    STEP_FINISH,
    STEP_USAGE,
    STEP_END
};

// A reason in the words of scripts; others have no number, so they are not said.
static str finish_name(const struct mock_say *s)
{
    static const struct {
        str word;
        str name;
    } reasons[] = {
        {STR_INIT("stop"), STR_INIT("FINISH_REASON_STOP")},
        {STR_INIT("length"), STR_INIT("FINISH_REASON_LENGTH")},
        {STR_INIT("tool_calls"), STR_INIT("FINISH_REASON_TOOL_CALLS")},
        {STR_INIT("content_filter"), STR_INIT("FINISH_REASON_CONTENT_FILTER")},
        {STR_INIT("refusal"), STR_INIT("FINISH_REASON_REFUSAL")},
        {STR_INIT("pause"), STR_INIT("FINISH_REASON_PAUSE")},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (str_eq(s->finish_reason, reasons[i].word)) return reasons[i].name;
    }
    return STR("FINISH_REASON_UNSPECIFIED");
}

static void write_finish(struct json_writer *w, const struct mock_say *s, str key)
{
    mock_member_str(w, key, finish_name(s));
    if (s->stop.len) mock_member_str(w, STR("stopSequence"), s->stop);
}

static void write_usage(struct json_writer *w, const struct mock_say *s)
{
    mock_member_object(w, STR("usage"));
    mock_member_u64(w, STR("inputTokens"), s->prompt_tokens);
    mock_member_u64(w, STR("outputTokens"), s->completion_tokens);
    mock_member_u64(w, STR("cachedTokens"), s->cached_tokens);
    mock_member_u64(w, STR("cacheWriteTokens"), s->cache_write_tokens);
    mock_member_u64(w, STR("reasoningTokens"), s->thinking_tokens);
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

static void write_call(struct json_writer *w, const struct mock_say *s, size_t nth)
{
    mock_member_object(w, STR("toolCall"));
    mock_member_id_nth(w, STR("id"), STR("call_"), s, mock_say_tool_index(s, nth));
    mock_member_str(w, STR("name"), s->blocks[nth].name);
}

static void write_part(struct json_writer *w, const struct mock_say *s, size_t nth)
{
    const struct mock_block *b = &s->blocks[nth];

    json_write_object(w);
    switch (b->kind) {
    case MOCK_BLOCK_THINKING:
        mock_member_object(w, STR("reasoning"));
        mock_member_words(w, STR("text"), &b->words);
        write_signature(w, b);
        json_write_object_end(w);
        break;
    case MOCK_BLOCK_TEXT: mock_member_words(w, STR("text"), &b->words); break;
    case MOCK_BLOCK_TOOL:
        write_call(w, s, nth);
        mock_member_words(w, STR("arguments"), &b->words);
        json_write_object_end(w);
        break;
    }
    json_write_object_end(w);
}

static void write_choice(struct json_writer *w, const struct mock_say *s, uint64_t choice)
{
    json_write_object(w);
    mock_member_u64(w, STR("index"), choice);
    mock_member_object(w, STR("message"));
    mock_member_str(w, STR("role"), STR("ROLE_ASSISTANT"));
    mock_member_array(w, STR("parts"));
    for (size_t i = 0; i < s->block_count; i++) {
        write_part(w, s, i);
    }
    json_write_array_end(w);
    json_write_object_end(w);
    if (!s->has_no_finish) write_finish(w, s, STR("finishReason"));
    json_write_object_end(w);
}

err mock_sluice_complete(const struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_id(&w, STR("id"), STR("mock-"), s);
    mock_member_str(&w, STR("model"), s->model);
    mock_member_array(&w, STR("choices"));
    for (uint64_t i = 0; i < s->req->choices; i++) {
        write_choice(&w, s, i);
    }
    json_write_array_end(&w);
    write_usage(&w, s);
    json_write_object_end(&w);
    return w.error;
}

// --- Streams ---

static const struct mock_block *block_at(const struct mock_say *s)
{
    return &s->blocks[s->at.block];
}

static void write_delta(struct json_writer *w, const struct mock_say *s)
{
    static const str members[] = {
        [MOCK_BLOCK_THINKING] = STR_INIT("reasoning"),
        [MOCK_BLOCK_TEXT] = STR_INIT("text"),
        [MOCK_BLOCK_TOOL] = STR_INIT("toolArguments"),
    };
    const struct mock_block *b = block_at(s);

    mock_member_object(w, STR("delta"));
    mock_member_u64(w, STR("choice"), s->at.choice);
    mock_member_u64(w, STR("part"), s->at.block);
    if (s->at.step == STEP_OPEN) {
        write_call(w, s, s->at.block);
        json_write_object_end(w);
    } else if (s->at.step == STEP_SIGN) {
        write_signature(w, b);
    } else {
        mock_member_str(w, members[b->kind], s->at.token);
    }
    json_write_object_end(w);
}

static void write_step(struct json_writer *w, const struct mock_say *s)
{
    switch ((enum step)s->at.step) {
    case STEP_START:
        mock_member_object(w, STR("start"));
        mock_member_id(w, STR("id"), STR("mock-"), s);
        mock_member_str(w, STR("model"), s->model);
        json_write_object_end(w);
        break;
    case STEP_FINISH:
        mock_member_object(w, STR("finish"));
        mock_member_u64(w, STR("choice"), s->at.choice);
        write_finish(w, s, STR("reason"));
        json_write_object_end(w);
        break;
    case STEP_USAGE: write_usage(w, s); break;
    default: write_delta(w, s); break;
    }
}

// Whether there is an event at this step of the walk.
static bool has_step(struct mock_say *s)
{
    const struct mock_block *b = block_at(s);

    switch ((enum step)s->at.step) {
    case STEP_OPEN: return b->kind == MOCK_BLOCK_TOOL;
    case STEP_WORD: return mock_say_word(&b->words, &s->at.cursor, &s->at.token);
    case STEP_SIGN: return b->kind == MOCK_BLOCK_THINKING;
    case STEP_CLOSE: return false;
    case STEP_FINISH: return !s->has_no_finish;
    case STEP_START:
    case STEP_USAGE:
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

// Of what is said of each choice, to the next one; else on.
static void move(struct mock_say *s)
{
    bool is_of_choice = s->at.step != STEP_START && s->at.step != STEP_USAGE;

    if (is_of_choice && ++s->at.choice < s->req->choices) {
        s->at.is_paced = false;
        return;
    }
    s->at.choice = 0;
    if (s->at.step != STEP_WORD) step_on(s);
    settle(s);
}

err mock_sluice_next(struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    s->at.is_started = true;
    if (s->at.is_end) return ERR_EOF;
    json_write_init(&w, out);
    json_write_object(&w);
    write_step(&w, s);
    json_write_object_end(&w);
    s->at.said += s->at.step == STEP_WORD;
    s->at.has_usage |= s->at.step == STEP_USAGE;
    move(s);
    return w.error;
}

// --- The other methods ---

err mock_sluice_count(const struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_u64(&w, STR("inputTokens"), s->prompt_tokens);
    json_write_object_end(&w);
    return w.error;
}

static void write_vector(struct json_writer *w, uint64_t index, const float *vector, size_t count)
{
    json_write_object(w);
    mock_member_u64(w, STR("index"), index);
    mock_member_array(w, STR("values"));
    for (size_t i = 0; i < count; i++) {
        json_write_float(w, vector[i]);
    }
    json_write_array_end(w);
    json_write_object_end(w);
}

// Token ids have the vector of their list as JSON.
static void write_vectors(struct json_writer *w, const struct mock_say *s, float *vector,
                          size_t count)
{
    static const str names[] = {STR_INIT("text"), STR_INIT("tokens")};
    static const str ids_member = STR_INIT("ids");
    struct json_reader walk;
    struct json_value input;
    struct json_value v[2];
    struct json_value ids;
    struct arena arena;

    arena_init(&arena, 4096);
    mock_shape_elements(&walk, (struct json_value){.kind = JSON_ARRAY, .text = s->req->input});
    for (uint64_t i = 0; mock_shape_next(&walk, &input); i++) {
        mock_shape_members(input.text, names, v, 2);
        str text = mock_shape_text(v[0], &arena);
        if (v[1].kind == JSON_OBJECT) {
            mock_shape_members(v[1].text, &ids_member, &ids, 1);
            text = ids.text;
        }
        mock_embeddings_vector(text, vector, count);
        write_vector(w, i, vector, count);
        arena_reset(&arena);
    }
}

err mock_sluice_embed(const struct mock_say *s, struct buf *out)
{
    size_t count = s->req->dimensions ? (size_t)s->req->dimensions : MOCK_EMBEDDINGS_DIMENSIONS;
    float *vector = memory_alloc(count * sizeof(float));
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_str(&w, STR("model"), s->model);
    mock_member_array(&w, STR("embeddings"));
    write_vectors(&w, s, vector, count);
    json_write_array_end(&w);
    mock_member_object(&w, STR("usage"));
    mock_member_u64(&w, STR("inputTokens"), s->prompt_tokens);
    json_write_object_end(&w);
    json_write_object_end(&w);
    memory_free(vector);
    return w.error;
}

err mock_sluice_health(const struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    (void)s;
    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_str(&w, STR("status"), STR("SERVING"));
    json_write_object_end(&w);
    return w.error;
}

// --- The dialect ---

static str type_of_status(unsigned status)
{
    return status_name(status_of_error(status));
}

static struct status refusal(const struct mock_problem *p, struct arena *arena)
{
    struct status s = {.code = status_of_error(p->status), .message = p->message};

    if (p->param.len)
        s.message =
            arena_format(arena, "%" STR_FMT ": %" STR_FMT, STR_ARG(p->param), STR_ARG(p->message));
    return s;
}

static str answer_fields(str request_id, struct arena *arena)
{
    return arena_format(arena, "x-request-id: %" STR_FMT "\r\n", STR_ARG(request_id));
}

const struct mock_dialect mock_sluice = {
    .broken_event = STR_INIT("\0\0\0\0\x08\x12\xff\xff\xff\xff\xff\xff\xff"),
    .type_of_status = type_of_status,
    .refusal = refusal,
    .trailers = STR_INIT("grpc-status: 0\r\n"),
    .failed_trailers = STR_INIT("grpc-status: 14\r\n"
                                "grpc-message: The mock was told to fail here.\r\n"),
    .fields = answer_fields,
};
