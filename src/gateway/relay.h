// relay: the events of an upstream's stream, on their way to a client.
//
// Whole events pass as they came; a part of one is held until the rest arrives, as no client can
// use it sooner and a cut could not be told cleanly behind it. Each event is read to know whether
// the answer is complete, so that a stream that ends too early is never passed on as a whole one.
//
// A stream that finishes another one's answer goes on where the transcript of it ends
// (RELAY_CONTINUE), or tells all of it again and is held against it, byte for byte, before anything
// new passes (RELAY_REPLAY). In a dialect of blocks it goes on within the first one, which is all
// that the client has. Pure; belongs to its exchange.
#pragma once

#include "base/arena.h"
#include "gateway/transcript.h"
#include "provider/failure.h"
#include "provider/openai.h"

enum relay_manner { RELAY_FIRST, RELAY_CONTINUE, RELAY_REPLAY };

struct relay {
    struct answer_stream stream;
    struct buf hold;   // the part of an event that came
    struct buf join;   // for events of several data lines
    struct buf out;    // what goes out where that is not what came
    struct buf splice; // an event with another text
    struct buf told;   // the event of an error, where the upstream reported one
    struct arena arena;
    size_t scanned; // of what is held
    size_t ready;   // bytes at the front of `hold` that were handed out
    size_t event_bytes_max;
    struct transcript *transcript;
    enum relay_manner manner;
    size_t matched;       // RELAY_REPLAY: bytes of the text that came again
    uint64_t tokens;      // events with content, of this stream
    enum failure failure; // of the error that was told
    bool hides_usage;     // an event that has nothing but the usage is not for the client
    bool is_translated;   // what passes goes to a reader, who has to see how the answer begins
};

// Events may be of `event_bytes_max` bytes. `t` outlives the relay.
void relay_init(struct relay *r, enum answer_kind kind, size_t event_bytes_max,
                struct transcript *t, enum relay_manner manner);
void relay_done(struct relay *r);

// Takes the next piece of the stream. In `*forward` what may be sent on now, maybe nothing: a view
// of the piece, of what is held or of what was made of it, valid until the next call. An error
// ends the relay; `*forward` is what came before it. ERR_SYNTAX: an event is malformed; ERR_LIMIT:
// it is too large; ERR_REFUSED: it reports an error, and stands in `told`; ERR_TYPE: the text is
// not the one that was delivered.
err relay_take(struct relay *r, str piece, str *forward);

// The upstream's stream has ended. OK: the answer is complete; `*tail` is what is still to be
// sent, maybe nothing; over gRPC an empty message, which stands for the end in what is made of it.
// ERR_CLOSED: it was cut, behind `*tail`; ERR_REFUSED and ERR_TYPE as above.
err relay_end(struct relay *r, str *tail);
