// mock_sluice_check: what the services over gRPC refuse (proto/sluice/v1 says what they ask for).
//
// Functions of the port in mock_dialect.h: the body is the JSON that the schema makes of the
// message. What makes no sense is always refused; a strict rule refuses also fields that the schema
// does not have, and conversations that no model's API would take. Pure.
#pragma once

#include "assess/mock/mock_dialect.h"

bool mock_sluice_check_chat(const struct mock_asked *a, struct arena *arena,
                            struct mock_problem *out);
bool mock_sluice_check_embed(const struct mock_asked *a, struct arena *arena,
                             struct mock_problem *out);
bool mock_sluice_check_health(const struct mock_asked *a, struct arena *arena,
                              struct mock_problem *out);
