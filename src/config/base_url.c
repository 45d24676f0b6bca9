#include "config/base_url.h"

#include "config/value.h"

enum { PORT_HTTP = 80, PORT_HTTPS = 443 };

static err refuse(const char **why, const char *what)
{
    *why = what;
    return ERR_SYNTAX;
}

static err read_scheme(str *rest, struct settings_url *url, const char **why)
{
    size_t len = str_find(*rest, STR("://"));
    str scheme = str_sub(*rest, 0, len);

    url->is_tls = str_eq_nocase(scheme, STR("https"));
    if (len == rest->len || (!url->is_tls && !str_eq_nocase(scheme, STR("http"))))
        return refuse(why, "begins with neither http:// nor https://");
    *rest = str_sub(*rest, len + 3, rest->len);
    return OK;
}

// host, host:port, [ipv6] or [ipv6]:port.
static err read_authority(str authority, struct settings_url *url, const char **why)
{
    bool is_bracketed = str_starts(authority, STR("["));
    size_t end = str_find_char(authority, is_bracketed ? ']' : ':');
    uint64_t port = url->is_tls ? PORT_HTTPS : PORT_HTTP;

    if (str_find_char(authority, '@') < authority.len)
        return refuse(why, "has user information; use api_key");
    if (is_bracketed && end == authority.len) return refuse(why, "has no valid host");
    url->host = is_bracketed ? str_sub(authority, 1, end - 1) : str_sub(authority, 0, end);
    if (value_host(url->host, is_bracketed)) return refuse(why, "has no valid host");
    str rest = str_sub(authority, is_bracketed ? end + 1 : end, authority.len);
    if (rest.len) {
        str digits = str_sub(rest, 1, rest.len);
        if (rest.ptr[0] != ':' || digits.len > 5 || !str_to_u64(digits, UINT16_MAX, &port) || !port)
            return refuse(why, "has no valid port");
    }
    url->port = (uint16_t)port;
    return OK;
}

static err read_path(str path, struct settings_url *url, const char **why)
{
    static const char valid[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~!$&'()*+,;=:@%/"; // RFC 3986, 3.3

    for (size_t i = 0; i < path.len; i++) {
        if (str_find_char(((str){.ptr = valid, .len = sizeof(valid) - 1}), path.ptr[i]) ==
            sizeof(valid) - 1)
            return refuse(why, "has a character that a path may not have");
    }
    while (str_ends(path, STR("/"))) {
        path.len--;
    }
    url->path_prefix = path;
    return OK;
}

err base_url_parse(str text, struct arena *arena, struct settings_url *out, const char **why)
{
    struct settings_url url = {0};
    str rest = text;

    TRY(read_scheme(&rest, &url, why));
    if (str_find_char(rest, '#') < rest.len) return refuse(why, "has a fragment");
    if (str_find_char(rest, '?') < rest.len) return refuse(why, "has a query");
    size_t slash = str_find_char(rest, '/');
    TRY(read_authority(str_sub(rest, 0, slash), &url, why));
    TRY(read_path(str_sub(rest, slash, rest.len), &url, why));
    url.host = arena_str(arena, url.host);
    url.path_prefix = arena_str(arena, url.path_prefix);
    *out = url;
    return OK;
}
