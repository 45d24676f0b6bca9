// retry_after: when an upstream wants to be asked again, in the spellings that upstreams use.
//
// retry-after-ms (OpenAI) wins, then retry-after in seconds or as a date (RFC 9110 section 10.2.3),
// then the reset of whichever of OpenAI's limits is exhausted (x-ratelimit-reset-*, a duration as
// Go writes it). Pure; the wall clock is handed in.
#pragma once

#include "base/time.h"
#include "codec/h1.h"

// From now on, 0 where the instant is past, a day at most. ERR_ABSENT where nothing says it.
err retry_after_read(const struct h1_head *head, usec wall_now, msec *out);
