// transcript: the text of an answer that a client was given, while another stream may have to
// finish it.
//
// Only plain text can be finished without a seam. Where anything else was delivered (a call of a
// tool, a second choice, the finish itself), or more than is kept, the transcript says that it
// can't stand for the answer. Belongs to its exchange.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "provider/openai.h"

struct transcript {
    struct buf text; // decoded
    uint64_t tokens; // events that brought some of it
    bool is_kept;    // else nothing is noted
    bool has_other;  // something was delivered that text can't stand for
    bool has_finish; // its finish was delivered
    bool is_ended;   // so was the end of its text, in a dialect that tells it
};

// Keeps nothing yet; set `is_kept`.
void transcript_init(struct transcript *t, size_t text_bytes_max);
void transcript_done(struct transcript *t);

// Notes what an event brings that is about to be delivered; with `has_blocks` in a dialect whose
// texts have an end that the client sees. The arena is for decoding.
void transcript_note(struct transcript *t, const struct answer_delta *d, bool has_blocks,
                     struct arena *arena);

// Nothing of all that was delivered.
void transcript_clear(struct transcript *t);

// Something went wrong between what was noted and what was delivered.
void transcript_spoil(struct transcript *t);

// Whether another stream could finish the answer.
bool transcript_can_stand(const struct transcript *t);

// How text that comes next compares with what was delivered from `at` on: the number of its bytes
// that are the same, as far as the transcript goes; `next.len` and more left, all of it.
size_t transcript_match(const struct transcript *t, size_t at, str next);
