// tcp: a connected TCP socket as a stream.
#pragma once

#include "io/stream.h"

// Takes over the connected, non-blocking `fd` and watches it; on failure closes it. `user` may be
// set afterwards, before the loop goes on.
err tcp_open(struct loop *l, int fd, struct address peer, struct stream **out);
