// rpc: one call of a provider's gRPC service, from its head to its line in the access log.
//
//     RECEIVE --> ASK --> ANSWER --> ended
//        |       ^   \      |
//        |       |    v     |
//        |       +-- WAIT   |
//        +------------------+--> (any step --> ended: answered by ourselves, or the client left)
//
// A call is *native*: gRPC from a client, whose bytes pass as they are, both ways at once; or
// *REST*: its message is made of an HTTP request, which RECEIVE gathers, and its answer is told as
// JSON. In ASK the upstream has the request, or is getting it, and its head is due; ANSWER passes
// the answer on. In WAIT an upstream that refused the connection is given a moment.
//
// An answer that is not complete is never ended as if it were: it gets a status, or is reset. No
// message is looked at natively, so the bounds there are those of bytes and time. Belongs to its
// gateway's loop.
#pragma once

#include "gateway/gateway.h"
#include "grpc/status.h"
#include "http/client_call.h"
#include "http/server_call.h"
#include "resilience/deadline.h"

enum rpc_step {
    RPC_RECEIVE,
    RPC_ASK,
    RPC_WAIT,
    RPC_ANSWER,
    RPC_ENDED,
};

struct rpc_rest;

struct rpc {
    struct server_call_user user;
    struct gateway *gateway;
    struct gateway_view *view;
    struct server_call *call;
    struct link link; // in gateway->rpcs
    struct timer timer;
    struct client_call up;
    int step;
    unsigned attempts;
    deadline until;      // of the whole call
    deadline step_until; // of RECEIVE and WAIT
    struct transcode_found found;
    struct gateway_origin *origin; // NULL where the request was refused before it was known
    str path;                      // of the request, without its query
    str query;
    str id;                // x-request-id
    struct buf head;       // of the upstream's request, then of the answer
    struct rpc_rest *rest; // NULL: native
    struct status status;  // how it ended
    str failure;           // for the log: what went wrong
    bool has_taken;        // of the request's body something that can't be sent again
    bool is_client_gone;
    usec first_us; // the first piece of the answer to the client; 0 before
    usec ended_us;
};

// Takes over a call whose head has arrived, if it is for the service of a provider, or for a path
// of ours by a method that it does not have. False: it is not, and nothing was touched.
bool rpc_start(struct gateway *g, struct server_call *call);

// Ends it now, with a status.
void rpc_stop(struct rpc *r);
