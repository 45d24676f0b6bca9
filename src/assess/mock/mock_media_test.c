#include "assess/mock/mock_media.h"

#include "support/test.h"

// What the mock says of the media in a request with these messages.
static str describe(struct arena *arena, str body)
{
    struct mock_request req;
    str param = STR("");

    arena_reset(arena);
    arena_init(arena, 4096);
    CHECK_EQ(mock_request_read(body, arena, &req, &param), OK);
    return mock_media_describe(&req, arena);
}

#define SHA256_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

TEST(mock_media_are_the_same_in_every_dialect)
{
    static const str bodies[] = {
        STR_INIT("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
                 "\"image_url\":{\"url\":\"data:image/png;base64,YWJj\"}},{\"type\":\"file\","
                 "\"file\":{\"file_data\":\"data:application/pdf;base64,YQ==\"}}]}]}"),
        STR_INIT("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":"
                 "{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"YWJj\"}},"
                 "{\"source\":{\"data\":\"YQ==\",\"media_type\":\"application/pdf\",\"type\":"
                 "\"base64\"},\"type\":\"document\"}]}]}"),
        STR_INIT("{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\","
                 "\"image_url\":\"data:image/png;base64,YWJj\"},{\"type\":\"input_file\","
                 "\"file_data\":\"data:application/pdf;base64,YQ==\"}]}]}"),
    };
    struct arena arena = {0};

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        CHECK_STR(describe(&arena, bodies[i]),
                  "images: 1, documents: 1\nimage image/png 3 bytes sha256 " SHA256_OF_ABC
                  "\ndocument application/pdf 1 bytes sha256 "
                  "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
    }
    arena_reset(&arena);
}

TEST(mock_media_in_the_result_of_a_tool_count_too)
{
    struct arena arena = {0};

    CHECK_STR(describe(&arena, STR("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                                   "\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":"
                                   "\"image\",\"source\":{\"type\":\"url\",\"url\":"
                                   "\"https://x/a.png\"}}]}]}]}")),
              "images: 1, documents: 0\nimage https://x/a.png");
    arena_reset(&arena);
}

TEST(mock_media_that_are_broken_or_absent_are_told_as_such)
{
    struct arena arena = {0};

    CHECK_STR(describe(&arena, STR("{\"messages\":[{\"role\":\"user\",\"content\":\"no\"}]}")),
              "images: 0, documents: 0");
    CHECK_STR(describe(&arena, STR("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                                   "\"image_url\",\"image_url\":{\"url\":"
                                   "\"data:image/gif;base64,YW\"}}]}]}")),
              "images: 1, documents: 0\nimage image/gif of broken base64");
    arena_reset(&arena);
}
