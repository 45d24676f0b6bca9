#include "provider/openai.h"

#include "support/test.h"

#include <string.h>

static void check_request(str body, err want, size_t models, bool is_stream)
{
    struct openai_request r = {.model_count = 99};
    size_t at = 999;
    err e = openai_scan_request(body, &r, &at);

    if (e != want) test_fail(__FILE__, __LINE__, "%" STR_FMT ": %s", STR_ARG(body), err_name(e));
    if (e) {
        CHECK_EQ(r.model_count, 99); // written only on success
        CHECK(at <= body.len);
        return;
    }
    CHECK_EQ(r.model_count, models);
    CHECK_EQ(r.is_stream, is_stream);
    for (size_t i = 0; i < models; i++) {
        CHECK(r.models[i].ptr >= body.ptr);
        CHECK(r.models[i].ptr + r.models[i].len <= body.ptr + body.len);
        CHECK(r.models[i].len >= 2 && r.models[i].ptr[0] == '"');
    }
}

TEST(openai_finds_the_model_and_whether_a_stream_is_wanted)
{
    check_request(STR("{\"model\":\"m\"}"), OK, 1, false);
    check_request(STR("{\"stream\":true,\"model\":\"m\"}"), OK, 1, true);
    check_request(STR(" {\"model\" : \"m\", \"stream\" : false} \n"), OK, 1, false);
    check_request(STR("{\"model\":\"m\",\"stream\":null}"), OK, 1, false);
    check_request(STR("{\"m\\u006fdel\":\"a\\\"b\",\"str\\u0065am\":true}"), OK, 1, true);
    check_request(STR("{\"stream\":true,\"stream\":false}"), OK, 0, false); // the last counts
    check_request(STR("{}"), OK, 0, false);
    check_request(STR("{\"Model\":\"m\",\"x\":{\"model\":\"n\"},\"y\":[{\"stream\":true}]}"), OK, 0,
                  false);
    check_request(STR("{\"model\":\"a\",\"model\":\"b\",\"model\":\"c\",\"model\":\"d\"}"), OK, 4,
                  false);
}

static uint64_t count_of(str body)
{
    struct openai_request r;
    size_t at = 0;

    CHECK_EQ(openai_scan_request(body, &r, &at), OK);
    return r.choice_count;
}

TEST(openai_counts_the_choices_asked_for)
{
    CHECK_EQ(count_of(STR("{\"model\":\"m\"}")), 1);
    CHECK_EQ(count_of(STR("{\"n\":3}")), 3);
    CHECK_EQ(count_of(STR("{\"n\":null}")), 1);
    CHECK_EQ(count_of(STR("{\"n\":0}")), 1);
    CHECK_EQ(count_of(STR("{\"n\":\"x\"}")), 1);
}

TEST(openai_refuses_what_is_no_request)
{
    static const str bad[] = {
        STR_INIT(""),
        STR_INIT(" "),
        STR_INIT("[]"),
        STR_INIT("\"model\""),
        STR_INIT("1"),
        STR_INIT("null"),
        STR_INIT("{"),
        STR_INIT("{\"model\""),
        STR_INIT("{\"model\":"),
        STR_INIT("{\"model\":\"m"),
        STR_INIT("{\"model\":\"m\""),
        STR_INIT("{\"model\":\"m\",}"),
        STR_INIT("{\"model\":\"m\"} {}"),
        STR_INIT("{\"model\":\"m\"}}"),
        STR_INIT("{'model':'m'}"),
        STR_INIT("{\"model\":\"\\x\"}"),
        STR_INIT("{\"model\":\"m\",\"x\":[1,]}"),
        STR_INIT("{\"model\":\"m\",\"x\":01}"),
        STR_INIT("{\"model\":\"m\",\"x\":\"\n\"}"),
        STR_INIT("{\"model\":\"\xff\"}"),
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_request(bad[i], ERR_SYNTAX, 0, false);
    }
}

TEST(openai_refuses_members_of_other_types)
{
    check_request(STR("{\"model\":1}"), ERR_TYPE, 0, false);
    check_request(STR("{\"model\":null}"), ERR_TYPE, 0, false);
    check_request(STR("{\"model\":[\"m\"]}"), ERR_TYPE, 0, false);
    check_request(STR("{\"model\":{\"x\":\"m\"}}"), ERR_TYPE, 0, false);
    check_request(STR("{\"model\":\"m\",\"stream\":\"true\"}"), ERR_TYPE, 0, false);
    check_request(STR("{\"model\":\"m\",\"stream\":1}"), ERR_TYPE, 0, false);
}

TEST(openai_bounds_models_and_depth)
{
    static char deep[100'000];

    check_request(STR("{\"model\":\"a\",\"model\":\"b\",\"model\":\"c\",\"model\":\"d\","
                      "\"model\":\"e\"}"),
                  ERR_LIMIT, 0, false);
    memset(deep, '[', sizeof(deep));
    memcpy(deep, "{\"x\":", 5);
    check_request((str){deep, sizeof(deep)}, ERR_LIMIT, 0, false);
}

static struct openai_request scanned(str body)
{
    struct openai_request r = {0};
    size_t at = 0;

    CHECK_EQ(openai_scan_request(body, &r, &at), OK);
    return r;
}

TEST(openai_keeps_the_values_that_a_continuation_edits_as_written)
{
    const str body = STR("{\"messages\": [ {\"role\":\"user\"} ] ,\"max_tokens\":\t1.0e2 ,"
                         "\"max_completion_tokens\":7,\"stream_options\":{ }}");
    struct openai_request r = scanned(body);

    CHECK_STR(r.messages, "[ {\"role\":\"user\"} ]");
    CHECK_STR(r.max_tokens, "1.0e2");
    CHECK_STR(r.max_completion_tokens, "7");
    CHECK_STR(r.stream_options, "{ }");
    CHECK(r.messages.ptr == body.ptr + str_find_char(body, '['));
    r = scanned(STR("{\"messages\":[1],\"max_tokens\":5,\"m\\u0065ssages\":[2],"
                    "\"max_tokens\":null,\"x\":{\"messages\":[3],\"stream_options\":{}}}"));
    CHECK_STR(r.messages, "[2]");
    CHECK_STR(r.max_tokens, "");
    CHECK_STR(r.max_completion_tokens, "");
    CHECK_STR(r.stream_options, "");
    CHECK_STR(scanned(STR("{\"max_tokens\":\"5\",\"messages\":\"x\"}")).max_tokens, "");
    CHECK_STR(scanned(STR("{\"stream_options\":null}")).stream_options, "null");
}

#define HAS_TOOLS(members) scanned(STR("{" members "}")).has_tools
#define HAS_FORMAT(format) scanned(STR("{\"response_format\":" format "}")).has_response_format
#define HAS_LOGPROBS(value) scanned(STR("{\"logprobs\":" value "}")).has_logprobs

TEST(openai_tells_what_a_request_asks_for_besides_text)
{
    CHECK(HAS_TOOLS("\"tools\":[{}]"));
    CHECK(HAS_TOOLS("\"functions\":[{}],\"tools\":[]"));
    CHECK(!HAS_TOOLS("\"tools\":[ ],\"functions\":null"));
    CHECK(!HAS_TOOLS("\"tools\":{\"a\":1},\"x\":{\"tools\":[{}]}"));
    CHECK(HAS_FORMAT("{\"type\":\"json_object\"}"));
    CHECK(HAS_FORMAT("{\"json_schema\":{\"type\":\"text\"}}"));
    CHECK(HAS_FORMAT("{\"type\":null}"));
    CHECK(!HAS_FORMAT("{\"type\":\"t\\u0065xt\"}"));
    CHECK(!HAS_FORMAT("null"));
    CHECK(!HAS_FORMAT("\"json_object\""));
    CHECK(HAS_LOGPROBS("true"));
    CHECK(HAS_LOGPROBS("0"));
    CHECK(!HAS_LOGPROBS("false"));
    CHECK(!HAS_LOGPROBS("null"));
    CHECK(!scanned(STR("{}")).has_response_format);
}

static void check_asked(str body, err want_error, str want)
{
    struct openai_request r = scanned(body);
    struct buf out;

    buf_init(&out, 1000);
    CHECK_EQ(openai_ask_usage(&out, body, &r), want_error);
    CHECK_SAME(buf_view(&out), want);
    if (!want_error) CHECK_STR(scanned(buf_view(&out)).stream_options, "{\"include_usage\":true}");
    buf_done(&out);
}

TEST(openai_asks_for_usage_where_a_stream_does_not_say)
{
    check_asked(STR("{\"stream\":true}"), OK,
                STR("{\"stream\":true,\"stream_options\":{\"include_usage\":true}}"));
    check_asked(STR(" { \"x\":{\"a\":\"}\"}, \"stream\":true } \n"), OK,
                STR(" { \"x\":{\"a\":\"}\"}, \"stream\":true ,\"stream_options\":"
                    "{\"include_usage\":true}} \n"));
    check_asked(STR("{\"stream\":true,\"stream_options\":{}}"), ERR_UNSUPPORTED, STR(""));
    check_asked(STR("{\"stream\":true,\"stream_options\":null}"), ERR_UNSUPPORTED, STR(""));
    check_asked(STR("{\"stream\":false}"), ERR_UNSUPPORTED, STR(""));
    check_asked(STR("{}"), ERR_UNSUPPORTED, STR(""));
}

static void check_usage(struct token_usage u, bool is_known, uint64_t input, uint64_t output)
{
    CHECK_EQ(u.is_known, is_known);
    CHECK_EQ(u.input_tokens, input);
    CHECK_EQ(u.output_tokens, output);
}

TEST(openai_counts_tokens_in_every_shape)
{
    check_usage(openai_answer_usage(STR("{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5,"
                                        "\"prompt_tokens_details\":{\"cached_tokens\":9}}}")),
                true, 3, 5);
    check_usage(openai_answer_usage(STR("{\"usage\":{\"input_tokens\":3,\"output_tokens\":5}}")),
                true, 3, 5);
    check_usage(openai_answer_usage(STR("{\"usage\":{\"prompt_tokens\":3}}")), true, 3, 0);
    check_usage(openai_answer_usage(STR("{\"usage\":{\"prompt_tokens\":0}}")), true, 0, 0);
    check_usage(openai_answer_usage(STR("{\"usage\":{\"prompt_tokens\":\"3\"}}")), false, 0, 0);
    check_usage(openai_answer_usage(STR("{\"usage\":{}}")), false, 0, 0);
    check_usage(openai_answer_usage(STR("{\"usage\":{\"prompt_tokens\":-3}}")), false, 0, 0);
    check_usage(openai_answer_usage(STR("{\"usage\":null}")), false, 0, 0);
    check_usage(openai_answer_usage(STR("{\"usage\":[1]}")), false, 0, 0);
    check_usage(openai_answer_usage(STR("{}")), false, 0, 0);
    check_usage(openai_answer_usage(STR("[{\"usage\":{}}]")), false, 0, 0);
    check_usage(openai_answer_usage(STR("not JSON")), false, 0, 0);
    check_usage(openai_answer_usage(STR("")), false, 0, 0);
}

TEST(openai_splices_another_content_into_an_event)
{
    const str data = STR("{\"a\":1,\"choices\":[{\"delta\":{\"content\":\"x\\ny\"}}]}");
    struct answer_stream s = {.kind = ANSWER_OPENAI_CHAT};
    struct buf out;

    buf_init(&out, 1000);
    CHECK_EQ(openai_stream_event(&s, data), OK);
    CHECK_STR(s.delta.content, "x\\ny");
    CHECK_EQ(openai_splice_content(&out, data, s.delta.content, STR("\\\"z")), OK);
    CHECK_STR(buf_view(&out), "{\"a\":1,\"choices\":[{\"delta\":{\"content\":\"\\\"z\"}}]}");
    buf_clear(&out);
    CHECK_EQ(openai_splice_content(&out, data, s.delta.content, STR("")), OK);
    CHECK_STR(buf_view(&out), "{\"a\":1,\"choices\":[{\"delta\":{\"content\":\"\"}}]}");
    // An empty one has its place too.
    const str empty = STR("{\"choices\":[{\"delta\":{\"content\":\"\"}}]}");
    buf_clear(&out);
    CHECK_EQ(openai_stream_event(&s, empty), OK);
    CHECK_EQ(openai_splice_content(&out, empty, s.delta.content, STR("z")), OK);
    CHECK_STR(buf_view(&out), "{\"choices\":[{\"delta\":{\"content\":\"z\"}}]}");
    buf_done(&out);
    // All or nothing.
    buf_init(&out, data.len);
    CHECK_EQ(openai_stream_event(&s, data), OK);
    CHECK_EQ(openai_splice_content(&out, data, s.delta.content, STR("12345")), ERR_LIMIT);
    CHECK_EQ(buf_len(&out), 0);
    CHECK_EQ(openai_splice_content(&out, data, s.delta.content, STR("1234")), OK);
    buf_done(&out);
}

TEST(openai_writes_an_error_byte_for_byte)
{
    struct buf out;

    buf_init(&out, 1000);
    CHECK_EQ(openai_write_error(&out, &(struct openai_error){.message = STR("a \"b\"\n\xff"),
                                                             .type = STR("server_error"),
                                                             .code = STR("c")}),
             OK);
    CHECK_STR(buf_view(&out), "{\"error\":{\"type\":\"server_error\",\"message\":\"a "
                              "\\\"b\\\"\\n\xef\xbf\xbd\",\"param\":null,\"code\":\"c\"}}");
    buf_clear(&out);
    CHECK_EQ(openai_write_error(&out, &(struct openai_error){.message = STR("m"),
                                                             .type = STR("t"),
                                                             .code = STR("c"),
                                                             .param = STR("model")}),
             OK);
    CHECK_STR(buf_view(&out), "{\"error\":{\"type\":\"t\",\"message\":\"m\",\"param\":\"model\","
                              "\"code\":\"c\"}}");
    buf_done(&out);
}

TEST(openai_writes_a_stream_error_byte_for_byte)
{
    const struct openai_error e = {
        .message = STR("m"), .type = STR("server_error"), .code = STR("c")};
    struct answer_stream s = {.kind = ANSWER_OPENAI_CHAT};
    struct buf out;

    buf_init(&out, 1000);
    CHECK_EQ(openai_write_stream_error(&out, &s, &e), OK);
    CHECK_STR(buf_view(&out), "data: {\"error\":{\"type\":\"server_error\",\"message\":\"m\","
                              "\"param\":null,\"code\":\"c\"}}\n\n");
    buf_clear(&out);
    s = (struct answer_stream){.kind = ANSWER_OPENAI_RESPONSES, .sequence = 41};
    CHECK_EQ(openai_write_stream_error(&out, &s, &e), OK);
    CHECK_STR(buf_view(&out),
              "event: error\ndata: {\"type\":\"error\",\"sequence_number\":42,\"message\":\"m\","
              "\"param\":null,\"code\":\"c\",\"error\":{\"type\":\"server_error\","
              "\"message\":\"m\",\"param\":null,\"code\":\"c\"}}\n\n");
    buf_done(&out);
    buf_init(&out, 20);
    CHECK_EQ(openai_write_error(&out, &e), ERR_LIMIT);
    buf_done(&out);
}

TEST(openai_knows_the_error_type_of_a_status)
{
    CHECK_STR(openai_error_type(400), "invalid_request_error");
    CHECK_STR(openai_error_type(401), "authentication_error");
    CHECK_STR(openai_error_type(403), "permission_error");
    CHECK_STR(openai_error_type(404), "invalid_request_error");
    CHECK_STR(openai_error_type(429), "rate_limit_error");
    CHECK_STR(openai_error_type(500), "server_error");
    CHECK_STR(openai_error_type(504), "server_error");
}
