// What must hold of a peer's bytes as a request, an answer or a stream of our own dialect: what can
// be read is written as something that reads the same, and views lie within.
#include "codec/grpc_frame.h"
#include "provider/dialect.h"
#include "provider/sluice_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { TEXT_MAX = 1 << 22 };

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

// Writes a request or an answer and reads it, twice: the second time nothing changes any more.
static void check_request(str body)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct chat_request q;
    struct gather first;
    struct gather second;
    struct arena a;

    arena_init(&a, 1 << 16);
    gather_init(&first, TEXT_MAX);
    gather_init(&second, TEXT_MAX);
    if (!dialect_sluice.read_request(body, &a, &q, &notes) &&
        !dialect_sluice.write_request(&q, &first, &notes)) {
        check(first.insert_count == 0);
        check(dialect_sluice.read_request(buf_view(&first.text), &a, &q, &notes) == OK);
        check(dialect_sluice.write_request(&q, &second, &notes) == OK);
        check(str_eq(buf_view(&first.text), buf_view(&second.text)));
    }
    gather_done(&second);
    gather_done(&first);
    arena_reset(&a);
}

static void check_answer(str body)
{
    const struct chat_reply reply = {.id_seed = STR("x")};
    struct chat_answer answer;
    struct gather first;
    struct gather second;
    struct arena a;

    arena_init(&a, 1 << 16);
    gather_init(&first, TEXT_MAX);
    gather_init(&second, TEXT_MAX);
    (void)answer_stream_usage(ANSWER_SLUICE, body);
    if (!dialect_sluice.read_answer(body, &a, &answer) &&
        !dialect_sluice.write_answer(&answer, &reply, &first)) {
        check(dialect_sluice.read_answer(buf_view(&first.text), &a, &answer) == OK);
        check(dialect_sluice.write_answer(&answer, &reply, &second) == OK);
        check(str_eq(buf_view(&first.text), buf_view(&second.text)));
    }
    gather_done(&second);
    gather_done(&first);
    arena_reset(&a);
}

static void check_embedding(str body)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct embedding_request q;
    struct gather first;
    struct gather second;
    struct arena a;

    arena_init(&a, 1 << 16);
    gather_init(&first, TEXT_MAX);
    gather_init(&second, TEXT_MAX);
    if (!dialect_sluice.read_embedding(body, &a, &q, &notes)) {
        check(dialect_sluice.write_embedding(&q, &first, &notes) == OK);
        check(dialect_sluice.read_embedding(buf_view(&first.text), &a, &q, &notes) == OK);
        check(dialect_sluice.write_embedding(&q, &second, &notes) == OK);
        check(str_eq(buf_view(&first.text), buf_view(&second.text)));
    }
    gather_done(&second);
    gather_done(&first);
    arena_reset(&a);
}

static void check_vectors(str body)
{
    struct embedding_answer answer;
    struct arena a;
    struct buf first;
    struct buf second;

    arena_init(&a, 1 << 16);
    buf_init(&first, TEXT_MAX);
    buf_init(&second, TEXT_MAX);
    if (!dialect_sluice.read_vectors(body, &a, &answer)) {
        check(dialect_sluice.write_vectors(&answer, STR(""), EMBEDDING_UNSET, &first) == OK);
        check(dialect_sluice.read_vectors(buf_view(&first), &a, &answer) == OK);
        check(dialect_sluice.write_vectors(&answer, STR(""), EMBEDDING_UNSET, &second) == OK);
        check(str_eq(buf_view(&first), buf_view(&second)));
    }
    buf_done(&second);
    buf_done(&first);
    arena_reset(&a);
}

static void check_splice(str data)
{
    struct answer_stream s = {.kind = ANSWER_SLUICE};
    struct buf out;

    buf_init(&out, TEXT_MAX);
    check(sluice_stream_splice(&out, data, STR("other")) == OK);
    str event = buf_view(&out);
    check(sluice_stream_event(&s, str_sub(event, GRPC_FRAME_PREFIX_BYTES, event.len)) == OK);
    check(str_eq(s.delta.content, STR("other")));
    buf_done(&out);
}

// A client's stream that is written of the events.
struct sink {
    struct chat_sink port;
    struct chat_writer *writer;
    struct buf out;
};

static err pass(struct chat_sink *port, const struct chat_event *e)
{
    struct sink *s = (struct sink *)(void *)port;

    return s->writer->put(s->writer, e, &s->out);
}

static void check_stream(str body)
{
    const struct chat_reply reply = {.id_seed = STR("x"), .wants_usage = true};
    struct answer_stream s = {.kind = ANSWER_SLUICE};
    struct sink to = {.port.event = pass};
    struct grpc_frame_reader in;
    struct grpc_frame f;
    struct arena a;
    struct buf gather;

    arena_init(&a, 1 << 16);
    buf_init(&gather, TEXT_MAX);
    buf_init(&to.out, TEXT_MAX);
    to.writer = dialect_sluice.writer_new(&a, &reply);
    struct chat_reader *reader = dialect_sluice.reader_new(&a);
    reader->scratch = &a;
    grpc_frame_reader_init(&in, &gather);
    while (!grpc_frame_next(&in, &body, &f)) {
        if (!sluice_stream_event(&s, f.message) && s.delta.content.ptr) {
            check(s.delta.content.ptr >= f.message.ptr);
            check_splice(f.message);
        }
        if (reader->take(reader, f.message, &to.port)) break;
    }
    check(!sluice_stream_is_complete(&s)); // no event says that the call has ended well
    buf_done(&to.out);
    buf_done(&gather);
    arena_reset(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str body = {.ptr = (const char *)bytes, .len = len};

    check_request(body);
    check_answer(body);
    check_embedding(body);
    check_vectors(body);
    check_stream(body);
    return 0;
}
