// mock_sluice_request: what requests over gRPC say, in the words that the mock's answers need.
//
// They come as the JSON that the schema makes of them, so their types are right; whether what they
// say makes sense is for mock_sluice_check. Texts are decoded into the arena, or views. Pure.
#pragma once

#include "assess/mock/mock_request.h"

// Of ChatRequest. ERR_RANGE: `*param` is out of bounds.
err mock_sluice_request_chat(str json, struct arena *arena, struct mock_request *out, str *param);
// Of EmbedRequest. The same.
err mock_sluice_request_embed(str json, struct arena *arena, struct mock_request *out, str *param);
// Of HealthCheckRequest.
err mock_sluice_request_health(str json, struct arena *arena, struct mock_request *out, str *param);
