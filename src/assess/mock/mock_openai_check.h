// mock_openai_check: whether OpenAI would take a chat request, and in what words it refuses it.
//
// Only a *strict* rule asks: many services that speak the dialect take more than OpenAI does.
// Function of the port in mock_dialect.h. Pure.
#pragma once

#include "assess/mock/mock_dialect.h"

bool mock_openai_check_chat(const struct mock_asked *a, struct arena *arena,
                            struct mock_problem *out);
