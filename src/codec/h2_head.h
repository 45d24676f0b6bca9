// h2_head: heads of HTTP/2 messages (RFC 9113 section 8), between nghttp2 and the structures that
// HTTP/1.1 has here. For servers and clients alike.
//
// A *block* is one header block: nghttp2 decodes it and gives one field at a time, which become a
// struct h1_head in an arena, as if it had been parsed. What RFC 9113 calls malformed is refused:
// upper-case names, fields that concern a connection, pseudo-header fields that are late, unknown,
// doubled, missing or out of place, a second or impossible Content-Length. The other way, lines as
// HTTP/1.1 has them become an array for nghttp2. Pure: no I/O, no clock, no allocation but in the
// caller's arena.
#pragma once

#include "base/arena.h"
#include "codec/h1.h"

#include <nghttp2/nghttp2.h>

enum h2_head_kind {
    H2_HEAD_REQUEST,
    H2_HEAD_RESPONSE, // final or interim; head.status tells
    H2_HEAD_TRAILERS,
};

struct h2_head_limits {
    size_t bytes_max; // as RFC 9113 section 6.5.2 counts: 32 more a field than its text has
    size_t fields_max;
};

// A block being gathered. `head` may be read after h2_head_end().
struct h2_head {
    struct h1_head head;
    struct arena *arena;
    enum h2_head_kind kind;
    struct h2_head_limits left;
    size_t field_room; // of head.fields
    unsigned pseudo;   // those that came, as bits
    str scheme;
    err failure; // the first; what follows it is dropped
    bool has_length;
    bool has_crumbs; // Cookie, more than once
};

// What is gathered comes from `arena`, which outlives the head.
void h2_head_init(struct h2_head *h, enum h2_head_kind kind, struct arena *arena,
                  const struct h2_head_limits *limits);

// One field of the block; the bytes are copied. ERR_SYNTAX where the message is malformed,
// ERR_LIMIT where it is too large, ERR_UNSUPPORTED for another scheme than http and https. After a
// failure it goes on failing, so a caller that has to let the block pass may ignore the rest.
err h2_head_add(struct h2_head *h, str name, str value);

// The block is whole; `ends_stream` where nothing follows it. A body's framing is H1_NO_BODY then,
// else H1_LENGTH or H1_CHUNKED, which only means that its end will be told. Cookies are joined
// (section 8.2.3), :authority is a Host field. A failure of before, or ERR_SYNTAX for what lacks,
// and for a request whose body is announced and not there; ERR_UNSUPPORTED for CONNECT.
err h2_head_end(struct h2_head *h, bool ends_stream);

// The lines of `fields`, "name: value\r\n" each, as entries of `nv`, which has room for `max`:
// views of the text, which nghttp2 copies and puts in lower case when it is given them. What
// concerns a connection only is left out (RFC 9113 section 8.2.2). ERR_LIMIT where they don't fit,
// ERR_SYNTAX where a line is none. `*count` entries are there already and more are added.
err h2_head_fields(str fields, nghttp2_nv *nv, size_t max, size_t *count);
// The same for the head of an HTTP/1.1 request with an origin-form target: request line, fields
// and blank line. Its Host field becomes :authority.
err h2_head_request(str head, str scheme, nghttp2_nv *nv, size_t max, size_t *count);
// One entry; both texts are copied by nghttp2.
nghttp2_nv h2_head_nv(str name, str value);

// What a peer means by an error code (RFC 9113 section 7), and the code that tells it a failure.
// ERR_REFUSED: nothing was done with the request, so it may be repeated.
err h2_head_failure(uint32_t code);
uint32_t h2_head_code(err e);
