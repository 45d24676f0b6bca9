#include "codec/json_scan.h"

#include "base/random.h"

#include "support/test.h"

static const char *scan_slowly(const char *at, const char *end)
{
    while (at < end && !json_scan_is_special(*at)) {
        at++;
    }
    return at;
}

static void check_rows(const char *at, const char *end)
{
    const char *want = scan_slowly(at, end);

    CHECK_EQ(json_scan_plain(at, end) - at, want - at);
#ifdef __SSE2__
    CHECK_EQ(json_scan_sse2(at, end) - at, want - at);
#endif
    CHECK_EQ(json_scan(at, end) - at, want - at);
}

TEST(json_scan_knows_the_special_bytes)
{
    for (int c = 0; c < 256; c++) {
        bool is_special = c == '"' || c == '\\' || c < 0x20 || c > 0x7f;
        CHECK_EQ(json_scan_is_special((char)c), is_special);
    }
}

TEST(json_scan_rows_find_every_byte_at_every_place)
{
    char text[64];

    for (int c = 0; c < 256; c++) {
        for (size_t place = 0; place < 48; place++) {
            memset(text, 'a', sizeof(text));
            text[place] = (char)c;
            text[place + 3] = '"';
            check_rows(text, text + 48);
            check_rows(text + place % 8, text + 48);
            check_rows(text, text + place);
        }
    }
}

TEST(json_scan_rows_agree_on_random_bytes)
{
    struct random random;
    char text[96];

    random_init(&random, test_seed());
    for (int round = 0; round < 100'000; round++) {
        size_t len = random_below(&random, sizeof(text));
        for (size_t i = 0; i < len; i++) {
            text[i] = (char)random_below(&random, random_below(&random, 40) ? 128 : 256);
            if (random_below(&random, 30)) text[i] |= 0x60;
        }
        check_rows(text, text + len);
    }
}
