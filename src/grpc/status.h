// status: how a gRPC call ends: a code, a message for people, and details for machines.
//
// On the wire it is three header fields (gRPC over HTTP/2, "Trailers"), or a google.rpc.Status in
// protobuf, which the third field holds and REST errors are made of. Details are
// google.protobuf.Any messages, which nothing here looks into.
// Pure. What is read are views of the input, or lies in the arena.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "codec/h1.h"

// As google/rpc/code.proto numbers them.
enum status_code {
    STATUS_OK,
    STATUS_CANCELLED,
    STATUS_UNKNOWN,
    STATUS_INVALID_ARGUMENT,
    STATUS_DEADLINE_EXCEEDED,
    STATUS_NOT_FOUND,
    STATUS_ALREADY_EXISTS,
    STATUS_PERMISSION_DENIED,
    STATUS_RESOURCE_EXHAUSTED,
    STATUS_FAILED_PRECONDITION,
    STATUS_ABORTED,
    STATUS_OUT_OF_RANGE,
    STATUS_UNIMPLEMENTED,
    STATUS_INTERNAL,
    STATUS_UNAVAILABLE,
    STATUS_DATA_LOSS,
    STATUS_UNAUTHENTICATED,
    STATUS_CODES,
};

struct status {
    enum status_code code;
    str message; // UTF-8
    str details; // fields 3 of google.rpc.Status, as they stand on the wire; empty for none
};

enum {
    STATUS_MESSAGE_MAX = 2048, // bytes of a message that are written to fields; the rest is cut off
    STATUS_DETAILS_MAX = 6144, // bytes of a google.rpc.Status in a field; longer ones are left out
};

// "NOT_FOUND".
str status_name(enum status_code code);

// The code of an answer that is no gRPC, by its HTTP status: grpc/doc/http-grpc-status-mapping.md.
enum status_code status_from_http(unsigned http);
// The code of an error that an API over HTTP tells with that status: what was asked of the API was
// understood, unlike above.
enum status_code status_of_error(unsigned http);
// The HTTP status that a code becomes in REST: the comments of google/rpc/code.proto.
unsigned status_to_http(enum status_code code);

// Appends `text` as grpc-message spells it: whatever is not printable ASCII, and "%", as "%XX".
err status_encode_message(str text, struct buf *out);
// The way back; what is no escape stands for itself, as the specification asks.
str status_decode_message(str text, struct arena *arena);

// Appends a google.rpc.Status.
err status_write(const struct status *s, struct buf *out);
// Reads one. A code beyond those above is STATUS_UNKNOWN. Errors of protobuf_next(), and ERR_TYPE
// where a field has the wire type of another.
err status_read(str bytes, struct arena *arena, struct status *out);

// Appends the trailers that say it, "name: value\r\n" each: grpc-status, and grpc-message and
// grpc-status-details-bin where there is something to say.
err status_write_fields(const struct status *s, struct buf *out);
// Reads them. ERR_ABSENT: there is no grpc-status. One that is no code is STATUS_UNKNOWN; details
// that can't be read are left out.
err status_read_fields(const struct h1_field *fields, size_t count, struct arena *arena,
                       struct status *out);
