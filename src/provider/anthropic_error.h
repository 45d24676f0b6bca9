// anthropic_error: the errors of the Messages API, as answers and within streams.
//
// A type goes with each status, and the SDKs throw by the status; within a stream, where there is
// none, by the type. Pure.
#pragma once

#include "provider/chat.h"

// The error type that goes with a status.
str anthropic_error_type(unsigned status);
// The status that the API has for the like of `status`: 529 for 503.
unsigned anthropic_error_status(unsigned status);
// Appends {"type":"error","error":{...},"request_id":...}: the body of an error answer.
err anthropic_error_write(const struct chat_error *e, struct buf *out);
// Appends the event that ends a failed stream.
err anthropic_error_write_event(const struct chat_error *e, struct buf *out);
// What an error answer says, as far as it can be read; texts are decoded in the arena.
void anthropic_error_read(unsigned status, str body, struct arena *a, struct chat_error *out);
