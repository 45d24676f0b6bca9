#include "provider/openai_words.h"

#include "support/test.h"

TEST(openai_words_map_every_finish_within_the_enum)
{
    static const char *const known[] = {"stop", "length", "tool_calls", "content_filter",
                                        "function_call"};

    for (int f = CHAT_FINISH_UNKNOWN; f <= CHAT_FINISH_PAUSE; f++) {
        for (int legacy = 0; legacy < 2; legacy++) {
            str word = openai_words_finish((enum chat_finish)f, legacy);
            bool is_known = false;
            for (size_t i = 0; i < 5; i++) {
                is_known |= str_eq(word, str_from_c(known[i]));
            }
            CHECK(is_known);
        }
    }
}

TEST(openai_words_name_a_finish)
{
    CHECK_STR(openai_words_finish(CHAT_FINISH_UNKNOWN, false), "stop");
    CHECK_STR(openai_words_finish(CHAT_FINISH_STOP, false), "stop");
    CHECK_STR(openai_words_finish(CHAT_FINISH_STOP_SEQUENCE, false), "stop");
    CHECK_STR(openai_words_finish(CHAT_FINISH_LENGTH, false), "length");
    CHECK_STR(openai_words_finish(CHAT_FINISH_CONTEXT, false), "length");
    CHECK_STR(openai_words_finish(CHAT_FINISH_PAUSE, false), "length");
    CHECK_STR(openai_words_finish(CHAT_FINISH_TOOL_CALLS, false), "tool_calls");
    CHECK_STR(openai_words_finish(CHAT_FINISH_TOOL_CALLS, true), "function_call");
    CHECK_STR(openai_words_finish(CHAT_FINISH_FILTER, false), "content_filter");
    CHECK_STR(openai_words_finish(CHAT_FINISH_REFUSAL, false), "content_filter");
}

static enum chat_finish finish_of(const char *word)
{
    return openai_words_finish_of(chat_text_json(str_from_c(word)));
}

TEST(openai_words_read_a_finish)
{
    CHECK_EQ(finish_of("stop"), CHAT_FINISH_STOP);
    CHECK_EQ(finish_of("l\\u0065ngth"), CHAT_FINISH_LENGTH);
    CHECK_EQ(finish_of("tool_calls"), CHAT_FINISH_TOOL_CALLS);
    CHECK_EQ(finish_of("function_call"), CHAT_FINISH_TOOL_CALLS);
    CHECK_EQ(finish_of("content_filter"), CHAT_FINISH_FILTER);
    CHECK_EQ(finish_of("max_tokens"), CHAT_FINISH_LENGTH);
    CHECK_EQ(finish_of("eos"), CHAT_FINISH_STOP);
    CHECK_EQ(finish_of("end_turn"), CHAT_FINISH_STOP);
    CHECK_EQ(finish_of("STOP"), CHAT_FINISH_UNKNOWN);
    CHECK_EQ(openai_words_finish_of((struct chat_text){0}), CHAT_FINISH_UNKNOWN);
}

TEST(openai_words_tell_a_stop_after_calls_from_others)
{
    CHECK_EQ(openai_words_finish_with_calls(CHAT_FINISH_STOP), CHAT_FINISH_TOOL_CALLS);
    CHECK_EQ(openai_words_finish_with_calls(CHAT_FINISH_UNKNOWN), CHAT_FINISH_TOOL_CALLS);
    CHECK_EQ(openai_words_finish_with_calls(CHAT_FINISH_LENGTH), CHAT_FINISH_LENGTH);
    CHECK_EQ(openai_words_finish_with_calls(CHAT_FINISH_FILTER), CHAT_FINISH_FILTER);
}

TEST(openai_words_know_tiers_of_both_dialects)
{
    CHECK_STR(openai_words_tier(chat_text_plain(STR("flex"))), "flex");
    CHECK_STR(openai_words_tier(chat_text_plain(STR("standard"))), "default");
    CHECK_STR(openai_words_tier(chat_text_plain(STR("standard_only"))), "default");
    CHECK_STR(openai_words_tier(chat_text_plain(STR("batch"))), "");
    CHECK_STR(openai_words_tier((struct chat_text){0}), "");
}
