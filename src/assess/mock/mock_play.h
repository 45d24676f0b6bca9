// mock_play: plays one answer against the clock, with the faults of its rule.
//
// An answer is a head and a row of events; one that is not a stream is a row of one. After each
// event the play looks whether a fault is due, then waits out the gap; one timer serves it all. A
// congested call makes it wait too. Embedded in the owner of the call; belongs to its loop.
#pragma once

#include "assess/mock/mock_dialect.h"
#include "assess/mock/mock_grpc.h"
#include "assess/mock/mock_log.h"
#include "http/server_call.h"

struct mock_play {
    struct server_call *call;
    struct loop *loop;
    struct timer timer;
    struct mock_log *log;
    struct mock_entry *entry; // NULL once over
    struct buf *scratch;      // the loop's, for one event
    const struct mock_rule *rule;
    struct mock_say *say;                 // of a stream, else NULL
    const struct mock_say *cost;          // the tokens of the answer; NULL: it costs nothing
    const struct mock_endpoint *endpoint; // of a stream
    const struct mock_grpc_call *grpc;    // of an answer in messages of gRPC, else NULL
    str trailers;                         // of such an answer: what ends it
    struct server_answer head;
    struct buf body; // of an answer that is no stream; else, of gRPC, one message
    struct buf rest; // of an event that goes out in parts
    struct random random;
    usec due_us;  // the next event
    usec head_us; // a head that comes alone
    uint64_t events;
    uint64_t body_bytes; // sent
    uint64_t gaps;
    uint64_t repeats; // of the event in `rest`
    bool is_waiting;  // for the call to drain
    bool is_body_sent;
    bool has_stalled;
    bool has_failed; // an event reported an error
};

// Begins; everything but the private members is set, and the call's request has been read.
void mock_play_start(struct mock_play *p);
// The call has drained.
void mock_play_drained(struct mock_play *p);
// The call is over, whoever ended it.
void mock_play_stop(struct mock_play *p, enum mock_ended how);
