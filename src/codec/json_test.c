#include "codec/json.h"

#include "base/buf.h"
#include "codec/utf8.h"

#include "support/json_walk.h"
#include "support/test.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20 };

// Both ways through a text, the same verdict at the same byte.
static err verdict(str text, size_t *error_at)
{
    size_t checked_at = 0;
    size_t walked_at = 0;
    err e = json_check(text, &checked_at);

    if (json_walk(text, &walked_at) != e || checked_at != walked_at)
        test_fail(__FILE__, __LINE__, "%s at %zu, walked %zu: %" STR_FMT, err_name(e), checked_at,
                  walked_at, STR_ARG(str_sub(text, 0, 60)));
    if (error_at) *error_at = checked_at;
    return e;
}

static const str accepted[] = {
    // Each kind alone, as a whole text.
    STR_INIT("null"),
    STR_INIT("true"),
    STR_INIT("false"),
    STR_INIT("7"),
    STR_INIT("\"\""),
    STR_INIT("[]"),
    STR_INIT("{}"),
    // White space of all four sorts, wherever it may stand.
    STR_INIT(" \t\r\n{ \"k\" : [ 1 , 2 ] , \"l\" : { } } \n"),
    STR_INIT("[ ]"),
    STR_INIT("{\n}"),
    STR_INIT("\r\n\"x\"\r\n"),
    // Numbers.
    STR_INIT("0"),
    STR_INIT("-0"),
    STR_INIT("-1"),
    STR_INIT("10"),
    STR_INIT("0.0"),
    STR_INIT("-0.25"),
    STR_INIT("1e5"),
    STR_INIT("1E+05"),
    STR_INIT("0e0"),
    STR_INIT("12.50e-007"),
    STR_INIT("[0,1.5,-2e9]"),
    STR_INIT("1e999999"),
    STR_INIT("123456789012345678901234567890123456789012345678901234567890"),
    STR_INIT("-0.00000000000000000000000000000000000000000000000001"),
    // Strings: escapes, surrogates in pairs and alone, DEL, noncharacters, the edges of UTF-8.
    STR_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    STR_INIT("\"\\u0000\\u001F\\uabCD\""),
    STR_INIT("\"\\ud834\\udd1e\""),
    STR_INIT("\"\\ud834\""),
    STR_INIT("\"\\udd1e\\ud834\""),
    STR_INIT("\"\x7f\""),
    STR_INIT("\"\xef\xbf\xbf\xf4\x8f\xbf\xbf\""),
    STR_INIT("\"\\\\u00zz\""),
    STR_INIT("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\""),
    STR_INIT("\"// no comment /* here */\""),
    STR_INIT("\"\xe2\x80\xa8\""),
    STR_INIT("\"a byte order mark within: \xef\xbb\xbf\""),
    // Objects: empty, escaped and repeated keys.
    STR_INIT("{\"\":0}"),
    STR_INIT("{\"a\":1,\"a\":2,\"\\u0061\":3}"),
    STR_INIT("{\"\\n\":[]}"),
    STR_INIT("{\"a\":{\"b\":{\"c\":[{},[],\"\"]}}}"),
    STR_INIT("[[[],[{}]],{}]"),
    STR_INIT("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"),
};

// With the byte at which each is found out.
static const struct {
    str text;
    size_t at;
} rejected[] = {
    // Nothing, and nothing but space.
    {STR_INIT(""), 0},
    {STR_INIT(" \n"), 2},
    // More than one value; anything after it.
    {STR_INIT("1 2"), 2},
    {STR_INIT("{}{}"), 2},
    {STR_INIT("[]]"), 2},
    {STR_INIT("\"a\"x"), 3},
    {STR_INIT("null,"), 4},
    {STR_INIT("{}#"), 2},
    {STR_INIT("1\0"), 1},
    // Byte order marks, other encodings, other spaces.
    {STR_INIT("\xef\xbb\xbf{}"), 0},
    {STR_INIT("\xfe\xff\0[\0]"), 0},
    {STR_INIT("[\0]\0"), 1},
    {STR_INIT("\xc2\xa0[]"), 0},
    {STR_INIT("[\f]"), 1},
    {STR_INIT("[\v1]"), 1},
    {STR_INIT("\xe2\x81\xa0"), 0},
    {STR_INIT("[1]\xe3\x80\x80"), 3},
    // Words.
    {STR_INIT("nul"), 3},
    {STR_INIT("True"), 0},
    {STR_INIT("falsy"), 4},
    {STR_INIT("nulL"), 3},
    {STR_INIT("truer"), 4},
    {STR_INIT("NaN"), 0},
    {STR_INIT("undefined"), 0},
    {STR_INIT("Infinity"), 0},
    {STR_INIT("-Infinity"), 1},
    {STR_INIT("[true false]"), 6},
    {STR_INIT("t"), 1},
    {STR_INIT("\xef\xbd\x8e"), 0},
    // Numbers.
    {STR_INIT("01"), 1},
    {STR_INIT("-01"), 2},
    {STR_INIT("-"), 1},
    {STR_INIT("+1"), 0},
    {STR_INIT(".5"), 0},
    {STR_INIT("1."), 2},
    {STR_INIT("1.e3"), 2},
    {STR_INIT("1e"), 2},
    {STR_INIT("1e+"), 3},
    {STR_INIT("1e1.5"), 3},
    {STR_INIT("0x1F"), 1},
    {STR_INIT("--1"), 1},
    {STR_INIT("1_000"), 1},
    {STR_INIT("1 000"), 2},
    {STR_INIT("[1.2.3]"), 4},
    {STR_INIT("-a"), 1},
    {STR_INIT("[0e+-1]"), 4},
    {STR_INIT("[1ea]"), 3},
    {STR_INIT("[-]"), 2},
    {STR_INIT("0e"), 2},
    {STR_INIT("1\xef\xbc\x91"), 1},
    {STR_INIT("[1+2]"), 2},
    {STR_INIT("-.1"), 1},
    // Strings: quotes, control characters, escapes, UTF-8.
    {STR_INIT("\""), 1},
    {STR_INIT("\"abc"), 4},
    {STR_INIT("'a'"), 0},
    {STR_INIT("[\"a]"), 4},
    {STR_INIT("\"a\nb\""), 2},
    {STR_INIT("\"\t\""), 1},
    {STR_INIT("\"\0\""), 1},
    {STR_INIT("\"\x1f\""), 1},
    {STR_INIT("\"\\x41\""), 1},
    {STR_INIT("\"\\'\""), 1},
    {STR_INIT("\"\\u12\""), 1},
    {STR_INIT("\"\\u12G4\""), 1},
    {STR_INIT("\"\\U0041\""), 1},
    {STR_INIT("\"\\"), 1},
    {STR_INIT("\"\\\""), 3},
    {STR_INIT("\"\\\\\\\""), 5},
    {STR_INIT("\"\\ud834\\u\""), 7},
    {STR_INIT("\"\\ud834\\"), 7},
    {STR_INIT("\"\\\n\""), 1},
    {STR_INIT("\"\\\0\""), 1},
    {STR_INIT("\"\x80\""), 1},
    {STR_INIT("\"\xc0\xaf\""), 1},
    {STR_INIT("\"\xe0\x80\xaf\""), 1},
    {STR_INIT("\"\xed\xa0\x80\""), 1},
    {STR_INIT("\"\xf4\x90\x80\x80\""), 1},
    {STR_INIT("\"\xff\""), 1},
    {STR_INIT("\"a\xe9\""), 2},
    {STR_INIT("\"\xf0\x9f\x98\""), 1},
    {STR_INIT("\"\xe2\x82"), 1},
    {STR_INIT("\\n"), 0},
    {STR_INIT("[\\u0020\"a\"]"), 1},
    {STR_INIT("\xe9"), 0},
    {STR_INIT("[\"\\\xe5\"]"), 2},
    // Arrays.
    {STR_INIT("["), 1},
    {STR_INIT("[1"), 2},
    {STR_INIT("[1,"), 3},
    {STR_INIT("[1,]"), 3},
    {STR_INIT("[,1]"), 1},
    {STR_INIT("[,]"), 1},
    {STR_INIT("[1,,2]"), 3},
    {STR_INIT("[1 2]"), 3},
    {STR_INIT("[1}"), 2},
    {STR_INIT("]"), 0},
    {STR_INIT("[1:2]"), 2},
    {STR_INIT("[1;2]"), 2},
    {STR_INIT("[\"a\":1]"), 4},
    {STR_INIT("[[1]"), 4},
    {STR_INIT("[[]}"), 3},
    {STR_INIT("[*]"), 1},
    {STR_INIT("[1,\n2\n,3"), 8},
    {STR_INIT("[...]"), 1},
    // Objects.
    {STR_INIT("{"), 1},
    {STR_INIT("{\"a\""), 4},
    {STR_INIT("{\"a\":"), 5},
    {STR_INIT("{\"a\":1"), 6},
    {STR_INIT("{\"a\":1,}"), 7},
    {STR_INIT("{,}"), 1},
    {STR_INIT("{\"a\"}"), 4},
    {STR_INIT("{\"a\",1}"), 4},
    {STR_INIT("{\"a\":}"), 5},
    {STR_INIT("{\"a\"::1}"), 5},
    {STR_INIT("{\"a\":1 \"b\":2}"), 7},
    {STR_INIT("{\"a\":1,,\"b\":2}"), 7},
    {STR_INIT("{a:1}"), 1},
    {STR_INIT("{1:1}"), 1},
    {STR_INIT("{null:1}"), 1},
    {STR_INIT("{'a':1}"), 1},
    {STR_INIT("{[]:1}"), 1},
    {STR_INIT("{\"a\":1]"), 6},
    {STR_INIT("}"), 0},
    {STR_INIT("{\"a\" 1}"), 5},
    {STR_INIT("{\"a\":1}}"), 7},
    {STR_INIT("{\"a\":{\"b\":1]}"), 11},
    {STR_INIT("{\"a\n\":1}"), 3},
    {STR_INIT("{\"a\":b}"), 5},
    {STR_INIT("{\"a\":1:2}"), 6},
    {STR_INIT("{\"a\\z\":1}"), 3},
    {STR_INIT("{{}:1}"), 1},
    {STR_INIT("{\"a\"=1}"), 4},
    {STR_INIT("{\"\xff\":1}"), 2},
    // Comments and other extensions.
    {STR_INIT("/**/1"), 0},
    {STR_INIT("[1//\n]"), 2},
    {STR_INIT("{\"a\":1}/*"), 7},
    {STR_INIT("#\n1"), 0},
    {STR_INIT("(1)"), 0},
    {STR_INIT("<null>"), 0},
    {STR_INIT("`a`"), 0},
    {STR_INIT("abc"), 0},
    {STR_INIT("[a]"), 1},
    {STR_INIT("*"), 0},
    {STR_INIT("$"), 0},
};

TEST(json_accepts_every_form_of_the_grammar)
{
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        size_t at = 0;
        err e = verdict(accepted[i], &at);
        if (e) test_fail(__FILE__, __LINE__, "refused at %zu: %" STR_FMT, at, STR_ARG(accepted[i]));
    }
}

TEST(json_rejects_what_is_not_json_at_the_offending_byte)
{
    for (size_t i = 0; i < sizeof(rejected) / sizeof(rejected[0]); i++) {
        size_t at = 0;
        err e = verdict(rejected[i].text, &at);
        if (e != ERR_SYNTAX || at != rejected[i].at)
            test_fail(__FILE__, __LINE__, "%s at %zu: %" STR_FMT, err_name(e), at,
                      STR_ARG(rejected[i].text));
    }
}

// Each text is copied to memory of its very size, so that AddressSanitizer sees a read behind it.
TEST(json_rejects_every_beginning_of_a_text_without_reading_behind_it)
{
    str text =
        STR("{\"model\":\"caf\xc3\xa9 \xf0\x9f\x98\x80\",\"n\":[-1.5e+3,true,false,null,"
            "{\"\":\"\\u00e9 \\ud83d\\ude00 and a plain end of some length\\n\"}],\"z\":{}}");

    for (size_t len = 0; len <= text.len; len++) {
        struct arena arena;
        size_t at = 0;
        arena_init(&arena, 64);
        char *copy = arena_alloc_raw(&arena, len);
        memcpy(copy, text.ptr, len);
        err e = verdict((str){.ptr = copy, .len = len}, &at);
        CHECK_EQ(e, len == text.len ? OK : ERR_SYNTAX);
        CHECK(e == OK || at <= len);
        arena_reset(&arena);
    }
}

// A text of `depth` arrays, or objects, within each other.
static str nested(struct buf *b, int depth, bool is_object)
{
    buf_clear(b);
    for (int i = 0; i < depth; i++) {
        CHECK_EQ(buf_append(b, is_object ? STR("{\"a\":") : STR("[")), OK);
    }
    CHECK_EQ(buf_append_char(b, '0'), OK);
    for (int i = 0; i < depth; i++) {
        CHECK_EQ(buf_append_char(b, is_object ? '}' : ']'), OK);
    }
    return buf_view(b);
}

TEST(json_nests_to_its_limit_and_no_deeper)
{
    struct buf b;
    size_t at = 0;

    buf_init(&b, 1 << 21);
    for (int is_object = 0; is_object <= 1; is_object++) {
        CHECK_EQ(verdict(nested(&b, 1, is_object), &at), OK);
        CHECK_EQ(verdict(nested(&b, 65, is_object), &at), OK);
        CHECK_EQ(verdict(nested(&b, JSON_DEPTH_MAX, is_object), &at), OK);
        CHECK_EQ(verdict(nested(&b, JSON_DEPTH_MAX + 1, is_object), &at), ERR_LIMIT);
        CHECK_EQ(at, JSON_DEPTH_MAX * (is_object ? 5 : 1));
        CHECK_EQ(verdict(nested(&b, 200'000, is_object), &at), ERR_LIMIT);
    }
    buf_done(&b);
}

TEST(json_counts_entered_levels_towards_the_limit)
{
    struct json_reader r;
    struct json_value v;
    struct buf b;

    buf_init(&b, 1 << 12);
    json_reader_init(&r, nested(&b, JSON_DEPTH_MAX + 1, false));
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(json_enter(&r), OK);
        CHECK_EQ(json_element(&r), OK);
    }
    CHECK_EQ(json_value(&r, &v), ERR_LIMIT);
    CHECK_EQ(r.at, JSON_DEPTH_MAX);
    buf_done(&b);
}

TEST(json_keeps_mixed_levels_apart)
{
    CHECK_EQ(verdict(STR("[{\"a\":[{\"b\":[[],{}]},1]},2]"), NULL), OK);
    CHECK_EQ(verdict(STR("[{\"a\":[{\"b\":[[],{}}},1]},2]"), NULL), ERR_SYNTAX);
    CHECK_EQ(verdict(STR("[{\"a\":[{},1}]]"), NULL), ERR_SYNTAX);
    CHECK_EQ(verdict(STR("{\"a\":[],1}"), NULL), ERR_SYNTAX);
    CHECK_EQ(verdict(STR("[{},\"a\":1]"), NULL), ERR_SYNTAX);
}

TEST(json_reader_hands_out_slices_of_the_text)
{
    struct json_reader r;
    struct json_value v;
    enum json_kind kind;
    str key;

    json_reader_init(
        &r, STR(" {\"model\" : \"m\\n\" , \"n\":[1, 2.5],\"o\": {\"p\":null} , \"q\":true}"));
    CHECK_EQ(json_enter(&r), OK);
    CHECK_EQ(json_member(&r, &key), OK);
    CHECK_STR(key, "model");
    CHECK_EQ(json_peek(&r, &kind), OK);
    CHECK_EQ(kind, JSON_STRING);
    CHECK_EQ(json_value(&r, &v), OK);
    CHECK_EQ(v.kind, JSON_STRING);
    CHECK_STR(v.text, "\"m\\n\"");
    CHECK_STR(json_raw(v), "m\\n");
    CHECK_EQ(json_member(&r, &key), OK);
    CHECK_EQ(json_value(&r, &v), OK);
    CHECK_EQ(v.kind, JSON_ARRAY);
    CHECK_STR(v.text, "[1, 2.5]");
    CHECK_EQ(json_member(&r, &key), OK);
    CHECK_EQ(json_value(&r, &v), OK);
    CHECK_EQ(v.kind, JSON_OBJECT);
    CHECK_STR(v.text, "{\"p\":null}");
    CHECK_EQ(json_member(&r, &key), OK);
    CHECK_EQ(json_value(&r, &v), OK);
    CHECK_EQ(v.kind, JSON_TRUE);
    CHECK_EQ(json_member(&r, &key), ERR_EOF);
    CHECK_EQ(json_end(&r), OK);
}

TEST(json_member_passes_what_the_caller_left_unread)
{
    struct json_reader r;
    struct json_value v;
    str key;

    json_reader_init(&r, STR("{\"a\":[1,{\"model\":2}],\"b\":{\"c\":1},\"model\":\"x\"}"));
    CHECK_EQ(json_enter(&r), OK);
    do {
        CHECK_EQ(json_member(&r, &key), OK);
    } while (!json_string_is(key, STR("model")));
    CHECK_EQ(json_value(&r, &v), OK);
    CHECK_STR(v.text, "\"x\"");
    CHECK_EQ(json_member(&r, &key), ERR_EOF);
    CHECK_EQ(json_end(&r), OK);

    json_reader_init(&r, STR("[1,[2],3]"));
    CHECK_EQ(json_enter(&r), OK);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(json_element(&r), OK);
    }
    CHECK_EQ(json_element(&r), ERR_EOF);
    CHECK_EQ(json_end(&r), OK);

    json_reader_init(&r, STR("{\"a\":[1,],\"b\":2}"));
    CHECK_EQ(json_enter(&r), OK);
    CHECK_EQ(json_member(&r, &key), OK);
    CHECK_EQ(json_member(&r, &key), ERR_SYNTAX);
    CHECK_EQ(r.at, 8);
}

TEST(json_reader_goes_on_behind_what_it_entered)
{
    struct json_reader r;
    struct json_value v;
    str key;

    json_reader_init(&r, STR("[[],{},{\"a\":[7]},8]"));
    CHECK_EQ(json_enter(&r), OK);
    CHECK_EQ(json_element(&r), OK);
    CHECK_EQ(json_enter(&r), OK);
    CHECK_EQ(json_element(&r), ERR_EOF);
    CHECK_EQ(json_element(&r), OK);
    CHECK_EQ(json_enter(&r), OK);
    CHECK_EQ(json_member(&r, &key), ERR_EOF);
    CHECK_EQ(json_element(&r), OK);
    CHECK_EQ(json_enter(&r), OK);
    CHECK_EQ(json_member(&r, &key), OK);
    CHECK_EQ(json_enter(&r), OK);
    CHECK_EQ(json_element(&r), OK);
    CHECK_EQ(json_value(&r, &v), OK);
    CHECK_STR(v.text, "7");
    CHECK_EQ(json_element(&r), ERR_EOF);
    CHECK_EQ(json_member(&r, &key), ERR_EOF);
    CHECK_EQ(json_element(&r), OK);
    CHECK_EQ(json_value(&r, &v), OK);
    CHECK_STR(v.text, "8");
    CHECK_EQ(json_element(&r), ERR_EOF);
    CHECK_EQ(json_end(&r), OK);
}

TEST(json_enter_of_a_scalar_leaves_it_to_be_read)
{
    struct json_reader r;
    struct json_value v;

    json_reader_init(&r, STR(" 5"));
    CHECK_EQ(json_enter(&r), ERR_TYPE);
    CHECK_EQ(json_value(&r, &v), OK);
    CHECK_STR(v.text, "5");
    CHECK_EQ(json_end(&r), OK);
}

TEST(json_reader_keeps_its_first_error)
{
    struct json_reader r;
    struct json_value v;
    enum json_kind kind;
    str key = STR("untouched");

    json_reader_init(&r, STR("{\"a\":tru,\"b\":1}"));
    CHECK_EQ(json_enter(&r), OK);
    CHECK_EQ(json_member(&r, &key), OK);
    CHECK_EQ(json_value(&r, &v), ERR_SYNTAX);
    CHECK_EQ(r.at, 8);
    CHECK_EQ(json_value(&r, &v), ERR_SYNTAX);
    CHECK_EQ(json_peek(&r, &kind), ERR_SYNTAX);
    CHECK_EQ(json_enter(&r), ERR_SYNTAX);
    CHECK_EQ(json_member(&r, &key), ERR_SYNTAX);
    CHECK_EQ(json_end(&r), ERR_SYNTAX);
    CHECK_EQ(r.at, 8);
    CHECK_STR(key, "a");
}

TEST(json_end_wants_all_to_be_closed_and_read)
{
    struct json_reader r;

    json_reader_init(&r, STR("[]"));
    CHECK_EQ(json_end(&r), ERR_SYNTAX);
    json_reader_init(&r, STR("[] "));
    CHECK_EQ(json_enter(&r), OK);
    CHECK_EQ(json_element(&r), ERR_EOF);
    CHECK_EQ(json_end(&r), OK);
    json_reader_init(&r, STR("[1]"));
    CHECK_EQ(json_enter(&r), OK);
    CHECK_EQ(json_end(&r), ERR_SYNTAX);
}

TEST(json_string_is_resolves_escapes)
{
    CHECK(json_string_is(STR("model"), STR("model")));
    CHECK(json_string_is(STR(""), STR("")));
    CHECK(json_string_is(STR("\\u006dodel"), STR("model")));
    CHECK(json_string_is(STR("mode\\u006C"), STR("model")));
    CHECK(json_string_is(STR("a\\n\\\"\\\\\\/\\b\\f\\r\\t"), STR("a\n\"\\/\b\f\r\t")));
    CHECK(json_string_is(STR("\\u00e9\\u20AC"), STR("\xc3\xa9\xe2\x82\xac")));
    CHECK(json_string_is(STR("x\\ud83D\\uDe00y"), STR("x\xf0\x9f\x98\x80y")));
    CHECK(json_string_is(STR("\\ud83d"), STR("\xef\xbf\xbd")));
    CHECK(json_string_is(STR("\\u0000"), STR("\0")));
}

TEST(json_string_is_tells_names_apart)
{
    CHECK(!json_string_is(STR("model"), STR("mode")));
    CHECK(!json_string_is(STR("mode"), STR("model")));
    CHECK(!json_string_is(STR("Model"), STR("model")));
    CHECK(!json_string_is(str_sub(STR("m"), 1, 1), STR("m")));
    CHECK(!json_string_is(STR("m"), STR("")));
    CHECK(!json_string_is(STR("a\\nb"), STR("a\\nb")));
    CHECK(!json_string_is(STR("\\u006dodels"), STR("model")));
    CHECK(!json_string_is(STR("\\u006dode"), STR("model")));
    CHECK(!json_string_is(STR("\\ud83d\\ude01"), STR("\xf0\x9f\x98\x80")));
    CHECK(!json_string_is(STR("\\u0000"), STR("")));
    CHECK(!json_string_is(STR("\\ud83dx"), STR("\xef\xbf\xbd")));
}

static void check_decode(str raw, str want)
{
    struct arena arena;

    arena_init(&arena, 256);
    CHECK_SAME(json_decode(raw, &arena), want);
    CHECK(json_string_is(raw, want));
    arena_reset(&arena);
}

TEST(json_decode_resolves_escapes)
{
    check_decode(STR("\\\"\\\\\\/\\b\\f\\n\\r\\t"), STR("\"\\/\b\f\n\r\t"));
    check_decode(STR("a\\u0041b\\u00e9c\\u20acd"), STR("aAb\xc3\xa9"
                                                       "c\xe2\x82\xac"
                                                       "d"));
    check_decode(STR("\\uD83D\\uDE00"), STR("\xf0\x9f\x98\x80"));
    check_decode(STR("\\udbff\\udfff"), STR("\xf4\x8f\xbf\xbf"));
    check_decode(STR("caf\xc3\xa9\\u0000"), STR("caf\xc3\xa9\0"));
}

TEST(json_decode_replaces_lone_surrogates)
{
    check_decode(STR("\\ud83d"), STR("\xef\xbf\xbd"));
    check_decode(STR("\\ude00!"), STR("\xef\xbf\xbd!"));
    check_decode(STR("\\ud83d\\n"), STR("\xef\xbf\xbd\n"));
    check_decode(STR("\\ud83d\\u0041"), STR("\xef\xbf\xbd"
                                            "A"));
    check_decode(STR("\\ud83d\\ud83d\\ude00"), STR("\xef\xbf\xbd\xf0\x9f\x98\x80"));
    check_decode(STR("\\ude00\\ude00"), STR("\xef\xbf\xbd\xef\xbf\xbd"));
    check_decode(STR("\\ud83d\\ue000"), STR("\xef\xbf\xbd\xee\x80\x80"));
    check_decode(STR("\\ude00\\ud83d"), STR("\xef\xbf\xbd\xef\xbf\xbd"));
}

TEST(json_decode_without_escapes_copies_nothing)
{
    struct arena arena;
    str raw = STR("plain caf\xc3\xa9");

    arena_init(&arena, 256);
    CHECK(json_decode(raw, &arena).ptr == raw.ptr);
    CHECK_EQ(arena.held, 0);
    arena_reset(&arena);
}

TEST(json_decode_survives_a_string_cut_within_an_escape)
{
    check_decode(STR("ab\\"), STR("ab\\"));
    check_decode(STR("ab\\u"), STR("ab\\u"));
    check_decode(STR("ab\\u12"), STR("ab\\u12"));
    check_decode(STR("\\ud83d\\ude"), STR("\xef\xbf\xbd\\ude"));
}

static err to_u64(str text, uint64_t max, uint64_t *out)
{
    struct json_reader r;
    struct json_value v;

    json_reader_init(&r, text);
    CHECK_EQ(json_value(&r, &v), OK);
    return json_to_u64(v, max, out);
}

TEST(json_to_u64_takes_whole_numbers_however_written)
{
    static const struct {
        str text;
        uint64_t want;
    } rows[] = {
        {STR_INIT("0"), 0},
        {STR_INIT("-0"), 0},
        {STR_INIT("-0.0e9"), 0},
        {STR_INIT("0e-5"), 0},
        {STR_INIT("16"), 16},
        {STR_INIT("16.0"), 16},
        {STR_INIT("1.6e1"), 16},
        {STR_INIT("160E-1"), 16},
        {STR_INIT("0.016e+3"), 16},
        {STR_INIT("1000000"), 1'000'000},
        {STR_INIT("1e3"), 1000},
        {STR_INIT("1203.00"), 1203},
        {STR_INIT("10.50e1"), 105},
        {STR_INIT("18446744073709551615"), UINT64_MAX},
        {STR_INIT("1844674407370955161.5e1"), UINT64_MAX},
        {STR_INIT("0e99999999999999999999"), 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t got = 77;
        CHECK_EQ(to_u64(rows[i].text, UINT64_MAX, &got), OK);
        CHECK_EQ(got, rows[i].want);
    }
}

TEST(json_to_u64_tells_fractions_from_what_is_out_of_range)
{
    static const struct {
        str text;
        err want;
    } rows[] = {
        {STR_INIT("1.5"), ERR_TYPE},
        {STR_INIT("-0.5"), ERR_TYPE},
        {STR_INIT("1e-1"), ERR_TYPE},
        {STR_INIT("1e-99999999999999999999"), ERR_TYPE},
        {STR_INIT("\"1\""), ERR_TYPE},
        {STR_INIT("null"), ERR_TYPE},
        {STR_INIT("[1]"), ERR_TYPE},
        {STR_INIT("-1"), ERR_RANGE},
        {STR_INIT("-10e3"), ERR_RANGE},
        {STR_INIT("101"), ERR_RANGE},
        {STR_INIT("1e3"), ERR_RANGE},
        {STR_INIT("1e99999999999999999999"), ERR_RANGE},
        {STR_INIT("18446744073709551616"), ERR_RANGE},
        {STR_INIT("18446744073709551616000000"), ERR_RANGE},
        {STR_INIT("36893488147419103232"), ERR_RANGE},
        {STR_INIT("1e64"), ERR_RANGE},
        {STR_INIT("340282366920938463463374607431768211456"), ERR_RANGE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t got = 77;
        err e = to_u64(rows[i].text, 100, &got);
        if (e != rows[i].want || got != 77)
            test_fail(__FILE__, __LINE__, "%s: %" STR_FMT, err_name(e), STR_ARG(rows[i].text));
    }
}

// JSONTestSuite (Nicolas Seriot): in the folder that the environment names, or in that of a
// neighbour of this source tree.
static void find_suite(glob_t *files, const char *below)
{
    const char *given = getenv("SLUICE_CONFORMANCE");
    str root = STR(__FILE__);
    char pattern[4096];
    int len;

    if (str_ends(root, STR("src/codec/json_test.c")))
        root.len -= sizeof("src/codec/json_test.c") - 1;
    len = given ? snprintf(pattern, sizeof(pattern), "%s/json-test-suite/%s/*.json", given, below)
                : snprintf(pattern, sizeof(pattern),
                           "%" STR_FMT "../*/data/json-test-suite/%s/*.json", STR_ARG(root), below);
    CHECK(len > 0 && len < (int)sizeof(pattern));
    if (glob(pattern, 0, NULL, files)) test_skip("conformance data not found");
}

static str read_suite_file(const char *path)
{
    static char bytes[FILE_MAX];
    FILE *f = fopen(path, "rb");

    if (!f) test_fail(__FILE__, __LINE__, "cannot open %s", path);
    size_t len = fread(bytes, 1, sizeof(bytes), f);
    CHECK(len < sizeof(bytes));
    fclose(f);
    return (str){.ptr = bytes, .len = len};
}

TEST(json_passes_the_json_test_suite)
{
    glob_t files;
    int counts[2] = {0};

    find_suite(&files, "test_parsing");
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *name = strrchr(files.gl_pathv[i], '/') + 1;
        err e = verdict(read_suite_file(files.gl_pathv[i]), NULL);
        if ((*name == 'y' && e) || (*name == 'n' && !e))
            test_fail(__FILE__, __LINE__, "%s: %s", name, err_name(e));
        counts[0] += *name == 'y';
        counts[1] += *name == 'n';
    }
    globfree(&files);
    CHECK(counts[0] > 90 && counts[1] > 180);
}

TEST(json_decides_on_what_the_json_test_suite_leaves_open)
{
    glob_t files;

    find_suite(&files, "test_transform");
    for (size_t i = 0; i < files.gl_pathc; i++) {
        size_t at = 0;
        str text = read_suite_file(files.gl_pathv[i]);
        err e = verdict(text, &at);
        CHECK(e == OK ? utf8_is_valid(text) : at < text.len);
    }
    globfree(&files);
}
