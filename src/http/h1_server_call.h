// h1_server_call: what a handler does with a call that came on an HTTP/1.1 connection; private to
// the server's files.
#pragma once

#include "http/server_call.h"

extern const struct server_call_ops h1_server_call_ops;
