#include "assess/mock/mock_request.h"

#include "base/buf.h"

#include "support/test.h"

static err read(str body, struct mock_request *out, str *param)
{
    static struct arena arena;

    arena_reset(&arena);
    arena_init(&arena, 4096);
    return mock_request_read(body, &arena, out, param);
}

static void check_bad(str body, err e, str want)
{
    struct mock_request r;
    str param = STR("");

    CHECK_EQ(read(body, &r, &param), e);
    CHECK_SAME(param, want);
}

TEST(mock_request_takes_the_last_text_of_a_user)
{
    struct mock_request r;
    str param = STR("");

    CHECK_EQ(read(STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                      "{\"content\":[{\"type\":\"text\",\"text\":\"b\\u0021\"},{\"type\":"
                      "\"image_url\",\"image_url\":{\"url\":\"data:x\"}}],\"role\":\"user\"},"
                      "{\"role\":\"assistant\",\"content\":null}],\"unknown\":{\"a\":[1]}}"),
                  &r, &param),
             OK);
    CHECK_STR(r.text, "b!");
    CHECK_STR(r.model, "m");
    CHECK_EQ(r.images, 1);
    CHECK_EQ(r.words, 2);
    CHECK_EQ(r.choices, 1);
    CHECK(r.has_input && !r.is_stream);
}

TEST(mock_request_reads_what_responses_and_embeddings_say)
{
    struct mock_request r;
    str param = STR("");

    CHECK_EQ(read(STR("{\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\","
                      "\"dimensions\":8}"),
                  &r, &param),
             OK);
    CHECK_STR(r.input, "[\"a\",\"b\"]");
    CHECK(r.is_base64);
    CHECK_EQ(r.dimensions, 8);
    CHECK_EQ(read(STR("{\"input\":[1,2,3]}"), &r, &param), OK);
    CHECK_EQ(read(STR("{\"input\":[]}"), &r, &param), OK);
    CHECK_EQ(read(STR("{\"input\":[{\"role\":\"user\",\"content\":\"q\"},"
                      "{\"type\":\"function_call_output\",\"output\":\"x\"}]}"),
                  &r, &param),
             OK);
    CHECK_STR(r.text, "q");
}

TEST(mock_request_reads_the_first_tool_of_either_shape)
{
    struct mock_request r;
    str param = STR("");

    CHECK_EQ(read(STR("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
                      "{\"name\":\"g\"}],\"tool_choice\":\"required\",\"stream\":true}"),
                  &r, &param),
             OK);
    CHECK_STR(r.tool_name, "f");
    CHECK(r.needs_tool && r.is_stream);
    CHECK_EQ(read(STR("{\"tools\":[{\"type\":\"function\",\"name\":\"h\"}],\"tool_choice\":"
                      "\"auto\"}"),
                  &r, &param),
             OK);
    CHECK_STR(r.tool_name, "h");
    CHECK(!r.needs_tool);
    CHECK_EQ(read(STR("{\"tools\":[]}"), &r, &param), OK);
}

TEST(mock_request_prefers_the_tool_that_is_chosen_wherever_it_stands)
{
    struct mock_request r;
    str param = STR("");

    CHECK_EQ(read(STR("{\"tools\":[{\"function\":{\"name\":\"f\"}}],\"tool_choice\":"
                      "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}}"),
                  &r, &param),
             OK);
    CHECK_STR(r.tool_name, "g");
    CHECK(r.needs_tool);
    CHECK_EQ(
        read(STR("{\"tool_choice\":{\"name\":\"h\"},\"tools\":[{\"name\":\"f\"},7]}"), &r, &param),
        ERR_TYPE);
    CHECK_EQ(
        read(STR("{\"tool_choice\":{\"name\":\"h\"},\"tools\":[{\"name\":\"f\"}]}"), &r, &param),
        OK);
    CHECK_STR(r.tool_name, "h");
}

TEST(mock_request_reads_what_anthropic_asks)
{
    struct mock_request r;
    str param = STR("");

    CHECK_EQ(
        read(STR("{\"model\":\"m\",\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":"
                 "\"be brief\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                 "\"text\",\"text\":\"hi\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":"
                 "\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"text\":7}}]},{\"role\":"
                 "\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\","
                 "\"content\":\"ten words\"}]}],\"tools\":[{\"name\":\"f\",\"input_schema\":"
                 "{\"type\":\"object\"}}],\"tool_choice\":{\"type\":\"any\"},\"thinking\":"
                 "{\"type\":\"adaptive\"},\"stop_sequences\":[\"x\"]}"),
             &r, &param),
        OK);
    CHECK_STR(r.text, "hi"); // what a tool said is no text of the user
    CHECK_EQ(r.words, 2 + 1 + 2);
    CHECK_EQ(r.tokens_max, 9);
    CHECK_STR(r.tool_name, "f");
    CHECK(r.needs_tool && r.wants_thinking && r.has_input);
    CHECK_EQ(r.stop_count, 1);
    CHECK_STR(r.stops[0], "x");
    CHECK_EQ(
        read(STR("{\"tools\":[{\"name\":\"f\"}],\"tool_choice\":{\"type\":\"auto\"}}"), &r, &param),
        OK);
    CHECK(!r.needs_tool && !r.wants_thinking);
}

TEST(mock_request_heeds_so_many_stops_and_media_and_no_more)
{
    struct mock_request r;
    str param = STR("");
    struct buf body;

    buf_init(&body, 1 << 20);
    CHECK_EQ(buf_append(&body, STR("{\"stop\":[\"a\"")), OK);
    for (int i = 0; i < MOCK_REQUEST_STOPS_MAX; i++) {
        CHECK_EQ(buf_append(&body, STR(",\"b\"")), OK);
    }
    CHECK_EQ(buf_append(&body, STR("],\"messages\":[{\"role\":\"user\",\"content\":[1")), OK);
    for (int i = 0; i <= MOCK_REQUEST_MEDIA_MAX; i++) {
        CHECK_EQ(buf_append(&body, STR(",{\"image_url\":\"u\"}")), OK);
    }
    CHECK_EQ(buf_append(&body, STR("]}]}")), OK);
    CHECK_EQ(read(buf_view(&body), &r, &param), OK);
    CHECK_EQ(r.stop_count, MOCK_REQUEST_STOPS_MAX);
    CHECK_EQ(r.media_count, MOCK_REQUEST_MEDIA_MAX);
    CHECK_EQ(r.images, MOCK_REQUEST_MEDIA_MAX + 1);
    buf_done(&body);
}

TEST(mock_request_names_the_member_at_fault)
{
    check_bad(STR("{\"tool_choice\":7}"), ERR_TYPE, STR("tool_choice"));
    check_bad(STR("{\"model\":{}}"), ERR_TYPE, STR("model"));
    check_bad(STR("{\"system\":7}"), ERR_TYPE, STR("system"));
    check_bad(STR("{\"stop\":[7]}"), ERR_TYPE, STR("stop"));
    check_bad(STR("{\"stop_sequences\":7}"), ERR_TYPE, STR("stop_sequences"));
    check_bad(STR("{\"messages\":\"a\"}"), ERR_TYPE, STR("messages"));
    check_bad(STR("{\"messages\":[[]]}"), ERR_TYPE, STR("messages"));
    check_bad(STR("{\"messages\":[{\"role\":\"user\",\"content\":{}}]}"), ERR_TYPE,
              STR("messages"));
    check_bad(STR("{\"input\":7}"), ERR_TYPE, STR("input"));
    check_bad(STR("{\"stream\":\"true\"}"), ERR_TYPE, STR("stream"));
    check_bad(STR("{\"stream_options\":[]}"), ERR_TYPE, STR("stream_options"));
    check_bad(STR("{\"tools\":{}}"), ERR_TYPE, STR("tools"));
    check_bad(STR("{\"tools\":[[]]}"), ERR_TYPE, STR("tools"));
    check_bad(STR("{\"n\":0}"), ERR_RANGE, STR("n"));
    check_bad(STR("{\"n\":33}"), ERR_RANGE, STR("n"));
    check_bad(STR("{\"dimensions\":4097}"), ERR_RANGE, STR("dimensions"));
    check_bad(STR("{\"encoding_format\":\"hex\"}"), ERR_RANGE, STR("encoding_format"));
}

TEST(mock_request_refuses_what_is_no_object)
{
    static const str texts[] = {
        STR_INIT(""),      STR_INIT("[]"),           STR_INIT("7"),
        STR_INIT("{"),     STR_INIT("{\"model\":}"), STR_INIT("{\"model\":\"m\"}x"),
        STR_INIT("nulls"),
    };
    struct mock_request r;
    str param = STR("");

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK(read(texts[i], &r, &param) != OK);
    }
}
