#include "codec/uri.h"

#include "codec/octet.h"

#include <arpa/inet.h>

enum { PORT_MAX = 65535, PORT_HTTP = 80, PORT_HTTPS = 443 };

static bool is_made_of(str s, unsigned classes)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!octet_is(s.ptr[i], classes)) return false;
    }
    return true;
}

// inet_pton() wants a C string; a zone ("%eth0") is no part of one.
static bool is_ipv6(str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (s.len == 0 || s.len >= sizeof(text)) return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return strlen(text) == s.len && inet_pton(AF_INET6, text, &address) == 1;
}

// ":PORT", ":" or nothing; `*port` stays as it is without digits.
static bool parse_port(str s, uint16_t *port)
{
    uint64_t number = 0;

    if (s.len == 0) return true;
    if (s.ptr[0] != ':') return false;
    if (s.len == 1) return true;
    if (!str_to_u64(str_sub(s, 1, s.len), PORT_MAX, &number) || number == 0) return false;
    *port = (uint16_t)number;
    return true;
}

static bool parse_authority(str s, struct uri *u)
{
    size_t end = 0;

    u->authority = s;
    u->is_ipv6 = s.len > 0 && s.ptr[0] == '[';
    if (u->is_ipv6) {
        end = str_find_char(s, ']');
        if (end == s.len) return false;
        u->host = str_sub(s, 1, end - 1);
        return is_ipv6(u->host) && parse_port(str_sub(s, end + 1, s.len), &u->port);
    }
    end = str_find_char(s, ':');
    u->host = str_sub(s, 0, end);
    if (u->host.len == 0 || !is_made_of(u->host, OCTET_HOST)) return false;
    return parse_port(str_sub(s, end, s.len), &u->port);
}

static void split_query(str s, struct uri *u)
{
    size_t mark = str_find_char(s, '?');

    u->path = str_sub(s, 0, mark);
    u->has_query = mark < s.len;
    u->query = str_sub(s, mark + 1, s.len);
}

static err parse_scheme(str *rest, struct uri *u)
{
    str mark = STR("://");
    size_t at = str_find(*rest, mark);
    str scheme = str_sub(*rest, 0, at);

    if (at == rest->len || at == 0 || !is_made_of(scheme, OCTET_HOST)) return ERR_SYNTAX;
    *rest = str_sub(*rest, at + mark.len, rest->len);
    u->is_https = str_eq_nocase(scheme, STR("https"));
    u->port = u->is_https ? PORT_HTTPS : PORT_HTTP;
    return u->is_https || str_eq_nocase(scheme, STR("http")) ? OK : ERR_UNSUPPORTED;
}

static size_t authority_len(str s)
{
    size_t len = 0;

    while (len < s.len && s.ptr[len] != '/' && s.ptr[len] != '?') {
        len++;
    }
    return len;
}

err uri_parse(str text, struct uri *out)
{
    struct uri u = {0};
    str rest = text;

    if (!is_made_of(text, OCTET_TARGET)) return ERR_SYNTAX;
    TRY(parse_scheme(&rest, &u));
    size_t len = authority_len(rest);
    if (!parse_authority(str_sub(rest, 0, len), &u)) return ERR_SYNTAX;
    split_query(str_sub(rest, len, rest.len), &u);
    *out = u;
    return OK;
}

err uri_parse_target(str target, struct uri *out)
{
    struct uri u = {0};

    if (target.len == 0) return ERR_SYNTAX;
    if (target.ptr[0] != '/' && !str_eq(target, STR("*"))) return uri_parse(target, out);
    if (!is_made_of(target, OCTET_TARGET)) return ERR_SYNTAX;
    split_query(target, &u);
    *out = u;
    return OK;
}

bool uri_is_authority(str s)
{
    struct uri u = {0};

    return parse_authority(s, &u);
}

// Reads one byte, encoded or not, from the front of `*rest`, which isn't empty; -1 for a broken
// escape.
static int next_byte(str *rest, bool is_query)
{
    char c = rest->ptr[0];
    int high = 0;
    int low = 0;

    if (c != '%') {
        *rest = str_sub(*rest, 1, rest->len);
        return is_query && c == '+' ? ' ' : (unsigned char)c;
    }
    if (rest->len < 3) return -1;
    high = octet_hex_value(rest->ptr[1]);
    low = octet_hex_value(rest->ptr[2]);
    *rest = str_sub(*rest, 3, rest->len);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// How a decoder is to read and where to write.
struct decoding {
    bool is_query;
    char *out;
    size_t size;
};

static err decode(str s, struct decoding d, size_t *len)
{
    size_t written = 0;

    while (s.len) {
        int byte = next_byte(&s, d.is_query);
        if (byte < 0) return ERR_SYNTAX;
        if (written == d.size) return ERR_LIMIT;
        d.out[written++] = (char)byte;
    }
    *len = written;
    return OK;
}

err uri_decode(str s, char *out, size_t size, size_t *len)
{
    return decode(s, (struct decoding){.out = out, .size = size}, len);
}

err uri_decode_query(str s, char *out, size_t size, size_t *len)
{
    return decode(s, (struct decoding){.is_query = true, .out = out, .size = size}, len);
}

static bool is_encoding_of(str encoded, str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (encoded.len == 0 || next_byte(&encoded, true) != (unsigned char)name.ptr[i])
            return false;
    }
    return encoded.len == 0;
}

bool uri_query_find(str query, str name, str *value)
{
    while (query.len) {
        str parameter = str_cut(&query, '&');
        str key = str_cut(&parameter, '=');
        if (!is_encoding_of(key, name)) continue;
        *value = parameter;
        return true;
    }
    return false;
}
