#include "codec/json.h"
#include "provider/anthropic_dialect.h"
#include "provider/anthropic_finish.h"

#include "support/test.h"

TEST(anthropic_finish_maps_each_reason_both_ways)
{
    static const struct {
        const char *word;
        enum chat_finish finish;
    } rows[] = {
        {"end_turn", CHAT_FINISH_STOP},
        {"stop_sequence", CHAT_FINISH_STOP_SEQUENCE},
        {"max_tokens", CHAT_FINISH_LENGTH},
        {"model_context_window_exceeded", CHAT_FINISH_CONTEXT},
        {"tool_use", CHAT_FINISH_TOOL_CALLS},
        {"refusal", CHAT_FINISH_REFUSAL},
        {"pause_turn", CHAT_FINISH_PAUSE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        CHECK_EQ(anthropic_finish_read(str_from_c(rows[i].word)), rows[i].finish);
        CHECK_SAME(anthropic_finish_write(rows[i].finish, false), str_from_c(rows[i].word));
    }
    CHECK_EQ(anthropic_finish_read(STR("a_new_reason")), CHAT_FINISH_UNKNOWN);
}

TEST(anthropic_finish_stays_within_the_words_of_the_api)
{
    CHECK_STR(anthropic_finish_write(CHAT_FINISH_UNKNOWN, false), "end_turn");
    CHECK_STR(anthropic_finish_write(CHAT_FINISH_FILTER, false), "refusal");
    // Some servers stop for a tool without saying so.
    CHECK_STR(anthropic_finish_write(CHAT_FINISH_STOP, true), "tool_use");
    CHECK_STR(anthropic_finish_write(CHAT_FINISH_UNKNOWN, true), "tool_use");
    CHECK_STR(anthropic_finish_write(CHAT_FINISH_LENGTH, true), "max_tokens");
}

static err read_answer(const char *body, struct arena *a, struct chat_answer *out)
{
    return anthropic_answer_read(str_from_c(body), a, out);
}

TEST(anthropic_answer_is_read_with_all_it_says)
{
    struct chat_answer answer;
    struct arena a;

    arena_init(&a, 1024);
    CHECK_EQ(
        read_answer("{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
                    "\"claude-x\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\","
                    "\"signature\":\"Eq\"},{\"type\":\"text\",\"text\":\"H\\u0069\",\"citations\":"
                    "null},{\"type\":\"server_tool_use\",\"id\":\"s\"},{\"type\":\"a_new_block\"},{"
                    "\"type\":\"tool_use\","
                    "\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\": 1}}],\"stop_reason\":"
                    "\"stop_sequence\",\"stop_sequence\":\"END\",\"usage\":{\"input_tokens\":3,"
                    "\"cache_read_input_tokens\":4,\"output_tokens\":5,\"service_tier\":"
                    "\"standard\"}}",
                    &a, &answer),
        OK);
    CHECK_STR(answer.id.bytes, "msg_1");
    CHECK_STR(answer.model.bytes, "claude-x");
    CHECK_STR(answer.service_tier.bytes, "default");
    CHECK_EQ(answer.choice_count, 1);
    const struct chat_choice *c = &answer.choices[0];
    CHECK_EQ(c->part_count, 3);
    CHECK_EQ(c->parts[0].kind, CHAT_PART_REASONING);
    CHECK_STR(c->parts[0].signature.bytes, "Eq");
    CHECK_STR(c->parts[1].text.bytes, "H\\u0069");
    CHECK_EQ(c->parts[2].kind, CHAT_PART_TOOL_CALL);
    CHECK_STR(c->parts[2].arguments.bytes, "{\"a\": 1}");
    CHECK_EQ(c->finish, CHAT_FINISH_STOP_SEQUENCE);
    CHECK_STR(c->stop_sequence.bytes, "END");
    CHECK_EQ(answer.usage.input_tokens, 7);
    CHECK_EQ(answer.usage.cached_tokens, 4);
    CHECK_EQ(answer.usage.output_tokens, 5);
    arena_reset(&a);
}

TEST(anthropic_answer_that_is_none_is_refused)
{
    struct chat_answer answer;
    struct arena a;

    arena_init(&a, 1024);
    CHECK_EQ(read_answer("", &a, &answer), ERR_SYNTAX);
    CHECK_EQ(read_answer("[]", &a, &answer), ERR_SYNTAX);
    CHECK_EQ(read_answer("{\"content\":[]} x", &a, &answer), ERR_SYNTAX);
    CHECK_EQ(read_answer("{\"content\":7}", &a, &answer), ERR_TYPE);
    CHECK_EQ(read_answer("{\"content\":[{\"type\":\"text\"}]}", &a, &answer), ERR_TYPE);
    CHECK_EQ(read_answer("{\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}", &a, &answer),
             ERR_REFUSED);
    CHECK_EQ(read_answer("{\"content\":[]}", &a, &answer), OK);
    CHECK(!answer.usage.is_known);
    arena_reset(&a);
}

#define TEXT_PART(s)                                                                               \
    {                                                                                              \
        .kind = CHAT_PART_TEXT, .text = {.bytes = STR_INIT(s), .is_json = true }                   \
    }

static void check_written(struct chat_choice c, const struct chat_answer *from, const char *want)
{
    const struct chat_reply reply = {.model = STR("smart"), .id_seed = STR("7x")};
    struct chat_answer answer = *from;
    struct gather out;

    answer.choices = &c;
    answer.choice_count = 1;
    gather_init(&out, 10'000);
    CHECK_EQ(anthropic_answer_write(&answer, &reply, &out), OK);
    CHECK_EQ(json_check(buf_view(&out.text), NULL), OK);
    CHECK_SAME(buf_view(&out.text), str_from_c(want));
    gather_done(&out);
}

#define MESSAGE                                                                                    \
    "{\"id\":\"msg_7x\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"smart\","

TEST(anthropic_answer_is_written_with_an_id_and_a_model_of_the_client)
{
    struct chat_part parts[] = {
        {.kind = CHAT_PART_REASONING, .text = {.bytes = STR_INIT("hm")}},
        TEXT_PART("H\\u0069\\/"),
        TEXT_PART(""),
        {.kind = CHAT_PART_TOOL_CALL,
         .id = {.bytes = STR_INIT("call.1")},
         .name = {.bytes = STR_INIT("f")},
         .arguments = {.bytes = STR_INIT("{\\\"a\\\": 1e3}"), .is_json = true}}};
    const struct chat_answer answer = {.id = {.bytes = STR_INIT("chatcmpl-1")},
                                       .model = {.bytes = STR_INIT("gpt")},
                                       .service_tier = {.bytes = STR_INIT("default")},
                                       .usage = {.input_tokens = 10,
                                                 .cached_tokens = 4,
                                                 .has_cached = true,
                                                 .output_tokens = 5,
                                                 .is_known = true}};

    check_written(
        (struct chat_choice){.parts = parts, .part_count = 4, .finish = CHAT_FINISH_TOOL_CALLS},
        &answer,
        MESSAGE "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":"
                "\"\"},{\"type\":\"text\",\"text\":\"H\\u0069\\/\"},{\"type\":"
                "\"tool_use\",\"id\":\"call_1_958ca8995d7ef1bc\",\"name\":\"f\","
                "\"input\":{\"a\": 1e3}}],\"stop_reason\":\"tool_use\","
                "\"stop_sequence\":null,\"usage\":{\"input_tokens\":6,"
                "\"cache_read_input_tokens\":4,\"output_tokens\":5,\"service_tier\":"
                "\"standard\"}}");
}

TEST(anthropic_answer_of_next_to_nothing_is_whole)
{
    const struct chat_answer answer = {.id = {.bytes = STR_INIT("x")}};

    check_written((struct chat_choice){.finish = CHAT_FINISH_UNKNOWN}, &answer,
                  MESSAGE "\"content\":[],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
                          "\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}");
}

TEST(anthropic_answer_that_refuses_says_so)
{
    struct chat_part part = {.kind = CHAT_PART_REFUSAL, .text = {.bytes = STR_INIT("No.")}};
    const struct chat_answer answer = {.id = {.bytes = STR_INIT("x")}};

    check_written((struct chat_choice){.parts = &part, .part_count = 1, .finish = CHAT_FINISH_STOP},
                  &answer,
                  MESSAGE "\"content\":[{\"type\":\"text\",\"text\":\"No.\"}],\"stop_reason\":"
                          "\"refusal\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":0,"
                          "\"output_tokens\":0}}");
}

TEST(anthropic_answer_with_arguments_that_are_cut_shows_them_as_they_are)
{
    struct chat_part part = {.kind = CHAT_PART_TOOL_CALL,
                             .id = {.bytes = STR_INIT("t")},
                             .name = {.bytes = STR_INIT("f")},
                             .arguments = {.bytes = STR_INIT("{\\\"a\\\":"), .is_json = true}};
    const struct chat_answer answer = {.id = {.bytes = STR_INIT("x")}};

    check_written((struct chat_choice){.parts = &part,
                                       .part_count = 1,
                                       .finish = CHAT_FINISH_LENGTH,
                                       .stop_sequence = {.bytes = STR_INIT("E")}},
                  &answer,
                  MESSAGE "\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\","
                          "\"input\":\"{\\\"a\\\":\"}],\"stop_reason\":\"max_tokens\","
                          "\"stop_sequence\":\"E\",\"usage\":{\"input_tokens\":0,"
                          "\"output_tokens\":0}}");
}

TEST(anthropic_answer_of_a_count_is_a_number)
{
    uint64_t tokens = 0;
    struct buf out;

    buf_init(&out, 100);
    CHECK_EQ(anthropic_answer_write_count(2095, &out), OK);
    CHECK_STR(buf_view(&out), "{\"input_tokens\":2095}");
    CHECK_EQ(anthropic_answer_read_count(buf_view(&out), &tokens), OK);
    CHECK_EQ(tokens, 2095);
    CHECK_EQ(anthropic_answer_read_count(STR("{\"input_tokens\":\"7\"}"), &tokens), ERR_TYPE);
    CHECK_EQ(anthropic_answer_read_count(STR("{}"), &tokens), ERR_TYPE);
    CHECK_EQ(anthropic_answer_read_count(STR("{\"input_tokens\":7"), &tokens), ERR_SYNTAX);
    CHECK_EQ(tokens, 2095); // written only on success
    buf_done(&out);
}
