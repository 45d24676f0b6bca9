// tale: answers of a pretend provider, in its dialect, told in pieces that differ each time.
//
// All tellings of one tale say the same, unless they are told to differ: `is_other` tells another
// text that begins alike. A stream may hold one thing that is none of its dialect, or an error, in
// the place of an event.
#pragma once

#include "base/buf.h"
#include "base/random.h"

// What an answer consists of; a request names it ("tale-2").
enum tale_kind { TALE_TEXT, TALE_THOUGHTS, TALE_CALL, TALE_KINDS };

struct tale {
    enum tale_kind kind;
    bool is_anthropic; // else OpenAI
    bool is_other;
    bool has_crlf;
    bool lacks_mark;  // the last event is the finish
    bool is_chunked;  // else it ends with its connection
    size_t said;      // bytes of the text that a prefill has
    int damaged_at;   // the number of the event that is none; -1: all are
    bool is_error;    // it is an error
    bool is_readable; // it is JSON, which only who understands it finds fault with
    int damage;       // which of those that there are
};

#define TALE_FULL "Xenon two thr\u00e9e four five six seven eight nine ten"
#define TALE_OTHER "Xenon two thr\u00e9e fore fife sicks"
#define TALE_ARGUMENTS "{\"city\": \"Rome\", \"days\": [1, 2]}"

// Appends the whole HTTP answer: a stream, or one that comes at once.
void tale_put_stream(const struct tale *t, struct random *random, struct buf *out);
void tale_put_whole(const struct tale *t, struct buf *out);
// An error instead of an answer, with that status.
void tale_put_error(const struct tale *t, unsigned status, struct buf *out);
