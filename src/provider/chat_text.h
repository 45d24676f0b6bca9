// chat_text: text on its way from one dialect to another, as its sender wrote it.
//
// JSON dialects escape their strings, gRPC does not. A text that stays between JSON dialects keeps
// its sender's escapes, byte for byte, and is never decoded. Pure; a text is a view.
#pragma once

#include "base/arena.h"
#include "base/gather.h"
#include "codec/json_write.h"

struct chat_text {
    str bytes;    // `ptr` NULL: not given
    bool is_json; // escaped: what stands between the quotes of a JSON string; else plain UTF-8
};

static inline bool chat_text_is_given(struct chat_text t)
{
    return t.bytes.ptr != NULL;
}

static inline struct chat_text chat_text_plain(str s)
{
    return (struct chat_text){.bytes = s.ptr ? s : STR("")};
}

// Of the raw string of a JSON value, without its quotes.
static inline struct chat_text chat_text_json(str raw)
{
    return (struct chat_text){.bytes = raw, .is_json = true};
}

// What it says, in plain UTF-8: a view where nothing is escaped, else a copy in the arena.
str chat_text_read(struct chat_text t, struct arena *arena);

// Whether it says `s`.
bool chat_text_is(struct chat_text t, str s);

// Whether it is given and says something.
static inline bool chat_text_has(struct chat_text t)
{
    return t.bytes.len != 0;
}

// Writes it as a JSON string through `w`, whose buf is `g->text`; a long one that is escaped
// already stands in `g` as a view. A failure is kept in the writer.
void chat_text_write(struct json_writer *w, struct gather *g, struct chat_text t);
// The same behind a key; nothing where it is not given.
void chat_text_write_member(struct json_writer *w, struct gather *g, str key, struct chat_text t);

// Several as one JSON string: opened once, any number of pieces, closed.
void chat_text_open(struct json_writer *w);
void chat_text_add(struct json_writer *w, struct gather *g, struct chat_text piece);
void chat_text_close(struct json_writer *w);

// Appends it as a JSON string. ERR_LIMIT may leave a part of it behind.
err chat_text_append(struct buf *out, struct chat_text t);
