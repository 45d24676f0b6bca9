#include "codec/h2_upgrade.h"

#include "support/test.h"

#include <stdio.h>

enum { FIELDS = 8 };

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define ASKS GET "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"

static err ask(str text, char *out, size_t *len)
{
    struct h1_field fields[FIELDS];
    struct h1_head head;

    CHECK_EQ(h1_parse_request(text, fields, FIELDS, &head), OK);
    return h2_upgrade_settings(&head, out, len);
}

struct sample {
    const char *name;
    str head;
    err want;
};

static const struct sample samples[] = {
    {"as curl asks", S(ASKS "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"), OK},
    {"in any case, among others",
     S("OPTIONS * HTTP/1.1\r\nHost: a\r\nupgrade: x, H2C\r\nconnection: close, http2-settings, "
       "UPGRADE\r\nhttp2-settings: \r\n\r\n"),
     OK},
    {"a body of length zero", S(ASKS "Content-Length: 0\r\nHTTP2-Settings:\r\n\r\n"), OK},
    {"the other letters", S(ASKS "HTTP2-Settings: -_-_-_-_\r\n\r\n"), OK},

    {"no Upgrade", S(GET "Connection: HTTP2-Settings\r\nHTTP2-Settings:\r\n\r\n"), ERR_ABSENT},
    {"another protocol",
     S(GET "Upgrade: websocket\r\nConnection: Upgrade\r\nHTTP2-Settings:\r\n\r\n"), ERR_ABSENT},
    {"no settings", S(ASKS "\r\n"), ERR_SYNTAX},
    {"settings twice", S(ASKS "HTTP2-Settings:\r\nHTTP2-Settings:\r\n\r\n"), ERR_SYNTAX},
    {"Connection does not name Upgrade",
     S(GET "Upgrade: h2c\r\nConnection: HTTP2-Settings\r\nHTTP2-Settings:\r\n\r\n"), ERR_SYNTAX},
    {"Connection does not name the settings",
     S(GET "Upgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings:\r\n\r\n"), ERR_SYNTAX},
    {"a body", S(ASKS "Content-Length: 1\r\nHTTP2-Settings:\r\n\r\n"), ERR_SYNTAX},
    {"a chunked body", S(ASKS "Transfer-Encoding: chunked\r\nHTTP2-Settings:\r\n\r\n"), ERR_SYNTAX},
    {"HTTP/1.0",
     S("GET / HTTP/1.0\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
       "HTTP2-Settings:\r\n\r\n"),
     ERR_SYNTAX},
    {"letters of plain base64", S(ASKS "HTTP2-Settings: AAMA+ABk\r\n\r\n"), ERR_SYNTAX},
    {"padding", S(ASKS "HTTP2-Settings: AAMAAA==\r\n\r\n"), ERR_SYNTAX},
    {"one letter too many", S(ASKS "HTTP2-Settings: AAMAAABkA\r\n\r\n"), ERR_SYNTAX},
    {"bits left over", S(ASKS "HTTP2-Settings: AB\r\n\r\n"), ERR_SYNTAX},
    {"half a setting", S(ASKS "HTTP2-Settings: AAMA\r\n\r\n"), ERR_SYNTAX},
};

TEST(h2_upgrade_is_had_by_those_who_ask_as_they_should)
{
    for (size_t i = 0; i < COUNT(samples); i++) {
        char out[H2_UPGRADE_SETTINGS_MAX];
        size_t len = 0;
        err e = ask(samples[i].head, out, &len);
        if (e != samples[i].want)
            test_fail(__FILE__, __LINE__, "%s: %s", samples[i].name, err_name(e));
    }
}

TEST(h2_upgrade_settings_are_decoded)
{
    char out[H2_UPGRADE_SETTINGS_MAX];
    size_t len = 0;

    CHECK_EQ(ask((str)S(ASKS "HTTP2-Settings: AAMAAABkAAT_-v79\r\n\r\n"), out, &len), OK);
    CHECK_SAME(((str){out, len}), ((str)S("\0\3\0\0\0\x64\0\4\xff\xfa\xfe\xfd")));
}

TEST(h2_upgrade_settings_have_a_maximum)
{
    char text[1024];
    char out[H2_UPGRADE_SETTINGS_MAX];
    size_t len = 0;

    for (int settings = 31; settings < 35; settings++) {
        int at = snprintf(text, sizeof(text), ASKS "HTTP2-Settings: ");
        for (int i = 0; i < settings; i++) {
            at += snprintf(text + at, sizeof(text) - (size_t)at, "AAMAAABk");
        }
        at += snprintf(text + at, sizeof(text) - (size_t)at, "\r\n\r\n");
        err e = ask((str){text, (size_t)at}, out, &len);
        CHECK_EQ(e, settings <= 32 ? OK : ERR_SYNTAX);
    }
}
