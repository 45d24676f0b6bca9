// mock_request: what a request to the mock says, in the words that its answers need.
//
// One reader for all JSON endpoints of both dialects, as their members don't collide: the model,
// the last text of a user, images, whether to stream, and the odd option. Members it does not know
// are passed; whether a vendor would have refused the request is for others to say. Texts are
// decoded into the caller's arena, or views of the body. Pure.
#pragma once

#include "base/arena.h"
#include "codec/json.h"

enum {
    MOCK_REQUEST_CHOICES_MAX = 32,
    MOCK_REQUEST_DIMENSIONS_MAX = 4096,
    MOCK_REQUEST_TOKENS_MAX = 1'000'000,
    MOCK_REQUEST_STOPS_MAX = 16, // that are heeded
    MOCK_REQUEST_MEDIA_MAX = 100,
};

// An image or a document that came.
struct mock_media {
    str type;    // such as image/png; empty where nobody said
    str content; // base64 as written, or a URL, or the name of a file
    bool is_document;
    bool is_base64;
};

struct mock_request {
    str model;      // empty: none given
    str text;       // the last one of a user, a prompt or an input
    str tool_name;  // of the function chosen, or the first one offered
    str input;      // embeddings and moderations: the value as written
    uint64_t words; // of all texts: what stands in for prompt tokens
    uint64_t choices;
    uint64_t tokens_max; // 0: no limit given
    uint64_t dimensions; // 0: not given
    str stops[MOCK_REQUEST_STOPS_MAX];
    size_t stop_count;
    struct mock_media *media; // in the order of the messages; the first MOCK_REQUEST_MEDIA_MAX
    size_t media_count;
    uint32_t images;
    bool is_stream;
    bool include_usage;
    bool needs_tool; // "tool_choice" leaves no other way
    bool wants_thinking;
    bool is_base64;
    bool has_input; // messages, a prompt or an input
};

// The words of a text.
uint64_t mock_request_words(str s);

// ERR_SYNTAX: no JSON object; ERR_TYPE: a member is of another type; ERR_RANGE: out of bounds;
// ERR_LIMIT: nested too deeply. `*param` is then the member at fault, or empty.
err mock_request_read(str body, struct arena *arena, struct mock_request *out, str *param);
