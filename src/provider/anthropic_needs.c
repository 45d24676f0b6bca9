// What a target must be able to do for a request, and about how large it is (anthropic.h).

#include "provider/anthropic.h"
#include "provider/members.h"
#include "provider/token_estimate.h"

// A tool_result has blocks, of which a document may have some again.
enum { NESTING_MAX = 3, TOKENS_PER_MESSAGE = 4, TOKENS_FOR_TOOLS = 340 };

// What was counted so far.
struct tally {
    uint64_t quarters; // of tokens
    uint64_t tokens;
    bool has_images;
    bool is_assistant; // the last message
};

static str text_of(struct json_value v)
{
    return v.kind == JSON_STRING ? json_raw(v) : STR("");
}

static void count_text(struct json_value v, struct tally *t)
{
    if (v.kind == JSON_STRING) t->quarters += token_estimate_text(json_raw(v), true);
    if (v.kind == JSON_ARRAY || v.kind == JSON_OBJECT)
        t->quarters += token_estimate_text(v.text, false);
}

static err count_content(struct json_value content, int depth, struct tally *t);

// The source of an image or a document.
static err count_source(struct json_value source, bool is_image, int depth, struct tally *t)
{
    enum { TYPE, DATA, CONTENT, COUNT };
    static const str names[COUNT] = {STR_INIT("type"), STR_INIT("data"), STR_INIT("content")};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);

    if (members_read_value(source, &m)) return OK; // another's to refuse
    if (found[CONTENT].kind != JSON_NULL) return count_content(found[CONTENT], depth + 1, t);
    str data = text_of(found[DATA]);
    if (json_string_is(text_of(found[TYPE]), STR("text"))) {
        count_text(found[DATA], t);
    } else if (is_image || !data.len) {
        t->tokens += token_estimate_image(data);
    } else {
        t->tokens += data.len / 4 * 3 / TOKEN_ESTIMATE_BYTES_OF_DOCUMENT;
    }
    return OK;
}

static err count_block(struct json_value block, int depth, struct tally *t)
{
    enum { TYPE, TEXT, SOURCE, CONTENT, NAME, INPUT, TITLE, COUNT };
    static const str names[COUNT] = {STR_INIT("type"),    STR_INIT("text"), STR_INIT("source"),
                                     STR_INIT("content"), STR_INIT("name"), STR_INIT("input"),
                                     STR_INIT("title")};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);

    if (members_read_value(block, &m)) return OK;
    bool is_image = json_string_is(text_of(found[TYPE]), STR("image"));
    t->has_images |= is_image;
    count_text(found[TEXT], t);
    count_text(found[NAME], t);
    count_text(found[INPUT], t);
    count_text(found[TITLE], t);
    TRY(count_source(found[SOURCE], is_image, depth, t));
    return count_content(found[CONTENT], depth + 1, t);
}

// A text or blocks.
static err count_content(struct json_value content, int depth, struct tally *t)
{
    struct json_reader r;
    struct json_value v;
    err e = OK;

    if (content.kind != JSON_ARRAY || depth > NESTING_MAX) {
        count_text(content, t);
        return OK;
    }
    json_reader_init(&r, content.text);
    TRY(json_enter(&r));
    while (!(e = json_element(&r))) {
        TRY(json_value(&r, &v));
        TRY(count_block(v, depth, t));
    }
    return e == ERR_EOF ? OK : e;
}

static err count_messages(struct json_value messages, struct tally *t)
{
    enum { ROLE, CONTENT, COUNT };
    static const str names[COUNT] = {STR_INIT("role"), STR_INIT("content")};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);
    struct json_reader r;
    struct json_value v;
    err e = OK;

    if (messages.kind != JSON_ARRAY) return OK;
    json_reader_init(&r, messages.text);
    TRY(json_enter(&r));
    while (!(e = json_element(&r))) {
        TRY(json_value(&r, &v));
        if (members_read_value(v, &m)) continue;
        t->tokens += TOKENS_PER_MESSAGE;
        t->is_assistant = json_string_is(text_of(found[ROLE]), STR("assistant"));
        TRY(count_content(found[CONTENT], 0, t));
    }
    return e == ERR_EOF ? OK : e;
}

struct openai_needs anthropic_needs_of(str body, const struct openai_request *r)
{
    enum { MESSAGES, SYSTEM, TOOLS, MAX_TOKENS, CONFIG, COUNT };
    static const str names[COUNT] = {STR_INIT("messages"), STR_INIT("system"), STR_INIT("tools"),
                                     STR_INIT("max_tokens"), STR_INIT("output_config")};
    struct json_value found[COUNT] = {0};
    struct members m = MEMBERS(names, found);
    struct tally t = {0};
    struct json_reader reader;
    struct openai_needs needs = {.has_tools = r->has_tools};

    json_reader_init(&reader, body);
    // The body was found good; of another one, what was counted until it breaks.
    (void)members_read(&reader, &m);
    (void)count_messages(found[MESSAGES], &t);
    needs.is_prefilled = t.is_assistant;
    (void)count_content(found[SYSTEM], 0, &t);
    count_text(found[TOOLS], &t);
    count_text(found[CONFIG], &t);
    if (r->has_tools) t.tokens += TOKENS_FOR_TOOLS;
    needs.has_images = t.has_images;
    needs.input_tokens = t.tokens + t.quarters / TOKEN_ESTIMATE_QUARTERS;
    // What is no number is none.
    (void)json_to_u64(found[MAX_TOKENS], UINT64_MAX, &needs.max_tokens);
    return needs;
}
