// grpc_timeout: the time a client gives a call, as the field grpc-timeout spells it (gRPC over
// HTTP/2, "Timeout"): at most eight digits and one of H, M, S, m, u, n. Pure.
#pragma once

#include "base/buf.h"
#include "base/time.h"

// ERR_SYNTAX for anything else. Nanoseconds are cut down to whole microseconds.
err grpc_timeout_read(str value, usec *out);

// Appends what is left of a call's time, in the finest unit that eight digits can tell, and never
// more than there is but for "1n", which stands for nothing left.
err grpc_timeout_write(usec left, struct buf *out);
