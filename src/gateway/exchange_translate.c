// Design: each direction has one place where bytes turn into those of the other dialect: the
// request in exchange_request_body(), events between relay and client, an answer that came whole
// when it is whole. What decides (is it complete, does it repeat, what failed) looks at the
// upstream's own bytes and is the same with and without a translation.
#include "codec/sse.h"
#include "gateway/exchange_private.h"
#include "provider/openai_embedding.h"
#include "provider/token_estimate.h"

// The letters and digits of an id that the client does not see otherwise.
static str id_seed(struct exchange *x)
{
    char *text = arena_alloc_raw(&x->call->arena, 24);

    for (size_t i = 0; i < 24; i++) {
        text[i] = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"[random_below(
            &x->gateway->random, 54)];
    }
    return (str){.ptr = text, .len = 24};
}

static enum translation_task task_of(const struct exchange *x)
{
    switch (x->route.kind) {
    case ROUTE_COUNT: return TRANSLATION_COUNT;
    case ROUTE_EMBEDDINGS: return TRANSLATION_EMBED;
    default: return TRANSLATION_CHAT;
    }
}

struct translation *exchange_translate_open(struct exchange *x)
{
    const struct gateway *g = x->gateway;

    if (x->translation) return x->translation;
    x->translation = arena_new(&x->call->arena, struct translation);
    // A base64 text that is copied grows by a third, an escaped one may grow sixfold; what is large
    // stays where it is.
    translation_init(x->translation, x->route.dialect, task_of(x), &x->call->arena,
                     2 * (size_t)x->view->settings->limits.body_bytes);
    x->translation->reply = (struct chat_reply){
        .model = x->model,
        .id_seed = id_seed(x),
        .created = (uint64_t)(g->loop->now_us + g->wall_offset) / 1'000'000,
    };
    return x->translation;
}

// Another target may speak the client's dialect, or one that can say it; a request that is no good
// is so for all.
void exchange_translate_refuse(struct exchange *x, err why)
{
    bool is_clients = why != ERR_UNSUPPORTED;

    exchange_attempt_fail(x, is_clients ? FAILURE_CLIENT : FAILURE_UNTRANSLATABLE, OK);
}

struct exchange_error exchange_translate_error(const struct exchange *x)
{
    const struct chat_notes *n = &x->translation->notes;
    bool is_clients = x->why == FAILURE_CLIENT;

    return (struct exchange_error){
        .status = 400,
        .code = is_clients ? STR("invalid_request") : STR("unsupported_by_target"),
        .message = n->problem.len ? n->problem : STR("The request could not be translated."),
        .param = n->param,
        .is_hopeless = true};
}

void exchange_translate_begin(struct exchange *x)
{
    struct translation *t = x->translation;

    if (!t->writer || !x->is_released) {
        t->reply.is_resumed = x->is_released;
        t->reply.is_text_ended = x->transcript.is_ended;
    }
    translation_begin(t, x->is_released);
}

err exchange_translate_events(struct exchange *x, str events, str *out)
{
    err e = OK;

    if (!x->is_translated) {
        *out = events;
        return OK;
    }
    e = translation_events(x->translation, events, out);
    // All of them were noted as delivered.
    if (e) transcript_spoil(&x->transcript);
    return e;
}

err exchange_translate_answer(struct exchange *x, str body, struct iovec *pieces, int *count)
{
    struct translation *t = x->translation;

    TRY(translation_answer(t, body));
    if (t->usage.is_known) x->attempt->usage = t->usage;
    *count = gather_pieces(&t->answer, pieces);
    return OK;
}

// A writer of the client's dialect, for a stream that passed as it came until now.
static struct chat_writer *writer_of(struct exchange *x)
{
    struct translation *t = exchange_translate_open(x);

    if (!t->writer) {
        t->reply.is_resumed = x->is_released;
        t->writer = x->route.dialect->writer_new(&x->call->arena, &t->reply);
    }
    return t->writer;
}

void exchange_translate_told(struct exchange *x, struct exchange_error *e)
{
    struct chat_error told = {.status = e->status};
    struct sse_event event = {.data = buf_view(&x->relay.told)};
    bool has_told = x->is_translated && x->why && x->relay.failure == x->why && event.data.len;

    if (!has_told) return;
    if (x->origin->dialect->is_grpc) {
        told.status = x->up.head.status; // and the message is all that was told
    } else if (sse_parse_event(event.data, &x->translation->join, &event) || !event.has_data) {
        return;
    }
    x->origin->dialect->read_error(told.status, event.data, &x->call->arena, &told);
    e->status = told.status;
    e->message = told.message;
    e->code = told.code;
    e->param = told.param;
}

void exchange_translate_refusal(struct exchange *x, str body)
{
    struct chat_error told = {.status = x->up.head.status};

    x->origin->dialect->read_error(told.status, body, &x->call->arena, &told);
    const struct exchange_error e = {
        .status = told.status, .message = told.message, .code = told.code, .param = told.param};
    exchange_answer_error(x, &e);
}

err exchange_translate_cut(struct exchange *x, const struct exchange_error *e, struct buf *out)
{
    struct chat_writer *w = writer_of(x);
    struct exchange_error told = *e;

    exchange_translate_told(x, &told);
    const struct chat_error error = {.status = told.status,
                                     .message = told.message,
                                     .code = told.code,
                                     .param = told.param,
                                     .request_id = x->id};
    return w->fail(w, &error, out);
}

// --- Routing a request that was read into the model ---

static bool has_images(const struct chat_request *q)
{
    for (size_t i = 0; i < q->message_count; i++) {
        for (size_t k = 0; k < q->messages[i].part_count; k++) {
            if (q->messages[i].parts[k].kind == CHAT_PART_IMAGE) return true;
        }
    }
    return false;
}

static uint64_t estimate_part(const struct chat_part *p)
{
    uint64_t quarters = token_estimate_text(p->text.bytes, p->text.is_json) +
                        token_estimate_text(p->arguments.bytes, p->arguments.is_json);

    if (p->kind == CHAT_PART_IMAGE || p->kind == CHAT_PART_AUDIO || p->kind == CHAT_PART_FILE)
        quarters += (uint64_t)TOKEN_ESTIMATE_IMAGE * TOKEN_ESTIMATE_QUARTERS;
    for (size_t i = 0; i < p->part_count; i++) {
        const struct chat_part *inner = &p->parts[i]; // text and media: nothing is deeper
        quarters += token_estimate_text(inner->text.bytes, inner->text.is_json);
    }
    return quarters;
}

uint64_t exchange_translate_estimate(const struct chat_request *q)
{
    uint64_t quarters = 0;

    for (size_t i = 0; i < q->message_count; i++) {
        for (size_t k = 0; k < q->messages[i].part_count; k++) {
            quarters += estimate_part(&q->messages[i].parts[k]);
        }
    }
    for (size_t i = 0; i < q->tool_count; i++) {
        quarters += token_estimate_text(q->tools[i].schema_json, true) +
                    token_estimate_text(q->tools[i].description.bytes, true);
    }
    return quarters / TOKEN_ESTIMATE_QUARTERS;
}

// The body is freed before the exchange is logged.
static str model_of(struct exchange *x, struct chat_text model)
{
    return arena_str(&x->call->arena, chat_text_read(model, &x->call->arena));
}

// What the routes and the recovery must know of it.
static void scan(struct exchange *x, const struct chat_request *q)
{
    x->request = (struct openai_request){
        .choice_count = q->choice_count,
        .is_stream = x->door->is_stream,
        .max_tokens = q->max_tokens,
        .has_tools = q->tool_count > 0,
        .has_response_format =
            q->format.kind == CHAT_FORMAT_JSON || q->format.kind == CHAT_FORMAT_SCHEMA,
        .has_logprobs = q->logprobs == CHAT_YES,
    };
    x->model = model_of(x, q->model);
}

struct openai_needs exchange_translate_needs(const struct exchange *x)
{
    const struct chat_request *q = &x->translation->request;
    struct json_value max = {.kind = JSON_NUMBER, .text = q->max_tokens};
    struct openai_needs needs = {.has_images = has_images(q),
                                 .has_tools = q->tool_count > 0,
                                 .input_tokens = exchange_translate_estimate(q)};

    // What is no number is none.
    if (max.text.len) (void)json_to_u64(max, UINT64_MAX, &needs.max_tokens);
    return needs;
}

err exchange_translate_scan(struct exchange *x)
{
    struct translation *t = exchange_translate_open(x);

    TRY(translation_read(t, exchange_body(x)));
    t->request.is_stream = x->door->is_stream;
    t->reply.wants_usage = true;
    if (t->task == TRANSLATION_EMBED) {
        x->model = model_of(x, t->embedding.model);
    } else {
        scan(x, &t->request);
    }
    t->reply.model = x->model;
    return OK;
}

// --- What is no chat ---

void exchange_translate_count(struct exchange *x)
{
    struct translation *t = exchange_translate_open(x);
    err e = translation_read(t, exchange_body(x));

    if (e) {
        x->why = FAILURE_CLIENT;
        const struct exchange_error error = exchange_translate_error(x);
        exchange_answer_error(x, &error);
        return;
    }
    x->is_counted_here = true;
    (void)x->route.dialect->write_counted(exchange_translate_estimate(&t->request),
                                          &t->out); // a few bytes
    struct iovec piece = stream_piece(buf_view(&t->out));
    if (!x->door) {
        exchange_answer_json(x, 200, buf_view(&t->out));
        return;
    }
    exchange_door_write(x, &piece, 1, true);
    exchange_end(x);
}

err exchange_translate_vectors(struct exchange *x, str body, struct iovec *pieces, int *count)
{
    struct translation *t = exchange_translate_open(x);

    pieces[0] = stream_piece(body);
    *count = 1;
    // What can't be read here the upstream has understood; it knows what it answers to.
    if (translation_read(t, exchange_body(x))) return OK;
    buf_clear(&t->out);
    err e = openai_embedding_mend(body, t->embedding.encoding, &t->out);
    if (e) return e == ERR_ABSENT ? OK : e;
    pieces[0] = stream_piece(buf_view(&t->out));
    return OK;
}
