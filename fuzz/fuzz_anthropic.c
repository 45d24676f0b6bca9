// What must hold of a peer's bytes as a request, an answer, an error or a stream of Anthropic's
// dialect, a line an event: what is read is written as valid JSON in each dialect and can be read
// again, views lie within, and a stream that was written is one that the watch takes.
#include "base/list.h"
#include "codec/sse.h"
#include "provider/anthropic.h"
#include "provider/anthropic_dialect.h"
#include "provider/anthropic_error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { ARENA_BYTES = 1 << 14, TEXT_MAX = 1 << 22 };

static const struct chat_reply reply = {
    .model = STR_INIT("m"), .id_seed = STR_INIT("7"), .wants_usage = true};

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static void check_inside(str whole, str part)
{
    check(part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
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

static void check_scan(str body)
{
    struct openai_request r;
    size_t at = 0;

    if (anthropic_scan_request(body, &r, &at)) {
        check(at <= body.len);
        return;
    }
    for (size_t i = 0; i < r.model_count; i++) {
        check_inside(body, r.models[i]);
    }
    check_inside(body, r.messages);
    check_inside(body, r.max_tokens);
    check(anthropic_needs_of(body, &r).has_tools == r.has_tools);
}

static void check_request(str body, struct arena *a, struct buf *text)
{
    static const struct dialect *const dialects[] = {&dialect_anthropic, &dialect_openai};
    struct chat_notes notes = {.dropped_count = 0};
    struct chat_request q;
    struct chat_request again;
    struct gather g;

    if (anthropic_read_count_request(body, a, &q, &notes)) {
        check(notes.problem.len > 0);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        struct chat_notes told = {.dropped_count = 0};
        gather_init(&g, TEXT_MAX);
        err e = dialects[i]->write_request(&q, &g, &told);
        check(!e || told.problem.len > 0);
        if (!e) {
            flatten(&g, text);
            check(!dialects[i]->read_request(buf_view(text), a, &again, &told));
        }
        gather_done(&g);
    }
}

static void check_answer(str body, struct arena *a, struct buf *text)
{
    struct chat_answer answer;
    struct chat_answer again;
    struct chat_error error;
    struct gather g;

    (void)anthropic_answer_usage(body);
    anthropic_error_read(502, body, a, &error);
    check(error.status == 502 && error.message.len > 0);
    if (anthropic_answer_read(body, a, &answer)) return;
    gather_init(&g, TEXT_MAX);
    check(!dialect_anthropic.write_answer(&answer, &reply, &g));
    flatten(&g, text);
    check(!anthropic_answer_read(buf_view(text), a, &again));
    check(again.choices->finish || !answer.choices->finish);
    gather_done(&g);
    gather_init(&g, TEXT_MAX);
    check(!dialect_openai.write_answer(&answer, &reply, &g));
    flatten(&g, text);
    gather_done(&g);
}

static void check_event(str data, struct answer_stream *s)
{
    const struct answer_stream before = *s;
    const struct answer_delta *d = &s->delta;

    if (anthropic_stream_event(s, data)) {
        check(s->is_done == before.is_done && s->parts == before.parts);
        return;
    }
    check_inside(data, d->content);
    check(!d->is_error || (s->has_failed && !d->content.ptr && !d->has_other && !d->is_finish));
    check(!(d->content.len || d->has_other || d->has_reasoning || d->is_finish) || s->has_content);
}

// Writes what is read, and may be refused.
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

static void check_written(str text)
{
    struct answer_stream s = {.kind = ANSWER_ANTHROPIC};
    struct sse_event event;
    struct buf none;

    buf_init(&none, 0);
    while (text.len) {
        size_t scanned = 0;
        size_t len = 0;
        check(!sse_find_event(text, &scanned, &len));
        check(!sse_parse_event(str_sub(text, 0, len), &none, &event));
        check(event.type.len > 0 && !s.is_done); // nothing stands behind message_stop
        check(!anthropic_stream_event(&s, event.data));
        text = str_sub(text, len, text.len);
    }
}

static void check_stream(str text, struct arena *a, struct buf *out)
{
    struct answer_stream s = {.kind = ANSWER_ANTHROPIC};
    struct translator t = {.port = {.event = translator_event}, .out = out};
    struct chat_reader *r = anthropic_event_reader_new(a);
    bool is_failed = false;

    r->scratch = a;
    t.w = anthropic_event_writer_new(a, &reply);
    buf_clear(out);
    while (text.len) {
        str line = str_cut(&text, '\n');
        check_event(line, &s);
        is_failed = is_failed || r->take(r, line, &t.port);
    }
    if (is_failed) check(!t.w->fail(t.w, &(struct chat_error){.status = 502}, out));
    check_written(buf_view(out));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str text = {.ptr = (const char *)bytes, .len = len};
    struct arena a;
    struct buf out;

    if (len == 0) text = STR("");
    arena_init(&a, ARENA_BYTES);
    buf_init(&out, TEXT_MAX);
    check_scan(text);
    check_request(text, &a, &out);
    check_answer(text, &a, &out);
    check_stream(text, &a, &out);
    buf_done(&out);
    arena_reset(&a);
    return 0;
}
