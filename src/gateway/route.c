#include "gateway/route.h"

#include "codec/uri.h"

struct route_row {
    str path;
    enum route_kind kind;
};

// POST with a JSON body that names its model.
static const struct route_row rows[] = {
    {STR_INIT("/chat/completions"), ROUTE_CHAT},   {STR_INIT("/completions"), ROUTE_CHAT},
    {STR_INIT("/responses"), ROUTE_RESPONSES},     {STR_INIT("/embeddings"), ROUTE_JSON},
    {STR_INIT("/moderations"), ROUTE_JSON},        {STR_INIT("/rerank"), ROUTE_JSON},
    {STR_INIT("/images/generations"), ROUTE_JSON}, {STR_INIT("/audio/speech"), ROUTE_JSON},
};

static const str names[ROUTE_KINDS] = {
    [ROUTE_UNKNOWN] = STR_INIT("unknown"),     [ROUTE_MODELS] = STR_INIT("models"),
    [ROUTE_MODEL] = STR_INIT("model"),         [ROUTE_CHAT] = STR_INIT("chat"),
    [ROUTE_RESPONSES] = STR_INIT("responses"), [ROUTE_JSON] = STR_INIT("json"),
    [ROUTE_PASS] = STR_INIT("pass"),
};

static enum route_kind match_rest(str method, str rest, str *model)
{
    const str model_prefix = STR("/models/");

    if (str_eq(method, STR("POST"))) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            if (str_eq(rest, rows[i].path)) return rows[i].kind;
        }
        return ROUTE_PASS;
    }
    if (str_eq(method, STR("GET")) && str_eq(rest, STR("/models"))) return ROUTE_MODELS;
    if (str_eq(method, STR("GET")) && str_starts(rest, model_prefix) &&
        rest.len > model_prefix.len) {
        *model = str_sub(rest, model_prefix.len, rest.len);
        return ROUTE_MODEL;
    }
    return ROUTE_PASS;
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
    struct route r = {.kind = ROUTE_UNKNOWN};
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
    r.kind = match_rest(method, str_sub(path, 3, path.len), &r.model);
    return r;
}

str route_name(enum route_kind kind)
{
    return names[kind];
}
