// mock_anthropic_check: whether Anthropic would take a request, and in what words it refuses it.
//
// What makes no sense to Anthropic is always refused: members that are missing or of a wrong type,
// blocks out of their places, results of tools that nobody called, thinking that was altered. A
// *strict* rule refuses also what is only superfluous, and requests without their credential and
// version. Functions of the port in mock_dialect.h. Pure.
#pragma once

#include "assess/mock/mock_dialect.h"

bool mock_anthropic_check_message(const struct mock_asked *a, struct arena *arena,
                                  struct mock_problem *out);
bool mock_anthropic_check_count(const struct mock_asked *a, struct arena *arena,
                                struct mock_problem *out);
