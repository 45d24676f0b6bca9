// Answers as they are written (openai_answer.h).

#include "base/number.h"
#include "provider/openai_answer.h"
#include "provider/openai_usage.h"
#include "provider/openai_words.h"

struct writing {
    struct json_writer w;
    struct gather *g;
    const struct chat_reply *reply;
    size_t call_count; // of the whole answer, as minted ids are told apart by it
};

// The texts of all parts of a kind as one member; null where there is none.
static void write_texts(struct writing *x, str key, const struct chat_choice *c,
                        enum chat_part_kind kind)
{
    bool is_open = false;

    json_write_key(&x->w, key);
    for (size_t i = 0; i < c->part_count; i++) {
        if (c->parts[i].kind != kind) continue;
        if (!is_open) chat_text_open(&x->w);
        is_open = true;
        chat_text_add(&x->w, x->g, c->parts[i].text);
    }
    if (is_open) {
        chat_text_close(&x->w);
    } else {
        json_write_null(&x->w);
    }
}

static bool has_text(const struct chat_choice *c, enum chat_part_kind kind)
{
    for (size_t i = 0; i < c->part_count; i++) {
        if (c->parts[i].kind == kind && chat_text_has(c->parts[i].text)) return true;
    }
    return false;
}

static const struct chat_part *first_call(const struct chat_choice *c)
{
    for (size_t i = 0; i < c->part_count; i++) {
        if (c->parts[i].kind == CHAT_PART_TOOL_CALL) return &c->parts[i];
    }
    return NULL;
}

// Clients parse the arguments, so what is none is an empty object.
static void write_function(struct writing *x, str key, const struct chat_part *call)
{
    bool has_arguments = chat_text_has(call->arguments);

    json_write_key(&x->w, key);
    json_write_object(&x->w);
    json_write_key(&x->w, STR("name"));
    chat_text_write(&x->w, x->g, call->name);
    json_write_key(&x->w, STR("arguments"));
    chat_text_write(&x->w, x->g, has_arguments ? call->arguments : chat_text_plain(STR("{}")));
    json_write_object_end(&x->w);
}

static void write_call_id(struct writing *x, const struct chat_part *call)
{
    char digits[NUMBER_U64_DIGITS_MAX];

    json_write_key(&x->w, STR("id"));
    if (chat_text_has(call->id)) {
        chat_text_write(&x->w, x->g, call->id);
        return;
    }
    chat_text_open(&x->w);
    chat_text_add(&x->w, x->g, chat_text_plain(STR("call_")));
    chat_text_add(&x->w, x->g, chat_text_plain(x->reply->id_seed));
    chat_text_add(&x->w, x->g, chat_text_plain(STR("_")));
    str number = {.ptr = digits, .len = number_from_u64(digits, x->call_count)};
    chat_text_add(&x->w, x->g, chat_text_plain(number));
    chat_text_close(&x->w);
}

static void write_calls(struct writing *x, const struct chat_choice *c)
{
    const struct chat_part *first = first_call(c);

    if (!first) return;
    if (x->reply->uses_functions) {
        write_function(x, STR("function_call"), first);
        return;
    }
    json_write_key(&x->w, STR("tool_calls"));
    json_write_array(&x->w);
    for (size_t i = 0; i < c->part_count; i++) {
        if (c->parts[i].kind != CHAT_PART_TOOL_CALL) continue;
        json_write_object(&x->w);
        write_call_id(x, &c->parts[i]);
        json_write_key(&x->w, STR("type"));
        json_write_str(&x->w, STR("function"));
        write_function(x, STR("function"), &c->parts[i]);
        json_write_object_end(&x->w);
        x->call_count++;
    }
    json_write_array_end(&x->w);
}

static void write_message(struct writing *x, const struct chat_choice *c)
{
    json_write_key(&x->w, STR("message"));
    json_write_object(&x->w);
    json_write_key(&x->w, STR("role"));
    json_write_str(&x->w, STR("assistant"));
    write_texts(x, STR("content"), c, CHAT_PART_TEXT);
    if (has_text(c, CHAT_PART_REASONING))
        write_texts(x, STR("reasoning_content"), c, CHAT_PART_REASONING);
    write_texts(x, STR("refusal"), c, CHAT_PART_REFUSAL);
    write_calls(x, c);
    json_write_object_end(&x->w);
}

static void write_choice(struct writing *x, const struct chat_choice *c)
{
    json_write_object(&x->w);
    json_write_key(&x->w, STR("index"));
    json_write_u64(&x->w, c->index);
    write_message(x, c);
    json_write_key(&x->w, STR("logprobs"));
    if (c->logprobs_json.len) {
        json_write_raw(&x->w, c->logprobs_json);
    } else {
        json_write_null(&x->w);
    }
    json_write_key(&x->w, STR("finish_reason"));
    json_write_str(&x->w, openai_words_finish(c->finish, x->reply->uses_functions));
    json_write_object_end(&x->w);
}

static void write_head(struct writing *x, const struct chat_answer *answer)
{
    const struct chat_reply *r = x->reply;

    json_write_key(&x->w, STR("id"));
    chat_text_open(&x->w);
    chat_text_add(&x->w, x->g, chat_text_plain(STR("chatcmpl-")));
    chat_text_add(&x->w, x->g, chat_text_plain(r->id_seed));
    chat_text_close(&x->w);
    json_write_key(&x->w, STR("object"));
    json_write_str(&x->w, STR("chat.completion"));
    json_write_key(&x->w, STR("created"));
    json_write_u64(&x->w, answer->created ? answer->created : r->created);
    json_write_key(&x->w, STR("model"));
    chat_text_write(&x->w, x->g, r->model.len ? chat_text_plain(r->model) : answer->model);
}

err openai_answer_write(const struct chat_answer *answer, const struct chat_reply *r,
                        struct gather *out)
{
    struct writing x = {.g = out, .reply = r};

    json_write_init(&x.w, &out->text);
    json_write_object(&x.w);
    write_head(&x, answer);
    json_write_key(&x.w, STR("choices"));
    json_write_array(&x.w);
    for (size_t i = 0; i < answer->choice_count; i++) {
        write_choice(&x, &answer->choices[i]);
    }
    json_write_array_end(&x.w);
    if (answer->usage.is_known) {
        json_write_key(&x.w, STR("usage"));
        openai_usage_write(&x.w, &answer->usage);
    }
    str tier = openai_words_tier(answer->service_tier);
    if (tier.len) {
        json_write_key(&x.w, STR("service_tier"));
        json_write_str(&x.w, tier);
    }
    json_write_object_end(&x.w);
    return x.w.error;
}
