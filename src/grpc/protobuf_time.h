// protobuf_time: google.protobuf.Timestamp and Duration as text, the way JSON has them.
//
// A timestamp is RFC 3339 in UTC, from the year 1 to 9999; other offsets are read too. A duration
// is seconds with an "s" behind, at most some 10,000 years either way. Fractions have 0, 3, 6 or 9
// digits, and up to nine are read. protobuf.dev/programming-guides/json
// Pure.
#pragma once

#include "base/err.h"
#include "base/str.h"

enum { PROTOBUF_TIME_TEXT_MAX = 40 };

struct protobuf_time {
    int64_t seconds; // since 1970, or of the duration
    int32_t nanos;   // of a duration with the sign of the seconds, else not negative
};

// ERR_SYNTAX: the text is no such time. ERR_RANGE: it is outside of what messages may hold.
err protobuf_time_read_timestamp(str text, struct protobuf_time *out);
err protobuf_time_read_duration(str text, struct protobuf_time *out);

// Write `*len` characters. ERR_RANGE: the message holds what it may not.
err protobuf_time_write_timestamp(struct protobuf_time t, char out[PROTOBUF_TIME_TEXT_MAX],
                                  size_t *len);
err protobuf_time_write_duration(struct protobuf_time t, char out[PROTOBUF_TIME_TEXT_MAX],
                                 size_t *len);
