#include "provider/anthropic.h"

#include "support/test.h"

static struct openai_request scan(const char *body)
{
    struct openai_request r;
    size_t at = 0;

    CHECK_EQ(anthropic_scan_request(str_from_c(body), &r, &at), OK);
    return r;
}

static err scan_error(const char *body, size_t *at)
{
    struct openai_request r;

    return anthropic_scan_request(str_from_c(body), &r, at);
}

TEST(anthropic_scan_finds_the_model_and_all_that_a_route_needs)
{
    struct openai_request r =
        scan("{\"model\":\"claude-x\",\"max_tokens\":1e3,\"stream\":true,\"messages\":[{\"role\":"
             "\"user\",\"content\":\"hi\"}],\"tools\":[{\"name\":\"f\"}],\"output_config\":{"
             "\"format\":{\"type\":\"json_schema\",\"schema\":{}}},\"n\":3}");

    CHECK_EQ(r.model_count, 1);
    CHECK_STR(r.models[0], "\"claude-x\"");
    CHECK_STR(r.max_tokens, "1e3");
    CHECK_STR(r.messages, "[{\"role\":\"user\",\"content\":\"hi\"}]");
    CHECK(r.is_stream && r.has_tools && r.has_response_format && !r.has_logprobs);
    CHECK_EQ(r.choice_count, 1);
    CHECK_EQ(r.stream_options.len, 0);
}

TEST(anthropic_scan_of_a_plain_request_finds_nothing_special)
{
    struct openai_request r = scan(" {\"tools\":[],\"output_config\":{\"effort\":\"low\","
                                   "\"format\":null},\"stream\":null,\"max_tokens\":\"1\"} ");

    CHECK(!r.is_stream && !r.has_tools && !r.has_response_format);
    CHECK_EQ(r.model_count, 0);
    CHECK_EQ(r.max_tokens.len, 0);
    CHECK(scan("{\"output_format\":{\"type\":\"json_schema\"}}").has_response_format);
}

TEST(anthropic_scan_keeps_each_model_of_a_repeated_key)
{
    struct openai_request r = scan("{\"model\":\"a\",\"model\":\"b\"}");

    CHECK_EQ(r.model_count, 2);
    CHECK_STR(r.models[1], "\"b\"");
}

TEST(anthropic_scan_refuses_what_is_no_request)
{
    size_t at = 0;

    CHECK_EQ(scan_error("", &at), ERR_SYNTAX);
    CHECK_EQ(scan_error("[]", &at), ERR_SYNTAX);
    CHECK_EQ(scan_error("{} {}", &at), ERR_SYNTAX);
    CHECK_EQ(at, 3);
    CHECK_EQ(scan_error("{\"model\":1}", &at), ERR_TYPE);
    CHECK_EQ(scan_error("{\"model\":\"a\",\"stream\":1}", &at), ERR_TYPE);
    CHECK_EQ(scan_error("{\"model\":\"a\",\"model\":\"a\",\"model\":\"a\",\"model\":\"a\","
                        "\"model\":\"a\"}",
                        &at),
             ERR_LIMIT);
}

static struct openai_needs needs(const char *body)
{
    struct openai_request r = scan(body);

    return anthropic_needs_of(str_from_c(body), &r);
}

TEST(anthropic_needs_tell_of_images_tools_and_prefill)
{
    struct openai_needs n = needs("{\"messages\":[{\"role\":\"user\",\"content\":\"abcd\"}]}");

    CHECK(!n.has_images && !n.has_tools && !n.is_prefilled);
    CHECK_EQ(n.input_tokens, 5); // one, and four of the message
    n = needs("{\"max_tokens\":64,\"tools\":[{\"name\":\"f\"}],\"messages\":[{\"role\":\"user\","
              "\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"x\"}}]},"
              "{\"role\":\"assistant\",\"content\":\"So\"}]}");
    CHECK(n.has_images && n.has_tools && n.is_prefilled);
    CHECK_EQ(n.max_tokens, 64);
    CHECK(n.input_tokens > 1900 && n.input_tokens < 2000);
}

TEST(anthropic_needs_look_into_the_results_of_tools)
{
    struct openai_needs n =
        needs("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
              "\"tool_use_id\":\"t\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":"
              "\"base64\",\"media_type\":\"image/png\",\"data\":\"AAAA\"}}]}]}]}");

    CHECK(n.has_images);
    CHECK_EQ(n.input_tokens, 1604);
}

TEST(anthropic_needs_count_each_kind_of_document)
{
#define DOCUMENT(source)                                                                           \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":" source     \
    "}]}]}"
    CHECK_EQ(
        needs(DOCUMENT("{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"12345678\"}"))
            .input_tokens,
        6);
    CHECK_EQ(
        needs(
            DOCUMENT("{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"1234\"}]}"))
            .input_tokens,
        5);
    CHECK_EQ(needs(DOCUMENT("{\"type\":\"url\",\"url\":\"http://x\"}")).input_tokens, 1604);
    CHECK_EQ(needs(DOCUMENT("{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":"
                            "\"JVBERi0xLjQKJVBERi0xLjQKJVBERi0xLjQKJVBERi0xLjQKJVBERi0x\"}"))
                 .input_tokens,
             5);
}

TEST(anthropic_needs_do_not_follow_nesting_without_end)
{
    // Deeper levels are counted as the text that they are.
    struct openai_needs n = needs(
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"content\":[{\"content\":[{\"content\":[{"
        "\"content\":[{\"content\":[{\"type\":\"image\"}]}]}]}]}]}]}]}");

    CHECK(!n.has_images);
    CHECK(n.input_tokens > 4);
}
