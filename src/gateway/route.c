#include "gateway/route.h"

#include "codec/uri.h"

struct route_row {
    str path;
    enum route_kind kind;
    bool is_translated;
};

// POST with a JSON body that names its model.
static const struct route_row rows[] = {
    {STR_INIT("/chat/completions"), ROUTE_CHAT, true},
    {STR_INIT("/messages"), ROUTE_MESSAGES, true},
    {STR_INIT("/messages/count_tokens"), ROUTE_COUNT, true},
    {STR_INIT("/completions"), ROUTE_CHAT, false},
    {STR_INIT("/responses"), ROUTE_RESPONSES, false},
    {STR_INIT("/embeddings"), ROUTE_EMBEDDINGS, true},
    {STR_INIT("/moderations"), ROUTE_JSON, false},
    {STR_INIT("/rerank"), ROUTE_JSON, false},
    {STR_INIT("/images/generations"), ROUTE_JSON, false},
    {STR_INIT("/audio/speech"), ROUTE_JSON, false},
};

static const str names[ROUTE_KINDS] = {
    [ROUTE_UNKNOWN] = STR_INIT("unknown"),     [ROUTE_MODELS] = STR_INIT("models"),
    [ROUTE_MODEL] = STR_INIT("model"),         [ROUTE_CHAT] = STR_INIT("chat"),
    [ROUTE_MESSAGES] = STR_INIT("messages"),   [ROUTE_COUNT] = STR_INIT("count_tokens"),
    [ROUTE_RESPONSES] = STR_INIT("responses"), [ROUTE_JSON] = STR_INIT("json"),
    [ROUTE_PASS] = STR_INIT("pass"),           [ROUTE_EMBEDDINGS] = STR_INIT("embeddings"),
    [ROUTE_SEARCH] = STR_INIT("search"),
};

// What is not above passes as it is: ROUTE_PASS.
static const str families[] = {
    STR_INIT("assistants"),    STR_INIT("audio"),         STR_INIT("batches"),
    STR_INIT("chat"),          STR_INIT("completions"),   STR_INIT("containers"),
    STR_INIT("conversations"), STR_INIT("embeddings"),    STR_INIT("evals"),
    STR_INIT("files"),         STR_INIT("fine_tuning"),   STR_INIT("images"),
    STR_INIT("messages"),      STR_INIT("models"),        STR_INIT("moderations"),
    STR_INIT("organization"),  STR_INIT("realtime"),      STR_INIT("rerank"),
    STR_INIT("responses"),     STR_INIT("skills"),        STR_INIT("threads"),
    STR_INIT("uploads"),       STR_INIT("vector_stores"), STR_INIT("videos"),
};

static void match_rest(str method, str rest, struct route *r)
{
    const str model_prefix = STR("/models/");

    r->kind = ROUTE_PASS;
    if (str_starts(rest, STR("/messages"))) r->dialect = &dialect_anthropic;
    if (str_eq(method, STR("POST"))) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            if (!str_eq(rest, rows[i].path)) continue;
            r->kind = rows[i].kind;
            r->is_translated = rows[i].is_translated;
        }
    } else if (str_eq(method, STR("GET")) && str_eq(rest, STR("/models"))) {
        r->kind = ROUTE_MODELS;
    } else if (str_eq(method, STR("GET")) && str_starts(rest, model_prefix) &&
               rest.len > model_prefix.len) {
        r->model = str_sub(rest, model_prefix.len, rest.len);
        r->kind = ROUTE_MODEL;
    }
}

// Whether a server could read the path as one outside of /v1: "." and ".." segments, encoded or
// not, and backslashes, which some servers take for slashes.
static bool may_climb(str path)
{
    while (path.len) {
        str segment = str_cut(&path, '/');
        if (str_find_char(segment, '\\') < segment.len) return true;
        size_t dots = 0;
        while (segment.len) {
            size_t dot = segment.ptr[0] == '.'                                                ? 1
                         : str_starts(segment, STR("%2e")) || str_starts(segment, STR("%2E")) ? 3
                                                                                              : 0;
            if (!dot) break;
            segment = str_sub(segment, dot, segment.len);
            dots++;
        }
        if (!segment.len && (dots == 1 || dots == 2)) return true;
    }
    return false;
}

struct route route_match(str method, str target)
{
    struct route r = {.kind = ROUTE_UNKNOWN, .dialect = &dialect_openai};
    struct uri u;

    // An absolute-form target (RFC 9112 section 3.2.2) was checked when the head was parsed; what
    // counts here begins behind its authority.
    if (target.len && target.ptr[0] != '/' && !uri_parse(target, &u))
        target =
            str_sub(target, (size_t)(u.authority.ptr + u.authority.len - target.ptr), target.len);
    str query = target;
    str path = str_cut(&query, '?');

    r.path = path;
    if (!str_starts(path, STR("/v1/")) || may_climb(path)) return r;
    r.rest = str_sub(target, 3, target.len);
    match_rest(method, str_sub(path, 3, path.len), &r);
    return r;
}

const str *route_families(size_t *count)
{
    *count = sizeof(families) / sizeof(families[0]);
    return families;
}

str route_name(enum route_kind kind)
{
    return names[kind];
}
