// Any bytes are a URL, a target, a query: the parts lie inside and name what they were cut from.
#include "base/memory.h"
#include "codec/uri.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static void check_inside(str text, str part)
{
    check(part.len == 0 || (part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len));
}

static void check_parts(str text, const struct uri *u)
{
    check_inside(text, u->authority);
    check_inside(u->authority, u->host);
    check_inside(text, u->path);
    check_inside(text, u->query);
    check(u->has_query || u->query.len == 0);
    check(str_find_char(u->path, '?') == u->path.len);
    check(str_find_char(text, '#') == text.len && str_find_char(text, ' ') == text.len);
}

static void check_decoding(str text)
{
    char *out = memory_alloc_raw(text.len + 1);
    size_t len = 0;
    size_t again = 0;

    if (uri_decode(text, out, text.len, &len) == OK) {
        check(len <= text.len);
        check(uri_decode_query(text, out, len, &again) == OK && again == len);
        check(len == 0 || uri_decode(text, out, len - 1, &again) == ERR_LIMIT);
    }
    memory_free(out);
}

// The name of each parameter, decoded, finds a parameter.
static void check_query(str query)
{
    char *name = memory_alloc_raw(query.len + 1);

    for (str rest = query; rest.len;) {
        str parameter = str_cut(&rest, '&');
        str value = {0};
        size_t len = 0;
        if (uri_decode_query(str_cut(&parameter, '='), name, query.len, &len)) continue;
        check(uri_query_find(query, (str){name, len}, &value));
        check_inside(query, value);
    }
    memory_free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str text = {(const char *)bytes, len};
    struct uri u;

    if (len == 0) return 0;
    if (uri_parse(text, &u) == OK) {
        check_parts(text, &u);
        check(u.host.len > 0 && u.port > 0);
        check(uri_is_authority(u.authority));
        check(u.path.len == 0 || u.path.ptr[0] == '/');
    }
    if (uri_parse_target(text, &u) == OK) check_parts(text, &u);
    (void)uri_is_authority(text);
    check_decoding(text);
    check_query(text);
    return 0;
}
