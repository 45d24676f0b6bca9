#include "codec/json_float.h"

#include "base/random.h"
#include "codec/json.h"

#include "support/test.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_written(float value, const char *want)
{
    char out[JSON_FLOAT_LEN_MAX];

    CHECK_SAME(((str){out, json_float_write(out, value)}), str_from_c(want));
}

TEST(json_float_is_written_as_people_would)
{
    check_written(0.0F, "0");
    check_written(-0.0F, "-0");
    check_written(1.0F, "1");
    check_written(-1.5F, "-1.5");
    check_written(0.1F, "0.1");
    check_written(100.0F, "100");
    check_written(0.012345F, "0.012345");
    check_written(0.000001F, "0.000001");
    check_written(0.0000001F, "1e-7");
    check_written(-0.00000012F, "-1.2e-7");
    check_written(16777216.0F, "16777216");
    check_written(1e15F, "1000000000000000");
    check_written(3e20F, "3e20");
    check_written(FLT_MAX, "3.4028235e38");
    check_written(FLT_MIN, "1.1754944e-38");
    check_written(FLT_TRUE_MIN, "1e-45");
    check_written(INFINITY, "");
    check_written(NAN, "");
}

static float read_float(const char *text)
{
    float value = 99;

    CHECK_EQ(json_float_read(str_from_c(text), &value), OK);
    return value;
}

TEST(json_float_reads_every_spelling)
{
    CHECK(read_float("0") == 0 && !signbit(read_float("0")) && signbit(read_float("-0.0e5")));
    CHECK(read_float("1") == 1.0F);
    CHECK(read_float("-1.50") == -1.5F);
    CHECK(read_float("15e-1") == 1.5F);
    CHECK(read_float("0.15E+1") == 1.5F);
    CHECK(read_float("-0.006929283495992422") == -0.006929283495992422F);
    CHECK(read_float("0.00000000000000000000000000000000000000000001") == 1e-44F);
    CHECK(read_float("1e-400") == 0);
    CHECK(read_float("340282346638528859811704183484516925440") == FLT_MAX);
    CHECK(read_float("16777217") == 16777216.0F); // the middle of two: to the even one
    CHECK(read_float("16777219") == 16777220.0F);
    CHECK(read_float("16777217.0000000001") == 16777218.0F);           // and just above it
    CHECK(read_float("8.000000476837159") == 8.00000095367431640625F); // as near as a double tells
    CHECK(read_float("1.00000005960464477540") == 1.00000011920928955F);
}

TEST(json_float_refuses_what_is_too_large_or_too_long)
{
    char text[JSON_FLOAT_READ_MAX + 10];
    float value = 7;

    CHECK_EQ(json_float_read(STR("1e39"), &value), ERR_RANGE);
    CHECK_EQ(json_float_read(STR("-1e999999999999"), &value), ERR_RANGE);
    memset(text, '1', sizeof(text));
    CHECK_EQ(json_float_read((str){text, sizeof(text)}, &value), ERR_RANGE);
    text[1] = '.';
    CHECK_EQ(json_float_read((str){text, sizeof(text)}, &value), ERR_RANGE);
    CHECK(value == 7);
    CHECK_EQ(json_float_read((str){text, JSON_FLOAT_READ_MAX}, &value), OK);
    CHECK(value == 1.1111111111F);
}

// How many digits the shortest decimal has that the C library reads back.
static int digits_needed(float value)
{
    char text[64];
    int digits = 1;

    for (; digits < 9; digits++) {
        (void)snprintf(text, sizeof(text), "%.*e", digits - 1, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return digits;
}

static int digits_of(str text)
{
    int count = 0;
    int zeros = 0;

    for (size_t i = 0; i < text.len && text.ptr[i] != 'e'; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') continue;
        zeros = text.ptr[i] == '0' && count ? zeros + 1 : 0;
        if (count || text.ptr[i] != '0') count++;
    }
    return count - zeros;
}

static void check_float(float value)
{
    char out[JSON_FLOAT_LEN_MAX + 1];
    float again = 0;

    str text = {out, json_float_write(out, value)};
    if (!isfinite(value)) return;
    out[text.len] = '\0';
    CHECK(text.len && text.len < JSON_FLOAT_LEN_MAX);
    CHECK_EQ(json_check(text, NULL), OK);
    CHECK_EQ(json_float_read(text, &again), OK);
    CHECK(!memcmp(&again, &value, sizeof(value)));
    CHECK(strtof(out, NULL) == value);
    CHECK((float)strtod(out, NULL) == value);
    if (value != 0) CHECK(digits_of(text) <= digits_needed(value));
}

TEST(json_float_is_as_short_as_can_be_and_reads_back)
{
    struct random random;

    random_init(&random, test_seed());
    for (int i = 0; i < 30'000; i++) {
        uint32_t bits = (uint32_t)random_u64(&random);
        float value;
        memcpy(&value, &bits, sizeof(value));
        check_float(value);
        check_float((float)random_normal(&random) / 32); // as embeddings are
        check_float((float)(random_below(&random, 1000)) / 1000);
    }
}

TEST(json_float_reads_what_the_c_library_reads)
{
    struct random random;
    char text[64];
    float value;

    random_init(&random, test_seed());
    for (int i = 0; i < 30'000; i++) {
        (void)snprintf(text, sizeof(text), "%.*g", (int)(1 + random_below(&random, 20)),
                       random_normal(&random) * pow(10, (double)random_below(&random, 60) - 30));
        CHECK_EQ(json_float_read(str_from_c(text), &value), OK);
        CHECK(value == strtof(text, NULL));
    }
}
