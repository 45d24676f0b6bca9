// mock_call: one request to the mock, from its head to what plays the answer.
//
// Reads the body (whole for the endpoints that must understand it, else only counted and hashed),
// finds the rule and sets a mock_play going; answers /mock/log and /mock/stats itself. Lives in
// its call's arena; belongs to the loop.
#pragma once

#include "assess/mock/mock.h"
#include "http/server_call.h"

enum { MOCK_CALL_BODY_MAX = 32 * 1024 * 1024 };

void mock_call_start(struct mock *m, struct server_call *call);
