#include "provider/openai_embedding.h"

#include "provider/chat_walk.h"
#include "provider/openai_usage.h"

#include <string.h>

enum { INPUTS_FIRST = 4 };

// Inputs as they are read.
struct inputs {
    struct embedding_input *items;
    size_t count;
    size_t room;
};

static err add_input(struct chat_walk *w, struct inputs *to, struct embedding_input **out)
{
    if (to->count == EMBEDDING_INPUTS_MAX)
        return chat_walk_refuse(w, ERR_LIMIT, STR("There are too many inputs."));
    if (to->count == to->room) {
        size_t room = to->room ? 2 * to->room : INPUTS_FIRST;
        struct embedding_input *more = arena_array(w->arena, struct embedding_input, room);
        if (to->count) memcpy(more, to->items, to->count * sizeof(*more));
        to->items = more;
        to->room = room;
    }
    *out = &to->items[to->count++];
    **out = (struct embedding_input){.tokens_json = {0}};
    return OK;
}

// Whether an array that was read whole holds whole numbers and nothing else.
static bool is_tokens(str json)
{
    struct json_reader r;
    struct json_value v;
    uint64_t token;
    err e = OK;

    json_reader_init(&r, json);
    if (json_enter(&r)) return false;
    while (!(e = json_element(&r))) {
        if (json_value(&r, &v) || json_to_u64(v, UINT64_MAX, &token)) return false;
    }
    return e == ERR_EOF;
}

static err read_input(struct chat_walk *w, struct inputs *to)
{
    struct embedding_input *input = NULL;
    enum json_kind kind = JSON_NULL;

    TRY(json_peek(&w->json, &kind));
    TRY(add_input(w, to, &input));
    if (kind == JSON_STRING) return chat_walk_text(w, &input->text);
    if (kind != JSON_ARRAY)
        return chat_walk_refuse(w, ERR_TYPE, STR("A text or a list of tokens is expected here."));
    TRY(chat_walk_raw(w, JSON_ARRAY, &input->tokens_json));
    if (is_tokens(input->tokens_json)) return OK;
    return chat_walk_refuse(w, ERR_TYPE, STR("Tokens are whole numbers."));
}

// A text, texts, tokens of one input, or of several. An array is looked at from its first element.
static err read_inputs(struct chat_walk *w, struct inputs *to)
{
    struct json_reader ahead = w->json;
    enum json_kind kind;
    err e;

    to->count = 0; // of a repeated member the last counts
    TRY(json_peek(&w->json, &kind));
    if (kind != JSON_ARRAY) return read_input(w, to);
    bool is_empty = json_enter(&ahead) || json_element(&ahead);
    if (!is_empty && !json_peek(&ahead, &kind) && kind == JSON_NUMBER) return read_input(w, to);
    TRY(chat_walk_array(w));
    while (!(e = chat_walk_element(w))) {
        TRY(read_input(w, to));
    }
    return e == ERR_EOF ? OK : e;
}

static err read_encoding(struct chat_walk *w, enum embedding_encoding *out)
{
    struct chat_text word;

    TRY(chat_walk_text(w, &word));
    if (chat_text_is(word, STR("float"))) {
        *out = EMBEDDING_FLOAT;
    } else if (chat_text_is(word, STR("base64"))) {
        *out = EMBEDDING_BASE64;
    } else {
        return chat_walk_refuse(w, ERR_RANGE, STR("The encoding must be float or base64."));
    }
    return OK;
}

err openai_embedding_read(str body, struct arena *a, struct embedding_request *out,
                          struct chat_notes *n)
{
    enum { MODEL, INPUT, ENCODING, DIMENSIONS, USER, COUNT };
    static const str names[COUNT] = {STR_INIT("model"), STR_INIT("input"),
                                     STR_INIT("encoding_format"), STR_INIT("dimensions"),
                                     STR_INIT("user")};
    struct embedding_request q = {.input_count = 0};
    struct inputs inputs = {.count = 0};
    struct chat_walk w;
    size_t name;

    chat_walk_init(&w, body, a, n);
    err e = chat_walk_object(&w);
    while (!e && !(e = chat_walk_member(&w, names, COUNT, &name))) {
        switch (name) {
        case MODEL: e = chat_walk_text(&w, &q.model); break;
        case INPUT: e = read_inputs(&w, &inputs); break;
        case ENCODING: e = read_encoding(&w, &q.encoding); break;
        case DIMENSIONS: e = chat_walk_count(&w, 1, EMBEDDING_FLOATS_MAX, &q.dimensions); break;
        case USER: e = chat_walk_text(&w, &q.user); break;
        default: e = chat_walk_drop(&w); break;
        }
    }
    TRY(chat_walk_end(&w, e == ERR_EOF ? OK : e));
    if (!chat_text_has(q.model)) return chat_walk_missing(&w, names[MODEL]);
    if (!inputs.count) return chat_walk_missing(&w, names[INPUT]);
    q.inputs = inputs.items;
    q.input_count = inputs.count;
    *out = q;
    return OK;
}

static void write_input(const struct embedding_input *input, struct json_writer *w,
                        struct gather *g)
{
    if (chat_text_is_given(input->text)) {
        chat_text_write(w, g, input->text);
    } else {
        json_write_raw(w, input->tokens_json);
    }
}

static bool is_mixed(const struct embedding_request *q)
{
    for (size_t i = 1; i < q->input_count; i++) {
        if (chat_text_is_given(q->inputs[i].text) != chat_text_is_given(q->inputs[0].text))
            return true;
    }
    return false;
}

err openai_embedding_write(const struct embedding_request *q, struct gather *out,
                           struct chat_notes *n)
{
    struct json_writer w;

    if (is_mixed(q))
        return chat_notes_refuse(n, ERR_UNSUPPORTED,
                                 STR("Texts and tokens can't be asked for at once."), STR("input"));
    json_write_init(&w, &out->text);
    json_write_object(&w);
    chat_text_write_member(&w, out, STR("model"), q->model);
    json_write_key(&w, STR("input"));
    if (q->input_count != 1) json_write_array(&w);
    for (size_t i = 0; i < q->input_count; i++) {
        write_input(&q->inputs[i], &w, out);
    }
    if (q->input_count != 1) json_write_array_end(&w);
    if (q->encoding) {
        json_write_key(&w, STR("encoding_format"));
        json_write_str(&w, q->encoding == EMBEDDING_BASE64 ? STR("base64") : STR("float"));
    }
    if (q->dimensions.len) {
        json_write_key(&w, STR("dimensions"));
        json_write_raw(&w, q->dimensions);
    }
    chat_text_write_member(&w, out, STR("user"), q->user);
    json_write_object_end(&w);
    return w.error;
}

// The value of an "embedding", which comes next.
static err read_form(struct chat_walk *w, struct embedding_vector *out)
{
    enum json_kind kind;

    TRY(json_peek(&w->json, &kind));
    if (kind == JSON_STRING) return chat_walk_text(w, &out->base64);
    return chat_walk_raw(w, JSON_ARRAY, &out->floats_json);
}

static err read_vector(struct chat_walk *w, struct embedding_vector *out)
{
    enum { INDEX, VECTOR, COUNT };
    static const str names[COUNT] = {STR_INIT("index"), STR_INIT("embedding")};
    struct json_value index = {.kind = JSON_NULL};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case INDEX: TRY(json_value(&w->json, &index)); break;
        case VECTOR: TRY(read_form(w, out)); break;
        default: TRY(chat_walk_skip(w)); break;
        }
    }
    if (e != ERR_EOF) return e;
    if (!chat_text_is_given(out->base64) && !out->floats_json.len) return ERR_TYPE;
    (void)json_to_u64(index, EMBEDDING_INPUTS_MAX, &out->index); // else it is where it stands
    return OK;
}

static err read_vectors(struct chat_walk *w, struct embedding_answer *out)
{
    size_t room = out->vector_count;
    size_t count = 0;
    err e;

    TRY(chat_walk_array(w));
    while (!(e = chat_walk_element(w))) {
        if (count == EMBEDDING_INPUTS_MAX) return ERR_LIMIT;
        if (count == room) {
            room = room ? 2 * room : INPUTS_FIRST;
            struct embedding_vector *more = arena_array(w->arena, struct embedding_vector, room);
            if (count) memcpy(more, out->vectors, count * sizeof(*more));
            out->vectors = more;
        }
        out->vectors[count] = (struct embedding_vector){.index = count};
        TRY(read_vector(w, &out->vectors[count++]));
    }
    out->vector_count = count;
    return e == ERR_EOF ? OK : e;
}

err openai_embedding_read_answer(str body, struct arena *a, struct embedding_answer *out)
{
    enum { MODEL, VECTORS, USAGE, COUNT };
    static const str names[COUNT] = {STR_INIT("model"), STR_INIT("data"), STR_INIT("usage")};
    struct embedding_answer answer = {.vector_count = 0};
    struct chat_walk w;
    size_t name;

    chat_walk_init(&w, body, a, NULL);
    err e = chat_walk_object(&w);
    while (!e && !(e = chat_walk_member(&w, names, COUNT, &name))) {
        switch (name) {
        case MODEL: e = chat_walk_text(&w, &answer.model); break;
        case VECTORS: e = read_vectors(&w, &answer); break;
        case USAGE: e = openai_usage_read(&w.json, &answer.usage); break;
        default: e = chat_walk_skip(&w); break;
        }
    }
    TRY(chat_walk_end(&w, e == ERR_EOF ? OK : e));
    if (!answer.vector_count) return ERR_TYPE;
    *out = answer;
    return OK;
}

static err append_vector(const struct embedding_vector *v, enum embedding_encoding encoding,
                         struct buf *out)
{
    TRY(buf_append(out, STR("{\"object\":\"embedding\",\"index\":")));
    TRY(buf_append_u64(out, v->index));
    TRY(buf_append(out, STR(",\"embedding\":")));
    TRY(embedding_append(v, encoding, out));
    return buf_append_char(out, '}');
}

err openai_embedding_write_answer(const struct embedding_answer *answer, str model,
                                  enum embedding_encoding encoding, struct buf *out)
{
    const struct token_usage *u = &answer->usage;

    TRY(buf_append(out, STR("{\"object\":\"list\",\"data\":[")));
    for (size_t i = 0; i < answer->vector_count; i++) {
        if (i) TRY(buf_append_char(out, ','));
        TRY(append_vector(&answer->vectors[i], encoding, out));
    }
    TRY(buf_append(out, STR("],\"model\":")));
    TRY(chat_text_append(out, model.len ? chat_text_plain(model) : answer->model));
    TRY(buf_append(out, STR(",\"usage\":{\"prompt_tokens\":")));
    TRY(buf_append_u64(out, u->input_tokens));
    TRY(buf_append(out, STR(",\"total_tokens\":")));
    TRY(buf_append_u64(out, u->input_tokens + u->output_tokens));
    return buf_append(out, STR("}}"));
}

// A body as it is mended: copied up to the value that is replaced last.
struct mending {
    str body;
    size_t copied;
    enum embedding_encoding encoding;
    struct buf *out;
};

static err mend_value(struct chat_walk *w, struct mending *m)
{
    struct embedding_vector v = {.index = 0};
    struct json_value value;

    TRY(json_value(&w->json, &value));
    if (value.kind == JSON_STRING && m->encoding != EMBEDDING_BASE64) {
        v.base64 = chat_text_json(json_raw(value));
    } else if (value.kind == JSON_ARRAY && m->encoding == EMBEDDING_BASE64) {
        v.floats_json = value.text;
    } else {
        return OK;
    }
    size_t at = (size_t)(value.text.ptr - m->body.ptr);
    TRY(buf_append(m->out, str_sub(m->body, m->copied, at - m->copied)));
    TRY(embedding_append(&v, m->encoding, m->out));
    m->copied = at + value.text.len;
    return OK;
}

static err mend_vectors(struct chat_walk *w, struct mending *m)
{
    static const str names[] = {STR_INIT("embedding")};
    enum json_kind kind;
    size_t name;
    err e;

    TRY(chat_walk_array(w));
    while (!(e = chat_walk_element(w))) {
        TRY(json_peek(&w->json, &kind));
        if (kind != JSON_OBJECT) continue;
        TRY(chat_walk_object(w));
        while (!(e = chat_walk_member(w, names, 1, &name))) {
            TRY(name == 0 ? mend_value(w, m) : chat_walk_skip(w));
        }
        if (e != ERR_EOF) return e;
    }
    return e == ERR_EOF ? OK : e;
}

static err mend(struct mending *m)
{
    static const str names[] = {STR_INIT("data")};
    struct chat_walk w;
    size_t name;

    chat_walk_init(&w, m->body, NULL, NULL); // which allocates for notes and parts alone
    err e = chat_walk_object(&w);
    while (!e && !(e = chat_walk_member(&w, names, 1, &name))) {
        e = name == 0 ? mend_vectors(&w, m) : chat_walk_skip(&w);
    }
    return chat_walk_end(&w, e == ERR_EOF ? OK : e);
}

err openai_embedding_mend(str body, enum embedding_encoding encoding, struct buf *out)
{
    struct mending m = {.body = body, .encoding = encoding, .out = out};
    size_t before = buf_len(out);
    err e = mend(&m);

    if (buf_len(out) == before) return ERR_ABSENT;
    TRY(e);
    return buf_append(out, str_sub(body, m.copied, body.len));
}
