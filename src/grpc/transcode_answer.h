// transcode_answer: the messages that answer a gRPC call, as the body of an HTTP answer.
//
// One message is one JSON value: all of it, or the field that the rule names. A stream of them is
// lines of JSON, or server-sent events where the client asks for these (Accept). A stream that
// fails ends with the error: a last line {"error":...}, or an event of the type "error"; a body
// that can't say so must not end as if it were whole. google.api.HttpBody, where it is the message
// or the rule's field, goes out as it is. Pure: no allocation but in the arena and the bufs.
// Belongs to the loop of its call.
#pragma once

#include "base/buf.h"
#include "grpc/status.h"
#include "grpc/transcode_routes.h"

enum transcode_answer_form {
    TRANSCODE_JSON,   // of one message
    TRANSCODE_LINES,  // of a stream: JSON, each value ended by a line feed
    TRANSCODE_EVENTS, // of a stream: server-sent events
    TRANSCODE_RAW,    // bytes of google.api.HttpBody, one or a stream
};

struct transcode_answer {
    const struct transcode_route *route;
    enum transcode_answer_form form;
    str content_type;    // of the answer; of TRANSCODE_RAW known once a message was written
    bool emits_defaults; // fields that are zero or empty too
    bool keeps_names;    // members have the names declared instead of JSON's
    bool is_begun;       // a message was written
};

// `accept` is the value of that field, empty where there is none.
void transcode_answer_init(struct transcode_answer *a, const struct transcode_route *route,
                           str accept);

// Appends what the body has of one message. Else `*why` is the status the call ends with, INTERNAL:
// the message can't be shown or does not fit. What was written is then worthless.
err transcode_answer_write(struct transcode_answer *a, str message, struct arena *arena,
                           struct buf *out, struct status *why);

// Appends what the body has of the status that a call fails with. Before any message it is all of
// the body, and the answer has the HTTP status of the code (status_to_http()) and the content type
// application/json. ERR_UNSUPPORTED: a body that has begun can't say it; reset the call.
err transcode_answer_error(const struct transcode_answer *a, const struct status *s,
                           struct arena *arena, struct buf *out);
