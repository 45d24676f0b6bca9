#include "provider/openai_events.h"

#include "codec/sse.h"
#include "provider/openai.h"
#include "provider/openai_calls.h"

#include "support/chat_dump.h"
#include "support/chat_maker.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1 << 18 };

// What a stream says, and how its last event was taken.
static void check_read(const char *const *events, err want_error, const char *want)
{
    struct chat_dump_stream s;
    struct arena a;
    struct buf out;
    err e = OK;

    arena_init(&a, 4096);
    buf_init(&out, TEXT_MAX);
    chat_dump_stream_init(&s);
    struct chat_reader *r = openai_events_read_new(&a);
    for (size_t i = 0; events[i] && !e; i++) {
        e = r->take(r, str_from_c(events[i]), &s.port);
    }
    chat_dump_stream_print(&s, &out);
    CHECK_SAME(buf_view(&out), str_from_c(want));
    CHECK_EQ(e, want_error);
    chat_dump_stream_done(&s);
    buf_done(&out);
    arena_reset(&a);
}

#define CHECK_READ(want, ...) check_read((const char *const[]){__VA_ARGS__, NULL}, OK, want)
#define CHUNK(choice) "{\"id\":\"c-1\",\"model\":\"gpt\",\"choices\":[" choice "]}"
#define DELTA(members) CHUNK("{\"index\":0,\"delta\":{" members "},\"finish_reason\":null}")
#define FINISH(word) CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"" word "\"}")
#define CALL(members) DELTA("\"tool_calls\":[{" members "}]")
#define HEAD "stream model=\"gpt\"\nchoice 0"

TEST(openai_events_put_together_what_a_stream_says)
{
    CHECK_READ(HEAD " reasoning=\"hm\" text=\"to be\" refusal=\"no\"\n  finish stop\n"
                    "usage input=3 output=0 cached=1\nend\n",
               DELTA("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"),
               DELTA("\"reasoning_content\":\"h\""), DELTA("\"reasoning\":\"m\""),
               DELTA("\"content\":\"to \""), DELTA("\"role\":null,\"content\":null"),
               DELTA("\"content\":\"b\\u0065\""), DELTA("\"refusal\":\"no\""), FINISH("stop"),
               "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0,"
               "\"prompt_tokens_details\":{\"cached_tokens\":1}}}",
               "[DONE]", "[DONE]");
}

TEST(openai_events_tell_members_in_their_order_wherever_they_stand)
{
    CHECK_READ("stream model=\"gpt\"\nchoice 1 text=\"x\"\n  finish length\n"
               "usage input=1 output=1\n",
               "{\"usage\":{\"completion_tokens\":1,\"prompt_tokens\":1},\"choices\":[{"
               "\"finish_reason\":\"length\",\"delta\":{\"content\":\"x\"},\"index\":1}],"
               "\"model\":\"gpt\"}");
}

TEST(openai_events_number_calls_as_they_appear)
{
    CHECK_READ(HEAD "\n  call id=\"a\" name=\"f\" arguments=\"{\\\"x\\\":1}\"\n"
                    "  call id=\"b\" name=\"g\" arguments=\"{}\"\n  finish tool_calls\n",
               CALL("\"index\":3,\"id\":\"a\",\"type\":\"function\",\"function\":{"
                    "\"name\":\"f\",\"arguments\":\"\"}"),
               CALL("\"index\":3,\"function\":{\"arguments\":\"{\\\"x\\\"\"}"),
               CALL("\"index\":7,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}"),
               CALL("\"index\":3,\"function\":{\"arguments\":\":1}\"}"),
               CALL("\"index\":7,\"function\":{\"arguments\":\"}\"}"), FINISH("tool_calls"));
}

TEST(openai_events_know_calls_that_come_whole_or_repeat_themselves)
{
    // Without an index; all with the same one; with id and name in every piece.
    CHECK_READ(HEAD "\n  call id=\"a\" name=\"f\" arguments=\"{}\"\n"
                    "  call id=\"b\" name=\"g\" arguments=\"{}\"\n  finish tool_calls\n",
               DELTA("\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\","
                     "\"arguments\":\"{}\"}},{\"id\":\"b\",\"function\":{\"name\":\"g\","
                     "\"arguments\":\"{}\"}}]"),
               FINISH("stop"));
    CHECK_READ(HEAD "\n  call id=\"a\" name=\"f\" arguments=\"{}\"\n"
                    "  call id=\"b\" name=\"g\" arguments=\"[]\"\n",
               CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}"),
               CALL("\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"[\"}"),
               CALL("\"index\":0,\"function\":{\"arguments\":\"]\"}"));
    CHECK_READ(HEAD "\n  call id=\"a\" name=\"f\" arguments=\"{}\"\n"
                    "  call id=\"b\" name=\"g\" arguments=\"\"\n",
               CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}"),
               CALL("\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\"}"),
               CALL("\"index\":0,\"id\":\"a\",\"function\":{\"arguments\":\"}\"}"));
    CHECK_READ(HEAD "\n  call id=\"a\" name=\"f\" arguments=\"{}\"\n",
               CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}"),
               CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"}\"}"));
    CHECK_READ(HEAD "\n  call id=\"a\" name=\"f\" arguments=\"{}\"\n",
               CALL("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}"),
               CALL("\"function\":{\"arguments\":\"}\"}"));
    CHECK_READ(HEAD "\n  call id=\"\" name=\"f\" arguments=\"{ \\\"a\\\":1 }\"\n",
               CALL("\"function\":{\"name\":\"f\",\"arguments\":{ \"a\":1 }}"));
}

TEST(openai_events_wait_for_the_name_of_a_call)
{
    CHECK_READ(HEAD "\n  call id=\"a\" name=\"f\" arguments=\"{}\"\n",
               CALL("\"index\":0,\"id\":\"a\",\"function\":{\"arguments\":\"\"}"),
               CALL("\"index\":0,\"function\":{\"name\":\"f\"}"),
               CALL("\"index\":0,\"function\":{\"arguments\":\"{}\"}"));
    CHECK_READ(HEAD "\n  call id=\"a\" name=\"\" arguments=\"\"\n  finish tool_calls\n",
               CALL("\"index\":0,\"id\":\"a\""), FINISH("tool_calls"));
}

TEST(openai_events_never_tell_a_part_of_an_id)
{
    char id[OPENAI_CALLS_ID_MAX + 2] = "";
    char first[400];
    char want[400];

    memset(id, 'x', OPENAI_CALLS_ID_MAX + 1);
    (void)snprintf(first, sizeof(first), CALL("\"index\":0,\"id\":\"%s\""), id);
    CHECK_READ(HEAD "\n  call id=\"\" name=\"f\" arguments=\"\"\n", first,
               CALL("\"index\":0,\"function\":{\"name\":\"f\"}"));
    (void)snprintf(first, sizeof(first),
                   CALL("\"index\":0,\"id\":\"%s\",\"function\":{\"name\":\"f\"}"), id);
    (void)snprintf(want, sizeof(want), HEAD "\n  call id=\"%s\" name=\"f\" arguments=\"\"\n", id);
    CHECK_READ(want, first);
}

TEST(openai_events_read_the_legacy_form_of_a_call)
{
    CHECK_READ(HEAD "\n  call id=\"\" name=\"f\" arguments=\"{}\"\n  finish tool_calls\n",
               DELTA("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}"),
               DELTA("\"function_call\":{\"arguments\":\"{}\"}"), FINISH("function_call"));
}

// A sink that lists kinds, for what a dump puts together.
struct kinds {
    struct chat_sink port;
    char list[64];
    size_t count;
};

static err take_kind(struct chat_sink *sink, const struct chat_event *e)
{
    struct kinds *k = (struct kinds *)(void *)sink;

    CHECK(k->count + 1 < sizeof(k->list));
    k->list[k->count++] = "stfrgxcaFue"[e->kind];
    return OK;
}

TEST(openai_events_take_an_empty_piece_of_arguments_for_one)
{
    struct kinds k = {.port = {.event = take_kind}};
    struct arena a;

    arena_init(&a, 4096);
    struct chat_reader *r = openai_events_read_new(&a);
    CHECK_EQ(r->take(r,
                     STR(CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                              "\"arguments\":\"\"}")),
                     &k.port),
             OK);
    CHECK_EQ(r->take(r, STR(CALL("\"index\":0,\"function\":{\"arguments\":\"\"}")), &k.port), OK);
    CHECK_EQ(r->take(r, STR(CALL("\"index\":0,\"function\":{\"arguments\":null}")), &k.port), OK);
    CHECK_EQ(r->take(r, STR(FINISH("")), &k.port), OK);
    CHECK_EQ(r->take(r, STR(FINISH("tool_calls")), &k.port), OK);
    CHECK_EQ(r->take(r, STR(FINISH("tool_calls")), &k.port), OK);
    CHECK_EQ(r->take(r, STR(DELTA("\"content\":\"late\"")), &k.port), OK);
    CHECK_EQ(r->take(r, STR("[DONE]"), &k.port), OK);
    CHECK_EQ(r->take(r, STR(CHUNK("{\"index\":1,\"delta\":{\"content\":\"later\"}}")), &k.port),
             OK);
    CHECK_SAME(((str){k.list, k.count}), STR("scaFe"));
    arena_reset(&a);
}

TEST(openai_events_read_contents_in_parts)
{
    CHECK_READ(HEAD " text=\"xy\"\n",
               DELTA("\"content\":[{\"type\":\"text\",\"text\":\"x\"},7,"
                     "{\"type\":\"thinking\",\"thinking\":[]},{\"text\":\"y\"}]"));
}

#define CHECK_FAILS(e, data) check_read((const char *const[]){data, NULL}, e, "stream\n")

TEST(openai_events_refuse_errors_and_what_is_no_event)
{
    CHECK_FAILS(ERR_REFUSED, "{\"error\":{\"message\":\"m\"}}");
    CHECK_FAILS(ERR_REFUSED, "{\"choices\":[],\"error\":\"m\"}");
    CHECK_FAILS(ERR_REFUSED, "{\"error\":true}");
    CHECK_FAILS(ERR_SYNTAX, "");
    CHECK_FAILS(ERR_SYNTAX, "[]");
    CHECK_FAILS(ERR_SYNTAX, "{\"choices\":[{}]");
    CHECK_FAILS(ERR_SYNTAX, "[DONE] ");
    check_read((const char *const[]){CHUNK("7"), NULL}, ERR_SYNTAX, "stream model=\"gpt\"\n");
    check_read((const char *const[]){CHUNK("{\"index\":128}"), NULL}, ERR_SYNTAX,
               "stream model=\"gpt\"\n");
    check_read((const char *const[]){CHUNK("{\"delta\":7}"), NULL}, ERR_SYNTAX,
               "stream model=\"gpt\"\n");
    check_read((const char *const[]){"{\"error\":null,\"model\":\"gpt\"}", NULL}, OK,
               "stream model=\"gpt\"\n");
}

TEST(openai_events_bound_the_calls_of_a_stream)
{
    struct kinds k = {.port = {.event = take_kind}};
    char event[200];
    struct arena a;
    err e = OK;

    arena_init(&a, 4096);
    struct chat_reader *r = openai_events_read_new(&a);
    for (int i = 0; i <= OPENAI_CALLS_MAX; i++) {
        CHECK_EQ(e, OK);
        (void)snprintf(event, sizeof(event), CALL("\"index\":%d,\"function\":{\"name\":\"f\"}"), i);
        k.count = 0;
        e = r->take(r, str_from_c(event), &k.port);
    }
    CHECK_EQ(e, ERR_LIMIT);
    arena_reset(&a);
}

// A stream written, whole.
static void check_written(struct chat_reply reply, const struct chat_event *events, size_t count,
                          const char *want)
{
    struct arena a;
    struct buf out;

    arena_init(&a, 4096);
    buf_init(&out, TEXT_MAX);
    struct chat_writer *w = openai_events_write_new(&a, &reply);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(w->put(w, &events[i], &out), OK);
    }
    CHECK_SAME(buf_view(&out), str_from_c(want));
    buf_done(&out);
    arena_reset(&a);
}

#define CHECK_WRITTEN(reply, want, ...)                                                            \
    check_written(reply, (const struct chat_event[]){__VA_ARGS__},                                 \
                  sizeof((const struct chat_event[]){__VA_ARGS__}) / sizeof(struct chat_event),    \
                  want)
#define PLAIN(literal)                                                                             \
    {                                                                                              \
        .bytes = STR_INIT(literal)                                                                 \
    }
#define START                                                                                      \
    {                                                                                              \
        .kind = CHAT_EVENT_START, .id = PLAIN("msg_1"), .model = PLAIN("claude")                   \
    }
#define SAYS(what, words)                                                                          \
    {                                                                                              \
        .kind = CHAT_EVENT_##what, .text = PLAIN(words)                                            \
    }
#define END                                                                                        \
    {                                                                                              \
        .kind = CHAT_EVENT_END                                                                     \
    }
#define OUT_HEAD                                                                                   \
    "data: {\"id\":\"chatcmpl-7f\",\"object\":\"chat.completion.chunk\",\"created\":5,"            \
    "\"model\":\"smart\",\"choices\":["
#define OUT_FINISHED(index, delta, finish)                                                         \
    OUT_HEAD "{\"index\":" index ",\"delta\":{" delta                                              \
             "},\"logprobs\":null,\"finish_reason\":" finish "}]}\n\n"
#define OUT(delta) OUT_FINISHED("0", delta, "null")
#define OUT_ROLE OUT("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null")
#define DONE "data: [DONE]\n\n"

static const struct chat_reply reply = {
    .model = STR_INIT("smart"), .id_seed = STR_INIT("7f"), .created = 5};

TEST(openai_events_write_a_role_texts_a_finish_and_done)
{
    CHECK_WRITTEN(reply,
                  OUT_ROLE OUT("\"reasoning_content\":\"hm\"") OUT("\"content\":\"a\\n\"")
                      OUT("\"content\":\"\\u0062\"") OUT("\"refusal\":\"no\"")
                          OUT_FINISHED("0", "", "\"stop\"") DONE,
                  START, SAYS(REASONING, "hm"), SAYS(SIGNATURE, "sig"), SAYS(REDACTED, "secret"),
                  SAYS(TEXT, "a\n"), {.kind = CHAT_EVENT_TEXT, .text = {STR_INIT("\\u0062"), true}},
                  SAYS(REFUSAL, "no"), {.kind = CHAT_EVENT_FINISH, .finish = CHAT_FINISH_STOP},
                  {.kind = CHAT_EVENT_USAGE, .usage = {.is_known = true}}, END, END,
                  SAYS(TEXT, "late"));
}

TEST(openai_events_go_on_with_another_stream_without_a_second_role)
{
    struct chat_reply resumed = reply;

    resumed.is_resumed = true;
    CHECK_WRITTEN(resumed, OUT("\"content\":\"more\"") OUT_FINISHED("0", "", "\"stop\"") DONE,
                  START, SAYS(TEXT, "more"),
                  {.kind = CHAT_EVENT_FINISH, .finish = CHAT_FINISH_STOP}, END);
    // One whose text was all there.
    CHECK_WRITTEN(resumed, OUT_FINISHED("0", "", "\"length\"") DONE,
                  {.kind = CHAT_EVENT_FINISH, .finish = CHAT_FINISH_LENGTH}, END);
    CHECK_WRITTEN(resumed, OUT_FINISHED("0", "", "\"stop\"") DONE, END);
}

TEST(openai_events_write_calls_that_count_calls_alone)
{
    CHECK_WRITTEN(
        reply,
        OUT_ROLE OUT("\"content\":\"x\"") OUT(
            "\"tool_calls\":[{\"index\":0,\"id\":\"toolu_1\",\"type\":\"function\","
            "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]")
            OUT("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\"}}]")
                OUT("\"tool_calls\":[{\"index\":1,\"id\":\"call_7f_0_1\","
                    "\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]")
                    OUT("\"tool_calls\":[{\"index\":1,\"function\":{"
                        "\"arguments\":\"{\\\"a\\\":1}\"}}]")
                        OUT("\"tool_calls\":[{\"index\":0,\"function\":{"
                            "\"arguments\":\"{}\"}}]") OUT_FINISHED("0", "", "\"tool_calls\"") DONE,
        START, SAYS(TEXT, "x"),
        {.kind = CHAT_EVENT_TOOL_CALL, .part = 1, .id = PLAIN("toolu_1"), .name = PLAIN("f")},
        {.kind = CHAT_EVENT_ARGUMENTS, .part = 1, .text = PLAIN("")},
        {.kind = CHAT_EVENT_TOOL_CALL, .part = 2, .tool = 1, .name = PLAIN("g")},
        {.kind = CHAT_EVENT_ARGUMENTS, .part = 2, .tool = 1, .text = PLAIN("{\"a\":1}")},
        {.kind = CHAT_EVENT_FINISH, .finish = CHAT_FINISH_TOOL_CALLS}, END);
}

TEST(openai_events_write_the_legacy_form_where_it_was_asked)
{
    struct chat_reply legacy = reply;

    legacy.uses_functions = true;
    CHECK_WRITTEN(legacy,
                  OUT_ROLE OUT("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}")
                      OUT("\"function_call\":{\"arguments\":\"{}\"}")
                          OUT_FINISHED("0", "", "\"function_call\"") DONE,
                  START, {.kind = CHAT_EVENT_TOOL_CALL, .name = PLAIN("f")},
                  {.kind = CHAT_EVENT_ARGUMENTS, .text = PLAIN("{}")},
                  {.kind = CHAT_EVENT_TOOL_CALL, .tool = 1, .name = PLAIN("g")},
                  {.kind = CHAT_EVENT_ARGUMENTS, .tool = 1, .text = PLAIN("{}")},
                  {.kind = CHAT_EVENT_FINISH, .finish = CHAT_FINISH_TOOL_CALLS}, END);
}

#define OUT_USAGE(index, delta, finish)                                                            \
    OUT_HEAD "{\"index\":" index ",\"delta\":{" delta                                              \
             "},\"logprobs\":null,\"finish_reason\":" finish "}],\"usage\":null}\n\n"

TEST(openai_events_write_usage_only_where_it_was_asked)
{
    struct chat_reply counting = reply;

    counting.wants_usage = true;
    CHECK_WRITTEN(counting,
                  OUT_USAGE("0", "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null", "null")
                      OUT_USAGE("0", "", "\"length\"") OUT_HEAD
                  "],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":9,"
                  "\"total_tokens\":9}}\n\n" DONE,
                  START, {.kind = CHAT_EVENT_USAGE, .usage = {.is_known = true}},
                  {.kind = CHAT_EVENT_FINISH, .finish = CHAT_FINISH_LENGTH},
                  {.kind = CHAT_EVENT_USAGE, .usage = {.is_known = true, .output_tokens = 9}},
                  {.kind = CHAT_EVENT_USAGE}, END);
}

TEST(openai_events_write_what_a_client_would_miss)
{
    // No start, two choices, no finish.
    CHECK_WRITTEN(
        reply,
        OUT_FINISHED("1", "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null", "null")
            OUT_FINISHED("1", "\"content\":\"x\"", "null")
                OUT_ROLE OUT_FINISHED("0", "", "\"stop\"") OUT_FINISHED("1", "", "\"stop\"") DONE,
        {.kind = CHAT_EVENT_TEXT, .choice = 1, .text = PLAIN("x")}, END);
    CHECK_WRITTEN(reply, OUT_ROLE OUT_FINISHED("0", "", "\"stop\"") DONE, END);
}

TEST(openai_events_name_the_upstreams_model_where_none_was_asked)
{
    struct chat_reply nameless = reply;

    nameless.model = STR("");
    CHECK_WRITTEN(nameless,
                  "data: {\"id\":\"chatcmpl-7f\",\"object\":\"chat.completion.chunk\","
                  "\"created\":5,\"model\":\"claude\",\"choices\":[{\"index\":0,\"delta\":{"
                  "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,"
                  "\"finish_reason\":null}]}\n\n",
                  START);
}

TEST(openai_events_end_a_cut_stream_with_an_error_and_nothing_else)
{
    const struct chat_event text = SAYS(TEXT, "x");
    const struct chat_event finished = END;
    const struct chat_error error = {
        .status = 529, .type = STR("overloaded_error"), .message = STR("m")};
    struct arena a;
    struct buf out;

    arena_init(&a, 4096);
    buf_init(&out, TEXT_MAX);
    struct chat_writer *w = openai_events_write_new(&a, &reply);
    CHECK_EQ(w->put(w, &text, &out), OK);
    buf_clear(&out);
    CHECK_EQ(w->fail(w, &error, &out), OK);
    CHECK_EQ(w->put(w, &finished, &out), OK);
    CHECK_EQ(w->fail(w, &error, &out), OK);
    CHECK_STR(buf_view(&out), "data: {\"error\":{\"type\":\"server_error\",\"message\":\"m\","
                              "\"param\":null,\"code\":null}}\n\n");
    buf_done(&out);
    arena_reset(&a);
}

TEST(openai_events_bound_what_is_written)
{
    struct chat_event e = SAYS(TEXT, "x");
    struct arena a;
    struct buf out;
    err outcome = OK;

    arena_init(&a, 4096);
    buf_init(&out, 100);
    struct chat_writer *w = openai_events_write_new(&a, &reply);
    CHECK_EQ(w->put(w, &e, &out), ERR_LIMIT);
    buf_done(&out);
    buf_init(&out, TEXT_MAX);
    e.choice = CHAT_CHOICES_MAX;
    CHECK_EQ(w->put(w, &e, &out), ERR_LIMIT);
    e = (struct chat_event){.kind = CHAT_EVENT_TOOL_CALL};
    for (e.tool = 0; e.tool < 100 && !outcome; e.tool++) {
        outcome = w->put(w, &e, &out);
    }
    CHECK_EQ(outcome, ERR_LIMIT);
    buf_done(&out);
    arena_reset(&a);
}

// Reads what was written, as a relay would, beside the watch of streams.
static void read_written(str text, struct chat_reader *r, struct chat_dump_stream *s)
{
    struct answer_stream watch = {.kind = ANSWER_OPENAI_CHAT};
    struct sse_event event;
    struct buf join;

    buf_init(&join, TEXT_MAX);
    while (text.len) {
        size_t scanned = 0;
        size_t len = 0;
        CHECK_EQ(sse_find_event(text, &scanned, &len), OK);
        CHECK_EQ(sse_parse_event(str_sub(text, 0, len), &join, &event), OK);
        CHECK_EQ(openai_stream_event(&watch, event.data), OK);
        CHECK_EQ(r->take(r, event.data, &s->port), OK);
        text = str_sub(text, len, text.len);
    }
    CHECK(watch.is_done && watch.is_finished && !watch.has_failed);
    buf_done(&join);
}

static void check_round_trip(struct chat_maker *m)
{
    static struct chat_event events[CHAT_MAKER_EVENTS_MAX];
    struct chat_reply r = {.id_seed = STR("7f"), .wants_usage = true};
    struct chat_dump_stream before;
    struct chat_dump_stream after;
    struct buf text;
    struct buf said;
    struct buf heard;

    buf_init(&text, TEXT_MAX);
    buf_init(&said, TEXT_MAX);
    buf_init(&heard, TEXT_MAX);
    chat_dump_stream_init(&before);
    chat_dump_stream_init(&after);
    size_t count = chat_maker_events(m, events);
    struct chat_writer *w = openai_events_write_new(m->arena, &r);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(before.port.event(&before.port, &events[i]), OK);
        CHECK_EQ(w->put(w, &events[i], &text), OK);
    }
    read_written(buf_view(&text), openai_events_read_new(m->arena), &after);
    chat_dump_stream_print(&before, &said);
    chat_dump_stream_print(&after, &heard);
    CHECK_SAME(buf_view(&heard), buf_view(&said));
    chat_dump_stream_done(&after);
    chat_dump_stream_done(&before);
    buf_done(&heard);
    buf_done(&said);
    buf_done(&text);
}

TEST(openai_events_written_read_back_whatever_they_say)
{
    struct chat_maker m = {.can = CHAT_MAKER_REASONING | CHAT_MAKER_REFUSALS | CHAT_MAKER_CHOICES |
                                  CHAT_MAKER_PARALLEL};
    struct arena a;

    random_init(&m.random, test_seed());
    arena_init(&a, 1 << 16);
    m.arena = &a;
    for (int i = 0; i < 2000; i++) {
        check_round_trip(&m);
        arena_reset(&a);
    }
}
