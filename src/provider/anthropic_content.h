// anthropic_content: the content of a message in Anthropic's dialect, read into parts.
//
// Content is a text or a list of *blocks*; what a block may be depends on where it stands. A
// document or a search result that consists of blocks becomes its texts and images, behind its
// title. What only Anthropic's own servers make (server_tool_use, web_search_tool_result, ...) is
// left out and noted; any other block of an unknown type is refused, as the question depends on it,
// but of an answer passed over. Pure.
#pragma once

#include "codec/json.h"
#include "provider/chat.h"

enum { ANTHROPIC_CONTENT_PLACES_MAX = 8 };

// A reader of one body: what is told to the client, and where it is.
struct anthropic_content {
    struct arena *arena;
    struct chat_notes *notes;
    struct {
        const char *name; // "messages", ".content"
        size_t index;     // SIZE_MAX: no element
    } places[ANTHROPIC_CONTENT_PLACES_MAX];
    size_t depth;
    size_t part_count; // of all that was read
    bool is_answer;
};

struct anthropic_parts {
    struct chat_part *items;
    size_t count;
    size_t room;
};

enum anthropic_where {
    ANTHROPIC_IN_SYSTEM = 1,
    ANTHROPIC_IN_USER = 2,
    ANTHROPIC_IN_ASSISTANT = 4,
    ANTHROPIC_IN_RESULT = 8,    // of a tool
    ANTHROPIC_IN_DOCUMENT = 16, // or a search result
};

// Appends what `content` has to `out`. Errors are noted with their place.
err anthropic_content_read(struct anthropic_content *c, struct json_value content,
                           enum anthropic_where where, struct anthropic_parts *out);

// Appends one part to be filled; NULL where there are CHAT_PARTS_MAX already.
struct chat_part *anthropic_content_add(struct anthropic_content *c, struct anthropic_parts *out);

// Steps to a place, and back.
void anthropic_content_enter(struct anthropic_content *c, const char *name, size_t index);
void anthropic_content_leave(struct anthropic_content *c);

// Notes what is wrong with `leaf`, which is "" or begins with its dot where it isn't at the top,
// and returns `e`.
err anthropic_content_refuse(struct anthropic_content *c, err e, str problem, const char *leaf);
// Notes that `key` of `outer`, which is "" or ends with a dot, is left out.
void anthropic_content_drop(struct anthropic_content *c, const char *outer, str key);
// Notes each of the keys.
void anthropic_content_drop_all(struct anthropic_content *c, const char *outer, const str *keys,
                                size_t count);
