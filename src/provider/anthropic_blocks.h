// anthropic_blocks: parts of messages, written as blocks of Anthropic's dialect.
//
// Requests and answers consist of the same blocks. A part that says nothing is none: the API
// refuses texts of white space alone. In an answer, reasoning needs no signature, and arguments
// that are no JSON object, as those of an answer that was cut, stand as a string in the place of
// the object, where nobody takes them for whole. Pure.
#pragma once

#include "provider/chat.h"

struct anthropic_blocks {
    struct json_writer w;
    struct gather *out;
    struct chat_notes *notes;
    struct arena arena; // for what must be decoded to be checked
    size_t message;     // the index of the one that is written
    bool is_answer;
};

void anthropic_blocks_init(struct anthropic_blocks *b, struct gather *out, struct chat_notes *n);
void anthropic_blocks_done(struct anthropic_blocks *b);

// Whether the part becomes a block.
bool anthropic_blocks_has(const struct anthropic_blocks *b, const struct chat_part *p);

// Writes one that does. Failures but those of the buf are noted; `index` is the part's.
err anthropic_blocks_write(struct anthropic_blocks *b, const struct chat_part *p, size_t index);

// Without white space at its end.
struct chat_text anthropic_blocks_trim(struct chat_text t);
// Whether it is empty or white space.
bool anthropic_blocks_is_blank(struct chat_text t);

// The id of a call as the API takes it: the same, or one made of it, in the arena.
str anthropic_blocks_id(struct chat_text id, struct arena *a);

// The JSON text of a call's arguments, decoded: {} for an empty one. ERR_SYNTAX: it is no object.
err anthropic_blocks_arguments(struct chat_text arguments, struct arena *a, str *out);
