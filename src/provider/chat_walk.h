// chat_walk: a walk over a body of JSON that can say where it is.
//
// A json_reader with the path that it went, so that what is wrong has a place
// ("messages[2].content[0].type") and what is left out a name ("messages.audio"). A member that is
// null is not there. Every function that fails has told `notes` why; without notes nobody asks, as
// for answers of an upstream. Nesting is the caller's: a walk enters only what it knows. Pure.
#pragma once

#include "codec/json.h"
#include "provider/chat.h"

enum { CHAT_WALK_DEPTH_MAX = 12, CHAT_WALK_NAME_MAX = 64 };

struct chat_walk {
    struct json_reader json;
    struct arena *arena;
    struct chat_notes *notes; // may be NULL
    struct {
        str name;     // of a member; empty in an array
        size_t index; // in an array: of the element, and one more
    } path[CHAT_WALK_DEPTH_MAX];
    size_t depth;
    size_t part_count; // of chat_parts that were added, in all
};

void chat_walk_init(struct chat_walk *w, str body, struct arena *a, struct chat_notes *n);
// Nothing may follow; returns `e`, the outcome of the walk before it, where that is none.
err chat_walk_end(struct chat_walk *w, err e);

// Notes what is wrong here and returns `e`.
err chat_walk_refuse(struct chat_walk *w, err e, str problem);
// The same of the member `name` of what was left last.
err chat_walk_refuse_at(struct chat_walk *w, err e, str name, str problem);
// The same of one that is not there but must be; ERR_TYPE.
err chat_walk_missing(struct chat_walk *w, str name);

// Enter what comes next. ERR_TYPE: it is something else.
err chat_walk_object(struct chat_walk *w);
err chat_walk_array(struct chat_walk *w);
// The next member that is not null: which of `names`, `count` for none of them; its value comes
// next. ERR_EOF: no more, the object is left.
err chat_walk_member(struct chat_walk *w, const str *names, size_t count, size_t *which);
// Another element comes next; ERR_EOF: no more, the array is left.
err chat_walk_element(struct chat_walk *w);

// Read what comes next. ERR_TYPE: it is something else.
err chat_walk_text(struct chat_walk *w, struct chat_text *out);
err chat_walk_number(struct chat_walk *w, str *out);
err chat_walk_flag(struct chat_walk *w, enum chat_flag *out);
err chat_walk_raw(struct chat_walk *w, enum json_kind kind, str *out);
// A whole number, as written. ERR_RANGE: below `min` or above `max`.
err chat_walk_count(struct chat_walk *w, uint64_t min, uint64_t max, str *out);

// Passes what comes next.
err chat_walk_skip(struct chat_walk *w);
// The same, and notes it as dropped, unless it is empty: [], {} or false.
err chat_walk_drop(struct chat_walk *w);

// Parts of messages, growing in the walk's arena.
struct chat_parts {
    struct chat_part *items;
    size_t count;
    size_t room;
};

// Adds a part of a kind, which is valid until the next is added. ERR_LIMIT: CHAT_PARTS_MAX in all.
err chat_walk_add_part(struct chat_walk *w, struct chat_parts *parts, enum chat_part_kind kind,
                       struct chat_part **out);
