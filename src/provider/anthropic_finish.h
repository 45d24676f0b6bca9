// anthropic_finish: why an answer ended, in Anthropic's words: its stop_reason.
//
// Whatever the reason was called, what is written is one of the API's. Pure.
#pragma once

#include "provider/chat.h"

// Of the raw string; CHAT_FINISH_UNKNOWN for a word that is none of the API's.
enum chat_finish anthropic_finish_read(str raw);

// An answer with calls of tools that merely stopped, as some servers say, has stopped for them.
str anthropic_finish_write(enum chat_finish finish, bool has_calls);
