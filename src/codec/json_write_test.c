#include "codec/json_write.h"

#include "base/random.h"
#include "codec/json.h"
#include "codec/utf8.h"

#include "support/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TEST(json_write_places_commas_and_colons)
{
    struct buf b;
    struct json_writer w;

    buf_init(&b, 1000);
    json_write_init(&w, &b);
    json_write_object(&w);
    json_write_key(&w, STR("a"));
    json_write_u64(&w, 1);
    json_write_key(&w, STR("b"));
    json_write_array(&w);
    json_write_null(&w);
    json_write_bool(&w, true);
    json_write_bool(&w, false);
    json_write_object(&w);
    json_write_object_end(&w);
    json_write_array(&w);
    json_write_array_end(&w);
    json_write_raw(&w, STR("[ 1 ]"));
    json_write_array_end(&w);
    json_write_key(&w, STR("c\n"));
    json_write_object(&w);
    json_write_key(&w, STR(""));
    json_write_str(&w, STR("x"));
    json_write_object_end(&w);
    json_write_object_end(&w);
    CHECK_EQ(w.error, OK);
    CHECK_STR(buf_view(&b), "{\"a\":1,\"b\":[null,true,false,{},[],[ 1 ]],\"c\\n\":{\"\":\"x\"}}");
    CHECK_EQ(json_check(buf_view(&b), NULL), OK);
    buf_done(&b);
}

TEST(json_write_nests_to_its_limit)
{
    struct buf b;
    struct json_writer w;

    buf_init(&b, 8192);
    json_write_init(&w, &b);
    for (int i = 0; i < JSON_WRITE_DEPTH_MAX; i++) {
        if (i % 2) {
            json_write_object(&w);
            json_write_key(&w, STR("k"));
        } else {
            json_write_array(&w);
            json_write_null(&w);
        }
    }
    json_write_null(&w);
    for (int i = JSON_WRITE_DEPTH_MAX - 1; i >= 0; i--) {
        if (i % 2) {
            json_write_object_end(&w);
        } else {
            json_write_u64(&w, 2);
            json_write_array_end(&w);
        }
    }
    CHECK_EQ(w.error, OK);
    CHECK_EQ(json_check(buf_view(&b), NULL), OK);
    CHECK(str_starts(buf_view(&b), STR("[null,{\"k\":[null,{\"k\":")));
    CHECK(str_ends(buf_view(&b), STR("},2]},2]")));
    buf_done(&b);
}

TEST(json_write_keeps_the_first_failure_and_stops)
{
    struct buf b;
    struct json_writer w;

    buf_init(&b, 8);
    json_write_init(&w, &b);
    json_write_array(&w);
    json_write_str(&w, STR("far too long"));
    CHECK_EQ(w.error, ERR_LIMIT);
    size_t len = buf_len(&b);
    json_write_u64(&w, 1);
    json_write_array_end(&w);
    CHECK_EQ(w.error, ERR_LIMIT);
    CHECK_EQ(buf_len(&b), len);
    buf_done(&b);
}

static void check_quoted(str value, str want)
{
    struct buf b;

    buf_init(&b, want.len);
    CHECK_EQ(json_write_quoted(&b, value), OK);
    CHECK_SAME(buf_view(&b), want);
    CHECK_EQ(json_check(buf_view(&b), NULL), OK);
    buf_done(&b);
    buf_init(&b, want.len - 1);
    CHECK_EQ(json_write_quoted(&b, value), ERR_LIMIT);
    buf_done(&b);
}

TEST(json_write_quoted_escapes_what_must_be)
{
    check_quoted(STR(""), STR("\"\""));
    check_quoted(STR("plain / \x7f"), STR("\"plain / \x7f\""));
    check_quoted(STR("\"\\\b\f\n\r\t"), STR("\"\\\"\\\\\\b\\f\\n\\r\\t\""));
    check_quoted(STR("\0\x01\x0b\x1f"), STR("\"\\u0000\\u0001\\u000b\\u001f\""));
    check_quoted(STR("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
                 STR("\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""));
}

TEST(json_write_quoted_replaces_invalid_utf8)
{
    check_quoted(STR("a\xff"), STR("\"a\xef\xbf\xbd\""));
    check_quoted(STR("\xe2\x82"), STR("\"\xef\xbf\xbd\""));
    check_quoted(STR("\xe2\x82z"), STR("\"\xef\xbf\xbdz\""));
    check_quoted(STR("\xc0\xaf"), STR("\"\xef\xbf\xbd\xef\xbf\xbd\""));
    check_quoted(STR("\xed\xa0\x80"), STR("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
    check_quoted(STR("\xf0\x9f\x98\""), STR("\"\xef\xbf\xbd\\\"\""));
}

TEST(json_write_quoted_reads_back_whatever_was_written)
{
    struct random random;
    struct buf b;
    char bytes[600];
    static const char often[] = "\"\\\n\x01\x1f\xc3\xa9\xe2\x82\xac aaaaaaaaaaaaaaaaa";

    random_init(&random, test_seed());
    buf_init(&b, 6 * sizeof(bytes) + 2);
    for (int round = 0; round < 5000; round++) {
        struct arena arena;
        struct json_value v = {.kind = JSON_STRING};
        size_t len = random_below(&random, sizeof(bytes));
        uint64_t any_in = 1 + random_below(&random, 60);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = random_below(&random, any_in)
                           ? often[random_below(&random, sizeof(often) - 1)]
                           : (char)random_below(&random, 256);
        }
        str value = {.ptr = bytes, .len = len};
        buf_clear(&b);
        CHECK_EQ(json_write_quoted(&b, value), OK);
        v.text = buf_view(&b);
        CHECK_EQ(json_check(v.text, NULL), OK);
        arena_init(&arena, 4096);
        str back = json_decode(json_raw(v), &arena);
        CHECK(utf8_is_valid(back));
        if (utf8_is_valid(value)) CHECK_SAME(back, value);
        arena_reset(&arena);
    }
    buf_done(&b);
}

TEST(json_write_i64_reaches_both_ends)
{
    struct buf b;
    struct json_writer w;

    buf_init(&b, 200);
    json_write_init(&w, &b);
    json_write_array(&w);
    json_write_i64(&w, INT64_MIN);
    json_write_i64(&w, -1);
    json_write_i64(&w, 0);
    json_write_i64(&w, INT64_MAX);
    json_write_u64(&w, UINT64_MAX);
    json_write_array_end(&w);
    CHECK_STR(buf_view(&b), "[-9223372036854775808,-1,0,9223372036854775807,18446744073709551615]");
    buf_done(&b);
}

static void check_double(double value, str want)
{
    struct buf b;
    struct json_writer w;

    buf_init(&b, 100);
    json_write_init(&w, &b);
    json_write_double(&w, value);
    CHECK_EQ(w.error, OK);
    CHECK_SAME(buf_view(&b), want);
    CHECK_EQ(json_check(buf_view(&b), NULL), OK);
    buf_done(&b);
}

TEST(json_write_double_takes_as_few_digits_as_read_back)
{
    check_double(0, STR("0"));
    check_double(-0.0, STR("-0"));
    check_double(1, STR("1"));
    check_double(0.7, STR("0.7"));
    check_double(0.1 + 0.2, STR("0.30000000000000004"));
    check_double(-1.5e300, STR("-1.5e+300"));
    check_double(1e-7, STR("1e-07"));
    check_double(123456789, STR("123456789"));
    check_double(DBL_TRUE_MIN, STR("5e-324"));
    check_double(DBL_MAX, STR("1.7976931348623157e+308"));
    check_double(1e21, STR("1e+21"));
}

static void check_float(float value, str want)
{
    struct buf b;
    struct json_writer w;

    buf_init(&b, 100);
    json_write_init(&w, &b);
    json_write_float(&w, value);
    CHECK_EQ(w.error, OK);
    CHECK_SAME(buf_view(&b), want);
    buf_done(&b);
}

TEST(json_write_float_takes_as_few_digits_as_read_back)
{
    check_float(0, STR("0"));
    check_float(0.1F, STR("0.1"));
    check_float(-0.1F, STR("-0.1"));
    check_float(16777216, STR("16777216"));
    check_float(0.30000001F, STR("0.3"));
    check_float(0.33333334F, STR("0.33333334"));
    check_float(3.4028235e38F, STR("3.4028235e+38"));
    check_float(1e-45F, STR("1e-45"));
    check_float(__builtin_inff(), STR("null"));
}

TEST(json_write_double_writes_null_for_what_json_cannot_say)
{
    check_double((double)INFINITY, STR("null"));
    check_double(-(double)INFINITY, STR("null"));
    check_double((double)NAN, STR("null"));
}

TEST(json_write_double_reads_back_exactly)
{
    struct random random;
    struct buf b;

    random_init(&random, test_seed());
    buf_init(&b, 100);
    for (int round = 0; round < 5000; round++) {
        struct json_writer w;
        uint64_t bits = random_u64(&random);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value)) continue;
        buf_clear(&b);
        json_write_init(&w, &b);
        json_write_double(&w, value);
        CHECK_EQ(json_check(buf_view(&b), NULL), OK);
        CHECK_EQ(buf_append_char(&b, '\0'), OK);
        CHECK(strtod(buf_view(&b).ptr, NULL) == value);
    }
    buf_done(&b);
}
