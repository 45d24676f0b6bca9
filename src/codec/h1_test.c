#include "codec/h1.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <string.h>

enum { FIELDS = 16, HEAD_MAX = 2048 };
enum split { WHOLE, BYTE_BY_BYTE, AT_RANDOM, SPLITS };

static struct h1_field fields[FIELDS];

static size_t next_step(enum split split, struct random *r, size_t left)
{
    if (split == WHOLE) return left;
    if (split == BYTE_BY_BYTE) return 1;
    return 1 + (size_t)random_below(r, left < 40 ? left : 40);
}

// Finds the head in `bytes` as they arrive.
static err find(str bytes, enum split split, size_t max, size_t *len)
{
    struct random r;
    size_t scanned = 0;
    size_t arrived = 0;
    err e = ERR_AGAIN;

    random_init(&r, test_seed() + bytes.len);
    while (e == ERR_AGAIN && arrived < bytes.len) {
        arrived += next_step(split, &r, bytes.len - arrived);
        e = h1_find_head(str_sub(bytes, 0, arrived), max, &scanned, len);
    }
    return e;
}

// As a connection would: what h1_find_head() refuses never gets to the parser.
static err read_request(str bytes, enum split split, struct h1_head *h)
{
    size_t len = 0;

    TRY(find(bytes, split, HEAD_MAX, &len));
    return h1_parse_request(str_sub(bytes, 0, len), fields, FIELDS, h);
}

static err read_response(str bytes, enum split split, struct h1_head *h)
{
    size_t len = 0;

    TRY(find(bytes, split, HEAD_MAX, &len));
    return h1_parse_response(str_sub(bytes, 0, len), false, fields, FIELDS, h);
}

struct sample {
    const char *name;
    str bytes;
    err want;
};

static void check_samples(const struct sample *samples, size_t count,
                          err (*read)(str, enum split, struct h1_head *))
{
    for (size_t i = 0; i < count; i++) {
        for (int split = 0; split < SPLITS; split++) {
            struct h1_head h = {.minor = 9};
            err e = read(samples[i].bytes, (enum split)split, &h);
            if (e != samples[i].want)
                test_fail(__FILE__, __LINE__, "%s, split %d: %s", samples[i].name, split,
                          err_name(e));
            CHECK(e == OK || h.minor == 9);
        }
    }
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\n"
#define S(text) STR_INIT(text)

static const struct sample requests[] = {
    {"the least there is", S("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), OK},
    {"1.0 needs no host", S("GET / HTTP/1.0\r\n\r\n"), OK},
    {"an empty line before", S("\r\n" GET "\r\n"), OK},
    {"any method", S("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nHost: a\r\n\r\n"), OK},
    {"a query", S("GET /a/b?c=d%20e&f HTTP/1.1\r\nHost: a\r\n\r\n"), OK},
    {"an absolute target", S("GET http://b:81/x HTTP/1.1\r\nHost: a\r\n\r\n"), OK},
    {"asterisk", S("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), OK},
    {"host with port", S("GET / HTTP/1.1\r\nHost: a.b-c_d:65535\r\n\r\n"), OK},
    {"host in brackets", S("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), OK},
    {"value of UTF-8 and tabs", S(GET "X: \t a\tb \xC3\xA9 \t\r\n\r\n"), OK},
    {"empty value", S(GET "X:\r\nY: \t\r\n\r\n"), OK},
    {"chunked, any case", S(POST "Transfer-Encoding: CHUNKED\r\n\r\n"), OK},
    {"length of zero", S(POST "Content-Length: 0\r\n\r\n"), OK},
    {"length of 2^63-1", S(POST "Content-Length: 9223372036854775807\r\n\r\n"), OK},
    {"length with zeros in front", S(POST "Content-Length: 007\r\n\r\n"), OK},
    {"blanks around a length", S(POST "Content-Length:\t 7 \r\n\r\n"), OK},
    {"names that look like others", S(POST "Content-Lenght: x\r\nHast: b\r\n\r\n"), OK},
    {"bytes of the body after it", S(GET "\r\n\0\n\r"), OK},

    {"no end", S(GET "X: y\r\n"), ERR_AGAIN},
    {"half an end", S(GET "\r"), ERR_AGAIN},
    {"bare LF after the request line", S("GET / HTTP/1.1\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"bare LF after a field", S(GET "X: y\nZ: z\r\n\r\n"), ERR_SYNTAX},
    {"bare LF as the blank line", S(GET "\n"), ERR_SYNTAX},
    {"two bare LFs", S("GET / HTTP/1.1\n\n"), ERR_SYNTAX},
    {"bare CR in a value", S(GET "X: a\rb\r\n\r\n"), ERR_SYNTAX},
    {"bare CR in the target", S("GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"CR CR LF", S(GET "X: a\r\r\n\r\n"), ERR_SYNTAX},
    {"bare CR hides a field", S(GET "X: a\rContent-Length: 5\r\n\r\n"), ERR_SYNTAX},
    {"NUL in a value", S(GET "X: a\0b\r\n\r\n"), ERR_SYNTAX},
    {"NUL in a long value", S(GET "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0b\r\n\r\n"), ERR_SYNTAX},
    {"escape in a value", S(GET "X: \x1B[31m\r\n\r\n"), ERR_SYNTAX},
    {"DEL in a value", S(GET "X: \x7F\r\n\r\n"), ERR_SYNTAX},
    {"TLS on a plain port", S("\x16\x03\x01\x02"), ERR_SYNTAX},
    {"obs-fold with a space", S(GET "X: a\r\n b\r\n\r\n"), ERR_SYNTAX},
    {"obs-fold with a tab", S(GET "X: a\r\n\tb\r\n\r\n"), ERR_SYNTAX},
    {"obs-fold of a length", S(POST "Content-Length:\r\n 5\r\n\r\n"), ERR_SYNTAX},
    {"space before the first field", S("GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"space before the request line", S(" " GET "\r\n"), ERR_SYNTAX},
    {"two empty lines before", S("\r\n\r\n" GET "\r\n"), ERR_SYNTAX},
    {"space before a colon", S(GET "X : y\r\n\r\n"), ERR_SYNTAX},
    {"tab before a colon", S(POST "Content-Length\t: 5\r\n\r\n"), ERR_SYNTAX},
    {"no colon", S(GET "XY\r\n\r\n"), ERR_SYNTAX},
    {"empty name", S(GET ": y\r\n\r\n"), ERR_SYNTAX},
    {"name with a space", S(GET "X Y: z\r\n\r\n"), ERR_SYNTAX},
    {"name in quotes", S(GET "\"X\": z\r\n\r\n"), ERR_SYNTAX},
    {"name with UTF-8", S(GET "\xC3\xA9: z\r\n\r\n"), ERR_SYNTAX},
    {"name with brackets", S(GET "X[0]: z\r\n\r\n"), ERR_SYNTAX},
    {"no method", S(" / HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"method no token", S("GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"tab after the method", S("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"two spaces after the method", S("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"two spaces after the target", S("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"space after the version", S("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"space in the target", S("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"fragment in the target", S("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"UTF-8 in the target", S("GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"target without a slash", S("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"asterisk for GET", S("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"user in the target", S("GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"no host in the target", S("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"HTTP/0.9", S("GET /\r\n\r\n"), ERR_SYNTAX},
    {"lower-case version", S("GET / http/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"version of two digits", S("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"version without a dot", S("GET / HTTP/11\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"version of letters", S("GET / HTTP/x.y\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"version 1.2", S("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED},
    {"version 2.0", S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ERR_UNSUPPORTED},
    {"CONNECT", S("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED},
    {"target of another scheme", S("GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED},
    {"no host", S("GET / HTTP/1.1\r\n\r\n"), ERR_SYNTAX},
    {"no host but in the target", S("GET http://b/ HTTP/1.1\r\n\r\n"), ERR_SYNTAX},
    {"two hosts", S(GET "Host: b\r\n\r\n"), ERR_SYNTAX},
    {"the same host twice", S(GET "host: a\r\n\r\n"), ERR_SYNTAX},
    {"two hosts in 1.0", S("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"empty host", S("GET / HTTP/1.1\r\nHost:\r\n\r\n"), ERR_SYNTAX},
    {"list of hosts", S("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), ERR_SYNTAX},
    {"host with a path", S("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), ERR_SYNTAX},
    {"host with a user", S("GET / HTTP/1.1\r\nHost: u@b\r\n\r\n"), ERR_SYNTAX},
    {"host with a bad port", S("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"), ERR_SYNTAX},
    {"smuggling by two lengths", S(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
     ERR_SYNTAX},
    {"the same length twice", S(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), ERR_SYNTAX},
    {"a list of lengths", S(POST "Content-Length: 5, 5\r\n\r\n"), ERR_SYNTAX},
    {"empty length", S(POST "Content-Length:\r\n\r\n"), ERR_SYNTAX},
    {"length with a plus", S(POST "Content-Length: +5\r\n\r\n"), ERR_SYNTAX},
    {"length below zero", S(POST "Content-Length: -5\r\n\r\n"), ERR_SYNTAX},
    {"length in hex", S(POST "Content-Length: 0x5\r\n\r\n"), ERR_SYNTAX},
    {"length with a fraction", S(POST "Content-Length: 5.0\r\n\r\n"), ERR_SYNTAX},
    {"length of 2^63", S(POST "Content-Length: 9223372036854775808\r\n\r\n"), ERR_SYNTAX},
    {"length past 64 bits", S(POST "Content-Length: 18446744073709551617\r\n\r\n"), ERR_SYNTAX},
    {"smuggling CL.TE", S(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
     ERR_SYNTAX},
    {"smuggling TE.CL", S(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
     ERR_SYNTAX},
    {"smuggling TE.TE", S(POST "Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n\r\n"),
     ERR_UNSUPPORTED},
    {"chunked in two fields",
     S(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), ERR_SYNTAX},
    {"chunked twice", S(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"), ERR_SYNTAX},
    {"chunked not last", S(POST "Transfer-Encoding: chunked, gzip\r\n\r\n"), ERR_UNSUPPORTED},
    {"another coding", S(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"), ERR_UNSUPPORTED},
    {"identity", S(POST "Transfer-Encoding: identity\r\n\r\n"), ERR_UNSUPPORTED},
    {"nearly chunked", S(POST "Transfer-Encoding: xchunked\r\n\r\n"), ERR_UNSUPPORTED},
    {"chunked in quotes", S(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"), ERR_SYNTAX},
    {"chunked with a parameter", S(POST "Transfer-Encoding: chunked;a=b\r\n\r\n"), ERR_SYNTAX},
    {"empty coding", S(POST "Transfer-Encoding:\r\n\r\n"), ERR_SYNTAX},
    {"empty coding in a list", S(POST "Transfer-Encoding: , chunked\r\n\r\n"), ERR_SYNTAX},
    {"vertical tab before chunked", S(POST "Transfer-Encoding: \vchunked\r\n\r\n"), ERR_SYNTAX},
    {"chunked in 1.0", S("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), ERR_SYNTAX},
    {"too many fields",
     S(GET "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\na:\r\nb:\r\nc:\r\nd:\r\n"
           "e:\r\nf:\r\ng:\r\n\r\n"),
     ERR_LIMIT},
};

TEST(h1_judges_requests_alike_however_they_arrive)
{
    check_samples(requests, COUNT(requests), read_request);
}

static const struct sample responses[] = {
    {"the least there is", S("HTTP/1.1 200 \r\n\r\n"), OK},
    {"a reason", S("HTTP/1.1 404 Not \xC3\xA9 Found\r\n\r\n"), OK},
    {"no space after the status", S("HTTP/1.1 200\r\n\r\n"), OK},
    {"the status of Anthropic", S("HTTP/1.0 529 Overloaded\r\n\r\n"), OK},
    {"an interim one", S("HTTP/1.1 100 Continue\r\n\r\n"), OK},
    {"no length at all", S(ANSWER "Server: x\r\n\r\n"), OK},
    {"chunked", S(ANSWER "transfer-encoding: chunked\r\n\r\n"), OK},
    {"two hosts mean nothing", S(ANSWER "Host: a\r\nHost: b/c\r\n\r\n"), OK},

    {"no end", S(ANSWER), ERR_AGAIN},
    {"an empty line before", S("\r\n" ANSWER "\r\n"), ERR_SYNTAX},
    {"space before", S(" " ANSWER "\r\n"), ERR_SYNTAX},
    {"another protocol", S("ICY 200 OK\r\n\r\n"), ERR_SYNTAX},
    {"lower-case version", S("http/1.1 200 OK\r\n\r\n"), ERR_SYNTAX},
    {"version 2", S("HTTP/2 200 OK\r\n\r\n"), ERR_SYNTAX},
    {"version 2.0", S("HTTP/2.0 200 OK\r\n\r\n"), ERR_UNSUPPORTED},
    {"nothing but a version", S("HTTP/1.1\r\n\r\n"), ERR_SYNTAX},
    {"half a version", S("HTTP/1\r\n\r\n"), ERR_SYNTAX},
    {"two spaces", S("HTTP/1.1  200 OK\r\n\r\n"), ERR_SYNTAX},
    {"status of two digits", S("HTTP/1.1 20 OK\r\n\r\n"), ERR_SYNTAX},
    {"status of four digits", S("HTTP/1.1 2000 OK\r\n\r\n"), ERR_SYNTAX},
    {"status below 100", S("HTTP/1.1 099 Low\r\n\r\n"), ERR_SYNTAX},
    {"status with a sign", S("HTTP/1.1 +20 OK\r\n\r\n"), ERR_SYNTAX},
    {"tab after the status", S("HTTP/1.1 200\tOK\r\n\r\n"), ERR_SYNTAX},
    {"bare CR in the reason", S("HTTP/1.1 200 O\rK\r\n\r\n"), ERR_SYNTAX},
    {"bare LF", S("HTTP/1.1 200 OK\nX: y\r\n\r\n"), ERR_SYNTAX},
    {"obs-fold", S(ANSWER "X: a\r\n b\r\n\r\n"), ERR_SYNTAX},
    {"two lengths", S(ANSWER "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), ERR_SYNTAX},
    {"length and chunked", S(ANSWER "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
     ERR_SYNTAX},
    {"chunked in 1.0", S("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), ERR_SYNTAX},
    {"another coding", S(ANSWER "Transfer-Encoding: gzip, chunked\r\n\r\n"), ERR_UNSUPPORTED},
    {"length of letters", S(ANSWER "Content-Length: ten\r\n\r\n"), ERR_SYNTAX},
};

TEST(h1_judges_responses_alike_however_they_arrive)
{
    check_samples(responses, COUNT(responses), read_response);
}

TEST(h1_find_head_stops_at_the_blank_line)
{
    size_t len = 0;

    for (int split = 0; split < SPLITS; split++) {
        CHECK_EQ(find(STR(GET "\r\nbody\r\n\r\n"), (enum split)split, 99, &len), OK);
        CHECK_EQ(len, sizeof(GET "\r\n") - 1);
    }
}

static err find_in(const char *bytes, size_t end)
{
    size_t scanned = 0;
    size_t len = 0;
    err e = h1_find_head((str){bytes, end + 4}, 200, &scanned, &len);

    CHECK(e != OK || len == end + 4);
    return e;
}

// Wherever the end and whatever is wrong lie within the blocks that are skipped at once, which
// begin behind the first line.
TEST(h1_find_head_finds_the_end_and_an_error_at_any_offset)
{
    static const char wrong[] = "\r\n\0\x1f\x7f";
    enum { FIRST = 3, LAST = 80 };

    for (size_t end = FIRST + 1; end <= LAST; end++) {
        char bytes[LAST + 4] = "x\r\n";
        memset(bytes + FIRST, 'x', end - FIRST);
        memcpy(bytes + end, "\r\n\r\n", 4);
        CHECK_EQ(find_in(bytes, end), OK);
        for (size_t at = FIRST; at < end; at++) {
            for (size_t k = 0; k < sizeof(wrong) - 1; k++) {
                bytes[at] = wrong[k];
                CHECK_EQ(find_in(bytes, end), ERR_SYNTAX);
            }
            bytes[at] = '\t';
            CHECK_EQ(find_in(bytes, end), OK);
            bytes[at] = 'x';
        }
        for (size_t at = FIRST + 1; at + 2 < end; at++) {
            memcpy(bytes + at, "\r\n", 2);
            CHECK_EQ(find_in(bytes, end), OK);
            memcpy(bytes + at, "xx", 2);
        }
    }
}

TEST(h1_find_head_refuses_a_second_empty_line_at_once)
{
    size_t len = 0;

    CHECK_EQ(find(STR("\r\n\r\n"), WHOLE, 99, &len), ERR_SYNTAX);
    CHECK_EQ(find(STR("\r\n"), WHOLE, 99, &len), ERR_AGAIN);
}

TEST(h1_find_head_keeps_to_the_maximum)
{
    str head = STR(GET "\r\n");
    size_t len = 0;

    for (int split = 0; split < SPLITS; split++) {
        CHECK_EQ(find(head, (enum split)split, head.len, &len), OK);
        CHECK_EQ(find(head, (enum split)split, head.len - 1, &len), ERR_LIMIT);
        CHECK_EQ(find(head, (enum split)split, head.len - 2, &len), ERR_LIMIT);
        CHECK_EQ(find(head, (enum split)split, 5, &len), ERR_LIMIT);
        CHECK_EQ(find(str_sub(head, 0, 9), (enum split)split, 9, &len), ERR_LIMIT);
        CHECK_EQ(find(str_sub(head, 0, 9), (enum split)split, 10, &len), ERR_AGAIN);
    }
}

TEST(h1_parse_refuses_what_is_no_whole_head)
{
    struct h1_head h;

    CHECK_EQ(h1_parse_request(STR(""), fields, FIELDS, &h), ERR_SYNTAX);
    CHECK_EQ(h1_parse_request(STR(GET), fields, FIELDS, &h), ERR_SYNTAX);
    CHECK_EQ(h1_parse_request(STR(GET "\r\nX: y\r\n\r\n"), fields, FIELDS, &h), ERR_SYNTAX);
    CHECK_EQ(h1_parse_request(STR("\r\n\r\n"), fields, FIELDS, &h), ERR_SYNTAX);
    CHECK_EQ(h1_parse_response(STR("\r\n\r\n"), false, fields, FIELDS, &h), ERR_SYNTAX);
    CHECK_EQ(h1_parse_response(STR("HTTP/1.1 200\r\nX\r\n\r\n"), false, fields, FIELDS, &h),
             ERR_SYNTAX);
}

// In memory of just that size, so that a read past the end is seen.
TEST(h1_parse_does_not_read_past_a_cut_head)
{
    str whole[] = {STR(GET "X: y\r\n\r\n"), STR(ANSWER "X: y\r\n\r\n")};

    for (size_t i = 0; i < 2; i++) {
        for (size_t len = 1; len < whole[i].len; len++) {
            struct h1_head h;
            char *bytes = memory_alloc_raw(len);
            memcpy(bytes, whole[i].ptr, len);
            CHECK_EQ(h1_parse_request((str){bytes, len}, fields, FIELDS, &h), ERR_SYNTAX);
            CHECK_EQ(h1_parse_response((str){bytes, len}, false, fields, FIELDS, &h), ERR_SYNTAX);
            memory_free(bytes);
        }
    }
}

TEST(h1_parse_request_tells_all_parts)
{
    struct h1_head h;

    CHECK_EQ(read_request(STR("POST /v1/x?y=1 HTTP/1.1\r\nhost: a:80\r\nX-One:  1 2\t\r\n"
                              "Content-Length: 12\r\nExpect: 100-Continue\r\n\r\n"),
                          WHOLE, &h),
             OK);
    CHECK_STR(h.method, "POST");
    CHECK_STR(h.target, "/v1/x?y=1");
    CHECK_STR(h.host, "a:80");
    CHECK_EQ(h.minor, 1);
    CHECK_EQ(h.framing, H1_LENGTH);
    CHECK_EQ(h.content_length, 12);
    CHECK_EQ(h.field_count, 4);
    CHECK_STR(h.fields[1].name, "X-One");
    CHECK_STR(h.fields[1].value, "1 2");
    CHECK(h.is_persistent && h.expects_continue && !h.connection_lists_fields);
    CHECK_STR(h1_field_find(&h, STR("x-one"))->value, "1 2");
    CHECK(h1_field_find(&h, STR("x-on")) == NULL);
}

TEST(h1_takes_the_host_of_an_absolute_target)
{
    struct h1_head h;

    CHECK_EQ(read_request(STR("GET http://[::1]:81?x HTTP/1.1\r\nHost: a\r\n\r\n"), WHOLE, &h), OK);
    CHECK_STR(h.host, "[::1]:81");
    CHECK_STR(h.target, "http://[::1]:81?x");
}

TEST(h1_expects_continue_only_in_1_1)
{
    struct h1_head h;

    CHECK_EQ(read_request(STR("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), WHOLE, &h), OK);
    CHECK(!h.expects_continue);
    CHECK_EQ(read_request(STR(POST "Accept: 100-continue\r\nExpect: 200\r\n\r\n"), WHOLE, &h), OK);
    CHECK(!h.expects_continue);
}

static bool is_persistent(str bytes)
{
    struct h1_head h;

    CHECK_EQ(read_request(bytes, WHOLE, &h), OK);
    return h.is_persistent;
}

TEST(h1_persistence_follows_version_and_connection)
{
    CHECK(is_persistent(STR(GET "\r\n")));
    CHECK(is_persistent(STR(GET "Connection: upgrade, keep-alive\r\n\r\n")));
    CHECK(!is_persistent(STR(GET "Connection: Close\r\n\r\n")));
    CHECK(!is_persistent(STR(GET "Connection: x\r\nConnection: keep-alive ,close\r\n\r\n")));
    CHECK(is_persistent(STR(GET "Connection: closed\r\n\r\n")));
    CHECK(!is_persistent(STR("GET / HTTP/1.0\r\n\r\n")));
    CHECK(is_persistent(STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")));
    CHECK(!is_persistent(STR("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n")));
}

static struct h1_head answer(str bytes, bool is_head_request)
{
    struct h1_head h;

    CHECK_EQ(h1_parse_response(bytes, is_head_request, fields, FIELDS, &h), OK);
    return h;
}

TEST(h1_framing_of_a_response_depends_on_status_and_request)
{
    struct h1_head h = answer(STR(ANSWER "Content-Length: 5\r\n\r\n"), false);

    CHECK_EQ(h.status, 200);
    CHECK(h.framing == H1_LENGTH && h.content_length == 5 && h.is_persistent);
    h = answer(STR(ANSWER "Content-Length: 5\r\n\r\n"), true);
    CHECK(h.framing == H1_NO_BODY && h.is_persistent);
    h = answer(STR(ANSWER "Transfer-Encoding: chunked\r\n\r\n"), false);
    CHECK(h.framing == H1_CHUNKED && h.is_persistent);
    h = answer(STR(ANSWER "\r\n"), false);
    CHECK(h.framing == H1_UNTIL_CLOSE && !h.is_persistent);
    h = answer(STR(ANSWER "\r\n"), true);
    CHECK(h.framing == H1_NO_BODY && h.is_persistent);
    h = answer(STR("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n"), false);
    CHECK(h.framing == H1_NO_BODY && h.is_persistent);
    h = answer(STR("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n"), false);
    CHECK(h.framing == H1_NO_BODY && h.is_persistent);
    h = answer(STR("HTTP/1.1 100 x\r\n\r\n"), false);
    CHECK(h.framing == H1_NO_BODY && h.is_persistent);
}

TEST(h1_does_not_reuse_a_connection_with_a_body_where_none_can_be)
{
    CHECK(!answer(STR("HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n"), false).is_persistent);
    CHECK(
        !answer(STR("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n"), false).is_persistent);
}

TEST(h1_value_has_token_wants_whole_elements)
{
    CHECK(h1_value_has_token(STR("a, B ,c"), STR("b")));
    CHECK(h1_value_has_token(STR(",,b"), STR("b")));
    CHECK(!h1_value_has_token(STR("ab, bc, a b"), STR("b")));
    CHECK(!h1_value_has_token(STR(""), STR("b")));
}

TEST(h1_connection_lists_whole_names_in_any_case)
{
    static const bool want[] = {false, false, false, true, false, false, true, false};
    struct h1_head h;

    CHECK_EQ(read_request(STR("GET / HTTP/1.1\r\nHost: a\r\nconnection: close, x-a\r\n"
                              "Connection: X-B\r\nX-A: 1\r\nX-AB: 2\r\nTe: trailers\r\n"
                              "x-b: 3\r\nAccept: */*\r\n\r\n"),
                          WHOLE, &h),
             OK);
    CHECK_EQ(h.field_count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        CHECK_EQ(h1_connection_lists(&h, h.fields[i].name), want[i]);
    }
}

TEST(h1_chunk_prefix_fits_its_room)
{
    char out[H1_CHUNK_PREFIX_MAX];

    CHECK_STR(((str){out, h1_chunk_prefix(out, 0)}), "0\r\n");
    CHECK_STR(((str){out, h1_chunk_prefix(out, 4096)}), "1000\r\n");
    CHECK_STR(((str){out, h1_chunk_prefix(out, SIZE_MAX)}), "ffffffffffffffff\r\n");
}

TEST(h1_reason_knows_gaps)
{
    CHECK_STR(h1_reason(200), "OK");
    CHECK_STR(h1_reason(429), "Too Many Requests");
    CHECK_STR(h1_reason(529), "Overloaded");
    CHECK_STR(h1_reason(0), "Unknown");
    CHECK_STR(h1_reason(430), "Unknown");
    CHECK_STR(h1_reason(530), "Unknown");
}

TEST(h1_fields_to_send_are_checked)
{
    CHECK(h1_is_field_value(STR("")) && h1_is_field_value(STR("a \t\xC3\xA9")));
    CHECK(!h1_is_field_value(STR("a\r\nX: y")) && !h1_is_field_value(STR("123456789\0")));
    CHECK(h1_is_token(STR("x-a")));
    CHECK(!h1_is_token(STR("")) && !h1_is_token(STR("a b")) && !h1_is_token(STR("a:")));
}
