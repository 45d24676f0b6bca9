#include "provider/token_estimate.h"

#include "support/test.h"

TEST(token_estimate_counts_characters_by_their_script)
{
    CHECK_EQ(token_estimate_text(STR(""), true), 0);
    CHECK_EQ(token_estimate_text(STR("abcd"), false), 4);
    CHECK_EQ(token_estimate_text(STR("\xc3\xa4"), false), 2);         // a with two dots
    CHECK_EQ(token_estimate_text(STR("\xd0\xb4\xd0\xb0"), false), 4); // Cyrillic
    CHECK_EQ(token_estimate_text(STR("\xe2\x82\xac"), false), 2);     // the euro sign
    CHECK_EQ(token_estimate_text(STR("\xe2\xba\x80"), false), 4);     // U+2E80
    CHECK_EQ(token_estimate_text(STR("\xe4\xbd\xa0\xe5\xa5\xbd"), false), 8);
    CHECK_EQ(token_estimate_text(STR("\xf0\x9f\x98\x80"), false), 4);
}

TEST(token_estimate_takes_an_escape_for_what_it_means)
{
    CHECK_EQ(token_estimate_text(STR("\\n\\\"a"), true), 3);
    CHECK_EQ(token_estimate_text(STR("\\n\\\"a"), false), 5);
    CHECK_EQ(token_estimate_text(STR("\\u0041"), true), 1);
    CHECK_EQ(token_estimate_text(STR("\\u00e4"), true), 2);
    CHECK_EQ(token_estimate_text(STR("\\u4f60"), true), 4);
    CHECK_EQ(token_estimate_text(STR("\\ud83d\\ude00"), true), 4);
    CHECK_EQ(token_estimate_text(STR("\\"), true), 1);
    CHECK_EQ(token_estimate_text(STR("\\u12"), true), 3);
}

TEST(token_estimate_reads_the_size_of_an_image)
{
    // 750 by 2 pixels each: a PNG, a GIF, a JPEG behind a JFIF segment, and three kinds of WebP.
    CHECK_EQ(token_estimate_image(STR("iVBORw0KGgoAAAANSUhEUgAAAu4AAAACCAYAAAA=")), 3);
    CHECK_EQ(token_estimate_image(STR("R0lGODlh7gICAIAAAA==")), 3);
    CHECK_EQ(token_estimate_image(STR("/9j/4AAQSkZJRgABAQAAAQABAAD/wAARCAACAu4DASIAAhEBAxEB")), 3);
    CHECK_EQ(token_estimate_image(STR("UklGRiQAAABXRUJQVlA4WAoAAAAQAAAA7QIAAQAA")), 3);
    CHECK_EQ(token_estimate_image(STR("UklGRiQAAABXRUJQVlA4TBgAAAAv7UIAAAAA")), 3);
    CHECK_EQ(token_estimate_image(STR("UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASruAgIAAAA=")), 3);
}

TEST(token_estimate_of_an_image_is_bounded)
{
    // 65535 pixels each way, and 65535 by 2.
    CHECK_EQ(token_estimate_image(STR("R0lGODlh/////4AAAA==")), TOKEN_ESTIMATE_IMAGE);
    CHECK_EQ(token_estimate_image(STR("R0lGODlh//8CAIAAAA==")), 1);
}

TEST(token_estimate_of_an_unknown_image_is_that_of_a_large_one)
{
    static const str digits[] = {STR_INIT(""),
                                 STR_INIT("AAAA"),
                                 STR_INIT("iVBORw0KGgo"),
                                 STR_INIT("/9j/"),
                                 STR_INIT("/9j/////"),
                                 STR_INIT("R0lGODlh"),
                                 STR_INIT("UklGRiQA"),
                                 STR_INIT("R0lGODlh\\/\\/8CAIAAAA==")};

    for (size_t i = 0; i < sizeof(digits) / sizeof(*digits); i++) {
        CHECK_EQ(token_estimate_image(digits[i]), TOKEN_ESTIMATE_IMAGE);
    }
}
