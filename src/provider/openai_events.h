// openai_events: streams of OpenAI's chats, read into the neutral model and written.
//
// The reader is lenient, as compatible servers differ: calls that come whole, without an index, all
// with the same one, or with their id in every piece; a name that comes late; usage in any event;
// reasoning by either of its names. Calls are numbered in the order of their appearance.
// The writer makes chunks as OpenAI does: first the role of each choice, usage in a chunk of its
// own where it was asked for, then "[DONE]". It makes up what a client would miss: a role or a
// finish that never came, arguments of a call that had none. Signatures and hidden reasoning have
// no place and are left out. Pure.
#pragma once

#include "provider/dialect.h"

// Both live in the arena.
struct chat_reader *openai_events_read_new(struct arena *a);
struct chat_writer *openai_events_write_new(struct arena *a, const struct chat_reply *r);
