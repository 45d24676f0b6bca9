// grpc_frame: messages of a gRPC body, each behind its prefix (gRPC over HTTP/2,
// "Length-Prefixed-Message"): one byte that says whether it is compressed, four of its length, then
// the message.
//
// Pieces of a body come in, whole messages go out: views of the piece where a message lies in one,
// else of the buf that the reader gathers in. The buf's maximum bounds any message, and a longer
// one is refused as soon as its prefix is there. Pure: no allocation but in that buf.
#pragma once

#include "base/buf.h"

enum { GRPC_FRAME_PREFIX_BYTES = 5 };

struct grpc_frame {
    str message; // as sent, so perhaps compressed
    bool is_compressed;
};

struct grpc_frame_reader {
    struct buf *gather; // what has come of a message that began in an earlier piece
    char prefix[GRPC_FRAME_PREFIX_BYTES];
    uint8_t prefix_bytes; // of the current message, as far as they have come
    bool gather_is_spent; // its message was handed out
};

// `gather` is the caller's, empty, and made with the longest message as its maximum.
void grpc_frame_reader_init(struct grpc_frame_reader *r, struct buf *gather);

// Takes what belongs to the next message from the front of `*piece`. OK: `*out` is it, valid until
// the next call or as long as the piece is. ERR_AGAIN: the piece is used up and the message is not
// whole. ERR_LIMIT: it is longer than allowed; ERR_SYNTAX: its first byte is neither 0 nor 1; after
// either there is nothing to go on with.
err grpc_frame_next(struct grpc_frame_reader *r, str *piece, struct grpc_frame *out);

// Whether the body may end here: not in a message, nor in a prefix.
bool grpc_frame_is_between(const struct grpc_frame_reader *r);

// The prefix of a message that the caller sends behind it. ERR_LIMIT: no prefix tells that length.
err grpc_frame_write_prefix(char out[GRPC_FRAME_PREFIX_BYTES], size_t message_bytes,
                            bool is_compressed);

// Appends a whole message behind its prefix; nothing where it does not fit.
err grpc_frame_append(struct buf *out, str message, bool is_compressed);
