// translation: what lies between a client of one dialect and an upstream of another.
//
// Chats are translated, embeddings, and counts of tokens. The client's request is read once and
// written for each upstream that is asked. Of an answer the events are translated as they pass the
// relay: a new reader an attempt, as each upstream tells its answer from the start, but one writer,
// as the client gets one stream. Belongs to its exchange; lives in the call's arena.
#pragma once

#include "provider/dialect.h"

// What is asked for.
enum translation_task { TRANSLATION_CHAT, TRANSLATION_COUNT, TRANSLATION_EMBED };

enum { TRANSLATION_PIECES_MAX = 7 }; // of an answer, which leaves in one write

struct translation {
    struct chat_sink sink;
    const struct dialect *client;
    const struct dialect *upstream;
    enum translation_task task;
    struct arena *arena;                // the call's
    struct arena scratch;               // of one event, or of an answer that came whole
    struct chat_request request;        // of CHAT and COUNT
    struct embedding_request embedding; // of EMBED
    struct chat_notes notes;            // of the request: what was dropped, or what is wrong
    size_t read_dropped;                // of them, by the reader
    struct chat_reply reply;
    struct chat_reader *reader;
    struct chat_writer *writer;
    struct gather body;                     // for the upstream
    struct iovec pieces[GATHER_PIECES_MAX]; // of it
    struct gather answer;
    struct token_usage usage; // of an answer that came whole
    struct buf join;          // for events of several data lines
    struct buf out;           // for the client
    bool is_read;
    bool goes_on;        // what the reader reads goes on with what was written before it
    bool has_shift;      // its numbers of parts are known to differ by `part_shift`
    uint32_t part_shift; // added to them
    uint32_t text_part;  // the number of the last text that was written
};

// The client speaks `client` and asks for `task`. Nothing that is written is longer than
// `bytes_max`, but for what stays where it is.
void translation_init(struct translation *t, const struct dialect *client,
                      enum translation_task task, struct arena *arena, size_t bytes_max);
// Takes NULL.
void translation_done(struct translation *t);

// Reads the client's request; the second time it was read already. What is wrong stands in `notes`.
err translation_read(struct translation *t, str body);

// Writes it to `body` for an upstream that speaks `to` and calls the model `model`; with `prefill`
// that text of the assistant stands at its end, to be gone on with. ERR_UNSUPPORTED where `to`
// can't say it: `notes` tells what.
err translation_write(struct translation *t, const struct dialect *to, str model, str prefill);

// An upstream begins its stream. With `has_begun` the client has a part of the answer, and the text
// that comes first belongs to the last that it has: written by this translation, else from
// elsewhere, as `reply` tells.
void translation_begin(struct translation *t, bool has_begun);

// Whole events of the upstream's stream, as the client's: in `*out`, valid until the next call.
// ERR_SYNTAX where one is none of the upstream's dialect; what stands before it is in `*out`.
err translation_events(struct translation *t, str events, str *out);

// An answer that came whole, to `answer`. ERR_SYNTAX and the like where it is none: vectors are as
// many as inputs.
err translation_answer(struct translation *t, str body);

// The error of an upstream's answer, in the client's dialect, to `out`.
err translation_error(struct translation *t, unsigned status, str body, str request_id);
