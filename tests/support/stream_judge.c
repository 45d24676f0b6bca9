#include "support/stream_judge.h"

#include "codec/grpc_frame.h"
#include "codec/json.h"
#include "codec/protobuf.h"
#include "codec/sse.h"

#include "support/test.h"

#include <string.h>

enum { TEXT_MAX = 4 << 20 };

struct judge {
    struct stream_verdict *v;
    str body; // for complaints
    struct arena arena;
    bool has_begun;
    bool is_open;        // Anthropic: a block is
    uint64_t next_block; // Anthropic: the number of the open one, or of the next
    char kind;           // of the open block, by the first letter of its type
    uint64_t next_part;  // gRPC: the number that a part may have that begins
    uint32_t part_field; // gRPC: what the last part consists of
};

[[gnu::noreturn]] static void complain(const struct judge *j, const char *what)
{
    test_fail(__FILE__, __LINE__, "%s in \"%" STR_FMT "\"", what, STR_ARG(j->body));
}

static void need(const struct judge *j, bool holds, const char *what)
{
    if (!holds) complain(j, what);
}

// --- JSON, by name ---

// The value of a member of an object; its text is empty where there is none.
static struct json_value member(str object, const char *name)
{
    struct json_value v = {.kind = JSON_NULL};
    struct json_reader r;
    str key;

    json_reader_init(&r, object);
    if (json_enter(&r)) return v;
    while (!json_member(&r, &key)) {
        bool is_it = json_string_is(key, str_from_c(name));
        struct json_value next;
        CHECK_EQ(json_value(&r, &next), OK);
        if (is_it) v = next;
    }
    return v;
}

static str string_of(const struct judge *j, str object, const char *name)
{
    struct json_value v = member(object, name);

    need(j, v.kind == JSON_STRING, name);
    return json_raw(v);
}

static str object_of(const struct judge *j, str object, const char *name)
{
    struct json_value v = member(object, name);

    need(j, v.kind == JSON_OBJECT, name);
    return v.text;
}

static uint64_t number_of(const struct judge *j, str object, const char *name)
{
    uint64_t number = 0;

    need(j, json_to_u64(member(object, name), UINT64_MAX, &number) == OK, name);
    return number;
}

static void add_to(struct judge *j, struct buf *b, str raw)
{
    CHECK_EQ(buf_append(b, json_decode(raw, &j->arena)), OK);
}

// --- OpenAI ---

static void take_calls(struct judge *j, str calls)
{
    struct json_reader r;
    struct json_value call;

    json_reader_init(&r, calls);
    CHECK_EQ(json_enter(&r), OK);
    while (!json_element(&r)) {
        CHECK_EQ(json_value(&r, &call), OK);
        struct json_value function = member(call.text, "function");
        if (function.kind == JSON_OBJECT)
            add_to(j, &j->v->arguments, string_of(j, function.text, "arguments"));
    }
}

static void take_choice(struct judge *j, str choice)
{
    str delta = object_of(j, choice, "delta");
    struct json_value role = member(delta, "role");
    struct json_value content = member(delta, "content");
    struct json_value finish = member(choice, "finish_reason");

    need(j, number_of(j, choice, "index") == 0, "one choice");
    if (role.kind == JSON_STRING) {
        need(j, !j->has_begun, "one role, at the start");
        j->has_begun = true;
    }
    need(j, j->has_begun, "a role first");
    need(j, !j->v->has_finish, "nothing behind the finish");
    struct json_value calls = member(delta, "tool_calls");
    if (content.kind == JSON_STRING) add_to(j, &j->v->text, json_raw(content));
    if (calls.kind == JSON_ARRAY) take_calls(j, calls.text);
    j->v->has_finish = finish.kind == JSON_STRING;
}

static void take_chunk(struct judge *j, str data)
{
    struct json_value choices = member(data, "choices");
    struct json_reader r;

    need(j, choices.kind == JSON_ARRAY, "a list of choices");
    struct json_value usage = member(data, "usage");
    j->v->has_usage |= usage.kind == JSON_OBJECT;
    if (usage.kind == JSON_OBJECT) j->v->input_tokens = number_of(j, usage.text, "prompt_tokens");
    json_reader_init(&r, choices.text);
    CHECK_EQ(json_enter(&r), OK);
    while (!json_element(&r)) {
        struct json_value choice;
        CHECK_EQ(json_value(&r, &choice), OK);
        take_choice(j, choice.text);
    }
}

static void take_openai(struct judge *j, const struct sse_event *e)
{
    if (str_eq(e->data, STR("[DONE]"))) {
        need(j, j->v->has_finish, "a finish before the end");
        j->v->is_ended = true;
        return;
    }
    need(j, json_check(e->data, NULL) == OK, "JSON");
    if (member(e->data, "error").kind != JSON_OBJECT) {
        take_chunk(j, e->data);
        return;
    }
    str error = object_of(j, e->data, "error");
    need(j, string_of(j, error, "message").len > 0, "a message of the error");
    need(j, string_of(j, error, "type").len > 0, "a type of the error");
    j->v->has_error = true;
}

// --- Anthropic ---

static void take_start(struct judge *j, str data)
{
    str message = object_of(j, data, "message");

    need(j, !j->has_begun, "one message_start");
    need(j, str_eq(string_of(j, message, "role"), STR("assistant")), "the assistant's role");
    need(j, string_of(j, message, "id").len > 0, "an id");
    need(j, string_of(j, message, "model").len > 0, "a model");
    need(j, member(message, "content").kind == JSON_ARRAY, "a content");
    (void)number_of(j, object_of(j, message, "usage"), "output_tokens");
    j->has_begun = true;
}

static void take_block_start(struct judge *j, str data)
{
    str block = object_of(j, data, "content_block");
    str type = string_of(j, block, "type");

    need(j, j->has_begun && !j->v->has_finish, "a block within the message");
    need(j, !j->is_open, "one block at a time");
    need(j, number_of(j, data, "index") == j->next_block, "the next number of a block");
    j->is_open = true;
    j->kind = type.ptr[0];
    j->v->blocks++;
    if (str_eq(type, STR("text"))) {
        add_to(j, &j->v->text, string_of(j, block, "text"));
    } else if (str_eq(type, STR("tool_use"))) {
        need(j, string_of(j, block, "id").len > 0, "the id of a call");
        (void)object_of(j, block, "input");
        j->kind = 'i'; // input_json_delta
    }
}

static void take_block_delta(struct judge *j, str data)
{
    str delta = object_of(j, data, "delta");
    str type = string_of(j, delta, "type");

    need(j, j->is_open && number_of(j, data, "index") == j->next_block,
         "a delta of the open block");
    bool is_signature = j->kind == 't' && str_eq(type, STR("signature_delta"));
    need(j, type.ptr[0] == j->kind || is_signature, "a delta of the block's kind");
    if (str_eq(type, STR("text_delta"))) add_to(j, &j->v->text, string_of(j, delta, "text"));
    if (str_eq(type, STR("input_json_delta")))
        add_to(j, &j->v->arguments, string_of(j, delta, "partial_json"));
}

static void take_block_stop(struct judge *j, str data)
{
    need(j, j->is_open && number_of(j, data, "index") == j->next_block,
         "the end of the open block");
    j->is_open = false;
    j->next_block++;
}

static void take_message_delta(struct judge *j, str data)
{
    need(j, j->has_begun && !j->is_open && !j->v->has_finish, "one finish, behind all blocks");
    need(j, string_of(j, object_of(j, data, "delta"), "stop_reason").len > 0, "a stop_reason");
    (void)number_of(j, object_of(j, data, "usage"), "output_tokens");
    j->v->has_finish = j->v->has_usage = true;
}

static void take_message_error(struct judge *j, str data)
{
    str error = object_of(j, data, "error");

    need(j, string_of(j, error, "type").len > 0, "a type of the error");
    need(j, string_of(j, error, "message").len > 0, "a message of the error");
    j->v->has_error = true;
}

static void take_anthropic(struct judge *j, const struct sse_event *e)
{
    need(j, json_check(e->data, NULL) == OK, "JSON");
    need(j, str_eq(string_of(j, e->data, "type"), e->type), "an event's name like its type");
    if (str_eq(e->type, STR("message_start"))) {
        take_start(j, e->data);
    } else if (str_eq(e->type, STR("content_block_start"))) {
        take_block_start(j, e->data);
    } else if (str_eq(e->type, STR("content_block_delta"))) {
        take_block_delta(j, e->data);
    } else if (str_eq(e->type, STR("content_block_stop"))) {
        take_block_stop(j, e->data);
    } else if (str_eq(e->type, STR("message_delta"))) {
        take_message_delta(j, e->data);
    } else if (str_eq(e->type, STR("message_stop"))) {
        need(j, j->v->has_finish, "a finish before the end");
        j->v->is_ended = true;
    } else if (str_eq(e->type, STR("error"))) {
        take_message_error(j, e->data);
    } else {
        need(j, str_eq(e->type, STR("ping")), "a known event");
    }
}

static void judge_events(struct judge *j, str rest, bool is_whole, bool is_openai)
{
    struct buf join;

    buf_init(&join, TEXT_MAX);
    while (rest.len && !str_eq(rest, STR("\n"))) { // a line end more is no event
        struct sse_event e;
        size_t scanned = 0;
        size_t len = 0;
        if (sse_find_event(rest, &scanned, &len)) {
            need(j, !is_whole, "whole events alone");
            break;
        }
        CHECK_EQ(sse_parse_event(str_sub(rest, 0, len), &join, &e), OK);
        rest = str_sub(rest, len, rest.len);
        if (!e.has_data) continue;
        need(j, !j->v->is_ended && !j->v->has_error, "nothing behind the end");
        j->v->events++;
        if (is_openai) {
            take_openai(j, &e);
        } else {
            take_anthropic(j, &e);
        }
    }
    buf_done(&join);
}

// --- gRPC ---

enum { EVENT_START = 1, EVENT_DELTA, EVENT_FINISH, EVENT_USAGE };
enum {
    DELTA_CHOICE = 1,
    DELTA_PART,
    DELTA_TEXT,
    DELTA_REASONING,
    DELTA_SIGNATURE,
    DELTA_ARGUMENTS = 8,
};

static void take_delta(struct judge *j, str message)
{
    struct protobuf_field kind = {.number = 0};
    struct protobuf_reader r;
    struct protobuf_field f;
    uint64_t part = 0;

    protobuf_reader_init(&r, message);
    while (!protobuf_next(&r, &f)) {
        need(j, f.number != DELTA_CHOICE || !f.value, "one choice");
        if (f.number == DELTA_PART) part = f.value;
        if (f.number >= DELTA_TEXT) kind = f;
    }
    need(j, j->has_begun && !j->v->has_finish && kind.number, "a delta within the answer");
    if (kind.number == DELTA_SIGNATURE) kind.number = DELTA_REASONING;
    bool is_more = part + 1 == j->next_part && kind.number == j->part_field;
    need(j, is_more || part == j->next_part || kind.number > DELTA_SIGNATURE, "a part in order");
    if (part >= j->next_part) j->next_part = part + 1;
    j->part_field = kind.number;
    if (kind.number == DELTA_TEXT) CHECK_EQ(buf_append(&j->v->text, kind.bytes), OK);
    if (kind.number == DELTA_ARGUMENTS) CHECK_EQ(buf_append(&j->v->arguments, kind.bytes), OK);
}

static void take_usage(struct judge *j, str message)
{
    struct protobuf_reader r;
    struct protobuf_field f;

    protobuf_reader_init(&r, message);
    while (!protobuf_next(&r, &f)) {
        if (f.number == 1) j->v->input_tokens = f.value;
    }
    j->v->has_usage = true;
}

static void take_sluice(struct judge *j, str message)
{
    struct protobuf_reader r;
    struct protobuf_field f;

    need(j, !j->v->has_usage, "nothing behind the usage");
    protobuf_reader_init(&r, message);
    CHECK_EQ(protobuf_next(&r, &f), OK);
    CHECK_EQ(f.wire, PROTOBUF_BYTES);
    switch (f.number) {
    case EVENT_START:
        need(j, !j->has_begun, "one start");
        j->has_begun = true;
        break;
    case EVENT_DELTA: take_delta(j, f.bytes); break;
    case EVENT_FINISH:
        need(j, j->has_begun && !j->v->has_finish, "one finish");
        j->v->has_finish = j->v->is_ended = true;
        break;
    case EVENT_USAGE: take_usage(j, f.bytes); break;
    default: complain(j, "an event of no kind");
    }
    CHECK_EQ(protobuf_next(&r, &f), ERR_EOF);
}

static void judge_frames(struct judge *j, str rest, bool is_whole)
{
    struct grpc_frame_reader r;
    struct grpc_frame frame;
    struct buf gather;

    buf_init(&gather, TEXT_MAX);
    grpc_frame_reader_init(&r, &gather);
    while (!grpc_frame_next(&r, &rest, &frame)) {
        j->v->events++;
        take_sluice(j, frame.message);
    }
    need(j, !is_whole || (grpc_frame_is_between(&r) && !rest.len), "whole messages alone");
    buf_done(&gather);
}

void stream_judge(enum stream_wire wire, str body, bool is_whole, struct stream_verdict *out)
{
    struct judge j = {.v = out, .body = body};

    *out = (struct stream_verdict){.events = 0};
    buf_init(&out->text, TEXT_MAX);
    buf_init(&out->arguments, TEXT_MAX);
    arena_init(&j.arena, 1024);
    if (wire == STREAM_SLUICE) {
        judge_frames(&j, body, is_whole);
    } else {
        judge_events(&j, body, is_whole, wire == STREAM_OPENAI);
    }
    arena_reset(&j.arena);
}

void stream_verdict_done(struct stream_verdict *v)
{
    buf_done(&v->text);
    buf_done(&v->arguments);
}
