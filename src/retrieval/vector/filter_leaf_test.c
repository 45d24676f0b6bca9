#include "retrieval/vector/filter_leaf.h"

#include "support/test.h"

#include <math.h>

#define I64(number) ((struct column_value){.type = COLUMN_I64, .i64 = (number)})
#define F64(number) ((struct column_value){.type = COLUMN_F64, .f64 = (number)})
#define TEXT(words) ((struct column_value){.type = COLUMN_STRING, .text = STR(words)})

// Whether `value` compares so with `literal`.
static bool compares(struct column_value value, enum filter_comparison how,
                     struct column_value literal)
{
    struct filter_leaf l;

    filter_leaf_init(&l, 0, value.type);
    CHECK(filter_leaf_compares(value.type, literal.type));
    filter_leaf_compare(&l, how, &literal);
    return filter_leaf_takes(&l, &value);
}

// What a value is to a literal, by all five comparisons: '<', '=', '>' or, if none holds, ' '.
static char stand(struct column_value value, struct column_value literal)
{
    bool is_equal = compares(value, FILTER_EQ, literal);
    bool is_below = compares(value, FILTER_LT, literal);
    bool is_above = compares(value, FILTER_GT, literal);

    CHECK(is_equal + is_below + is_above <= 1);
    CHECK_EQ(compares(value, FILTER_LTE, literal), is_below || is_equal);
    CHECK_EQ(compares(value, FILTER_GTE, literal), is_above || is_equal);
    return is_equal ? '=' : is_below ? '<' : is_above ? '>' : ' ';
}

TEST(filter_leaf_compares_i64_with_f64_exactly)
{
    int64_t odd = (INT64_C(1) << 53) + 1; // no f64 is it

    CHECK_EQ(stand(I64(odd), F64(0x1p53)), '>');
    CHECK_EQ(stand(I64(odd - 1), F64(0x1p53)), '=');
    CHECK_EQ(stand(I64(odd), F64(0x1p53 + 2)), '<');
    CHECK_EQ(stand(I64(INT64_MAX), F64(0x1p63)), '<');
    CHECK_EQ(stand(I64(INT64_MIN), F64(-0x1p63)), '=');
    CHECK_EQ(stand(I64(INT64_MIN), F64(-0x1.0000000000001p63)), '>');
    CHECK_EQ(stand(I64(INT64_MIN + 1), F64(-0x1p63)), '>');
    CHECK_EQ(stand(I64(-1), F64(-0.5)), '<');
    CHECK_EQ(stand(I64(0), F64(-0.5)), '>');
    CHECK_EQ(stand(I64(0), F64(5e-324)), '<');
    CHECK_EQ(stand(I64(0), F64(-0.0)), '=');
}

TEST(filter_leaf_compares_f64_with_i64_exactly)
{
    int64_t odd = (INT64_C(1) << 53) + 1;

    CHECK_EQ(stand(F64(0x1p53), I64(odd)), '<');
    CHECK_EQ(stand(F64(0x1p53 + 2), I64(odd)), '>');
    CHECK_EQ(stand(F64(-0x1p53), I64(-odd)), '>');
    CHECK_EQ(stand(F64(0x1p63), I64(INT64_MAX)), '>');
    CHECK_EQ(stand(F64(0x1.fffffffffffffp62), I64(INT64_MAX)), '<');
    CHECK_EQ(stand(F64(-0x1p63), I64(INT64_MIN)), '=');
    CHECK_EQ(stand(F64((double)INFINITY), I64(INT64_MAX)), '>');
    CHECK_EQ(stand(F64(-(double)INFINITY), I64(INT64_MIN)), '<');
    CHECK_EQ(stand(F64(-0.0), I64(0)), '=');
}

TEST(filter_leaf_takes_nan_only_where_presence_is_asked_for)
{
    struct column_value nan = F64((double)NAN);
    struct filter_leaf l;

    CHECK_EQ(stand(nan, F64(0)), ' ');
    CHECK_EQ(stand(nan, I64(0)), ' ');
    filter_leaf_init(&l, 0, COLUMN_F64);
    CHECK(!filter_leaf_takes(&l, &nan));
    filter_leaf_init_present(&l, 0, COLUMN_F64);
    CHECK(filter_leaf_takes(&l, &nan));
    CHECK(!filter_leaf_takes(&l, &(struct column_value){.type = COLUMN_ABSENT}));
}

TEST(filter_leaf_orders_texts_by_their_bytes)
{
    CHECK_EQ(stand(TEXT("a"), TEXT("a")), '=');
    CHECK_EQ(stand(TEXT("a"), TEXT("aa")), '<');
    CHECK_EQ(stand(TEXT(""), TEXT("a")), '<');
    CHECK_EQ(stand(TEXT("a"), TEXT("B")), '>');
    CHECK_EQ(stand(TEXT("\xc3\xa9"), TEXT("z")), '>');
}

TEST(filter_leaf_compares_numbers_with_numbers_and_else_like_with_like)
{
    CHECK(filter_leaf_compares(COLUMN_I64, COLUMN_F64));
    CHECK(filter_leaf_compares(COLUMN_F64, COLUMN_I64));
    CHECK(!filter_leaf_compares(COLUMN_I64, COLUMN_BOOL));
    CHECK(!filter_leaf_compares(COLUMN_STRING, COLUMN_I64));
    CHECK(filter_leaf_compares(COLUMN_STRING, COLUMN_STRING));
}

TEST(filter_leaf_keeps_of_a_list_what_lies_in_the_range)
{
    struct column_value list[] = {I64(9), I64(3), F64(3.0), F64(4.5), I64(5), I64(-1)};
    struct filter_leaf l;
    struct arena arena;

    arena_init(&arena, 1024);
    filter_leaf_init(&l, 0, COLUMN_I64);
    filter_leaf_compare(&l, FILTER_LT, &I64(9));
    filter_leaf_compare(&l, FILTER_GTE, &I64(0));
    filter_leaf_list(&l, list, 6, &arena);
    CHECK_EQ(l.count, 2); // 3 once, and 5
    CHECK(filter_leaf_takes(&l, &I64(3)) && filter_leaf_takes(&l, &I64(5)));
    CHECK(!filter_leaf_takes(&l, &I64(4)) && !filter_leaf_takes(&l, &I64(9)));
    CHECK(!filter_leaf_takes(&l, &I64(-1)));
    filter_leaf_init(&l, 0, COLUMN_I64);
    filter_leaf_list(&l, &list[3], 1, &arena); // no i64 is 4.5
    CHECK_EQ(l.test, FILTER_NEVER);
    arena_reset(&arena);
}

TEST(filter_leaf_finds_keys_of_lists_of_any_length)
{
    uint64_t keys[20];

    for (uint32_t count = 0; count <= 20; count++) {
        for (uint32_t i = 0; i < count; i++) {
            keys[i] = 2 * i + 1;
        }
        for (uint64_t key = 0; key <= 2 * count + 1; key++) {
            CHECK_EQ(filter_leaf_has_key(keys, count, key), key % 2 && key < 2 * count);
        }
    }
}
