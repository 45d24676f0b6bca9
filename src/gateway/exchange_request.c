// Design: the client's fields go on as they are, in their order, but for those that concern only
// its own connection, what names this gateway instead of the upstream, and what would keep the
// answer from being read.
#include "codec/json.h"
#include "gateway/exchange_private.h"
#include "gateway/field_rules.h"
#include "provider/openai_continue.h"

// A credential is for one vendor, and so is what else only that vendor understands.
static bool passes(const struct exchange *x, const struct h1_field *f, unsigned rules)
{
    if (rules & FIELD_NOT_UP) return false;
    if (rules & FIELD_CREDENTIAL && (x->origin->has_credential || x->is_translated)) return false;
    if (rules & (FIELD_VENDOR | FIELD_CONTENT) && x->is_translated) return false;
    // A compressed answer could not be watched.
    if (rules & FIELD_ENCODING && x->route.kind != ROUTE_PASS) return false;
    return !h1_connection_lists(&x->call->head, f->name);
}

static err put_field(struct buf *out, str name, str value)
{
    TRY(buf_append(out, name));
    TRY(buf_append(out, STR(": ")));
    TRY(buf_append(out, value));
    return buf_append(out, STR("\r\n"));
}

static size_t body_length(const struct exchange *x)
{
    size_t len = 0;

    for (int i = 0; i < x->piece_count; i++) {
        len += x->pieces[i].iov_len;
    }
    return len;
}

static err put_framing(struct exchange *x, struct buf *out)
{
    const struct h1_head *head = &x->call->head;

    switch (x->up.request.framing) {
    case CLIENT_BODY_CHUNKED: return buf_append(out, STR("transfer-encoding: chunked\r\n"));
    case CLIENT_BODY_LENGTH:
        TRY(buf_append(out, STR("content-length: ")));
        TRY(buf_append_u64(out, head->content_length));
        return buf_append(out, STR("\r\n"));
    case CLIENT_BODY_WHOLE: break;
    }
    // A POST without a body still says so (RFC 9110 section 8.6).
    if (x->route.kind == ROUTE_PASS && !str_eq(head->method, STR("POST"))) return OK;
    if (x->route.kind == ROUTE_MODELS || x->route.kind == ROUTE_MODEL) return OK;
    TRY(buf_append(out, STR("content-length: ")));
    TRY(buf_append_u64(out, body_length(x)));
    return buf_append(out, STR("\r\n"));
}

// What an upstream's dialect asks for and the client's fields don't say.
static err put_dialect(const struct exchange *x, struct buf *out)
{
    bool is_told = !x->is_translated && h1_field_find(&x->call->head, STR("anthropic-version"));

    if (x->is_translated)
        TRY(put_field(out, STR("content-type"), x->origin->dialect->content_type));
    if (x->origin->dialect->is_grpc) TRY(exchange_grpc_fields(x, out));
    if (x->origin->dialect != &dialect_anthropic || is_told) return OK;
    return put_field(out, STR("anthropic-version"), STR("2023-06-01"));
}

// Of what is asked for, in the upstream's dialect.
static str path_of(const struct exchange *x)
{
    const struct dialect *d = x->origin->dialect;

    if (x->route.kind == ROUTE_COUNT) return d->count_path;
    if (x->route.kind == ROUTE_EMBEDDINGS) return d->embed_path;
    return d->whole_path.len && !x->request.is_stream ? d->whole_path : d->chat_path;
}

err exchange_request_head(struct exchange *x)
{
    const struct h1_head *head = &x->call->head;
    msec now = x->gateway->loop->now;
    msec left = deadline_left(x->total, now);
    const struct deadline_left time = {.whole_ms = left, .start_ms = deadline_left(x->start, now)};
    struct buf *out = &x->head;
    char *room = NULL;

    buf_clear(out);
    // Once, for a usual head; malloc is quickest below 1 KiB.
    TRY(buf_reserve(out, 1000, &room));
    TRY(buf_append(out, head->method));
    TRY(buf_append(out, STR(" ")));
    TRY(buf_append(out, x->origin->path_prefix));
    TRY(buf_append(out, x->is_translated ? path_of(x) : x->route.rest));
    TRY(buf_append(out, STR(" HTTP/1.1\r\n")));
    TRY(buf_append(out, x->origin->head_fields[x->choice.key]));
    TRY(put_dialect(x, out));
    for (size_t i = 0; i < head->field_count; i++) {
        const struct h1_field *f = &head->fields[i];
        unsigned rules = field_rules_of(f->name);
        if (!passes(x, f, rules)) continue;
        if (rules & FIELD_DEADLINE) {
            TRY(deadline_fields_write(out, f->name, f->value, time));
        } else {
            TRY(put_field(out, f->name, f->value));
        }
    }
    TRY(buf_append(out, STR("x-sluice-deadline-ms: ")));
    TRY(buf_append_u64(out, left > 1 ? (uint64_t)left : 1));
    TRY(buf_append(out, STR("\r\n")));
    TRY(put_field(out, STR("x-request-id"), x->id));
    TRY(put_framing(x, out));
    return buf_append(out, STR("\r\n"));
}

static void add_piece(struct exchange *x, str s)
{
    if (!s.len) return;
    x->spliced[x->piece_count++] = stream_piece(s);
}

// A name as JSON. It comes from the settings, which allow no control bytes.
static str quote(struct arena *a, str name)
{
    char *text = arena_alloc_raw(a, 2 * name.len + 2);
    size_t len = 0;

    text[len++] = '"';
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\') text[len++] = '\\';
        text[len++] = name.ptr[i];
    }
    text[len++] = '"';
    return (str){.ptr = text, .len = len};
}

static bool means(str quoted, str name)
{
    return json_string_is(str_sub(quoted, 1, quoted.len - 2), name);
}

// A stream that is to report its usage, though the client did not ask.
static void ask_usage(struct exchange *x, str body, const struct openai_request *request)
{
    struct buf asked;

    if (x->route.kind != ROUTE_CHAT || !request->is_stream || !x->origin->counts_usage) return;
    buf_init(&asked, x->remade.max);
    if (openai_ask_usage(&asked, body, request)) {
        buf_done(&asked); // it has options of its own, or there is no room
        return;
    }
    x->hides_usage = true;
    buf_done(&x->remade);
    x->remade = asked;
}

// The body that goes out is the client's, or one made of it; then `*remade` says where its parts
// are.
static const struct openai_request *body_of(struct exchange *x, struct openai_request *remade)
{
    str body = buf_view(&x->body);
    const struct openai_request *request = &x->request;
    size_t at = 0;

    x->hides_usage = false;
    if (x->relay.manner != RELAY_CONTINUE) buf_done(&x->remade);
    if (buf_len(&x->remade)) {
        body = buf_view(&x->remade);
        if (openai_scan_request(body, remade, &at)) return &x->request;
        request = remade;
    }
    ask_usage(x, body, request);
    if (!buf_len(&x->remade)) return &x->request;
    // What was made of a valid body is one.
    return openai_scan_request(buf_view(&x->remade), remade, &at) ? &x->request : remade;
}

// Every "model" gets the one name: with two that differ the client would be routed by one and
// might be served by the other.
static void splice_body(struct exchange *x)
{
    bool is_renamed = !str_eq(x->upstream_model, x->model);
    struct openai_request remade;
    const struct openai_request *request = body_of(x, &remade);
    str body = buf_view(request == &remade ? &x->remade : &x->body);
    size_t at = 0;

    x->piece_count = 0;
    x->pieces = x->spliced;
    if (is_renamed || request->model_count > 1) {
        str quoted = is_renamed ? quote(&x->call->arena, x->upstream_model)
                                : request->models[request->model_count - 1];
        for (size_t i = 0; i < request->model_count; i++) {
            str old = request->models[i];
            size_t from = (size_t)(old.ptr - body.ptr);
            if (!is_renamed && means(old, x->model)) continue;
            add_piece(x, str_sub(body, at, from - at));
            add_piece(x, quoted);
            at = from + old.len;
        }
    }
    add_piece(x, str_sub(body, at, body.len));
}

// The body in the upstream's dialect. What it can't say is no fault of its own: another target may.
static err translate(struct exchange *x)
{
    struct translation *t = exchange_translate_open(x);
    str prefill = x->relay.manner == RELAY_CONTINUE ? buf_view(&x->transcript.text) : STR("");

    TRY(translation_read(t, exchange_body(x)));
    TRY(translation_write(t, x->origin->dialect, x->upstream_model, prefill));
    x->piece_count = gather_pieces(&t->body, t->pieces);
    x->pieces = t->pieces;
    return x->origin->dialect->is_grpc ? exchange_grpc_frame(x, t->pieces, &x->piece_count) : OK;
}

// A stream that was begun by a translation is finished by it, whatever the next upstream speaks.
bool exchange_request_is_foreign(const struct exchange *x)
{
    if (x->is_released && x->translation && x->translation->writer) return true;
    if (x->origin->dialect->is_grpc) return true; // bytes pass where they are JSON
    return x->route.is_translated && x->origin->dialect != x->route.dialect;
}

err exchange_request_body(struct exchange *x)
{
    x->is_translated = exchange_request_is_foreign(x);
    // What is translated is gathered whole, and so are vectors.
    bool is_large = x->is_translated || x->route.kind == ROUTE_EMBEDDINGS;
    x->answer.max = is_large ? (size_t)x->view->settings->limits.body_bytes : EXCHANGE_GATHER_MAX;
    if (x->is_translated) return translate(x);
    splice_body(x);
    return OK;
}
