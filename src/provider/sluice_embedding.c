#include "provider/sluice_embedding.h"

#include "codec/json.h"
#include "provider/sluice_answer.h"
#include "provider/sluice_fields.h"
#include "provider/sluice_parts.h"

#include <string.h>

// --- Requests, read ---

static err put_token(struct buf *out, uint64_t token)
{
    if (buf_len(out) > 1) TRY(buf_append_char(out, ','));
    return buf_append_u64(out, (uint32_t)token);
}

static err put_packed(struct buf *out, str packed)
{
    struct protobuf_reader p;
    uint64_t token = 0;
    err e = OK;

    protobuf_reader_init(&p, packed);
    while (!(e = protobuf_next_packed(&p, PROTOBUF_VARINT, &token))) {
        TRY(put_token(out, token));
    }
    return e == ERR_EOF ? OK : e;
}

static err put_tokens(struct buf *out, str message)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    TRY(buf_append_char(out, '['));
    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number != SLUICE_TOKENS_IDS) continue;
        if (f.wire == PROTOBUF_BYTES) TRY(put_packed(out, f.bytes));
        if (f.wire == PROTOBUF_VARINT) TRY(put_token(out, f.value));
    }
    if (e != ERR_EOF) return e;
    return buf_append_char(out, ']');
}

// Packed or not, as JSON.
static err read_tokens(struct sluice_reading *r, str message, str *out)
{
    struct buf text;

    buf_init(&text, 11 * message.len + 2); // a byte may be a token, which has ten digits at most
    err e = put_tokens(&text, message);
    if (!e) *out = arena_str(r->arena, buf_view(&text));
    buf_done(&text);
    return e;
}

static err read_input(struct sluice_reading *r, str message, struct embedding_input *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_INPUT_TEXT) {
            TRY(sluice_wire_text(r, &f, &out->text));
            out->tokens_json = (str){.len = 0};
        } else if (f.number == SLUICE_INPUT_TOKENS && f.wire == PROTOBUF_BYTES) {
            TRY(read_tokens(r, f.bytes, &out->tokens_json));
            out->text = (struct chat_text){.is_json = false};
        }
    }
    if (e != ERR_EOF) return e;
    if (chat_text_is_given(out->text) || out->tokens_json.len) return OK;
    return sluice_wire_refuse(r, STR("An input is a text or tokens."), STR("input"));
}

static err read_request(struct sluice_reading *r, str body, struct embedding_request *q)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    size_t inputs = 0;
    err e = OK;

    TRY(sluice_wire_count(body, SLUICE_EMBED_INPUT, &inputs));
    if (inputs > EMBEDDING_INPUTS_MAX)
        return chat_notes_refuse(r->notes, ERR_LIMIT, STR("There are too many inputs."),
                                 STR("input"));
    q->inputs = arena_array(r->arena, struct embedding_input, inputs);
    protobuf_reader_init(&p, body);
    while (!(e = protobuf_next(&p, &f))) {
        switch (f.number) {
        case SLUICE_EMBED_MODEL: TRY(sluice_wire_text(r, &f, &q->model)); break;
        case SLUICE_EMBED_USER: TRY(sluice_wire_text(r, &f, &q->user)); break;
        case SLUICE_EMBED_INPUT:
            if (f.wire == PROTOBUF_BYTES) TRY(read_input(r, f.bytes, &q->inputs[q->input_count++]));
            break;
        case SLUICE_EMBED_DIMENSIONS:
            if (f.wire == PROTOBUF_VARINT) q->dimensions = sluice_wire_number(r, (uint32_t)f.value);
            break;
        default: break;
        }
    }
    return e == ERR_EOF ? OK : e;
}

err sluice_embedding_read(str body, struct arena *a, struct embedding_request *out,
                          struct chat_notes *n)
{
    // The exact form, and the shortest, of those that an upstream may be asked for.
    struct embedding_request q = {.encoding = EMBEDDING_BASE64};
    struct sluice_reading r = {.arena = a, .notes = n};
    err e = read_request(&r, body, &q);

    if (e && !n->problem.len)
        return chat_notes_refuse(n, e, STR("The request is no valid EmbedRequest."), STR(""));
    TRY(e);
    if (!chat_text_has(q.model))
        return sluice_wire_refuse(&r, STR("You must name a model."), STR("model"));
    if (!q.input_count)
        return sluice_wire_refuse(&r, STR("There is nothing to embed."), STR("input"));
    *out = q;
    return OK;
}

// --- Requests, written ---

static err write_tokens(struct protobuf_writer *w, str json)
{
    struct json_reader r;
    struct json_value v;
    uint64_t token = 0;
    err e = OK;

    size_t outer = protobuf_write_open(w, SLUICE_INPUT_TOKENS);
    size_t inner = protobuf_write_open(w, SLUICE_TOKENS_IDS);
    json_reader_init(&r, json);
    TRY(json_enter(&r));
    while (!(e = json_element(&r))) {
        TRY(json_value(&r, &v));
        TRY(json_to_u64(v, UINT32_MAX, &token));
        protobuf_write_value(w, PROTOBUF_VARINT, token);
    }
    protobuf_write_close(w, inner);
    protobuf_write_close(w, outer);
    return e == ERR_EOF ? OK : e;
}

static err write_request(struct protobuf_writer *w, const struct embedding_request *q,
                         struct arena *a)
{
    uint64_t dimensions = 0;

    sluice_parts_write_text(w, SLUICE_EMBED_MODEL, q->model, a);
    for (size_t i = 0; i < q->input_count; i++) {
        size_t mark = protobuf_write_open(w, SLUICE_EMBED_INPUT);
        if (chat_text_is_given(q->inputs[i].text)) {
            protobuf_write_bytes(w, SLUICE_INPUT_TEXT, chat_text_read(q->inputs[i].text, a));
        } else {
            TRY(write_tokens(w, q->inputs[i].tokens_json));
        }
        protobuf_write_close(w, mark);
    }
    if (q->dimensions.len) {
        const struct json_value v = {.kind = JSON_NUMBER, .text = q->dimensions};
        TRY(json_to_u64(v, UINT32_MAX, &dimensions));
        protobuf_write_varint(w, SLUICE_EMBED_DIMENSIONS, dimensions);
    }
    sluice_parts_write_text(w, SLUICE_EMBED_USER, q->user, a);
    return w->error;
}

err sluice_embedding_write(const struct embedding_request *q, struct gather *out,
                           struct chat_notes *n)
{
    struct protobuf_writer w;
    struct arena a;

    protobuf_write_init(&w, &out->text);
    arena_init(&a, 4096);
    err e = write_request(&w, q, &a);
    arena_reset(&a);
    if (!e) return OK;
    return chat_notes_refuse(n, e, STR("The request can't be sent over gRPC."), STR("input"));
}

// --- Answers, read ---

// Values that are packed lie as floats do; others are put in a row.
static err read_vector(str message, struct arena *a, struct embedding_vector *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    if (message.len / sizeof(float) > EMBEDDING_FLOATS_MAX + 16) return ERR_LIMIT;
    char *bytes = arena_alloc_raw(a, message.len + sizeof(float));
    size_t len = 0;
    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        uint32_t bits = (uint32_t)f.value;
        str values = STR("");
        if (f.number == SLUICE_VECTOR_INDEX && f.wire == PROTOBUF_VARINT) out->index = f.value;
        if (f.number != SLUICE_VECTOR_VALUES) continue;
        if (f.wire == PROTOBUF_BYTES) values = f.bytes;
        if (f.wire == PROTOBUF_FIXED32)
            values = (str){.ptr = (const char *)&bits, .len = sizeof(bits)};
        if (values.len) memcpy(bytes + len, values.ptr, values.len);
        len += values.len;
    }
    if (e != ERR_EOF || len % sizeof(float)) return ERR_SYNTAX;
    out->floats = (const float *)(const void *)bytes;
    out->float_count = len / sizeof(float);
    return OK;
}

err sluice_embedding_read_answer(str body, struct arena *a, struct embedding_answer *out)
{
    struct embedding_answer answer = {.vector_count = 0};
    struct chat_notes notes = {.dropped_count = 0};
    struct sluice_reading r = {.arena = a, .notes = &notes};
    struct protobuf_reader p;
    struct protobuf_field f;
    size_t vectors = 0;
    err e = OK;

    TRY(sluice_wire_count(body, SLUICE_VECTORS_LIST, &vectors));
    if (vectors > EMBEDDING_INPUTS_MAX) return ERR_LIMIT;
    answer.vectors = arena_array(a, struct embedding_vector, vectors);
    protobuf_reader_init(&p, body);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_VECTORS_MODEL) TRY(sluice_wire_text(&r, &f, &answer.model));
        if (f.wire != PROTOBUF_BYTES) continue;
        if (f.number == SLUICE_VECTORS_LIST)
            TRY(read_vector(f.bytes, a, &answer.vectors[answer.vector_count++]));
        if (f.number == SLUICE_VECTORS_USAGE) TRY(sluice_answer_read_usage(f.bytes, &answer.usage));
    }
    if (e != ERR_EOF || !answer.vector_count) return ERR_SYNTAX;
    *out = answer;
    return OK;
}

// --- Answers, written ---

static err write_vector(struct protobuf_writer *w, const struct embedding_vector *v,
                        struct arena *a)
{
    const float *floats = NULL;
    size_t count = 0;

    TRY(embedding_floats(v, a, &floats, &count));
    size_t mark = protobuf_write_open(w, SLUICE_VECTORS_LIST);
    if (v->index) protobuf_write_varint(w, SLUICE_VECTOR_INDEX, v->index);
    protobuf_write_bytes(
        w, SLUICE_VECTOR_VALUES,
        (str){.ptr = (const char *)(const void *)floats, .len = count * sizeof(float)});
    protobuf_write_close(w, mark);
    return w->error;
}

static err write_answer(struct protobuf_writer *w, const struct embedding_answer *answer, str model,
                        struct arena *a)
{
    sluice_parts_write_text(w, SLUICE_VECTORS_MODEL,
                            model.len ? chat_text_plain(model) : answer->model, a);
    for (size_t i = 0; i < answer->vector_count; i++) {
        TRY(write_vector(w, &answer->vectors[i], a));
        arena_reset(a);
    }
    sluice_answer_write_usage(w, SLUICE_VECTORS_USAGE, &answer->usage);
    return w->error;
}

err sluice_embedding_write_answer(const struct embedding_answer *answer, str model,
                                  enum embedding_encoding encoding, struct buf *out)
{
    struct protobuf_writer w;
    struct arena a;

    (void)encoding;
    protobuf_write_init(&w, out);
    arena_init(&a, 64 * 1024);
    err e = write_answer(&w, answer, model, &a);
    arena_reset(&a);
    return e;
}
