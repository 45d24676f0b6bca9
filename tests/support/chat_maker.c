#include "support/chat_maker.h"

#include "support/test.h"

static uint64_t below(struct chat_maker *m, uint64_t bound)
{
    return random_below(&m->random, bound);
}

static bool one_in(struct chat_maker *m, uint64_t n)
{
    return below(m, n) == 0;
}

static bool can(const struct chat_maker *m, unsigned what)
{
    return (m->can & what) != 0;
}

// A character: as it is, and how JSON may have it.
static const struct {
    const char *plain;
    const char *escaped;
} characters[] = {
    {"a", "a"},
    {"B", "\\u0042"},
    {" ", " "},
    {"7", "7"},
    {"\"", "\\\""},
    {"\\", "\\\\"},
    {"/", "\\/"},
    {"\n", "\\n"},
    {"\t", "\\t"},
    {"\x01", "\\u0001"},
    {"\xc3\xa4", "\xc3\xa4"},
    {"\xe2\x82\xac", "\\u20ac"},
    {"\xf0\x9f\x98\x80", "\\ud83d\\uDE00"},
    {"<", "<"},
};

enum { CHARACTERS = sizeof(characters) / sizeof(*characters), TEXT_MAX = 20 };

// Of at least `least` characters; the first is a letter, as some dialects trim.
static struct chat_text make_text(struct chat_maker *m, size_t least)
{
    char *bytes = arena_alloc(m->arena, (size_t)TEXT_MAX * 16);
    size_t count = least + below(m, TEXT_MAX - least);
    bool is_json = one_in(m, 2);
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        size_t which = i == 0 || i + 1 == count ? 0 : below(m, CHARACTERS);
        str c = str_from_c(is_json ? characters[which].escaped : characters[which].plain);
        for (size_t k = 0; k < c.len; k++) {
            bytes[len++] = c.ptr[k];
        }
    }
    return (struct chat_text){{bytes, len}, is_json};
}

static struct chat_text make_name(struct chat_maker *m, const char *prefix)
{
    return chat_text_plain(
        arena_format(m->arena, "%s_%llu", prefix, (unsigned long long)below(m, 100)));
}

static struct chat_text pick(struct chat_maker *m, const char *const *words, size_t count)
{
    return chat_text_plain(str_from_c(words[below(m, count)]));
}

#define PICK(m, words) pick((m), (words), sizeof(words) / sizeof(*(words)))

static str pick_raw(struct chat_maker *m, const char *const *words, size_t count)
{
    return pick(m, words, count).bytes;
}

static struct chat_text make_arguments(struct chat_maker *m)
{
    static const char *const objects[] = {
        "{}", "{\"a\":1e2}", "{\"b\":[true,null],\"c\":\"\\u00e4\"}", "{\"d\":{\"e\":\"\\\"\"}}"};
    struct chat_text t = PICK(m, objects);
    struct buf quoted;

    if (one_in(m, 2)) return t;
    buf_init(&quoted, 1000);
    CHECK_EQ(json_write_escaped(&quoted, t.bytes), OK);
    t = chat_text_json(arena_str(m->arena, buf_view(&quoted)));
    buf_done(&quoted);
    return t;
}

static struct chat_part *new_parts(struct chat_maker *m, size_t most)
{
    return arena_array(m->arena, struct chat_part, most);
}

static struct chat_part make_media(struct chat_maker *m)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/webp"};
    static const char *const details[] = {"low", "high", "auto"};
    struct chat_part p = {.kind = CHAT_PART_IMAGE};
    uint64_t kind = below(m, 4);

    p.media.source = CHAT_SOURCE_BASE64;
    p.media.content = one_in(m, 2) ? chat_text_plain(STR("Zm9v")) : chat_text_json(STR("Z\\/8="));
    p.media.type = PICK(m, types);
    if (kind == 1) {
        p.media = (struct chat_media){.source = CHAT_SOURCE_URL,
                                      .content = chat_text_plain(STR("https://e.test/a,b.png"))};
    } else if (kind == 2 && can(m, CHAT_MAKER_AUDIO)) {
        p.kind = CHAT_PART_AUDIO;
        p.media.type = chat_text_plain(one_in(m, 2) ? STR("audio/wav") : STR("audio/mpeg"));
    } else if (kind == 3) {
        p.kind = CHAT_PART_FILE;
        p.media.type = chat_text_plain(STR("application/pdf"));
        p.media.name = make_name(m, "file");
        if (can(m, CHAT_MAKER_FILE_IDS) && one_in(m, 2)) {
            p.media.source = CHAT_SOURCE_FILE_ID;
            p.media.type = (struct chat_text){0};
        }
    }
    if (p.kind == CHAT_PART_IMAGE && can(m, CHAT_MAKER_NAMES) && one_in(m, 2))
        p.media.detail = PICK(m, details);
    return p;
}

static struct chat_part make_text_part(struct chat_maker *m)
{
    struct chat_part p = {.kind = CHAT_PART_TEXT, .text = make_text(m, 2)};

    if (can(m, CHAT_MAKER_CACHE) && one_in(m, 4)) p.cache_json = STR("{\"type\":\"ephemeral\"}");
    return p;
}

static void make_instructions(struct chat_maker *m, struct chat_message *out)
{
    bool is_developer = can(m, CHAT_MAKER_DEVELOPER) && one_in(m, 2);

    *out = (struct chat_message){.role = is_developer ? CHAT_DEVELOPER : CHAT_SYSTEM};
    out->parts = new_parts(m, 2);
    out->part_count = 1 + below(m, 2);
    for (size_t i = 0; i < out->part_count; i++) {
        out->parts[i] = make_text_part(m);
    }
}

static void make_user(struct chat_maker *m, struct chat_message *out)
{
    *out = (struct chat_message){.role = CHAT_USER, .parts = new_parts(m, 4)};
    out->part_count = 1 + below(m, 3);
    for (size_t i = 0; i < out->part_count; i++) {
        out->parts[i] = one_in(m, 3) ? make_media(m) : make_text_part(m);
    }
    if (can(m, CHAT_MAKER_NAMES) && one_in(m, 4)) out->name = make_name(m, "user");
}

static struct chat_part make_call(struct chat_maker *m)
{
    return (struct chat_part){
        .kind = CHAT_PART_TOOL_CALL,
        .id = chat_text_plain(arena_format(m->arena, "call_%u", m->calls++)),
        .name = make_name(m, "tool"),
        .arguments = make_arguments(m),
    };
}

static bool make_reasoning(struct chat_maker *m, struct chat_part *out)
{
    bool is_signed = can(m, CHAT_MAKER_SIGNATURES) && one_in(m, 2);

    if (!one_in(m, 3) || (!is_signed && !can(m, CHAT_MAKER_REASONING))) return false;
    *out = (struct chat_part){.kind = CHAT_PART_REASONING, .text = make_text(m, 2)};
    if (is_signed) out->signature = chat_text_plain(STR("c2lnbmVk"));
    return true;
}

// What an assistant says; how many calls it ends with.
static size_t make_said(struct chat_maker *m, struct chat_part *parts, size_t *count)
{
    size_t calls = one_in(m, 2) ? 0 : 1 + (can(m, CHAT_MAKER_PARALLEL) ? below(m, 3) : 0);
    size_t n = 0;

    n += make_reasoning(m, &parts[n]);
    if (!calls || one_in(m, 2)) parts[n++] = make_text_part(m);
    if (can(m, CHAT_MAKER_REFUSALS) && one_in(m, 6))
        parts[n++] = (struct chat_part){.kind = CHAT_PART_REFUSAL, .text = make_text(m, 2)};
    for (size_t i = 0; i < calls; i++) {
        parts[n++] = make_call(m);
    }
    *count = n;
    return calls;
}

// Results of the last calls of a message, a message each.
static size_t make_results(struct chat_maker *m, const struct chat_message *asked, size_t calls,
                           struct chat_message *out)
{
    for (size_t i = 0; i < calls; i++) {
        struct chat_part *result = new_parts(m, 1);
        *result = (struct chat_part){.kind = CHAT_PART_TOOL_RESULT,
                                     .id = asked->parts[asked->part_count - calls + i].id,
                                     .parts = new_parts(m, 2),
                                     .part_count = 1 + below(m, 2)};
        for (size_t k = 0; k < result->part_count; k++) {
            result->parts[k] = make_text_part(m);
        }
        out[i] = (struct chat_message){.role = CHAT_TOOL, .parts = result, .part_count = 1};
    }
    return calls;
}

static void make_messages(struct chat_maker *m, struct chat_request *q)
{
    size_t turns = below(m, 4);
    size_t n = 0;

    q->messages = arena_array(m->arena, struct chat_message, 2 + turns * 6);
    if (one_in(m, 2)) make_instructions(m, &q->messages[n++]);
    make_user(m, &q->messages[n++]);
    for (size_t i = 0; i < turns; i++) {
        struct chat_message *said = &q->messages[n++];
        *said = (struct chat_message){.role = CHAT_ASSISTANT, .parts = new_parts(m, 8)};
        size_t calls = make_said(m, said->parts, &said->part_count);
        n += make_results(m, said, calls, &q->messages[n]);
        if (!calls) make_user(m, &q->messages[n++]);
    }
    q->message_count = n;
}

static const char *const schemas[] = {
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\",\"maximum\":1.50}},"
    "\"required\":[\"a\"],\"additionalProperties\":false}",
    "{ \"type\" : \"object\", \"properties\":{}, \"$defs\":{\"\\u0061\":{}} }",
};

static void make_tools(struct chat_maker *m, struct chat_request *q)
{
    q->tool_count = below(m, 3);
    q->tools = arena_array(m->arena, struct chat_tool, q->tool_count + 1);
    for (size_t i = 0; i < q->tool_count; i++) {
        q->tools[i] = (struct chat_tool){.name = make_name(m, "tool"),
                                         .description = make_text(m, 2),
                                         .schema_json = pick_raw(m, schemas, 2),
                                         .strict = (enum chat_flag)below(m, 3)};
        if (can(m, CHAT_MAKER_CACHE) && one_in(m, 4))
            q->tools[i].cache_json = STR("{\"type\":\"ephemeral\"}");
    }
    if (!q->tool_count || one_in(m, 2)) return;
    q->tool_choice.kind = (enum chat_choose)(1 + below(m, 4));
    if (q->tool_choice.kind == CHAT_CHOOSE_ONE) q->tool_choice.name = q->tools[0].name;
    if (q->tool_choice.kind != CHAT_CHOOSE_NONE && can(m, CHAT_MAKER_PARALLEL))
        q->tool_choice.parallel = (enum chat_flag)below(m, 3);
}

static void make_sampling(struct chat_maker *m, struct chat_request *q)
{
    static const char *const numbers[] = {"0", "1", "0.50", "1e-1", "-0.25"};

    if (one_in(m, 2)) q->temperature = pick_raw(m, numbers, 4);
    if (one_in(m, 3)) q->top_p = pick_raw(m, numbers, 4);
    if (can(m, CHAT_MAKER_TOP_K) && one_in(m, 3)) q->top_k = STR("40");
    if (!can(m, CHAT_MAKER_SAMPLING)) return;
    if (one_in(m, 3)) q->seed = STR("-1234567890123456789");
    if (one_in(m, 3)) q->frequency_penalty = pick_raw(m, numbers, 5);
    if (one_in(m, 3)) q->presence_penalty = pick_raw(m, numbers, 5);
    if (one_in(m, 3)) q->logit_bias_json = STR("{ \"50256\" : -100 }");
    q->logprobs = (enum chat_flag)below(m, 3);
    if (q->logprobs == CHAT_YES) q->top_logprobs = STR("5");
}

static void make_wishes(struct chat_maker *m, struct chat_request *q)
{
    static const char *const efforts[] = {"low", "medium", "high"};
    static const char *const tiers[] = {"auto", "default", "flex"};

    if (one_in(m, 4)) {
        q->format = (struct chat_format){.kind = CHAT_FORMAT_SCHEMA,
                                         .name = make_name(m, "format"),
                                         .schema_json = pick_raw(m, schemas, 2)};
    } else if (can(m, CHAT_MAKER_JSON_FORMAT) && one_in(m, 4)) {
        q->format.kind = one_in(m, 2) ? CHAT_FORMAT_JSON : CHAT_FORMAT_TEXT;
    }
    if (one_in(m, 4)) q->reasoning.effort = PICK(m, efforts);
    if (one_in(m, 3)) q->user = make_name(m, "user");
    if (!can(m, CHAT_MAKER_WORDS)) return;
    if (one_in(m, 3)) q->metadata_json = STR("{\"a\":\"\\u0062\"}");
    if (one_in(m, 3)) q->service_tier = PICK(m, tiers);
    if (one_in(m, 3)) q->verbosity = PICK(m, efforts);
}

void chat_maker_request(struct chat_maker *m, struct chat_request *out)
{
    struct chat_request q = {.model = make_name(m, "model"), .choice_count = 1};

    m->calls = 0;
    make_messages(m, &q);
    make_tools(m, &q);
    make_sampling(m, &q);
    make_wishes(m, &q);
    if (one_in(m, 2)) q.max_tokens = STR("4096");
    q.stop_count = below(m, 4);
    q.stops = arena_array(m->arena, struct chat_text, 4);
    for (size_t i = 0; i < q.stop_count; i++) {
        q.stops[i] = make_text(m, 1);
    }
    if (can(m, CHAT_MAKER_CHOICES) && one_in(m, 3)) q.choice_count = 1 + below(m, 4);
    q.is_stream = one_in(m, 2);
    q.wants_usage = q.is_stream && one_in(m, 2);
    *out = q;
}

static struct token_usage make_usage(struct chat_maker *m)
{
    struct token_usage u = {.is_known = true, .input_tokens = 100 + below(m, 100)};

    u.output_tokens = below(m, 100);
    u.has_cached = one_in(m, 2);
    if (u.has_cached) u.cached_tokens = below(m, 50);
    u.has_cache_write = one_in(m, 2);
    if (u.has_cache_write) u.cache_write_tokens = below(m, 50);
    u.has_reasoning = one_in(m, 2);
    if (u.has_reasoning) u.reasoning_tokens = below(m, 50);
    return u;
}

static enum chat_finish make_finish(struct chat_maker *m, bool has_calls)
{
    if (has_calls) return CHAT_FINISH_TOOL_CALLS;
    return one_in(m, 3) ? CHAT_FINISH_LENGTH : CHAT_FINISH_STOP;
}

void chat_maker_answer(struct chat_maker *m, struct chat_answer *out)
{
    struct chat_answer a = {.id = make_name(m, "answer"), .model = make_name(m, "model")};

    m->calls = 0;
    a.created = 1'700'000'000;
    a.choice_count = can(m, CHAT_MAKER_CHOICES) ? 1 + below(m, 3) : 1;
    a.choices = arena_array(m->arena, struct chat_choice, a.choice_count);
    for (size_t i = 0; i < a.choice_count; i++) {
        struct chat_choice *c = &a.choices[i];
        c->index = i;
        c->parts = new_parts(m, 8);
        bool has_calls = make_said(m, c->parts, &c->part_count) > 0;
        for (size_t k = 0; k < c->part_count; k++) {
            c->parts[k].cache_json = (str){0}; // which answers don't have
        }
        c->finish = make_finish(m, has_calls);
    }
    if (one_in(m, 2)) a.usage = make_usage(m);
    *out = a;
}

// Events as they are added.
struct events {
    struct chat_event *items;
    size_t count;
    uint32_t choice;
};

static struct chat_event *add(struct events *to, enum chat_event_kind kind)
{
    struct chat_event *e = &to->items[to->count++];

    CHECK(to->count <= CHAT_MAKER_EVENTS_MAX);
    *e = (struct chat_event){.kind = kind, .choice = to->choice};
    return e;
}

static void add_pieces(struct chat_maker *m, struct events *to, enum chat_event_kind kind)
{
    for (uint64_t n = 1 + below(m, 4); n; n--) {
        add(to, kind)->text = make_text(m, 1);
    }
}

// The calls of a choice; where several may be open, pieces of their arguments alternate.
static void add_calls(struct chat_maker *m, struct events *to, uint32_t count)
{
    struct chat_text pieces[3] = {{{0}, false}};

    for (uint32_t i = 0; i < count; i++) {
        struct chat_part call = make_call(m);
        struct chat_event *e = add(to, CHAT_EVENT_TOOL_CALL);
        e->tool = i;
        e->id = call.id;
        e->name = call.name;
        pieces[i] = call.arguments;
        if (one_in(m, 2)) {
            e = add(to, CHAT_EVENT_ARGUMENTS); // which says nothing yet
            e->tool = i;
            e->text = chat_text_plain(STR(""));
        }
        if (can(m, CHAT_MAKER_PARALLEL)) continue;
        e = add(to, CHAT_EVENT_ARGUMENTS);
        e->tool = i;
        e->text = call.arguments;
    }
    for (uint32_t i = 0; i < count && can(m, CHAT_MAKER_PARALLEL); i++) {
        struct chat_event *e = add(to, CHAT_EVENT_ARGUMENTS);
        e->tool = count - 1 - i;
        e->text = pieces[e->tool];
    }
}

static void add_choice(struct chat_maker *m, struct events *to)
{
    uint32_t calls = one_in(m, 2) ? 0 : 1 + (uint32_t)below(m, 3);

    if (can(m, CHAT_MAKER_REASONING) && one_in(m, 3)) add_pieces(m, to, CHAT_EVENT_REASONING);
    if (!calls || one_in(m, 2)) add_pieces(m, to, CHAT_EVENT_TEXT);
    if (can(m, CHAT_MAKER_REFUSALS) && one_in(m, 6)) add_pieces(m, to, CHAT_EVENT_REFUSAL);
    add_calls(m, to, calls);
    add(to, CHAT_EVENT_FINISH)->finish = make_finish(m, calls > 0);
}

size_t chat_maker_events(struct chat_maker *m, struct chat_event out[CHAT_MAKER_EVENTS_MAX])
{
    struct events to = {.items = out};
    uint32_t choices = can(m, CHAT_MAKER_CHOICES) ? 1 + (uint32_t)below(m, 3) : 1;

    m->calls = 0;
    struct chat_event *start = add(&to, CHAT_EVENT_START);
    start->id = make_name(m, "answer");
    start->model = make_name(m, "model");
    for (; to.choice < choices; to.choice++) {
        add_choice(m, &to);
    }
    to.choice = 0;
    if (one_in(m, 2)) add(&to, CHAT_EVENT_USAGE)->usage = make_usage(m);
    add(&to, CHAT_EVENT_END);
    return to.count;
}
