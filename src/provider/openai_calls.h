// openai_calls: the calls of tools in a stream of OpenAI's chats, as their pieces come.
//
// A call is known by its choice and index; an id that was not seen with that index before makes
// another one, as some servers give all calls the same index, or none. Calls are numbered in the
// order of their appearance, and told once their name is known. Pure.
#pragma once

#include "provider/dialect.h"

enum {
    OPENAI_CALLS_MAX = 512,    // of one stream
    OPENAI_CALLS_ID_MAX = 256, // of an id that is told from others
};

struct openai_call;

struct openai_calls {
    struct arena *arena;
    struct openai_call *items;
    size_t count;
    size_t room;
};

// Takes the value of a "tool_calls", an array, or of a "function_call", an object; empty: there is
// none. ERR_TYPE: it holds something else; ERR_LIMIT: OPENAI_CALLS_MAX.
err openai_calls_take(struct openai_calls *c, uint32_t choice, str calls, struct chat_sink *sink);
err openai_calls_take_function(struct openai_calls *c, uint32_t choice, str function,
                               struct chat_sink *sink);

// Tells of those that nothing was known of but an id, as no more will come.
err openai_calls_end(struct openai_calls *c, uint32_t choice, struct chat_sink *sink);
// How many the choice has.
uint32_t openai_calls_count(const struct openai_calls *c, uint32_t choice);
