// grpc_service: calls that the gateway answers by itself: grpc.health.v1 and grpc.reflection.v1.
//
// Each message of the request is answered as it comes; a watch is told of changes for as long as
// its client stays. When the gateway drains, watches hear that it no longer serves and end, so that
// nobody is waited for. In the call's arena; belongs to its gateway's loop.
#pragma once

#include "gateway/gateway.h"
#include "grpc/grpc_call.h"
#include "grpc/health.h"
#include "http/server_call.h"

struct grpc_service {
    struct server_call_user user;
    struct gateway *gateway;
    struct gateway_view *view; // that its answers are from
    struct server_call *call;
    struct link link; // in gateway->services
    struct timer timer;
    struct grpc_call grpc;
    struct health_watch watch;
    struct status status; // that the call ends with when its request does
    struct buf rest;      // of the request: what has come and is not answered
    struct buf out;       // an answer that waits for the end of the request
    str id;
    str path;
    enum service_kind kind;
    bool is_watching;
    bool is_request_done;
};

// Takes over a call of these services; false where it is none.
bool grpc_service_start(struct gateway *g, struct server_call *call);

// The settings or the state of the gateway have changed: watches are told.
void grpc_service_tell(struct gateway *g);
// Ends all of them now.
void grpc_service_stop(struct gateway *g);
