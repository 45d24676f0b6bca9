#include "assess/mock/mock_grpc.h"

#include "support/test.h"

#define CHAT "/sluice.v1.Chat/Complete"
#define FRAME(len, message) STR("\0\0\0\0" len message)

struct rig {
    struct mock_grpc grpc;
    struct mock_grpc_call call;
    struct arena arena;
    struct buf out;
};

static void rig_open(struct rig *r, str path)
{
    struct h1_field fields[] = {{STR("content-type"), STR("application/grpc")},
                                {STR("te"), STR("trailers")}};
    const struct h1_head head = {.method = STR("POST"), .fields = fields, .field_count = 2};

    *r = (struct rig){0};
    arena_init(&r->arena, 4096);
    buf_init(&r->out, 4096);
    CHECK_EQ(mock_grpc_init(&r->grpc), OK);
    mock_grpc_begin(&r->grpc, &head, path, &r->call);
}

static void rig_close(struct rig *r)
{
    mock_grpc_done(&r->grpc);
    arena_reset(&r->arena);
    buf_done(&r->out);
}

TEST(mock_grpc_reads_a_message_as_json)
{
    struct rig r;

    rig_open(&r, STR(CHAT));
    CHECK_EQ(r.call.refusal.code, STATUS_OK);
    str json = mock_grpc_read(&r.call, FRAME("\x05", "\x0a\x01m\x60\x03"), &r.arena);
    CHECK_STR(json, "{\"model\":\"m\",\"n\":3}");
    CHECK_STR(mock_grpc_unknown(&r.call, &r.arena), "");
    rig_close(&r);
}

TEST(mock_grpc_refuses_what_is_no_one_message)
{
    static const struct {
        str body;
        enum status_code code;
    } cases[] = {
        {STR_INIT(""), STATUS_INTERNAL},
        {STR_INIT("\0\0\0\0"), STATUS_INTERNAL},
        {STR_INIT("\0\0\0\0\x02m"), STATUS_INTERNAL},
        {STR_INIT("\0\0\0\0\0\0\0\0\0\0"), STATUS_INTERNAL},
        {STR_INIT("\x01\0\0\0\x01m"), STATUS_UNIMPLEMENTED},
        {STR_INIT("\x02\0\0\0\x01m"), STATUS_INTERNAL},
        {STR_INIT("\0\0\0\0\x02\x0a\x05"), STATUS_INVALID_ARGUMENT},
        {STR_INIT("\0\0\0\0\x03\x0a\x01\xff"), STATUS_INVALID_ARGUMENT},
    };
    struct rig r;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rig_open(&r, STR(CHAT));
        CHECK_STR(mock_grpc_read(&r.call, cases[i].body, &r.arena), "");
        CHECK_EQ(r.call.refusal.code, cases[i].code);
        rig_close(&r);
    }
}

TEST(mock_grpc_finds_fields_that_the_schema_has_not)
{
    static const struct {
        str body;
        str what;
    } cases[] = {
        {STR_INIT("\0\0\0\0\x03\xc8\x3e\x01"), STR_INIT("field 1001 of sluice.v1.ChatRequest")},
        {STR_INIT("\0\0\0\0\x02\x08\x01"),
         STR_INIT("field 1 of sluice.v1.ChatRequest")}, // a number
        {STR_INIT("\0\0\0\0\x04\x12\x02\x28\x01"), STR_INIT("field 5 of sluice.v1.Message")},
        {STR_INIT("\0\0\0\0\x08\x12\x06\x12\x04\x12\x02\x18\x01"),
         STR_INIT("field 3 of sluice.v1.Image")},
    };
    struct rig r;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rig_open(&r, STR(CHAT));
        CHECK(mock_grpc_read(&r.call, cases[i].body, &r.arena).len > 0);
        CHECK_SAME(mock_grpc_unknown(&r.call, &r.arena), cases[i].what);
        rig_close(&r);
    }
}

TEST(mock_grpc_writes_json_as_a_message_and_nothing_else)
{
    struct rig r;

    rig_open(&r, STR("/sluice.v1.Chat/CountTokens"));
    CHECK_EQ(mock_grpc_write(&r.call, STR("{\"inputTokens\":3}"), &r.out), OK);
    CHECK_SAME(buf_view(&r.out), STR("\0\0\0\0\x02\x08\x03"));
    CHECK(mock_grpc_write(&r.call, STR("{\"tokens\":3}"), &r.out) != OK);
    CHECK(mock_grpc_write(&r.call, STR("{\"inputTokens\":"), &r.out) != OK);
    rig_close(&r);
}

TEST(mock_grpc_knows_no_other_methods)
{
    struct rig r;

    rig_open(&r, STR("/sluice.v1.Chat/Sing"));
    CHECK_EQ(r.call.http, 200);
    CHECK_EQ(r.call.refusal.code, STATUS_UNIMPLEMENTED);
    rig_close(&r);
}
