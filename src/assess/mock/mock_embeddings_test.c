#include "assess/mock/mock_embeddings.h"

#include "base/memory.h"
#include "codec/json.h"

#include "support/test.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { DIMENSIONS = 64 };

static double dot(const float *a, const float *b, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

static err embed(str input, bool is_base64, struct buf *out)
{
    struct mock_request req = {.input = input, .is_base64 = is_base64, .dimensions = DIMENSIONS};
    struct mock_say s = {.req = &req, .model = STR("e")};

    buf_init(out, 64 << 20);
    return mock_embeddings_whole(&s, out);
}

TEST(mock_embeddings_are_unit_vectors_of_the_text_alone)
{
    float a[1536];
    float b[1536];
    float again[1536];

    mock_embeddings_vector(STR("a"), a, 1536);
    mock_embeddings_vector(STR("b"), b, 1536);
    mock_embeddings_vector(STR("a"), again, 1536);
    CHECK(memcmp(a, again, sizeof(a)) == 0);
    CHECK(fabs(dot(a, a, 1536) - 1) < 1e-5);
    CHECK(fabs(dot(a, b, 1536)) < 0.2);
}

TEST(mock_embeddings_say_the_same_in_numbers_and_in_base64)
{
    struct buf text;
    struct json_reader r;
    struct json_value v;
    float want[DIMENSIONS];
    char bytes[512];
    size_t at = 0;

    mock_embeddings_vector(STR("q"), want, DIMENSIONS);
    CHECK_EQ(embed(STR("\"q\""), true, &text), OK);
    CHECK_EQ(json_check(buf_view(&text), NULL), OK);
    str rest = buf_view(&text);
    rest = str_sub(rest, str_find(rest, STR("\"embedding\":\"")) + 13, rest.len);
    int len = EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)rest.ptr,
                              (int)str_find_char(rest, '"'));
    CHECK_EQ(len / 4, DIMENSIONS);
    CHECK(memcmp(bytes, want, sizeof(want)) == 0);
    buf_done(&text);
    CHECK_EQ(embed(STR("[\"q\"]"), false, &text), OK);
    rest = buf_view(&text);
    rest = str_sub(rest, str_find(rest, STR("\"embedding\":")) + 12, rest.len);
    rest = str_sub(rest, 0, str_find_char(rest, ']') + 1);
    json_reader_init(&r, rest);
    CHECK_EQ(json_enter(&r), OK);
    while (json_element(&r) == OK) {
        CHECK_EQ(json_value(&r, &v), OK);
        CHECK((float)strtod(v.text.ptr, NULL) == want[at++]);
    }
    CHECK_EQ(at, DIMENSIONS);
    buf_done(&text);
}

TEST(mock_embeddings_take_texts_and_tokens_one_or_many)
{
    static const struct {
        str input;
        size_t count;
    } good[] = {
        {STR_INIT("\"a\""), 1},   {STR_INIT("[\"a\",\"b\"]"), 2},
        {STR_INIT("[1,2,3]"), 1}, {STR_INIT("[[1],[2,3]]"), 2},
        {STR_INIT("[]"), 0},
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct buf text;
        size_t count = 0;
        CHECK_EQ(embed(good[i].input, true, &text), OK);
        str rest = buf_view(&text);
        for (size_t at = 0; (at = str_find(rest, STR("\"index\":"))) < rest.len; count++) {
            rest = str_sub(rest, at + 1, rest.len);
        }
        CHECK_EQ(count, good[i].count);
        buf_done(&text);
    }
}

TEST(mock_embeddings_refuse_other_values_and_too_many)
{
    struct buf text;
    size_t count = MOCK_EMBEDDINGS_INPUTS_MAX + 1;
    char *many = memory_alloc_raw(count * 4 + 1);

    CHECK_EQ(embed(STR("[{}]"), true, &text), ERR_TYPE);
    buf_done(&text);
    CHECK_EQ(embed(STR("[\"a\",true]"), true, &text), ERR_TYPE);
    buf_done(&text);
    for (size_t i = 0; i < count; i++) {
        memcpy(many + 4 * i, i ? ",\"a\"" : "[\"a\"", 4);
    }
    many[4 * count] = ']';
    CHECK_EQ(embed((str){many, 4 * count + 1}, true, &text), ERR_LIMIT);
    buf_done(&text);
    memory_free(many);
}
