#include "assess/mock/mock_digest.h"

#include "support/test.h"

static err decode(str base64, str *out)
{
    static struct arena arena;

    arena_reset(&arena);
    arena_init(&arena, 4096);
    return mock_digest_decode(base64, &arena, out);
}

TEST(mock_digest_decodes_base64_of_every_length)
{
    str out = STR("");

    CHECK_EQ(decode(STR(""), &out), OK);
    CHECK_EQ(out.len, 0);
    CHECK_EQ(decode(STR("YQ=="), &out), OK);
    CHECK_STR(out, "a");
    CHECK_EQ(decode(STR("YWI="), &out), OK);
    CHECK_STR(out, "ab");
    CHECK_EQ(decode(STR("YWJj"), &out), OK);
    CHECK_STR(out, "abc");
    CHECK_EQ(decode(STR("+/8AfgMz"), &out), OK);
    CHECK_EQ(out.len, 6);
    CHECK((unsigned char)out.ptr[0] == 0xFB && (unsigned char)out.ptr[1] == 0xFF && !out.ptr[2]);
}

TEST(mock_digest_refuses_what_is_no_base64)
{
    static const str texts[] = {STR_INIT("YQ"),    STR_INIT("YQ="),  STR_INIT("Y==="),
                                STR_INIT("Y Q="),  STR_INIT("YQ-_"), STR_INIT("=YQ="),
                                STR_INIT("YWJj\n")};
    str out = STR("");

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK_EQ(decode(texts[i], &out), ERR_SYNTAX);
    }
}

TEST(mock_digest_shows_sha256_in_hex_and_as_a_seal)
{
    char seal[MOCK_DIGEST_SEAL + 1];
    struct arena arena;

    arena_init(&arena, 4096);
    CHECK_STR(mock_digest_hex(STR("abc"), &arena),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    mock_digest_seal(STR("abc"), seal);
    CHECK_STR(str_from_c(seal), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    arena_reset(&arena);
}
