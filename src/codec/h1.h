// h1: HTTP/1.1 messages (RFC 9112), as bytes. For servers and clients alike.
//
// A head is found, then parsed in one go; a body is decoded piece by piece as it arrives. Nothing
// is copied: fields and payloads are views of the caller's bytes. Strict where leniency would let
// two parsers disagree (request smuggling): bare CR or LF, obs-fold, white space before a colon,
// conflicting or repeated Content-Length, Transfer-Encoding together with Content-Length, any
// coding but a final "chunked", more than one Host, control bytes.
// Pure: no I/O, no clock, no allocation.
#pragma once

#include "base/err.h"
#include "base/str.h"

struct h1_field {
    str name;  // as sent
    str value; // without surrounding white space
};

// How the end of a body is known (RFC 9112 section 6.3).
enum h1_framing {
    H1_NO_BODY,
    H1_LENGTH,
    H1_CHUNKED,
    H1_UNTIL_CLOSE, // responses only
};

struct h1_head {
    str method;      // requests
    str target;      // requests, as sent; origin-form, absolute-form, or "*"
    str host;        // requests: HOST or HOST:PORT, of Host or of an absolute-form target
    uint16_t status; // responses; 100 to 999
    uint8_t minor;   // of HTTP/1.minor: 0 or 1
    bool is_persistent;
    bool expects_continue;
    bool connection_lists_fields; // Connection holds more than "close" and "keep-alive"
    enum h1_framing framing;
    uint64_t content_length; // with H1_LENGTH
    struct h1_field *fields; // in the caller's array
    size_t field_count;
};

// Looks for the end of a head in `bytes`, which begin with it. `*scanned` carries on from call to
// call, 0 at first, so that a slow sender costs no rescan. OK: `*len` is the head's length, blank
// line included. ERR_AGAIN: more is needed. ERR_LIMIT: no end within `max`. ERR_SYNTAX: it can't
// be a head (a NUL, or a bare CR).
err h1_find_head(str bytes, size_t max, size_t *scanned, size_t *len);

// Parse a head found by h1_find_head(). Up to `fields_max` fields go to `fields`; more is
// ERR_LIMIT. ERR_SYNTAX where RFC 9112 is broken or framing is ambiguous; ERR_UNSUPPORTED for a
// version other than 1.0 and 1.1, an unknown transfer coding, the method CONNECT, or an
// absolute-form target of another scheme than http and https.
err h1_parse_request(str head, struct h1_field *fields, size_t fields_max, struct h1_head *out);
// The framing of a response depends on the request it answers: `is_head_request` for HEAD.
// 1xx, 204 and 304 have no body. What ends with the connection is not persistent.
err h1_parse_response(str head, bool is_head_request, struct h1_field *fields, size_t fields_max,
                      struct h1_head *out);

// The first field of that name, NULL where there is none.
const struct h1_field *h1_field_find(const struct h1_head *head, str name);
// Whether a comma-separated field value holds `token`, in any case.
bool h1_value_has_token(str value, str token);

// Whether Connection names that field: it then concerns this connection only and is not forwarded
// (RFC 9110 section 7.6.1).
bool h1_connection_lists(const struct h1_head *head, str name);

// Bytes of chunk extensions and trailers in one body.
enum { H1_BODY_OVERHEAD_MAX = 8192 };

// A body being decoded.
struct h1_body {
    enum h1_framing framing;
    uint64_t left;          // payload bytes to come: of the body, or of the chunk
    uint8_t step;           // within chunked framing
    uint8_t digits;         // of the chunk size, so far
    bool is_done;           // the last byte was decoded
    uint32_t overhead;      // bytes of extensions and trailers, bounded
    uint32_t trailer_bytes; // of the trailer section so far, its blank line included
};

void h1_body_init(struct h1_body *b, enum h1_framing framing, uint64_t content_length);

// Decodes the next `len` bytes, which it may move within the array. OK: `*payload` is the payload
// among them, one slice, possibly empty, and `*used` of the bytes belong to this body: all of them
// unless it is done (`is_done`). Chunk extensions are read, bounded and dropped, and so are
// trailers; who wants those finds them behind the payload: as many of the used bytes, at their end,
// as `trailer_bytes` has grown by. They have the form of a head's fields, blank line included.
// ERR_SYNTAX where the framing is broken; ERR_LIMIT for a chunk of 2^63 bytes and more or too many
// bytes of extensions and trailers. After either the decoder is of no more use. A single chunk's
// worth is not moved.
err h1_body_decode(struct h1_body *b, char *bytes, size_t len, str *payload, size_t *used);

// What the end of the connection means: OK if the body is complete by it, else ERR_CLOSED.
err h1_body_end(struct h1_body *b);

enum { H1_CHUNK_PREFIX_MAX = 18 };
// The line before a chunk of `len` payload bytes; "\r\n" follows the payload. Returns its length.
// For the end of a body, `len` 0, which "\r\n" follows as well.
size_t h1_chunk_prefix(char *out, size_t len);

// The reason phrase of a status; "Unknown" for one without.
str h1_reason(unsigned status);

// Whether all of `s` may be a field value: no control bytes but tab.
bool h1_is_field_value(str s);
bool h1_is_token(str s);
