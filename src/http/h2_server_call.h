// h2_server_call: what a handler does with a call that came on an HTTP/2 connection; private to the
// server's files.
#pragma once

#include "http/h2_server_stream.h"

extern const struct server_call_ops h2_server_call_ops;

// A frame of DATA that nghttp2 took goes to the wire.
err h2_server_call_send(struct h2_server_stream *st, const uint8_t *frame_head, size_t len);
