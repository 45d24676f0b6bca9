#include "grpc/transcode_error.h"

#include "support/schemas.h"
#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

// Details: a google.protobuf.Duration of 3 s, and a type that nobody knows.
#define DURATION "\x1a\x32\x0a\x2ctype.googleapis.com/google.protobuf.Duration\x12\x02\x08\x03"
#define UNKNOWN "\x1a\x0e\x0a\x03t/X\x12\x07\0\1\2\3\4\5\6"

struct row {
    struct status status;
    bool has_pool;
    str want;
};

static const struct row rows[] = {
    {{STATUS_NOT_FOUND, S("no \"shelf\""), S("")},
     false,
     S("{\"code\":5,\"message\":\"no \\\"shelf\\\"\",\"status\":\"NOT_FOUND\"}")},
    {{STATUS_OK, S(""), S("")}, true, S("{\"code\":0,\"message\":\"\",\"status\":\"OK\"}")},
    {{STATUS_UNKNOWN, S("\xff"), S("")},
     true,
     S("{\"code\":2,\"message\":\"\xef\xbf\xbd\",\"status\":\"UNKNOWN\"}")},
    {{STATUS_ABORTED, S("m"), S(DURATION)},
     true,
     S("{\"code\":10,\"message\":\"m\",\"status\":\"ABORTED\",\"details\":[{\"@type\":"
       "\"type.googleapis.com/google.protobuf.Duration\",\"value\":\"3s\"}]}")},
    {{STATUS_ABORTED, S("m"), S(DURATION)},
     false,
     S("{\"code\":10,\"message\":\"m\",\"status\":\"ABORTED\",\"details\":[{\"@type\":"
       "\"type.googleapis.com/google.protobuf.Duration\",\"value\":\"CAM=\"}]}")},
    {{STATUS_ABORTED, S("m"), S(UNKNOWN DURATION)},
     true,
     S("{\"code\":10,\"message\":\"m\",\"status\":\"ABORTED\",\"details\":[{\"@type\":\"t/X\","
       "\"value\":\"AAECAwQFBg==\"},{\"@type\":\"type.googleapis.com/google.protobuf.Duration\","
       "\"value\":\"3s\"}]}")},
    {{STATUS_ABORTED, S("m"), S("\x1a\0")},
     true,
     S("{\"code\":10,\"message\":\"m\",\"status\":\"ABORTED\",\"details\":[{}]}")},
    {{STATUS_ABORTED, S("m"), S("\x1a\x04text")},
     true,
     S("{\"code\":10,\"message\":\"m\",\"status\":\"ABORTED\",\"details\":[{\"@type\":\"\","
       "\"value\":\"\"}]}")},
};

TEST(transcode_error_tells_code_message_and_details)
{
    struct schemas schemas;
    struct buf out;

    schemas_init(&schemas);
    for (size_t i = 0; i < COUNT(rows); i++) {
        buf_init(&out, 4096);
        CHECK_EQ(transcode_error_write(&rows[i].status,
                                       rows[i].has_pool ? schemas.pools[SCHEMAS_LIBRARY] : NULL,
                                       &schemas.arena, &out),
                 OK);
        CHECK_SAME(buf_view(&out), rows[i].want);
        buf_done(&out);
    }
    schemas_done(&schemas);
}

TEST(transcode_error_says_when_it_does_not_fit)
{
    struct status s = {STATUS_ABORTED, S("m"), S(DURATION)};
    struct arena arena;
    struct buf out;

    arena_init(&arena, 1024);
    buf_init(&out, 4096);
    CHECK_EQ(transcode_error_write(&s, NULL, &arena, &out), OK);
    size_t len = buf_len(&out);
    buf_done(&out);
    for (size_t max = 0; max <= len; max++) {
        buf_init(&out, max);
        CHECK_EQ(transcode_error_write(&s, NULL, &arena, &out), max < len ? ERR_LIMIT : OK);
        buf_done(&out);
    }
    arena_reset(&arena);
}
