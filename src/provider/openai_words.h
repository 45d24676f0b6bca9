// openai_words: values of OpenAI's chats that are one of a few words.
//
// Each is mapped within what the other side knows: a client that gets a word its SDK has never
// heard of may throw. Pure.
#pragma once

#include "provider/chat.h"

// Why an answer ended; UNKNOWN for a word that is none of the dialect.
enum chat_finish openai_words_finish_of(struct chat_text reason);
// The same of an answer with calls of tools: after a function that had to be called it says "stop",
// and some servers always do.
enum chat_finish openai_words_finish_with_calls(enum chat_finish finish);
// Never empty. A turn that paused is not at its end, hence "length"; unknown is "stop".
str openai_words_finish(enum chat_finish finish, bool uses_functions);

// A service tier of this dialect or of Anthropic's; empty: it is none here.
str openai_words_tier(struct chat_text tier);
