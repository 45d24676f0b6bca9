// What must hold of a peer's bytes as a chat in OpenAI's dialect: what can be read can be written
// or is refused with a reason; what was written is JSON, reads back, and is written the same again;
// a stream ends as a stream does. A line is an event of a stream.
#include "base/list.h"
#include "provider/dialect.h"
#include "provider/openai.h"
#include "provider/openai_embedding.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { ROOM = 1 << 22 };

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static void flatten(const struct gather *g, struct buf *out)
{
    struct iovec pieces[GATHER_PIECES_MAX];
    int count = gather_pieces(g, pieces);

    buf_clear(out);
    for (int i = 0; i < count; i++) {
        check(!buf_append(out, (str){.ptr = pieces[i].iov_base, .len = pieces[i].iov_len}));
    }
    check(!json_check(buf_view(out), NULL));
}

// Reads a body and writes it; false where either was refused, which then has a reason.
static bool rewrite_request(str body, struct buf *out)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct chat_request q;
    struct arena a;
    struct gather g;

    arena_init(&a, 1 << 16);
    gather_init(&g, ROOM);
    err e = dialect_openai.read_request(body, &a, &q, &notes);
    check(e == OK || notes.problem.len > 0);
    if (!e) {
        e = dialect_openai.write_request(&q, &g, &notes);
        check(e == OK || notes.problem.len > 0);
        if (!e) flatten(&g, out);
    }
    gather_done(&g);
    arena_reset(&a);
    return e == OK;
}

static bool rewrite_answer(str body, struct buf *out)
{
    const struct chat_reply reply = {.id_seed = STR("7"), .created = 5};
    struct chat_answer answer;
    struct arena a;
    struct gather g;

    arena_init(&a, 1 << 16);
    gather_init(&g, ROOM);
    err e = dialect_openai.read_answer(body, &a, &answer);
    if (!e) {
        check(!dialect_openai.write_answer(&answer, &reply, &g));
        flatten(&g, out);
    }
    gather_done(&g);
    arena_reset(&a);
    return e == OK;
}

static bool rewrite_embedding(str body, struct buf *out)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct embedding_request q;
    struct arena a;
    struct gather g;

    arena_init(&a, 1 << 16);
    gather_init(&g, ROOM);
    err e = openai_embedding_read(body, &a, &q, &notes);
    if (!e) e = openai_embedding_write(&q, &g, &notes);
    check(e == OK || notes.problem.len > 0);
    if (!e) flatten(&g, out);
    gather_done(&g);
    arena_reset(&a);
    return e == OK;
}

// What was written is written the same again.
static void check_stable(str body, bool (*rewrite)(str body, struct buf *out))
{
    struct buf once;
    struct buf twice;

    buf_init(&once, ROOM);
    buf_init(&twice, ROOM);
    if (rewrite(body, &once)) {
        check(rewrite(buf_view(&once), &twice));
        check(str_eq(buf_view(&once), buf_view(&twice)));
    }
    buf_done(&twice);
    buf_done(&once);
}

static void check_mended(str body, enum embedding_encoding encoding)
{
    bool is_json = !json_check(body, NULL);
    struct buf out;
    struct buf again;

    buf_init(&out, ROOM);
    buf_init(&again, ROOM);
    err e = openai_embedding_mend(body, encoding, &out);
    check(e != ERR_ABSENT || !buf_len(&out));
    if (!e) {
        check(is_json && !json_check(buf_view(&out), NULL));
        check(openai_embedding_mend(buf_view(&out), encoding, &again) == ERR_ABSENT);
    }
    buf_done(&again);
    buf_done(&out);
}

// Writes what it is told.
struct relay {
    struct chat_sink port;
    struct chat_writer *writer;
    struct buf out;
};

static err relay_event(struct chat_sink *sink, const struct chat_event *e)
{
    struct relay *r = container_of(sink, struct relay, port);

    return r->writer->put(r->writer, e, &r->out);
}

// Whole events of the wire, of which each is one for the watch of streams too.
static void check_events(str text)
{
    struct answer_stream watch = {.kind = ANSWER_OPENAI_CHAT};

    while (text.len) {
        size_t end = str_find(text, STR("\n\n"));
        check(end < text.len && str_starts(text, STR("data: ")));
        check(!watch.is_done);
        check(!openai_stream_event(&watch, str_sub(text, 6, end - 6)));
        text = str_sub(text, end + 2, text.len);
    }
    check(watch.is_done && watch.is_finished && !watch.has_failed);
}

static void check_stream(str text)
{
    const struct chat_reply reply = {.id_seed = STR("7"), .wants_usage = true};
    const struct chat_event end = {.kind = CHAT_EVENT_END};
    struct relay relay = {.port = {.event = relay_event}};
    struct arena a;
    err e = OK;

    arena_init(&a, 1 << 16);
    buf_init(&relay.out, ROOM);
    relay.writer = dialect_openai.writer_new(&a, &reply);
    struct chat_reader *reader = dialect_openai.reader_new(&a);
    while (text.len && e != ERR_LIMIT) {
        e = reader->take(reader, str_cut(&text, '\n'), &relay.port);
    }
    if (e != ERR_LIMIT) {
        check(!relay.writer->put(relay.writer, &end, &relay.out));
        check_events(buf_view(&relay.out));
    }
    buf_done(&relay.out);
    arena_reset(&a);
}

static void check_error(str body)
{
    struct chat_error error;
    struct arena a;
    struct buf out;

    arena_init(&a, 1 << 16);
    buf_init(&out, ROOM);
    dialect_openai.read_error(200, body, &a, &error);
    check(error.message.len > 0 && error.status >= 400 && error.status <= 599);
    check(!dialect_openai.write_error(&error, &out));
    check(!json_check(buf_view(&out), NULL));
    buf_done(&out);
    arena_reset(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str text = {.ptr = (const char *)bytes, .len = len};

    if (len == 0) text = STR("");
    check_stable(text, rewrite_request);
    check_stable(text, rewrite_answer);
    check_stable(text, rewrite_embedding);
    check_mended(text, EMBEDDING_BASE64);
    check_mended(text, EMBEDDING_FLOAT);
    check_stream(text);
    check_error(text);
    return 0;
}
