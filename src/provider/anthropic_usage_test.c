#include "provider/anthropic_usage.h"

#include "provider/anthropic.h"

#include "support/test.h"

static struct token_usage read_usage(const char *text, struct token_usage before)
{
    struct json_reader r;

    json_reader_init(&r, str_from_c(text));
    CHECK_EQ(anthropic_usage_read(&r, &before), OK);
    CHECK_EQ(json_end(&r), OK);
    return before;
}

static void check_written(const struct token_usage *u, str tier, str want)
{
    struct json_writer w;
    struct buf out;

    buf_init(&out, 1000);
    json_write_init(&w, &out);
    anthropic_usage_write(&w, u, tier);
    CHECK_EQ(w.error, OK);
    CHECK_SAME(buf_view(&out), want);
    buf_done(&out);
}

TEST(anthropic_usage_adds_the_cached_input_to_the_input)
{
    struct token_usage u = read_usage("{\"input_tokens\":10,\"cache_creation_input_tokens\":200,"
                                      "\"cache_read_input_tokens\":3000,\"output_tokens\":4,"
                                      "\"output_tokens_details\":{\"thinking_tokens\":2}}",
                                      (struct token_usage){0});

    CHECK(u.is_known && u.has_cached && u.has_cache_write && u.has_reasoning);
    CHECK_EQ(u.input_tokens, 3210);
    CHECK_EQ(u.cached_tokens, 3000);
    CHECK_EQ(u.cache_write_tokens, 200);
    CHECK_EQ(u.output_tokens, 4);
    CHECK_EQ(u.reasoning_tokens, 2);
}

TEST(anthropic_usage_is_written_without_the_cached_input)
{
    check_written(&(struct token_usage){.input_tokens = 3210,
                                        .cached_tokens = 3000,
                                        .cache_write_tokens = 200,
                                        .output_tokens = 4,
                                        .reasoning_tokens = 2,
                                        .has_cached = true,
                                        .has_cache_write = true,
                                        .has_reasoning = true,
                                        .is_known = true},
                  STR("standard"),
                  STR("{\"input_tokens\":10,\"cache_creation_input_tokens\":200,"
                      "\"cache_read_input_tokens\":3000,\"output_tokens\":4,"
                      "\"output_tokens_details\":{\"thinking_tokens\":2},"
                      "\"service_tier\":\"standard\"}"));
    // What is cached beyond the whole is nobody's to explain.
    check_written(&(struct token_usage){.input_tokens = 1, .cached_tokens = 2, .is_known = true},
                  STR(""), STR("{\"input_tokens\":0,\"output_tokens\":0}"));
}

TEST(anthropic_usage_of_zero_is_not_missing)
{
    struct token_usage u = read_usage("{\"input_tokens\":0,\"cache_read_input_tokens\":0,"
                                      "\"output_tokens\":0}",
                                      (struct token_usage){0});

    CHECK(u.is_known && u.has_cached && !u.has_cache_write && !u.has_reasoning);
    check_written(&u, STR(""),
                  STR("{\"input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0}"));
}

TEST(anthropic_usage_that_is_not_told_stays_as_it_was)
{
    struct token_usage u =
        read_usage("{\"input_tokens\":10,\"cache_read_input_tokens\":5}", (struct token_usage){0});

    u = read_usage("{\"output_tokens\":7,\"input_tokens\":null}", u);
    CHECK_EQ(u.input_tokens, 15);
    CHECK_EQ(u.output_tokens, 7);
    // It may repeat the input, or correct it.
    u = read_usage("{\"input_tokens\":10,\"cache_read_input_tokens\":5,\"output_tokens\":8}", u);
    CHECK_EQ(u.input_tokens, 15);
    u = read_usage("{\"cache_read_input_tokens\":6}", u);
    CHECK_EQ(u.input_tokens, 16);
}

TEST(anthropic_usage_passes_what_is_no_count)
{
    static const char *const texts[] = {
        "null",
        "[]",
        "1",
        "{}",
        "{\"input_tokens\":\"1\"}",
        "{\"input_tokens\":-1}",
        "{\"input_tokens\":1.5,\"output_tokens\":1e300,\"output_tokens_details\":[1]}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct token_usage u = read_usage(texts[i], (struct token_usage){0});
        CHECK(!u.is_known && !u.input_tokens && !u.output_tokens && !u.has_reasoning);
    }
}

TEST(anthropic_usage_of_a_whole_answer_is_found)
{
    struct token_usage u = anthropic_answer_usage(
        STR("{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"usage\"}],"
            "\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}"));

    CHECK(u.is_known);
    CHECK_EQ(u.input_tokens, 3);
    CHECK_EQ(u.output_tokens, 4);
    CHECK(!anthropic_answer_usage(STR("{\"usage\":{\"input_tokens\":3}")).is_known);
    CHECK(!anthropic_answer_usage(STR("[]")).is_known);
    CHECK(!anthropic_answer_usage(STR("")).is_known);
}
