// chat: one neutral model of a conversation: what is asked, what is answered, and the events of an
// answer that comes as a stream.
//
// Vocabulary: a *message* is what one side says, a list of *parts*; a *part* is text, media, a call
// of a tool, its result, or reasoning. A *choice* is one of several answers to one request.
// A dialect (dialect.h) reads its wire format into this model or writes it out of it, so that each
// pair of dialects is two halves that know nothing of each other.
// Texts are chat_text: as the sender wrote them. A member `_json` is one JSON value as written, and
// so are numbers (`str`), whose spelling is kept. What is zero was not given, unless it says
// otherwise. Everything is a view of the body that was read, or lives in its arena. Pure.
#pragma once

#include "provider/answer_stream.h"
#include "provider/chat_text.h"

enum {
    CHAT_MESSAGES_MAX = 65'536,
    CHAT_PARTS_MAX = 65'536, // of a request in all
    CHAT_TOOLS_MAX = 4096,
    CHAT_STOPS_MAX = 64,
    CHAT_CHOICES_MAX = 128,
    CHAT_DROPPED_MAX = 32,
    CHAT_PARAM_MAX = 128,
};

enum chat_flag { CHAT_UNSET, CHAT_NO, CHAT_YES };

enum chat_role { CHAT_SYSTEM, CHAT_DEVELOPER, CHAT_USER, CHAT_ASSISTANT, CHAT_TOOL };

enum chat_part_kind {
    CHAT_PART_TEXT,
    CHAT_PART_IMAGE,
    CHAT_PART_AUDIO,
    CHAT_PART_FILE,
    CHAT_PART_TOOL_CALL,
    CHAT_PART_TOOL_RESULT,
    CHAT_PART_REASONING,
    CHAT_PART_REFUSAL,
};

enum chat_source {
    CHAT_SOURCE_URL,
    CHAT_SOURCE_BASE64,
    CHAT_SOURCE_BYTES, // plain bytes, as gRPC has them
    CHAT_SOURCE_FILE_ID,
    CHAT_SOURCE_TEXT, // a document that is text itself
};

// Of an image, audio or a file.
struct chat_media {
    enum chat_source source;
    struct chat_text content; // the URL, base64 digits, bytes, id or text
    struct chat_text type;    // "image/png", "audio/wav"
    struct chat_text name;    // of a file
    struct chat_text detail;  // of an image: "low", "high", "auto"
};

struct chat_part {
    enum chat_part_kind kind;
    struct chat_text text; // of TEXT, REFUSAL and REASONING
    struct chat_media media;
    struct chat_text id;        // of a TOOL_CALL; of a TOOL_RESULT that of its call
    struct chat_text name;      // of the tool
    struct chat_text arguments; // of a TOOL_CALL: a JSON text, which may be escaped itself
    struct chat_part *parts;    // of a TOOL_RESULT: text and media
    size_t part_count;
    bool is_error;              // of a TOOL_RESULT
    struct chat_text signature; // of REASONING: goes back to who made it, byte for byte
    struct chat_text redacted;  // of REASONING that is not shown: likewise
    str cache_json;             // Anthropic's cache_control
    str citations_json;         // Anthropic's
};

struct chat_message {
    enum chat_role role;
    struct chat_text name; // of who speaks
    struct chat_part *parts;
    size_t part_count;
};

struct chat_tool {
    struct chat_text name;
    struct chat_text description;
    str schema_json;              // of its parameters; empty: none
    struct chat_text schema_text; // the same as text, from gRPC
    enum chat_flag strict;
    str cache_json;
};

enum chat_choose {
    CHAT_CHOOSE_UNSET,
    CHAT_CHOOSE_AUTO,
    CHAT_CHOOSE_NONE,
    CHAT_CHOOSE_ANY,
    CHAT_CHOOSE_ONE
};

struct chat_tool_choice {
    enum chat_choose kind;
    struct chat_text name;   // CHAT_CHOOSE_ONE
    enum chat_flag parallel; // calls in one answer
};

enum chat_thinking {
    CHAT_THINKING_UNSET,
    CHAT_THINKING_OFF,
    CHAT_THINKING_ON,
    CHAT_THINKING_ADAPTIVE
};

struct chat_reasoning {
    enum chat_thinking thinking;
    struct chat_text effort; // "minimal", "low", "medium", "high", ...
    str budget_tokens;
};

enum chat_format_kind { CHAT_FORMAT_UNSET, CHAT_FORMAT_TEXT, CHAT_FORMAT_JSON, CHAT_FORMAT_SCHEMA };

struct chat_format {
    enum chat_format_kind kind;
    struct chat_text name;
    struct chat_text description;
    str schema_json;
    struct chat_text schema_text; // from gRPC
    enum chat_flag strict;
};

struct chat_request {
    struct chat_text model;
    struct chat_message
        *messages; // system prompts are messages, first where the dialect has them apart
    size_t message_count;
    struct chat_tool *tools;
    size_t tool_count;
    struct chat_tool_choice tool_choice;
    struct chat_reasoning reasoning;
    struct chat_format format;
    struct chat_text *stops;
    size_t stop_count;
    uint64_t choice_count; // at least 1
    bool is_stream;
    bool wants_usage;    // of a stream
    bool uses_functions; // OpenAI's legacy form of tools, in which the answer is wanted too
    enum chat_flag logprobs;

    // Numbers as written; empty: not given.
    str max_tokens;
    bool has_completion_max; // max_tokens came by OpenAI's newer name, max_completion_tokens
    str temperature;
    str top_p;
    str top_k;
    str seed;
    str frequency_penalty;
    str presence_penalty;
    str top_logprobs;

    str logit_bias_json;
    str metadata_json;
    struct chat_text user; // whom the application serves
    struct chat_text service_tier;
    struct chat_text verbosity;
};

// What a dialect could not take, for the client to see. Not to be copied: `param` may lie within.
struct chat_notes {
    str dropped[CHAT_DROPPED_MAX]; // names of fields, as the client knows them, each once
    size_t dropped_count;
    // Of ERR_SYNTAX, ERR_TYPE, ERR_RANGE, ERR_LIMIT and ERR_UNSUPPORTED: for the client.
    str problem; // a sentence
    str param;   // "messages[2].content"; empty: the whole
    char param_room[CHAT_PARAM_MAX];
};

bool chat_notes_has(const struct chat_notes *n, str name);
// Notes a field once; more than CHAT_DROPPED_MAX are cut off. `name` outlives the notes.
void chat_notes_drop(struct chat_notes *n, str name);
// Notes what is wrong and returns `e`.
err chat_notes_refuse(struct chat_notes *n, err e, str problem, str param);
// The same with a printf format for the param, which is cut off at CHAT_PARAM_MAX.
[[gnu::format(printf, 4, 5)]] err chat_notes_refuse_at(struct chat_notes *n, err e, str problem,
                                                       const char *format, ...);

enum chat_finish {
    CHAT_FINISH_UNKNOWN,
    CHAT_FINISH_STOP,
    CHAT_FINISH_STOP_SEQUENCE,
    CHAT_FINISH_LENGTH,  // max_tokens
    CHAT_FINISH_CONTEXT, // the model's window is full
    CHAT_FINISH_TOOL_CALLS,
    CHAT_FINISH_FILTER, // stopped for its content
    CHAT_FINISH_REFUSAL,
    CHAT_FINISH_PAUSE, // a long turn, to be gone on with
};

struct chat_choice {
    uint64_t index;
    struct chat_part *parts;
    size_t part_count;
    enum chat_finish finish;
    struct chat_text stop_sequence; // the one that was met
    str logprobs_json;
};

struct chat_answer {
    struct chat_text id;
    struct chat_text model;
    uint64_t created; // Unix seconds; 0: not told
    struct chat_choice *choices;
    size_t choice_count;
    struct token_usage usage;
    struct chat_text service_tier;
};

struct chat_error {
    unsigned status; // of HTTP
    str message;     // plain
    str type;        // in OpenAI's words or Anthropic's, as it came; may be empty
    str code;        // may be empty
    str param;       // may be empty
    str request_id;  // the client's; Anthropic repeats it in the body
};

enum chat_event_kind {
    CHAT_EVENT_START,     // `id` and `model`; usage where some is known
    CHAT_EVENT_TEXT,      // `text`
    CHAT_EVENT_REFUSAL,   // `text`
    CHAT_EVENT_REASONING, // `text`
    CHAT_EVENT_SIGNATURE, // `text`: of the reasoning before it
    CHAT_EVENT_REDACTED,  // `text`: reasoning that is not shown, whole
    CHAT_EVENT_TOOL_CALL, // begins: `tool`, `id`, `name`
    CHAT_EVENT_ARGUMENTS, // `tool`, `text`: a piece of its JSON, perhaps an empty one
    CHAT_EVENT_FINISH,    // `finish`, `stop_sequence`
    CHAT_EVENT_USAGE,     // `usage`: all that is known of it
    CHAT_EVENT_END,       // nothing follows
};

// One of a stream. `part` tells blocks of the same kind apart where the dialect does: a text with
// another number than the text before begins a new one.
struct chat_event {
    enum chat_event_kind kind;
    uint32_t choice;
    uint32_t part;
    uint32_t tool; // counts the calls of its choice, from 0
    struct chat_text text;
    struct chat_text id;
    struct chat_text name;
    struct chat_text model;
    enum chat_finish finish;
    struct chat_text stop_sequence;
    struct token_usage usage;
};
