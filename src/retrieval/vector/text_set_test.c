#include "retrieval/vector/text_set.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

// Sorts, and checks that every number is there and the texts ascend without a repetition.
static void check_sorted(const struct text_set *s)
{
    uint32_t *numbers = memory_alloc(sizeof(*numbers) * (s->count + 1));

    text_set_sort(s, numbers);
    for (uint32_t i = 1; i < s->count; i++) {
        str before = text_set_get(s, numbers[i - 1]);
        CHECK(str_compare(before, text_set_get(s, numbers[i])) < 0);
    }
    memory_free(numbers);
}

TEST(text_set_keeps_each_text_once)
{
    struct text_set s;
    uint32_t number = 9;

    text_set_init(&s, 1);
    check_sorted(&s);
    CHECK_EQ(text_set_add(&s, STR("b"), &number), OK);
    CHECK_EQ(number, 0);
    CHECK_EQ(text_set_add(&s, STR(""), &number), OK);
    CHECK_EQ(text_set_add(&s, STR("a"), &number), OK);
    CHECK_EQ(number, 2);
    CHECK_EQ(text_set_add(&s, STR("b"), &number), OK);
    CHECK_EQ(number, 0);
    CHECK_EQ(s.count, 3);
    CHECK_EQ(s.text_bytes, 2);
    CHECK_STR(text_set_get(&s, 2), "a");
    check_sorted(&s);
    text_set_done(&s);
}

TEST(text_set_sorts_texts_that_begin_alike_and_hold_any_byte)
{
    struct random r;
    struct text_set s;
    char text[40];
    uint32_t number;

    random_init(&r, test_seed());
    for (int turn = 0; turn < 20; turn++) {
        text_set_init(&s, random_u64(&r));
        size_t letters = 1 + random_below(&r, 3);
        for (int i = 0; i < 3000; i++) {
            size_t len = random_below(&r, sizeof(text));
            memset(text, 0, sizeof(text));
            for (size_t j = random_below(&r, len + 1); j < len; j++) {
                text[j] = (char)(random_below(&r, letters) * 255 / 2);
            }
            CHECK_EQ(text_set_add(&s, (str){text, len}, &number), OK);
            CHECK_SAME(text_set_get(&s, number), ((str){text, len}));
        }
        check_sorted(&s);
        text_set_done(&s);
    }
}

TEST(text_set_goes_over_many_chunks)
{
    static char text[60'000];
    struct text_set s;
    uint32_t number;

    text_set_init(&s, 5);
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, 8, "%07d", i * 7919 % 100);
        CHECK_EQ(text_set_add(&s, (str){text, sizeof(text)}, &number), OK);
        CHECK_EQ(number, i);
    }
    CHECK(s.chunk_count >= 6);
    check_sorted(&s);
    CHECK_STR(str_sub(text_set_get(&s, 1), 0, 7), "0000019");
    text_set_done(&s);
}
