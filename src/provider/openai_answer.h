// openai_answer: whole answers of OpenAI's chats, read into the neutral model and written.
//
// Reading is lenient, as compatible servers differ: reasoning by either of its names, a content in
// parts, a call without an id, calls whose finish says "stop". Writing makes the ids
// (reply.id_seed), and puts several texts into the one string that the dialect has. Pure.
#pragma once

#include "provider/dialect.h"

err openai_answer_read(str body, struct arena *a, struct chat_answer *out);
err openai_answer_write(const struct chat_answer *answer, const struct chat_reply *r,
                        struct gather *out);
