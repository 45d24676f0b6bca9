#include "provider/openai_needs.h"

#include "support/test.h"

static struct openai_needs needs_of(str body)
{
    struct openai_request r;
    size_t at = 0;

    CHECK_EQ(openai_scan_request(body, &r, &at), OK);
    return openai_needs_of(body, &r);
}

static uint64_t input_of(str body)
{
    return needs_of(body).input_tokens;
}

TEST(openai_needs_estimate_the_input_by_its_text)
{
    CHECK_EQ(input_of(STR("{}")), 0);
    CHECK_EQ(input_of(STR("{\"messages\":[{\"role\":\"user\",\"content\":\"12345678\"}]}")), 2);
    CHECK_EQ(input_of(STR("{\"messages\":[{\"content\":\"1234\"},{\"content\":[{\"type\":\"text\","
                          "\"text\":\"12345678\"},\"1234\"]}]}")),
             4);
    CHECK_EQ(input_of(STR("{\"messages\":[{\"content\":null,\"tool_calls\":[\"12345678\"]}]}")), 3);
    CHECK_EQ(input_of(STR("{\"tools\":[\"1234\"],\"temperature\":0.123456789}")), 2);
    CHECK_EQ(input_of(STR("{\"prompt\":\"12345678\"}")), 2);
    CHECK_EQ(input_of(STR("{\"prompt\":[\"1234\",\"1234\"]}")), 2);
    CHECK_EQ(input_of(STR("{\"prompt\":[1,2,3,4,5]}")), 5);
    CHECK_EQ(input_of(STR("{\"input\":\"12345678\",\"instructions\":\"1234\"}")), 3);
    CHECK_EQ(input_of(STR("{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
                          "\"text\":\"1234\"}]},{\"type\":\"function_call_output\",\"output\":"
                          "\"1234\"}]}")),
             2);
    // What is elsewhere is no input.
    CHECK_EQ(input_of(STR("{\"x\":{\"messages\":[{\"content\":\"12345678\"}]},\"user\":"
                          "\"12345678\",\"messages\":[{\"name\":\"12345678\"},7,null]}")),
             0);
}

TEST(openai_needs_see_images_and_do_not_count_their_bytes)
{
    struct openai_needs n = needs_of(
        STR("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":"
            "{\"url\":\"data:image/png;base64,AAAAAAAAAAAAAAAAAAAA\"}},{\"type\":\"image_url\"}]}]"
            "}"));

    CHECK(n.has_images);
    CHECK_EQ(n.input_tokens, 2000);
    CHECK(needs_of(STR("{\"input\":[{\"content\":[{\"type\":\"input_image\"}]}]}")).has_images);
    n = needs_of(STR("{\"messages\":[{\"content\":[{\"type\":\"input_audio\",\"input_audio\":"
                     "{\"data\":\"AAAAAAAAAAAAAAAA\"}}]}]}"));
    CHECK(!n.has_images);
    CHECK_EQ(n.input_tokens, 1000);
    n = needs_of(STR("{\"messages\":[{\"content\":\"image_url\",\"type\":\"image_url\"}]}"));
    CHECK(!n.has_images);
}

TEST(openai_needs_tell_a_prefilled_request)
{
    CHECK(needs_of(STR("{\"messages\":[{\"role\":\"user\"},{\"role\":\"assistant\"}]}"))
              .is_prefilled);
    CHECK(!needs_of(STR("{\"messages\":[{\"role\":\"assistant\"},{\"role\":\"user\"}]}"))
               .is_prefilled);
    CHECK(!needs_of(STR("{\"messages\":[{\"role\":\"assistant\"},{}]}")).is_prefilled);
    CHECK(!needs_of(STR("{\"messages\":[]}")).is_prefilled);
    CHECK(!needs_of(STR("{\"messages\":[{\"role\":[\"assistant\"]}]}")).is_prefilled);
}

TEST(openai_needs_take_the_bound_of_the_answer_from_any_of_its_names)
{
    CHECK_EQ(needs_of(STR("{\"max_tokens\":5}")).max_tokens, 5);
    CHECK_EQ(needs_of(STR("{\"max_tokens\":5,\"max_completion_tokens\":7}")).max_tokens, 7);
    CHECK_EQ(needs_of(STR("{\"max_output_tokens\":9}")).max_tokens, 9);
    CHECK_EQ(needs_of(STR("{}")).max_tokens, 0);
    CHECK_EQ(needs_of(STR("{\"max_tokens\":-1,\"max_completion_tokens\":1.5}")).max_tokens, 0);
    CHECK_EQ(needs_of(STR("{\"max_tokens\":\"5\"}")).max_tokens, 0);
    CHECK(needs_of(STR("{\"tools\":[{}]}")).has_tools);
    CHECK(!needs_of(STR("{\"tools\":[]}")).has_tools);
}

TEST(openai_needs_of_a_broken_body_are_what_was_read)
{
    const struct openai_request none = {0};

    CHECK_EQ(openai_needs_of(STR("{\"prompt\":\"12345678\",\"messages\":[{"), &none).input_tokens,
             2);
    CHECK_EQ(openai_needs_of(STR("[1]"), &none).input_tokens, 0);
    CHECK_EQ(openai_needs_of(STR(""), &none).input_tokens, 0);
}
