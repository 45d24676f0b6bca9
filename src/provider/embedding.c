#include "provider/embedding.h"

#include "codec/base64.h"
#include "codec/json.h"
#include "codec/json_float.h"

#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats lie as base64 has them");

static err from_base64(struct chat_text text, struct arena *a, const float **out, size_t *count)
{
    str letters = chat_text_read(text, a);
    size_t len = 0;

    if (letters.len > base64_encoded_len(EMBEDDING_FLOATS_MAX * sizeof(float))) return ERR_LIMIT;
    char *bytes = arena_alloc_raw(a, base64_decoded_max(letters.len) + 1);
    TRY(base64_decode(letters, BASE64_LENIENT, bytes, &len));
    if (len % sizeof(float)) return ERR_SYNTAX;
    *out = (const float *)(const void *)bytes;
    *count = len / sizeof(float);
    return OK;
}

// As many numbers as there are commas, and one.
static size_t count_at_most(str json)
{
    size_t count = 1;

    for (size_t i = 0; i < json.len; i++) {
        count += json.ptr[i] == ',';
    }
    return count;
}

static err from_json(str json, struct arena *a, const float **out, size_t *count)
{
    size_t most = count_at_most(json);
    struct json_reader r;
    struct json_value v;
    size_t n = 0;
    err e;

    if (most > EMBEDDING_FLOATS_MAX) return ERR_LIMIT;
    float *floats = arena_alloc_raw(a, most * sizeof(*floats));
    json_reader_init(&r, json);
    TRY(json_enter(&r));
    while (!(e = json_element(&r))) {
        TRY(json_value(&r, &v));
        if (v.kind != JSON_NUMBER) return ERR_TYPE;
        assert(n < most);
        TRY(json_float_read(v.text, &floats[n++]));
    }
    *out = floats;
    *count = n;
    return e == ERR_EOF ? OK : e;
}

err embedding_floats(const struct embedding_vector *v, struct arena *a, const float **out,
                     size_t *count)
{
    if (chat_text_is_given(v->base64)) return from_base64(v->base64, a, out, count);
    if (v->floats_json.len) return from_json(v->floats_json, a, out, count);
    *out = v->floats;
    *count = v->float_count;
    return OK;
}

static err append_array(const float *floats, size_t count, struct buf *out)
{
    char text[JSON_FLOAT_LEN_MAX];

    TRY(buf_append_char(out, '['));
    for (size_t i = 0; i < count; i++) {
        size_t len = json_float_write(text, floats[i]);
        if (!len) return ERR_RANGE;
        if (i) TRY(buf_append_char(out, ','));
        TRY(buf_append(out, (str){.ptr = text, .len = len}));
    }
    return buf_append_char(out, ']');
}

static err append_base64(const float *floats, size_t count, struct buf *out)
{
    TRY(buf_append_char(out, '"'));
    TRY(base64_encode(
        out, (str){.ptr = (const char *)(const void *)floats, .len = count * sizeof(*floats)}));
    return buf_append_char(out, '"');
}

static err append_converted(const struct embedding_vector *v, enum embedding_encoding encoding,
                            struct arena *a, struct buf *out)
{
    const float *floats = NULL;
    size_t count = 0;

    TRY(embedding_floats(v, a, &floats, &count));
    return encoding == EMBEDDING_BASE64 ? append_base64(floats, count, out)
                                        : append_array(floats, count, out);
}

err embedding_append(const struct embedding_vector *v, enum embedding_encoding encoding,
                     struct buf *out)
{
    struct arena scratch;

    if (encoding == EMBEDDING_BASE64 && chat_text_is_given(v->base64))
        return chat_text_append(out, v->base64);
    if (encoding != EMBEDDING_BASE64 && v->floats_json.len) return buf_append(out, v->floats_json);
    arena_init(&scratch, 4096);
    err e = append_converted(v, encoding, &scratch, out);
    arena_reset(&scratch);
    return e;
}
