#include "codec/base64.h"

#include "base/random.h"

#include "support/test.h"

static void check_encoded(str bytes, str want)
{
    struct buf out;

    buf_init(&out, 64);
    CHECK_EQ(base64_encode(&out, bytes), OK);
    CHECK_SAME(buf_view(&out), want);
    buf_done(&out);
}

TEST(base64_encodes_the_vectors_of_the_rfc)
{
    check_encoded(STR(""), STR(""));
    check_encoded(STR("f"), STR("Zg=="));
    check_encoded(STR("fo"), STR("Zm8="));
    check_encoded(STR("foo"), STR("Zm9v"));
    check_encoded(STR("foob"), STR("Zm9vYg=="));
    check_encoded(STR("fooba"), STR("Zm9vYmE="));
    check_encoded(STR("foobar"), STR("Zm9vYmFy"));
    check_encoded(STR("\xfb\xff\xbf\x00"), STR("+/+/AA=="));
}

TEST(base64_that_does_not_fit_leaves_nothing_behind)
{
    struct buf out;

    buf_init(&out, 7);
    CHECK_EQ(base64_encode(&out, STR("foob")), ERR_LIMIT);
    CHECK_EQ(buf_len(&out), 0);
    CHECK_EQ(base64_encode(&out, STR("foo")), OK);
    buf_done(&out);
}

static err decoded(str text, enum base64_kind kind, str want)
{
    char out[64];
    size_t len = 99;
    err e = base64_decode(text, kind, out, &len);

    if (e) {
        CHECK_EQ(len, 99); // written only on success
    } else {
        CHECK(len <= base64_decoded_max(text.len));
        CHECK_SAME(((str){.ptr = out, .len = len}), want);
    }
    return e;
}

TEST(base64_decodes_each_kind)
{
    static const enum base64_kind padded[] = {BASE64_STRICT, BASE64_LENIENT};
    static const enum base64_kind bare[] = {BASE64_URL, BASE64_LENIENT};

    for (size_t i = 0; i < 2; i++) {
        CHECK_EQ(decoded(STR(""), padded[i], STR("")), OK);
        CHECK_EQ(decoded(STR("Zg=="), padded[i], STR("f")), OK);
        CHECK_EQ(decoded(STR("Zm8="), padded[i], STR("fo")), OK);
        CHECK_EQ(decoded(STR("Zm9v"), padded[i], STR("foo")), OK);
        CHECK_EQ(decoded(STR("+/+/AA=="), padded[i], STR("\xfb\xff\xbf\x00")), OK);
        CHECK_EQ(decoded(STR("Zg"), bare[i], STR("f")), OK);
        CHECK_EQ(decoded(STR("Zm8"), bare[i], STR("fo")), OK);
        CHECK_EQ(decoded(STR("-_-_AA"), bare[i], STR("\xfb\xff\xbf\x00")), OK);
    }
    CHECK_EQ(decoded(STR("-_+/AA=="), BASE64_LENIENT, STR("\xfb\xff\xbf\x00")), OK);
}

TEST(base64_refuses_what_is_none_of_its_kind)
{
    static const str never[] = {
        STR_INIT("Z"),      STR_INIT("Z==="),        STR_INIT("="),        STR_INIT("===="),
        STR_INIT("Zg="),    STR_INIT("Zm9v="),       STR_INIT("Zm9v===="), STR_INIT("Z=g="),
        STR_INIT("Zg==Zg"), STR_INIT("Zm9v\n"),      STR_INIT("Zm 9v"),    STR_INIT("Zm9\x80"),
        STR_INIT("Zm.v"),   STR_INIT("Zm9vZ\xff=="),
    };

    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
        CHECK_EQ(decoded(never[i], BASE64_STRICT, STR("")), ERR_SYNTAX);
        CHECK_EQ(decoded(never[i], BASE64_URL, STR("")), ERR_SYNTAX);
        CHECK_EQ(decoded(never[i], BASE64_LENIENT, STR("")), ERR_SYNTAX);
    }
    CHECK_EQ(decoded(STR("Zg"), BASE64_STRICT, STR("")), ERR_SYNTAX);
    CHECK_EQ(decoded(STR("-_-_"), BASE64_STRICT, STR("")), ERR_SYNTAX);
    CHECK_EQ(decoded(STR("Zg=="), BASE64_URL, STR("")), ERR_SYNTAX);
    CHECK_EQ(decoded(STR("+/+/"), BASE64_URL, STR("")), ERR_SYNTAX);
}

TEST(base64_refuses_bits_that_mean_nothing)
{
    CHECK_EQ(decoded(STR("Zh=="), BASE64_LENIENT, STR("")), ERR_SYNTAX);
    CHECK_EQ(decoded(STR("Zm9="), BASE64_LENIENT, STR("")), ERR_SYNTAX);
    CHECK_EQ(decoded(STR("Zh"), BASE64_URL, STR("")), ERR_SYNTAX);
}

TEST(base64_of_any_bytes_reads_back)
{
    struct random random;
    char bytes[100];
    char back[sizeof(bytes) + 3];
    struct buf out;
    size_t len;

    random_init(&random, test_seed());
    buf_init(&out, 200);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (char)random_u64(&random);
        }
        str want = {.ptr = bytes, .len = n};
        buf_clear(&out);
        CHECK_EQ(base64_encode(&out, want), OK);
        CHECK_EQ(base64_decode(buf_view(&out), BASE64_STRICT, back, &len), OK);
        CHECK_SAME(((str){.ptr = back, .len = len}), want);
    }
    buf_done(&out);
}
