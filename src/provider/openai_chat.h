// openai_chat: requests for chats in OpenAI's dialect, read into the neutral model and written.
//
// Reading takes the fields of the API that the model has, by the names of its official description,
// and three that compatible servers know (reasoning_content of a message, top_k, cache_control of a
// part or tool). What the model has no place for is noted; what is another kind of request without
// it is refused: custom tools, allowed_tools, sound in the answer.
// Writing gives max_tokens its newer name, max_completion_tokens, where it came by that, where
// reasoning is asked for, and for models whose name says that they know no other ("gpt-5", "o3");
// compatible servers often know only the older one. Pure.
#pragma once

#include "provider/chat_walk.h"
#include "provider/dialect.h"

err openai_chat_read(str body, struct arena *a, struct chat_request *out, struct chat_notes *n);
err openai_chat_write(const struct chat_request *q, struct gather *out, struct chat_notes *n);

// Parts of the above, in modules of their own.

// What outlives one message while messages are read: legacy calls have no ids, and are given some.
struct openai_message_ids {
    size_t count;
    struct chat_text last;
};

// The message that comes next.
err openai_message_read(struct chat_walk *w, struct openai_message_ids *ids,
                        struct chat_message *out);
// All of a request, as the array of "messages".
err openai_message_write(const struct chat_request *q, struct json_writer *w, struct gather *g,
                         struct chat_notes *n);

// Tools, growing in the walk's arena.
struct openai_tools {
    struct chat_tool *items;
    size_t count;
    size_t room;
};

// The values of "tools", "functions", "tool_choice", "function_call" and "response_format", which
// come next. The first two add.
err openai_tool_read(struct chat_walk *w, struct openai_tools *out);
err openai_tool_read_functions(struct chat_walk *w, struct openai_tools *out);
err openai_tool_read_choice(struct chat_walk *w, struct chat_tool_choice *out);
err openai_tool_read_function_choice(struct chat_walk *w, struct chat_tool_choice *out);
err openai_format_read(struct chat_walk *w, struct chat_format *out);
// "tools", "tool_choice" and "parallel_tool_calls", and "response_format".
err openai_tool_write(const struct chat_request *q, struct json_writer *w, struct gather *g,
                      struct chat_notes *n);
// A schema as the member `key`; nothing where there is none. ERR_SYNTAX: the text is no JSON
// object.
err openai_tool_write_schema(struct json_writer *w, str key, str json, struct chat_text text);
err openai_format_write(const struct chat_format *f, struct json_writer *w, struct gather *g,
                        struct chat_notes *n);
