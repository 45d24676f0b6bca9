#include "provider/openai.h"

#include "base/random.h"

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

#define CHOICE(index, rest) "{\"choices\":[{\"index\":" index "," rest "}]}"
#define DELTA "\"delta\":{\"content\":\"x\"},\"finish_reason\":null"
#define FINISH "\"delta\":{},\"finish_reason\":\"stop\""

// Feeds events that end with NULL.
static struct openai_stream feed(enum openai_stream_kind kind, const char *const *events)
{
    struct openai_stream s = {.kind = kind};

    for (; *events; events++) {
        CHECK_EQ(openai_stream_event(&s, str_from_c(*events)), OK);
    }
    return s;
}

static bool is_complete(enum openai_stream_kind kind, const char *const *events)
{
    struct openai_stream s = feed(kind, events);

    return openai_stream_is_complete(&s);
}

#define CHAT(...) is_complete(OPENAI_STREAM_CHAT, (const char *const[]){__VA_ARGS__, NULL})
#define RESPONSES(...)                                                                             \
    is_complete(OPENAI_STREAM_RESPONSES, (const char *const[]){__VA_ARGS__, NULL})

TEST(openai_chat_is_complete_when_every_choice_has_finished)
{
    CHECK(!CHAT(CHOICE("0", DELTA)));
    CHECK(CHAT(CHOICE("0", DELTA), CHOICE("0", FINISH)));
    CHECK(!CHAT(CHOICE("0", DELTA), CHOICE("1", DELTA), CHOICE("0", FINISH)));
    CHECK(CHAT(CHOICE("0", DELTA), CHOICE("1", DELTA), CHOICE("1", FINISH), CHOICE("0", FINISH)));
    CHECK(CHAT("{\"choices\":[{\"index\":0," DELTA "},{\"index\":1," DELTA "}]}",
               "{\"choices\":[{\"index\":0," FINISH "},{\"index\":1," FINISH "}]}"));
    // One that goes on after another had finished.
    CHECK(!CHAT(CHOICE("0", FINISH), CHOICE("1", DELTA)));
    CHECK(CHAT(CHOICE("0", FINISH), "{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}"));
    CHECK(!CHAT("{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}"));
    CHECK(!CHAT("{}"));
    CHECK(!CHAT("{\"choices\":null}"));
    CHECK(!CHAT("{\"choices\":[1,null,\"x\",[]]}"));
}

TEST(openai_chat_is_complete_at_the_end_mark_or_its_own_error)
{
    CHECK(CHAT("[DONE]"));
    CHECK(CHAT(CHOICE("0", DELTA), "[DONE]"));
    CHECK(CHAT(CHOICE("0", DELTA), "{\"error\":{\"message\":\"x\"}}"));
    CHECK(!CHAT(CHOICE("0", DELTA), "{\"error\":null}"));
    CHECK(!CHAT(CHOICE("0", DELTA), "{\"type\":\"response.completed\"}"));
    CHECK(!CHAT(CHOICE("0", DELTA), "{\"type\":\"error\"}"));
}

TEST(openai_chat_takes_a_finish_of_a_legacy_completion)
{
    CHECK(CHAT("{\"choices\":[{\"text\":\"x\",\"index\":0,\"finish_reason\":null}]}",
               "{\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"length\"}]}"));
}

TEST(openai_chat_counts_a_stray_index_as_the_first_choice)
{
    CHECK(CHAT(CHOICE("64", FINISH)));
    CHECK(CHAT(CHOICE("-1", FINISH)));
    CHECK(CHAT(CHOICE("\"a\"", FINISH)));
    CHECK(!CHAT(CHOICE("63", DELTA), CHOICE("0", FINISH)));
}

TEST(openai_responses_are_complete_at_their_terminal_events)
{
    CHECK(!RESPONSES("{\"type\":\"response.created\"}"));
    CHECK(!RESPONSES("{\"type\":\"response.output_text.delta\",\"delta\":\"x\"}"));
    CHECK(RESPONSES("{\"type\":\"response.completed\"}"));
    CHECK(RESPONSES("{\"type\":\"response.incomplete\"}"));
    CHECK(RESPONSES("{\"type\":\"response.failed\"}"));
    CHECK(RESPONSES("{\"type\":\"error\",\"message\":\"x\"}"));
    CHECK(RESPONSES("{\"type\":\"response.complet\\u0065d\"}"));
    CHECK(!RESPONSES("{\"type\":\"response.completed.not\"}"));
    CHECK(!RESPONSES("{\"type\":null}"));
    CHECK(!RESPONSES("{\"response\":{\"type\":\"response.completed\"}}"));
    CHECK(!RESPONSES(CHOICE("0", FINISH)));
}

TEST(openai_stream_refuses_what_is_no_event_and_keeps_its_state)
{
    static const str bad[] = {
        STR_INIT(""),
        STR_INIT("["),
        STR_INIT("[]"),
        STR_INIT("[1]"),
        STR_INIT("[DONE"),
        STR_INIT("[DONE] "),
        STR_INIT("1"),
        STR_INIT("null"),
        STR_INIT("\"x\""),
        STR_INIT("{"),
        STR_INIT("{\"a\":}"),
        STR_INIT("{} {}"),
        STR_INIT("{\"choices\":[{\"finish_reason\":\"stop\"}"),
        STR_INIT("{\"usage\":{\"prompt_tokens\":}}"),
        STR_INIT("{\"choices\":[{\"index\":0,}]}"),
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct openai_stream s = {.kind = OPENAI_STREAM_CHAT, .sequence = 7};
        CHECK_EQ(openai_stream_event(&s, bad[i]), ERR_SYNTAX);
        CHECK(!openai_stream_is_complete(&s));
        CHECK_EQ(s.sequence, 7);
        CHECK_EQ(s.choices_seen, 0);
    }
}

TEST(openai_stream_takes_any_damage_to_an_event)
{
    static const str good =
        STR_INIT("{\"type\":\"x\",\"sequence_number\":3,\"choices\":[{\"index\":0,"
                 "\"delta\":{\"a\":[1]},\"finish_reason\":\"stop\"}],\"usage\":"
                 "{\"prompt_tokens\":1},\"response\":{\"usage\":{}}}");
    struct random random;
    char bytes[300];

    random_init(&random, test_seed());
    for (int i = 0; i < 20'000; i++) {
        struct openai_stream s = {.kind = (enum openai_stream_kind)random_below(&random, 2)};
        size_t len = 1 + random_below(&random, good.len);
        memcpy(bytes, good.ptr, good.len);
        for (uint64_t n = 1 + random_below(&random, 4); n; n--) {
            bytes[random_below(&random, good.len)] = "{}[]\":,0x\\"[random_below(&random, 10)];
        }
        // Whatever it says, it says one of the two.
        err e = openai_stream_event(&s, (str){bytes, len});
        CHECK(e == OK || e == ERR_SYNTAX);
        (void)openai_answer_usage((str){bytes, len}); // must merely return
    }
}

TEST(openai_stream_tells_content_from_the_rest)
{
    CHECK(!feed(OPENAI_STREAM_CHAT, (const char *const[]){"{\"id\":\"x\",\"choices\":[]}", NULL})
               .has_content);
    CHECK(feed(OPENAI_STREAM_CHAT, (const char *const[]){CHOICE("0", DELTA), NULL}).has_content);
    CHECK(feed(OPENAI_STREAM_RESPONSES,
               (const char *const[]){"{\"type\":\"response.output_text.delta\"}", NULL})
              .has_content);
    // What says that the request was heard is no token.
    CHECK(!feed(OPENAI_STREAM_RESPONSES,
                (const char *const[]){"{\"type\":\"response.created\"}",
                                      "{\"type\":\"response.queued\"}",
                                      "{\"type\":\"response.in_progress\"}", NULL})
               .has_content);
}

static void check_usage(struct openai_usage u, bool is_known, uint64_t input, uint64_t output)
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
    check_usage(openai_answer_usage(STR("{\"usage\":{\"prompt_tokens\":\"3\"}}")), true, 0, 0);
    check_usage(openai_answer_usage(STR("{\"usage\":{\"prompt_tokens\":-3}}")), true, 0, 0);
    check_usage(openai_answer_usage(STR("{\"usage\":null}")), false, 0, 0);
    check_usage(openai_answer_usage(STR("{\"usage\":[1]}")), false, 0, 0);
    check_usage(openai_answer_usage(STR("{}")), false, 0, 0);
    check_usage(openai_answer_usage(STR("[{\"usage\":{}}]")), false, 0, 0);
    check_usage(openai_answer_usage(STR("not JSON")), false, 0, 0);
    check_usage(openai_answer_usage(STR("")), false, 0, 0);
    check_usage(feed(OPENAI_STREAM_CHAT,
                     (const char *const[]){"{\"choices\":[],\"usage\":null}",
                                           "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
                                           "\"completion_tokens\":5}}",
                                           "{\"choices\":[],\"usage\":null}", NULL})
                    .usage,
                true, 3, 5);
    check_usage(
        feed(OPENAI_STREAM_RESPONSES,
             (const char *const[]){"{\"type\":\"response.completed\",\"response\":{\"usage\":"
                                   "{\"input_tokens\":3,\"output_tokens\":5}}}",
                                   NULL})
            .usage,
        true, 3, 5);
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
    struct openai_stream s = {.kind = OPENAI_STREAM_CHAT};
    struct buf out;

    buf_init(&out, 1000);
    CHECK_EQ(openai_write_stream_error(&out, &s, &e), OK);
    CHECK_STR(buf_view(&out), "data: {\"error\":{\"type\":\"server_error\",\"message\":\"m\","
                              "\"param\":null,\"code\":\"c\"}}\n\n");
    buf_clear(&out);
    s = feed(OPENAI_STREAM_RESPONSES,
             (const char *const[]){"{\"type\":\"x\",\"sequence_number\":41}", NULL});
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
