#include "provider/dialect.h"
#include "provider/openai_embedding.h"

#include "support/chat_dump.h"
#include "support/chat_maker.h"
#include "support/golden.h"
#include "support/test.h"

#include <stdio.h>

// Inputs of tests/conformance/openai are NAME.json or NAME.events; beside each lies what it says
// (NAME.said) and what is written of that (NAME.sent), which tests/conformance/openai_schema holds
// against the published description of the API. UPDATE=1 writes them anew.

enum { TEXT_MAX = 1 << 20, RANDOM_COUNT = 40 };

struct golden {
    struct arena arena;
    struct buf input;
    struct buf said;
    struct buf sent;
};

static str path_of(struct golden *x, const char *name, const char *ending)
{
    return arena_format(&x->arena, "tests/conformance/openai/%s%s", name, ending);
}

static void golden_begin(struct golden *x, const char *name, const char *ending)
{
    arena_init(&x->arena, 1 << 16);
    buf_init(&x->input, TEXT_MAX);
    buf_init(&x->said, TEXT_MAX);
    buf_init(&x->sent, TEXT_MAX);
    golden_read(path_of(x, name, ending).ptr, &x->input);
}

static void golden_end(struct golden *x, const char *name)
{
    golden_check(path_of(x, name, ".said").ptr, buf_view(&x->said));
    golden_check(path_of(x, name, ".sent").ptr, buf_view(&x->sent));
    buf_done(&x->sent);
    buf_done(&x->said);
    buf_done(&x->input);
    arena_reset(&x->arena);
}

// All of a gather, as a line.
static void add_line(struct buf *out, const struct gather *g)
{
    struct iovec pieces[GATHER_PIECES_MAX];
    int count = gather_pieces(g, pieces);

    for (int i = 0; i < count; i++) {
        CHECK_EQ(buf_append(out, (str){.ptr = pieces[i].iov_base, .len = pieces[i].iov_len}), OK);
    }
    CHECK_EQ(buf_append_char(out, '\n'), OK);
}

TEST(dialect_openai_reads_and_writes_requests_as_agreed)
{
    static const char *const names[] = {"request_minimal",    "request_tools",    "request_media",
                                        "request_structured", "request_sampling", "request_legacy",
                                        "request_beyond"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct chat_notes notes = {.dropped_count = 0};
        struct chat_request q;
        struct golden x;
        struct gather g;
        golden_begin(&x, names[i], ".json");
        gather_init(&g, TEXT_MAX);
        CHECK_EQ(dialect_openai.read_request(buf_view(&x.input), &x.arena, &q, &notes), OK);
        chat_dump_request(&q, &x.said);
        CHECK_EQ(dialect_openai.write_request(&q, &g, &notes), OK);
        chat_dump_notes(&notes, &x.said);
        add_line(&x.sent, &g);
        gather_done(&g);
        golden_end(&x, names[i]);
    }
}

static const struct chat_reply reply = {.model = STR_INIT("smart"),
                                        .id_seed = STR_INIT("7f3a"),
                                        .created = 1'700'000'000,
                                        .wants_usage = true};

TEST(dialect_openai_reads_and_writes_answers_as_agreed)
{
    static const char *const names[] = {"answer_text", "answer_tools", "answer_choices",
                                        "answer_reasoning"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct chat_answer answer;
        struct golden x;
        struct gather g;
        golden_begin(&x, names[i], ".json");
        gather_init(&g, TEXT_MAX);
        CHECK_EQ(dialect_openai.read_answer(buf_view(&x.input), &x.arena, &answer), OK);
        chat_dump_answer(&answer, &x.said);
        CHECK_EQ(dialect_openai.write_answer(&answer, &reply, &g), OK);
        add_line(&x.sent, &g);
        gather_done(&g);
        golden_end(&x, names[i]);
    }
}

// A sink that dumps what it gets and writes it.
struct relay {
    struct chat_sink port;
    struct chat_dump_stream dump;
    struct chat_writer *writer;
    struct buf *out;
};

static err relay_event(struct chat_sink *sink, const struct chat_event *e)
{
    struct relay *r = (struct relay *)(void *)sink;

    TRY(r->dump.port.event(&r->dump.port, e));
    return r->writer->put(r->writer, e, r->out);
}

TEST(dialect_openai_reads_and_writes_streams_as_agreed)
{
    static const char *const names[] = {"stream_text", "stream_tools", "stream_compatible",
                                        "stream_choices"};
    const struct chat_event end = {.kind = CHAT_EVENT_END};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct relay r = {.port = {.event = relay_event}};
        struct golden x;
        golden_begin(&x, names[i], ".events");
        chat_dump_stream_init(&r.dump);
        r.out = &x.sent;
        r.writer = dialect_openai.writer_new(&x.arena, &reply);
        struct chat_reader *reader = dialect_openai.reader_new(&x.arena);
        for (str rest = buf_view(&x.input); rest.len;) {
            CHECK_EQ(reader->take(reader, str_cut(&rest, '\n'), &r.port), OK);
        }
        CHECK_EQ(r.writer->put(r.writer, &end, &x.sent), OK); // where the upstream didn't
        chat_dump_stream_print(&r.dump, &x.said);
        chat_dump_stream_done(&r.dump);
        golden_end(&x, names[i]);
    }
}

TEST(dialect_openai_reads_and_writes_errors_as_agreed)
{
    static const struct {
        const char *name;
        unsigned status;
    } errors[] = {{"error_parameter", 400}, {"error_compatible", 404}, {"error_page", 502}};

    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        struct chat_error error;
        struct golden x;
        golden_begin(&x, errors[i].name, ".json");
        dialect_openai.read_error(errors[i].status, buf_view(&x.input), &x.arena, &error);
        chat_dump_error(&error, &x.said);
        CHECK_EQ(dialect_openai.write_error(&error, &x.sent), OK);
        CHECK_EQ(buf_append_char(&x.sent, '\n'), OK);
        golden_end(&x, errors[i].name);
    }
}

TEST(dialect_openai_reads_and_writes_embeddings_as_agreed)
{
    static const char *const requests[] = {"embed_texts", "embed_tokens"};
    static const char *const answers[] = {"vectors_floats", "vectors_base64"};

    for (size_t i = 0; i < 2; i++) {
        struct chat_notes notes = {.dropped_count = 0};
        struct embedding_request q;
        struct golden x;
        struct gather g;
        golden_begin(&x, requests[i], ".json");
        gather_init(&g, TEXT_MAX);
        CHECK_EQ(openai_embedding_read(buf_view(&x.input), &x.arena, &q, &notes), OK);
        CHECK_EQ(openai_embedding_write(&q, &g, &notes), OK);
        add_line(&x.sent, &g);
        CHECK_EQ(buf_append_format(&x.said, "%zu inputs\n", q.input_count), OK);
        gather_done(&g);
        golden_end(&x, requests[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        struct embedding_answer answer;
        struct golden x;
        golden_begin(&x, answers[i], ".json");
        CHECK_EQ(openai_embedding_read_answer(buf_view(&x.input), &x.arena, &answer), OK);
        // In the form that it didn't come in, and as numbers.
        CHECK_EQ(openai_embedding_write_answer(&answer, STR(""), EMBEDDING_BASE64, &x.said), OK);
        CHECK_EQ(openai_embedding_write_answer(&answer, STR(""), EMBEDDING_FLOAT, &x.sent), OK);
        CHECK_EQ(buf_append_char(&x.sent, '\n'), OK);
        golden_end(&x, answers[i]);
    }
}

static void make(struct chat_maker *m, struct arena *a, unsigned can)
{
    *m = (struct chat_maker){.arena = a, .can = can};
    random_init(&m->random, 1); // always the same ones
}

TEST(dialect_openai_writes_whatever_requests_are_made)
{
    struct chat_maker m;
    struct arena a;
    struct buf all;

    arena_init(&a, 1 << 16);
    buf_init(&all, TEXT_MAX);
    make(&m, &a, ~0U);
    for (int i = 0; i < RANDOM_COUNT; i++) {
        struct chat_notes notes = {.dropped_count = 0};
        struct chat_request q;
        struct gather g;
        gather_init(&g, TEXT_MAX);
        chat_maker_request(&m, &q);
        CHECK_EQ(dialect_openai.write_request(&q, &g, &notes), OK);
        add_line(&all, &g);
        gather_done(&g);
    }
    golden_check("tests/conformance/openai/request_random.sent", buf_view(&all));
    buf_done(&all);
    arena_reset(&a);
}

TEST(dialect_openai_writes_whatever_answers_are_made)
{
    struct chat_maker m;
    struct arena a;
    struct buf all;

    arena_init(&a, 1 << 16);
    buf_init(&all, TEXT_MAX);
    make(&m, &a, ~0U);
    for (int i = 0; i < RANDOM_COUNT; i++) {
        struct chat_answer answer;
        struct gather g;
        gather_init(&g, TEXT_MAX);
        chat_maker_answer(&m, &answer);
        CHECK_EQ(dialect_openai.write_answer(&answer, &reply, &g), OK);
        add_line(&all, &g);
        gather_done(&g);
    }
    golden_check("tests/conformance/openai/answer_random.sent", buf_view(&all));
    buf_done(&all);
    arena_reset(&a);
}

TEST(dialect_openai_writes_whatever_streams_are_made)
{
    static struct chat_event events[CHAT_MAKER_EVENTS_MAX];
    struct chat_maker m;
    struct arena a;
    struct buf all;

    arena_init(&a, 1 << 16);
    buf_init(&all, TEXT_MAX);
    make(&m, &a, ~0U);
    for (int i = 0; i < RANDOM_COUNT / 4; i++) {
        struct chat_writer *w = dialect_openai.writer_new(&a, &reply);
        size_t count = chat_maker_events(&m, events);
        for (size_t k = 0; k < count; k++) {
            CHECK_EQ(w->put(w, &events[k], &all), OK);
        }
    }
    golden_check("tests/conformance/openai/stream_random.sent", buf_view(&all));
    buf_done(&all);
    arena_reset(&a);
}
