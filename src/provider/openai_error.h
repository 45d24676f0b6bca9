// openai_error: errors of OpenAI's dialect in the neutral model.
//
// Reading takes what official and compatible servers send: {"error":{...}} or a text in its place,
// the same members without a wrapper, a "detail"; of anything else a sentence about the status is
// left, as a page of HTML is for nobody. Writing names the type in OpenAI's words. Pure.
#pragma once

#include "provider/dialect.h"

enum { OPENAI_ERROR_TEXT_MAX = 4096 }; // of a message that is passed on

// Never fails. A status below 400, as that of an error in a stream, gives way to what the error
// says of itself.
void openai_error_read(unsigned status, str body, struct arena *a, struct chat_error *out);

// Appends {"error":{...}}.
err openai_error_write(const struct chat_error *e, struct buf *out);

// The status that official SDKs know for the like of `status`.
unsigned openai_error_status(unsigned status);
