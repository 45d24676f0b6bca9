#include "assess/mock/mock_say.h"

#include "assess/mock/mock_media.h"

#include <string.h>

enum { ECHO_MAX = 4096 };

// What made-up answers are made of; each with its space.
static const str made_up[] = {
    STR_INIT(" stream"), STR_INIT(" of"),      STR_INIT(" words"), STR_INIT(" that"),
    STR_INIT(" mean"),   STR_INIT(" nothing"), STR_INIT(" but"),   STR_INIT(" arrive"),
    STR_INIT(" in"),     STR_INIT(" order"),   STR_INIT(" and"),   STR_INIT(" on"),
    STR_INIT(" time"),
};

enum { MADE_UP = sizeof(made_up) / sizeof(made_up[0]) };

bool mock_say_word(const struct mock_words *w, struct mock_cursor *c, str *token)
{
    if (c->word >= w->limit) return false;
    if (w->made_up) {
        if (c->word >= w->made_up) return false;
        *token = made_up[c->word % MADE_UP];
        if (c->word == 0) *token = str_sub(*token, 1, token->len);
        c->word++;
        return true;
    }
    size_t end = c->byte;
    while (end < w->text.len && (end == c->byte || w->text.ptr[end] != ' ')) {
        end++;
    }
    if (end == c->byte) return false;
    *token = str_sub(w->text, c->byte, end - c->byte);
    c->byte = end;
    c->word++;
    return true;
}

uint64_t mock_say_count(const struct mock_words *w)
{
    struct mock_cursor c = {0};
    str token = STR("");

    if (w->made_up) return w->made_up < w->limit ? w->made_up : w->limit;
    while (mock_say_word(w, &c, &token)) {
    }
    return c.word;
}

err mock_say_all(const struct mock_words *w, struct buf *out)
{
    struct mock_cursor c = {0};
    str token = STR("");

    while (mock_say_word(w, &c, &token)) {
        TRY(buf_append(out, token));
    }
    return OK;
}

static str echo(const struct mock_request *req, struct arena *arena)
{
    str text = str_trim(req->text);

    if (text.len == 0)
        return req->images ? STR("Hello! You sent an image and no words.")
                           : STR("Hello! You sent me no words to echo.");
    bool is_cut = text.len > ECHO_MAX;
    if (is_cut) {
        // Not within a character: back to a byte that begins one.
        text.len = ECHO_MAX;
        while (text.len && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80) {
            text.len--;
        }
    }
    return arena_format(arena, "Hello! You said: %" STR_FMT "%s", STR_ARG(text),
                        is_cut ? " [...]" : "");
}

static struct mock_block *add(struct mock_say *s, enum mock_block_kind kind, str text)
{
    struct mock_block *b = &s->blocks[s->block_count++];

    *b = (struct mock_block){.kind = kind, .words = {.text = text, .limit = UINT64_MAX}};
    return b;
}

static void add_thinking(struct mock_say *s, const struct mock_answer *a)
{
    if (a->thinking.len) {
        add(s, MOCK_BLOCK_THINKING, a->thinking);
    } else if (a->thinking_tokens) {
        add(s, MOCK_BLOCK_THINKING, STR(""))->words.made_up = a->thinking_tokens;
    } else if (s->req->wants_thinking) {
        add(s, MOCK_BLOCK_THINKING, STR("I was asked to think, so I do before I answer."));
    }
}

// Ends the text before the first sequence that it must not hold.
static void stop_text(struct mock_say *s, str *text)
{
    size_t end = text->len;

    for (size_t i = 0; i < s->req->stop_count; i++) {
        size_t at = str_find(*text, s->req->stops[i]);
        if (at >= end) continue;
        end = at;
        s->stop = s->req->stops[i];
    }
    text->len = end;
}

static void add_text(struct mock_say *s, const struct mock_answer *a, struct arena *arena)
{
    str text = STR("");

    if (a->tokens && !a->tells_images) {
        add(s, MOCK_BLOCK_TEXT, STR(""))->words.made_up = a->tokens;
        return;
    }
    if (a->tells_images) {
        text = mock_media_describe(s->req, arena);
    } else {
        text = a->has_text ? a->text : echo(s->req, arena);
    }
    stop_text(s, &text);
    add(s, MOCK_BLOCK_TEXT, text);
}

static void add_tool(struct mock_say *s, str name, str arguments)
{
    str text = arguments.len ? arguments : STR("{}");

    add(s, MOCK_BLOCK_TOOL, text)->name = name;
}

// A text before the calls is said only where the rule has one.
static void add_tools(struct mock_say *s, const struct mock_answer *a)
{
    str text = a->text;

    if (a->has_text) {
        stop_text(s, &text);
        add(s, MOCK_BLOCK_TEXT, text);
    }
    if (s->stop.len) return;
    for (size_t i = 0; i < a->tool_count; i++) {
        add_tool(s, a->tools[i].name, a->tools[i].arguments);
    }
    if (a->tool_count) return;
    add_tool(s, a->tool_name.len ? a->tool_name : s->req->tool_name, a->tool_arguments);
}

static str ordinary_finish(const struct mock_say *s)
{
    bool has_tool = s->blocks[s->block_count - 1].kind == MOCK_BLOCK_TOOL;

    return has_tool ? STR("tool_calls") : STR("stop");
}

// Counts the words, and ends where there are more of them than were asked for; calls of tools are
// never cut.
static uint64_t count_blocks(struct mock_say *s)
{
    uint64_t room = s->req->tokens_max ? s->req->tokens_max : UINT64_MAX;
    uint64_t total = 0;

    for (size_t i = 0; i < s->block_count; i++) {
        struct mock_block *b = &s->blocks[i];
        uint64_t count = mock_say_count(&b->words);
        bool is_cut = b->kind != MOCK_BLOCK_TOOL && count > room;
        if (is_cut) {
            b->words.limit = count = room;
            s->block_count = room || i == 0 ? i + 1 : i;
            s->finish_reason = STR("length");
            s->stop = STR("");
        }
        if (b->kind == MOCK_BLOCK_THINKING) s->thinking_tokens = count;
        if (b->kind != MOCK_BLOCK_TOOL) room -= count;
        total += count;
    }
    return total;
}

void mock_say_init(struct mock_say *s, const struct mock_request *req, const struct mock_rule *rule,
                   struct arena *arena)
{
    const struct mock_answer *a = &rule->answer;
    bool wants_tool = a->tool_count || a->tool_name.len || (req->needs_tool && req->tool_name.len);

    *s = (struct mock_say){.req = req, .cached_tokens = a->cached_tokens};
    s->blocks = arena_array(arena, struct mock_block, 2 + (a->tool_count ? a->tool_count : 1));
    s->model = req->model.len ? req->model : STR("mock");
    s->has_no_finish = rule->fault.has_no_finish;
    s->has_no_done = rule->fault.has_no_done;
    s->cache_write_tokens = a->cache_write_tokens;
    add_thinking(s, a);
    if (wants_tool) {
        add_tools(s, a);
    } else {
        add_text(s, a, arena);
    }
    s->finish_reason = ordinary_finish(s);
    uint64_t count = count_blocks(s);
    if (a->finish_reason.len) s->finish_reason = a->finish_reason;
    s->prompt_tokens = a->has_prompt_tokens ? a->prompt_tokens : req->words;
    s->completion_tokens = a->has_completion_tokens ? a->completion_tokens : count * req->choices;
    s->thinking_tokens *= req->choices;
}

const struct mock_block *mock_say_block(const struct mock_say *s, enum mock_block_kind kind)
{
    for (size_t i = 0; i < s->block_count; i++) {
        if (s->blocks[i].kind == kind) return &s->blocks[i];
    }
    return NULL;
}

size_t mock_say_tool_index(const struct mock_say *s, size_t block)
{
    size_t index = 0;

    for (size_t i = 0; i < block; i++) {
        index += s->blocks[i].kind == MOCK_BLOCK_TOOL;
    }
    return index;
}

bool mock_say_next_block(struct mock_say *s)
{
    if (s->at.block + 1 >= s->block_count) return false;
    s->at.block++;
    s->at.cursor = (struct mock_cursor){0};
    return true;
}

bool mock_say_is_paced(const struct mock_say *s)
{
    return s->at.choice == 0 && s->at.said > 0;
}
