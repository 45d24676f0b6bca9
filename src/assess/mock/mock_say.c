#include "assess/mock/mock_say.h"

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

void mock_say_init(struct mock_say *s, const struct mock_request *req, const struct mock_rule *rule,
                   struct arena *arena)
{
    const struct mock_answer *a = &rule->answer;
    bool wants_tool = a->tool_name.len || (req->needs_tool && req->tool_name.len);

    *s = (struct mock_say){.req = req, .words.limit = UINT64_MAX};
    s->model = req->model.len ? req->model : STR("mock");
    s->has_no_finish = rule->fault.has_no_finish;
    s->has_no_done = rule->fault.has_no_done;
    s->finish_reason = STR("stop");
    if (wants_tool) {
        s->tool_name = a->tool_name.len ? a->tool_name : req->tool_name;
        s->words.text = a->tool_arguments.len ? a->tool_arguments : STR("{}");
        s->finish_reason = STR("tool_calls");
    } else if (a->tokens) {
        s->words.made_up = a->tokens;
    } else {
        s->words.text = a->has_text ? a->text : echo(req, arena);
    }
    uint64_t count = mock_say_count(&s->words);
    if (!wants_tool && req->tokens_max && req->tokens_max < count) {
        s->words.limit = count = req->tokens_max;
        s->finish_reason = STR("length");
    }
    if (a->finish_reason.len) s->finish_reason = a->finish_reason;
    s->prompt_tokens = a->has_prompt_tokens ? a->prompt_tokens : req->words;
    s->completion_tokens = a->has_completion_tokens ? a->completion_tokens : count * req->choices;
}
