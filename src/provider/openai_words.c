#include "provider/openai_words.h"

enum chat_finish openai_words_finish_of(struct chat_text reason)
{
    static const struct {
        str word;
        enum chat_finish finish;
    } words[] = {
        {STR_INIT("stop"), CHAT_FINISH_STOP},
        {STR_INIT("length"), CHAT_FINISH_LENGTH},
        {STR_INIT("tool_calls"), CHAT_FINISH_TOOL_CALLS},
        {STR_INIT("function_call"), CHAT_FINISH_TOOL_CALLS},
        {STR_INIT("content_filter"), CHAT_FINISH_FILTER},
        {STR_INIT("max_tokens"), CHAT_FINISH_LENGTH}, // of compatible servers, as the next two
        {STR_INIT("eos"), CHAT_FINISH_STOP},
        {STR_INIT("end_turn"), CHAT_FINISH_STOP},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (chat_text_is(reason, words[i].word)) return words[i].finish;
    }
    return CHAT_FINISH_UNKNOWN;
}

enum chat_finish openai_words_finish_with_calls(enum chat_finish finish)
{
    bool is_plain = finish == CHAT_FINISH_STOP || finish == CHAT_FINISH_UNKNOWN;

    return is_plain ? CHAT_FINISH_TOOL_CALLS : finish;
}

str openai_words_finish(enum chat_finish finish, bool uses_functions)
{
    switch (finish) {
    case CHAT_FINISH_UNKNOWN:
    case CHAT_FINISH_STOP:
    case CHAT_FINISH_STOP_SEQUENCE: return STR("stop");
    case CHAT_FINISH_LENGTH:
    case CHAT_FINISH_CONTEXT:
    case CHAT_FINISH_PAUSE: return STR("length");
    case CHAT_FINISH_TOOL_CALLS: return uses_functions ? STR("function_call") : STR("tool_calls");
    case CHAT_FINISH_FILTER:
    case CHAT_FINISH_REFUSAL: return STR("content_filter");
    }
    return STR("stop");
}

str openai_words_tier(struct chat_text tier)
{
    static const struct {
        str from;
        str to;
    } tiers[] = {
        {STR_INIT("auto"), STR_INIT("auto")},
        {STR_INIT("default"), STR_INIT("default")},
        {STR_INIT("flex"), STR_INIT("flex")},
        {STR_INIT("scale"), STR_INIT("scale")},
        {STR_INIT("priority"), STR_INIT("priority")},
        {STR_INIT("fast"), STR_INIT("fast")},
        {STR_INIT("standard"), STR_INIT("default")},
        {STR_INIT("standard_only"), STR_INIT("default")},
    };

    for (size_t i = 0; i < sizeof(tiers) / sizeof(*tiers); i++) {
        if (chat_text_is(tier, tiers[i].from)) return tiers[i].to;
    }
    return STR("");
}
