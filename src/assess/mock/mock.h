// mock: a scripted upstream that speaks the dialects of OpenAI and Anthropic, and sluice's own over
// gRPC, for demos and tests.
//
// It answers what an inference service would, from nothing: echoes, or what the rules of a script
// say, with their timing and faults; a model's name may ask for a fault as well. It keeps a log of
// what came, byte for byte. One server on one loop; embedded in its owner, who keeps the rules.
#pragma once

#include "assess/mock/mock_grpc.h"
#include "assess/mock/mock_log.h"
#include "assess/mock/mock_rule.h"
#include "http/server.h"

struct mock_options {
    uint64_t seed;
    uint64_t log_max;
    struct mock_rule *rules; // borrowed; their counts are the mock's to keep
    size_t rule_count;
    struct mock_rule base; // for requests that no rule is for; see mock_rule_init()
};

struct mock {
    struct server server;
    struct loop *loop;
    struct mock_options options;
    struct mock_log log;
    struct buf scratch; // one event at a time
    struct mock_grpc grpc;
};

// Listens; the port that the kernel chose is in `server.listener.address`. ERR_IN_USE... Without
// an address it waits for server_accept().
err mock_open(struct mock *m, struct loop *loop, const struct address *a,
              const struct mock_options *options);
// Resets every connection.
void mock_close(struct mock *m);
