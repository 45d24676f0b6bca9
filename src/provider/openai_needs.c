#include "provider/openai_needs.h"

// What was counted so far.
struct tally {
    uint64_t bytes; // of text
    uint64_t tokens;
    bool has_images;
    bool is_assistant; // the last message
    uint64_t max_output_tokens;
};

static bool is_any(str raw, const str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (json_string_is(raw, names[i])) return true;
    }
    return false;
}

// The members of a message or part that hold text, of chat and of responses.
static bool is_text_key(str key)
{
    static const str names[] = {STR_INIT("text"),       STR_INIT("refusal"),
                                STR_INIT("tool_calls"), STR_INIT("function_call"),
                                STR_INIT("output"),     STR_INIT("arguments"),
                                STR_INIT("reasoning"),  STR_INIT("reasoning_content")};

    return is_any(key, names, sizeof(names) / sizeof(*names));
}

static void count_text(struct json_value v, struct tally *t)
{
    if (v.kind == JSON_STRING) t->bytes += json_raw(v).len;
    if (v.kind == JSON_ARRAY || v.kind == JSON_OBJECT) t->bytes += v.text.len;
}

// The type of a part.
static void count_part(str type, struct tally *t)
{
    bool is_image =
        json_string_is(type, STR("image_url")) || json_string_is(type, STR("input_image"));

    t->has_images |= is_image;
    if (is_image || json_string_is(type, STR("input_audio")) || json_string_is(type, STR("file")) ||
        json_string_is(type, STR("input_file")))
        t->tokens += OPENAI_TOKENS_PER_IMAGE;
}

static err take_part(struct json_reader *r, struct tally *t)
{
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        TRY(json_value(r, &v));
        if (json_string_is(key, STR("type")) && v.kind == JSON_STRING) count_part(json_raw(v), t);
        if (is_text_key(key)) count_text(v, t);
    }
    return e == ERR_EOF ? OK : e;
}

// A content or a prompt: a text, or a list of parts, texts, token numbers or lists of those.
static err take_content(struct json_reader *r, struct tally *t)
{
    enum json_kind kind;
    struct json_value v;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_ARRAY) {
        TRY(json_value(r, &v));
        count_text(v, t);
        return OK;
    }
    TRY(json_enter(r));
    while (!(e = json_element(r))) {
        TRY(json_peek(r, &kind));
        if (kind == JSON_OBJECT) {
            TRY(take_part(r, t));
            continue;
        }
        TRY(json_value(r, &v));
        count_text(v, t);
        t->tokens += v.kind == JSON_NUMBER;
    }
    return e == ERR_EOF ? OK : e;
}

static err take_message(struct json_reader *r, struct tally *t)
{
    struct json_value v;
    str key;
    err e = OK;

    t->is_assistant = false;
    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        if (json_string_is(key, STR("content"))) {
            TRY(take_content(r, t));
            continue;
        }
        TRY(json_value(r, &v));
        if (json_string_is(key, STR("role")))
            t->is_assistant =
                v.kind == JSON_STRING && json_string_is(json_raw(v), STR("assistant"));
        if (is_text_key(key)) count_text(v, t);
    }
    return e == ERR_EOF ? OK : e;
}

static err take_messages(struct json_reader *r, struct tally *t)
{
    enum json_kind kind;
    struct json_value v;
    err e = OK;

    TRY(json_peek(r, &kind));
    t->is_assistant = false; // of a repeated key the last counts
    if (kind != JSON_ARRAY) return take_content(r, t);
    TRY(json_enter(r));
    while (!(e = json_element(r))) {
        TRY(json_peek(r, &kind));
        if (kind == JSON_OBJECT) {
            TRY(take_message(r, t));
        } else {
            TRY(json_value(r, &v));
            count_text(v, t);
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err take_members(struct json_reader *r, struct tally *t)
{
    static const str texts[] = {STR_INIT("instructions"), STR_INIT("tools"), STR_INIT("functions"),
                                STR_INIT("response_format")};
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        if (json_string_is(key, STR("messages")) || json_string_is(key, STR("input"))) {
            TRY(take_messages(r, t));
        } else if (json_string_is(key, STR("prompt"))) {
            TRY(take_content(r, t));
        } else {
            TRY(json_value(r, &v));
            if (is_any(key, texts, sizeof(texts) / sizeof(*texts))) count_text(v, t);
            if (json_string_is(key, STR("max_output_tokens")))
                (void)json_to_u64(v, UINT64_MAX, &t->max_output_tokens); // what isn't one is none
        }
    }
    return e == ERR_EOF ? OK : e;
}

static uint64_t number_in(str text)
{
    uint64_t n = 0;

    // An empty text is no number either.
    if (text.len)
        (void)json_to_u64((struct json_value){.kind = JSON_NUMBER, .text = text}, UINT64_MAX, &n);
    return n;
}

struct openai_needs openai_needs_of(str body, const struct openai_request *r)
{
    struct tally t = {0};
    struct json_reader reader;
    struct openai_needs needs = {.has_tools = r->has_tools};
    enum json_kind kind;

    json_reader_init(&reader, body);
    // The body was found good; of another one, what was counted until it breaks.
    if (!json_peek(&reader, &kind) && kind == JSON_OBJECT) (void)take_members(&reader, &t);
    needs.has_images = t.has_images;
    needs.is_prefilled = t.is_assistant;
    needs.input_tokens = t.tokens + t.bytes / OPENAI_BYTES_PER_TOKEN;
    needs.max_tokens = number_in(r->max_completion_tokens);
    if (!needs.max_tokens) needs.max_tokens = number_in(r->max_tokens);
    if (!needs.max_tokens) needs.max_tokens = t.max_output_tokens;
    return needs;
}
