#include "codec/h2_head.h"

#include "support/test.h"

#include <string.h>

enum { NV_MAX = 16 };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define S(text) STR_INIT(text)
#define GET ":method: GET|:scheme: http|:path: /|"
#define TO_A GET ":authority: a|"

static const struct h2_head_limits wide = {.bytes_max = 4096, .fields_max = 20};

// A block written as "name: value|", which no value here holds.
static err gather(str block, enum h2_head_kind kind, bool ends_stream, struct h2_head *h)
{
    err e = OK;

    while (block.len && !e) {
        str field = str_cut(&block, '|');
        size_t at = str_find(field, STR(": "));
        e = h2_head_add(h, str_sub(field, 0, at), str_sub(field, at + 2, field.len));
    }
    CHECK_EQ(h->kind, kind);
    err end = h2_head_end(h, ends_stream);
    CHECK(!e || end == e);
    return end;
}

// Appends what a head says as "METHOD TARGET HOST STATUS|name: value|..." to the arena.
static str told(const struct h2_head *h, struct arena *a)
{
    str text =
        arena_format(a, "%" STR_FMT " %" STR_FMT " %" STR_FMT " %u|", STR_ARG(h->head.method),
                     STR_ARG(h->head.target), STR_ARG(h->head.host), h->head.status);

    for (size_t i = 0; i < h->head.field_count; i++) {
        const struct h1_field *f = &h->head.fields[i];
        text = arena_format(a, "%" STR_FMT "%" STR_FMT ": %" STR_FMT "|", STR_ARG(text),
                            STR_ARG(f->name), STR_ARG(f->value));
    }
    return text;
}

struct sample {
    const char *name;
    str block;
    err want;
};

static void check_samples(const struct sample *samples, size_t count, enum h2_head_kind kind)
{
    for (size_t i = 0; i < count; i++) {
        struct arena a;
        struct h2_head h;
        arena_init(&a, 4096);
        h2_head_init(&h, kind, &a, &wide);
        err e = gather(samples[i].block, kind, true, &h);
        if (e != samples[i].want)
            test_fail(__FILE__, __LINE__, "%s: %s", samples[i].name, err_name(e));
        arena_reset(&a);
    }
}

static const struct sample requests[] = {
    {"the least there is", S(TO_A), OK},
    {"Host in place of :authority", S(GET "host: a|"), OK},
    {"both, and equal", S(TO_A "host: A|"), OK},
    {"any order of pseudo-header fields", S(":path: /|:authority: a|:scheme: HTTPS|:method: X|"),
     OK},
    {"asterisk", S(":method: OPTIONS|:scheme: http|:path: *|:authority: a|"), OK},
    {"an empty value", S(TO_A "x: |"), OK},
    {"a value of UTF-8 and tabs", S(TO_A "x: a\tb \xC3\xA9|"), OK},
    {"te: trailers", S(TO_A "te: trailers|"), OK},
    {"a length of zero", S(TO_A "content-length: 0|"), OK},
    {"names that look like others", S(TO_A "upgrades: x|connectoin: y|keep-olive: z|"), OK},

    {"no method", S(":scheme: http|:path: /|:authority: a|"), ERR_SYNTAX},
    {"no scheme", S(":method: GET|:path: /|:authority: a|"), ERR_SYNTAX},
    {"no path", S(":method: GET|:scheme: http|:authority: a|"), ERR_SYNTAX},
    {"no host", S(GET), ERR_SYNTAX},
    {"nothing", S(""), ERR_SYNTAX},
    {"an empty path", S(":method: GET|:scheme: http|:path: |:authority: a|"), ERR_SYNTAX},
    {"a path without its slash", S(":method: GET|:scheme: http|:path: x|:authority: a|"),
     ERR_SYNTAX},
    {"a whole URL as path", S(":method: GET|:scheme: http|:path: http://a/|:authority: a|"),
     ERR_SYNTAX},
    {"a path with a space", S(":method: GET|:scheme: http|:path: /a b|:authority: a|"), ERR_SYNTAX},
    {"asterisk of another method", S(":method: GET|:scheme: http|:path: *|:authority: a|"),
     ERR_SYNTAX},
    {"a method that is no token", S(":method: G T|:scheme: http|:path: /|:authority: a|"),
     ERR_SYNTAX},
    {"an empty method", S(":method: |:scheme: http|:path: /|:authority: a|"), ERR_SYNTAX},
    {"another scheme", S(":method: GET|:scheme: ftp|:path: /|:authority: a|"), ERR_UNSUPPORTED},
    {"CONNECT", S(":method: CONNECT|:authority: a:80|"), ERR_UNSUPPORTED},
    {"an empty authority", S(GET ":authority: |"), ERR_SYNTAX},
    {"an authority with a user", S(GET ":authority: u@a|"), ERR_SYNTAX},
    {"an authority with a space", S(GET ":authority: a b|"), ERR_SYNTAX},
    {"a Host that is none", S(GET "host: a/b|"), ERR_SYNTAX},
    {"another Host", S(TO_A "host: b|"), ERR_SYNTAX},
    {"two Hosts", S(GET "host: a|host: a|"), ERR_SYNTAX},
    {"method twice", S(TO_A ":method: GET|"), ERR_SYNTAX},
    {"path twice", S(TO_A ":path: /|"), ERR_SYNTAX},
    {"scheme twice", S(TO_A ":scheme: http|"), ERR_SYNTAX},
    {"authority twice", S(TO_A ":authority: a|"), ERR_SYNTAX},
    {"status in a request", S(TO_A ":status: 200|"), ERR_SYNTAX},
    {"an unknown pseudo-header field", S(TO_A ":protocol: websocket|"), ERR_SYNTAX},
    {"a name of a colon", S(TO_A ":: x|"), ERR_SYNTAX},
    {"a late pseudo-header field", S(":method: GET|:scheme: http|x: y|:path: /|:authority: a|"),
     ERR_SYNTAX},
    {"one behind Host", S(":method: GET|:scheme: http|host: a|:path: /|"), ERR_SYNTAX},
    {"an upper-case name", S(TO_A "X-y: z|"), ERR_SYNTAX},
    {"an upper-case letter within a name", S(TO_A "x-Y: z|"), ERR_SYNTAX},
    {"an empty name", S(TO_A ": z|"), ERR_SYNTAX},
    {"a name with a space", S(TO_A "x y: z|"), ERR_SYNTAX},
    {"a name with UTF-8", S(TO_A "\xC3\xA9: z|"), ERR_SYNTAX},
    {"a value with a space in front", S(TO_A "x:  z|"), ERR_SYNTAX},
    {"a value with a tab behind", S(TO_A "x: z\t|"), ERR_SYNTAX},
    {"a value with a line feed", S(TO_A "x: y\nz|"), ERR_SYNTAX},
    {"a value with a carriage return", S(TO_A "x: y\rz|"), ERR_SYNTAX},
    {"a value with a NUL", S(TO_A "x: y\0z|"), ERR_SYNTAX},
    {"a path with a line feed", S(":method: GET|:scheme: http|:path: /\n|:authority: a|"),
     ERR_SYNTAX},
    {"connection", S(TO_A "connection: close|"), ERR_SYNTAX},
    {"keep-alive", S(TO_A "keep-alive: timeout=5|"), ERR_SYNTAX},
    {"proxy-connection", S(TO_A "proxy-connection: close|"), ERR_SYNTAX},
    {"transfer-encoding", S(TO_A "transfer-encoding: chunked|"), ERR_SYNTAX},
    {"upgrade", S(TO_A "upgrade: h2c|"), ERR_SYNTAX},
    {"te: gzip", S(TO_A "te: gzip|"), ERR_SYNTAX},
    {"te: trailers and more", S(TO_A "te: trailers, gzip|"), ERR_SYNTAX},
    {"two lengths", S(TO_A "content-length: 0|content-length: 0|"), ERR_SYNTAX},
    {"a list of lengths", S(TO_A "content-length: 0, 0|"), ERR_SYNTAX},
    {"a negative length", S(TO_A "content-length: -1|"), ERR_SYNTAX},
    {"a length of 2^63", S(TO_A "content-length: 9223372036854775808|"), ERR_SYNTAX},
    {"a length with no body", S(TO_A "content-length: 1|"), ERR_SYNTAX},
};

TEST(h2_head_reads_requests_and_refuses_malformed_ones)
{
    check_samples(requests, COUNT(requests), H2_HEAD_REQUEST);
}

static const struct sample responses[] = {
    {"a status", S(":status: 200|"), OK},
    {"an interim one", S(":status: 103|link: x|"), OK},
    {"a length that HEAD or 304 leaves without a body", S(":status: 304|content-length: 5|"), OK},
    {"Host is any field here", S(":status: 200|host: a b|"), OK},

    {"no status", S("x: y|"), ERR_SYNTAX},
    {"a status twice", S(":status: 200|:status: 200|"), ERR_SYNTAX},
    {"a status of two digits", S(":status: 20|"), ERR_SYNTAX},
    {"a status of four digits", S(":status: 2000|"), ERR_SYNTAX},
    {"a status of letters", S(":status: abc|"), ERR_SYNTAX},
    {"a status with a reason", S(":status: 200 OK|"), ERR_SYNTAX},
    {"a status below 100", S(":status: 099|"), ERR_SYNTAX},
    {"a switch of protocols", S(":status: 101|"), ERR_SYNTAX},
    {"a late status", S("x: y|:status: 200|"), ERR_SYNTAX},
    {"a method", S(":status: 200|:method: GET|"), ERR_SYNTAX},
    {"transfer-encoding", S(":status: 200|transfer-encoding: chunked|"), ERR_SYNTAX},
};

TEST(h2_head_reads_responses_and_refuses_malformed_ones)
{
    check_samples(responses, COUNT(responses), H2_HEAD_RESPONSE);
}

static const struct sample trailers[] = {
    {"none", S(""), OK},
    {"a status of gRPC", S("grpc-status: 0|grpc-message: |"), OK},
    {"a pseudo-header field", S(":status: 200|"), ERR_SYNTAX},
    {"a method", S(":method: GET|"), ERR_SYNTAX},
    {"a length", S("content-length: 5|"), ERR_SYNTAX},
    {"connection", S("connection: close|"), ERR_SYNTAX},
};

TEST(h2_head_reads_trailers_and_refuses_malformed_ones)
{
    check_samples(trailers, COUNT(trailers), H2_HEAD_TRAILERS);
}

TEST(h2_head_trailers_must_end_the_stream)
{
    struct arena a;
    struct h2_head h;

    arena_init(&a, 4096);
    h2_head_init(&h, H2_HEAD_TRAILERS, &a, &wide);
    CHECK_EQ(gather((str)S("x: y|"), H2_HEAD_TRAILERS, false, &h), ERR_SYNTAX);
    arena_reset(&a);
}

static void check_told(str block, bool ends_stream, enum h1_framing framing, str want)
{
    struct arena a;
    struct h2_head h;

    arena_init(&a, 4096);
    h2_head_init(&h, H2_HEAD_REQUEST, &a, &wide);
    CHECK_EQ(gather(block, H2_HEAD_REQUEST, ends_stream, &h), OK);
    CHECK_EQ(h.head.framing, framing);
    CHECK_EQ(h.head.minor, 1);
    CHECK(h.head.is_persistent && !h.head.connection_lists_fields);
    CHECK_SAME(told(&h, &a), want);
    arena_reset(&a);
}

TEST(h2_head_looks_as_if_it_had_been_parsed)
{
    check_told((str)S(TO_A "x: 1|y: 2|"), true, H1_NO_BODY, (str)S("GET / a 0|host: a|x: 1|y: 2|"));
    check_told((str)S(TO_A "content-length: 7|"), false, H1_LENGTH,
               (str)S("GET / a 0|host: a|content-length: 7|"));
    check_told((str)S(GET "x: 1|host: b|"), false, H1_CHUNKED, (str)S("GET / b 0|x: 1|host: b|"));
    check_told((str)S(TO_A "x: 1|host: a|y: 2|"), true, H1_NO_BODY,
               (str)S("GET / a 0|host: a|x: 1|y: 2|"));
}

TEST(h2_head_joins_crumbs_of_a_cookie)
{
    check_told((str)S(TO_A "cookie: a=b|x: 1|cookie: c=d|y: 2|cookie: |"), true, H1_NO_BODY,
               (str)S("GET / a 0|host: a|cookie: a=b; c=d; |x: 1|y: 2|"));
    check_told((str)S(TO_A "cookie: a=b|"), true, H1_NO_BODY,
               (str)S("GET / a 0|host: a|cookie: a=b|"));
}

TEST(h2_head_knows_who_waits_for_permission)
{
    struct arena a;
    struct h2_head h;

    arena_init(&a, 4096);
    h2_head_init(&h, H2_HEAD_REQUEST, &a, &wide);
    CHECK_EQ(gather((str)S(TO_A "expect: 100-continue|"), H2_HEAD_REQUEST, false, &h), OK);
    CHECK(h.head.expects_continue);
    arena_reset(&a);
}

TEST(h2_head_takes_so_many_fields_and_bytes_and_no_more)
{
    struct h2_head_limits limits = {.bytes_max = 4096, .fields_max = 100};
    struct arena a;
    struct h2_head h;

    for (size_t extra = 0; extra < 2; extra++) {
        arena_init(&a, 4096);
        h2_head_init(&h, H2_HEAD_TRAILERS, &a, &limits);
        for (size_t i = 0; i < limits.fields_max; i++) {
            CHECK_EQ(h2_head_add(&h, STR("x"), STR("y")), OK);
        }
        if (extra) CHECK_EQ(h2_head_add(&h, STR("x"), STR("y")), ERR_LIMIT);
        CHECK_EQ(h2_head_end(&h, true), extra ? ERR_LIMIT : OK);
        CHECK_EQ(h.head.field_count, limits.fields_max);
        arena_reset(&a);
    }
    // Two fields of a byte each side, and a byte that lacks for the third.
    limits.bytes_max = 3 * 34 - 1;
    arena_init(&a, 4096);
    h2_head_init(&h, H2_HEAD_TRAILERS, &a, &limits);
    CHECK_EQ(h2_head_add(&h, STR("x"), STR("y")), OK);
    CHECK_EQ(h2_head_add(&h, STR("x"), STR("y")), OK);
    CHECK_EQ(h2_head_add(&h, STR("x"), STR("y")), ERR_LIMIT);
    CHECK_EQ(h2_head_add(&h, STR("x"), STR("")), ERR_LIMIT);
    arena_reset(&a);
}

// Entries as "name: value|".
static str written(const nghttp2_nv *nv, size_t count, struct arena *a)
{
    str text = STR("");

    for (size_t i = 0; i < count; i++) {
        text =
            arena_format(a, "%" STR_FMT "%.*s: %.*s|", STR_ARG(text), (int)nv[i].namelen,
                         (const char *)nv[i].name, (int)nv[i].valuelen, (const char *)nv[i].value);
    }
    return text;
}

static void check_written(err e, str want_text, const nghttp2_nv *nv, size_t count)
{
    struct arena a;

    CHECK_EQ(e, OK);
    arena_init(&a, 4096);
    CHECK_SAME(written(nv, count, &a), want_text);
    arena_reset(&a);
}

TEST(h2_head_writes_fields_but_those_of_the_connection)
{
    nghttp2_nv nv[NV_MAX];
    size_t count = 1;
    err e = OK;

    nv[0] = h2_head_nv(STR(":status"), STR("200"));
    e = h2_head_fields(STR("Content-Type: text/plain\r\nConnection: close\r\nKeep-Alive: x\r\n"
                           "Proxy-Connection: x\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n"
                           "TE: gzip\r\nte: trailers\r\nX-Empty:\r\nX: a: b \r\n"),
                       nv, NV_MAX, &count);
    check_written(e, STR(":status: 200|Content-Type: text/plain|te: trailers|X-Empty: |X: a: b|"),
                  nv, count);
}

TEST(h2_head_writes_the_head_of_a_request)
{
    nghttp2_nv nv[NV_MAX];
    size_t count = 0;
    err e = h2_head_request(STR("POST /v1/x?y HTTP/1.1\r\nAccept: */*\r\nHost: a:80\r\n"
                                "Content-Length: 5\r\nConnection: keep-alive\r\n\r\n"),
                            STR("https"), nv, NV_MAX, &count);

    check_written(e,
                  STR(":method: POST|:path: /v1/x?y|:scheme: https|:authority: a:80|Accept: */*|"
                      "Content-Length: 5|"),
                  nv, count);
}

TEST(h2_head_writes_nothing_that_is_no_head)
{
    static const str bad[] = {
        S(""),
        S("GET / HTTP/1.1\r\n\r\n"),
        S("GET / HTTP/1.1\r\nHost: a\r\n"),
        S("GET\r\nHost: a\r\n\r\n"),
        S("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
        S("GET / HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n"),
    };
    nghttp2_nv nv[NV_MAX];

    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t count = 0;
        CHECK_EQ(h2_head_request(bad[i], STR("http"), nv, NV_MAX, &count), ERR_SYNTAX);
    }
    for (size_t max = 0; max < 6; max++) {
        size_t count = 0;
        err e = h2_head_request(STR("GET / HTTP/1.1\r\nHost: a\r\nx: y\r\n\r\n"), STR("http"), nv,
                                max, &count);
        CHECK_EQ(e, ERR_LIMIT);
    }
}

TEST(h2_head_codes_and_failures_translate)
{
    CHECK_EQ(h2_head_failure(NGHTTP2_REFUSED_STREAM), ERR_REFUSED);
    CHECK_EQ(h2_head_failure(NGHTTP2_CANCEL), ERR_CLOSED);
    CHECK_EQ(h2_head_failure(NGHTTP2_NO_ERROR), ERR_CLOSED);
    CHECK_EQ(h2_head_failure(NGHTTP2_COMPRESSION_ERROR), ERR_SYNTAX);
    CHECK_EQ(h2_head_failure(NGHTTP2_ENHANCE_YOUR_CALM), ERR_LIMIT);
    CHECK_EQ(h2_head_failure(NGHTTP2_HTTP_1_1_REQUIRED), ERR_UNSUPPORTED);
    CHECK_EQ(h2_head_failure(0xdeadbeef), ERR_CLOSED);
    CHECK_EQ(h2_head_code(OK), NGHTTP2_NO_ERROR);
    CHECK_EQ(h2_head_code(ERR_CANCELED), NGHTTP2_CANCEL);
    CHECK_EQ(h2_head_code(ERR_SYNTAX), NGHTTP2_PROTOCOL_ERROR);
    CHECK_EQ(h2_head_code(ERR_LIMIT), NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK_EQ(h2_head_code(ERR_REFUSED), NGHTTP2_REFUSED_STREAM);
    CHECK_EQ(h2_head_code(ERR_SYSTEM), NGHTTP2_INTERNAL_ERROR);
}
