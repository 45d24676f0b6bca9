// value: the small notations of the configuration, both ways.
//
// Shares ("20%", "1.5%"), factors ("1.3"), spans ("[30s, 2m]"), durations ("250ms", "5s", "2m",
// "1h"), sizes ("64KiB", "10MB", "512") and addresses
// ("host:port", "[::1]:port", ":port"). Pure.
#pragma once

#include "base/buf.h"
#include "base/err.h"

// Milliseconds of a whole number with its unit; "0" needs none. ERR_SYNTAX, or ERR_RANGE past
// INT64_MAX.
err value_duration(str text, uint64_t *out);

// Bytes of a whole number with B, KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (of 1024) or
// nothing behind it. ERR_SYNTAX, or ERR_RANGE past INT64_MAX.
err value_size(str text, uint64_t *out);

// A number with at most `places` decimals, in units of the last: "1.25" with 3 is 1250. ERR_SYNTAX,
// or ERR_RANGE past INT64_MAX.
err value_decimal(str text, unsigned places, uint64_t *out);

// The same, with "%" behind it and in hundredths of a percent.
err value_share(str text, uint64_t *out);

// Two durations, "[30s, 2m]". ERR_SYNTAX, or ERR_RANGE; also where the first is the longer one.
err value_span(str text, uint64_t *from, uint64_t *to);

// OK if `text` is an address to listen on; port 0 is one. ERR_SYNTAX otherwise.
err value_address(str text);

// OK if `host` can be a host name, an IPv4 address or, if `is_bracketed`, an IPv6 address (RFC
// 3986, 3.2.2; names are of letters, digits, hyphens, underscores and dots). ERR_SYNTAX otherwise.
err value_host(str host, bool is_bracketed);

// Append the largest unit that divides the value.
err value_print_duration(struct buf *out, uint64_t ms);
err value_print_size(struct buf *out, uint64_t bytes);
// Appends a number in units of its last decimal, without zeros at the end.
err value_print_decimal(struct buf *out, uint64_t value, unsigned places);
