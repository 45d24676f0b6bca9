// Design: two passes over each message, one that counts its elements and one that reads them into
// arrays of that length. Fields that are not known are passed over, as a newer client may send
// them; of a oneof the last counts, as the wire format has it. Nesting is that of the types: parts
// within a result of a tool are the deepest.
#include "codec/json.h"
#include "codec/json_write.h"
#include "provider/sluice.h"
#include "provider/sluice_fields.h"
#include "provider/sluice_parts.h"

// A request being read.
struct reading {
    struct sluice_reading wire;
    struct chat_request *out;
};

static enum chat_flag flag_of(const struct protobuf_field *f)
{
    return f->value ? CHAT_YES : CHAT_NO;
}

// A JSON text that stands in a string field; it goes on as it is.
static err json_of(struct reading *r, const struct protobuf_field *f, str param, str *out)
{
    struct chat_text text = {0};

    TRY(sluice_wire_text(&r->wire, f, &text));
    if (!text.bytes.len) return OK;
    if (json_check(text.bytes, NULL))
        return sluice_wire_refuse(&r->wire, STR("A schema must be a JSON text."), param);
    *out = text.bytes;
    return OK;
}

static err read_role(struct reading *r, uint64_t value, enum chat_role *out)
{
    static const enum chat_role roles[] = {
        [SLUICE_ROLE_SYSTEM] = CHAT_SYSTEM, [SLUICE_ROLE_DEVELOPER] = CHAT_DEVELOPER,
        [SLUICE_ROLE_USER] = CHAT_USER,     [SLUICE_ROLE_ASSISTANT] = CHAT_ASSISTANT,
        [SLUICE_ROLE_TOOL] = CHAT_TOOL,
    };

    if (!value || value >= sizeof(roles) / sizeof(*roles))
        return sluice_wire_refuse(&r->wire, STR("A message must have a role."),
                                  STR("messages.role"));
    *out = roles[value];
    return OK;
}

static err read_message(struct reading *r, str message, struct chat_message *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    uint64_t role = 0;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_MESSAGE_ROLE) role = f.value;
        if (f.number == SLUICE_MESSAGE_NAME && f.bytes.len)
            TRY(sluice_wire_text(&r->wire, &f, &out->name));
    }
    if (e != ERR_EOF) return e;
    TRY(read_role(r, role, &out->role));
    return sluice_parts_read(&r->wire, message, SLUICE_MESSAGE_PARTS, out);
}

static err read_tool(struct reading *r, str message, struct chat_tool *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        switch (f.number) {
        case SLUICE_TOOL_NAME: TRY(sluice_wire_text(&r->wire, &f, &out->name)); break;
        case SLUICE_TOOL_DESCRIPTION: TRY(sluice_wire_text(&r->wire, &f, &out->description)); break;
        case SLUICE_TOOL_PARAMETERS:
            TRY(json_of(r, &f, STR("tools.parameters"), &out->schema_json));
            break;
        case SLUICE_TOOL_STRICT: out->strict = flag_of(&f); break;
        default: break;
        }
    }
    if (e != ERR_EOF) return e;
    if (!chat_text_has(out->name))
        return sluice_wire_refuse(&r->wire, STR("A tool needs a name."), STR("tools.name"));
    return OK;
}

static err read_choice(struct reading *r, str message)
{
    static const enum chat_choose modes[] = {CHAT_CHOOSE_UNSET, CHAT_CHOOSE_AUTO, CHAT_CHOOSE_NONE,
                                             CHAT_CHOOSE_ANY};
    struct chat_tool_choice *c = &r->out->tool_choice;
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_CHOOSE_MODE && f.value < sizeof(modes) / sizeof(*modes))
            c->kind = modes[f.value];
        if (f.number == SLUICE_CHOOSE_TOOL) {
            c->kind = CHAT_CHOOSE_ONE;
            TRY(sluice_wire_text(&r->wire, &f, &c->name));
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err read_thinking(struct reading *r, str message)
{
    static const str efforts[] = {STR_INIT(""),    STR_INIT("none"),   STR_INIT("minimal"),
                                  STR_INIT("low"), STR_INIT("medium"), STR_INIT("high"),
                                  STR_INIT("max")};
    struct chat_reasoning *out = &r->out->reasoning;
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_THINKING_EFFORT && f.value &&
            f.value < sizeof(efforts) / sizeof(*efforts))
            out->effort = chat_text_plain(efforts[f.value]);
        if (f.number == SLUICE_THINKING_BUDGET)
            out->budget_tokens = sluice_wire_number(&r->wire, f.value);
    }
    if (e != ERR_EOF) return e;
    if (out->budget_tokens.len) out->thinking = CHAT_THINKING_ON;
    if (chat_text_is(out->effort, STR("none"))) out->thinking = CHAT_THINKING_OFF;
    return OK;
}

static err read_schema(struct reading *r, str message, struct chat_format *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        switch (f.number) {
        case SLUICE_SCHEMA_NAME: TRY(sluice_wire_text(&r->wire, &f, &out->name)); break;
        case SLUICE_SCHEMA_DESCRIPTION:
            TRY(sluice_wire_text(&r->wire, &f, &out->description));
            break;
        case SLUICE_SCHEMA_TEXT:
            TRY(json_of(r, &f, STR("response_format.json_schema.schema"), &out->schema_json));
            break;
        case SLUICE_SCHEMA_STRICT: out->strict = flag_of(&f); break;
        default: break;
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err read_format(struct reading *r, str message)
{
    struct chat_format *out = &r->out->format;
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_FORMAT_TEXT) out->kind = CHAT_FORMAT_TEXT;
        if (f.number == SLUICE_FORMAT_OBJECT) out->kind = CHAT_FORMAT_JSON;
        if (f.number == SLUICE_FORMAT_SCHEMA) {
            out->kind = CHAT_FORMAT_SCHEMA;
            TRY(read_schema(r, f.bytes, out));
        }
    }
    return e == ERR_EOF ? OK : e;
}

// An entry of a map: of numbers (logit_bias) or of texts (metadata). What is not there is zero.
static err read_entry(struct reading *r, str entry, bool is_number, struct json_writer *w)
{
    struct protobuf_field key = {.number = 0};
    struct protobuf_field value = {.number = 0};
    struct protobuf_reader p;
    struct protobuf_field f;
    str number;
    err e = OK;

    protobuf_reader_init(&p, entry);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_ENTRY_KEY) key = f;
        if (f.number == SLUICE_ENTRY_VALUE) value = f;
    }
    if (e != ERR_EOF) return e;
    if (!is_number) {
        json_write_key(w, key.bytes);
        json_write_str(w, value.bytes);
        return OK;
    }
    TRY(sluice_wire_double(&r->wire, value.value, &number));
    json_write_key(w, sluice_wire_number(&r->wire, key.value));
    json_write_raw(w, number);
    return OK;
}

// The entries of a map as one JSON object.
static err read_map(struct reading *r, str request, uint32_t number, str *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    struct json_writer w;
    struct buf text;
    err e = OK;

    buf_init(&text, 6 * request.len + 64);
    json_write_init(&w, &text);
    json_write_object(&w);
    protobuf_reader_init(&p, request);
    while (!e && !(e = protobuf_next(&p, &f))) {
        if (f.number == number && f.wire == PROTOBUF_BYTES)
            e = read_entry(r, f.bytes, number == SLUICE_REQUEST_LOGIT_BIAS, &w);
    }
    json_write_object_end(&w);
    if (e == ERR_EOF) e = w.error;
    if (!e) *out = arena_str(r->wire.arena, buf_view(&text));
    buf_done(&text);
    return e;
}

// A field of another form than its own is unknown, as in any message.
static err read_double(struct reading *r, const struct protobuf_field *f, str *out)
{
    return f->wire == PROTOBUF_FIXED64 ? sluice_wire_double(&r->wire, f->value, out) : OK;
}

static err read_whole(struct reading *r, const struct protobuf_field *f)
{
    struct chat_request *q = r->out;
    uint32_t count = (uint32_t)f->value; // as any reader takes a longer one

    if (f->wire != PROTOBUF_VARINT) return OK;
    switch (f->number) {
    case SLUICE_REQUEST_PARALLEL: q->tool_choice.parallel = flag_of(f); break;
    case SLUICE_REQUEST_LOGPROBS: q->logprobs = flag_of(f); break;
    case SLUICE_REQUEST_MAX_TOKENS: q->max_tokens = sluice_wire_number(&r->wire, count); break;
    case SLUICE_REQUEST_TOP_K: q->top_k = sluice_wire_number(&r->wire, count); break;
    case SLUICE_REQUEST_TOP_LOGPROBS: q->top_logprobs = sluice_wire_number(&r->wire, count); break;
    case SLUICE_REQUEST_SEED:
        q->seed = arena_format(r->wire.arena, "%ld", (int64_t)f->value);
        break;
    case SLUICE_REQUEST_N: q->choice_count = count ? count : 1; break;
    default: break;
    }
    return OK;
}

// Numbers and texts, each of which goes straight to its place.
static err read_scalar(struct reading *r, const struct protobuf_field *f)
{
    struct chat_request *q = r->out;

    switch (f->number) {
    case SLUICE_REQUEST_MODEL: return sluice_wire_text(&r->wire, f, &q->model);
    case SLUICE_REQUEST_USER: return sluice_wire_text(&r->wire, f, &q->user);
    case SLUICE_REQUEST_SERVICE_TIER: return sluice_wire_text(&r->wire, f, &q->service_tier);
    case SLUICE_REQUEST_TEMPERATURE: return read_double(r, f, &q->temperature);
    case SLUICE_REQUEST_TOP_P: return read_double(r, f, &q->top_p);
    case SLUICE_REQUEST_FREQUENCY_PENALTY: return read_double(r, f, &q->frequency_penalty);
    case SLUICE_REQUEST_PRESENCE_PENALTY: return read_double(r, f, &q->presence_penalty);
    default: return read_whole(r, f);
    }
}

static err read_field(struct reading *r, const struct protobuf_field *f)
{
    struct chat_request *q = r->out;

    switch (f->number) {
    case SLUICE_REQUEST_MESSAGES:
        return read_message(r, f->bytes, &q->messages[q->message_count++]);
    case SLUICE_REQUEST_TOOLS: return read_tool(r, f->bytes, &q->tools[q->tool_count++]);
    case SLUICE_REQUEST_STOP: return sluice_wire_text(&r->wire, f, &q->stops[q->stop_count++]);
    case SLUICE_REQUEST_TOOL_CHOICE: return read_choice(r, f->bytes);
    case SLUICE_REQUEST_REASONING: return read_thinking(r, f->bytes);
    case SLUICE_REQUEST_FORMAT: return read_format(r, f->bytes);
    case SLUICE_REQUEST_LOGIT_BIAS: return OK; // by read_map()
    case SLUICE_REQUEST_METADATA: return OK;
    default: return read_scalar(r, f);
    }
}

// The arrays of the request, of their lengths.
static err make_room(struct reading *r, str body)
{
    struct chat_request *q = r->out;
    size_t messages = 0;
    size_t tools = 0;
    size_t stops = 0;

    TRY(sluice_wire_count(body, SLUICE_REQUEST_MESSAGES, &messages));
    TRY(sluice_wire_count(body, SLUICE_REQUEST_TOOLS, &tools));
    TRY(sluice_wire_count(body, SLUICE_REQUEST_STOP, &stops));
    if (messages > CHAT_MESSAGES_MAX || tools > CHAT_TOOLS_MAX || stops > CHAT_STOPS_MAX)
        return chat_notes_refuse(r->wire.notes, ERR_LIMIT,
                                 STR("The request has too many messages, tools or stops."),
                                 STR(""));
    q->messages = arena_array(r->wire.arena, struct chat_message, messages);
    q->tools = arena_array(r->wire.arena, struct chat_tool, tools);
    q->stops = arena_array(r->wire.arena, struct chat_text, stops);
    return OK;
}

static bool is_message(uint32_t number)
{
    return number == SLUICE_REQUEST_MESSAGES || number == SLUICE_REQUEST_TOOLS ||
           number == SLUICE_REQUEST_STOP || number == SLUICE_REQUEST_TOOL_CHOICE ||
           number == SLUICE_REQUEST_REASONING || number == SLUICE_REQUEST_FORMAT;
}

static err read_all(struct reading *r, str body)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    size_t entries = 0;
    err e = OK;

    TRY(make_room(r, body));
    protobuf_reader_init(&p, body);
    while (!(e = protobuf_next(&p, &f))) {
        if (is_message(f.number) && f.wire != PROTOBUF_BYTES) continue; // as a newer schema may
        TRY(read_field(r, &f));
    }
    if (e != ERR_EOF) return e;
    TRY(sluice_wire_count(body, SLUICE_REQUEST_LOGIT_BIAS, &entries));
    if (entries) TRY(read_map(r, body, SLUICE_REQUEST_LOGIT_BIAS, &r->out->logit_bias_json));
    TRY(sluice_wire_count(body, SLUICE_REQUEST_METADATA, &entries));
    if (entries) TRY(read_map(r, body, SLUICE_REQUEST_METADATA, &r->out->metadata_json));
    return OK;
}

err sluice_read_request(str body, struct arena *a, struct chat_request *out, struct chat_notes *n)
{
    struct chat_request q = {.choice_count = 1};
    struct reading r = {.wire = {.arena = a, .notes = n}, .out = &q};
    err e = read_all(&r, body);

    if (e && !n->problem.len)
        return chat_notes_refuse(n, e, STR("The request is no valid ChatRequest."), STR(""));
    TRY(e);
    if (!q.message_count)
        return sluice_wire_refuse(&r.wire, STR("The request has no messages."), STR("messages"));
    *out = q;
    return OK;
}
