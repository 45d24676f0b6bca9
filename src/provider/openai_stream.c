// The events of a stream (openai.h).

#include "codec/json.h"
#include "provider/openai.h"
#include "provider/openai_usage.h"

#include <string.h>

enum { INDEX_MAX = 63 }; // of a choice that is told from others

// Which of `names` a raw key means; `count` for none. Keys are hardly ever written with escapes,
// so that nearly all are told by their length and one comparison.
static size_t key_find(const str *names, size_t count, str key)
{
    size_t i = 0;

    for (; i < count; i++) {
        if (names[i].len == key.len && !memcmp(names[i].ptr, key.ptr, key.len)) return i;
    }
    if (!key.len || !memchr(key.ptr, '\\', key.len)) return count;
    for (i = 0; i < count && !json_string_is(key, names[i]); i++) {
    }
    return i;
}

// null, false, "", [] or {}.
static bool is_empty(struct json_value v)
{
    if (v.kind == JSON_NULL || v.kind == JSON_FALSE) return true;
    if (v.kind == JSON_STRING) return v.text.len == 2;
    if (v.kind != JSON_ARRAY && v.kind != JSON_OBJECT) return false;
    for (size_t i = 1; i + 1 < v.text.len; i++) {
        if (!strchr(" \t\r\n", v.text.ptr[i])) return false;
    }
    return true;
}

// SDKs throw on any of these. An empty text or list is how some servers say that there is none.
static bool is_error(struct json_value v)
{
    return v.kind == JSON_OBJECT || v.kind == JSON_TRUE || (v.kind == JSON_STRING && !is_empty(v));
}

// An event being taken.
struct event {
    struct answer_stream next;
    bool has_no_choices; // its list of them is empty
    bool has_usage;
};

struct choice {
    uint64_t index;
    str content;
    bool has_reasoning;
    bool has_other; // of its parts
    bool has_logprobs;
    bool is_finished;
    bool is_stray; // by an index that is none
};

static err take_usage(struct json_reader *r, struct event *t)
{
    struct token_usage usage;
    enum json_kind kind;

    TRY(json_peek(r, &kind));
    TRY(openai_usage_read(r, &usage));
    if (kind == JSON_OBJECT) t->has_usage = true;
    if (usage.is_known) t->next.usage = usage;
    return OK;
}

// A text of the choice, be it the member of a delta or a legacy one.
static void take_text(struct json_value v, struct choice *c)
{
    if (v.kind != JSON_STRING) {
        c->has_other |= !is_empty(v); // such as a list of parts
    } else {
        c->has_other |= c->content.len != 0;
        c->content = json_raw(v);
    }
}

static err take_delta(struct json_reader *r, struct choice *c)
{
    static const str names[] = {
        STR_INIT("content"),       STR_INIT("reasoning_content"),
        STR_INIT("reasoning"),     STR_INIT("tool_calls"),
        STR_INIT("refusal"),       STR_INIT("audio"),
        STR_INIT("function_call"), STR_INIT("images"),
        STR_INIT("annotations"),
    };
    const size_t count = sizeof(names) / sizeof(*names);
    enum json_kind kind;
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_OBJECT) return json_value(r, &v);
    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        TRY(json_value(r, &v));
        size_t name = key_find(names, count, key);
        if (name == 0) {
            take_text(v, c);
        } else if (name <= 2) {
            c->has_reasoning |= !is_empty(v);
        } else if (name < count) {
            c->has_other |= !is_empty(v);
        }
    }
    return e == ERR_EOF ? OK : e;
}

static void take_index(struct json_value v, struct choice *c)
{
    // A stray one counts as the first choice, but its text is not taken for that one's.
    c->is_stray = json_to_u64(v, INDEX_MAX, &c->index) && v.kind != JSON_NULL;
}

static void end_choice(const struct choice *c, struct answer_stream *s)
{
    struct answer_delta *d = &s->delta;

    s->choices_seen |= UINT64_C(1) << c->index;
    if (c->is_finished) s->choices_finished |= UINT64_C(1) << c->index;
    s->parts += c->content.len || c->has_reasoning || c->has_other;
    s->has_content |= c->content.len || c->has_reasoning || c->has_other || c->is_finished;
    d->is_finish |= c->is_finished;
    d->has_reasoning |= c->has_reasoning;
    d->has_other |= c->has_other || c->has_logprobs;
    if (c->index || c->is_stray) {
        d->has_other = true;
    } else if (c->content.ptr) {
        d->has_other |= d->content.len != 0; // the choice came twice
        d->content = c->content;
    }
}

static err take_choice(struct json_reader *r, struct answer_stream *s)
{
    enum { INDEX, DELTA, FINISH, LOGPROBS, TEXT, COUNT };
    static const str names[COUNT] = {STR_INIT("index"), STR_INIT("delta"),
                                     STR_INIT("finish_reason"), STR_INIT("logprobs"),
                                     STR_INIT("text")};
    struct choice c = {0};
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        size_t name = key_find(names, COUNT, key);
        if (name == DELTA) {
            TRY(take_delta(r, &c));
            continue;
        }
        TRY(json_value(r, &v));
        if (name == INDEX) take_index(v, &c);
        // An empty one is what some servers send in the place of null.
        if (name == FINISH) c.is_finished = v.kind == JSON_STRING && !is_empty(v);
        if (name == LOGPROBS) c.has_logprobs = v.kind != JSON_NULL;
        if (name == TEXT) take_text(v, &c);
    }
    if (e != ERR_EOF) return e;
    end_choice(&c, s);
    return OK;
}

static err take_choices(struct json_reader *r, struct event *t)
{
    enum json_kind kind;
    struct json_value v;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_ARRAY) return json_value(r, &v);
    TRY(json_enter(r));
    t->has_no_choices = true;
    while (!(e = json_element(r))) {
        t->has_no_choices = false;
        TRY(json_peek(r, &kind));
        if (kind == JSON_OBJECT) {
            TRY(take_choice(r, &t->next));
        } else {
            TRY(json_value(r, &v));
        }
    }
    return e == ERR_EOF ? OK : e;
}

// What tells of a request that was heard, or of work on it, before there is anything to show.
static bool is_receipt_type(str raw)
{
    static const str names[] = {STR_INIT("response.created"), STR_INIT("response.queued"),
                                STR_INIT("keepalive"), STR_INIT("ping")};

    if (str_ends(raw, STR(".added")) || str_ends(raw, STR(".in_progress")) ||
        str_ends(raw, STR(".searching")) || str_ends(raw, STR(".interpreting")) ||
        str_ends(raw, STR(".generating")))
        return true;
    return key_find(names, sizeof(names) / sizeof(*names), raw) < sizeof(names) / sizeof(*names);
}

static void take_type(str raw, struct answer_stream *s)
{
    struct answer_delta *d = &s->delta;

    if (json_string_is(raw, STR("error")) || json_string_is(raw, STR("response.failed"))) {
        d->is_error = true;
    } else if (json_string_is(raw, STR("response.completed")) ||
               json_string_is(raw, STR("response.incomplete"))) {
        d->is_finish = s->is_finished = s->has_content = true;
    } else if (!is_receipt_type(raw)) {
        d->has_other = s->has_content = true;
        s->parts++;
        d->has_reasoning = str_starts(raw, STR("response.reasoning"));
    }
}

static err take_response(struct json_reader *r, struct event *t)
{
    enum json_kind kind;
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_OBJECT) return json_value(r, &v);
    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        if (json_string_is(key, STR("usage"))) {
            TRY(take_usage(r, t));
        } else {
            TRY(json_value(r, &v));
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err take_members(struct json_reader *r, struct event *t)
{
    enum { CHOICES, USAGE, RESPONSE, ERROR, SEQUENCE, TYPE, COUNT };
    static const str names[COUNT] = {STR_INIT("choices"),         STR_INIT("usage"),
                                     STR_INIT("response"),        STR_INIT("error"),
                                     STR_INIT("sequence_number"), STR_INIT("type")};
    struct answer_stream *s = &t->next;
    struct json_value v;
    str key;
    err e = OK;

    while (!(e = json_member(r, &key))) {
        size_t name = key_find(names, COUNT, key);
        if (name == CHOICES) {
            TRY(take_choices(r, t));
        } else if (name == USAGE) {
            TRY(take_usage(r, t));
        } else if (name == RESPONSE) {
            TRY(take_response(r, t));
        } else {
            TRY(json_value(r, &v));
            if (name == ERROR) s->delta.is_error |= is_error(v);
            if (name == SEQUENCE)
                (void)json_to_u64(v, UINT64_MAX, &s->sequence); // only used to number our own
            if (name == TYPE && v.kind == JSON_STRING && s->kind == ANSWER_OPENAI_RESPONSES)
                take_type(json_raw(v), s);
        }
    }
    return e == ERR_EOF ? OK : e;
}

// Every choice that began, and as many as were asked for.
static bool has_finished(const struct answer_stream *s)
{
    uint64_t count = (uint64_t)__builtin_popcountll(s->choices_finished);
    uint64_t expected = s->choices_expected < INDEX_MAX ? s->choices_expected : INDEX_MAX;

    return count && count >= expected && !(s->choices_seen & ~s->choices_finished);
}

// An error is no part of the answer, whatever else its event holds.
static void end_error(struct answer_stream *s, const struct event *t)
{
    s->delta = (struct answer_delta){.is_error = true};
    s->has_failed = true;
    s->sequence = t->next.sequence;
    s->usage = t->next.usage;
}

err openai_stream_event(struct answer_stream *s, str data)
{
    struct event t = {.next = *s};
    struct json_reader r;
    enum json_kind kind;

    t.next.delta = (struct answer_delta){0};
    if (str_eq(data, STR("[DONE]"))) {
        s->is_done = true;
        s->delta = t.next.delta;
        return OK;
    }
    json_reader_init(&r, data);
    if (json_peek(&r, &kind) || kind != JSON_OBJECT || json_enter(&r)) return ERR_SYNTAX;
    if (take_members(&r, &t) || json_end(&r)) return ERR_SYNTAX;
    if (t.next.delta.is_error) {
        end_error(s, &t);
        return OK;
    }
    if (s->kind == ANSWER_OPENAI_CHAT) t.next.is_finished = has_finished(&t.next);
    t.next.delta.is_usage_only = t.has_no_choices && t.has_usage;
    *s = t.next;
    return OK;
}
