#include "config/base_url.h"

#include "support/test.h"

static void check_parts(str text, bool is_tls, const char *host, unsigned port, const char *prefix)
{
    struct settings_url url;
    struct arena a;
    const char *why;

    arena_init(&a, 1024);
    CHECK_EQ(base_url_parse(text, &a, &url, &why), OK);
    CHECK_EQ(url.is_tls, is_tls);
    CHECK_SAME(url.host, str_from_c(host));
    CHECK_EQ(url.port, port);
    CHECK_SAME(url.path_prefix, str_from_c(prefix));
    arena_reset(&a);
}

static void check_refused(str text, const char *want)
{
    struct settings_url url;
    struct arena a;
    const char *why = "";

    arena_init(&a, 1024);
    CHECK_EQ(base_url_parse(text, &a, &url, &why), ERR_SYNTAX);
    CHECK_SAME(str_from_c(why), str_from_c(want));
    arena_reset(&a);
}

TEST(base_url_is_taken_apart)
{
    check_parts(STR("https://api.openai.com/v1"), true, "api.openai.com", 443, "/v1");
    check_parts(STR("http://127.0.0.1:11434"), false, "127.0.0.1", 11'434, "");
    check_parts(STR("HTTPS://a/"), true, "a", 443, "");
    check_parts(STR("http://[::1]/x/y//"), false, "::1", 80, "/x/y");
    check_parts(STR("https://[2001:db8::1]:8443/v1/"), true, "2001:db8::1", 8443, "/v1");
    check_parts(STR("http://a_b-c.d:65535/%7Eme;x=1"), false, "a_b-c.d", 65'535, "/%7Eme;x=1");
}

TEST(base_url_refuses_what_has_no_meaning_there)
{
    check_refused(STR(""), "begins with neither http:// nor https://");
    check_refused(STR("api.openai.com/v1"), "begins with neither http:// nor https://");
    check_refused(STR("ftp://a/"), "begins with neither http:// nor https://");
    check_refused(STR("https:/a"), "begins with neither http:// nor https://");
    check_refused(STR("https://a/v1?x=1"), "has a query");
    check_refused(STR("https://a/v1#x"), "has a fragment");
    check_refused(STR("https://me:secret@a/v1"), "has user information; use api_key");
    check_refused(STR("https://"), "has no valid host, port or path");
    check_refused(STR("https:///v1"), "has no valid host, port or path");
    check_refused(STR("https://[::1/v1"), "has no valid host, port or path");
    check_refused(STR("https://[nope]/"), "has no valid host, port or path");
    check_refused(STR("https://::1/"), "has no valid host, port or path");
    check_refused(STR("https://a b/"), "has no valid host, port or path");
    check_refused(STR("https://a:0/"), "has no valid host, port or path");
    check_refused(STR("https://a:65536/"), "has no valid host, port or path");
    check_refused(STR("https://a:123456789/"), "has no valid host, port or path");
    check_refused(STR("https://[::1]x/"), "has no valid host, port or path");
    check_refused(STR("https://a/b c"), "has no valid host, port or path");
    check_refused(STR("https://a/b\r\nHost: c"), "has no valid host, port or path");
    check_refused(STR("https://a/\xc3\xa9"), "has no valid host, port or path");
    check_refused(STR("https://a/b\0c"), "has no valid host, port or path");
}
