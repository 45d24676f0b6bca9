// dialect: a wire format of chats, read into the neutral model (chat.h) and written out of it.
//
// Beside chats a dialect may have texts as vectors (embedding.h), and counts of a request's tokens.
// A dialect is a table of functions; translating from one to another is a read of the one and a
// write of the other. None does I/O or knows of another. Bodies that are read outlive what was read
// of them. ERR_SYNTAX: malformed; ERR_TYPE, ERR_RANGE: a member of another kind or out of bounds;
// ERR_LIMIT: more than the bounds of chat.h; ERR_UNSUPPORTED: means what this dialect can't say,
// and leaving it out would change what is asked. What may be left out is left out and noted.
#pragma once

#include "provider/embedding.h"

// Takes the events of one answer's stream, in their order.
struct chat_sink {
    err (*event)(struct chat_sink *sink, const struct chat_event *e);
};

// Reads the stream of one answer, or what there is of one whose beginning somebody else had: `take`
// gets the data of one event of the wire and hands what it says to the sink; ERR_SYNTAX: it is none
// of the dialect; ERR_REFUSED: it reports an error (which dialect.read_error reads). What the sink
// gets is valid during its call.
struct chat_reader {
    err (*take)(struct chat_reader *r, str data, struct chat_sink *sink);
    struct arena *scratch; // for what one event needs decoded; its owner resets it
};

// What of the client's request shapes an answer that was not made for it.
struct chat_reply {
    str model;           // to be named: as the client asked for it; empty: the upstream's
    str id_seed;         // letters and digits, to make ids of: an upstream's never leak
    uint64_t created;    // Unix seconds
    bool wants_usage;    // in a stream
    bool uses_functions; // as the request
    // The client has the beginning of a stream from elsewhere: the start, and text that is not
    // ended, but where `is_text_ended`; in dialects that number their blocks it is the first.
    bool is_resumed;
    bool is_text_ended;
};

// Writes the stream of one answer, ids and all. `put` appends whole events of the wire, perhaps
// none. Owes the client every closing event that its dialect demands; of a stream that is cut it
// writes what `fail` says and nothing that looks like an end.
struct chat_writer {
    err (*put)(struct chat_writer *w, const struct chat_event *e, struct buf *out);
    err (*fail)(struct chat_writer *w, const struct chat_error *e, struct buf *out);
};

struct dialect {
    str name;         // as in the settings
    str content_type; // of requests and whole answers
    str chat_path;    // behind the version: where a chat is asked for
    str whole_path;   // where one is that comes whole; empty: the same
    bool is_grpc;     // messages go in the frames of gRPC, and how a call ends in its trailers
    err (*read_request)(str body, struct arena *a, struct chat_request *out, struct chat_notes *n);
    err (*write_request)(const struct chat_request *q, struct gather *out, struct chat_notes *n);
    err (*read_answer)(str body, struct arena *a, struct chat_answer *out);
    err (*write_answer)(const struct chat_answer *answer, const struct chat_reply *r,
                        struct gather *out);
    // What an error answer says, as far as it can be read: never fails.
    void (*read_error)(unsigned status, str body, struct arena *a, struct chat_error *out);
    err (*write_error)(const struct chat_error *e, struct buf *out);
    // The status that the dialect has for the like of `status`, such as 529 for 503.
    unsigned (*status)(unsigned status);
    // How many tokens a request has; the path is empty, and all NULL, where nobody can be asked.
    str count_path;
    err (*read_count)(str body, struct arena *a, struct chat_request *out, struct chat_notes *n);
    err (*write_count)(const struct chat_request *q, struct gather *out, struct chat_notes *n);
    err (*read_counted)(str body, uint64_t *tokens);
    err (*write_counted)(uint64_t tokens, struct buf *out);
    // Texts as vectors; likewise. Answers as openai_embedding.h has them.
    str embed_path;
    err (*read_embedding)(str body, struct arena *a, struct embedding_request *out,
                          struct chat_notes *n);
    err (*write_embedding)(const struct embedding_request *q, struct gather *out,
                           struct chat_notes *n);
    err (*read_vectors)(str body, struct arena *a, struct embedding_answer *out);
    err (*write_vectors)(const struct embedding_answer *answer, str model,
                         enum embedding_encoding encoding, struct buf *out);
    // In the arena.
    struct chat_reader *(*reader_new)(struct arena *a);
    struct chat_writer *(*writer_new)(struct arena *a, const struct chat_reply *r);
};

extern const struct dialect dialect_openai;
extern const struct dialect dialect_anthropic;
extern const struct dialect dialect_sluice; // our own, over gRPC: proto/sluice/v1/chat.proto

// The dialect of that name; NULL for none.
const struct dialect *dialect_find(str name);
