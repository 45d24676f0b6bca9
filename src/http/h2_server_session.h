// h2_server_session: what nghttp2 calls back on a server's connection; private to the server's
// files.
//
// The callbacks only note what came, in streams and in the conn: nghttp2 must not be called for
// more than submitting from inside them, so no handler runs there.
#pragma once

#include "http/h2_server_conn.h"

enum { H2_SERVER_SESSION_WINDOW = 1024 * 1024 };

// A session with the server's settings waiting to be sent.
nghttp2_session *h2_server_session_new(struct h2_server_conn *c);
