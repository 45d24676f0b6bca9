// mock_rule: one line of a script: which requests it is for, and what becomes of them.
//
// A rule is plain values with borrowed texts; whoever read it keeps them. Members that a script
// leaves out keep their default, so a rule of zeros, with mock_rule_init(), is the answer without
// a script: an echo, at once and whole.
#pragma once

#include "assess/mock/mock_pace.h"
#include "codec/h1.h"

// Counts below are from 1; UINT64_MAX stands for "never".
#define MOCK_RULE_NEVER UINT64_MAX

struct mock_match {
    str model;   // with * and ? as in file names; empty: any
    str path;    // the same
    str content; // stands in the last text of the user
    str header;  // "name: value", or "name" for any value
    uint64_t first;
    uint64_t every;
    uint64_t from; // the n-th to
    uint64_t to;   // the n-th request that all of the above holds for
    double probability;
};

// A call of a function.
struct mock_tool {
    str name;
    str arguments; // JSON text
};

struct mock_answer {
    str text;
    str body;         // the whole answer, as it is
    str content_type; // of `body`
    str finish_reason;
    str tool_name;
    str tool_arguments;
    str thinking;
    const struct mock_tool *tools; // instead of the one; borrowed
    size_t tool_count;
    uint64_t tokens;
    uint64_t thinking_tokens; // made-up ones, where there is no such text
    uint64_t prompt_tokens;
    uint64_t completion_tokens;
    uint64_t cached_tokens;      // of the prompt, read from a cache
    uint64_t cache_write_tokens; // of the prompt, written to one
    bool has_text;               // an empty one may be meant, or a count of 0
    bool has_prompt_tokens;
    bool has_completion_tokens;
    bool tells_images; // instead of the echo
};

struct mock_timing {
    struct mock_pace head; // of a stream; else it comes with the first event
    struct mock_pace ttft;
    struct mock_pace gap;
    bool has_head;
};

struct mock_error {
    uint64_t status; // 0: none
    str type;
    str code;
    str message;
    str param;
    str body; // instead of the dialect's error
    str content_type;
    str fields; // "name: value\r\n" each
    uint64_t retry_after;
    uint64_t retry_after_ms;
    bool has_retry_after;
    bool has_retry_after_ms;
    bool is_strict; // what the vendor's API would refuse is refused
};

enum mock_end {
    MOCK_END_NONE,
    MOCK_END_CLEAN, // framed as if the answer were whole: a silent truncation
    MOCK_END_CLOSE, // FIN, without the last chunk
    MOCK_END_TORN,  // FIN, within a chunk
    MOCK_END_RESET, // RST
    MOCK_END_STALL, // nothing more, or nothing for a while
};

struct mock_fault {
    enum mock_end end;
    bool before_head;
    uint64_t after_events; // NEVER where a script doesn't say
    uint64_t after_bytes;  // of the body; the same
    uint64_t stall_us;     // 0: for ever
    uint64_t malformed_event;
    uint64_t error_event;
    uint64_t duplicate_event;
    uint64_t longer_length; // added to content-length
    uint64_t split;         // bytes a write
    uint64_t drip_us;       // between them
    uint64_t close_idle_us;
    bool has_close_idle;
    bool has_no_done;
    bool has_no_finish;
    bool has_crlf;
    bool has_comments;
    bool is_json_for_stream;
    bool has_continue;
    bool has_early_hints;
};

struct mock_rule {
    struct mock_match match;
    struct mock_answer answer;
    struct mock_timing timing;
    struct mock_error error;
    struct mock_fault fault;
    uint64_t seen; // requests that the match was counted for
    bool ignored;  // where keys note their presence that nobody asks for
};

void mock_rule_init(struct mock_rule *r);

struct mock_subject {
    str model;
    str path;
    str content;
    const struct h1_head *head;
};

// Whether the rule is for this request, counting it if all but the count and the chance hold.
// Draws from `random` only where the rule has a probability.
bool mock_rule_matches(struct mock_rule *r, const struct mock_subject *s, struct random *random);

// Whether `name` matches a pattern with * (any bytes) and ? (one byte).
bool mock_rule_glob(str pattern, str name);
