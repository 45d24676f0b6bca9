#include "provider/embedding.h"

#include "base/random.h"

#include "support/test.h"

#include <math.h>

enum { TEXT_MAX = 1 << 18 };

// 1, -2.5 and 0.1 in either form.
#define LETTERS "\"AACAPwAAIMDNzMw9\""
#define NUMBERS "[1,-2.5,0.1]"

TEST(embedding_writes_floats_as_they_are)
{
    static const float floats[] = {1, -2.5F, 0.1F};
    static const float bad[] = {NAN};
    struct embedding_vector v = {.floats = floats, .float_count = 3};
    struct buf out;

    buf_init(&out, TEXT_MAX);
    CHECK_EQ(embedding_append(&v, EMBEDDING_BASE64, &out), OK);
    CHECK_EQ(embedding_append(&v, EMBEDDING_FLOAT, &out), OK);
    CHECK_STR(buf_view(&out), LETTERS NUMBERS);
    v.floats = bad;
    v.float_count = 1;
    CHECK_EQ(embedding_append(&v, EMBEDDING_FLOAT, &out), ERR_RANGE);
    CHECK_EQ(embedding_append(&v, EMBEDDING_BASE64, &out), OK);
    buf_done(&out);
}

TEST(embedding_bounds_a_vector)
{
    struct embedding_vector v = {.index = 0};
    struct buf numbers;
    struct buf out;

    buf_init(&numbers, TEXT_MAX);
    buf_init(&out, 2 * TEXT_MAX);
    CHECK_EQ(buf_append_char(&numbers, '['), OK);
    for (int i = 0; i < EMBEDDING_FLOATS_MAX; i++) {
        CHECK_EQ(buf_append(&numbers, i ? STR(",0") : STR("0")), OK);
    }
    CHECK_EQ(buf_append_char(&numbers, ']'), OK);
    v.floats_json = buf_view(&numbers);
    CHECK_EQ(embedding_append(&v, EMBEDDING_BASE64, &out), OK);
    buf_clear(&out);
    numbers.end--;
    CHECK_EQ(buf_append(&numbers, STR(",0]")), OK);
    v.floats_json = buf_view(&numbers);
    CHECK_EQ(embedding_append(&v, EMBEDDING_BASE64, &out), ERR_LIMIT);
    buf_done(&out);
    buf_done(&numbers);
}

TEST(embedding_survives_the_way_there_and_back)
{
    struct random random;
    struct buf there;
    struct buf back;
    struct buf first;

    random_init(&random, test_seed());
    for (int round = 0; round < 200; round++) {
        float floats[64];
        struct embedding_vector v = {.floats = floats, .float_count = 64};
        struct embedding_vector again = {.index = 0};
        for (size_t i = 0; i < 64; i++) {
            floats[i] = (float)random_normal(&random) / 32;
        }
        buf_init(&first, TEXT_MAX);
        buf_init(&there, TEXT_MAX);
        buf_init(&back, TEXT_MAX);
        CHECK_EQ(embedding_append(&v, EMBEDDING_BASE64, &first), OK);
        CHECK_EQ(embedding_append(&v, EMBEDDING_FLOAT, &there), OK);
        again.floats_json = buf_view(&there);
        CHECK_EQ(embedding_append(&again, EMBEDDING_BASE64, &back), OK);
        CHECK_SAME(buf_view(&back), buf_view(&first));
        buf_done(&back);
        buf_done(&there);
        buf_done(&first);
    }
}
