#include "grpc/status.h"

#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

// One Any as a field 3 of google.rpc.Status: type_url "t/x", value "v".
#define DETAIL "\x1a\x08\x0a\x03t/x\x12\x01v"

TEST(status_names_are_those_of_the_specification)
{
    static const char *const names[] = {"OK",
                                        "CANCELLED",
                                        "UNKNOWN",
                                        "INVALID_ARGUMENT",
                                        "DEADLINE_EXCEEDED",
                                        "NOT_FOUND",
                                        "ALREADY_EXISTS",
                                        "PERMISSION_DENIED",
                                        "RESOURCE_EXHAUSTED",
                                        "FAILED_PRECONDITION",
                                        "ABORTED",
                                        "OUT_OF_RANGE",
                                        "UNIMPLEMENTED",
                                        "INTERNAL",
                                        "UNAVAILABLE",
                                        "DATA_LOSS",
                                        "UNAUTHENTICATED"};

    CHECK_EQ(COUNT(names), STATUS_CODES);
    for (size_t i = 0; i < COUNT(names); i++) {
        CHECK_SAME(status_name((enum status_code)i), str_from_c(names[i]));
    }
}

TEST(status_translates_to_and_from_http)
{
    static const struct {
        unsigned http;
        enum status_code want;
    } from[] = {
        {400, STATUS_INTERNAL},      {401, STATUS_UNAUTHENTICATED}, {403, STATUS_PERMISSION_DENIED},
        {404, STATUS_UNIMPLEMENTED}, {429, STATUS_UNAVAILABLE},     {502, STATUS_UNAVAILABLE},
        {503, STATUS_UNAVAILABLE},   {504, STATUS_UNAVAILABLE},     {200, STATUS_UNKNOWN},
        {204, STATUS_UNKNOWN},       {302, STATUS_UNKNOWN},         {405, STATUS_UNKNOWN},
        {415, STATUS_UNKNOWN},       {500, STATUS_UNKNOWN},         {0, STATUS_UNKNOWN}};
    static const unsigned to[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                  400, 409, 400, 501, 500, 503, 500, 401};

    for (size_t i = 0; i < COUNT(from); i++) {
        CHECK_EQ(status_from_http(from[i].http), from[i].want);
    }
    for (size_t i = 0; i < COUNT(to); i++) {
        CHECK_EQ(status_to_http((enum status_code)i), to[i]);
    }
}

TEST(status_of_an_error_is_what_an_api_meant_by_it)
{
    static const struct {
        unsigned http;
        enum status_code want;
    } of[] = {
        {400, STATUS_INVALID_ARGUMENT},   {401, STATUS_UNAUTHENTICATED},
        {403, STATUS_PERMISSION_DENIED},  {404, STATUS_NOT_FOUND},
        {408, STATUS_DEADLINE_EXCEEDED},  {409, STATUS_ABORTED},
        {413, STATUS_RESOURCE_EXHAUSTED}, {418, STATUS_INVALID_ARGUMENT},
        {429, STATUS_RESOURCE_EXHAUSTED}, {500, STATUS_INTERNAL},
        {501, STATUS_UNIMPLEMENTED},      {503, STATUS_UNAVAILABLE},
        {504, STATUS_DEADLINE_EXCEEDED},  {529, STATUS_UNAVAILABLE},
    };

    for (size_t i = 0; i < COUNT(of); i++) {
        CHECK_EQ(status_of_error(of[i].http), of[i].want);
    }
    // Those that have a status of HTTP to themselves come back.
    CHECK_EQ(status_of_error(status_to_http(STATUS_UNAVAILABLE)), STATUS_UNAVAILABLE);
    CHECK_EQ(status_of_error(status_to_http(STATUS_UNIMPLEMENTED)), STATUS_UNIMPLEMENTED);
}

static const struct {
    str text;
    str encoded;
} messages[] = {
    {S(""), S("")},
    {S("no such shelf: 'a' ~ \"b\""), S("no such shelf: 'a' ~ \"b\"")},
    {S("100%"), S("100%25")},
    {S("a\r\nb: c"), S("a%0D%0Ab: c")},
    {S("\0\x7f\xff"), S("%00%7F%FF")},
    {S("\xe0\xb8\x81"), S("%E0%B8%81")},
    {S("%41"), S("%2541")},
};

TEST(status_messages_survive_the_way_there_and_back)
{
    struct arena arena;
    struct buf out;

    arena_init(&arena, 1024);
    buf_init(&out, 256);
    for (size_t i = 0; i < COUNT(messages); i++) {
        buf_clear(&out);
        CHECK_EQ(status_encode_message(messages[i].text, &out), OK);
        CHECK_SAME(buf_view(&out), messages[i].encoded);
        CHECK_SAME(status_decode_message(buf_view(&out), &arena), messages[i].text);
    }
    buf_done(&out);
    buf_init(&out, 5);
    CHECK_EQ(status_encode_message(STR("\n\n"), &out), ERR_LIMIT);
    buf_done(&out);
    arena_reset(&arena);
}

TEST(status_decode_message_takes_broken_escapes_as_they_are)
{
    static const struct {
        str encoded;
        str want;
    } rows[] = {{S("%"), S("%")},
                {S("%4"), S("%4")},
                {S("%zz"), S("%zz")},
                {S("50% off"), S("50% off")},
                {S("%%41"), S("%A")},
                {S("%4g%41"), S("%4gA")},
                {S("%e0%B8%81"), S("\xe0\xb8\x81")},
                {S("a%2"), S("a%2")}};
    struct arena arena;

    arena_init(&arena, 1024);
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_SAME(status_decode_message(rows[i].encoded, &arena), rows[i].want);
    }
    arena_reset(&arena);
}

TEST(status_reads_what_it_writes)
{
    struct status s = {STATUS_NOT_FOUND, S("gone"), S(DETAIL DETAIL)};
    struct status again = {0};
    struct arena arena;
    struct buf out;

    arena_init(&arena, 1024);
    buf_init(&out, 256);
    CHECK_EQ(status_write(&s, &out), OK);
    CHECK_SAME(buf_view(&out), STR("\x08\x05\x12\x04gone" DETAIL DETAIL));
    CHECK_EQ(status_read(buf_view(&out), &arena, &again), OK);
    CHECK_EQ(again.code, STATUS_NOT_FOUND);
    CHECK_STR(again.message, "gone");
    CHECK_STR(again.details, DETAIL DETAIL);
    CHECK_EQ(status_read(STR(""), &arena, &again), OK);
    CHECK_EQ(again.code, STATUS_OK);
    buf_done(&out);
    arena_reset(&arena);
}

TEST(status_read_gathers_details_that_are_apart)
{
    struct arena arena;
    struct status s;

    arena_init(&arena, 1024);
    CHECK_EQ(
        status_read(STR(DETAIL "\x08\x05" DETAIL DETAIL "\x12\x01m" DETAIL "\x20\x07"), &arena, &s),
        OK);
    CHECK_STR(s.details, DETAIL DETAIL DETAIL DETAIL);
    CHECK_STR(s.message, "m");
    CHECK_EQ(s.code, STATUS_NOT_FOUND);
    arena_reset(&arena);
}

// Alternating with unknown fields, details are copied once, not again for each.
TEST(status_read_holds_no_more_than_it_was_given)
{
    struct arena arena;
    struct status s;
    struct buf bytes;

    arena_init(&arena, 1024);
    buf_init(&bytes, 65'536);
    while (buf_append(&bytes, STR("\x1a\x01x\x20\x07")) == OK) {
    }
    CHECK_EQ(status_read(buf_view(&bytes), &arena, &s), OK);
    CHECK(s.details.len > 39'000);
    CHECK(arena.held < 80'000);
    buf_done(&bytes);
    arena_reset(&arena);
}

TEST(status_read_refuses_what_is_none)
{
    static const struct {
        str bytes;
        err want;
    } rows[] = {{S("\x08"), ERR_SYNTAX},    {S("\x12\x05gone"), ERR_SYNTAX},
                {S("\x0a\x01x"), ERR_TYPE}, {S("\x10\x01"), ERR_TYPE},
                {S("\x18\x01"), ERR_TYPE},  {S("text"), ERR_SYNTAX}};
    struct status s = {.code = STATUS_ABORTED};
    struct arena arena;

    arena_init(&arena, 1024);
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_EQ(status_read(rows[i].bytes, &arena, &s), rows[i].want);
    }
    CHECK_EQ(s.code, STATUS_ABORTED);
    CHECK_EQ(status_read(STR("\x08\x11"), &arena, &s), OK);
    CHECK_EQ(s.code, STATUS_UNKNOWN);
    CHECK_EQ(status_read(STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &arena, &s), OK);
    CHECK_EQ(s.code, STATUS_UNKNOWN);
    arena_reset(&arena);
}

static str written_fields(struct status s, struct buf *out)
{
    buf_init(out, 65'536);
    CHECK_EQ(status_write_fields(&s, out), OK);
    return buf_view(out);
}

TEST(status_writes_fields_for_what_there_is_to_say)
{
    struct buf out;

    CHECK_STR(written_fields((struct status){.code = STATUS_OK}, &out), "grpc-status: 0\r\n");
    buf_done(&out);
    CHECK_STR(written_fields((struct status){STATUS_NOT_FOUND, S("a\nb"), S("")}, &out),
              "grpc-status: 5\r\ngrpc-message: a%0Ab\r\n");
    buf_done(&out);
    CHECK_STR(written_fields((struct status){STATUS_NOT_FOUND, S("m"), S(DETAIL)}, &out),
              "grpc-status: 5\r\ngrpc-message: m\r\n"
              "grpc-status-details-bin: CAUSAW0aCAoDdC94EgF2\r\n");
    buf_done(&out);
    // One byte more, and there would be padding.
    CHECK_STR(written_fields((struct status){STATUS_NOT_FOUND, S("mm"), S(DETAIL)}, &out),
              "grpc-status: 5\r\ngrpc-message: mm\r\n"
              "grpc-status-details-bin: CAUSAm1tGggKA3QveBIBdg\r\n");
    buf_done(&out);
}

TEST(status_clips_what_no_field_should_hold)
{
    char text[STATUS_DETAILS_MAX + 16];
    struct buf out;

    memset(text, 'a', sizeof(text));
    memcpy(text + STATUS_MESSAGE_MAX - 2, "\xe0\xb8\x81", 3);
    str said = written_fields((struct status){STATUS_UNKNOWN, {text, sizeof(text)}, S("")}, &out);
    CHECK_EQ(said.len, sizeof("grpc-status: 2\r\ngrpc-message: \r\n") - 1 + STATUS_MESSAGE_MAX - 2);
    buf_done(&out);
    said = written_fields((struct status){STATUS_UNKNOWN, S("m"), {text, sizeof(text)}}, &out);
    CHECK_SAME(said, STR("grpc-status: 2\r\ngrpc-message: m\r\n"));
    buf_done(&out);
}

static struct h1_field field(str name, str value)
{
    return (struct h1_field){name, value};
}

TEST(status_reads_fields)
{
    struct arena arena;
    struct status s;
    struct h1_field fields[] = {
        field(STR("content-type"), STR("application/grpc")),
        field(STR("Grpc-Status"), STR("5")),
        field(STR("grpc-message"), STR("a%0Ab")),
        field(STR("grpc-status-details-bin"), STR("CAUSAm1tGggKA3QveBIBdg")),
    };

    arena_init(&arena, 1024);
    CHECK_EQ(status_read_fields(fields, 4, &arena, &s), OK);
    CHECK_EQ(s.code, STATUS_NOT_FOUND);
    CHECK_STR(s.message, "a\nb");
    CHECK_STR(s.details, DETAIL);
    fields[3].value = STR("CAUSAm1tGggKA3QveBIBdg==");
    CHECK_EQ(status_read_fields(fields, 4, &arena, &s), OK);
    CHECK_STR(s.details, DETAIL);
    arena_reset(&arena);
}

TEST(status_reads_fields_that_are_broken_as_far_as_they_go)
{
    static const str no_codes[] = {S(""), S("-1"), S("17"), S("OK"), S("5 "), S("99999999999")};
    static const str no_details[] = {S(""), S("!"), S("CAUS"), S("CgF4")};
    struct arena arena;
    struct status s = {.code = STATUS_ABORTED};

    arena_init(&arena, 1024);
    CHECK_EQ(status_read_fields(NULL, 0, &arena, &s), ERR_ABSENT);
    struct h1_field message = field(STR("grpc-message"), STR("m"));
    CHECK_EQ(status_read_fields(&message, 1, &arena, &s), ERR_ABSENT);
    CHECK_EQ(s.code, STATUS_ABORTED);
    for (size_t i = 0; i < COUNT(no_codes); i++) {
        struct h1_field one = field(STR("grpc-status"), no_codes[i]);
        CHECK_EQ(status_read_fields(&one, 1, &arena, &s), OK);
        CHECK_EQ(s.code, STATUS_UNKNOWN);
    }
    for (size_t i = 0; i < COUNT(no_details); i++) {
        struct h1_field two[] = {field(STR("grpc-status"), STR("5")),
                                 field(STR("grpc-status-details-bin"), no_details[i])};
        CHECK_EQ(status_read_fields(two, 2, &arena, &s), OK);
        CHECK_EQ(s.code, STATUS_NOT_FOUND);
        CHECK_STR(s.details, "");
    }
    arena_reset(&arena);
}
