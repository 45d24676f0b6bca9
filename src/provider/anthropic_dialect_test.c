// What must hold of any chat, and what each side of a translation sees of known ones.
#include "base/list.h"
#include "codec/sse.h"
#include "provider/anthropic.h"
#include "provider/dialect.h"

#include "support/chat_dump.h"
#include "support/chat_maker.h"
#include "support/golden.h"
#include "support/test.h"

#include <stdio.h>

enum { TEXT_MAX = 1 << 20, ROUNDS = 2000 };

static void flatten(const struct gather *g, struct buf *out)
{
    struct iovec pieces[GATHER_PIECES_MAX];
    int count = gather_pieces(g, pieces);

    for (int i = 0; i < count; i++) {
        CHECK_EQ(buf_append(out, (str){.ptr = pieces[i].iov_base, .len = pieces[i].iov_len}), OK);
    }
}

static void write_request(const struct dialect *d, const struct chat_request *q,
                          struct chat_notes *n, struct buf *out)
{
    struct gather g;

    gather_init(&g, TEXT_MAX);
    CHECK_EQ(d->write_request(q, &g, n), OK);
    flatten(&g, out);
    gather_done(&g);
}

// What a request says once it was written for Anthropic: see anthropic_dialect.h.
static void settle(struct chat_request *q)
{
    if (!q->max_tokens.len) q->max_tokens = STR("4096");
    if (q->temperature.len) q->top_p = STR("");
    q->reasoning = (struct chat_reasoning){.thinking = CHAT_THINKING_UNSET};
    q->format.name = (struct chat_text){0};
    q->wants_usage = q->is_stream;
    if (q->tool_choice.parallel == CHAT_YES) q->tool_choice.parallel = CHAT_UNSET;
    if (q->tool_choice.parallel == CHAT_NO && !q->tool_choice.kind)
        q->tool_choice.kind = CHAT_CHOOSE_AUTO;
    for (size_t i = 0; i < q->tool_count; i++) {
        if (q->tools[i].strict == CHAT_NO) q->tools[i].strict = CHAT_UNSET;
    }
}

static void check_request(struct chat_request *q, struct arena *a)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct chat_request again;
    struct buf body;
    struct buf before;
    struct buf after;

    q->reasoning.effort = (struct chat_text){0};
    settle(q);
    buf_init(&body, TEXT_MAX);
    buf_init(&before, TEXT_MAX);
    buf_init(&after, TEXT_MAX);
    write_request(&dialect_anthropic, q, &notes, &body);
    CHECK_EQ(dialect_anthropic.read_request(buf_view(&body), a, &again, &notes), OK);
    CHECK_EQ(notes.dropped_count, 0);
    chat_dump_request(q, &before);
    chat_dump_request(&again, &after);
    CHECK_SAME(buf_view(&after), buf_view(&before));
    buf_done(&after);
    buf_done(&before);
    buf_done(&body);
}

TEST(anthropic_dialect_reads_back_what_it_wrote_of_any_request)
{
    struct chat_maker m = {.can = CHAT_MAKER_SIGNATURES | CHAT_MAKER_PARALLEL | CHAT_MAKER_TOP_K |
                                  CHAT_MAKER_CACHE};
    struct chat_request q;
    struct arena a;

    random_init(&m.random, test_seed());
    arena_init(&a, 1 << 16);
    m.arena = &a;
    for (int i = 0; i < ROUNDS; i++) {
        chat_maker_request(&m, &q);
        check_request(&q, &a);
        arena_reset(&a);
    }
}

// Whatever another dialect asks, what is written is a request of this one.
TEST(anthropic_dialect_writes_a_request_of_anything_that_it_can_say)
{
    struct chat_maker m = {.can = CHAT_MAKER_REFUSALS | CHAT_MAKER_REASONING |
                                  CHAT_MAKER_SIGNATURES | CHAT_MAKER_NAMES | CHAT_MAKER_DEVELOPER |
                                  CHAT_MAKER_PARALLEL | CHAT_MAKER_SAMPLING | CHAT_MAKER_TOP_K |
                                  CHAT_MAKER_JSON_FORMAT | CHAT_MAKER_WORDS | CHAT_MAKER_CACHE};
    struct chat_request q;
    struct chat_request again;
    struct arena a;
    struct buf body;

    random_init(&m.random, test_seed());
    arena_init(&a, 1 << 16);
    m.arena = &a;
    for (int i = 0; i < ROUNDS; i++) {
        struct chat_notes notes = {.dropped_count = 0};
        struct chat_notes none = {.dropped_count = 0};
        chat_maker_request(&m, &q);
        buf_init(&body, TEXT_MAX);
        write_request(&dialect_anthropic, &q, &notes, &body);
        CHECK_EQ(dialect_anthropic.read_request(buf_view(&body), &a, &again, &none), OK);
        CHECK_EQ(none.dropped_count, 0);
        buf_done(&body);
        arena_reset(&a);
    }
}

// The written body up to the end of its last block.
static void write_front(const struct chat_request *q, struct buf *out)
{
    struct chat_request bare = {.model = q->model,
                                .choice_count = 1,
                                .tools = q->tools,
                                .tool_count = q->tool_count,
                                .messages = q->messages,
                                .message_count = q->message_count};
    struct chat_notes notes = {.dropped_count = 0};

    write_request(&dialect_anthropic, &bare, &notes, out);
    str end = STR("]}],\"max_tokens\":4096}");
    CHECK(str_ends(buf_view(out), end));
    out->end -= end.len;
}

TEST(anthropic_dialect_keeps_the_front_of_any_conversation_that_grows)
{
    struct chat_maker m = {.can = CHAT_MAKER_SIGNATURES | CHAT_MAKER_PARALLEL};
    struct chat_request q;
    struct arena a;
    struct buf shorter;
    struct buf longer;

    random_init(&m.random, test_seed());
    arena_init(&a, 1 << 16);
    m.arena = &a;
    for (int i = 0; i < 300; i++) {
        chat_maker_request(&m, &q);
        size_t count = q.message_count;
        q.message_count = q.messages[0].role == CHAT_SYSTEM ? 2 : 1;
        for (; q.message_count < count; q.message_count++) {
            buf_init(&shorter, TEXT_MAX);
            buf_init(&longer, TEXT_MAX);
            write_front(&q, &shorter);
            q.message_count++;
            write_front(&q, &longer);
            q.message_count--;
            CHECK_SAME(str_sub(buf_view(&longer), 0, buf_len(&shorter)), buf_view(&shorter));
            buf_done(&longer);
            buf_done(&shorter);
        }
        arena_reset(&a);
    }
}

TEST(anthropic_dialect_reads_back_what_it_wrote_of_any_answer)
{
    struct chat_maker m = {.can =
                               CHAT_MAKER_REASONING | CHAT_MAKER_SIGNATURES | CHAT_MAKER_PARALLEL};
    const struct chat_reply r = {.id_seed = STR("7f")};
    struct chat_answer answer;
    struct chat_answer again;
    struct arena a;
    struct gather g;
    struct buf before;
    struct buf after;

    random_init(&m.random, test_seed());
    arena_init(&a, 1 << 16);
    m.arena = &a;
    for (int i = 0; i < ROUNDS; i++) {
        gather_init(&g, TEXT_MAX);
        buf_init(&before, TEXT_MAX);
        buf_init(&after, TEXT_MAX);
        chat_maker_answer(&m, &answer);
        answer.usage.is_known = true; // it can't be left out
        chat_dump_answer(&answer, &before);
        CHECK_EQ(dialect_anthropic.write_answer(&answer, &r, &g), OK);
        CHECK_EQ(dialect_anthropic.read_answer(buf_view(&g.text), &a, &again), OK);
        chat_dump_answer(&again, &after);
        CHECK_SAME(buf_view(&after), buf_view(&before));
        buf_done(&after);
        buf_done(&before);
        gather_done(&g);
        arena_reset(&a);
    }
}

// Hands each event of a stream to a reader, and to the watch of one that passes.
static void read_stream(str text, const struct dialect *d, struct arena *a, struct chat_sink *sink)
{
    struct answer_stream watch = {.kind = d == &dialect_anthropic ? ANSWER_ANTHROPIC
                                                                  : ANSWER_OPENAI_CHAT};
    struct chat_reader *r = d->reader_new(a);
    struct sse_event event;
    struct buf join;

    r->scratch = a;
    buf_init(&join, TEXT_MAX);
    while (text.len) {
        size_t scanned = 0;
        size_t len = 0;
        CHECK_EQ(sse_find_event(text, &scanned, &len), OK);
        CHECK_EQ(sse_parse_event(str_sub(text, 0, len), &join, &event), OK);
        text = str_sub(text, len, text.len);
        CHECK(!watch.is_done);
        CHECK_EQ(answer_stream_event(&watch, event.data), OK);
        CHECK_EQ(r->take(r, event.data, sink), OK);
    }
    CHECK(answer_stream_is_complete(&watch) && !watch.has_failed);
    buf_done(&join);
}

static const struct chat_reply reply = {
    .model = STR_INIT("smart"), .id_seed = STR_INIT("7f"), .created = 5, .wants_usage = true};

// Writes what a reader hands out in another dialect.
struct translator {
    struct chat_sink port;
    struct chat_writer *w;
    struct buf *out;
};

static err translator_event(struct chat_sink *port, const struct chat_event *e)
{
    struct translator *t = container_of(port, struct translator, port);

    return t->w->put(t->w, e, t->out);
}

static void translate_stream(str text, const struct dialect *from, const struct dialect *to,
                             struct buf *out)
{
    struct translator t = {.port = {.event = translator_event}, .out = out};
    struct arena a;

    arena_init(&a, 1 << 16);
    t.w = to->writer_new(&a, &reply);
    read_stream(text, from, &a, &t.port);
    arena_reset(&a);
}

// What a stream says in the end, however it is cut into events.
static void hear(str text, const struct dialect *d, struct buf *out)
{
    struct chat_dump_stream heard;
    struct arena a;

    arena_init(&a, 1 << 16);
    chat_dump_stream_init(&heard);
    read_stream(text, d, &a, &heard.port);
    chat_dump_stream_print(&heard, out);
    chat_dump_stream_done(&heard);
    arena_reset(&a);
}

static void check_stream(struct chat_maker *m)
{
    static struct chat_event events[CHAT_MAKER_EVENTS_MAX];
    struct chat_writer *w = dialect_anthropic.writer_new(m->arena, &reply);
    struct chat_dump_stream said;
    struct buf text;
    struct buf before;
    struct buf after;

    buf_init(&text, TEXT_MAX);
    buf_init(&before, TEXT_MAX);
    buf_init(&after, TEXT_MAX);
    chat_dump_stream_init(&said);
    size_t count = chat_maker_events(m, events);
    events[0].model = chat_text_plain(reply.model);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(said.port.event(&said.port, &events[i]), OK);
        CHECK_EQ(w->put(w, &events[i], &text), OK);
    }
    said.usage.is_known = true; // it can't be left out
    chat_dump_stream_print(&said, &before);
    hear(buf_view(&text), &dialect_anthropic, &after);
    CHECK_SAME(buf_view(&after), buf_view(&before));
    chat_dump_stream_done(&said);
    buf_done(&after);
    buf_done(&before);
    buf_done(&text);
}

TEST(anthropic_dialect_reads_back_what_it_wrote_of_any_stream)
{
    struct chat_maker m = {.can = CHAT_MAKER_REASONING | CHAT_MAKER_PARALLEL};
    struct arena a;

    random_init(&m.random, test_seed());
    arena_init(&a, 1 << 16);
    m.arena = &a;
    for (int i = 0; i < ROUNDS; i++) {
        check_stream(&m);
        arena_reset(&a);
    }
}

// OpenAI's stream, as an Anthropic client sees it, as an OpenAI client sees that.
TEST(anthropic_dialect_says_the_same_as_a_stream_of_openai)
{
    static struct chat_event events[CHAT_MAKER_EVENTS_MAX];
    struct chat_maker m = {.can = CHAT_MAKER_REASONING | CHAT_MAKER_PARALLEL};
    struct arena a;
    struct buf texts[3];
    struct buf heard[3];

    random_init(&m.random, test_seed());
    arena_init(&a, 1 << 16);
    m.arena = &a;
    for (int i = 0; i < ROUNDS / 4; i++) {
        for (int k = 0; k < 3; k++) {
            buf_init(&texts[k], TEXT_MAX);
            buf_init(&heard[k], TEXT_MAX);
        }
        struct chat_writer *w = dialect_openai.writer_new(&a, &reply);
        size_t count = chat_maker_events(&m, events);
        for (size_t k = 0; k < count; k++) {
            CHECK_EQ(w->put(w, &events[k], &texts[0]), OK);
        }
        translate_stream(buf_view(&texts[0]), &dialect_openai, &dialect_anthropic, &texts[1]);
        translate_stream(buf_view(&texts[1]), &dialect_anthropic, &dialect_openai, &texts[2]);
        hear(buf_view(&texts[1]), &dialect_anthropic, &heard[1]);
        hear(buf_view(&texts[2]), &dialect_openai, &heard[2]);
        CHECK_SAME(buf_view(&heard[2]), buf_view(&heard[1]));
        for (int k = 0; k < 3; k++) {
            buf_done(&texts[k]);
            buf_done(&heard[k]);
        }
        arena_reset(&a);
    }
}

// --- Known chats: tests/conformance/anthropic ---

#define FOLDER "tests/conformance/anthropic/"

static void read_file(const char *name, struct buf *out)
{
    char path[200];

    (void)snprintf(path, sizeof(path), FOLDER "%s", name);
    buf_init(out, TEXT_MAX);
    golden_read(path, out);
}

static void check_file(const char *name, struct buf *text)
{
    char path[200];

    (void)snprintf(path, sizeof(path), FOLDER "%s", name);
    if (!str_ends(buf_view(text), STR("\n"))) CHECK_EQ(buf_append_char(text, '\n'), OK);
    golden_check(path, buf_view(text));
}

// The body that is written for `to`, and a line for what is left out.
static void translate_request(const char *in, const struct dialect *from, const struct dialect *to,
                              const char *out)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct chat_request q;
    struct arena a;
    struct buf body;
    struct buf text;

    read_file(in, &body);
    arena_init(&a, 1 << 16);
    buf_init(&text, TEXT_MAX);
    CHECK_EQ(from->read_request(buf_view(&body), &a, &q, &notes), OK);
    write_request(to, &q, &notes, &text);
    CHECK_EQ(buf_append(&text, STR("\ndropped:")), OK);
    for (size_t i = 0; i < notes.dropped_count; i++) {
        CHECK_EQ(buf_append_format(&text, " %" STR_FMT, STR_ARG(notes.dropped[i])), OK);
    }
    check_file(out, &text);
    buf_done(&text);
    buf_done(&body);
    arena_reset(&a);
}

TEST(anthropic_dialect_translates_known_requests_for_openai)
{
    static const char *const names[] = {"plain", "tools", "media", "thinking", "server_tools"};
    char in[100];
    char out[100];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        (void)snprintf(in, sizeof(in), "request_%s.json", names[i]);
        (void)snprintf(out, sizeof(out), "request_%s.openai.txt", names[i]);
        translate_request(in, &dialect_anthropic, &dialect_openai, out);
    }
}

TEST(anthropic_dialect_translates_known_requests_of_openai)
{
    static const char *const names[] = {"plain", "tools", "media", "parameters"};
    char in[100];
    char out[100];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        (void)snprintf(in, sizeof(in), "openai_%s.json", names[i]);
        (void)snprintf(out, sizeof(out), "openai_%s.anthropic.txt", names[i]);
        translate_request(in, &dialect_openai, &dialect_anthropic, out);
    }
}

static void translate_answer(const char *in, const struct dialect *from, const struct dialect *to,
                             const char *out)
{
    struct chat_answer answer;
    struct arena a;
    struct gather g;
    struct buf body;
    struct buf text;

    read_file(in, &body);
    arena_init(&a, 1 << 16);
    gather_init(&g, TEXT_MAX);
    buf_init(&text, TEXT_MAX);
    CHECK_EQ(from->read_answer(buf_view(&body), &a, &answer), OK);
    CHECK_EQ(to->write_answer(&answer, &reply, &g), OK);
    flatten(&g, &text);
    check_file(out, &text);
    buf_done(&text);
    gather_done(&g);
    buf_done(&body);
    arena_reset(&a);
}

TEST(anthropic_dialect_translates_known_answers_both_ways)
{
    translate_answer("answer_text.json", &dialect_anthropic, &dialect_openai,
                     "answer_text.openai.txt");
    translate_answer("answer_tools.json", &dialect_anthropic, &dialect_openai,
                     "answer_tools.openai.txt");
    translate_answer("openai_answer.json", &dialect_openai, &dialect_anthropic,
                     "openai_answer.anthropic.txt");
}

static void translate_file(const char *in, const struct dialect *from, const struct dialect *to,
                           const char *out)
{
    struct buf stream;
    struct buf text;

    read_file(in, &stream);
    buf_init(&text, TEXT_MAX);
    translate_stream(buf_view(&stream), from, to, &text);
    check_file(out, &text);
    buf_done(&text);
    buf_done(&stream);
}

TEST(anthropic_dialect_translates_known_streams_both_ways)
{
    translate_file("stream_text.sse", &dialect_anthropic, &dialect_openai,
                   "stream_text.openai.txt");
    translate_file("stream_tools.sse", &dialect_anthropic, &dialect_openai,
                   "stream_tools.openai.txt");
    translate_file("openai_stream.sse", &dialect_openai, &dialect_anthropic,
                   "openai_stream.anthropic.txt");
}
