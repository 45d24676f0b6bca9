#include "base/random.h"
#include "provider/openai.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

#define CHOICE(index, rest) "{\"choices\":[{\"index\":" index "," rest "}]}"
#define DELTA "\"delta\":{\"content\":\"x\"},\"finish_reason\":null"
#define FINISH "\"delta\":{},\"finish_reason\":\"stop\""

// Feeds events that end with NULL.
static struct answer_stream feed(enum answer_kind kind, const char *const *events)
{
    struct answer_stream s = {.kind = kind};

    for (; *events; events++) {
        CHECK_EQ(openai_stream_event(&s, str_from_c(*events)), OK);
    }
    return s;
}

static bool is_complete(enum answer_kind kind, const char *const *events)
{
    struct answer_stream s = feed(kind, events);

    return answer_stream_is_complete(&s);
}

#define CHAT_STREAM(...) feed(ANSWER_OPENAI_CHAT, (const char *const[]){__VA_ARGS__, NULL})
#define RESPONSES_STREAM(...)                                                                      \
    feed(ANSWER_OPENAI_RESPONSES, (const char *const[]){__VA_ARGS__, NULL})
#define CHAT(...) is_complete(ANSWER_OPENAI_CHAT, (const char *const[]){__VA_ARGS__, NULL})
#define RESPONSES(...)                                                                             \
    is_complete(ANSWER_OPENAI_RESPONSES, (const char *const[]){__VA_ARGS__, NULL})

TEST(openai_stream_of_chat_is_complete_when_every_choice_has_finished)
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

TEST(openai_stream_of_chat_is_complete_at_the_end_mark_or_its_own_error)
{
    CHECK(CHAT("[DONE]"));
    CHECK(CHAT(CHOICE("0", DELTA), "[DONE]"));
    CHECK(CHAT(CHOICE("0", DELTA), "{\"error\":{\"message\":\"x\"}}"));
    CHECK(!CHAT(CHOICE("0", DELTA), "{\"error\":null}"));
    CHECK(!CHAT(CHOICE("0", DELTA), "{\"type\":\"response.completed\"}"));
    CHECK(!CHAT(CHOICE("0", DELTA), "{\"type\":\"error\"}"));
}

TEST(openai_stream_of_chat_takes_a_finish_of_a_legacy_completion)
{
    CHECK(CHAT("{\"choices\":[{\"text\":\"x\",\"index\":0,\"finish_reason\":null}]}",
               "{\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"length\"}]}"));
}

TEST(openai_stream_of_chat_counts_a_stray_index_as_the_first_choice)
{
    CHECK(CHAT(CHOICE("64", FINISH)));
    CHECK(CHAT(CHOICE("-1", FINISH)));
    CHECK(CHAT(CHOICE("\"a\"", FINISH)));
    CHECK(!CHAT(CHOICE("63", DELTA), CHOICE("0", FINISH)));
}

TEST(openai_stream_of_responses_are_complete_at_their_terminal_events)
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
        struct answer_stream s = {.kind = ANSWER_OPENAI_CHAT, .sequence = 7};
        CHECK_EQ(openai_stream_event(&s, bad[i]), ERR_SYNTAX);
        CHECK(!answer_stream_is_complete(&s));
        CHECK_EQ(s.sequence, 7);
        CHECK_EQ(s.choices_seen, 0);
    }
}

TEST(openai_stream_takes_any_damage_to_an_event)
{
    static const str good =
        STR_INIT("{\"type\":\"x\",\"sequence_number\":3,\"choices\":[{\"index\":0,"
                 "\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":"
                 "{\"prompt_tokens\":1},\"response\":{\"usage\":{}}}");
    struct random random;
    char bytes[300];

    random_init(&random, test_seed());
    for (int i = 0; i < 20'000; i++) {
        struct answer_stream s = {.kind = (enum answer_kind)random_below(&random, 2)};
        size_t len = 1 + random_below(&random, good.len);
        memcpy(bytes, good.ptr, good.len);
        for (uint64_t n = 1 + random_below(&random, 4); n; n--) {
            bytes[random_below(&random, good.len)] = "{}[]\":,0x\\"[random_below(&random, 10)];
        }
        // Whatever it says, it says one of the two.
        err e = openai_stream_event(&s, (str){bytes, len});
        CHECK(e == OK || e == ERR_SYNTAX);
        str content = s.delta.content;
        CHECK(!content.ptr || (content.ptr > bytes && content.ptr + content.len < bytes + len));
        (void)openai_answer_usage((str){bytes, len}); // must merely return
    }
}

// What a delta brought, as letters: content, reasoning, other, finish, usage only, error.
static void check_delta(enum answer_kind kind, const char *event, const char *want,
                        const char *content)
{
    const char *const events[] = {event, NULL};
    struct answer_stream s = feed(kind, events);
    const struct answer_delta *d = &s.delta;
    char got[8] = "";
    size_t len = 0;

    if (d->content.len) got[len++] = 'c';
    if (d->has_reasoning) got[len++] = 'r';
    if (d->has_other) got[len++] = 'o';
    if (d->is_finish) got[len++] = 'f';
    if (d->is_usage_only) got[len++] = 'u';
    if (d->is_error) got[len++] = 'e';
    if (strcmp(got, want)) test_fail(__FILE__, __LINE__, "%s: %s, not %s", event, got, want);
    CHECK_SAME(d->content, str_from_c(content));
    CHECK_EQ(s.has_failed, d->is_error);
}

#define CHAT_DELTA(inside) "{\"choices\":[{\"index\":0,\"delta\":{" inside "}}]}"

TEST(openai_stream_tells_what_a_delta_brought)
{
    static const struct {
        const char *event;
        const char *want;
        const char *content;
    } rows[] = {
        {CHAT_DELTA("\"content\":\"a\\n\\u00e4\""), "c", "a\\n\\u00e4"},
        {CHAT_DELTA("\"c\\u006fntent\":\"a\""), "c", "a"},
        {CHAT_DELTA("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"), "", ""},
        {CHAT_DELTA("\"role\":\"assistant\",\"content\":null"), "", ""},
        {CHAT_DELTA(""), "", ""},
        {CHAT_DELTA("\"content\":\"\",\"reasoning_content\":\"x\""), "r", ""},
        {CHAT_DELTA("\"reasoning\":\"x\",\"reasoning_details\":[{}]"), "r", ""},
        {CHAT_DELTA("\"reasoning\":\"\",\"reasoning_content\":null"), "", ""},
        {CHAT_DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\"}}]"), "o", ""},
        {CHAT_DELTA("\"tool_calls\":[ ],\"function_call\":null,\"audio\":{},\"images\":[]"), "",
         ""},
        {CHAT_DELTA("\"function_call\":{\"name\":\"f\"}"), "o", ""},
        {CHAT_DELTA("\"refusal\":\"no\""), "o", ""},
        {CHAT_DELTA("\"audio\":{\"data\":\"x\"},\"content\":\"a\""), "co", "a"},
        {CHAT_DELTA("\"content\":[{\"type\":\"thinking\"}]"), "o", ""},
        {CHAT_DELTA("\"content\":\"a\",\"content\":\"b\""), "co", "b"},
        {CHAT_DELTA("\"unheard_of\":\"x\""), "", ""},
        {CHOICE("0", "\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[]}"), "co", "a"},
        {CHOICE("0", "\"delta\":{\"content\":\"a\"},\"logprobs\":null"), "c", "a"},
        {CHOICE("0", "\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\""), "cf", "a"},
        {CHOICE("0", "\"delta\":{},\"finish_reason\":\"\""), "", ""},
        {CHOICE("0", "\"text\":\"a\",\"finish_reason\":null"), "c", "a"},
        {CHOICE("0", "\"text\":\"a\",\"delta\":{\"content\":\"b\"}"), "co", "b"},
        {CHOICE("1", "\"delta\":{\"content\":\"a\"}"), "o", ""},
        {CHOICE("1", "\"delta\":{\"role\":\"assistant\"}"), "o", ""},
        {CHOICE("\"x\"", "\"delta\":{\"content\":\"a\"}"), "o", ""},
        {CHOICE("null", "\"delta\":{\"content\":\"a\"}"), "c", "a"},
        {"{\"choices\":[{\"delta\":{\"content\":\"a\"},\"index\":1},{\"delta\":{\"content\":"
         "\"b\"}}]}",
         "co", "b"},
        {"{\"choices\":[{\"text\":\"a\"},{\"text\":\"b\"}]}", "co", "b"},
        {"{\"choices\":[{\"delta\":null},{\"delta\":\"x\"}]}", "", ""},
        {"{\"choices\":[ ],\"usage\":{\"prompt_tokens\":1}}", "u", ""},
        {"{\"choices\":[],\"usage\":null}", "", ""},
        {"{\"choices\":[],\"prompt_filter_results\":[{}]}", "", ""},
        {"{\"usage\":{\"prompt_tokens\":1}}", "", ""},
        {"{\"choices\":[{\"text\":\"a\"}],\"usage\":{\"prompt_tokens\":1}}", "c", "a"},
        {"{\"error\":{\"code\":502},\"choices\":[{\"delta\":{\"content\":\"a\"},"
         "\"finish_reason\":\"error\"}]}",
         "e", ""},
        {"{\"error\":\"x\"}", "e", ""},
        {"{\"error\":{}}", "e", ""},
        {"{\"error\":\"\"}", "", ""},
        {"{\"error\":null}", "", ""},
        {"{\"error\":false}", "", ""},
        {"{\"error\":0}", "", ""},
        {"{\"error\":true}", "e", ""},
        {"{\"error\":[]}", "", ""},
        {"{\"type\":\"error\"}", "", ""},
        {"[DONE]", "", ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        check_delta(ANSWER_OPENAI_CHAT, rows[i].event, rows[i].want, rows[i].content);
    }
}

TEST(openai_stream_of_responses_tells_parts_from_receipts)
{
    static const struct {
        const char *type;
        const char *want;
    } rows[] = {
        {"response.created", ""},
        {"response.queued", ""},
        {"response.in_progress", ""},
        {"response.output_item.added", ""},
        {"response.content_part.added", ""},
        {"response.web_search_call.searching", ""},
        {"keepalive", ""},
        {"response.output_text.delta", "o"},
        {"response.output_text.done", "o"},
        {"response.function_call_arguments.done", "o"},
        {"response.image_generation_call.partial_image", "o"},
        {"response.reasoning_summary_text.delta", "ro"},
        {"response.completed", "f"},
        {"response.incomplete", "f"},
        {"response.failed", "e"},
        {"error", "e"},
    };
    char event[100];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        (void)snprintf(event, sizeof(event), "{\"type\":\"%s\",\"delta\":\"x\"}", rows[i].type);
        check_delta(ANSWER_OPENAI_RESPONSES, event, rows[i].want, "");
        const char *const events[] = {event, NULL};
        struct answer_stream s = feed(ANSWER_OPENAI_RESPONSES, events);
        CHECK_EQ(s.has_content, rows[i].want[0] && rows[i].want[0] != 'e');
        CHECK_EQ(s.is_finished, rows[i].want[0] == 'f');
    }
    check_delta(ANSWER_OPENAI_RESPONSES, "{\"type\":null}", "", "");
    check_delta(ANSWER_OPENAI_RESPONSES, "{\"sequence_number\":1}", "", "");
}

TEST(openai_stream_forgets_the_delta_of_the_event_before)
{
    struct answer_stream s = {.kind = ANSWER_OPENAI_CHAT};

    CHECK_EQ(openai_stream_event(&s, STR(CHOICE("1", DELTA))), OK);
    CHECK(s.delta.has_other);
    CHECK_EQ(openai_stream_event(&s, STR(CHOICE("0", DELTA))), OK);
    CHECK(!s.delta.has_other);
    CHECK_STR(s.delta.content, "x");
    CHECK_EQ(openai_stream_event(&s, STR("[DONE]")), OK);
    CHECK(!s.delta.content.ptr);
}

static bool has_content(const char *event)
{
    return feed(ANSWER_OPENAI_CHAT, (const char *const[]){event, NULL}).has_content;
}

TEST(openai_stream_has_content_from_the_first_part_of_an_answer_on)
{
    CHECK(!has_content("{\"id\":\"x\",\"choices\":[]}"));
    CHECK(!has_content("{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}"));
    CHECK(!has_content(CHAT_DELTA("\"role\":\"assistant\",\"content\":\"\"")));
    CHECK(!has_content(CHOICE("1", "\"delta\":{\"role\":\"assistant\"}")));
    CHECK(!has_content(CHOICE("0", "\"text\":\"\",\"logprobs\":{}")));
    CHECK(!has_content("{\"type\":\"response.output_text.delta\"}"));
    CHECK(!has_content("{\"error\":{\"message\":\"x\"}}"));
    CHECK(!has_content("[DONE]"));
    CHECK(has_content(CHOICE("0", DELTA)));
    CHECK(has_content(CHOICE("1", DELTA)));
    CHECK(has_content(CHOICE("0", FINISH)));
    CHECK(has_content(CHOICE("0", "\"text\":\"x\"")));
    CHECK(has_content(CHAT_DELTA("\"reasoning_content\":\"x\"")));
    CHECK(has_content(CHAT_DELTA("\"tool_calls\":[{}]")));
    CHECK(has_content(CHAT_DELTA("\"refusal\":\"x\"")));
    CHECK(has_content(CHAT_DELTA("\"audio\":{\"id\":\"x\"}")));
    // And it stays so, whatever comes then.
    CHECK(CHAT_STREAM(CHOICE("0", DELTA), "{\"error\":{}}").has_content);
    CHECK(!CHAT_STREAM(CHOICE("0", "\"delta\":{}"), "{\"error\":{}}").has_content);
}

TEST(openai_stream_with_an_error_in_band_has_no_finish)
{
    struct answer_stream s =
        CHAT_STREAM("{\"error\":{},\"choices\":[{\"finish_reason\":\"error\"}]}");

    CHECK(s.has_failed && !s.is_finished && !s.choices_finished);
    CHECK(answer_stream_is_complete(&s));
    s = RESPONSES_STREAM("{\"type\":\"error\",\"sequence_number\":6}");
    CHECK(s.has_failed && !s.is_finished);
    CHECK_EQ(s.sequence, 6);
}

static void check_usage(struct answer_stream s, bool is_known, uint64_t input, uint64_t output)
{
    CHECK_EQ(s.usage.is_known, is_known);
    CHECK_EQ(s.usage.input_tokens, input);
    CHECK_EQ(s.usage.output_tokens, output);
}

TEST(openai_stream_counts_tokens_as_last_reported)
{
    check_usage(CHAT_STREAM("{\"choices\":[],\"usage\":null}",
                            "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}",
                            "{\"choices\":[],\"usage\":null}", "[DONE]"),
                true, 3, 5);
    check_usage(CHAT_STREAM("{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}",
                            "{\"usage\":{}}", "{\"usage\":{\"prompt_tokens\":\"9\"}}"),
                true, 3, 5);
    // Zero is a count.
    check_usage(CHAT_STREAM("{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}",
                            "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0}}"),
                true, 3, 0);
    check_usage(CHAT_STREAM("{\"usage\":{\"completion_tokens\":0}}"), true, 0, 0);
    check_usage(CHAT_STREAM(CHOICE("0", DELTA)), false, 0, 0);
    check_usage(CHAT_STREAM("{\"error\":{},\"usage\":{\"prompt_tokens\":3}}"), true, 3, 0);
    static const char *const terminal[] = {"completed", "incomplete", "failed"};
    for (size_t i = 0; i < sizeof(terminal) / sizeof(*terminal); i++) {
        char event[200];
        (void)snprintf(event, sizeof(event),
                       "{\"type\":\"response.%s\",\"response\":{\"usage\":"
                       "{\"input_tokens\":3,\"output_tokens\":5}}}",
                       terminal[i]);
        check_usage(RESPONSES_STREAM("{\"type\":\"response.created\",\"response\":"
                                     "{\"usage\":null}}",
                                     event),
                    true, 3, 5);
    }
}
