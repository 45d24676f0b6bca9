// Design: the order of events is the table below, whose rows between the first two and the last
// come once for each block; a walk over it skips the rows that are not for the block at hand, and
// stays on a delta's row as long as there are words.
#include "assess/mock/mock_responses.h"

#include "assess/mock/mock_member.h"

enum part {
    PART_RESPONSE,
    PART_ITEM,
    PART_CONTENT,
    PART_SUMMARY,
    PART_DELTA,
    PART_TEXT,
    PART_ARGUMENTS
};

// Which blocks a row is for.
enum { ANY = -1, THINKING = MOCK_BLOCK_THINKING, TEXT = MOCK_BLOCK_TEXT, TOOL = MOCK_BLOCK_TOOL };

struct row {
    str type;
    enum part part;
    int only;
    bool is_done; // what it shows is complete
};

static const struct row rows[] = {
    {STR_INIT("response.created"), PART_RESPONSE, ANY, false},
    {STR_INIT("response.in_progress"), PART_RESPONSE, ANY, false},
    {STR_INIT("response.output_item.added"), PART_ITEM, ANY, false},
    {STR_INIT("response.content_part.added"), PART_CONTENT, TEXT, false},
    {STR_INIT("response.reasoning_summary_part.added"), PART_SUMMARY, THINKING, false},
    {STR_INIT("response.output_text.delta"), PART_DELTA, TEXT, false},
    {STR_INIT("response.reasoning_summary_text.delta"), PART_DELTA, THINKING, false},
    {STR_INIT("response.function_call_arguments.delta"), PART_DELTA, TOOL, false},
    {STR_INIT("response.function_call_arguments.done"), PART_ARGUMENTS, TOOL, true},
    {STR_INIT("response.output_text.done"), PART_TEXT, TEXT, true},
    {STR_INIT("response.reasoning_summary_text.done"), PART_TEXT, THINKING, true},
    {STR_INIT("response.content_part.done"), PART_CONTENT, TEXT, true},
    {STR_INIT("response.reasoning_summary_part.done"), PART_SUMMARY, THINKING, true},
    {STR_INIT("response.output_item.done"), PART_ITEM, ANY, true},
    {STR_INIT("response.completed"), PART_RESPONSE, ANY, true},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), ROW_ITEM = 2, ROW_LAST = ROWS - 1 };

static const struct mock_block *block_at(const struct mock_say *s)
{
    return &s->blocks[s->at.block];
}

static bool is_incomplete(const struct mock_say *s)
{
    return str_eq(s->finish_reason, STR("length"));
}

static str status_of(const struct mock_say *s, bool is_done)
{
    if (!is_done) return STR("in_progress");
    return is_incomplete(s) ? STR("incomplete") : STR("completed");
}

static void write_item_id(struct json_writer *w, str key, const struct mock_say *s, size_t nth)
{
    static const str prefixes[] = {[MOCK_BLOCK_THINKING] = STR_INIT("rs_"),
                                   [MOCK_BLOCK_TEXT] = STR_INIT("msg_"),
                                   [MOCK_BLOCK_TOOL] = STR_INIT("fc_")};

    mock_member_id_nth(w, key, prefixes[s->blocks[nth].kind], s, nth);
}

static void text_member(struct json_writer *w, str key, const struct mock_block *b, bool is_done)
{
    if (is_done) {
        mock_member_words(w, key, &b->words);
    } else {
        mock_member_str(w, key, STR(""));
    }
}

static void write_content(struct json_writer *w, const struct mock_block *b, bool is_done)
{
    json_write_object(w);
    mock_member_str(w, STR("type"), STR("output_text"));
    mock_member_array(w, STR("annotations"));
    json_write_array_end(w);
    mock_member_array(w, STR("logprobs"));
    json_write_array_end(w);
    text_member(w, STR("text"), b, is_done);
    json_write_object_end(w);
}

static void write_summary(struct json_writer *w, const struct mock_block *b, bool is_done)
{
    json_write_object(w);
    mock_member_str(w, STR("type"), STR("summary_text"));
    text_member(w, STR("text"), b, is_done);
    json_write_object_end(w);
}

static void write_message(struct json_writer *w, const struct mock_block *b, bool is_done)
{
    mock_member_array(w, STR("content"));
    if (is_done) write_content(w, b, true);
    json_write_array_end(w);
    mock_member_str(w, STR("role"), STR("assistant"));
}

static void write_item(struct json_writer *w, const struct mock_say *s, size_t nth, bool is_done)
{
    static const str types[] = {[MOCK_BLOCK_THINKING] = STR_INIT("reasoning"),
                                [MOCK_BLOCK_TEXT] = STR_INIT("message"),
                                [MOCK_BLOCK_TOOL] = STR_INIT("function_call")};
    const struct mock_block *b = &s->blocks[nth];

    json_write_object(w);
    write_item_id(w, STR("id"), s, nth);
    mock_member_str(w, STR("type"), types[b->kind]);
    switch (b->kind) {
    case MOCK_BLOCK_THINKING:
        mock_member_array(w, STR("summary"));
        if (is_done) write_summary(w, b, true);
        json_write_array_end(w);
        break;
    case MOCK_BLOCK_TEXT:
        mock_member_str(w, STR("status"), status_of(s, is_done));
        write_message(w, b, is_done);
        break;
    case MOCK_BLOCK_TOOL:
        mock_member_str(w, STR("status"), status_of(s, is_done));
        text_member(w, STR("arguments"), b, is_done);
        mock_member_id_nth(w, STR("call_id"), STR("call_"), s, mock_say_tool_index(s, nth));
        mock_member_str(w, STR("name"), b->name);
        break;
    }
    json_write_object_end(w);
}

static void write_usage(struct json_writer *w, const struct mock_say *s)
{
    mock_member_object(w, STR("usage"));
    mock_member_u64(w, STR("input_tokens"), s->prompt_tokens);
    mock_member_object(w, STR("input_tokens_details"));
    mock_member_u64(w, STR("cached_tokens"), s->cached_tokens);
    json_write_object_end(w);
    mock_member_u64(w, STR("output_tokens"), s->completion_tokens);
    mock_member_object(w, STR("output_tokens_details"));
    mock_member_u64(w, STR("reasoning_tokens"), s->thinking_tokens);
    json_write_object_end(w);
    mock_member_u64(w, STR("total_tokens"), s->prompt_tokens + s->completion_tokens);
    json_write_object_end(w);
}

// What OpenAI repeats of the request, at its defaults.
static void write_settings(struct json_writer *w, const struct mock_say *s)
{
    mock_member_null(w, STR("instructions"));
    json_write_key(w, STR("max_output_tokens"));
    if (s->req->tokens_max) {
        json_write_u64(w, s->req->tokens_max);
    } else {
        json_write_null(w);
    }
    mock_member_bool(w, STR("parallel_tool_calls"), true);
    mock_member_null(w, STR("previous_response_id"));
    mock_member_bool(w, STR("store"), true);
    mock_member_u64(w, STR("temperature"), 1);
    mock_member_u64(w, STR("top_p"), 1);
    mock_member_object(w, STR("text"));
    mock_member_object(w, STR("format"));
    mock_member_str(w, STR("type"), STR("text"));
    json_write_object_end(w);
    json_write_object_end(w);
    mock_member_str(w, STR("tool_choice"), STR("auto"));
    mock_member_array(w, STR("tools"));
    json_write_array_end(w);
    mock_member_str(w, STR("truncation"), STR("disabled"));
    mock_member_object(w, STR("metadata"));
    json_write_object_end(w);
}

static void write_response(struct json_writer *w, const struct mock_say *s, bool is_done)
{
    json_write_object(w);
    mock_member_id(w, STR("id"), STR("resp_"), s);
    mock_member_str(w, STR("object"), STR("response"));
    mock_member_u64(w, STR("created_at"), s->created);
    mock_member_str(w, STR("status"), status_of(s, is_done));
    mock_member_null(w, STR("error"));
    if (is_done && is_incomplete(s)) {
        mock_member_object(w, STR("incomplete_details"));
        mock_member_str(w, STR("reason"), STR("max_output_tokens"));
        json_write_object_end(w);
    } else {
        mock_member_null(w, STR("incomplete_details"));
    }
    mock_member_str(w, STR("model"), s->model);
    mock_member_array(w, STR("output"));
    for (size_t i = 0; is_done && i < s->block_count; i++) {
        write_item(w, s, i, true);
    }
    json_write_array_end(w);
    write_settings(w, s);
    if (is_done) {
        write_usage(w, s);
    } else {
        mock_member_null(w, STR("usage"));
    }
    json_write_object_end(w);
}

err mock_responses_whole(const struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    write_response(&w, s, true);
    return w.error;
}

// Where in the output the event belongs.
static void write_place(struct json_writer *w, const struct mock_say *s, const struct row *r)
{
    if (r->part == PART_RESPONSE) return;
    if (r->part != PART_ITEM) write_item_id(w, STR("item_id"), s, s->at.block);
    mock_member_u64(w, STR("output_index"), s->at.block);
    if (r->only == TEXT) mock_member_u64(w, STR("content_index"), 0);
    if (r->only == THINKING) mock_member_u64(w, STR("summary_index"), 0);
}

static void write_part(struct json_writer *w, const struct mock_say *s, const struct row *r)
{
    const struct mock_block *b = block_at(s);

    switch (r->part) {
    case PART_RESPONSE:
        json_write_key(w, STR("response"));
        write_response(w, s, r->is_done);
        break;
    case PART_ITEM:
        json_write_key(w, STR("item"));
        write_item(w, s, s->at.block, r->is_done);
        break;
    case PART_CONTENT:
        json_write_key(w, STR("part"));
        write_content(w, b, r->is_done);
        break;
    case PART_SUMMARY:
        json_write_key(w, STR("part"));
        write_summary(w, b, r->is_done);
        break;
    case PART_DELTA: mock_member_str(w, STR("delta"), s->at.token); break;
    case PART_TEXT: mock_member_words(w, STR("text"), &b->words); break;
    case PART_ARGUMENTS:
        mock_member_str(w, STR("name"), b->name);
        mock_member_words(w, STR("arguments"), &b->words);
        break;
    }
    if (r->only == TEXT && (r->part == PART_DELTA || r->part == PART_TEXT)) {
        mock_member_array(w, STR("logprobs"));
        json_write_array_end(w);
    }
}

static bool has_row(struct mock_say *s)
{
    const struct row *r = &rows[s->at.step];
    const struct mock_block *b = block_at(s);

    if (r->only != ANY && r->only != (int)b->kind) return false;
    if (r->part == PART_DELTA) return mock_say_word(&b->words, &s->at.cursor, &s->at.token);
    return s->at.step != ROW_LAST || (!s->has_no_done && !s->has_no_finish);
}

static void settle(struct mock_say *s)
{
    while (s->at.step < ROWS && !has_row(s)) {
        s->at.step++;
    }
    s->at.is_end = s->at.step == ROWS;
    s->at.is_paced = !s->at.is_end && rows[s->at.step].part == PART_DELTA && mock_say_is_paced(s);
}

// The rows of items come once for each block.
static void advance(struct mock_say *s)
{
    if (rows[s->at.step].part == PART_DELTA) return;
    s->at.step++;
    if (s->at.step == ROW_LAST && mock_say_next_block(s)) s->at.step = ROW_ITEM;
}

err mock_responses_next(struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    if (!s->at.is_started) settle(s);
    s->at.is_started = true;
    if (s->at.is_end) return ERR_EOF;
    const struct row *r = &rows[s->at.step];
    bool is_cut_short = s->at.step == ROW_LAST && is_incomplete(s);
    str type = is_cut_short ? STR("response.incomplete") : r->type;
    TRY(buf_append(out, STR("event: ")));
    TRY(buf_append(out, type));
    TRY(buf_append(out, STR("\ndata: ")));
    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_str(&w, STR("type"), type);
    mock_member_u64(&w, STR("sequence_number"), s->at.sequence++);
    write_place(&w, s, r);
    write_part(&w, s, r);
    json_write_object_end(&w);
    if (w.error) return w.error;
    s->at.said += r->part == PART_DELTA;
    s->at.has_usage |= r->part == PART_RESPONSE && r->is_done;
    advance(s);
    settle(s);
    return buf_append(out, STR("\n\n"));
}

err mock_responses_fail(struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    TRY(buf_append(out, STR("event: error\ndata: ")));
    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_str(&w, STR("type"), STR("error"));
    mock_member_u64(&w, STR("sequence_number"), s->at.sequence++);
    mock_member_str(&w, STR("code"), STR("server_error"));
    mock_member_str(&w, STR("message"), mock_dialect_failure);
    mock_member_null(&w, STR("param"));
    json_write_object_end(&w);
    if (w.error) return w.error;
    return buf_append(out, STR("\n\n"));
}
