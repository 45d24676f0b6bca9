// sluice_stream: the events of a stream in our own dialect, as whoever relays it must know them.
//
// A stream is complete when every choice has its finish and the call has ended with status OK;
// the latter is told from outside (answer_stream.is_done), as no event says so. Pure.
#pragma once

#include "base/buf.h"
#include "provider/answer_stream.h"

// Takes one ChatEvent into account. ERR_SYNTAX: it is none; the state is then as before.
err sluice_stream_event(struct answer_stream *s, str data);
// Whether every choice that was asked for, or seen, has its finish, and the call has ended well.
bool sluice_stream_is_complete(const struct answer_stream *s);
// Appends the event again, in its frame, with another text. It has one.
err sluice_stream_splice(struct buf *out, str data, str text);
// The usage of a whole answer, a ChatResponse; unknown where it has none.
struct token_usage sluice_stream_usage(str body);
