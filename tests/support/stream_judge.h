// stream_judge: what a client may believe of a streamed answer, by the rules of each dialect.
//
// It knows the wire formats from their descriptions and nothing of the floor that writes them. What
// breaks a rule fails the test: events that are no whole ones, blocks that don't pair, a second
// beginning or end, anything behind the end. Whether the answer ended well or with an error is
// told.
#pragma once

#include "base/buf.h"

enum stream_wire { STREAM_OPENAI, STREAM_ANTHROPIC, STREAM_SLUICE };

struct stream_verdict {
    struct buf text;      // of the answer, in one
    struct buf arguments; // of the calls of tools, likewise
    size_t events;        // that are no comments
    size_t blocks;        // of Anthropic's
    bool has_finish;
    bool is_ended; // by the dialect's own mark, behind a finish; of gRPC the status says the rest
    bool has_error;
    bool has_usage;
    uint64_t input_tokens; // as OpenAI and we count them at the end
};

// Reads the body of an answer as far as it has come; the part of an event may stand at its end
// where it has no end. `out` is the caller's to end.
void stream_judge(enum stream_wire wire, str body, bool is_whole, struct stream_verdict *out);
void stream_verdict_done(struct stream_verdict *v);
