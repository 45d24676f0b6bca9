// The messages of a request, as OpenAI takes them (openai_chat.h).

#include "provider/openai_chat.h"
#include "provider/openai_media.h"

// Design
//
// A message of the model may become several: the results of tools are messages of their own, which
// follow the calls without a gap and hold text alone. What else a result holds (an image, a file)
// is said by the user in a message behind the last of these results.

struct writing {
    struct json_writer *w;
    struct gather *g;
    struct chat_notes *n;
    const struct chat_request *q;
    size_t at; // the message being written
};

static err refuse(struct writing *x, str problem)
{
    return chat_notes_refuse_at(x->n, ERR_UNSUPPORTED, problem, "messages[%zu].content", x->at);
}

static bool is_media(const struct chat_part *p)
{
    return p->kind == CHAT_PART_IMAGE || p->kind == CHAT_PART_AUDIO || p->kind == CHAT_PART_FILE;
}

static bool is_content(const struct chat_part *p)
{
    return p->kind == CHAT_PART_TEXT || p->kind == CHAT_PART_REFUSAL || is_media(p);
}

// Parts of a message that are told by one function: a content, calls.
static size_t count_parts(const struct chat_part *parts, size_t count,
                          bool (*is_meant)(const struct chat_part *p))
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        found += is_meant(&parts[i]);
    }
    return found;
}

static void note_extras(struct writing *x, const struct chat_part *p)
{
    if (p->cache_json.len) chat_notes_drop(x->n, STR("cache_control"));
    if (p->citations_json.len) chat_notes_drop(x->n, STR("citations"));
    if (p->is_error) chat_notes_drop(x->n, STR("is_error"));
}

static void write_typed_text(struct writing *x, str type, str key, struct chat_text text)
{
    json_write_object(x->w);
    json_write_key(x->w, STR("type"));
    json_write_str(x->w, type);
    json_write_key(x->w, key);
    chat_text_write(x->w, x->g, text);
    json_write_object_end(x->w);
}

static err write_part(struct writing *x, const struct chat_part *p)
{
    str problem = STR("");

    note_extras(x, p);
    switch (p->kind) {
    case CHAT_PART_TEXT: write_typed_text(x, STR("text"), STR("text"), p->text); return OK;
    case CHAT_PART_REFUSAL: write_typed_text(x, STR("refusal"), STR("refusal"), p->text); return OK;
    default: break;
    }
    err e = openai_media_write(x->w, x->g, p, &problem);
    return e ? refuse(x, problem) : OK;
}

// The content of a message: a text where it is nothing else.
static err write_content(struct writing *x, const struct chat_part *parts, size_t count)
{
    size_t content = count_parts(parts, count, is_content);

    json_write_key(x->w, STR("content"));
    if (!content) {
        json_write_str(x->w, STR(""));
        return OK;
    }
    bool is_array = content > 1;
    if (is_array) json_write_array(x->w);
    for (size_t i = 0; i < count; i++) {
        if (!is_content(&parts[i])) continue;
        if (!is_array && parts[i].kind != CHAT_PART_TEXT) {
            is_array = true;
            json_write_array(x->w);
        }
        if (is_array) {
            TRY(write_part(x, &parts[i]));
        } else {
            note_extras(x, &parts[i]);
            chat_text_write(x->w, x->g, parts[i].text);
        }
    }
    if (is_array) json_write_array_end(x->w);
    return OK;
}

static void begin_message(struct writing *x, str role)
{
    json_write_object(x->w);
    json_write_key(x->w, STR("role"));
    json_write_str(x->w, role);
}

// Of a user, or whoever instructs.
static err write_spoken(struct writing *x, const struct chat_message *m)
{
    bool is_user = m->role == CHAT_USER;

    for (size_t i = 0; i < m->part_count; i++) {
        const struct chat_part *p = &m->parts[i];
        if (p->kind == CHAT_PART_TEXT || p->kind == CHAT_PART_TOOL_RESULT) continue;
        if (!is_user || !is_media(p))
            return refuse(x, STR("A message of this role can't hold this kind of part."));
    }
    begin_message(x, is_user                  ? STR("user")
                     : m->role == CHAT_SYSTEM ? STR("system")
                                              : STR("developer"));
    TRY(write_content(x, m->parts, m->part_count));
    chat_text_write_member(x->w, x->g, STR("name"), m->name);
    json_write_object_end(x->w);
    return OK;
}

// Reasoning that is signed or hidden is for who made it; other reasoning goes by the name that
// compatible servers know.
static bool is_open_reasoning(const struct chat_part *p)
{
    return p->kind == CHAT_PART_REASONING && !chat_text_has(p->signature) &&
           !chat_text_has(p->redacted);
}

static void write_reasoning(struct writing *x, const struct chat_message *m)
{
    bool is_open = false;

    for (size_t i = 0; i < m->part_count; i++) {
        const struct chat_part *p = &m->parts[i];
        if (p->kind != CHAT_PART_REASONING) continue;
        if (!is_open_reasoning(p)) {
            chat_notes_drop(x->n, STR("thinking"));
            continue;
        }
        if (!is_open) {
            json_write_key(x->w, STR("reasoning_content"));
            chat_text_open(x->w);
            is_open = true;
        }
        chat_text_add(x->w, x->g, p->text);
    }
    if (is_open) chat_text_close(x->w);
}

static bool is_call(const struct chat_part *p)
{
    return p->kind == CHAT_PART_TOOL_CALL;
}

static void write_calls(struct writing *x, const struct chat_message *m)
{
    if (!count_parts(m->parts, m->part_count, is_call)) return;
    json_write_key(x->w, STR("tool_calls"));
    json_write_array(x->w);
    for (size_t i = 0; i < m->part_count; i++) {
        const struct chat_part *p = &m->parts[i];
        if (!is_call(p)) continue;
        note_extras(x, p);
        json_write_object(x->w);
        json_write_key(x->w, STR("id"));
        chat_text_write(x->w, x->g, p->id);
        json_write_key(x->w, STR("type"));
        json_write_str(x->w, STR("function"));
        json_write_key(x->w, STR("function"));
        json_write_object(x->w);
        json_write_key(x->w, STR("name"));
        chat_text_write(x->w, x->g, p->name);
        json_write_key(x->w, STR("arguments"));
        chat_text_write(x->w, x->g, p->arguments);
        json_write_object_end(x->w);
        json_write_object_end(x->w);
    }
    json_write_array_end(x->w);
}

static err write_assistant(struct writing *x, const struct chat_message *m)
{
    bool has_calls = count_parts(m->parts, m->part_count, is_call) > 0;

    if (count_parts(m->parts, m->part_count, is_media))
        return refuse(x, STR("A message of the assistant can't hold images, sounds or files."));
    begin_message(x, STR("assistant"));
    if (has_calls && !count_parts(m->parts, m->part_count, is_content)) {
        json_write_key(x->w, STR("content"));
        json_write_null(x->w);
    } else {
        TRY(write_content(x, m->parts, m->part_count));
    }
    write_reasoning(x, m);
    write_calls(x, m);
    chat_text_write_member(x->w, x->g, STR("name"), m->name);
    json_write_object_end(x->w);
    return OK;
}

static bool is_result(const struct chat_part *p)
{
    return p->kind == CHAT_PART_TOOL_RESULT;
}

static bool has_results(const struct chat_message *m)
{
    return count_parts(m->parts, m->part_count, is_result) > 0;
}

// The text of a result; media follow behind the last of the run.
static void write_result(struct writing *x, const struct chat_part *result)
{
    size_t texts = 0;

    note_extras(x, result);
    begin_message(x, STR("tool"));
    json_write_key(x->w, STR("tool_call_id"));
    chat_text_write(x->w, x->g, result->id);
    for (size_t i = 0; i < result->part_count; i++) {
        texts += result->parts[i].kind == CHAT_PART_TEXT;
    }
    json_write_key(x->w, STR("content"));
    if (texts > 1) json_write_array(x->w);
    for (size_t i = 0; i < result->part_count; i++) {
        const struct chat_part *p = &result->parts[i];
        if (p->kind != CHAT_PART_TEXT) continue;
        note_extras(x, p);
        if (texts > 1) {
            write_typed_text(x, STR("text"), STR("text"), p->text);
        } else {
            chat_text_write(x->w, x->g, p->text);
        }
    }
    if (texts > 1) json_write_array_end(x->w);
    if (!texts) json_write_str(x->w, STR(""));
    json_write_object_end(x->w);
}

static void write_results(struct writing *x, const struct chat_message *m)
{
    for (size_t i = 0; i < m->part_count; i++) {
        if (is_result(&m->parts[i])) write_result(x, &m->parts[i]);
    }
}

// What of one result is no text, with a line that says whose it is.
static err write_moved(struct writing *x, const struct chat_part *result, bool *has_begun)
{
    bool is_told = false;

    for (size_t i = 0; i < result->part_count; i++) {
        const struct chat_part *p = &result->parts[i];
        if (p->kind == CHAT_PART_TEXT) continue;
        if (!is_media(p)) return refuse(x, STR("A tool's result can't hold this kind of part."));
        if (!*has_begun) {
            begin_message(x, STR("user"));
            json_write_key(x->w, STR("content"));
            json_write_array(x->w);
            *has_begun = true;
        }
        if (!is_told) {
            json_write_object(x->w);
            json_write_key(x->w, STR("type"));
            json_write_str(x->w, STR("text"));
            json_write_key(x->w, STR("text"));
            chat_text_open(x->w);
            chat_text_add(x->w, x->g, chat_text_plain(STR("Part of the result of ")));
            chat_text_add(x->w, x->g, result->id);
            chat_text_add(x->w, x->g, chat_text_plain(STR(":")));
            chat_text_close(x->w);
            json_write_object_end(x->w);
            is_told = true;
        }
        TRY(write_part(x, p));
    }
    return OK;
}

// Of the run of results in the messages from `first` to the one at hand.
static err write_moved_parts(struct writing *x, size_t first)
{
    bool has_begun = false;

    for (size_t i = first; i <= x->at; i++) {
        const struct chat_message *m = &x->q->messages[i];
        for (size_t k = 0; k < m->part_count; k++) {
            if (is_result(&m->parts[k])) TRY(write_moved(x, &m->parts[k], &has_begun));
        }
    }
    if (has_begun) {
        json_write_array_end(x->w);
        json_write_object_end(x->w);
    }
    return OK;
}

static err write_rest(struct writing *x, const struct chat_message *m)
{
    switch (m->role) {
    case CHAT_ASSISTANT: return write_assistant(x, m);
    case CHAT_TOOL: return refuse(x, STR("A message of a tool holds results and nothing else."));
    default: return write_spoken(x, m);
    }
}

err openai_message_write(const struct chat_request *q, struct json_writer *w, struct gather *g,
                         struct chat_notes *n)
{
    struct writing x = {.w = w, .g = g, .n = n, .q = q};
    size_t run = 0; // where the results began that media are still owed of

    json_write_array(w);
    for (; x.at < q->message_count; x.at++) {
        const struct chat_message *m = &q->messages[x.at];
        size_t results = count_parts(m->parts, m->part_count, is_result);
        bool has_rest = !results || results < m->part_count;
        bool goes_on = !has_rest && x.at + 1 < q->message_count && has_results(m + 1);
        write_results(&x, m);
        if (!goes_on) {
            TRY(write_moved_parts(&x, run));
            run = x.at + 1;
        }
        if (has_rest) TRY(write_rest(&x, m));
    }
    json_write_array_end(w);
    return OK;
}
