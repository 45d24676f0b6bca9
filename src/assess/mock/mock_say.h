// mock_say: what one answer says, word by word, apart from any dialect.
//
// A *token* here is a word with the space before it. The words are those of a text, or of a
// made-up one of a given length that costs no memory. A dialect writes them whole or event by
// event; `at` is its place in a stream. The texts live as long as the request's arena. Pure.
#pragma once

#include "assess/mock/mock_request.h"
#include "assess/mock/mock_rule.h"
#include "base/buf.h"

enum { MOCK_SAY_ID_DIGITS = 16 };

struct mock_words {
    str text;
    uint64_t made_up; // number of words where there is no text
    uint64_t limit;   // at most so many
};

struct mock_cursor {
    size_t byte;
    uint64_t word;
};

struct mock_say {
    const struct mock_request *req;
    struct mock_words words; // of the text, or of the arguments of a tool call
    str digits;              // what ids end with: MOCK_SAY_ID_DIGITS
    str model;
    str finish_reason;
    str tool_name;    // empty: no tool call
    uint64_t created; // seconds since 1970
    uint64_t prompt_tokens;
    uint64_t completion_tokens; // of all choices
    bool has_no_finish;
    bool has_no_done;
    struct {
        struct mock_cursor cursor;
        str token;
        uint64_t choice;
        uint64_t sequence;
        uint64_t said; // words of all choices that were written
        unsigned step;
        bool has_usage; // was written
        bool is_started;
        bool is_paced; // the next event is a word behind another one
        bool is_end;   // there is no next event
    } at;
};

// What `rule` answers to `req`: its text, its tool call, as many words as it says, or an echo.
void mock_say_init(struct mock_say *s, const struct mock_request *req, const struct mock_rule *rule,
                   struct arena *arena);

// The next token; false behind the last.
bool mock_say_word(const struct mock_words *w, struct mock_cursor *c, str *token);
uint64_t mock_say_count(const struct mock_words *w);
// Appends all of them. ERR_LIMIT.
err mock_say_all(const struct mock_words *w, struct buf *out);
