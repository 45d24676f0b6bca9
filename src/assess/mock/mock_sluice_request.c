#include "assess/mock/mock_sluice_request.h"

#include "assess/mock/mock_shape.h"

// A request being read.
struct reading {
    struct arena *arena;
    struct mock_request *out;
};

static void keep_media(struct reading *r, str holder, bool is_document)
{
    enum { URL, DATA, FILE_ID, TYPE, COUNT };
    static const str media_member = STR_INIT("media");
    static const str names[COUNT] = {STR_INIT("url"), STR_INIT("data"), STR_INIT("fileId"),
                                     STR_INIT("mediaType")};
    struct mock_request *out = r->out;
    struct json_value media;
    struct json_value v[COUNT];

    mock_shape_members(holder, &media_member, &media, 1);
    out->images += !is_document;
    if (media.kind != JSON_OBJECT || out->media_count == MOCK_REQUEST_MEDIA_MAX) return;
    mock_shape_members(media.text, names, v, COUNT);
    if (!out->media) out->media = arena_array(r->arena, struct mock_media, MOCK_REQUEST_MEDIA_MAX);
    struct mock_media *m = &out->media[out->media_count++];
    m->is_document = is_document;
    m->is_base64 = v[DATA].kind == JSON_STRING;
    m->type = mock_shape_text(v[TYPE], r->arena);
    for (size_t i = 0; i < TYPE; i++) {
        if (v[i].kind == JSON_STRING) m->content = mock_shape_text(v[i], r->arena);
    }
}

// The parts of a message or of a tool's result, which has none of these within; the last text that
// is the message's own.
static void read_parts(struct reading *r, struct json_value parts, bool is_result, str *text)
{
    enum { TEXT, IMAGE, AUDIO, FILE, RESULT, COUNT };
    static const str names[COUNT] = {STR_INIT("text"), STR_INIT("image"), STR_INIT("audio"),
                                     STR_INIT("file"), STR_INIT("toolResult")};
    static const str parts_member = STR_INIT("parts");
    struct json_value v[COUNT];
    struct json_reader walk;
    struct json_value part;

    mock_shape_elements(&walk, parts);
    while (mock_shape_next(&walk, &part)) {
        mock_shape_members(part.text, names, v, COUNT);
        str said = mock_shape_text(v[TEXT], r->arena);
        r->out->words += mock_request_words(said);
        if (v[TEXT].kind == JSON_STRING && !is_result) *text = said;
        for (size_t i = IMAGE; i <= FILE; i++) {
            if (v[i].kind == JSON_OBJECT) keep_media(r, v[i].text, i != IMAGE);
        }
        if (v[RESULT].kind != JSON_OBJECT || is_result) continue;
        struct json_value inner;
        mock_shape_members(v[RESULT].text, &parts_member, &inner, 1);
        read_parts(r, inner, true, text);
    }
}

static void read_messages(struct reading *r, struct json_value messages)
{
    static const str names[] = {STR_INIT("role"), STR_INIT("parts")};
    struct json_reader walk;
    struct json_value message;
    struct json_value v[2];

    mock_shape_elements(&walk, messages);
    while (mock_shape_next(&walk, &message)) {
        str text = {0};
        mock_shape_members(message.text, names, v, 2);
        bool is_user = str_eq(mock_shape_text(v[0], r->arena), STR("ROLE_USER"));
        read_parts(r, v[1], false, &text);
        if (is_user && (text.ptr || v[1].kind == JSON_ARRAY))
            r->out->text = text.ptr ? text : STR("");
    }
}

static void read_tools(struct reading *r, struct json_value tools, struct json_value choice)
{
    static const str names[] = {STR_INIT("mode"), STR_INIT("tool")};
    static const str name_member = STR_INIT("name");
    struct json_reader walk;
    struct json_value tool;
    struct json_value v[2];

    mock_shape_elements(&walk, tools);
    if (mock_shape_next(&walk, &tool)) {
        mock_shape_members(tool.text, &name_member, v, 1);
        r->out->tool_name = mock_shape_text(v[0], r->arena);
    }
    if (choice.kind != JSON_OBJECT) return;
    mock_shape_members(choice.text, names, v, 2);
    r->out->needs_tool =
        str_eq(mock_shape_text(v[0], r->arena), STR("MODE_REQUIRED")) || v[1].kind == JSON_STRING;
    if (v[1].kind == JSON_STRING) r->out->tool_name = mock_shape_text(v[1], r->arena);
}

static void read_stops(struct reading *r, struct json_value stops)
{
    struct json_reader walk;
    struct json_value stop;

    mock_shape_elements(&walk, stops);
    while (mock_shape_next(&walk, &stop) && r->out->stop_count < MOCK_REQUEST_STOPS_MAX) {
        // A stream outlives the body.
        str text = arena_str(r->arena, mock_shape_text(stop, r->arena));
        if (text.len) r->out->stops[r->out->stop_count++] = text;
    }
}

static bool wants_thinking(struct json_value reasoning)
{
    static const str budget_member = STR_INIT("budgetTokens");
    struct json_value budget;

    if (reasoning.kind != JSON_OBJECT) return false;
    mock_shape_members(reasoning.text, &budget_member, &budget, 1);
    return budget.kind == JSON_NUMBER;
}

// A count that may be absent.
static err read_count(struct json_value v, uint64_t max, uint64_t *out)
{
    if (v.kind == JSON_NULL) return OK;
    TRY(json_to_u64(v, max, out));
    return *out ? OK : ERR_RANGE;
}

err mock_sluice_request_chat(str json, struct arena *arena, struct mock_request *out, str *param)
{
    enum { MODEL, MESSAGES, TOOLS, CHOICE, MAX_TOKENS, STOP, N, REASONING, COUNT };
    static const str names[COUNT] = {
        STR_INIT("model"),     STR_INIT("messages"), STR_INIT("tools"), STR_INIT("toolChoice"),
        STR_INIT("maxTokens"), STR_INIT("stop"),     STR_INIT("n"),     STR_INIT("reasoning")};
    struct reading r = {.arena = arena, .out = out};
    struct json_value v[COUNT];

    *out = (struct mock_request){.choices = 1};
    *param = STR("");
    mock_shape_members(json, names, v, COUNT);
    out->model = mock_shape_text(v[MODEL], arena);
    out->has_input = v[MESSAGES].kind == JSON_ARRAY;
    read_messages(&r, v[MESSAGES]);
    read_tools(&r, v[TOOLS], v[CHOICE]);
    read_stops(&r, v[STOP]);
    out->wants_thinking = wants_thinking(v[REASONING]);
    *param = STR("n");
    TRY(read_count(v[N], MOCK_REQUEST_CHOICES_MAX, &out->choices));
    *param = STR("max_tokens");
    TRY(read_count(v[MAX_TOKENS], UINT64_MAX, &out->tokens_max));
    *param = STR("");
    return OK;
}

// Texts are counted; tokens are as many as there are.
static void count_inputs(struct reading *r, struct json_value inputs)
{
    static const str text_member = STR_INIT("text");
    struct json_reader walk;
    struct json_value input;
    struct json_value text;

    mock_shape_elements(&walk, inputs);
    while (mock_shape_next(&walk, &input)) {
        mock_shape_members(input.text, &text_member, &text, 1);
        r->out->words += mock_request_words(mock_shape_text(text, r->arena));
    }
}

err mock_sluice_request_embed(str json, struct arena *arena, struct mock_request *out, str *param)
{
    enum { MODEL, INPUT, DIMENSIONS, COUNT };
    static const str names[COUNT] = {STR_INIT("model"), STR_INIT("input"), STR_INIT("dimensions")};
    struct reading r = {.arena = arena, .out = out};
    struct json_value v[COUNT];

    *out = (struct mock_request){.choices = 1};
    mock_shape_members(json, names, v, COUNT);
    out->model = mock_shape_text(v[MODEL], arena);
    out->has_input = v[INPUT].kind == JSON_ARRAY;
    out->input = v[INPUT].text;
    count_inputs(&r, v[INPUT]);
    *param = STR("dimensions");
    TRY(read_count(v[DIMENSIONS], MOCK_REQUEST_DIMENSIONS_MAX, &out->dimensions));
    *param = STR("");
    return OK;
}

err mock_sluice_request_health(str json, struct arena *arena, struct mock_request *out, str *param)
{
    (void)json;
    (void)arena;
    *out = (struct mock_request){.choices = 1, .has_input = true};
    *param = STR("");
    return OK;
}
