#include "provider/openai_continue.h"

#include "base/number.h"
#include "codec/json_write.h"

#include <assert.h>

// Design
//
// The body is copied up to each edit, in the order of the bytes: members come in any order. A
// repeated key is edited where it stands last, as that is the one that servers take.

enum { EDITS_MAX = 4 };

enum what { NUMBER, MESSAGE, FLAGS };

struct edit {
    size_t at;
    size_t len; // of what it replaces
    enum what what;
    uint64_t number;
};

struct continuation {
    str body;
    str text; // of the prefill
    enum openai_prefill kind;
    struct edit edits[EDITS_MAX]; // in the order of the bytes
    size_t edit_count;
};

static void add_edit(struct continuation *c, struct edit e)
{
    size_t i = c->edit_count++;

    assert(i < EDITS_MAX);
    for (; i && c->edits[i - 1].at > e.at; i--) {
        c->edits[i] = c->edits[i - 1];
    }
    c->edits[i] = e;
}

static err take_role(struct json_reader *r, bool *is_assistant)
{
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        TRY(json_value(r, &v));
        if (json_string_is(key, STR("role")))
            *is_assistant = v.kind == JSON_STRING && json_string_is(json_raw(v), STR("assistant"));
    }
    return e == ERR_EOF ? OK : e;
}

// Whether a prefill may follow them: a list that is not empty and doesn't end with one.
static bool may_follow(str messages)
{
    bool is_assistant = true;
    struct json_reader r;
    enum json_kind kind;

    json_reader_init(&r, messages);
    if (json_peek(&r, &kind) || kind != JSON_ARRAY || json_enter(&r)) return false;
    while (!json_element(&r)) {
        is_assistant = false;
        if (json_peek(&r, &kind)) return false;
        if (kind == JSON_OBJECT && take_role(&r, &is_assistant)) return false;
    }
    return !is_assistant;
}

static str without_trailing_space(str text)
{
    while (text.len && memchr(" \t\r\n", text.ptr[text.len - 1], 4)) {
        text.len--;
    }
    return text;
}

// The bound of an answer, of which a part was delivered.
static void reduce(struct continuation *c, str number, uint64_t delivered_tokens)
{
    struct json_value v = {.kind = JSON_NUMBER, .text = number};
    uint64_t n = 0;

    if (!number.len || !delivered_tokens || json_to_u64(v, UINT64_MAX, &n)) return;
    add_edit(c, (struct edit){.at = (size_t)(number.ptr - c->body.ptr),
                              .len = number.len,
                              .what = NUMBER,
                              .number = n > delivered_tokens ? n - delivered_tokens : 1});
}

static err write_number(struct buf *out, uint64_t number)
{
    char digits[NUMBER_U64_DIGITS_MAX];

    return buf_append(out, (str){digits, number_from_u64(digits, number)});
}

static err write_message(struct buf *out, const struct continuation *c)
{
    TRY(buf_append(out, STR(",{\"role\":\"assistant\",\"content\":")));
    TRY(json_write_quoted(out, c->text));
    if (c->kind == OPENAI_PREFILL_PREFIX) TRY(buf_append(out, STR(",\"prefix\":true")));
    return buf_append_char(out, '}');
}

static err write_edits(struct buf *out, const struct continuation *c)
{
    size_t at = 0;

    for (size_t i = 0; i < c->edit_count; i++) {
        const struct edit *e = &c->edits[i];
        TRY(buf_append(out, str_sub(c->body, at, e->at - at)));
        at = e->at + e->len;
        switch (e->what) {
        case NUMBER: TRY(write_number(out, e->number)); break;
        case MESSAGE: TRY(write_message(out, c)); break;
        case FLAGS:
            TRY(buf_append(out, STR(",\"continue_final_message\":true,"
                                    "\"add_generation_prompt\":false")));
            break;
        }
    }
    return buf_append(out, str_sub(c->body, at, c->body.len));
}

err openai_continue_body(struct buf *out, str body, const struct openai_request *r, str delivered,
                         uint64_t delivered_tokens, enum openai_prefill kind)
{
    struct continuation c = {.body = body, .text = without_trailing_space(delivered), .kind = kind};

    if (kind == OPENAI_PREFILL_NONE || r->choice_count > 1 || r->has_tools ||
        r->has_response_format || r->has_logprobs || !may_follow(r->messages))
        return ERR_UNSUPPORTED;
    reduce(&c, r->max_tokens, delivered_tokens);
    reduce(&c, r->max_completion_tokens, delivered_tokens);
    if (c.text.len) {
        size_t end = (size_t)(r->messages.ptr - body.ptr) + r->messages.len;
        add_edit(&c, (struct edit){.at = end - 1, .what = MESSAGE});
    }
    if (c.text.len && kind == OPENAI_PREFILL_VLLM) {
        size_t brace = body.len;
        while (body.ptr[--brace] != '}') {
        }
        add_edit(&c, (struct edit){.at = brace, .what = FLAGS});
    }
    return write_edits(out, &c);
}
