// h2_stage: a client on a virtual loop, an origin of HTTP/2 in memory before it, and calls that do
// what they are told.
//
// h2_stage_done() checks that nothing is left: no call, no conn, no stream. One stage a test;
// belongs to its loop.
#pragma once

#include "http/client_call.h"

#include "support/fake_h2.h"

enum { H2_STAGE_CALLS = 210 };

struct h2_asking {
    struct client_call call;
    struct arena arena;
    struct h2_stage *stage;
    struct buf body;  // of the answer
    str to_send;      // of a streamed request
    size_t send_size; // a piece of it
    err end;          // OK while under way, ERR_EOF after a good answer
    int heads;
    bool knew_end;      // the last piece was known to be that
    bool is_lazy;       // pulls nothing
    bool is_frugal;     // pulls one piece an event
    bool gives_up;      // at the next event
    bool closes_origin; // the same
};

struct h2_stage {
    struct loop loop;
    struct fake_h2 far;
    struct client client;
    struct client_origin origin; // known to speak it
    struct h2_asking *calls;
};

extern const struct memory_stream_options h2_stage_plain;
extern const str h2_stage_get; // a request without a body

void h2_stage_init(struct h2_stage *b, struct memory_stream_options options);
void h2_stage_done(struct h2_stage *b);

// Lets happen what can happen without time going by.
void h2_stage_settle(struct h2_stage *b);
// Exactly so long.
void h2_stage_wait(struct h2_stage *b, msec ms);

// Call `i` anew.
struct h2_asking *h2_stage_ask(struct h2_stage *b, int i, struct client_request request);
// One that may be repeated.
struct h2_asking *h2_stage_ask_get(struct h2_stage *b, int i);
// What a lazy call has left undone.
void h2_stage_pull(struct h2_asking *a);
void h2_stage_expect_answer(const struct h2_asking *a, unsigned status, str body);

// A body of `len` bytes that differ.
str h2_stage_block(size_t len);
