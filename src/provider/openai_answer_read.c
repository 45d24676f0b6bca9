// Answers as they are read (openai_answer.h).

#include "provider/openai_answer.h"
#include "provider/openai_content.h"
#include "provider/openai_usage.h"
#include "provider/openai_words.h"

#include <string.h>

static err read_message(struct chat_walk *w, struct openai_said *said)
{
    enum { CONTENT, CALLS, FUNCTION, REFUSAL, REASONING_CONTENT, REASONING, COUNT };
    static const str names[COUNT] = {STR_INIT("content"),           STR_INIT("tool_calls"),
                                     STR_INIT("function_call"),     STR_INIT("refusal"),
                                     STR_INIT("reasoning_content"), STR_INIT("reasoning")};
    struct chat_text other = {0};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case CONTENT: TRY(openai_content_read(w, &said->content)); break;
        case CALLS: TRY(openai_content_read_calls(w, &said->calls)); break;
        case FUNCTION: TRY(openai_content_read_function(w, &said->calls)); break;
        case REFUSAL: TRY(chat_walk_text(w, &said->refusal)); break;
        case REASONING_CONTENT: TRY(chat_walk_text(w, &said->reasoning)); break;
        case REASONING: TRY(chat_walk_text(w, &other)); break;
        default: TRY(chat_walk_skip(w)); break;
        }
    }
    if (!chat_text_is_given(said->reasoning)) said->reasoning = other;
    return e == ERR_EOF ? OK : e;
}

// An empty text beside calls or a refusal is how servers say that there is none.
static void drop_empty_content(struct openai_said *said)
{
    bool has_more = said->calls.count || chat_text_has(said->refusal);

    if (has_more && said->content.count == 1 && said->content.items[0].kind == CHAT_PART_TEXT &&
        !chat_text_has(said->content.items[0].text))
        said->content.count = 0;
}

static err read_choice(struct chat_walk *w, struct chat_choice *out)
{
    enum { INDEX, MESSAGE, FINISH, LOGPROBS, COUNT };
    static const str names[COUNT] = {STR_INIT("index"), STR_INIT("message"),
                                     STR_INIT("finish_reason"), STR_INIT("logprobs")};
    struct openai_said said = {.reasoning = {{0}, false}};
    struct json_value index = {.kind = JSON_NULL};
    struct chat_text finish = {0};
    struct chat_parts parts;
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case INDEX: TRY(json_value(&w->json, &index)); break;
        case MESSAGE: TRY(read_message(w, &said)); break;
        case FINISH: TRY(chat_walk_text(w, &finish)); break;
        case LOGPROBS: TRY(chat_walk_raw(w, JSON_OBJECT, &out->logprobs_json)); break;
        default: TRY(chat_walk_skip(w)); break;
        }
    }
    if (e != ERR_EOF) return e;
    drop_empty_content(&said);
    TRY(openai_content_said(w, &said, &parts));
    out->parts = parts.items;
    out->part_count = parts.count;
    (void)json_to_u64(index, CHAT_CHOICES_MAX, &out->index); // else it is where it stands
    out->finish = openai_words_finish_of(finish);
    if (said.calls.count) out->finish = openai_words_finish_with_calls(out->finish);
    return OK;
}

static err read_choices(struct chat_walk *w, struct chat_answer *out)
{
    struct chat_choice *choices = NULL;
    size_t count = 0;
    size_t room = 0;
    err e;

    TRY(chat_walk_array(w));
    while (!(e = chat_walk_element(w))) {
        if (count == CHAT_CHOICES_MAX) return ERR_LIMIT;
        if (count == room) {
            room = room ? CHAT_CHOICES_MAX : 1; // nearly all have one
            struct chat_choice *more = arena_array(w->arena, struct chat_choice, room);
            if (count) memcpy(more, choices, count * sizeof(*more));
            choices = more;
        }
        choices[count].index = count;
        TRY(read_choice(w, &choices[count]));
        count++;
    }
    out->choices = choices;
    out->choice_count = count;
    return e == ERR_EOF ? OK : e;
}

static err read_created(struct chat_walk *w, uint64_t *out)
{
    struct json_value v;

    TRY(json_value(&w->json, &v));
    (void)json_to_u64(v, UINT64_MAX, out); // what is none was not told
    return OK;
}

err openai_answer_read(str body, struct arena *a, struct chat_answer *out)
{
    enum { ID, MODEL, CREATED, CHOICES, USAGE, TIER, COUNT };
    static const str names[COUNT] = {STR_INIT("id"),      STR_INIT("model"),
                                     STR_INIT("created"), STR_INIT("choices"),
                                     STR_INIT("usage"),   STR_INIT("service_tier")};
    struct chat_answer answer = {.created = 0};
    struct chat_walk w;
    size_t name;

    chat_walk_init(&w, body, a, NULL);
    err e = chat_walk_object(&w);
    while (!e && !(e = chat_walk_member(&w, names, COUNT, &name))) {
        switch (name) {
        case ID: e = chat_walk_text(&w, &answer.id); break;
        case MODEL: e = chat_walk_text(&w, &answer.model); break;
        case CREATED: e = read_created(&w, &answer.created); break;
        case CHOICES: e = read_choices(&w, &answer); break;
        case USAGE: e = openai_usage_read(&w.json, &answer.usage); break;
        case TIER: e = chat_walk_text(&w, &answer.service_tier); break;
        default: e = chat_walk_skip(&w); break;
        }
    }
    TRY(chat_walk_end(&w, e == ERR_EOF ? OK : e));
    if (!answer.choice_count) return ERR_TYPE;
    *out = answer;
    return OK;
}
