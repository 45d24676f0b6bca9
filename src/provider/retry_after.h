// retry_after: how long an answer asks to be left alone.
//
// Read in this order, the first that is usable: retry-after-ms (OpenAI's SDKs) and
// grpc-retry-pushback-ms (gRPC), retry-after in seconds or as a date (RFC 9110 section 10.2.3), and
// the resets of those of OpenAI's or Anthropic's rate limits that have nothing remaining. What
// can't be read is passed over, not an error. Pure.
#pragma once

#include "base/time.h"
#include "codec/h1.h"

enum { RETRY_AFTER_MAX_MS = 24 * 3600 * 1000 }; // more is taken for this

// The wait from now on, in whole milliseconds, rounded up; 0 for a date that is past. `wall_now`
// is the time since 1970 in UTC, that dates are compared with. ERR_ABSENT where nothing usable is.
err retry_after_read(const struct h1_head *head, usec wall_now, msec *out);
