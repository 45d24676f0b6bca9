#include "provider/openai_usage.h"

#include "support/test.h"

static struct token_usage usage_of(const char *text)
{
    struct token_usage u = {.is_known = true, .input_tokens = 99};
    struct json_reader r;

    json_reader_init(&r, str_from_c(text));
    CHECK_EQ(openai_usage_read(&r, &u), OK);
    CHECK_EQ(json_end(&r), OK);
    return u;
}

TEST(openai_usage_reads_counts_and_their_details)
{
    struct token_usage u = usage_of(
        "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
        "\"prompt_tokens_details\":{\"cached_tokens\":4,\"audio_tokens\":1,"
        "\"cache_write_tokens\":2},\"completion_tokens_details\":{\"reasoning_tokens\":3}}");

    CHECK(u.is_known && u.has_cached && u.has_cache_write && u.has_reasoning);
    CHECK_EQ(u.input_tokens, 10);
    CHECK_EQ(u.output_tokens, 5);
    CHECK_EQ(u.cached_tokens, 4);
    CHECK_EQ(u.cache_write_tokens, 2);
    CHECK_EQ(u.reasoning_tokens, 3);
    u = usage_of("{\"input_tokens\":1,\"output_tokens\":2,\"input_tokens_details\":"
                 "{\"cached_tokens\":1},\"output_tokens_details\":{\"reasoning_tokens\":0}}");
    CHECK(u.is_known && u.has_cached && !u.has_cache_write && u.has_reasoning);
    CHECK_EQ(u.input_tokens, 1);
}

TEST(openai_usage_tells_zero_from_missing)
{
    struct token_usage u = usage_of("{\"prompt_tokens\":0,\"completion_tokens\":0,"
                                    "\"prompt_tokens_details\":{\"cached_tokens\":0}}");

    CHECK(u.is_known && u.has_cached && !u.has_reasoning);
    CHECK(!usage_of("{}").is_known);
    CHECK(!usage_of("null").is_known);
    CHECK(!usage_of("[1]").is_known);
    CHECK(!usage_of("{\"total_tokens\":3}").is_known);
    CHECK(!usage_of("{\"prompt_tokens\":\"3\",\"completion_tokens\":-1}").is_known);
    u = usage_of("{\"prompt_tokens\":3,\"prompt_tokens_details\":null}");
    CHECK(u.is_known && !u.has_cached);
}

TEST(openai_usage_knows_the_other_name_of_cached_tokens)
{
    struct token_usage u = usage_of("{\"prompt_tokens\":9,\"prompt_cache_hit_tokens\":6}");

    CHECK(u.has_cached);
    CHECK_EQ(u.cached_tokens, 6);
    u = usage_of("{\"prompt_cache_hit_tokens\":6,\"prompt_tokens\":9,"
                 "\"prompt_tokens_details\":{\"cached_tokens\":0}}");
    CHECK_EQ(u.cached_tokens, 0);
}

static void check_written(struct token_usage u, const char *want)
{
    struct json_writer w;
    struct buf out;

    buf_init(&out, 1000);
    json_write_init(&w, &out);
    openai_usage_write(&w, &u);
    CHECK_EQ(w.error, OK);
    CHECK_SAME(buf_view(&out), str_from_c(want));
    buf_done(&out);
}

TEST(openai_usage_writes_details_that_were_reported)
{
    struct token_usage u = {.is_known = true, .input_tokens = 7, .output_tokens = 2};

    check_written(u, "{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}");
    u.has_cached = u.has_reasoning = true;
    check_written(u, "{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9,"
                     "\"prompt_tokens_details\":{\"cached_tokens\":0},"
                     "\"completion_tokens_details\":{\"reasoning_tokens\":0}}");
    u = (struct token_usage){.is_known = true, .cache_write_tokens = 3, .has_cache_write = true};
    check_written(u, "{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0,"
                     "\"prompt_tokens_details\":{\"cache_write_tokens\":3}}");
}
