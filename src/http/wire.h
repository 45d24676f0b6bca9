// wire: the bytes of one HTTP/1.1 connection, either side: what came and is not consumed yet, what
// is to go and did not fit yet.
//
// Reading goes through the loop's scratch memory, so that a connection at rest holds no buffer;
// what its owner leaves unconsumed is kept by wire_settle(), which ends every visit. Writing tries
// the stream at once and keeps what did not fit; a wire with such a rest is congested, and its
// owner produces nothing more until it has drained. Belongs to one loop.
#pragma once

#include "base/buf.h"
#include "io/stream.h"

enum {
    WIRE_IN_MAX = 2 * 1024 * 1024,   // unconsumed: a head, or one piece of a body
    WIRE_OUT_MAX = 72 * 1024 * 1024, // unsent: what one write leaves, so one piece of a body
    WIRE_IOV_MAX = 12,
    // Reads of a body in one visit: between two peers that keep up with each other nothing else
    // would end it, and everyone else on the loop would wait.
    WIRE_FILLS_A_VISIT = 16,
};

struct wire {
    struct stream *stream;
    struct buf in;
    struct buf out;
    str pending; // what came and is not consumed: in the loop's scratch, or in `in`
    bool is_in_scratch;
    bool is_deferred;   // what is in `out` waits for the end of the turn, not for the stream
    uint8_t fill_count; // of this visit; its owner counts and clears
};

void wire_init(struct wire *w, struct stream *s);
// Closes the stream and frees the buffers. Harmless when done already.
void wire_close(struct wire *w, enum stream_end how);

static inline bool wire_is_open(const struct wire *w)
{
    return w->stream != NULL;
}

// One read; what came is appended to `pending`. Errors of stream_read(), and ERR_LIMIT.
err wire_fill(struct wire *w);
// Takes `len` bytes off the front of `pending`.
void wire_consume(struct wire *w, size_t len);
// Keeps what is pending beyond the current callback.
void wire_settle(struct wire *w);

// Sends all of `iov` now or later; the entries are used up. An error is final.
err wire_write(struct wire *w, struct iovec *iov, int count);
// Keeps all of `iov` for a wire_flush() at the end of the turn, which its owner sees to. Pieces to
// many peers that leave in one go wake a peer on this machine once, not once a piece.
err wire_defer(struct wire *w, const struct iovec *iov, int count);
// Sends what was kept. OK also while some is left; see wire_is_congested().
err wire_flush(struct wire *w);

// Takes the first `len` bytes off `iov`; returns how many entries are left, moved to the front.
int wire_skip(struct iovec *iov, int count, size_t len);

static inline bool wire_is_congested(const struct wire *w)
{
    return buf_len(&w->out) > 0 && !w->is_deferred;
}
