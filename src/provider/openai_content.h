// openai_content: what a message of OpenAI's chats says: a text, or a list of parts.
//
// Shared by requests and answers. Which parts may stand in which message is for others to judge.
// Pure.
#pragma once

#include "provider/chat_walk.h"

// What an assistant said, by member.
struct openai_said {
    struct chat_text reasoning;
    struct chat_text refusal;
    struct chat_parts content;
    struct chat_parts calls;
};

// All of it as parts, in the order in which they come about: reasoning, text, refusal, calls.
err openai_content_said(struct chat_walk *w, const struct openai_said *said,
                        struct chat_parts *out);

// The value of a "content", which comes next: adds a TEXT, or each part.
err openai_content_read(struct chat_walk *w, struct chat_parts *out);

// The "tool_calls" of a message, which come next: adds a TOOL_CALL each. Calls of custom tools are
// ERR_UNSUPPORTED.
err openai_content_read_calls(struct chat_walk *w, struct chat_parts *out);
// Of the legacy "function_call", which comes next: a call without an id.
err openai_content_read_function(struct chat_walk *w, struct chat_parts *out);
