// mock_admin: /mock/log and /mock/stats: what a test asks the mock about the traffic it saw.
//
// These requests are in no log and no count. Belongs to the mock's loop.
#pragma once

#include "assess/mock/mock.h"
#include "codec/uri.h"
#include "http/server_call.h"

// False if the path is not of this kind; else the call was answered.
bool mock_admin_answer(struct mock *m, struct server_call *call, const struct uri *target);
