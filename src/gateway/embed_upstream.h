// embed_upstream: an embedder behind HTTP: any service with OpenAI's `/embeddings`, this gateway
// among them, which has every provider's models behind it.
//
// Each call blocks its thread and turns a loop of its own until the answer is there; a *lane* is
// such a loop with its connection, and lanes are kept for the next calls. So it may be called by
// several threads, which are the callers that embed.h speaks of; no loop of the gateway is
// touched. Certificates are verified.
#pragma once

#include "io/offload.h"
#include "retrieval/ingest/embed.h"

enum {
    EMBED_UPSTREAM_BATCH = 64, // texts a call, by default
};

struct embed_upstream_options {
    str url;            // of the API, to which "/embeddings" is added: "http://127.0.0.1:8080/v1"
    str model;          // as the service calls it
    str api_key;        // sent as a bearer token; empty: none
    str ca_file;        // PEM; empty: the system's certificates
    uint32_t batch_max; // 0: EMBED_UPSTREAM_BATCH
    msec call_ms;       // the longest that one call may take
    struct offload *offload; // where names are resolved; outlives the embedder
};

struct embed_upstream;

// Asks for one vector, to learn how long they are. Copies what the options point to. ERR_SYNTAX
// for a URL that is none, ERR_CERTIFICATE for a CA file that can't be read, else what embed() may
// return.
err embed_upstream_open(const struct embed_upstream_options *options, struct embed_upstream **out);
// No call may be under way. Takes NULL.
void embed_upstream_close(struct embed_upstream *u);

// Lives as long as `u`. Its errors: ERR_AGAIN where the service asks to wait or fails for now (429,
// 5xx), ERR_SYNTAX where it refuses the texts (400, 413, 422), ERR_DENIED for other refusals,
// ERR_TYPE where the answer is none, and those of the network.
struct embedder *embed_upstream_embedder(struct embed_upstream *u);
