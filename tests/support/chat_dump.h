// chat_dump: chats of the neutral model as text, to compare them and to show what differs.
//
// A line a thing, texts decoded, so that two that mean the same read the same however they are
// escaped. Minted ids and times of answers are left out.
#pragma once

#include "provider/dialect.h"

void chat_dump_request(const struct chat_request *q, struct buf *out);
void chat_dump_answer(const struct chat_answer *answer, struct buf *out);
void chat_dump_error(const struct chat_error *e, struct buf *out);
// What was dropped, and what is wrong.
void chat_dump_notes(const struct chat_notes *n, struct buf *out);

enum { CHAT_DUMP_CHOICES_MAX = 4, CHAT_DUMP_TOOLS_MAX = 8, CHAT_DUMP_BYTES_MAX = 1 << 16 };

// A sink that puts a stream together: pieces of one text are one, whatever stands between them.
struct chat_dump_stream {
    struct chat_sink port;
    struct arena arena;
    struct chat_dump_choice {
        struct buf text;
        struct buf refusal;
        struct buf reasoning;
        struct buf signature;
        size_t tool_count;
        struct {
            str id;
            str name;
            struct buf arguments;
        } tools[CHAT_DUMP_TOOLS_MAX];
        enum chat_finish finish;
        str stop_sequence;
        bool is_finished;
    } choices[CHAT_DUMP_CHOICES_MAX];
    str model;
    struct token_usage usage;
    bool is_started;
    bool is_ended;
};

void chat_dump_stream_init(struct chat_dump_stream *s);
void chat_dump_stream_done(struct chat_dump_stream *s);
void chat_dump_stream_print(const struct chat_dump_stream *s, struct buf *out);
