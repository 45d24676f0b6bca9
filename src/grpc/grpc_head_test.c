#include "grpc/grpc_head.h"

#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { FIELDS_MAX = 6 };

struct sample {
    const char *name;
    str method;
    struct h1_field fields[FIELDS_MAX];
    unsigned http; // 0: it is served
    enum status_code code;
};

#define TYPE                                                                                       \
    {                                                                                              \
        S("content-type"), S("application/grpc")                                                   \
    }
#define TE                                                                                         \
    {                                                                                              \
        S("te"), S("trailers")                                                                     \
    }

static const struct sample samples[] = {
    {"plain", S("POST"), {TYPE, TE}, 0, STATUS_OK},
    {"+proto", S("POST"), {{S("content-type"), S("application/grpc+proto")}, TE}, 0, STATUS_OK},
    {"in capitals",
     S("POST"),
     {{S("Content-Type"), S("Application/GRPC+Proto")}, {S("TE"), S("Trailers")}},
     0,
     STATUS_OK},
    {"parameters",
     S("POST"),
     {{S("content-type"), S("application/grpc+proto; charset=utf-8")}, TE},
     0,
     STATUS_OK},
    {"parameters behind a space",
     S("POST"),
     {{S("content-type"), S("application/grpc ;a=b")}, TE},
     0,
     STATUS_OK},
    {"te among others", S("POST"), {TYPE, {S("te"), S("gzip, trailers")}}, 0, STATUS_OK},
    {"identity", S("POST"), {TYPE, TE, {S("grpc-encoding"), S("identity")}}, 0, STATUS_OK},

    {"no type", S("POST"), {TE}, 415, STATUS_UNKNOWN},
    {"JSON", S("POST"), {{S("content-type"), S("application/json")}, TE}, 415, STATUS_UNKNOWN},
    {"grpc-web",
     S("POST"),
     {{S("content-type"), S("application/grpc-web+proto")}, TE},
     415,
     STATUS_UNKNOWN},
    {"a longer word",
     S("POST"),
     {{S("content-type"), S("application/grpcx")}, TE},
     415,
     STATUS_UNKNOWN},
    {"a shorter one",
     S("POST"),
     {{S("content-type"), S("application/grp")}, TE},
     415,
     STATUS_UNKNOWN},
    {"GET", S("GET"), {TYPE, TE}, 405, STATUS_UNIMPLEMENTED},
    {"+json",
     S("POST"),
     {{S("content-type"), S("application/grpc+json")}, TE},
     200,
     STATUS_UNIMPLEMENTED},
    {"+", S("POST"), {{S("content-type"), S("application/grpc+")}, TE}, 200, STATUS_UNIMPLEMENTED},
    {"no te", S("POST"), {TYPE}, 200, STATUS_INTERNAL},
    {"another te", S("POST"), {TYPE, {S("te"), S("gzip")}}, 200, STATUS_INTERNAL},
    {"deflate",
     S("POST"),
     {TYPE, TE, {S("grpc-encoding"), S("deflate")}},
     200,
     STATUS_UNIMPLEMENTED},
    {"two encodings",
     S("POST"),
     {TYPE, TE, {S("grpc-encoding"), S("gzip,gzip")}},
     200,
     STATUS_UNIMPLEMENTED},
    {"a timeout without unit",
     S("POST"),
     {TYPE, TE, {S("grpc-timeout"), S("10")}},
     200,
     STATUS_INTERNAL},
};

static struct h1_head head_of(const struct sample *s, struct h1_field fields[FIELDS_MAX])
{
    struct h1_head head = {.method = s->method, .fields = fields};

    memcpy(fields, s->fields, sizeof(s->fields));
    while (head.field_count < FIELDS_MAX && fields[head.field_count].name.len) {
        head.field_count++;
    }
    return head;
}

TEST(grpc_head_serves_calls_and_says_why_others_are_none)
{
    for (size_t i = 0; i < COUNT(samples); i++) {
        const struct sample *s = &samples[i];
        struct h1_field fields[FIELDS_MAX];
        struct h1_head head = head_of(s, fields);
        struct grpc_head out = {0};
        struct grpc_refusal why = {0};
        err e = grpc_head_read(&head, &out, &why);
        if (e != (s->http ? ERR_UNSUPPORTED : OK) || why.http != s->http ||
            why.status.code != s->code || (why.status.message.len > 0) != (s->http > 0))
            test_fail(__FILE__, __LINE__, "%s: %s, %u, %u", s->name, err_name(e), why.http,
                      why.status.code);
        CHECK_EQ(grpc_head_is_grpc(&head), s->http != 415);
    }
}

TEST(grpc_head_reads_timeout_and_encodings)
{
    static const struct sample sample = {
        .method = S("POST"),
        .fields = {TYPE,
                   TE,
                   {S("grpc-timeout"), S("1500m")},
                   {S("grpc-encoding"), S("gzip")},
                   {S("grpc-accept-encoding"), S("identity, deflate, gzip")}}};
    static const struct sample bare = {.method = S("POST"), .fields = {TYPE, TE}};
    struct h1_field fields[FIELDS_MAX];
    struct h1_head head = head_of(&sample, fields);
    struct grpc_refusal why;
    struct grpc_head out;

    CHECK_EQ(grpc_head_read(&head, &out, &why), OK);
    CHECK_EQ(out.timeout_us, 1'500'000);
    CHECK_EQ(out.encoding, GRPC_GZIP);
    CHECK(out.accepts_gzip);
    head = head_of(&bare, fields);
    CHECK_EQ(grpc_head_read(&head, &out, &why), OK);
    CHECK_EQ(out.timeout_us, TIME_NEVER);
    CHECK_EQ(out.encoding, GRPC_IDENTITY);
    CHECK(!out.accepts_gzip);
}
