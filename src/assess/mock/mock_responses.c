// Design: the order of events is the table below; a walk over it skips the rows that are not for
// this answer, and stays on a delta's row as long as there are words.
#include "assess/mock/mock_responses.h"

#include "assess/mock/mock_member.h"

enum part { PART_RESPONSE, PART_ITEM, PART_CONTENT, PART_DELTA, PART_TEXT, PART_ARGUMENTS };

// Which answers a row is for.
enum { ANY = 0, TEXT_ONLY = 1, TOOL_ONLY = 2 };

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
    {STR_INIT("response.content_part.added"), PART_CONTENT, TEXT_ONLY, false},
    {STR_INIT("response.output_text.delta"), PART_DELTA, TEXT_ONLY, false},
    {STR_INIT("response.function_call_arguments.delta"), PART_DELTA, TOOL_ONLY, false},
    {STR_INIT("response.function_call_arguments.done"), PART_ARGUMENTS, TOOL_ONLY, true},
    {STR_INIT("response.output_text.done"), PART_TEXT, TEXT_ONLY, true},
    {STR_INIT("response.content_part.done"), PART_CONTENT, TEXT_ONLY, true},
    {STR_INIT("response.output_item.done"), PART_ITEM, ANY, true},
    {STR_INIT("response.completed"), PART_RESPONSE, ANY, true},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool is_tool(const struct mock_say *s)
{
    return s->tool_name.len > 0;
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

static str item_prefix(const struct mock_say *s)
{
    return is_tool(s) ? STR("fc_") : STR("msg_");
}

static void text_member(struct json_writer *w, str key, const struct mock_say *s, bool is_done)
{
    if (is_done) {
        mock_member_words(w, key, &s->words);
    } else {
        mock_member_str(w, key, STR(""));
    }
}

static void write_content(struct json_writer *w, const struct mock_say *s, bool is_done)
{
    json_write_object(w);
    mock_member_str(w, STR("type"), STR("output_text"));
    mock_member_array(w, STR("annotations"));
    json_write_array_end(w);
    mock_member_array(w, STR("logprobs"));
    json_write_array_end(w);
    text_member(w, STR("text"), s, is_done);
    json_write_object_end(w);
}

static void write_item(struct json_writer *w, const struct mock_say *s, bool is_done)
{
    json_write_object(w);
    mock_member_id(w, STR("id"), item_prefix(s), s);
    mock_member_str(w, STR("type"), is_tool(s) ? STR("function_call") : STR("message"));
    mock_member_str(w, STR("status"), status_of(s, is_done));
    if (is_tool(s)) {
        text_member(w, STR("arguments"), s, is_done);
        mock_member_id(w, STR("call_id"), STR("call_"), s);
        mock_member_str(w, STR("name"), s->tool_name);
    } else {
        mock_member_array(w, STR("content"));
        if (is_done) write_content(w, s, true);
        json_write_array_end(w);
        mock_member_str(w, STR("role"), STR("assistant"));
    }
    json_write_object_end(w);
}

static void write_usage(struct json_writer *w, const struct mock_say *s)
{
    mock_member_object(w, STR("usage"));
    mock_member_u64(w, STR("input_tokens"), s->prompt_tokens);
    mock_member_object(w, STR("input_tokens_details"));
    mock_member_u64(w, STR("cached_tokens"), 0);
    json_write_object_end(w);
    mock_member_u64(w, STR("output_tokens"), s->completion_tokens);
    mock_member_object(w, STR("output_tokens_details"));
    mock_member_u64(w, STR("reasoning_tokens"), 0);
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
    if (is_done) write_item(w, s, true);
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
    if (r->part != PART_ITEM) mock_member_id(w, STR("item_id"), item_prefix(s), s);
    mock_member_u64(w, STR("output_index"), 0);
    if (r->part != PART_ITEM && !is_tool(s)) mock_member_u64(w, STR("content_index"), 0);
}

static void write_part(struct json_writer *w, const struct mock_say *s, const struct row *r)
{
    switch (r->part) {
    case PART_RESPONSE:
        json_write_key(w, STR("response"));
        write_response(w, s, r->is_done);
        break;
    case PART_ITEM:
        json_write_key(w, STR("item"));
        write_item(w, s, r->is_done);
        break;
    case PART_CONTENT:
        json_write_key(w, STR("part"));
        write_content(w, s, r->is_done);
        break;
    case PART_DELTA: mock_member_str(w, STR("delta"), s->at.token); break;
    case PART_TEXT: mock_member_words(w, STR("text"), &s->words); break;
    case PART_ARGUMENTS:
        mock_member_str(w, STR("name"), s->tool_name);
        mock_member_words(w, STR("arguments"), &s->words);
        break;
    }
    if (!is_tool(s) && (r->part == PART_DELTA || r->part == PART_TEXT)) {
        mock_member_array(w, STR("logprobs"));
        json_write_array_end(w);
    }
}

static bool has_row(struct mock_say *s)
{
    const struct row *r = &rows[s->at.step];

    if (r->only == TEXT_ONLY && is_tool(s)) return false;
    if (r->only == TOOL_ONLY && !is_tool(s)) return false;
    if (r->part == PART_DELTA) return mock_say_word(&s->words, &s->at.cursor, &s->at.token);
    return s->at.step != ROWS - 1 || (!s->has_no_done && !s->has_no_finish);
}

static void settle(struct mock_say *s)
{
    while (s->at.step < ROWS && !has_row(s)) {
        s->at.step++;
    }
    s->at.is_end = s->at.step == ROWS;
    s->at.is_paced = !s->at.is_end && rows[s->at.step].part == PART_DELTA && s->at.cursor.word > 1;
}

err mock_responses_next(struct mock_say *s, struct buf *out)
{
    struct json_writer w;

    if (!s->at.is_started) settle(s);
    s->at.is_started = true;
    if (s->at.is_end) return ERR_EOF;
    const struct row *r = &rows[s->at.step];
    bool is_cut_short = s->at.step == ROWS - 1 && is_incomplete(s);
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
    if (r->part != PART_DELTA) s->at.step++;
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
