#include "codec/uri.h"

#include "support/test.h"

struct sample {
    str text;
    str authority;
    str host;
    str path;
    str query;
    uint16_t port;
};

#define S(text) STR_INIT(text)

static const struct sample good[] = {
    {S("http://a"), S("a"), S("a"), S(""), S(""), 80},
    {S("https://a"), S("a"), S("a"), S(""), S(""), 443},
    {S("HTTPS://A.b-c_d/"), S("A.b-c_d"), S("A.b-c_d"), S("/"), S(""), 443},
    {S("http://a:8080/v1"), S("a:8080"), S("a"), S("/v1"), S(""), 8080},
    {S("http://a:/x"), S("a:"), S("a"), S("/x"), S(""), 80},
    {S("http://a:065535"), S("a:065535"), S("a"), S(""), S(""), 65535},
    {S("http://127.0.0.1:1/"), S("127.0.0.1:1"), S("127.0.0.1"), S("/"), S(""), 1},
    {S("http://[::1]"), S("[::1]"), S("::1"), S(""), S(""), 80},
    {S("http://[2001:db8::a]:9/x"), S("[2001:db8::a]:9"), S("2001:db8::a"), S("/x"), S(""), 9},
    {S("http://[::ffff:1.2.3.4]/"), S("[::ffff:1.2.3.4]"), S("::ffff:1.2.3.4"), S("/"), S(""), 80},
    {S("http://a?x=/y?z"), S("a"), S("a"), S(""), S("x=/y?z"), 80},
    {S("http://a/b%2Fc://d@e:f?"), S("a"), S("a"), S("/b%2Fc://d@e:f"), S(""), 80},
};

TEST(uri_parse_takes_urls_apart)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct uri u;
        CHECK_EQ(uri_parse(good[i].text, &u), OK);
        CHECK_SAME(u.authority, good[i].authority);
        CHECK_SAME(u.host, good[i].host);
        CHECK_SAME(u.path, good[i].path);
        CHECK_SAME(u.query, good[i].query);
        CHECK_EQ(u.port, good[i].port);
        CHECK_EQ(u.is_https, (good[i].text.ptr[4] | 0x20) == 's');
        CHECK_EQ(u.is_ipv6, u.authority.ptr[0] == '[');
        CHECK_EQ(u.has_query, str_find_char(good[i].text, '?') < good[i].text.len);
    }
}

static const struct {
    str text;
    err want;
} bad[] = {
    {S(""), ERR_SYNTAX},
    {S("a"), ERR_SYNTAX},
    {S("/a"), ERR_SYNTAX},
    {S("http:"), ERR_SYNTAX},
    {S("http:/a"), ERR_SYNTAX},
    {S("http://"), ERR_SYNTAX},
    {S("http:///a"), ERR_SYNTAX},
    {S("http://?a"), ERR_SYNTAX},
    {S("http://:80"), ERR_SYNTAX},
    {S("://a"), ERR_SYNTAX},
    {S("h ttp://a"), ERR_SYNTAX},
    {S("a/b://c"), ERR_SYNTAX},
    {S("ftp://a"), ERR_UNSUPPORTED},
    {S("httpss://a"), ERR_UNSUPPORTED},
    {S("http://u@a"), ERR_SYNTAX},
    {S("http://u:p@a/"), ERR_SYNTAX},
    {S("http://a#b"), ERR_SYNTAX},
    {S("http://a/b#c"), ERR_SYNTAX},
    {S("http://a/b c"), ERR_SYNTAX},
    {S("http://a/\n"), ERR_SYNTAX},
    {S("http://a/\0"), ERR_SYNTAX},
    {S("http://a/\x7F"), ERR_SYNTAX},
    {S("http://a/\xC3\xA9"), ERR_SYNTAX},
    {S("http://\xC3\xA9/"), ERR_SYNTAX},
    {S("http://a%2Fb/"), ERR_SYNTAX},
    {S("http://a\\b/"), ERR_SYNTAX},
    {S("http://a,b/"), ERR_SYNTAX},
    {S("http://a:0"), ERR_SYNTAX},
    {S("http://a:65536"), ERR_SYNTAX},
    {S("http://a:99999999999999999999"), ERR_SYNTAX},
    {S("http://a:x"), ERR_SYNTAX},
    {S("http://a:-1"), ERR_SYNTAX},
    {S("http://a:80:80"), ERR_SYNTAX},
    {S("http://::1/"), ERR_SYNTAX},
    {S("http://[::1"), ERR_SYNTAX},
    {S("http://[]"), ERR_SYNTAX},
    {S("http://[a]"), ERR_SYNTAX},
    {S("http://[1.2.3.4]"), ERR_SYNTAX},
    {S("http://[::1]a"), ERR_SYNTAX},
    {S("http://[::1]:"
       "x"),
     ERR_SYNTAX},
    {S("http://[::1%25eth0]"), ERR_SYNTAX},
    {S("http://[0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0]"), ERR_SYNTAX},
};

TEST(uri_parse_refuses_what_could_be_read_in_two_ways)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct uri u = {.port = 7};
        err e = uri_parse(bad[i].text, &u);
        if (e != bad[i].want)
            test_fail(__FILE__, __LINE__, "\"%" STR_FMT "\": %s", STR_ARG(bad[i].text),
                      err_name(e));
        CHECK_EQ(u.port, 7);
    }
}

TEST(uri_parse_target_reads_all_forms)
{
    struct uri u;

    CHECK_EQ(uri_parse_target(STR("/a/b?c=d"), &u), OK);
    CHECK_STR(u.path, "/a/b");
    CHECK_STR(u.query, "c=d");
    CHECK(u.authority.len == 0 && u.port == 0 && u.has_query);
    CHECK_EQ(uri_parse_target(STR("*"), &u), OK);
    CHECK_STR(u.path, "*");
    CHECK_EQ(uri_parse_target(STR("http://a:81/b"), &u), OK);
    CHECK_STR(u.path, "/b");
    CHECK_EQ(u.port, 81);
    CHECK_EQ(uri_parse_target(STR(""), &u), ERR_SYNTAX);
    CHECK_EQ(uri_parse_target(STR("a"), &u), ERR_SYNTAX);
    CHECK_EQ(uri_parse_target(STR("**"), &u), ERR_SYNTAX);
    CHECK_EQ(uri_parse_target(STR("/a#b"), &u), ERR_SYNTAX);
    CHECK_EQ(uri_parse_target(STR("/a b"), &u), ERR_SYNTAX);
}

TEST(uri_is_authority_wants_a_host_and_nothing_more)
{
    CHECK(uri_is_authority(STR("a")) && uri_is_authority(STR("a:1")));
    CHECK(uri_is_authority(STR("a:")) && uri_is_authority(STR("[::]:1")));
    CHECK(!uri_is_authority(STR("")) && !uri_is_authority(STR(":1")));
    CHECK(!uri_is_authority(STR("a/")) && !uri_is_authority(STR("u@a")));
    CHECK(!uri_is_authority(STR("[::1\0x]")) && !uri_is_authority(STR("a\0")));
    CHECK(!uri_is_authority(STR("[::]x")) && !uri_is_authority(STR("a:1x")));
}

TEST(uri_decode_undoes_escapes)
{
    char out[16];
    size_t len = 0;

    CHECK_EQ(uri_decode(STR("a%2fb%2F+%00%ff"), out, sizeof(out), &len), OK);
    CHECK_STR(((str){out, len}), "a/b/+\0\xff");
    CHECK_EQ(uri_decode_query(STR("a+%2B"), out, sizeof(out), &len), OK);
    CHECK_STR(((str){out, len}), "a +");
    CHECK_EQ(uri_decode(STR(""), out, 0, &len), OK);
    CHECK_EQ(len, 0);
}

TEST(uri_decode_refuses_broken_escapes_and_keeps_to_its_room)
{
    char out[3] = "xyz";
    size_t len = 9;

    CHECK_EQ(uri_decode(STR("%"), out, 3, &len), ERR_SYNTAX);
    CHECK_EQ(uri_decode(STR("%2"), out, 3, &len), ERR_SYNTAX);
    CHECK_EQ(uri_decode(str_sub(STR("%20"), 0, 2), out, 3, &len), ERR_SYNTAX);
    CHECK_EQ(uri_decode(STR("%g0"), out, 3, &len), ERR_SYNTAX);
    CHECK_EQ(uri_decode(STR("%0g"), out, 3, &len), ERR_SYNTAX);
    CHECK_EQ(uri_decode(STR("a%20b"), out, 2, &len), ERR_LIMIT);
    CHECK_EQ(len, 9);
    CHECK_EQ(out[2], 'z');
}

TEST(uri_query_find_compares_decoded_names)
{
    str query = STR("a=1&b=%20&alt=sse&&c&=e&a=2&d%2Be+f=x=y");
    str value;

    CHECK(uri_query_find(query, STR("a"), &value));
    CHECK_STR(value, "1");
    CHECK(uri_query_find(query, STR("alt"), &value));
    CHECK_STR(value, "sse");
    CHECK(uri_query_find(query, STR("b"), &value));
    CHECK_STR(value, "%20");
    CHECK(uri_query_find(query, STR("c"), &value));
    CHECK_STR(value, "");
    CHECK(uri_query_find(query, STR("d+e f"), &value));
    CHECK_STR(value, "x=y");
}

TEST(uri_query_find_knows_absence)
{
    str value = STR("kept");

    CHECK(!uri_query_find(STR(""), STR("a"), &value));
    CHECK(!uri_query_find(STR("ab=1&b=a"), STR("a"), &value));
    CHECK(!uri_query_find(STR("A=1"), STR("a"), &value));
    CHECK(!uri_query_find(STR("%6=1&a%"), STR("a"), &value));
    CHECK(!uri_query_find(STR("a%00=1"), STR("a"), &value));
    CHECK_STR(value, "kept");
}
