#include "provider/anthropic_finish.h"

#include "codec/json.h"

// What others stop for has no word of its own: for its content, the model has refused.
static const str words[] = {
    [CHAT_FINISH_UNKNOWN] = STR_INIT("end_turn"),
    [CHAT_FINISH_STOP] = STR_INIT("end_turn"),
    [CHAT_FINISH_STOP_SEQUENCE] = STR_INIT("stop_sequence"),
    [CHAT_FINISH_LENGTH] = STR_INIT("max_tokens"),
    [CHAT_FINISH_CONTEXT] = STR_INIT("model_context_window_exceeded"),
    [CHAT_FINISH_TOOL_CALLS] = STR_INIT("tool_use"),
    [CHAT_FINISH_FILTER] = STR_INIT("refusal"),
    [CHAT_FINISH_REFUSAL] = STR_INIT("refusal"),
    [CHAT_FINISH_PAUSE] = STR_INIT("pause_turn"),
};

enum chat_finish anthropic_finish_read(str raw)
{
    static const struct {
        str word;
        enum chat_finish finish;
    } rows[] = {
        {STR_INIT("end_turn"), CHAT_FINISH_STOP},
        {STR_INIT("stop_sequence"), CHAT_FINISH_STOP_SEQUENCE},
        {STR_INIT("max_tokens"), CHAT_FINISH_LENGTH},
        {STR_INIT("model_context_window_exceeded"), CHAT_FINISH_CONTEXT},
        {STR_INIT("tool_use"), CHAT_FINISH_TOOL_CALLS},
        {STR_INIT("refusal"), CHAT_FINISH_REFUSAL},
        {STR_INIT("pause_turn"), CHAT_FINISH_PAUSE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (json_string_is(raw, rows[i].word)) return rows[i].finish;
    }
    return CHAT_FINISH_UNKNOWN;
}

str anthropic_finish_write(enum chat_finish finish, bool has_calls)
{
    bool is_plain = finish == CHAT_FINISH_STOP || finish == CHAT_FINISH_UNKNOWN;

    return words[has_calls && is_plain ? CHAT_FINISH_TOOL_CALLS : finish];
}
