#include "provider/failure.h"

#include "codec/json.h"

#include <assert.h>

// Design
//
// A text of a peer is read for *clues*: code, type, param and message, wherever the relatives of
// OpenAI's shape put them. The clues give a status to an event that has none; then answers and
// events go the same way. A name (a code or a type) is believed under any status. A message is
// prose, which may quote the user, so a phrase is believed only under the statuses that servers
// are known to send it with.

enum {
    MESSAGE_BYTES_MAX = 4096, // looked at, of a message
    STATUS_LEAST = 400,       // of a number that is taken for a status
    STATUS_MOST = 599,
};

struct row {
    str name;
    unsigned rules;
};

enum { AGAIN = FAILURE_COUNTS | FAILURE_RETRIES | FAILURE_FAILS_OVER };

static const struct row rows[FAILURES] = {
    [FAILURE_NONE] = {STR_INIT("none"), 0},
    [FAILURE_CLIENT] = {STR_INIT("client_error"), 0},
    [FAILURE_CONTEXT] = {STR_INIT("context_length"), FAILURE_FAILS_OVER},
    [FAILURE_FILTER] = {STR_INIT("content_filter"), 0},
    [FAILURE_LIMITED] = {STR_INIT("rate_limited"),
                         FAILURE_WAITS | FAILURE_RETRIES | FAILURE_FAILS_OVER},
    [FAILURE_QUOTA] = {STR_INIT("quota_exhausted"), FAILURE_STICKS | FAILURE_FAILS_OVER},
    [FAILURE_DENIED] = {STR_INIT("denied"), FAILURE_STICKS | FAILURE_FAILS_OVER},
    [FAILURE_ABSENT] = {STR_INIT("model_absent"), FAILURE_STICKS | FAILURE_FAILS_OVER},
    [FAILURE_OVERLOADED] = {STR_INIT("overloaded"), AGAIN},
    [FAILURE_SERVER] = {STR_INIT("server_error"), AGAIN},
    [FAILURE_UNREACHABLE] = {STR_INIT("unreachable"), AGAIN},
    [FAILURE_SILENT] = {STR_INIT("silent"), FAILURE_COUNTS | FAILURE_FAILS_OVER},
    [FAILURE_CUT] = {STR_INIT("cut"), AGAIN},
    [FAILURE_STALLED] = {STR_INIT("stalled"), FAILURE_COUNTS | FAILURE_FAILS_OVER},
    [FAILURE_MALFORMED] = {STR_INIT("malformed"), AGAIN},
    [FAILURE_UNEXPECTED] = {STR_INIT("unexpected_answer"), AGAIN},
    [FAILURE_PREFILL] = {STR_INIT("prefill_refused"), FAILURE_FAILS_OVER},
    [FAILURE_DIVERGED] = {STR_INIT("diverged"), FAILURE_FAILS_OVER},
    [FAILURE_UNTRANSLATABLE] = {STR_INIT("untranslatable"), FAILURE_FAILS_OVER},
    [FAILURE_CANCELED] = {STR_INIT("canceled"), 0},
};

unsigned failure_rules(enum failure f)
{
    assert(f < FAILURES);
    return rows[f].rules;
}

str failure_name(enum failure f)
{
    assert(f < FAILURES);
    return rows[f].name;
}

// All as written, without quotes.
struct clues {
    str code;
    str type;
    str param;
    str inner; // the code of Azure's innererror or Anthropic's details
    str message;
    str detail;      // what an upstream of the upstream said
    uint64_t number; // a code that is a number, 0 for none
    bool has_error;
};

static err read_text(struct json_reader *r, str *out)
{
    struct json_value v;

    TRY(json_value(r, &v));
    if (v.kind == JSON_STRING && !out->len) *out = json_raw(v);
    return OK;
}

static err read_code(struct json_reader *r, struct clues *c)
{
    struct json_value v;

    TRY(json_value(r, &v));
    if (v.kind == JSON_NUMBER) (void)json_to_u64(v, STATUS_MOST, &c->number); // else no status
    if (v.kind != JSON_STRING) return OK;
    if (!c->code.len) c->code = json_raw(v);
    (void)str_to_u64(json_raw(v), STATUS_MOST, &c->number);
    return OK;
}

// Steps into an object; anything else is passed, and is ERR_EOF.
static err enter_object(struct json_reader *r)
{
    enum json_kind kind;
    struct json_value v;

    TRY(json_peek(r, &kind));
    if (kind == JSON_OBJECT) return json_enter(r);
    TRY(json_value(r, &v));
    return ERR_EOF;
}

// What lies below an error: Azure's innererror, OpenRouter's metadata and Anthropic's details.
static err read_below(struct json_reader *r, struct clues *c)
{
    struct json_value v;
    str key;
    err e = enter_object(r);

    while (!e && !(e = json_member(r, &key))) {
        if (json_string_is(key, STR("code")) || json_string_is(key, STR("error_code"))) {
            e = read_text(r, &c->inner);
        } else if (json_string_is(key, STR("raw"))) {
            e = read_text(r, &c->detail);
        } else {
            e = json_value(r, &v);
        }
    }
    return e == ERR_EOF ? OK : e;
}

// A member that errors have, nested or flat.
static err read_clue(struct json_reader *r, str key, struct clues *c)
{
    struct json_value v;

    if (json_string_is(key, STR("code"))) return read_code(r, c);
    if (json_string_is(key, STR("type"))) return read_text(r, &c->type);
    if (json_string_is(key, STR("param"))) return read_text(r, &c->param);
    if (json_string_is(key, STR("message"))) return read_text(r, &c->message);
    if (json_string_is(key, STR("innererror")) || json_string_is(key, STR("metadata")) ||
        json_string_is(key, STR("details")))
        return read_below(r, c);
    return json_value(r, &v);
}

// The value of "error": an object, a text, or merely true.
static err read_error(struct json_reader *r, struct clues *c)
{
    enum json_kind kind;
    str key;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind == JSON_STRING) {
        TRY(read_text(r, &c->message));
        c->has_error |= c->message.len != 0;
        return OK;
    }
    e = enter_object(r);
    c->has_error |= !e || kind == JSON_TRUE;
    while (!e && !(e = json_member(r, &key))) {
        e = read_clue(r, key, c);
    }
    return e == ERR_EOF ? OK : e;
}

// The response that response.failed carries.
static err read_response(struct json_reader *r, struct clues *c)
{
    struct json_value v;
    str key;
    err e = enter_object(r);

    while (!e && !(e = json_member(r, &key))) {
        e = json_string_is(key, STR("error")) ? read_error(r, c) : json_value(r, &v);
    }
    return e == ERR_EOF ? OK : e;
}

// The type of an event tells that it is an error, and the type of a flat error which.
static void read_top_type(str raw, struct clues *c)
{
    if (json_string_is(raw, STR("error")) || json_string_is(raw, STR("response.failed"))) {
        c->has_error = true;
    } else if (!c->type.len) {
        c->type = raw;
    }
}

static err read_top(struct json_reader *r, str key, struct clues *c)
{
    struct json_value v;

    if (json_string_is(key, STR("error"))) return read_error(r, c);
    if (json_string_is(key, STR("response"))) return read_response(r, c);
    if (json_string_is(key, STR("detail"))) return read_text(r, &c->message);
    if (json_string_is(key, STR("type")) || json_string_is(key, STR("object"))) {
        TRY(json_value(r, &v));
        if (v.kind == JSON_STRING) read_top_type(json_raw(v), c);
        return OK;
    }
    return read_clue(r, key, c);
}

// What was read before the text breaks off still counts.
static struct clues read_clues(str text, err *end)
{
    struct clues c = {0};
    struct json_reader r;
    enum json_kind kind;
    str key;

    json_reader_init(&r, text);
    err e = json_peek(&r, &kind);
    if (!e && kind == JSON_ARRAY) { // some wrap the error in an array of one
        e = json_enter(&r);
        if (!e) e = json_element(&r);
    }
    if (!e) e = enter_object(&r);
    while (!e && !(e = json_member(&r, &key))) {
        e = read_top(&r, key, &c);
    }
    *end = e == ERR_EOF ? OK : e;
    return c;
}

static enum failure of_status(unsigned status)
{
    switch (status) {
    case 401:
    case 403: return FAILURE_DENIED;
    case 402: return FAILURE_QUOTA;
    case 408: return FAILURE_SERVER;
    case 429: return FAILURE_LIMITED;
    case 503:
    case 529: return FAILURE_OVERLOADED;
    default: break;
    }
    if (status < 300) return FAILURE_NONE;
    if (status < 400) return FAILURE_UNEXPECTED; // an API sends nobody elsewhere
    return status < 500 ? FAILURE_CLIENT : FAILURE_SERVER;
}

// Codes and types that say it all, of OpenAI, Anthropic, Azure, Mistral, llama.cpp, Moonshot and
// Alibaba.
static const struct {
    str name;
    enum failure failure;
} names[] = {
    {STR_INIT("context_length_exceeded"), FAILURE_CONTEXT},
    {STR_INIT("exceed_context_size_error"), FAILURE_CONTEXT},
    {STR_INIT("content_filter"), FAILURE_FILTER},
    {STR_INIT("content_policy_violation"), FAILURE_FILTER},
    {STR_INIT("image_content_policy_violation"), FAILURE_FILTER},
    {STR_INIT("ResponsibleAIPolicyViolation"), FAILURE_FILTER},
    {STR_INIT("moderation_blocked"), FAILURE_FILTER},
    {STR_INIT("invalid_prompt"), FAILURE_FILTER},
    {STR_INIT("data_inspection_failed"), FAILURE_FILTER},
    {STR_INIT("insufficient_quota"), FAILURE_QUOTA},
    {STR_INIT("billing_hard_limit_reached"), FAILURE_QUOTA},
    {STR_INIT("billing_not_active"), FAILURE_QUOTA},
    {STR_INIT("exceeded_current_quota_error"), FAILURE_QUOTA},
    {STR_INIT("billing_error"), FAILURE_QUOTA},
    {STR_INIT("contract_spend_limit_reached"), FAILURE_QUOTA},
    {STR_INIT("enforced_spend_limit_reached"), FAILURE_QUOTA},
    {STR_INIT("organization_on_hold"), FAILURE_DENIED},
    {STR_INIT("model_not_found"), FAILURE_ABSENT},
    {STR_INIT("DeploymentNotFound"), FAILURE_ABSENT},
    {STR_INIT("invalid_model"), FAILURE_ABSENT},
    {STR_INIT("invalid_prefill"), FAILURE_PREFILL},
};

// What servers say in prose. Both phrases must be there, in any case; one that begins with ^ at
// the start.
static const struct {
    unsigned status;
    enum failure failure;
    str phrase;
    str other;
} phrases[] = {
    {400, FAILURE_CONTEXT, STR_INIT("maximum context length"), STR_INIT("")},
    {400, FAILURE_CONTEXT, STR_INIT("exceeds the context window"), STR_INIT("")},
    {400, FAILURE_CONTEXT, STR_INIT("exceeds the available context size"), STR_INIT("")},
    {400, FAILURE_CONTEXT, STR_INIT("^prompt is too long"), STR_INIT("")},
    {400, FAILURE_CONTEXT, STR_INIT("^input length and `max_tokens`"), STR_INIT("exceed")},
    {500, FAILURE_CONTEXT, STR_INIT("exceeds the available context size"), STR_INIT("")},
    {413, FAILURE_CONTEXT, STR_INIT("maximum context length"), STR_INIT("")},
    {422, FAILURE_CONTEXT, STR_INIT("maximum context length"), STR_INIT("")},
    {422, FAILURE_CONTEXT, STR_INIT("`inputs` tokens"), STR_INIT("`max_new_tokens` must be")},
    {400, FAILURE_FILTER, STR_INIT("content management policy"), STR_INIT("")},
    {400, FAILURE_FILTER, STR_INIT("content exists risk"), STR_INIT("")},
    {400, FAILURE_FILTER, STR_INIT("blocked by content filtering policy"), STR_INIT("")},
    {400, FAILURE_QUOTA, STR_INIT("^your credit balance is too low"), STR_INIT("")},
    {400, FAILURE_QUOTA, STR_INIT("^you have reached your specified"), STR_INIT("usage limits")},
    {403, FAILURE_FILTER, STR_INIT("moderation"), STR_INIT("flagged")},
    {404, FAILURE_ABSENT, STR_INIT("^the model "), STR_INIT("does not exist")},
    {404, FAILURE_ABSENT, STR_INIT("^model "), STR_INIT("not found, try pulling")},
    {404, FAILURE_ABSENT, STR_INIT("^no endpoints found for "), STR_INIT("")},
    {404, FAILURE_ABSENT, STR_INIT("^model:"), STR_INIT("")},
    {400, FAILURE_ABSENT, STR_INIT("is not a valid model id"), STR_INIT("")},
    {400, FAILURE_PREFILL, STR_INIT("prefill"), STR_INIT("")},
    {400, FAILURE_PREFILL, STR_INIT("end with a user message"), STR_INIT("")},
    {400, FAILURE_PREFILL, STR_INIT("last message"), STR_INIT("must be a user message")},
    {400, FAILURE_PREFILL, STR_INIT("last role"), STR_INIT("got assistant")},
    {400, FAILURE_PREFILL, STR_INIT("assistant messages at the end"), STR_INIT("")},
    {400, FAILURE_PREFILL, STR_INIT("continue_final_message"), STR_INIT("")},
    {400, FAILURE_PREFILL, STR_INIT("add_generation_prompt"), STR_INIT("")},
};

static bool holds(str text, str phrase)
{
    bool is_start = str_starts(phrase, STR("^"));

    phrase = str_sub(phrase, is_start, phrase.len);
    if (!phrase.len) return true;
    for (size_t i = 0; i + phrase.len <= text.len; i++) {
        if ((text.ptr[i] | 0x20) == (phrase.ptr[0] | 0x20) &&
            str_eq_nocase_bytes(text.ptr + i, phrase.ptr, phrase.len))
            return true;
        if (is_start) return false;
    }
    return false;
}

static enum failure of_message(unsigned status, str message)
{
    message = str_sub(message, 0, MESSAGE_BYTES_MAX);
    for (size_t i = 0; message.len && i < sizeof(phrases) / sizeof(*phrases); i++) {
        if (phrases[i].status == status && holds(message, phrases[i].phrase) &&
            holds(message, phrases[i].other))
            return phrases[i].failure;
    }
    return FAILURE_NONE;
}

static enum failure of_names(const struct clues *c)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (json_string_is(c->inner, names[i].name) || json_string_is(c->code, names[i].name) ||
            json_string_is(c->type, names[i].name))
            return names[i].failure;
    }
    return FAILURE_NONE;
}

static enum failure of_clues(unsigned status, const struct clues *c)
{
    enum failure f = of_names(c);

    if (f) return f;
    // A member of a prefill that the upstream doesn't know.
    if (status == 400 && (str_ends(c->param, STR(".prefix")) ||
                          json_string_is(c->param, STR("continue_final_message"))))
        return FAILURE_PREFILL;
    f = of_message(status, c->message);
    if (!f) f = of_message(status, c->detail);
    return f ? f : of_status(status);
}

// The status that an event's error would have had as an answer.
static unsigned status_of(const struct clues *c)
{
    static const struct {
        str name;
        unsigned status;
    } statuses[] = {
        {STR_INIT("rate_limit_exceeded"), 429},     {STR_INIT("rate_limit_error"), 429},
        {STR_INIT("too_many_requests"), 429},       {STR_INIT("invalid_request_error"), 400},
        {STR_INIT("BadRequestError"), 400},         {STR_INIT("authentication_error"), 401},
        {STR_INIT("invalid_api_key"), 401},         {STR_INIT("permission_error"), 403},
        {STR_INIT("not_found_error"), 404},         {STR_INIT("NotFoundError"), 404},
        {STR_INIT("overloaded_error"), 503},        {STR_INIT("unavailable_error"), 503},
        {STR_INIT("engine_overloaded_error"), 503}, {STR_INIT("request_too_large"), 413},
    };

    if (c->number >= STATUS_LEAST) return (unsigned)c->number;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        if (json_string_is(c->code, statuses[i].name) || json_string_is(c->type, statuses[i].name))
            return statuses[i].status;
    }
    return 500;
}

enum failure failure_of_answer(unsigned status, str body)
{
    err end = OK;
    struct clues c = read_clues(body, &end);

    if (status >= 300) return of_clues(status, &c);
    return !end && c.has_error ? of_clues(status_of(&c), &c) : FAILURE_NONE;
}

enum failure failure_of_status(unsigned code, str message)
{
    static const struct {
        enum failure failure;
        unsigned http; // whose phrases its messages may hold
    } codes[] = {
        {FAILURE_NONE, 0},         // OK
        {FAILURE_SERVER, 0},       // CANCELLED, though not by us
        {FAILURE_SERVER, 500},     // UNKNOWN
        {FAILURE_CLIENT, 400},     // INVALID_ARGUMENT
        {FAILURE_SILENT, 0},       // DEADLINE_EXCEEDED
        {FAILURE_ABSENT, 404},     // NOT_FOUND
        {FAILURE_CLIENT, 0},       // ALREADY_EXISTS
        {FAILURE_DENIED, 403},     // PERMISSION_DENIED
        {FAILURE_LIMITED, 429},    // RESOURCE_EXHAUSTED
        {FAILURE_CLIENT, 400},     // FAILED_PRECONDITION
        {FAILURE_OVERLOADED, 0},   // ABORTED
        {FAILURE_CLIENT, 400},     // OUT_OF_RANGE
        {FAILURE_UNEXPECTED, 0},   // UNIMPLEMENTED
        {FAILURE_SERVER, 500},     // INTERNAL
        {FAILURE_OVERLOADED, 503}, // UNAVAILABLE
        {FAILURE_SERVER, 0},       // DATA_LOSS
        {FAILURE_DENIED, 401},     // UNAUTHENTICATED
    };

    if (code >= sizeof(codes) / sizeof(*codes)) return FAILURE_SERVER;
    enum failure f = codes[code].http ? of_message(codes[code].http, message) : FAILURE_NONE;
    return f ? f : codes[code].failure;
}

enum failure failure_of_event(str data)
{
    err end = OK;
    struct clues c = read_clues(data, &end);

    if (end) return FAILURE_SERVER;
    return c.has_error ? of_clues(status_of(&c), &c) : FAILURE_NONE;
}
