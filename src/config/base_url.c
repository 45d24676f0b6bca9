#include "config/base_url.h"

#include "codec/uri.h"

// What can be said better than "not valid"; NULL where there is nothing.
static const char *known_mistake(str text)
{
    size_t scheme = str_find(text, STR("://"));
    str rest = str_sub(text, scheme + 3, text.len);
    str authority = str_sub(rest, 0, str_find_char(rest, '/'));

    if (str_find_char(rest, '#') < rest.len) return "has a fragment";
    if (str_find_char(rest, '?') < rest.len) return "has a query";
    if (str_find_char(authority, '@') < authority.len) return "has user information; use api_key";
    return NULL;
}

err base_url_parse(str text, struct arena *arena, struct settings_url *out, const char **why)
{
    struct uri uri;
    err e = uri_parse(text, &uri);

    if (e || uri.has_query) {
        bool is_other = e == ERR_UNSUPPORTED || str_find(text, STR("://")) == text.len;
        const char *known = known_mistake(text);
        *why = is_other ? "begins with neither http:// nor https://"
               : known  ? known
                        : "has no valid host, port or path";
        return ERR_SYNTAX;
    }
    while (str_ends(uri.path, STR("/"))) {
        uri.path.len--;
    }
    *out = (struct settings_url){.is_tls = uri.is_https, .port = uri.port};
    out->host = arena_str(arena, uri.host);
    out->path_prefix = arena_str(arena, uri.path);
    return OK;
}
