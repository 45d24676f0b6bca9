// memory_stream: two streams joined in memory, for tests and for loops on virtual time.
//
// What one end writes the other reads, after at most `capacity` bytes of buffer each way. A seed
// makes reads and writes stop short at random places, as a network does. An end closed in order
// reads as ERR_EOF at the other once its bytes are read; an aborted one as ERR_CLOSED at once.
// As with TCP, a read that fills less than it could clears `is_readable`, unless the end follows.
// Readiness is told in a task of the loop, never from inside a call. Both ends belong to one loop.
#pragma once

#include "io/stream.h"

struct memory_stream_options {
    size_t capacity; // bytes buffered each way; 0 means 64 KiB
    uint64_t seed;   // cuts reads and writes at random; 0 for never
    str protocol;    // what ALPN is to have agreed on
};

// Makes a pair. Each end is closed on its own.
void memory_stream_pair(struct loop *loop, struct memory_stream_options options,
                        struct stream **out_a, struct stream **out_b);

// Ends what `s` sends, as if its network had: the peer reads ERR_EOF after what was written, and
// `s` can still be read. For cutting a connection under those who use it.
void memory_stream_hang_up(struct stream *s);
