// uri: http and https URLs and the targets of requests (RFC 3986, RFC 9110 section 4.2).
//
// An authority is HOST or HOST:PORT; a host is a DNS name, an IPv4 address, or an IPv6 address in
// brackets. Nothing is copied: the parts are views of the text, as written. Strict where leniency
// would let two parsers see two hosts: no user name, no fragment, no escapes in a host, no white
// space, no control bytes, no bytes above 127.
// Pure: no I/O, no name lookup, no allocation.
#pragma once

#include "base/err.h"
#include "base/str.h"

struct uri {
    str authority; // as a Host field shows it
    str host;      // without brackets
    str path;      // begins with "/", or is empty
    str query;     // without its "?"
    uint16_t port; // written or the scheme's
    bool is_https;
    bool is_ipv6; // an address that stood in brackets
    bool has_query;
};

// Parses an absolute URL. ERR_UNSUPPORTED for another scheme than http and https, else ERR_SYNTAX.
err uri_parse(str text, struct uri *out);

// Parses the target of a request: an absolute URL, "/path?query", or "*", which becomes a path.
// Authority, host and port are empty but for the first.
err uri_parse_target(str target, struct uri *out);

// Whether `s` is an authority. A port may be left empty behind its colon.
bool uri_is_authority(str s);

// Undoes percent-encoding into `out`, of `size` bytes; `s` decoded is never longer than `s`.
// ERR_SYNTAX for a "%" without two digits, ERR_LIMIT where `out` is too small.
err uri_decode(str s, char *out, size_t size, size_t *len);
// The same for a part of a query, where "+" is a space.
err uri_decode_query(str s, char *out, size_t size, size_t *len);

// The value, still encoded, of the first parameter of that name in "a=1&b=2"; names are compared
// decoded. False if there is none; a parameter without "=" has an empty value.
bool uri_query_find(str query, str name, str *value);
