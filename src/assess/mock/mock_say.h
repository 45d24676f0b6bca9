// mock_say: what one answer says, word by word, apart from any dialect.
//
// An answer is a row of *blocks*: what is thought, a text, calls of tools, each at most once but
// for the calls, in this order. A *token* here is a word with the space before it. The words are
// those of a text, or of a made-up one of a given length that costs no memory. A dialect writes
// them whole or event by event; `at` is its place in a stream. The texts live as long as the
// request's arena. Pure.
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

enum mock_block_kind { MOCK_BLOCK_THINKING, MOCK_BLOCK_TEXT, MOCK_BLOCK_TOOL };

struct mock_block {
    enum mock_block_kind kind;
    struct mock_words words; // of a tool: its arguments
    str name;                // of a tool
};

struct mock_say {
    const struct mock_request *req;
    struct mock_block *blocks;
    size_t block_count; // at least one
    str digits;         // what ids end with: MOCK_SAY_ID_DIGITS
    str model;
    str finish_reason;
    str stop;         // the sequence asked for that ended the text
    uint64_t created; // seconds since 1970
    uint64_t prompt_tokens;
    uint64_t cached_tokens;      // of the prompt's
    uint64_t cache_write_tokens; // of the prompt's
    uint64_t completion_tokens;  // of all choices
    uint64_t thinking_tokens;    // of those
    bool has_no_finish;
    bool has_no_done;
    struct {
        struct mock_cursor cursor;
        str token;
        uint64_t choice;
        size_t block;
        uint64_t sequence;
        uint64_t said; // words of all choices that were written
        unsigned step;
        bool has_usage; // was written
        bool is_started;
        bool is_paced; // the next event is a word behind another one
        bool is_end;   // there is no next event
    } at;
};

// What `rule` answers to `req`: its text, its tool calls, as many words as it says, or an echo.
void mock_say_init(struct mock_say *s, const struct mock_request *req, const struct mock_rule *rule,
                   struct arena *arena);

// The first block of a kind; NULL: there is none.
const struct mock_block *mock_say_block(const struct mock_say *s, enum mock_block_kind kind);
// The number of a tool's block among those of tools.
size_t mock_say_tool_index(const struct mock_say *s, size_t block);
// To the next block of a stream, if there is one.
bool mock_say_next_block(struct mock_say *s);
// Whether the next event is a word behind another one.
bool mock_say_is_paced(const struct mock_say *s);

// The next token; false behind the last.
bool mock_say_word(const struct mock_words *w, struct mock_cursor *c, str *token);
uint64_t mock_say_count(const struct mock_words *w);
// Appends all of them. ERR_LIMIT.
err mock_say_all(const struct mock_words *w, struct buf *out);
