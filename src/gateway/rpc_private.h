// rpc_private: what the files of a call to a provider's service share.
#pragma once

#include "codec/grpc_frame.h"
#include "gateway/rpc.h"
#include "grpc/transcode_answer.h"

// What only REST needs, in the call's arena.
struct rpc_rest {
    struct transcode_answer answer;
    struct arena scratch; // of one message
    struct buf body;      // of the request
    struct buf message;   // made of it
    char prefix[GRPC_FRAME_PREFIX_BYTES];
    struct iovec pieces[2]; // prefix and message
    struct grpc_frame_reader reader;
    struct buf gather; // an answer's message that came in pieces
    struct buf left;   // of a piece that the client was not ready for
    struct buf shown;  // a message as the client gets it
    struct buf out;    // messages on their way to the client
    bool has_message;  // of the answer
    bool is_plain;     // an error that is no status of the method: path or type were wrong
};

// rpc.c
// Sends the request upstream; its body is what `rest` has, or follows.
void rpc_ask(struct rpc *r);
// The call ends with `s`, whatever was told before; for REST with `http`, where that is not 0. The
// rpc has ended.
void rpc_fail(struct rpc *r, const struct status *s, unsigned http);
// All that there was to say has been said.
void rpc_end(struct rpc *r);
// (Re)arms the timer for the nearest bound.
void rpc_watch(struct rpc *r);

// rpc_head.c: heads, made of other heads.
// The upstream's request, in r->head. ERR_LIMIT where it is too large.
err rpc_head_request(struct rpc *r);
// The fields of an upstream's answer as they go to the client, with our own, in r->head.
void rpc_head_answer(struct rpc *r);
// Our own fields alone.
void rpc_head_own(struct rpc *r);
// The trailers of an upstream, in r->head.
void rpc_head_trailers(struct rpc *r);

// rpc_native.c
// Passes on what there is of the request's body.
void rpc_native_pump(struct rpc *r);
// The upstream's head has come, and is that of an answer.
void rpc_native_answer(struct rpc *r);
// Passes on what there is of its body.
void rpc_native_pull(struct rpc *r);
// Tells the client of a status that ends the call.
void rpc_native_fail(struct rpc *r, const struct status *s);

// rpc_rest.c
void rpc_rest_open(struct rpc *r);
void rpc_rest_close(struct rpc_rest *rest); // takes NULL
// Takes what there is of the request's body.
void rpc_rest_receive(struct rpc *r);
// As above.
void rpc_rest_pull(struct rpc *r);
// False where the answer can't say it any more and must be reset.
bool rpc_rest_fail(struct rpc *r, const struct status *s, unsigned http);

// rpc_log.c: counts the call and writes its line.
void rpc_log(struct rpc *r);
