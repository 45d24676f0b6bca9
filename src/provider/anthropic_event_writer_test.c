#include "codec/json.h"
#include "provider/anthropic_dialect.h"

#include "support/test.h"

// A stream being written.
struct stream {
    struct arena arena;
    struct chat_writer *w;
    struct buf out;
};

static void stream_init_as(struct stream *s, struct chat_reply reply)
{
    reply.model = STR("smart");
    reply.id_seed = STR("7x");
    arena_init(&s->arena, 4096);
    buf_init(&s->out, 4 << 20);
    s->w = anthropic_event_writer_new(&s->arena, &reply);
}

static void stream_init(struct stream *s)
{
    stream_init_as(s, (struct chat_reply){.created = 5});
}

static void stream_done(struct stream *s)
{
    buf_done(&s->out);
    arena_reset(&s->arena);
}

static void put(struct stream *s, struct chat_event e)
{
    CHECK_EQ(s->w->put(s->w, &e, &s->out), OK);
}

static struct chat_text said(const char *text)
{
    return chat_text_json(str_from_c(text));
}

static void put_text(struct stream *s, const char *text)
{
    put(s, (struct chat_event){.kind = CHAT_EVENT_TEXT, .text = said(text)});
}

static void put_call(struct stream *s, uint32_t tool, const char *id)
{
    put(s, (struct chat_event){
               .kind = CHAT_EVENT_TOOL_CALL, .tool = tool, .id = said(id), .name = said("f")});
}

static void put_arguments(struct stream *s, uint32_t tool, const char *text)
{
    put(s, (struct chat_event){.kind = CHAT_EVENT_ARGUMENTS, .tool = tool, .text = said(text)});
}

static void put_end(struct stream *s, enum chat_finish finish)
{
    put(s, (struct chat_event){.kind = CHAT_EVENT_FINISH, .finish = finish});
    put(s, (struct chat_event){.kind = CHAT_EVENT_END});
}

// Each event as a line: the type must be that of the event's name, which is left out, and what
// all have alike.
static void check(struct stream *s, const char *want)
{
    struct buf lines;
    str rest = buf_view(&s->out);

    buf_init(&lines, 1 << 20);
    while (rest.len) {
        size_t end = str_find(rest, STR("\n\n"));
        CHECK(end < rest.len);
        str event = str_sub(rest, 0, end);
        rest = str_sub(rest, end + 2, rest.len);
        CHECK(str_starts(event, STR("event: ")));
        event = str_sub(event, 7, event.len);
        str name = str_cut(&event, '\n');
        CHECK(str_starts(event, STR("data: {\"type\":\"")));
        CHECK_EQ(json_check(str_sub(event, 6, event.len), NULL), OK);
        event = str_sub(event, 15, event.len);
        CHECK(str_starts(event, name));
        CHECK_EQ(buf_append(&lines, str_sub(event, 0, event.len - 1)), OK);
        CHECK_EQ(buf_append_char(&lines, '\n'), OK);
    }
    CHECK_SAME(buf_view(&lines), str_from_c(want));
    buf_done(&lines);
}

#define START                                                                                      \
    "message_start\",\"message\":{\"id\":\"msg_7x\",\"type\":\"message\",\"role\":\"assistant\","  \
    "\"model\":\"smart\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{"   \
    "\"input_tokens\":0,\"output_tokens\":0}}\n"
#define BLOCK(index, block)                                                                        \
    "content_block_start\",\"index\":" index ",\"content_block\":{\"type\":" block "}\n"
#define TEXT_BLOCK(index) BLOCK(index, "\"text\",\"text\":\"\"")
#define CALL(index, id) BLOCK(index, "\"tool_use\",\"id\":\"" id "\",\"name\":\"f\",\"input\":{}")
#define DELTA(index, delta)                                                                        \
    "content_block_delta\",\"index\":" index ",\"delta\":{\"type\":" delta "}\n"
#define TEXT(index, text) DELTA(index, "\"text_delta\",\"text\":\"" text "\"")
#define JSON(index, text) DELTA(index, "\"input_json_delta\",\"partial_json\":\"" text "\"")
#define BLOCK_STOP(index) "content_block_stop\",\"index\":" index "\n"
#define END(reason)                                                                                \
    "message_delta\",\"delta\":{\"stop_reason\":\"" reason                                         \
    "\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":0,\"output_tokens\":0}\n"              \
    "message_stop\"\n"

TEST(anthropic_event_writer_writes_a_stream_from_its_start_to_its_end)
{
    struct stream s;

    stream_init(&s);
    put(&s, (struct chat_event){.kind = CHAT_EVENT_START,
                                .id = said("chatcmpl-1"),
                                .model = said("gpt"),
                                .usage = {.input_tokens = 9, .is_known = true}});
    put_text(&s, "");
    put_text(&s, "H\\u0069");
    put_text(&s, "!");
    put(&s, (struct chat_event){.kind = CHAT_EVENT_FINISH,
                                .finish = CHAT_FINISH_STOP_SEQUENCE,
                                .stop_sequence = said("E\\n")});
    put(&s, (struct chat_event){.kind = CHAT_EVENT_USAGE,
                                .usage = {.input_tokens = 10,
                                          .cached_tokens = 4,
                                          .has_cached = true,
                                          .output_tokens = 0,
                                          .is_known = true}});
    put(&s, (struct chat_event){.kind = CHAT_EVENT_END});
    put_text(&s, "too late");
    check(
        &s,
        "message_start\",\"message\":{\"id\":\"msg_7x\",\"type\":\"message\",\"role\":"
        "\"assistant\",\"model\":\"smart\",\"content\":[],\"stop_reason\":null,"
        "\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":0}}\n" TEXT_BLOCK(
            "0") TEXT("0", "H\\u0069") TEXT("0", "!")
            BLOCK_STOP("0") "message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_"
                            "sequence\":"
                            "\"E\\n\"},\"usage\":{\"input_tokens\":6,\"cache_read_input_tokens\":4,"
                            "\"output_tokens\":0}\nmessage_stop\"\n");
    stream_done(&s);
}

TEST(anthropic_event_writer_writes_the_bytes_that_sdks_read)
{
    struct stream s;

    stream_init(&s);
    put_text(&s, "Hi");
    str all = buf_view(&s.out);
    str start = str_sub(all, 0, str_find(all, STR("\n\n")) + 2);
    CHECK(str_starts(start, STR("event: message_start\ndata: {\"type\":\"message_start\",")));
    CHECK_STR(str_sub(all, start.len, all.len),
              "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
              "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
              "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
              "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n");
    stream_done(&s);
}

TEST(anthropic_event_writer_starts_a_stream_that_nobody_has_started)
{
    struct stream s;

    stream_init(&s);
    put(&s, (struct chat_event){.kind = CHAT_EVENT_START});
    put_end(&s, CHAT_FINISH_STOP);
    check(&s, START END("end_turn"));
    stream_done(&s);
    stream_init(&s);
    put(&s, (struct chat_event){.kind = CHAT_EVENT_END});
    check(&s, START END("end_turn"));
    stream_done(&s);
}

TEST(anthropic_event_writer_opens_one_block_at_a_time)
{
    struct stream s;

    stream_init(&s);
    put(&s, (struct chat_event){.kind = CHAT_EVENT_REASONING, .text = said("hm")});
    put(&s, (struct chat_event){.kind = CHAT_EVENT_SIGNATURE, .text = said("Eq")});
    put(&s, (struct chat_event){.kind = CHAT_EVENT_REDACTED, .text = said("Em")});
    put_text(&s, "a");
    put(&s, (struct chat_event){.kind = CHAT_EVENT_TEXT, .part = 4, .text = said("b")});
    put_call(&s, 0, "t1");
    put_arguments(&s, 0, "{\\\"a\\\":");
    put_arguments(&s, 0, "");
    put_arguments(&s, 0, "1}");
    put_text(&s, "c");
    put_end(&s, CHAT_FINISH_STOP);
    check(&s, START BLOCK("0", "\"thinking\",\"thinking\":\"\",\"signature\":\"\"")
                  DELTA("0", "\"thinking_delta\",\"thinking\":\"hm\"")
                      DELTA("0", "\"signature_delta\",\"signature\":\"Eq\"") BLOCK_STOP("0")
                          BLOCK("1", "\"redacted_thinking\",\"data\":\"Em\"") BLOCK_STOP("1")
                              TEXT_BLOCK("2") TEXT("2", "a") BLOCK_STOP("2") TEXT_BLOCK("3")
                                  TEXT("3", "b") BLOCK_STOP("3") CALL("4", "t1")
                                      JSON("4", "{\\\"a\\\":") JSON("4", "") JSON("4", "1}")
                                          BLOCK_STOP("4") TEXT_BLOCK("5") TEXT("5", "c")
                                              BLOCK_STOP("5") END("tool_use"));
    stream_done(&s);
}

TEST(anthropic_event_writer_writes_calls_that_follow_each_other_at_once)
{
    struct stream s;

    stream_init(&s);
    put_call(&s, 0, "t1");
    put_arguments(&s, 0, "{\\\"a\\\":\\\"}\\\"}");
    put_call(&s, 1, "t2");
    put_arguments(&s, 1, "{");
    check(&s, START CALL("0", "t1") JSON("0", "{\\\"a\\\":\\\"}\\\"}") BLOCK_STOP("0")
                  CALL("1", "t2") JSON("1", "{"));
    stream_done(&s);
}

TEST(anthropic_event_writer_puts_calls_in_order_whose_pieces_are_mixed)
{
    struct stream s;

    stream_init(&s);
    put_call(&s, 0, "t1");
    put_call(&s, 1, "t2");
    put_call(&s, 1, ""); // told again, as some servers do
    put_arguments(&s, 0, "{");
    put_arguments(&s, 1, "{");
    put_text(&s, "x");
    put_arguments(&s, 1, "}");
    put_text(&s, "y");
    check(&s, START CALL("0", "t1") JSON("0", "{"));
    put_arguments(&s, 0, "}");
    put_text(&s, "z");
    put_end(&s, CHAT_FINISH_TOOL_CALLS);
    check(&s, START CALL("0", "t1") JSON("0", "{") JSON("0", "}") BLOCK_STOP("0") CALL("1", "t2")
                  JSON("1", "{") JSON("1", "}") BLOCK_STOP("1") TEXT_BLOCK("2") TEXT("2", "x")
                      TEXT("2", "y") TEXT("2", "z") BLOCK_STOP("2") END("tool_use"));
    stream_done(&s);
}

TEST(anthropic_event_writer_writes_what_waits_at_the_end)
{
    struct stream s;

    stream_init(&s);
    put_call(&s, 0, "");
    put_call(&s, 1, "a.b");
    put_arguments(&s, 1, "{\\\"b\\\":");
    put_end(&s, CHAT_FINISH_LENGTH);
    check(&s, START CALL("0", "toolu_7x_0") BLOCK_STOP("0") CALL("1", "a_b_e61d99190466522c")
                  JSON("1", "{\\\"b\\\":") BLOCK_STOP("1") END("max_tokens"));
    stream_done(&s);
}

TEST(anthropic_event_writer_keeps_a_copy_of_what_waits)
{
    struct stream s;
    char text[] = "t2";

    stream_init(&s);
    put_call(&s, 0, "t1");
    put_call(&s, 1, text);
    text[0] = '{';
    text[1] = '}';
    put_arguments(&s, 1, text);
    text[0] = text[1] = '?';
    put_end(&s, CHAT_FINISH_TOOL_CALLS);
    check(&s, START CALL("0", "t1") BLOCK_STOP("0") CALL("1", "t2") JSON("1", "{}") BLOCK_STOP("1")
                  END("tool_use"));
    stream_done(&s);
}

TEST(anthropic_event_writer_bounds_what_waits)
{
    struct stream s;
    struct chat_event e = {.kind = CHAT_EVENT_ARGUMENTS, .tool = 1, .text = {STR_INIT("x"), true}};
    int count = 0;

    stream_init(&s);
    put_call(&s, 0, "t1");
    put_call(&s, 1, "t2");
    while (count < 100'000 && !s.w->put(s.w, &e, &s.out)) {
        count++;
    }
    CHECK(count > 10'000 && count < 40'000);
    stream_done(&s);
}

TEST(anthropic_event_writer_refuses_arguments_of_nobody)
{
    struct stream s;
    struct chat_event e = {.kind = CHAT_EVENT_ARGUMENTS, .tool = 1, .text = {STR_INIT("x"), true}};

    stream_init(&s);
    CHECK_EQ(s.w->put(s.w, &e, &s.out), ERR_SYNTAX);
    put_arguments(&s, 1, " ");
    stream_done(&s);
}

TEST(anthropic_event_writer_passes_over_other_choices)
{
    struct stream s;

    stream_init(&s);
    put(&s, (struct chat_event){.kind = CHAT_EVENT_TEXT, .choice = 1, .text = said("x")});
    CHECK_EQ(buf_len(&s.out), 0);
    stream_done(&s);
}

TEST(anthropic_event_writer_tells_of_a_refusal)
{
    struct stream s;

    stream_init(&s);
    put(&s, (struct chat_event){.kind = CHAT_EVENT_REFUSAL, .text = said("No.")});
    put_end(&s, CHAT_FINISH_STOP);
    check(&s, START TEXT_BLOCK("0") TEXT("0", "No.") BLOCK_STOP("0") END("refusal"));
    stream_done(&s);
}

TEST(anthropic_event_writer_ends_a_stream_that_was_cut_with_an_error)
{
    struct stream s;

    stream_init(&s);
    put_text(&s, "a");
    put(&s, (struct chat_event){.kind = CHAT_EVENT_FINISH, .finish = CHAT_FINISH_STOP});
    buf_clear(&s.out);
    const struct chat_error e = {.status = 503, .message = STR("Gone."), .request_id = STR("r1")};
    CHECK_EQ(s.w->fail(s.w, &e, &s.out), OK);
    CHECK_STR(buf_view(&s.out),
              "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
              "\"message\":\"Gone.\"},\"request_id\":\"r1\"}\n\n");
    buf_clear(&s.out);
    put(&s, (struct chat_event){.kind = CHAT_EVENT_END});
    CHECK_EQ(s.w->fail(s.w, &e, &s.out), OK);
    CHECK_EQ(buf_len(&s.out), 0);
    stream_done(&s);
}

TEST(anthropic_event_writer_goes_on_with_the_open_text_of_another_stream)
{
    struct stream s;

    stream_init_as(&s, (struct chat_reply){.is_resumed = true});
    put(&s, (struct chat_event){.kind = CHAT_EVENT_START, .id = said("x"), .model = said("m")});
    put_text(&s, "more");
    put_call(&s, 0, "c");
    put_arguments(&s, 0, "{}");
    put_end(&s, CHAT_FINISH_TOOL_CALLS);
    check(&s, TEXT("0", "more") BLOCK_STOP("0") CALL("1", "c") JSON("1", "{}") BLOCK_STOP("1")
                  END("tool_use"));
    stream_done(&s);
    // Nothing more may come of the text.
    stream_init_as(&s, (struct chat_reply){.is_resumed = true});
    put_end(&s, CHAT_FINISH_STOP);
    check(&s, BLOCK_STOP("0") END("end_turn"));
    stream_done(&s);
}

TEST(anthropic_event_writer_goes_on_behind_the_ended_text_of_another_stream)
{
    struct stream s;

    stream_init_as(&s, (struct chat_reply){.is_resumed = true, .is_text_ended = true});
    put_call(&s, 0, "c");
    put_arguments(&s, 0, "{}");
    put_end(&s, CHAT_FINISH_TOOL_CALLS);
    check(&s, CALL("1", "c") JSON("1", "{}") BLOCK_STOP("1") END("tool_use"));
    stream_done(&s);
    stream_init_as(&s, (struct chat_reply){.is_resumed = true, .is_text_ended = true});
    put_end(&s, CHAT_FINISH_STOP);
    check(&s, END("end_turn"));
    stream_done(&s);
}
