#include "provider/openai_media.h"

#include "support/test.h"

static struct chat_media split(const char *url, struct arena *a)
{
    return openai_media_of_url(chat_text_json(str_from_c(url)), a);
}

static void check_split(const char *url, const char *type, const char *content)
{
    struct arena a;

    arena_init(&a, 4096);
    struct chat_media m = split(url, &a);
    CHECK_EQ(m.source, CHAT_SOURCE_BASE64);
    CHECK_SAME(chat_text_read(m.type, &a), str_from_c(type));
    CHECK_SAME(chat_text_read(m.content, &a), str_from_c(content));
    arena_reset(&a);
}

TEST(openai_media_splits_data_urls)
{
    check_split("data:image/png;base64,Zm9v", "image/png", "Zm9v");
    check_split("DATA:image/png;BASE64,Zm9v", "image/png", "Zm9v");
    check_split("data:text/plain;charset=utf-8;base64,Zm9v", "text/plain", "Zm9v");
    check_split("data:;base64,", "", "");
    check_split("data:image\\/png;base64,Z\\/8=", "image/png", "Z/8=");
    check_split("d\\u0061ta:image\\u002fpng\\u003bbase64,Z\\u002f8=", "image/png", "Z/8=");
}

TEST(openai_media_copies_nothing_of_a_usual_url)
{
    const char *url = "data:image\\/png;base64,Z\\/8=";
    struct arena a;

    arena_init(&a, 4096);
    struct chat_media m = split(url, &a);
    CHECK(m.type.bytes.ptr == url + 5 && m.type.is_json);
    CHECK(m.content.bytes.ptr == url + 23 && m.content.is_json);
    CHECK_EQ(a.held, 0);
    arena_reset(&a);
}

TEST(openai_media_leaves_other_urls_as_they_are)
{
    static const char *const urls[] = {
        "https://e.test/a,b",
        "data:text/plain,hello",
        "data:,",
        "data:image/png;base64",
        "",
        ",",
        "data:base64,Zm9v",
        "xdata:image/png;base64,Zm9v",
    };
    struct arena a;

    arena_init(&a, 4096);
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        struct chat_media m = split(urls[i], &a);
        CHECK_EQ(m.source, CHAT_SOURCE_URL);
        CHECK(m.content.bytes.ptr == urls[i] && m.content.is_json);
        CHECK(!chat_text_is_given(m.type));
    }
    arena_reset(&a);
}
