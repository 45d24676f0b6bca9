#include "assess/mock/mock_embeddings.h"

#include "assess/mock/mock_member.h"
#include "base/memory.h"
#include "base/random.h"

#include <math.h>
#include <openssl/evp.h>
#include <string.h>

static uint64_t hash(str text)
{
    uint64_t h = random_mix(text.len);

    for (size_t i = 0; i < text.len; i++) {
        h = random_mix(h ^ (unsigned char)text.ptr[i]);
    }
    return h;
}

void mock_embeddings_vector(str text, float *out, size_t count)
{
    struct random r;
    double sum = 0;

    random_init(&r, hash(text));
    for (size_t i = 0; i < count; i++) {
        double x = random_normal(&r);
        out[i] = (float)x;
        sum += x * x;
    }
    double scale = sum > 0 ? 1 / sqrt(sum) : 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)((double)out[i] * scale);
    }
}

struct writing {
    struct json_writer w;
    const struct mock_request *req;
    float *vector;
    size_t dimensions;
    char *base64;
    uint64_t count;
};

// Both machines this runs on keep floats as the wire wants them, the low byte first.
static void write_vector(struct writing *wr)
{
    if (wr->req->is_base64) {
        int len = EVP_EncodeBlock((unsigned char *)wr->base64, (const unsigned char *)wr->vector,
                                  (int)(wr->dimensions * sizeof(float)));
        mock_member_str(&wr->w, STR("embedding"), (str){.ptr = wr->base64, .len = (size_t)len});
        return;
    }
    mock_member_array(&wr->w, STR("embedding"));
    for (size_t i = 0; i < wr->dimensions; i++) {
        json_write_double(&wr->w, (double)wr->vector[i]);
    }
    json_write_array_end(&wr->w);
}

static err write_one(struct writing *wr, str text)
{
    if (wr->count == MOCK_EMBEDDINGS_INPUTS_MAX) return ERR_LIMIT;
    mock_embeddings_vector(text, wr->vector, wr->dimensions);
    json_write_object(&wr->w);
    mock_member_str(&wr->w, STR("object"), STR("embedding"));
    mock_member_u64(&wr->w, STR("index"), wr->count++);
    write_vector(wr);
    json_write_object_end(&wr->w);
    return wr->w.error;
}

static err write_value(struct writing *wr, struct json_value v)
{
    struct arena arena;

    if (v.kind == JSON_ARRAY) return write_one(wr, v.text);
    if (v.kind != JSON_STRING) return ERR_TYPE;
    arena_init(&arena, 4096);
    err e = write_one(wr, json_decode(json_raw(v), &arena));
    arena_reset(&arena);
    return e;
}

// A text; an array of texts or of token lists; or one token list.
static err write_all(struct writing *wr)
{
    struct json_reader r;
    struct json_value v;
    enum json_kind kind = JSON_NULL;
    err e = OK;

    json_reader_init(&r, wr->req->input);
    TRY(json_peek(&r, &kind));
    if (kind == JSON_STRING) {
        TRY(json_value(&r, &v));
        return write_value(wr, v);
    }
    TRY(json_enter(&r));
    while ((e = json_element(&r)) == OK) {
        TRY(json_value(&r, &v));
        if (v.kind == JSON_NUMBER) return write_one(wr, wr->req->input);
        TRY(write_value(wr, v));
    }
    return e == ERR_EOF ? OK : e;
}

err mock_embeddings_whole(const struct mock_say *s, struct buf *out)
{
    struct writing wr = {.req = s->req};

    wr.dimensions = s->req->dimensions ? (size_t)s->req->dimensions : MOCK_EMBEDDINGS_DIMENSIONS;
    wr.vector = memory_alloc(wr.dimensions * sizeof(float));
    wr.base64 = memory_alloc((wr.dimensions * sizeof(float) + 2) / 3 * 4 + 1);
    json_write_init(&wr.w, out);
    json_write_object(&wr.w);
    mock_member_str(&wr.w, STR("object"), STR("list"));
    mock_member_array(&wr.w, STR("data"));
    err e = write_all(&wr);
    json_write_array_end(&wr.w);
    mock_member_str(&wr.w, STR("model"), s->model);
    mock_member_object(&wr.w, STR("usage"));
    mock_member_u64(&wr.w, STR("prompt_tokens"), s->prompt_tokens);
    mock_member_u64(&wr.w, STR("total_tokens"), s->prompt_tokens);
    json_write_object_end(&wr.w);
    json_write_object_end(&wr.w);
    memory_free(wr.vector);
    memory_free(wr.base64);
    return e ? e : wr.w.error;
}
