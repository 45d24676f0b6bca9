#include "support/chat_dump.h"

#include "base/list.h"

#include "support/test.h"

static void must(err e)
{
    if (e) test_fail(__FILE__, __LINE__, "the dump: %s", err_name(e));
}

static void put(struct buf *out, str s)
{
    must(buf_append(out, s));
}

static void put_quoted(struct buf *out, struct chat_text t)
{
    struct arena a;

    arena_init(&a, 4096);
    must(json_write_quoted(out, chat_text_read(t, &a)));
    arena_reset(&a);
}

// " key=" and the text; nothing where it is not given.
static void put_text(struct buf *out, const char *key, struct chat_text t)
{
    if (!chat_text_is_given(t)) return;
    must(buf_append_format(out, " %s=", key));
    put_quoted(out, t);
}

static void put_raw(struct buf *out, const char *key, str json)
{
    if (json.len) must(buf_append_format(out, " %s=%" STR_FMT, key, STR_ARG(json)));
}

static void put_flag(struct buf *out, const char *key, enum chat_flag flag)
{
    if (flag) must(buf_append_format(out, " %s=%s", key, flag == CHAT_YES ? "yes" : "no"));
}

static void put_media(struct buf *out, const struct chat_media *m)
{
    static const char *const sources[] = {"url", "base64", "bytes", "file_id", "text"};

    put_text(out, sources[m->source], m->content);
    put_text(out, "type", m->type);
    put_text(out, "name", m->name);
    put_text(out, "detail", m->detail);
}

// A part but for what a result holds.
static void put_part(struct buf *out, const struct chat_part *p)
{
    static const char *const kinds[] = {"text",      "image",       "audio",     "file",
                                        "tool_call", "tool_result", "reasoning", "refusal"};

    put(out, str_from_c(kinds[p->kind]));
    put_text(out, "text", p->text);
    put_media(out, &p->media);
    put_text(out, "id", p->id);
    if (p->kind != CHAT_PART_TOOL_RESULT) put_text(out, "name", p->name);
    put_text(out, "arguments", p->arguments);
    if (p->is_error) put(out, STR(" is_error"));
    put_text(out, "signature", p->signature);
    put_text(out, "redacted", p->redacted);
    put_raw(out, "cache", p->cache_json);
    put_raw(out, "citations", p->citations_json);
    put(out, STR("\n"));
}

static void put_parts(struct buf *out, const struct chat_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(out, STR("  "));
        put_part(out, &parts[i]);
        for (size_t k = 0; k < parts[i].part_count; k++) {
            put(out, STR("    "));
            put_part(out, &parts[i].parts[k]);
        }
    }
}

static void put_tool(struct buf *out, const struct chat_tool *t)
{
    put(out, STR("tool"));
    put_text(out, "name", t->name);
    put_text(out, "description", t->description);
    put_raw(out, "schema", t->schema_json);
    put_text(out, "schema_text", t->schema_text);
    put_flag(out, "strict", t->strict);
    put_raw(out, "cache", t->cache_json);
    put(out, STR("\n"));
}

static void put_choosing(struct buf *out, const struct chat_request *q)
{
    static const char *const kinds[] = {"unset", "auto", "none", "any", "one"};
    static const char *const thinking[] = {"unset", "off", "on", "adaptive"};

    must(buf_append_format(out, "choose %s", kinds[q->tool_choice.kind]));
    put_text(out, "name", q->tool_choice.name);
    put_flag(out, "parallel", q->tool_choice.parallel);
    must(buf_append_format(out, "\nthinking %s", thinking[q->reasoning.thinking]));
    put_text(out, "effort", q->reasoning.effort);
    put_raw(out, "budget", q->reasoning.budget_tokens);
    put(out, STR("\n"));
}

static void put_format(struct buf *out, const struct chat_format *f)
{
    static const char *const kinds[] = {"unset", "text", "json", "schema"};

    must(buf_append_format(out, "format %s", kinds[f->kind]));
    put_text(out, "name", f->name);
    put_text(out, "description", f->description);
    put_raw(out, "schema", f->schema_json);
    put_text(out, "schema_text", f->schema_text);
    put_flag(out, "strict", f->strict);
    put(out, STR("\n"));
}

static void put_options(struct buf *out, const struct chat_request *q)
{
    must(buf_append_format(out, "options n=%llu", (unsigned long long)q->choice_count));
    if (q->is_stream) put(out, STR(" stream"));
    if (q->wants_usage) put(out, STR(" usage"));
    if (q->uses_functions) put(out, STR(" functions"));
    if (q->has_completion_max) put(out, STR(" completion_max"));
    put_flag(out, "logprobs", q->logprobs);
    put_raw(out, "max_tokens", q->max_tokens);
    put_raw(out, "temperature", q->temperature);
    put_raw(out, "top_p", q->top_p);
    put_raw(out, "top_k", q->top_k);
    put_raw(out, "seed", q->seed);
    put_raw(out, "frequency_penalty", q->frequency_penalty);
    put_raw(out, "presence_penalty", q->presence_penalty);
    put_raw(out, "top_logprobs", q->top_logprobs);
    put_raw(out, "logit_bias", q->logit_bias_json);
    put_raw(out, "metadata", q->metadata_json);
    put_text(out, "user", q->user);
    put_text(out, "service_tier", q->service_tier);
    put_text(out, "verbosity", q->verbosity);
    for (size_t i = 0; i < q->stop_count; i++) {
        put_text(out, "stop", q->stops[i]);
    }
    put(out, STR("\n"));
}

void chat_dump_request(const struct chat_request *q, struct buf *out)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool"};

    put(out, STR("request"));
    put_text(out, "model", q->model);
    put(out, STR("\n"));
    for (size_t i = 0; i < q->tool_count; i++) {
        put_tool(out, &q->tools[i]);
    }
    for (size_t i = 0; i < q->message_count; i++) {
        put(out, str_from_c(roles[q->messages[i].role]));
        put_text(out, "name", q->messages[i].name);
        put(out, STR("\n"));
        put_parts(out, q->messages[i].parts, q->messages[i].part_count);
    }
    put_choosing(out, q);
    put_format(out, &q->format);
    put_options(out, q);
}

static void put_finish(struct buf *out, enum chat_finish finish)
{
    static const char *const names[] = {"unknown", "stop",    "stop_sequence",
                                        "length",  "context", "tool_calls",
                                        "filter",  "refusal", "pause"};

    must(buf_append_format(out, "finish %s", names[finish]));
}

static void put_usage(struct buf *out, const struct token_usage *u)
{
    if (!u->is_known) return;
    must(buf_append_format(out, "usage input=%llu output=%llu", (unsigned long long)u->input_tokens,
                           (unsigned long long)u->output_tokens));
    if (u->has_cached)
        must(buf_append_format(out, " cached=%llu", (unsigned long long)u->cached_tokens));
    if (u->has_cache_write)
        must(buf_append_format(out, " written=%llu", (unsigned long long)u->cache_write_tokens));
    if (u->has_reasoning)
        must(buf_append_format(out, " reasoning=%llu", (unsigned long long)u->reasoning_tokens));
    put(out, STR("\n"));
}

void chat_dump_answer(const struct chat_answer *answer, struct buf *out)
{
    put(out, STR("answer"));
    put_text(out, "model", answer->model);
    put_text(out, "service_tier", answer->service_tier);
    put(out, STR("\n"));
    for (size_t i = 0; i < answer->choice_count; i++) {
        const struct chat_choice *c = &answer->choices[i];
        must(buf_append_format(out, "choice %llu ", (unsigned long long)c->index));
        put_finish(out, c->finish);
        put_text(out, "stop_sequence", c->stop_sequence);
        put_raw(out, "logprobs", c->logprobs_json);
        put(out, STR("\n"));
        put_parts(out, c->parts, c->part_count);
    }
    put_usage(out, &answer->usage);
}

void chat_dump_error(const struct chat_error *e, struct buf *out)
{
    must(buf_append_format(out, "error %u", e->status));
    if (e->type.len) put_text(out, "type", chat_text_plain(e->type));
    if (e->code.len) put_text(out, "code", chat_text_plain(e->code));
    if (e->param.len) put_text(out, "param", chat_text_plain(e->param));
    put_text(out, "message", chat_text_plain(e->message));
    put(out, STR("\n"));
}

void chat_dump_notes(const struct chat_notes *n, struct buf *out)
{
    for (size_t i = 0; i < n->dropped_count; i++) {
        must(buf_append_format(out, "dropped %" STR_FMT "\n", STR_ARG(n->dropped[i])));
    }
    if (n->problem.len)
        must(buf_append_format(out, "problem %" STR_FMT ": %" STR_FMT "\n", STR_ARG(n->param),
                               STR_ARG(n->problem)));
}

static void add(struct chat_dump_stream *s, struct buf *to, struct chat_text piece)
{
    put(to, chat_text_read(piece, &s->arena));
}

static str keep(struct chat_dump_stream *s, struct chat_text t)
{
    return chat_text_is_given(t) ? arena_str(&s->arena, chat_text_read(t, &s->arena)) : (str){0};
}

static void take_call(struct chat_dump_stream *s, struct chat_dump_choice *c,
                      const struct chat_event *e)
{
    CHECK(e->tool == c->tool_count && e->tool < CHAT_DUMP_TOOLS_MAX);
    c->tools[e->tool].id = keep(s, e->id);
    c->tools[e->tool].name = keep(s, e->name);
    c->tool_count++;
}

static void take_usage(struct chat_dump_stream *s, const struct chat_event *e)
{
    if (e->usage.is_known) s->usage = e->usage;
}

static void take_finish(struct chat_dump_stream *s, struct chat_dump_choice *c,
                        const struct chat_event *e)
{
    CHECK(!c->is_finished);
    c->is_finished = true;
    c->finish = e->finish;
    c->stop_sequence = keep(s, e->stop_sequence);
}

static err take(struct chat_sink *sink, const struct chat_event *e)
{
    struct chat_dump_stream *s = container_of(sink, struct chat_dump_stream, port);
    struct chat_dump_choice *c = &s->choices[e->choice];

    CHECK(!s->is_ended && e->choice < CHAT_DUMP_CHOICES_MAX);
    CHECK(s->is_started == (e->kind != CHAT_EVENT_START));
    switch (e->kind) {
    case CHAT_EVENT_START:
        s->is_started = true;
        s->model = keep(s, e->model);
        take_usage(s, e);
        break;
    case CHAT_EVENT_TEXT: add(s, &c->text, e->text); break;
    case CHAT_EVENT_REFUSAL: add(s, &c->refusal, e->text); break;
    case CHAT_EVENT_REASONING: add(s, &c->reasoning, e->text); break;
    case CHAT_EVENT_SIGNATURE:
    case CHAT_EVENT_REDACTED: add(s, &c->signature, e->text); break;
    case CHAT_EVENT_TOOL_CALL: take_call(s, c, e); break;
    case CHAT_EVENT_ARGUMENTS:
        CHECK(e->tool < c->tool_count);
        add(s, &c->tools[e->tool].arguments, e->text);
        break;
    case CHAT_EVENT_FINISH: take_finish(s, c, e); break;
    case CHAT_EVENT_USAGE: take_usage(s, e); break;
    case CHAT_EVENT_END: s->is_ended = true; break;
    }
    return OK;
}

void chat_dump_stream_init(struct chat_dump_stream *s)
{
    *s = (struct chat_dump_stream){.port = {.event = take}};
    arena_init(&s->arena, 4096);
    for (size_t i = 0; i < CHAT_DUMP_CHOICES_MAX; i++) {
        buf_init(&s->choices[i].text, CHAT_DUMP_BYTES_MAX);
        buf_init(&s->choices[i].refusal, CHAT_DUMP_BYTES_MAX);
        buf_init(&s->choices[i].reasoning, CHAT_DUMP_BYTES_MAX);
        buf_init(&s->choices[i].signature, CHAT_DUMP_BYTES_MAX);
        for (size_t k = 0; k < CHAT_DUMP_TOOLS_MAX; k++) {
            buf_init(&s->choices[i].tools[k].arguments, CHAT_DUMP_BYTES_MAX);
        }
    }
}

void chat_dump_stream_done(struct chat_dump_stream *s)
{
    for (size_t i = 0; i < CHAT_DUMP_CHOICES_MAX; i++) {
        buf_done(&s->choices[i].text);
        buf_done(&s->choices[i].refusal);
        buf_done(&s->choices[i].reasoning);
        buf_done(&s->choices[i].signature);
        for (size_t k = 0; k < CHAT_DUMP_TOOLS_MAX; k++) {
            buf_done(&s->choices[i].tools[k].arguments);
        }
    }
    arena_reset(&s->arena);
}

static void put_gathered(struct buf *out, const char *key, const struct buf *text)
{
    if (buf_len(text)) put_text(out, key, chat_text_plain(buf_view(text)));
}

static void put_choice(struct buf *out, const struct chat_dump_choice *c)
{
    put_gathered(out, "reasoning", &c->reasoning);
    put_gathered(out, "signature", &c->signature);
    put_gathered(out, "text", &c->text);
    put_gathered(out, "refusal", &c->refusal);
    put(out, STR("\n"));
    for (size_t i = 0; i < c->tool_count; i++) {
        put(out, STR("  call"));
        put_text(out, "id", chat_text_plain(c->tools[i].id));
        put_text(out, "name", chat_text_plain(c->tools[i].name));
        put_text(out, "arguments", chat_text_plain(buf_view(&c->tools[i].arguments)));
        put(out, STR("\n"));
    }
    if (!c->is_finished) return;
    put(out, STR("  "));
    put_finish(out, c->finish);
    if (c->stop_sequence.ptr) put_text(out, "stop_sequence", chat_text_plain(c->stop_sequence));
    put(out, STR("\n"));
}

void chat_dump_stream_print(const struct chat_dump_stream *s, struct buf *out)
{
    put(out, STR("stream"));
    if (s->model.ptr) put_text(out, "model", chat_text_plain(s->model));
    put(out, STR("\n"));
    for (size_t i = 0; i < CHAT_DUMP_CHOICES_MAX; i++) {
        const struct chat_dump_choice *c = &s->choices[i];
        bool is_used = buf_len(&c->text) || buf_len(&c->refusal) || buf_len(&c->reasoning) ||
                       c->tool_count || c->is_finished;
        if (!is_used) continue;
        must(buf_append_format(out, "choice %zu", i));
        put_choice(out, c);
    }
    put_usage(out, &s->usage);
    if (s->is_ended) put(out, STR("end\n"));
}
