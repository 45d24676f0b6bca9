// What the hand-written dialect_sluice says on the wire is what the published schema says.
#include "base/list.h"
#include "codec/base64.h"
#include "codec/grpc_frame.h"
#include "gateway/services.h"
#include "grpc/json_to_protobuf.h"
#include "grpc/own_descriptors.h"
#include "grpc/protobuf_to_json.h"
#include "provider/dialect.h"
#include "provider/sluice_fields.h"

#include "support/chat_dump.h"
#include "support/chat_maker.h"
#include "support/test.h"

enum { TEXT_MAX = 1 << 20, ROUNDS = 500 };

#define S(text) STR_INIT(text)

struct rig {
    struct services services;
    struct arena lasting;
    struct arena arena; // of one round
    struct chat_maker maker;
};

static void rig_open(struct rig *r, unsigned can)
{
    *r = (struct rig){.maker = {.can = can}};
    arena_init(&r->lasting, 1 << 16);
    arena_init(&r->arena, 1 << 16);
    r->maker.arena = &r->arena;
    random_init(&r->maker.random, test_seed());
    const struct settings none = {.attachment = NULL};
    CHECK_EQ(services_init(&r->services, &none, &r->lasting), OK);
}

static void rig_close(struct rig *r)
{
    arena_reset(&r->arena);
    arena_reset(&r->lasting);
}

// The message through the schema and back: what it does not know is lost.
static str pass_schema(struct rig *r, const char *type, str message)
{
    const struct descriptor_pool *pool = r->services.own;
    const struct descriptor_message *m = descriptor_find_message(pool, str_from_c(type));
    const struct protobuf_to_json_options to = {.pool = pool, .arena = &r->arena};
    const struct json_to_protobuf_options from = {.pool = pool, .arena = &r->arena};
    struct message_fault why;
    struct buf json;
    struct buf again;

    message_fault_init(&why);
    buf_init(&json, TEXT_MAX);
    buf_init(&again, TEXT_MAX);
    CHECK_EQ(protobuf_to_json(&to, m, message, &json, &why), OK);
    CHECK_EQ(json_to_protobuf(&from, m, buf_view(&json), &again, &why), OK);
    str out = arena_str(&r->arena, buf_view(&again));
    buf_done(&again);
    buf_done(&json);
    return out;
}

static void settle_media(struct chat_part *p, struct arena *a)
{
    struct chat_media *m = &p->media;
    size_t len = 0;

    if (p->kind < CHAT_PART_IMAGE || p->kind > CHAT_PART_FILE) return;
    if (m->source != CHAT_SOURCE_BASE64) return;
    str letters = chat_text_read(m->content, a);
    char *bytes = arena_alloc_raw(a, base64_decoded_max(letters.len) + 1);
    CHECK_EQ(base64_decode(letters, BASE64_STRICT, bytes, &len), OK);
    m->source = CHAT_SOURCE_BYTES;
    m->content = chat_text_plain((str){.ptr = bytes, .len = len});
}

// What a request says once it is bytes: plain ones, and no word of how it was asked for.
static void settle(struct chat_request *q, struct arena *a)
{
    q->is_stream = q->wants_usage = false;
    q->temperature = q->top_p = STR(""); // numbers are not spelled
    for (size_t i = 0; i < q->message_count; i++) {
        for (size_t k = 0; k < q->messages[i].part_count; k++) {
            settle_media(&q->messages[i].parts[k], a);
        }
    }
}

TEST(services_schema_know_any_request_that_is_written_for_them)
{
    struct buf before;
    struct buf after;
    struct rig r;

    rig_open(&r, CHAT_MAKER_AUDIO | CHAT_MAKER_REFUSALS | CHAT_MAKER_REASONING |
                     CHAT_MAKER_SIGNATURES | CHAT_MAKER_NAMES | CHAT_MAKER_DEVELOPER |
                     CHAT_MAKER_CHOICES | CHAT_MAKER_PARALLEL | CHAT_MAKER_TOP_K |
                     CHAT_MAKER_FILE_IDS | CHAT_MAKER_JSON_FORMAT);
    for (int i = 0; i < ROUNDS; i++) {
        struct chat_notes notes = {.dropped_count = 0};
        struct chat_request q;
        struct chat_request again;
        struct gather g;
        chat_maker_request(&r.maker, &q);
        settle(&q, &r.arena);
        gather_init(&g, TEXT_MAX);
        buf_init(&before, TEXT_MAX);
        buf_init(&after, TEXT_MAX);
        CHECK_EQ(dialect_sluice.write_request(&q, &g, &notes), OK);
        str through = pass_schema(&r, "sluice.v1.ChatRequest", buf_view(&g.text));
        CHECK_EQ(dialect_sluice.read_request(through, &r.arena, &again, &notes), OK);
        CHECK_EQ(notes.dropped_count, 0);
        chat_dump_request(&q, &before);
        chat_dump_request(&again, &after);
        CHECK_SAME(buf_view(&after), buf_view(&before));
        buf_done(&after);
        buf_done(&before);
        gather_done(&g);
        arena_reset(&r.arena);
    }
    rig_close(&r);
}

// Numbers, words and maps, which are not spelled on the wire: written again they are the same.
TEST(services_schema_keep_what_a_request_asks_for)
{
    struct rig r;

    rig_open(&r, CHAT_MAKER_SAMPLING | CHAT_MAKER_WORDS | CHAT_MAKER_TOP_K | CHAT_MAKER_CHOICES);
    for (int i = 0; i < ROUNDS; i++) {
        struct chat_notes notes = {.dropped_count = 0};
        struct chat_request q;
        struct chat_request again;
        struct gather g;
        struct gather twice;
        chat_maker_request(&r.maker, &q);
        gather_init(&g, TEXT_MAX);
        gather_init(&twice, TEXT_MAX);
        CHECK_EQ(dialect_sluice.write_request(&q, &g, &notes), OK);
        str through = pass_schema(&r, "sluice.v1.ChatRequest", buf_view(&g.text));
        CHECK_EQ(dialect_sluice.read_request(through, &r.arena, &again, &notes), OK);
        CHECK_EQ(again.temperature.len > 0, q.temperature.len > 0);
        CHECK_EQ(again.top_p.len > 0, q.top_p.len > 0);
        CHECK_EQ(again.frequency_penalty.len > 0, q.frequency_penalty.len > 0);
        CHECK_EQ(again.logit_bias_json.len > 0, q.logit_bias_json.len > 0);
        CHECK_EQ(again.metadata_json.len > 0, q.metadata_json.len > 0);
        CHECK_EQ(again.choice_count, q.choice_count);
        CHECK_EQ(dialect_sluice.write_request(&again, &twice, &notes), OK);
        CHECK_SAME(buf_view(&twice.text), buf_view(&g.text));
        gather_done(&twice);
        gather_done(&g);
        arena_reset(&r.arena);
    }
    rig_close(&r);
}

static void settle_usage(struct token_usage *u)
{
    // A count of zero does not stand on the wire.
    u->has_cached = u->cached_tokens > 0;
    u->has_cache_write = u->cache_write_tokens > 0;
    u->has_reasoning = u->reasoning_tokens > 0;
}

TEST(services_schema_know_any_answer_that_is_written_for_them)
{
    const struct chat_reply reply = {.id_seed = STR("x")};
    struct buf before;
    struct buf after;
    struct rig r;

    rig_open(&r, CHAT_MAKER_REFUSALS | CHAT_MAKER_REASONING | CHAT_MAKER_SIGNATURES |
                     CHAT_MAKER_CHOICES | CHAT_MAKER_PARALLEL);
    for (int i = 0; i < ROUNDS; i++) {
        struct chat_answer answer;
        struct chat_answer again;
        struct gather g;
        chat_maker_answer(&r.maker, &answer);
        settle_usage(&answer.usage);
        gather_init(&g, TEXT_MAX);
        buf_init(&before, TEXT_MAX);
        buf_init(&after, TEXT_MAX);
        CHECK_EQ(dialect_sluice.write_answer(&answer, &reply, &g), OK);
        str through = pass_schema(&r, "sluice.v1.ChatResponse", buf_view(&g.text));
        CHECK_EQ(dialect_sluice.read_answer(through, &r.arena, &again), OK);
        chat_dump_answer(&answer, &before);
        chat_dump_answer(&again, &after);
        CHECK_SAME(buf_view(&after), buf_view(&before));
        buf_done(&after);
        buf_done(&before);
        gather_done(&g);
        arena_reset(&r.arena);
    }
    rig_close(&r);
}

// Every event of `frames`, through the schema, to the reader.
static void read_frames(struct rig *r, struct chat_reader *reader, str frames,
                        struct chat_sink *sink)
{
    struct grpc_frame_reader in;
    struct grpc_frame f;
    struct buf gather;

    buf_init(&gather, TEXT_MAX);
    grpc_frame_reader_init(&in, &gather);
    while (frames.len) {
        CHECK_EQ(grpc_frame_next(&in, &frames, &f), OK);
        str through = pass_schema(r, "sluice.v1.ChatEvent", f.message);
        CHECK(through.len > 0); // an empty one would stand for the end
        CHECK_EQ(reader->take(reader, through, sink), OK);
    }
    CHECK_EQ(reader->take(reader, STR(""), sink), OK);
    buf_done(&gather);
}

TEST(services_schema_know_any_stream_that_is_written_for_them)
{
    const struct chat_reply reply = {.id_seed = STR("x")};
    struct chat_event events[CHAT_MAKER_EVENTS_MAX];
    struct chat_dump_stream before;
    struct chat_dump_stream after;
    struct buf frames;
    struct buf first;
    struct buf second;
    struct rig r;

    rig_open(&r,
             CHAT_MAKER_REFUSALS | CHAT_MAKER_REASONING | CHAT_MAKER_CHOICES | CHAT_MAKER_PARALLEL);
    for (int i = 0; i < ROUNDS; i++) {
        size_t count = chat_maker_events(&r.maker, events);
        struct chat_writer *w = dialect_sluice.writer_new(&r.arena, &reply);
        struct chat_reader *reader = dialect_sluice.reader_new(&r.arena);
        reader->scratch = &r.arena;
        buf_init(&frames, TEXT_MAX);
        buf_init(&first, TEXT_MAX);
        buf_init(&second, TEXT_MAX);
        chat_dump_stream_init(&before);
        chat_dump_stream_init(&after);
        for (size_t k = 0; k < count; k++) {
            if (events[k].kind == CHAT_EVENT_USAGE) settle_usage(&events[k].usage);
            CHECK_EQ(before.port.event(&before.port, &events[k]), OK);
            CHECK_EQ(w->put(w, &events[k], &frames), OK);
        }
        read_frames(&r, reader, buf_view(&frames), &after.port);
        chat_dump_stream_print(&before, &first);
        chat_dump_stream_print(&after, &second);
        CHECK_SAME(buf_view(&second), buf_view(&first));
        chat_dump_stream_done(&after);
        chat_dump_stream_done(&before);
        buf_done(&second);
        buf_done(&first);
        buf_done(&frames);
        arena_reset(&r.arena);
    }
    rig_close(&r);
}

// --- The numbers that are written by hand ---

struct number {
    str name; // of a field, or of a value of an enum
    uint32_t number;
};

struct numbers {
    str of; // a message, or an enum
    const struct number *list;
    size_t count;
};

#define NUMBERS(of, ...)                                                                           \
    {                                                                                              \
        S(of), (const struct number[]){__VA_ARGS__},                                               \
            sizeof((const struct number[]){__VA_ARGS__}) / sizeof(struct number)                   \
    }

static const struct numbers tables[] = {
    NUMBERS(
        "sluice.v1.ChatRequest", {S("model"), SLUICE_REQUEST_MODEL},
        {S("messages"), SLUICE_REQUEST_MESSAGES}, {S("tools"), SLUICE_REQUEST_TOOLS},
        {S("tool_choice"), SLUICE_REQUEST_TOOL_CHOICE},
        {S("parallel_tool_calls"), SLUICE_REQUEST_PARALLEL},
        {S("max_tokens"), SLUICE_REQUEST_MAX_TOKENS},
        {S("temperature"), SLUICE_REQUEST_TEMPERATURE}, {S("top_p"), SLUICE_REQUEST_TOP_P},
        {S("top_k"), SLUICE_REQUEST_TOP_K}, {S("seed"), SLUICE_REQUEST_SEED},
        {S("stop"), SLUICE_REQUEST_STOP}, {S("n"), SLUICE_REQUEST_N},
        {S("frequency_penalty"), SLUICE_REQUEST_FREQUENCY_PENALTY},
        {S("presence_penalty"), SLUICE_REQUEST_PRESENCE_PENALTY},
        {S("logit_bias"), SLUICE_REQUEST_LOGIT_BIAS}, {S("logprobs"), SLUICE_REQUEST_LOGPROBS},
        {S("top_logprobs"), SLUICE_REQUEST_TOP_LOGPROBS}, {S("user"), SLUICE_REQUEST_USER},
        {S("metadata"), SLUICE_REQUEST_METADATA}, {S("service_tier"), SLUICE_REQUEST_SERVICE_TIER},
        {S("reasoning"), SLUICE_REQUEST_REASONING}, {S("response_format"), SLUICE_REQUEST_FORMAT}),
    NUMBERS("sluice.v1.Message", {S("role"), SLUICE_MESSAGE_ROLE},
            {S("parts"), SLUICE_MESSAGE_PARTS}, {S("name"), SLUICE_MESSAGE_NAME}),
    NUMBERS("sluice.v1.Role", {S("ROLE_SYSTEM"), SLUICE_ROLE_SYSTEM},
            {S("ROLE_DEVELOPER"), SLUICE_ROLE_DEVELOPER}, {S("ROLE_USER"), SLUICE_ROLE_USER},
            {S("ROLE_ASSISTANT"), SLUICE_ROLE_ASSISTANT}, {S("ROLE_TOOL"), SLUICE_ROLE_TOOL}),
    NUMBERS("sluice.v1.Part", {S("text"), SLUICE_PART_TEXT}, {S("image"), SLUICE_PART_IMAGE},
            {S("audio"), SLUICE_PART_AUDIO}, {S("file"), SLUICE_PART_FILE},
            {S("tool_call"), SLUICE_PART_TOOL_CALL}, {S("tool_result"), SLUICE_PART_TOOL_RESULT},
            {S("reasoning"), SLUICE_PART_REASONING}, {S("refusal"), SLUICE_PART_REFUSAL}),
    NUMBERS("sluice.v1.Image", {S("media"), SLUICE_FILE_MEDIA}, {S("detail"), SLUICE_FILE_DETAIL}),
    NUMBERS("sluice.v1.File", {S("media"), SLUICE_FILE_MEDIA}, {S("filename"), SLUICE_FILE_NAME}),
    NUMBERS("sluice.v1.Audio", {S("media"), SLUICE_FILE_MEDIA}),
    NUMBERS("sluice.v1.Media", {S("url"), SLUICE_MEDIA_URL}, {S("data"), SLUICE_MEDIA_DATA},
            {S("file_id"), SLUICE_MEDIA_FILE_ID}, {S("media_type"), SLUICE_MEDIA_TYPE}),
    NUMBERS("sluice.v1.ToolCall", {S("id"), SLUICE_CALL_ID}, {S("name"), SLUICE_CALL_NAME},
            {S("arguments"), SLUICE_CALL_ARGUMENTS}),
    NUMBERS("sluice.v1.ToolResult", {S("call_id"), SLUICE_RESULT_CALL_ID},
            {S("parts"), SLUICE_RESULT_PARTS}, {S("is_error"), SLUICE_RESULT_IS_ERROR}),
    NUMBERS("sluice.v1.Reasoning", {S("text"), SLUICE_REASONING_TEXT},
            {S("signature"), SLUICE_REASONING_SIGNATURE},
            {S("redacted"), SLUICE_REASONING_REDACTED}),
    NUMBERS("sluice.v1.Tool", {S("name"), SLUICE_TOOL_NAME},
            {S("description"), SLUICE_TOOL_DESCRIPTION}, {S("parameters"), SLUICE_TOOL_PARAMETERS},
            {S("strict"), SLUICE_TOOL_STRICT}),
    NUMBERS("sluice.v1.ToolChoice", {S("mode"), SLUICE_CHOOSE_MODE},
            {S("tool"), SLUICE_CHOOSE_TOOL}),
    NUMBERS("sluice.v1.ToolChoice.Mode", {S("MODE_AUTO"), SLUICE_MODE_AUTO},
            {S("MODE_NONE"), SLUICE_MODE_NONE}, {S("MODE_REQUIRED"), SLUICE_MODE_REQUIRED}),
    NUMBERS("sluice.v1.ReasoningOptions", {S("effort"), SLUICE_THINKING_EFFORT},
            {S("budget_tokens"), SLUICE_THINKING_BUDGET}),
    NUMBERS("sluice.v1.ResponseFormat", {S("text"), SLUICE_FORMAT_TEXT},
            {S("json_object"), SLUICE_FORMAT_OBJECT}, {S("json_schema"), SLUICE_FORMAT_SCHEMA}),
    NUMBERS("sluice.v1.ChatResponse", {S("id"), SLUICE_RESPONSE_ID},
            {S("model"), SLUICE_RESPONSE_MODEL}, {S("choices"), SLUICE_RESPONSE_CHOICES},
            {S("usage"), SLUICE_RESPONSE_USAGE}, {S("service_tier"), SLUICE_RESPONSE_SERVICE_TIER}),
    NUMBERS("sluice.v1.Choice", {S("index"), SLUICE_CHOICE_INDEX},
            {S("message"), SLUICE_CHOICE_MESSAGE}, {S("finish_reason"), SLUICE_CHOICE_FINISH},
            {S("stop_sequence"), SLUICE_CHOICE_STOP_SEQUENCE},
            {S("logprobs"), SLUICE_CHOICE_LOGPROBS}),
    NUMBERS("sluice.v1.FinishReason", {S("FINISH_REASON_STOP"), SLUICE_FINISH_STOP},
            {S("FINISH_REASON_LENGTH"), SLUICE_FINISH_LENGTH},
            {S("FINISH_REASON_TOOL_CALLS"), SLUICE_FINISH_TOOL_CALLS},
            {S("FINISH_REASON_CONTENT_FILTER"), SLUICE_FINISH_FILTER},
            {S("FINISH_REASON_REFUSAL"), SLUICE_FINISH_REFUSAL},
            {S("FINISH_REASON_PAUSE"), SLUICE_FINISH_PAUSE}),
    NUMBERS("sluice.v1.Usage", {S("input_tokens"), SLUICE_USAGE_INPUT},
            {S("output_tokens"), SLUICE_USAGE_OUTPUT}, {S("cached_tokens"), SLUICE_USAGE_CACHED},
            {S("cache_write_tokens"), SLUICE_USAGE_CACHE_WRITE},
            {S("reasoning_tokens"), SLUICE_USAGE_REASONING}),
    NUMBERS("sluice.v1.CountTokensResponse", {S("input_tokens"), SLUICE_COUNT_INPUT}),
    NUMBERS("sluice.v1.EmbedRequest", {S("model"), SLUICE_EMBED_MODEL},
            {S("input"), SLUICE_EMBED_INPUT}, {S("dimensions"), SLUICE_EMBED_DIMENSIONS},
            {S("user"), SLUICE_EMBED_USER}),
    NUMBERS("sluice.v1.EmbedInput", {S("text"), SLUICE_INPUT_TEXT},
            {S("tokens"), SLUICE_INPUT_TOKENS}),
    NUMBERS("sluice.v1.EmbedInput.Tokens", {S("ids"), SLUICE_TOKENS_IDS}),
    NUMBERS("sluice.v1.EmbedResponse", {S("model"), SLUICE_VECTORS_MODEL},
            {S("embeddings"), SLUICE_VECTORS_LIST}, {S("usage"), SLUICE_VECTORS_USAGE}),
    NUMBERS("sluice.v1.Embedding", {S("index"), SLUICE_VECTOR_INDEX},
            {S("values"), SLUICE_VECTOR_VALUES}),
    NUMBERS("sluice.v1.ChatEvent", {S("start"), SLUICE_EVENT_START},
            {S("delta"), SLUICE_EVENT_DELTA}, {S("finish"), SLUICE_EVENT_FINISH},
            {S("usage"), SLUICE_EVENT_USAGE}),
    NUMBERS("sluice.v1.ChatEvent.Start", {S("id"), SLUICE_START_ID},
            {S("model"), SLUICE_START_MODEL}),
    NUMBERS("sluice.v1.ChatEvent.ToolCallBegin", {S("id"), SLUICE_CALL_ID},
            {S("name"), SLUICE_CALL_NAME}),
    NUMBERS("sluice.v1.ChatEvent.Delta", {S("choice"), SLUICE_DELTA_CHOICE},
            {S("part"), SLUICE_DELTA_PART}, {S("text"), SLUICE_DELTA_TEXT},
            {S("reasoning"), SLUICE_DELTA_REASONING}, {S("signature"), SLUICE_DELTA_SIGNATURE},
            {S("redacted"), SLUICE_DELTA_REDACTED}, {S("tool_call"), SLUICE_DELTA_TOOL_CALL},
            {S("tool_arguments"), SLUICE_DELTA_ARGUMENTS}, {S("refusal"), SLUICE_DELTA_REFUSAL}),
    NUMBERS("sluice.v1.ChatEvent.Finish", {S("choice"), SLUICE_END_CHOICE},
            {S("reason"), SLUICE_END_REASON}, {S("stop_sequence"), SLUICE_END_STOP_SEQUENCE}),
};

static void check_message(const struct descriptor_message *m, const struct numbers *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct descriptor_field *f = descriptor_field_by_number(m, t->list[i].number);
        CHECK(f != NULL);
        CHECK_SAME(f->name, t->list[i].name);
    }
}

static void check_enum(const struct descriptor_enum *e, const struct numbers *t)
{
    CHECK_EQ(e->value_count, t->count + 1); // and the one that says nothing
    for (size_t i = 0; i < t->count; i++) {
        const struct descriptor_enum_value *v =
            descriptor_value_by_number(e, (int32_t)t->list[i].number);
        CHECK(v != NULL);
        CHECK_SAME(v->name, t->list[i].name);
    }
}

TEST(services_schema_have_the_numbers_that_the_dialect_writes)
{
    struct rig r;

    rig_open(&r, 0);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        const struct descriptor_symbol *s = descriptor_find(r.services.own, tables[i].of);
        CHECK(s != NULL);
        if (s->kind == DESCRIPTOR_SYMBOL_ENUM) {
            check_enum(s->enumeration, &tables[i]);
        } else {
            check_message(s->message, &tables[i]);
        }
    }
    rig_close(&r);
}

TEST(services_schema_tell_who_answers_a_method)
{
    static const struct {
        str path;
        enum service_kind kind;
    } cases[] = {
        {S("/sluice.v1.Chat/Complete"), SERVICE_CHAT},
        {S("/sluice.v1.Chat/Stream"), SERVICE_CHAT},
        {S("/sluice.v1.Chat/CountTokens"), SERVICE_COUNT},
        {S("/sluice.v1.Embeddings/Embed"), SERVICE_EMBED},
        {S("/sluice.v1.Retrieval/Search"), SERVICE_SEARCH},
        {S("/grpc.health.v1.Health/Watch"), SERVICE_HEALTH},
        {S("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"), SERVICE_REFLECTION},
    };
    struct rig r;

    rig_open(&r, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct descriptor_method *m = descriptor_find_method(r.services.own, cases[i].path);
        CHECK(m != NULL);
        CHECK_EQ(services_kind(m), cases[i].kind);
    }
    rig_close(&r);
}
