// answer: checks one HTTP/1.1 answer to a chat completion, byte for byte of framing.
//
// Bytes go in as they come, in pieces of any size; what comes out is whether the answer is
// complete, needs more or is wrong, and why. Written apart from the gateway's own codec, which it
// judges. An answer is right if it has status 200, a length or chunks, a whole body, and either a
// JSON object or a stream of exactly the expected number of events with [DONE] at its end. Pure, no
// allocation.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_HEAD_MAX = 2048 };

enum answer_step {
    ANSWER_HEAD,
    ANSWER_SIZED_BODY,
    ANSWER_CHUNK_SIZE,
    ANSWER_CHUNK_BODY,
    ANSWER_CHUNK_END,
    ANSWER_LAST_CHUNK_END,
};

enum answer_verdict { ANSWER_NEEDS_MORE, ANSWER_COMPLETE, ANSWER_WRONG };

struct answer {
    uint32_t events_wanted; // 0: a JSON object instead of a stream
    uint32_t events;
    bool is_done; // [DONE] was seen
    bool has_body;
    enum answer_step step;
    uint64_t left; // of the body, or of the chunk
    uint32_t digits;
    uint32_t line_len;
    char line[16]; // how the current line of the stream starts
    char last_byte;
    size_t head_len;
    const char *problem; // set with ANSWER_WRONG
    char status[32];     // of a wrong status, where `problem` points
    char head[ANSWER_HEAD_MAX + 1];
};

void answer_begin(struct answer *a, uint32_t events_wanted);

// Takes what it can of [*at, end), at least one byte and never beyond the answer's end.
enum answer_verdict answer_take(struct answer *a, const char **at, const char *end);
