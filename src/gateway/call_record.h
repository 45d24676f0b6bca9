// call_record: what every call leaves behind, whoever answered it: its id, and the counts of its
// answer.
//
// Belongs to the gateway's loop.
#pragma once

#include "gateway/gateway.h"
#include "http/server_call.h"

enum { CALL_RECORD_ID_MAX = 128 };

// The client's own x-request-id where that is presentable, else one of ours, in the call's arena.
str call_record_id(struct gateway *g, struct server_call *call);

// Counts an answer that ends now; `is_gone`: its client has left before.
void call_record_count(struct metrics *m, const struct server_call *call, usec now, bool is_gone);
