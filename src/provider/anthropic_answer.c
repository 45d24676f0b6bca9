// Answers that come whole (anthropic_dialect.h).

#include "provider/anthropic_blocks.h"
#include "provider/anthropic_content.h"
#include "provider/anthropic_dialect.h"
#include "provider/anthropic_finish.h"
#include "provider/anthropic_usage.h"
#include "provider/members.h"

enum member { TYPE, ID, MODEL, CONTENT, STOP_REASON, STOP_SEQUENCE, USAGE, MEMBERS_KNOWN };

static const str member_names[MEMBERS_KNOWN] = {
    [TYPE] = STR_INIT("type"),
    [ID] = STR_INIT("id"),
    [MODEL] = STR_INIT("model"),
    [CONTENT] = STR_INIT("content"),
    [STOP_REASON] = STR_INIT("stop_reason"),
    [STOP_SEQUENCE] = STR_INIT("stop_sequence"),
    [USAGE] = STR_INIT("usage"),
};

static struct chat_text text_of(struct json_value v)
{
    return v.kind == JSON_STRING ? chat_text_json(json_raw(v)) : (struct chat_text){0};
}

// OpenAI's words for a tier are what others know.
static struct chat_text tier_of(struct json_value usage)
{
    static const str names[] = {STR_INIT("service_tier")};
    struct json_value found[1];
    struct members m = MEMBERS(names, found);

    if (members_read_value(usage, &m)) return (struct chat_text){0};
    struct chat_text tier = text_of(found[0]);
    return chat_text_is(tier, STR("standard")) ? chat_text_plain(STR("default")) : tier;
}

static err read_choice(const struct json_value *found, struct arena *a, struct chat_choice *out)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct anthropic_content content = {.arena = a, .notes = &notes, .is_answer = true};
    struct anthropic_parts parts = {0};

    anthropic_content_enter(&content, "content", SIZE_MAX);
    TRY(anthropic_content_read(&content, found[CONTENT], ANTHROPIC_IN_ASSISTANT, &parts));
    *out = (struct chat_choice){.parts = parts.items,
                                .part_count = parts.count,
                                .stop_sequence = text_of(found[STOP_SEQUENCE])};
    if (found[STOP_REASON].kind == JSON_STRING)
        out->finish = anthropic_finish_read(json_raw(found[STOP_REASON]));
    return OK;
}

err anthropic_answer_read(str body, struct arena *a, struct chat_answer *out)
{
    struct json_value found[MEMBERS_KNOWN];
    struct members m = MEMBERS(member_names, found);
    struct chat_answer answer = {.choice_count = 1};
    struct json_reader r;

    json_reader_init(&r, body);
    err e = members_read(&r, &m);
    if (!e) e = json_end(&r);
    if (e) return e == ERR_TYPE ? ERR_SYNTAX : e;
    if (chat_text_is(text_of(found[TYPE]), STR("error"))) return ERR_REFUSED;
    answer.choices = arena_new(a, struct chat_choice);
    TRY(read_choice(found, a, answer.choices));
    answer.id = text_of(found[ID]);
    answer.model = text_of(found[MODEL]);
    if (found[USAGE].kind == JSON_OBJECT) {
        json_reader_init(&r, found[USAGE].text);
        TRY(anthropic_usage_read(&r, &answer.usage));
        answer.service_tier = tier_of(found[USAGE]);
    }
    *out = answer;
    return OK;
}

static void write_str(struct json_writer *w, str key, str value)
{
    json_write_key(w, key);
    json_write_str(w, value);
}

static err write_content(struct anthropic_blocks *b, const struct chat_choice *c, bool *has_calls)
{
    json_write_key(&b->w, STR("content"));
    json_write_array(&b->w);
    for (size_t i = 0; i < c->part_count; i++) {
        const struct chat_part *p = &c->parts[i];
        bool is_said = p->kind == CHAT_PART_TEXT || p->kind == CHAT_PART_REFUSAL ||
                       p->kind == CHAT_PART_REASONING || p->kind == CHAT_PART_TOOL_CALL;
        // An answer has no images, sounds or files here.
        if (!is_said || !anthropic_blocks_has(b, p)) continue;
        *has_calls |= p->kind == CHAT_PART_TOOL_CALL;
        TRY(anthropic_blocks_write(b, p, i));
    }
    json_write_array_end(&b->w);
    return OK;
}

static bool has_refusal(const struct chat_choice *c)
{
    for (size_t i = 0; i < c->part_count; i++) {
        if (c->parts[i].kind == CHAT_PART_REFUSAL && chat_text_has(c->parts[i].text)) return true;
    }
    return false;
}

static void write_stop(struct anthropic_blocks *b, const struct chat_choice *c, bool has_calls)
{
    enum chat_finish finish = c->finish;

    if (finish == CHAT_FINISH_STOP && has_refusal(c)) finish = CHAT_FINISH_REFUSAL;
    write_str(&b->w, STR("stop_reason"), anthropic_finish_write(finish, has_calls));
    json_write_key(&b->w, STR("stop_sequence"));
    if (chat_text_is_given(c->stop_sequence)) {
        chat_text_write(&b->w, b->out, c->stop_sequence);
    } else {
        json_write_null(&b->w);
    }
}

static str tier_word(struct chat_text tier)
{
    if (chat_text_is(tier, STR("default"))) return STR("standard");
    return chat_text_is(tier, STR("priority")) ? STR("priority") : STR("");
}

static err write_answer(struct anthropic_blocks *b, const struct chat_answer *answer,
                        const struct chat_reply *r)
{
    const struct chat_choice none = {.index = 0};
    const struct chat_choice *c = answer->choice_count ? &answer->choices[0] : &none;
    struct chat_text model = r->model.len ? chat_text_plain(r->model) : answer->model;
    bool has_calls = false;

    json_write_object(&b->w);
    write_str(&b->w, STR("id"), arena_format(&b->arena, "msg_%" STR_FMT, STR_ARG(r->id_seed)));
    write_str(&b->w, STR("type"), STR("message"));
    write_str(&b->w, STR("role"), STR("assistant"));
    json_write_key(&b->w, STR("model"));
    chat_text_write(&b->w, b->out, model);
    TRY(write_content(b, c, &has_calls));
    write_stop(b, c, has_calls);
    json_write_key(&b->w, STR("usage"));
    anthropic_usage_write(&b->w, &answer->usage, tier_word(answer->service_tier));
    json_write_object_end(&b->w);
    return b->w.error;
}

err anthropic_answer_write(const struct chat_answer *answer, const struct chat_reply *r,
                           struct gather *out)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct anthropic_blocks b;

    anthropic_blocks_init(&b, out, &notes);
    b.is_answer = true;
    err e = write_answer(&b, answer, r);
    anthropic_blocks_done(&b);
    return e;
}

err anthropic_answer_read_count(str body, uint64_t *input_tokens)
{
    static const str names[] = {STR_INIT("input_tokens")};
    struct json_value found[1];
    struct members m = MEMBERS(names, found);
    struct json_reader r;

    json_reader_init(&r, body);
    TRY(members_read(&r, &m));
    TRY(json_end(&r));
    return json_to_u64(found[0], UINT64_MAX, input_tokens);
}

err anthropic_answer_write_count(uint64_t input_tokens, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    json_write_key(&w, STR("input_tokens"));
    json_write_u64(&w, input_tokens);
    json_write_object_end(&w);
    return w.error;
}
