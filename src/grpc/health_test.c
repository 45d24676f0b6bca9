#include "grpc/health.h"

#include "support/schemas.h"
#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct row {
    str request;
    bool is_serving;
    str want; // the response
    enum status_code code;
};

static const struct row rows[] = {
    {S(""), true, S("\x08\x01"), STATUS_OK},
    {S(""), false, S("\x08\x02"), STATUS_OK},
    {S("\x0a\x00"), true, S("\x08\x01"), STATUS_OK},
    {S("\x0a\x0esluice.v1.Chat"), true, S("\x08\x01"), STATUS_OK},
    {S("\x0a\x0esluice.v1.Chat"), false, S("\x08\x02"), STATUS_OK},
    {S("\x0a\x0ctest.Library"), true, S("\x08\x01"), STATUS_OK},
    {S("\x10\x05\x0a\x0ctest.Library"), true, S("\x08\x01"), STATUS_OK},

    {S("\x0a\4Chat"), true, S(""), STATUS_NOT_FOUND},
    {S("\x0a\x0atest.Inner"), true, S(""), STATUS_NOT_FOUND},
    {S("\x0a\5Chat"), true, S(""), STATUS_INTERNAL},
    {S("text"), true, S(""), STATUS_INTERNAL},
};

TEST(health_check_knows_the_process_and_its_services)
{
    struct schemas schemas;

    schemas_init(&schemas);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct health h = {schemas.pools, 2, rows[i].is_serving};
        struct status status = {.code = STATUS_CODES};
        struct buf out;
        buf_init(&out, 64);
        CHECK_EQ(health_check(&h, rows[i].request, &out, &status), OK);
        CHECK_EQ(status.code, rows[i].code);
        CHECK_EQ(status.message.len > 0, rows[i].code != STATUS_OK);
        CHECK_SAME(buf_view(&out), rows[i].want);
        buf_done(&out);
    }
    schemas_done(&schemas);
}

TEST(health_check_says_when_its_answer_does_not_fit)
{
    struct health h = {.is_serving = true};
    struct status status = {.code = STATUS_CODES};
    struct buf out;

    buf_init(&out, 1);
    CHECK_EQ(health_check(&h, STR(""), &out, &status), ERR_LIMIT);
    CHECK_EQ(status.code, STATUS_CODES);
    buf_done(&out);
}

TEST(health_watch_answers_at_once_and_when_something_changes)
{
    struct health h = {.is_serving = true};
    struct health_watch w;
    struct status status;
    struct arena arena;
    struct buf out;

    arena_init(&arena, 1024);
    buf_init(&out, 64);
    CHECK_EQ(health_watch_init(&w, STR(""), &arena, &status), OK);
    CHECK_EQ(health_watch_next(&w, &h, &out), OK);
    CHECK_STR(buf_view(&out), "\x08\x01");
    CHECK_EQ(health_watch_next(&w, &h, &out), ERR_AGAIN);
    CHECK_EQ(buf_len(&out), 2);
    h.is_serving = false;
    CHECK_EQ(health_watch_next(&w, &h, &out), OK);
    CHECK_STR(buf_view(&out), "\x08\x01\x08\x02");
    CHECK_EQ(health_watch_next(&w, &h, &out), ERR_AGAIN);
    buf_done(&out);
    arena_reset(&arena);
}

// A service that is unknown may come with a reload, so that its watch goes on.
TEST(health_watch_waits_for_a_service_that_is_unknown)
{
    str request = STR("\x0a\x0ctest.Library");
    char bytes[16];
    struct schemas schemas;
    struct health_watch w;
    struct status status;
    struct buf out;

    schemas_init(&schemas);
    buf_init(&out, 64);
    struct health h = {schemas.pools, 1, true};
    memcpy(bytes, request.ptr, request.len);
    CHECK_EQ(health_watch_init(&w, (str){bytes, request.len}, &schemas.arena, &status), OK);
    memset(bytes, 0, sizeof(bytes)); // the request is gone by then
    CHECK_EQ(health_watch_next(&w, &h, &out), OK);
    CHECK_STR(buf_view(&out), "\x08\x03");
    h.pool_count = 2;
    CHECK_EQ(health_watch_next(&w, &h, &out), OK);
    CHECK_STR(buf_view(&out), "\x08\x03\x08\x01");
    buf_done(&out);
    schemas_done(&schemas);
}

TEST(health_watch_refuses_what_is_no_request)
{
    struct health_watch w;
    struct status status = {.code = STATUS_OK};
    struct arena arena;

    arena_init(&arena, 1024);
    CHECK_EQ(health_watch_init(&w, STR("\x0a\5Chat"), &arena, &status), ERR_SYNTAX);
    CHECK_EQ(status.code, STATUS_INTERNAL);
    arena_reset(&arena);
}

// What is not told for want of room is told later.
TEST(health_watch_tells_again_what_did_not_fit)
{
    struct health h = {.is_serving = true};
    struct health_watch w = {.service = STR("")};
    struct buf out;

    buf_init(&out, 1);
    CHECK_EQ(health_watch_next(&w, &h, &out), ERR_LIMIT);
    buf_done(&out);
    buf_init(&out, 2);
    CHECK_EQ(health_watch_next(&w, &h, &out), OK);
    buf_done(&out);
}
