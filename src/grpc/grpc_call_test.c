#include "grpc/grpc_call.h"

#include "base/memory.h"
#include "base/random.h"
#include "codec/gzip.h"

#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { MESSAGE_MAX = 4096, ROUNDS = 40 };

static const struct descriptor_method unary = {.name = S("Get")};
static const struct descriptor_method server_streaming = {.name = S("List"),
                                                          .is_server_streaming = true};
static const struct descriptor_method client_streaming = {.name = S("Put"),
                                                          .is_client_streaming = true};
static const struct grpc_head plain = {.timeout_us = TIME_NEVER};
static const struct grpc_head zipped = {
    .timeout_us = TIME_NEVER, .encoding = GRPC_GZIP, .accepts_gzip = true};

static const struct grpc_head accepting = {.timeout_us = TIME_NEVER, .accepts_gzip = true};
static const struct grpc_head only_sending = {.timeout_us = TIME_NEVER, .encoding = GRPC_GZIP};

static void fake_call(struct grpc_call *c, const struct descriptor_method *method,
                      const struct grpc_head *head)
{
    grpc_call_init(c, head, method, MESSAGE_MAX);
}

// Hands the body over in pieces of up to `longest` bytes; tells the messages as "message;" and
// the status it ends with, which is OK where the request is whole.
static enum status_code told_request(struct grpc_call *c, str body, size_t longest,
                                     struct buf *told)
{
    struct random r;
    struct status why = {0};
    str message;
    err e = ERR_AGAIN;

    random_init(&r, test_seed() + longest);
    while (body.len && e == ERR_AGAIN) {
        size_t step = longest == SIZE_MAX ? body.len : 1 + (size_t)random_below(&r, longest);
        str piece = str_sub(body, 0, step);
        body = str_sub(body, piece.len, body.len);
        while ((e = grpc_call_next(c, &piece, &message, &why)) == OK) {
            CHECK_EQ(buf_append_format(told, "%" STR_FMT ";", STR_ARG(message)), OK);
        }
    }
    if (e == ERR_AGAIN) (void)grpc_call_request_end(c, &why); // `why` says it
    CHECK((why.code == STATUS_OK) == (why.message.len == 0));
    return why.code;
}

struct request_row {
    const char *name;
    const struct descriptor_method *method;
    const struct grpc_head *head;
    str body;
    str want;
    enum status_code code;
};

// "hi" in gzip.
#define HI "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\xc8\x04\0\xac\x2a\x93\xd8\x02\0\0\0"

static const struct request_row requests[] = {
    {"one", &unary, &plain, S("\0\0\0\0\2hi"), S("hi;"), STATUS_OK},
    {"an empty one", &unary, &plain, S("\0\0\0\0\0"), S(";"), STATUS_OK},
    {"a packed one", &unary, &zipped, S("\1\0\0\0\x16" HI), S("hi;"), STATUS_OK},
    {"one that is not packed", &unary, &zipped, S("\0\0\0\0\2hi"), S("hi;"), STATUS_OK},
    {"several", &client_streaming, &zipped, S("\0\0\0\0\1a\1\0\0\0\x16" HI "\0\0\0\0\1b"),
     S("a;hi;b;"), STATUS_OK},
    {"packed ones in a row", &client_streaming, &zipped, S("\1\0\0\0\x16" HI "\1\0\0\0\x16" HI),
     S("hi;hi;"), STATUS_OK},
    {"none of several", &client_streaming, &plain, S(""), S(""), STATUS_OK},

    {"none", &unary, &plain, S(""), S(""), STATUS_UNIMPLEMENTED},
    {"two of one", &unary, &plain, S("\0\0\0\0\1a\0\0\0\0\1b"), S("a;"), STATUS_UNIMPLEMENTED},
    {"cut in the prefix", &unary, &plain, S("\0\0\0"), S(""), STATUS_INTERNAL},
    {"cut in a message", &unary, &plain, S("\0\0\0\0\3hi"), S(""), STATUS_INTERNAL},
    {"cut behind one", &unary, &plain, S("\0\0\0\0\2hi\0"), S("hi;"), STATUS_INTERNAL},
    {"no frame", &unary, &plain, S("{\"a\":1}"), S(""), STATUS_INTERNAL},
    {"too long", &unary, &plain, S("\0\0\0\x10\1"), S(""), STATUS_RESOURCE_EXHAUSTED},
    {"packed unannounced", &unary, &plain, S("\1\0\0\0\x16" HI), S(""), STATUS_INTERNAL},
    {"packed and broken", &unary, &zipped, S("\1\0\0\0\2hi"), S(""), STATUS_INTERNAL},
    {"packed and empty", &unary, &zipped, S("\1\0\0\0\0"), S(""), STATUS_INTERNAL},
};

TEST(grpc_call_takes_requests_alike_however_they_arrive)
{
    static const size_t longest[] = {SIZE_MAX, 1, 3, 9};
    struct buf told;

    buf_init(&told, 1024);
    for (size_t i = 0; i < COUNT(requests); i++) {
        for (size_t k = 0; k < COUNT(longest); k++) {
            const struct request_row *row = &requests[i];
            struct grpc_call c;
            buf_clear(&told);
            fake_call(&c, row->method, row->head);
            enum status_code code = told_request(&c, row->body, longest[k], &told);
            if (code != row->code || !str_eq(buf_view(&told), row->want))
                test_fail(__FILE__, __LINE__, "%s: %u, \"%" STR_FMT "\"", row->name, code,
                          STR_ARG(buf_view(&told)));
            grpc_call_done(&c);
        }
    }
    buf_done(&told);
}

TEST(grpc_call_stops_a_bomb)
{
    char *zeros = memory_alloc(2 * (size_t)MESSAGE_MAX);
    struct grpc_call c;
    struct buf packed;
    struct buf body;
    struct buf told;

    buf_init(&packed, MESSAGE_MAX);
    buf_init(&body, MESSAGE_MAX);
    buf_init(&told, 16);
    CHECK_EQ(gzip_compress((str){zeros, 2 * (size_t)MESSAGE_MAX}, &packed), OK);
    CHECK_EQ(grpc_frame_append(&body, buf_view(&packed), true), OK);
    fake_call(&c, &unary, &zipped);
    CHECK_EQ(told_request(&c, buf_view(&body), SIZE_MAX, &told), STATUS_RESOURCE_EXHAUSTED);
    grpc_call_done(&c);
    buf_done(&told);
    buf_done(&body);
    buf_done(&packed);
    memory_free(zeros);
}

TEST(grpc_call_answers_one_message)
{
    struct grpc_call c;
    struct buf out;

    buf_init(&out, 1024);
    fake_call(&c, &unary, &plain);
    CHECK_EQ(grpc_call_begin(&c, &out), OK);
    CHECK_STR(buf_view(&out), "content-type: application/grpc\r\n"
                              "grpc-accept-encoding: identity,gzip\r\n");
    buf_clear(&out);
    CHECK_EQ(grpc_call_write(&c, STR("hi"), &out), OK);
    CHECK_SAME(buf_view(&out), STR("\0\0\0\0\2hi"));
    CHECK_EQ(grpc_call_write(&c, STR("ho"), &out), ERR_RANGE);
    buf_clear(&out);
    CHECK_EQ(grpc_call_end(&c, (struct status){.code = STATUS_OK}, &out), OK);
    CHECK_STR(buf_view(&out), "grpc-status: 0\r\n");
    CHECK_EQ(c.step, GRPC_CALL_DONE);
    grpc_call_done(&c);
    buf_done(&out);
}

TEST(grpc_call_answers_several_messages_or_none)
{
    struct grpc_call c;
    struct buf out;

    buf_init(&out, 1024);
    fake_call(&c, &server_streaming, &plain);
    CHECK_EQ(grpc_call_begin(&c, &out), OK);
    buf_clear(&out);
    CHECK_EQ(grpc_call_write(&c, STR("a"), &out), OK);
    CHECK_EQ(grpc_call_write(&c, STR("b"), &out), OK);
    CHECK_SAME(buf_view(&out), STR("\0\0\0\0\1a\0\0\0\0\1b"));
    buf_clear(&out);
    CHECK_EQ(grpc_call_end(&c, (struct status){STATUS_UNAVAILABLE, S("gone"), S("")}, &out), OK);
    CHECK_STR(buf_view(&out), "grpc-status: 14\r\ngrpc-message: gone\r\n");
    grpc_call_done(&c);

    buf_clear(&out);
    fake_call(&c, &server_streaming, &plain);
    CHECK_EQ(grpc_call_end(&c, (struct status){.code = STATUS_OK}, &out), OK);
    CHECK_STR(buf_view(&out), "content-type: application/grpc\r\n"
                              "grpc-accept-encoding: identity,gzip\r\n"
                              "grpc-status: 0\r\n");
    grpc_call_done(&c);
    buf_done(&out);
}

TEST(grpc_call_ends_with_fields_alone_what_was_not_begun)
{
    struct grpc_call c;
    struct buf out;

    buf_init(&out, 1024);
    fake_call(&c, &unary, &plain);
    CHECK_EQ(grpc_call_end(&c, (struct status){STATUS_DEADLINE_EXCEEDED, S("late"), S("")}, &out),
             OK);
    CHECK_STR(buf_view(&out), "content-type: application/grpc\r\n"
                              "grpc-accept-encoding: identity,gzip\r\n"
                              "grpc-status: 4\r\ngrpc-message: late\r\n");
    grpc_call_done(&c);
    buf_done(&out);
}

TEST(grpc_call_does_not_end_well_without_its_one_response)
{
    struct grpc_call c;
    struct buf out;

    buf_init(&out, 1024);
    fake_call(&c, &unary, &plain);
    CHECK_EQ(grpc_call_begin(&c, &out), OK);
    buf_clear(&out);
    CHECK_EQ(grpc_call_end(&c, (struct status){.code = STATUS_OK}, &out), OK);
    CHECK_STR(buf_view(&out), "grpc-status: 13\r\ngrpc-message: there is no response\r\n");
    grpc_call_done(&c);
    buf_done(&out);
}

static str random_bytes(char *bytes, size_t len, bool is_dull)
{
    struct random r;

    random_init(&r, test_seed());
    for (size_t i = 0; i < len; i++) {
        bytes[i] = is_dull ? 'a' : (char)random_below(&r, 256);
    }
    return (str){bytes, len};
}

// The client packs too; short messages and those that would not get shorter are left alone.
TEST(grpc_call_packs_what_is_worth_it)
{
    static const struct {
        const struct grpc_head *head;
        size_t len;
        bool is_dull;
        bool is_packed;
    } rows[] = {{&zipped, 2000, true, true},        {&zipped, 1023, true, false},
                {&zipped, 2000, false, false},      {&accepting, 2000, true, false},
                {&only_sending, 2000, true, false}, {&plain, 2000, true, false}};
    char bytes[2000];
    struct buf out;
    struct grpc_call c;

    for (size_t i = 0; i < COUNT(rows); i++) {
        str message = random_bytes(bytes, rows[i].len, rows[i].is_dull);
        buf_init(&out, MESSAGE_MAX);
        fake_call(&c, &unary, rows[i].head);
        CHECK_EQ(grpc_call_begin(&c, &out), OK);
        str fields = buf_view(&out);
        CHECK_EQ(str_find(fields, STR("grpc-encoding: gzip\r\n")) < fields.len,
                 rows[i].head == &zipped);
        buf_clear(&out);
        CHECK_EQ(grpc_call_write(&c, message, &out), OK);
        CHECK_EQ(buf_view(&out).ptr[0], rows[i].is_packed);
        CHECK_EQ(buf_len(&out) < message.len, rows[i].is_packed);
        grpc_call_done(&c);
        buf_done(&out);
    }
}

// A full buf changes nothing: the call can still be ended.
TEST(grpc_call_stays_where_it_is_when_nothing_fits)
{
    struct grpc_call c;
    struct buf small;
    struct buf out;

    buf_init(&small, 8);
    buf_init(&out, 1024);
    fake_call(&c, &unary, &plain);
    CHECK_EQ(grpc_call_begin(&c, &small), ERR_LIMIT);
    CHECK_EQ(c.step, GRPC_CALL_OPEN);
    CHECK_EQ(grpc_call_begin(&c, &out), OK);
    buf_clear(&small);
    CHECK_EQ(grpc_call_write(&c, STR("hello"), &small), ERR_LIMIT);
    CHECK_EQ(grpc_call_write(&c, STR("hi"), &small), OK);
    CHECK_EQ(grpc_call_end(&c, (struct status){.code = STATUS_OK}, &small), ERR_LIMIT);
    CHECK_EQ(c.step, GRPC_CALL_ANSWERING);
    grpc_call_done(&c);
    buf_done(&out);
    buf_done(&small);
}

TEST(grpc_call_aborts_when_it_is_ended_twice)
{
    fflush(stdout);
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        struct grpc_call c;
        struct buf out;
        if (!freopen("/dev/null", "w", stderr)) _exit(2);
        signal(SIGABRT, SIG_DFL);
        buf_init(&out, 1024);
        fake_call(&c, &unary, &plain);
        (void)grpc_call_end(&c, (struct status){.code = STATUS_OK}, &out); // it fits
        (void)grpc_call_end(&c, (struct status){.code = STATUS_OK}, &out);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
