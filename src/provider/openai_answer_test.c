#include "provider/openai_answer.h"

#include "support/chat_dump.h"
#include "support/chat_maker.h"
#include "support/test.h"

enum { TEXT_MAX = 1 << 16 };

static void check_read(str body, err want_error, const char *want)
{
    struct chat_answer answer;
    struct arena a;
    struct buf out;

    arena_init(&a, 4096);
    buf_init(&out, TEXT_MAX);
    err e = openai_answer_read(body, &a, &answer);
    if (!e) chat_dump_answer(&answer, &out);
    CHECK_EQ(e, want_error);
    CHECK_SAME(buf_view(&out), str_from_c(want));
    buf_done(&out);
    arena_reset(&a);
}

#define ANSWER(message, finish)                                                                    \
    STR("{\"choices\":[{\"message\":{" message "},\"finish_reason\":\"" finish "\"}]}")

TEST(openai_answer_reads_all_that_one_may_hold)
{
    check_read(
        STR("{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,"
            "\"model\":\"gpt\",\"system_fingerprint\":\"fp\",\"service_tier\":\"default\","
            "\"choices\":[{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"a\\n\","
            "\"refusal\":null,\"annotations\":[],\"audio\":null},\"logprobs\":{ \"content\":[] },"
            "\"finish_reason\":\"length\"},{\"index\":0,\"message\":{\"role\":\"assistant\","
            "\"content\":null,\"refusal\":\"no\"},\"logprobs\":null,"
            "\"finish_reason\":\"content_filter\"}],"
            "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0,\"total_tokens\":3}}"),
        OK,
        "answer model=\"gpt\" service_tier=\"default\"\n"
        "choice 1 finish length logprobs={ \"content\":[] }\n  text text=\"a\\n\"\n"
        "choice 0 finish filter\n  refusal text=\"no\"\nusage input=3 output=0\n");
}

TEST(openai_answer_reads_calls_behind_what_was_said)
{
    check_read(ANSWER("\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{"
                      "\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}],"
                      "\"content\":\"t\",\"reasoning_content\":\"r\"",
                      "tool_calls"),
               OK,
               "answer\nchoice 0 finish tool_calls\n  reasoning text=\"r\"\n  text text=\"t\"\n"
               "  tool_call id=\"c\" name=\"f\" arguments=\"{\\\"a\\\":1}\"\n");
    check_read(ANSWER("\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}", "function_call"),
               OK, "answer\nchoice 0 finish tool_calls\n  tool_call name=\"f\" arguments=\"{}\"\n");
}

TEST(openai_answer_is_lenient_with_compatible_servers)
{
    // No id, arguments as an object, an empty text, and "stop" for a call that was demanded.
    check_read(ANSWER("\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
                      "\"arguments\":{ \"a\":1 }}}]",
                      "stop"),
               OK,
               "answer\nchoice 0 finish tool_calls\n"
               "  tool_call name=\"f\" arguments=\"{ \\\"a\\\":1 }\"\n");
    check_read(ANSWER("\"content\":\"x\",\"reasoning\":\"r\"", "eos"), OK,
               "answer\nchoice 0 finish stop\n  reasoning text=\"r\"\n  text text=\"x\"\n");
    check_read(ANSWER("\"content\":\"x\",\"reasoning_content\":\"r\",\"reasoning\":\"r\"", "stop"),
               OK, "answer\nchoice 0 finish stop\n  reasoning text=\"r\"\n  text text=\"x\"\n");
    check_read(ANSWER("\"content\":[{\"type\":\"thinking\",\"thinking\":[]},"
                      "{\"type\":\"text\",\"text\":\"x\"}]",
                      "what"),
               OK, "answer\nchoice 0 finish unknown\n  text text=\"x\"\n");
    check_read(STR("{\"choices\":[{\"message\":{\"content\":\"\"}}],\"created\":\"x\","
                   "\"usage\":null}"),
               OK, "answer\nchoice 0 finish unknown\n  text text=\"\"\n");
}

TEST(openai_answer_refuses_what_is_none)
{
    check_read(STR(""), ERR_SYNTAX, "");
    check_read(STR("[]"), ERR_TYPE, "");
    check_read(STR("{}"), ERR_TYPE, "");
    check_read(STR("{\"choices\":[]}"), ERR_TYPE, "");
    check_read(STR("{\"choices\":[{}]"), ERR_SYNTAX, "");
    check_read(STR("{\"choices\":[7]}"), ERR_TYPE, "");
    check_read(STR("{\"choices\":[{\"message\":{\"content\":7}}]}"), ERR_TYPE, "");
    check_read(STR("{\"choices\":[{\"message\":{\"tool_calls\":[{}]}}]}"), ERR_TYPE, "");
    check_read(STR("{\"choices\":[{}]} {}"), ERR_SYNTAX, "");
}

TEST(openai_answer_bounds_its_choices)
{
    struct buf body;

    buf_init(&body, TEXT_MAX);
    CHECK_EQ(buf_append(&body, STR("{\"choices\":[{}")), OK);
    for (int i = 0; i < CHAT_CHOICES_MAX; i++) {
        CHECK_EQ(buf_append(&body, STR(",{}")), OK);
    }
    CHECK_EQ(buf_append(&body, STR("]}")), OK);
    check_read(buf_view(&body), ERR_LIMIT, "");
    buf_done(&body);
}

static const struct chat_reply reply = {
    .model = STR_INIT("smart"), .id_seed = STR_INIT("7f"), .created = 1'700'000'000};

static void check_written(const struct chat_answer *answer, const struct chat_reply *r,
                          const char *want)
{
    struct gather g;

    gather_init(&g, TEXT_MAX);
    CHECK_EQ(openai_answer_write(answer, r, &g), OK);
    CHECK_EQ(g.insert_count, 0);
    CHECK_SAME(buf_view(&g.text), str_from_c(want));
    gather_done(&g);
}

#define PLAIN(literal)                                                                             \
    {                                                                                              \
        .bytes = STR_INIT(literal)                                                                 \
    }
#define HEAD "{\"id\":\"chatcmpl-7f\",\"object\":\"chat.completion\",\"created\":1700000000,"

TEST(openai_answer_writes_several_texts_as_one)
{
    static struct chat_part parts[] = {
        {.kind = CHAT_PART_REASONING, .text = PLAIN("hm"), .signature = PLAIN("s")},
        {.kind = CHAT_PART_REASONING, .redacted = PLAIN("secret")},
        {.kind = CHAT_PART_TEXT, .text = {STR_INIT("a\\u0041"), true}},
        {.kind = CHAT_PART_TEXT, .text = PLAIN("\n")},
    };
    static struct chat_choice choice = {
        .parts = parts, .part_count = 4, .finish = CHAT_FINISH_STOP_SEQUENCE};
    const struct chat_answer answer = {.id = PLAIN("msg_1"),
                                       .model = PLAIN("claude"),
                                       .choices = &choice,
                                       .choice_count = 1,
                                       .usage = {.is_known = true, .input_tokens = 2},
                                       .service_tier = PLAIN("standard")};

    check_written(&answer, &reply,
                  HEAD "\"model\":\"smart\",\"choices\":[{\"index\":0,\"message\":{"
                       "\"role\":\"assistant\",\"content\":\"a\\u0041\\n\","
                       "\"reasoning_content\":\"hm\",\"refusal\":null},\"logprobs\":null,"
                       "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":2,"
                       "\"completion_tokens\":0,\"total_tokens\":2},"
                       "\"service_tier\":\"default\"}");
}

TEST(openai_answer_mints_ids_and_empty_arguments)
{
    static struct chat_part parts[] = {
        {.kind = CHAT_PART_TOOL_CALL, .name = PLAIN("f"), .arguments = PLAIN("{\"a\":\"b\"}")},
        {.kind = CHAT_PART_TOOL_CALL, .id = PLAIN("toolu_1"), .name = PLAIN("g")},
    };
    static struct chat_choice choice = {
        .index = 2, .parts = parts, .part_count = 2, .finish = CHAT_FINISH_TOOL_CALLS};
    const struct chat_answer answer = {
        .model = PLAIN("claude"), .created = 1'700'000'000, .choices = &choice, .choice_count = 1};
    struct chat_reply r = {.id_seed = STR("7f"), .created = 5};

    check_written(&answer, &r,
                  HEAD "\"model\":\"claude\",\"choices\":[{\"index\":2,\"message\":{"
                       "\"role\":\"assistant\",\"content\":null,\"refusal\":null,"
                       "\"tool_calls\":[{\"id\":\"call_7f_0\",\"type\":\"function\","
                       "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\\\"b\\\"}\"}},"
                       "{\"id\":\"toolu_1\",\"type\":\"function\",\"function\":{\"name\":\"g\","
                       "\"arguments\":\"{}\"}}]},\"logprobs\":null,"
                       "\"finish_reason\":\"tool_calls\"}]}");
    r.uses_functions = true;
    check_written(&answer, &r,
                  HEAD "\"model\":\"claude\",\"choices\":[{\"index\":2,\"message\":{"
                       "\"role\":\"assistant\",\"content\":null,\"refusal\":null,"
                       "\"function_call\":{\"name\":\"f\","
                       "\"arguments\":\"{\\\"a\\\":\\\"b\\\"}\"}},\"logprobs\":null,"
                       "\"finish_reason\":\"function_call\"}]}");
}

TEST(openai_answer_written_reads_back_whatever_it_says)
{
    struct chat_maker m = {.can = CHAT_MAKER_REASONING | CHAT_MAKER_REFUSALS | CHAT_MAKER_CHOICES |
                                  CHAT_MAKER_PARALLEL};
    struct chat_reply r = {.id_seed = STR("7f"), .created = 5};
    struct chat_answer answer;
    struct chat_answer again;
    struct arena a;
    struct gather g;
    struct buf before;
    struct buf after;

    random_init(&m.random, test_seed());
    arena_init(&a, 1 << 16);
    m.arena = &a;
    for (int i = 0; i < 2000; i++) {
        gather_init(&g, TEXT_MAX);
        buf_init(&before, TEXT_MAX);
        buf_init(&after, TEXT_MAX);
        chat_maker_answer(&m, &answer);
        chat_dump_answer(&answer, &before);
        CHECK_EQ(openai_answer_write(&answer, &r, &g), OK);
        CHECK_EQ(openai_answer_read(buf_view(&g.text), &a, &again), OK);
        chat_dump_answer(&again, &after);
        CHECK_SAME(buf_view(&after), buf_view(&before));
        CHECK_EQ(again.created, answer.created);
        buf_done(&after);
        buf_done(&before);
        gather_done(&g);
        arena_reset(&a);
    }
}
