#include "provider/openai_error.h"

#include "provider/chat_walk.h"
#include "provider/openai.h"

// Design
//
// Types are told apart by what they mean, a status, so that each dialect's words are one column of
// a table. OpenAI has fewer of them than Anthropic.

static const struct {
    str type; // as any dialect has it
    str openai;
    unsigned status;
} types[] = {
    {STR_INIT("invalid_request_error"), STR_INIT("invalid_request_error"), 400},
    {STR_INIT("authentication_error"), STR_INIT("authentication_error"), 401},
    {STR_INIT("billing_error"), STR_INIT("insufficient_quota"), 429},
    {STR_INIT("insufficient_quota"), STR_INIT("insufficient_quota"), 429},
    {STR_INIT("permission_error"), STR_INIT("permission_error"), 403},
    {STR_INIT("not_found_error"), STR_INIT("invalid_request_error"), 404},
    {STR_INIT("request_too_large"), STR_INIT("invalid_request_error"), 413},
    {STR_INIT("rate_limit_error"), STR_INIT("rate_limit_error"), 429},
    {STR_INIT("rate_limit_exceeded"), STR_INIT("rate_limit_error"), 429},
    {STR_INIT("requests"), STR_INIT("rate_limit_error"), 429},
    {STR_INIT("tokens"), STR_INIT("rate_limit_error"), 429},
    {STR_INIT("timeout_error"), STR_INIT("server_error"), 504},
    {STR_INIT("api_error"), STR_INIT("server_error"), 500},
    {STR_INIT("server_error"), STR_INIT("server_error"), 500},
    {STR_INIT("overloaded_error"), STR_INIT("server_error"), 503},
    {STR_INIT("service_unavailable_error"), STR_INIT("server_error"), 503},
};

enum { TYPES = sizeof(types) / sizeof(*types) };

static size_t find_type(str type)
{
    size_t i = 0;

    while (i < TYPES && !str_eq(types[i].type, type)) {
        i++;
    }
    return i;
}

// A text of the error, or a number as one: plain, and cut where it is too long.
static str read_text(struct json_value v, struct arena *a)
{
    if (v.kind == JSON_NUMBER) return str_sub(v.text, 0, OPENAI_ERROR_TEXT_MAX);
    if (v.kind != JSON_STRING) return STR("");
    str text = json_decode(json_raw(v), a);
    if (text.len <= OPENAI_ERROR_TEXT_MAX) return text;
    size_t len = OPENAI_ERROR_TEXT_MAX;
    while (len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) {
        len--; // not within a character
    }
    return str_sub(text, 0, len);
}

static unsigned status_in(struct json_value v)
{
    uint64_t n = 0;

    if (json_to_u64(v, 599, &n) || n < 400) return 0;
    return (unsigned)n;
}

enum { MESSAGE, TYPE, CODE, PARAM, DETAIL, ERROR, REQUEST_ID, NAMES };

static const str names[NAMES] = {
    STR_INIT("message"), STR_INIT("type"),  STR_INIT("code"),       STR_INIT("param"),
    STR_INIT("detail"),  STR_INIT("error"), STR_INIT("request_id"),
};

// A code that is a number is a status, of servers that pass on what they were told.
struct found {
    struct chat_error error;
    unsigned code;
};

static void take_member(size_t name, struct json_value v, struct arena *a, struct found *f)
{
    str text = name < NAMES ? read_text(v, a) : STR("");

    if (!text.len) return;
    switch (name) {
    case MESSAGE: f->error.message = text; break;
    case TYPE: f->error.type = str_eq(text, STR("error")) ? f->error.type : text; break;
    case PARAM: f->error.param = text; break;
    case REQUEST_ID: f->error.request_id = text; break;
    case DETAIL:
    case ERROR:
        if (!f->error.message.len) f->error.message = text;
        break;
    default:
        f->error.code = text;
        f->code = status_in(v);
        break;
    }
}

// The members of one object, and of the one that it may wrap.
static err read_members(struct chat_walk *w, struct arena *a, struct found *f, bool is_outer)
{
    enum json_kind kind;
    struct json_value v;
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, NAMES, &name))) {
        TRY(json_peek(&w->json, &kind));
        if (name == ERROR && kind == JSON_OBJECT && is_outer) {
            TRY(read_members(w, a, f, false));
            continue;
        }
        TRY(json_value(&w->json, &v));
        take_member(name, v, a, f);
    }
    return e == ERR_EOF ? OK : e;
}

static unsigned settle_status(unsigned status, const struct found *f)
{
    size_t type = find_type(f->error.type);

    if (status >= 400) return status;
    if (f->code) return f->code;
    return type < TYPES ? types[type].status : 500;
}

void openai_error_read(unsigned status, str body, struct arena *a, struct chat_error *out)
{
    struct found f = {.code = 0};
    enum json_kind kind = JSON_NULL;
    struct chat_walk w;

    chat_walk_init(&w, body, a, NULL);
    err e = json_peek(&w.json, &kind);
    // A list of errors is what Google answers with.
    if (!e && kind == JSON_ARRAY && !(e = chat_walk_array(&w))) e = chat_walk_element(&w);
    if (!e) e = read_members(&w, a, &f, true);
    (void)e; // what can't be read says nothing
    f.error.status = settle_status(status, &f);
    if (!f.error.message.len)
        f.error.message =
            arena_format(a, "The model's provider answered with status %u.", f.error.status);
    *out = f.error;
}

err openai_error_write(const struct chat_error *e, struct buf *out)
{
    size_t type = find_type(e->type);

    return openai_write_error(
        out, &(struct openai_error){.message = e->message,
                                    .type = type < TYPES ? types[type].openai
                                                         : openai_error_type(e->status),
                                    .code = e->code,
                                    .param = e->param});
}

unsigned openai_error_status(unsigned status)
{
    switch (status) {
    case 402: return 429; // of an account without money OpenAI says so
    case 529: return 503;
    default: return status;
    }
}
