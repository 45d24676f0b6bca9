// stage: a whole gateway on a virtual loop, an upstream in memory behind it and a client before it.
//
// Every provider of the settings is the one fake upstream. stage_done() checks that nothing is
// left: no exchange, no conn, no view. One stage a test; belongs to its loop.
#pragma once

#include "gateway/gateway.h"

#include "support/fake_client.h"
#include "support/fake_upstream.h"

struct stage {
    struct loop loop;
    struct fake_upstream upstream;
    struct gateway gateway;
    struct fake_client client; // connected
    struct settings *settings;
    struct route_board *board;
};

// The environment of the settings.
#define STAGE_SECRET "sk-very-secret"

// Once is enough: for tests of what one attempt does.
#define STAGE_ONCE "     retry: {attempts: 1}, breaker: {trip_after: 0}, recovery: error"

// A provider with a key and two models: "m" goes on as "up-m", any other name as it is.
#define STAGE_LIMITS "limits:\n  comment_interval: 15s\n"
#define STAGE_ROUTES                                                                               \
    "providers:\n"                                                                                 \
    "  - {name: p, base_url: \"http://up.example:8000/api/v1\", api_key: \"${KEY}\"}\n"            \
    "models:\n"                                                                                    \
    "  - {name: m, targets: [{provider: p, model: up-m}],\n"                                       \
    "     timeouts: {total: 100s, connect: 2s, first_token: 20s, between_tokens: "                 \
    "10s},\n" STAGE_ONCE "}\n"                                                                     \
    "  - {name: \"*\", targets: [{provider: p}],\n" STAGE_ONCE "}\n"
#define STAGE_YAML STAGE_LIMITS STAGE_ROUTES

// Settings of a text that must be valid; the reference is the caller's.
struct settings *stage_settings(str yaml);
void stage_init(struct stage *s, str yaml);
// The same, with a log, and streams of one's own making.
void stage_init_with(struct stage *s, str yaml, struct log_writer *log,
                     struct memory_stream_options options);
void stage_done(struct stage *s);

// Connects one more client, or again one that has left and is done.
void stage_connect(struct stage *s, struct fake_client *c, struct memory_stream_options options);

// Lets happen what can happen without time going by.
void stage_settle(struct stage *s);
// Exactly so long.
void stage_wait(struct stage *s, msec ms);

// A POST with a JSON body, of s->client.
void stage_post(struct stage *s, str path, str body);
// What the client has seen since it was last asked, and nothing of before.
str stage_seen(struct stage *s);
void stage_forget(struct stage *s);
// The body of the one answer seen, chunks joined; fails where it is not one whole answer.
// Decoded in place: call once.
str stage_body(struct stage *s);
// Whether what a client saw is one whole answer.
bool stage_is_whole(str seen);

// The upstream's newest conn says so.
void stage_upstream_says(struct stage *s, str text);
