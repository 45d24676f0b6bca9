#include "gateway/translation.h"

#include "base/list.h"
#include "gateway/event_framing.h"

#include <string.h>

enum { SCRATCH_CHUNK = 4096 };

// Each reader numbers the parts of an answer as its upstream does, but the client has one answer.
static err put_renumbered(struct translation *t, struct chat_event e)
{
    if (!t->has_shift && e.kind == CHAT_EVENT_TEXT) {
        t->part_shift = t->text_part - e.part;
        t->has_shift = true;
    }
    e.part += t->part_shift;
    return t->writer->put(t->writer, &e, &t->out);
}

// Nothing is left of what could not be written whole.
static err on_event(struct chat_sink *sink, const struct chat_event *e)
{
    struct translation *t = container_of(sink, struct translation, sink);
    size_t whole = buf_len(&t->out);
    err failure = t->goes_on ? put_renumbered(t, *e) : t->writer->put(t->writer, e, &t->out);

    if (e->kind == CHAT_EVENT_TEXT) t->text_part = e->part + t->part_shift;
    if (failure) buf_cut(&t->out, whole);
    return failure;
}

void translation_init(struct translation *t, const struct dialect *client,
                      enum translation_task task, struct arena *arena, size_t bytes_max)
{
    *t = (struct translation){
        .sink.event = on_event, .client = client, .task = task, .arena = arena};
    arena_init(&t->scratch, SCRATCH_CHUNK);
    gather_init(&t->body, bytes_max);
    gather_init(&t->answer, bytes_max);
    t->answer.insert_max = TRANSLATION_PIECES_MAX / 2;
    buf_init(&t->join, bytes_max);
    buf_init(&t->out, bytes_max);
}

void translation_done(struct translation *t)
{
    if (!t) return;
    arena_reset(&t->scratch);
    gather_done(&t->body);
    gather_done(&t->answer);
    buf_done(&t->join);
    buf_done(&t->out);
}

err translation_read(struct translation *t, str body)
{
    if (t->is_read) return OK;
    switch (t->task) {
    case TRANSLATION_CHAT:
        TRY(t->client->read_request(body, t->arena, &t->request, &t->notes));
        break;
    case TRANSLATION_COUNT:
        TRY(t->client->read_count(body, t->arena, &t->request, &t->notes));
        break;
    case TRANSLATION_EMBED:
        TRY(t->client->read_embedding(body, t->arena, &t->embedding, &t->notes));
        break;
    }
    t->read_dropped = t->notes.dropped_count;
    t->reply.wants_usage = t->request.wants_usage;
    t->reply.uses_functions = t->request.uses_functions;
    t->is_read = true;
    return OK;
}

// Models write the white space at its end anew, and some servers refuse it there.
static str without_trailing_space(str text)
{
    while (text.len && text.ptr[text.len - 1] <= ' ') {
        text.len--;
    }
    return text;
}

// The conversation with what the assistant has said so far at its end.
static void add_prefill(struct translation *t, struct chat_request *q, str prefill)
{
    size_t size = sizeof(*q->messages) * q->message_count;
    struct chat_message *all = arena_array(t->arena, struct chat_message, q->message_count + 1);
    struct chat_part *part = arena_new(t->arena, struct chat_part);

    if (size) memcpy(all, q->messages, size);
    *part = (struct chat_part){.kind = CHAT_PART_TEXT, .text = chat_text_plain(prefill)};
    all[q->message_count] =
        (struct chat_message){.role = CHAT_ASSISTANT, .parts = part, .part_count = 1};
    q->messages = all;
    q->message_count++;
}

static err write_embedding(struct translation *t, str model)
{
    struct embedding_request q = t->embedding;

    q.model = chat_text_plain(model);
    return t->upstream->write_embedding(&q, &t->body, &t->notes);
}

err translation_write(struct translation *t, const struct dialect *to, str model, str prefill)
{
    struct chat_request q = t->request;

    t->upstream = to;
    t->notes.dropped_count = t->read_dropped; // what another upstream did not take
    gather_done(&t->body);
    if (t->task == TRANSLATION_EMBED) return write_embedding(t, model);
    q.model = chat_text_plain(model);
    q.wants_usage = q.is_stream; // we account for it, asked or not
    if (t->task == TRANSLATION_COUNT) return to->write_count(&q, &t->body, &t->notes);
    prefill = without_trailing_space(prefill);
    if (prefill.len) add_prefill(t, &q, prefill);
    return to->write_request(&q, &t->body, &t->notes);
}

void translation_begin(struct translation *t, bool has_begun)
{
    t->reader = t->upstream->reader_new(t->arena);
    t->reader->scratch = &t->scratch;
    t->goes_on = has_begun;
    t->has_shift = false;
    t->part_shift = 0;
    if (has_begun && t->writer) return;
    t->text_part = 0;
    t->writer = t->client->writer_new(t->arena, &t->reply);
}

static err take_events(struct translation *t, str events)
{
    enum event_framing framing = t->upstream->is_grpc ? EVENT_FRAMING_GRPC : EVENT_FRAMING_SSE;
    struct sse_event event;

    while (events.len) {
        size_t scanned = 0;
        size_t len = 0;
        // A line end more than the last event has is none of the next.
        if (event_framing_find(framing, events, &scanned, &len))
            return str_eq(events, STR("\n")) ? OK : ERR_SYNTAX;
        TRY(event_framing_parse(framing, str_sub(events, 0, len), &t->join, &event));
        if (event.has_data) TRY(t->reader->take(t->reader, event.data, &t->sink));
        if (t->scratch.held > SCRATCH_CHUNK) arena_reset(&t->scratch);
        events = str_sub(events, len, events.len);
    }
    return OK;
}

err translation_events(struct translation *t, str events, str *out)
{
    buf_clear(&t->out);
    err e = take_events(t, events);
    *out = buf_view(&t->out);
    return e;
}

static err answer_count(struct translation *t, str body)
{
    uint64_t tokens = 0;

    TRY(t->upstream->read_counted(body, &tokens));
    return t->client->write_counted(tokens, &t->answer.text);
}

static err answer_vectors(struct translation *t, str body)
{
    struct embedding_answer answer = {.vector_count = 0};

    TRY(t->upstream->read_vectors(body, &t->scratch, &answer));
    if (answer.vector_count != t->embedding.input_count) return ERR_SYNTAX;
    t->usage = answer.usage;
    return t->client->write_vectors(&answer, t->reply.model, t->embedding.encoding,
                                    &t->answer.text);
}

err translation_answer(struct translation *t, str body)
{
    struct chat_answer answer = {0};

    gather_done(&t->answer);
    if (t->task == TRANSLATION_COUNT) return answer_count(t, body);
    if (t->task == TRANSLATION_EMBED) return answer_vectors(t, body);
    TRY(t->upstream->read_answer(body, &t->scratch, &answer));
    t->usage = answer.usage;
    return t->client->write_answer(&answer, &t->reply, &t->answer);
}

err translation_error(struct translation *t, unsigned status, str body, str request_id)
{
    struct chat_error e = {0};

    t->upstream->read_error(status, body, &t->scratch, &e);
    e.request_id = request_id;
    buf_clear(&t->out);
    return t->client->write_error(&e, &t->out);
}
