// rpc_stage: a whole gateway on a virtual loop with the service of tests/rpc behind it, a client of
// HTTP/2 and one of HTTP/1.1 before it.
//
// The service's provider is the one fake_h2, whatever its address. rpc_stage_done() checks that
// nothing is left. One stage a test; belongs to its loop.
#pragma once

#include "gateway/gateway.h"

#include "support/fake_client.h"
#include "support/fake_h2.h"
#include "support/h2_peer.h"

struct rpc_stage {
    struct loop loop;
    struct fake_h2 far;
    struct gateway gateway;
    struct h2_peer peer;       // connected, behind its preface
    struct fake_client client; // connected
    struct settings *settings;
    struct buf set;
    struct route_board *board;
};

// Of the one provider, "stock"; more keys may follow.
#define RPC_STAGE_PROVIDER                                                                         \
    "  - {name: stock, dialect: grpc, base_url: \"http://stock.example:50051\",\n"                 \
    "     descriptor_set: tests/rpc/descriptors.bin"
#define RPC_STAGE_YAML "providers:\n" RPC_STAGE_PROVIDER "}\n"

// The fields of a native call of stream 1, for more to follow.
#define RPC_STAGE_CALL(method)                                                                     \
    ":method: POST|:scheme: http|:authority: gw|:path: /stock.v1.Stock/" method                    \
    "|content-type: application/grpc|te: trailers|"

void rpc_stage_init(struct rpc_stage *s, str yaml);
void rpc_stage_done(struct rpc_stage *s);

// Lets happen what can happen without time going by; exactly so long.
void rpc_stage_settle(struct rpc_stage *s);
void rpc_stage_wait(struct rpc_stage *s, msec ms);

// A native call on stream 1 whose request is whole: one message.
void rpc_stage_call(struct rpc_stage *s, str fields, str message);
// A request of the client of HTTP/1.1: "GET /path", a body where there is one.
void rpc_stage_ask(struct rpc_stage *s, const char *line, str body);
// The upstream's newest stream; fails where there is none.
struct fake_h2_stream *rpc_stage_upstream(struct rpc_stage *s);
// It begins a gRPC answer; sends a message; ends it with trailers.
void rpc_stage_begin(struct rpc_stage *s);
void rpc_stage_say(struct rpc_stage *s, str message);
void rpc_stage_end(struct rpc_stage *s, str trailers);
// What the client of HTTP/2 heard since it was last asked.
str rpc_stage_told(struct rpc_stage *s);
