#include "assess/mock/mock_anthropic_check.h"

#include "assess/mock/mock_digest.h"

#include "support/test.h"

static struct h1_field fields[] = {
    {.name = STR_INIT("x-api-key"), .value = STR_INIT("k")},
    {.name = STR_INIT("anthropic-version"), .value = STR_INIT("2023-06-01")},
};

// What is said against a body; empty where it is taken.
static str judge(struct arena *arena, str body, bool is_strict, const struct h1_head *head)
{
    struct mock_asked asked = {.body = body, .head = head, .is_strict = is_strict};
    struct mock_problem problem = {.status = 0};

    arena_reset(arena);
    arena_init(arena, 4096);
    if (mock_anthropic_check_message(&asked, arena, &problem)) return STR("");
    CHECK_EQ(problem.status, 400);
    return problem.message;
}

static void check_verdict(str body, bool is_strict, str want)
{
    struct h1_head head = {.fields = fields, .field_count = 2};
    struct arena arena = {0};

    str said = judge(&arena, body, is_strict, &head);
    if (want.len ? !str_starts(said, want) : said.len)
        test_fail(__FILE__, __LINE__, "%" STR_FMT ": \"%" STR_FMT "\", not \"%" STR_FMT "\"",
                  STR_ARG(body), STR_ARG(said), STR_ARG(want));
    arena_reset(&arena);
}

#define MESSAGES(list_) "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[" list_ "]}"
#define MORE(members_)                                                                             \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"       \
    "," members_ "}"
#define USER(content_) "{\"role\":\"user\",\"content\":" content_ "}"
#define BOT(content_) "{\"role\":\"assistant\",\"content\":" content_ "}"
#define USE(id_) "{\"type\":\"tool_use\",\"id\":\"" id_ "\",\"name\":\"f\",\"input\":{}}"
#define RESULT(id_) "{\"type\":\"tool_result\",\"tool_use_id\":\"" id_ "\",\"content\":\"x\"}"
#define SAID(text_) "{\"type\":\"text\",\"text\":\"" text_ "\"}"

struct verdict {
    str body;
    str want;
};

static void check_verdicts(const struct verdict *v, size_t count, bool is_strict)
{
    for (size_t i = 0; i < count; i++) {
        check_verdict(v[i].body, is_strict, v[i].want);
    }
}

#define CHECK_VERDICTS(list_, is_strict_)                                                          \
    check_verdicts(list_, sizeof(list_) / sizeof((list_)[0]), is_strict_)

TEST(mock_anthropic_check_takes_what_anthropic_takes)
{
    static const struct verdict good[] = {
        {STR_INIT(MESSAGES(USER("\"a\""))), STR_INIT("")},
        {STR_INIT(MESSAGES(USER("\"a\"") "," USER("\"b\"") "," BOT("\"c\""))), STR_INIT("")},
        {STR_INIT(MESSAGES(USER("\"a\"") "," BOT("\"\""))), STR_INIT("")},
        {STR_INIT(MESSAGES(USER("\"a\"") "," BOT("[" SAID("b") "," USE("t") "," USE(
             "u") "]") "," USER("[" RESULT("u") "," RESULT("t") "," SAID("c") "]"))),
         STR_INIT("")},
        {STR_INIT(MESSAGES(USER("\"a\"") "," BOT("[" USE("t") "]") "," BOT(
             "[" USE("u") "]") "," USER("[" RESULT("u") "]") "," USER("[" RESULT("t") "]"))),
         STR_INIT("")},
        {STR_INIT(
             MESSAGES(USER("[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
                           "\"image/png\",\"data\":\"YWJj\"},\"cache_control\":{\"type\":"
                           "\"ephemeral\"}},{\"type\":\"document\",\"source\":{\"type\":\"url\","
                           "\"url\":\"https://x\"}}]"))),
         STR_INIT("")},
        {STR_INIT(MORE("\"system\":[" SAID(
             "s") "],\"temperature\":0.5,\"stop_sequences\":[\"x\"],"
                  "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\","
                  "\"properties\":{}}}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}")),
         STR_INIT("")},
        {STR_INIT("{\"model\":\"m\",\"max_tokens\":2000,\"messages\":[" USER(
             "\"a\"") "],\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}}"),
         STR_INIT("")},
    };

    CHECK_VERDICTS(good, true);
}

TEST(mock_anthropic_check_refuses_what_has_not_the_shape)
{
    static const struct verdict bad[] = {
        {STR_INIT(""), STR_INIT("The request body is not valid JSON")},
        {STR_INIT("[]"), STR_INIT("The request body is not valid JSON")},
        {STR_INIT(MESSAGES(USER("\"a\"")) "x"), STR_INIT("The request body is not valid JSON")},
        {STR_INIT("{\"model\":\"m\",\"messages\":[" USER("\"a\"") "]}"),
         STR_INIT("max_tokens: Field required")},
        {STR_INIT("{\"max_tokens\":1,\"messages\":[]}"), STR_INIT("model: Field required")},
        {STR_INIT("{\"model\":\"m\",\"max_tokens\":0,\"messages\":[]}"),
         STR_INIT("max_tokens: Input should be greater than or equal to 1")},
        {STR_INIT("{\"model\":\"m\",\"max_tokens\":1.5,\"messages\":[]}"),
         STR_INIT("max_tokens: Input should be a valid integer")},
        {STR_INIT(MORE("\"temperature\":1.1")),
         STR_INIT("temperature: Input should be less than or equal to 1")},
        {STR_INIT(MORE("\"stop_sequences\":[7]")),
         STR_INIT("stop_sequences.0: Input should be a valid string")},
        {STR_INIT(MORE("\"stop_sequences\":\"x\"")),
         STR_INIT("stop_sequences: Input should be a valid list")},
        {STR_INIT(MORE("\"service_tier\":\"gold\"")),
         STR_INIT("service_tier: Input should be 'auto' or 'standard_only'")},
        {STR_INIT(MORE("\"tools\":[{\"name\":\"f\"}]")),
         STR_INIT("tools.0.input_schema: Field required")},
        {STR_INIT(MORE("\"tools\":[{\"name\":\"f\",\"input_schema\":{}}]")),
         STR_INIT("tools.0.input_schema.type: Field required")},
        {STR_INIT(MORE("\"tool_choice\":\"auto\"")),
         STR_INIT("tool_choice: Input should be an object")},
        {STR_INIT(MORE("\"tool_choice\":{\"type\":\"required\"}")),
         STR_INIT("tool_choice: Input tag 'required' found using 'type' does not match any of the "
                  "expected tags: 'auto', 'any', 'tool', 'none'")},
        {STR_INIT(MESSAGES("{\"role\":\"tool\",\"content\":\"a\"}")),
         STR_INIT("messages: Unexpected role \"tool\"")},
        {STR_INIT(MESSAGES(USER("null"))),
         STR_INIT("messages.0.content: Input should be a valid string")},
        {STR_INIT(MESSAGES(USER("[{\"type\":\"image_url\"}]"))),
         STR_INIT(
             "messages.0.content.0: Input tag 'image_url' found using 'type' does not match any "
             "of the expected tags: 'text', 'image', 'document', 'tool_result'")},
        {STR_INIT(MESSAGES(USER("[{\"text\":\"a\"}]"))),
         STR_INIT("messages.0.content.0.type: Field required")},
    };

    CHECK_VERDICTS(bad, false);
}

TEST(mock_anthropic_check_refuses_extra_members_where_it_is_strict)
{
    static const struct verdict extra[] = {
        {STR_INIT(MORE("\"n\":1")), STR_INIT("n: Extra inputs are not permitted")},
        {STR_INIT(MESSAGES("{\"role\":\"user\",\"content\":\"a\",\"name\":\"b\"}")),
         STR_INIT("messages.0.name: Extra inputs are not permitted")},
        {STR_INIT(MORE("\"system\":[{\"type\":\"text\",\"text\":\"a\",\"id\":1}]")),
         STR_INIT("system.0.id: Extra inputs are not permitted")},
    };

    CHECK_VERDICTS(extra, true);
    for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
        check_verdict(extra[i].body, false, STR(""));
    }
}

TEST(mock_anthropic_check_refuses_messages_in_disorder)
{
    static const struct verdict bad[] = {
        {STR_INIT(MESSAGES("")), STR_INIT("messages: at least one message is required")},
        {STR_INIT(MESSAGES(BOT("\"a\""))),
         STR_INIT("messages: first message must use the \"user\" role")},
        {STR_INIT(MESSAGES("{\"role\":\"system\",\"content\":\"a\"}")),
         STR_INIT("messages: Unexpected role \"system\".")},
        {STR_INIT(MESSAGES(USER("\"\""))),
         STR_INIT("messages.0: all messages must have non-empty")},
        {STR_INIT(MESSAGES(USER("[]"))), STR_INIT("messages.0: all messages must have non-empty")},
        {STR_INIT(MESSAGES(USER("[" SAID("") "]"))),
         STR_INIT("messages: text content blocks must be non-empty")},
        {STR_INIT(MESSAGES(USER("[" SAID(" \\n") "]"))),
         STR_INIT("messages: text content blocks must contain non-whitespace text")},
        {STR_INIT(MESSAGES(USER("\"a\"") "," BOT("\"b \""))),
         STR_INIT("messages: final assistant content cannot end with trailing whitespace")},
        {STR_INIT(MORE("\"system\":[" SAID("") "]")),
         STR_INIT("system: text content blocks must be non-empty")},
        {STR_INIT(MESSAGES(USER("[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
                                "\"media_type\":\"image/png\",\"data\":\"data:x\"}}]"))),
         STR_INIT("messages.0.content.0.image.source.base64: invalid base64 data")},
    };

    CHECK_VERDICTS(bad, false);
}

TEST(mock_anthropic_check_refuses_calls_and_results_that_do_not_meet)
{
    static const struct verdict bad[] = {
        {STR_INIT(MESSAGES(USER("[" RESULT("t") "]"))),
         STR_INIT(
             "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t")},
        {STR_INIT(MESSAGES(USER("\"a\"") "," BOT("[" USE("t") "]") "," USER("[" RESULT("u") "]"))),
         STR_INIT("messages.2.content.0: unexpected `tool_use_id`")},
        {STR_INIT(MESSAGES(USER("\"a\"") "," BOT("[" USE("t") "]") "," USER(
             "[" RESULT("t") "," RESULT("t") "]"))),
         STR_INIT("messages.2.content.1: unexpected `tool_use_id`")},
        {STR_INIT(MESSAGES(
             USER("\"a\"") "," BOT("[" USE("t") "," USE("u") "]") "," USER("[" RESULT("t") "]"))),
         STR_INIT("messages.2: `tool_use` ids were found without `tool_result` blocks immediately "
                  "after: u.")},
        {STR_INIT(MESSAGES(USER("\"a\"") "," BOT("[" USE("t") "]") "," USER("\"b\""))),
         STR_INIT("messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
                  "after: t.")},
        {STR_INIT(MESSAGES(
             USER("\"a\"") "," BOT("[" USE("t") "]") "," USER("[" SAID("b") "," RESULT("t") "]"))),
         STR_INIT("messages.1: `tool_use` ids were found")},
        {STR_INIT(MESSAGES(USER("\"a\"") "," BOT("[" USE("t") "]"))),
         STR_INIT("messages.1: `tool_use` ids were found")},
        {STR_INIT(MESSAGES(USER("\"a\"") "," BOT("[" USE("t") "," USE("t") "]"))),
         STR_INIT("messages: `tool_use` ids must be unique")},
    };

    CHECK_VERDICTS(bad, false);
}

TEST(mock_anthropic_check_refuses_tools_and_choices_that_do_not_meet)
{
    static const struct verdict bad[] = {
        {STR_INIT(MORE("\"tools\":[{\"name\":\"a b\",\"input_schema\":{\"type\":\"object\"}}]")),
         STR_INIT("tools.0.custom.name: String should match pattern")},
        {STR_INIT(MORE("\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}},"
                       "{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]")),
         STR_INIT("tools: Tool names must be unique")},
        {STR_INIT(MORE("\"tool_choice\":{\"type\":\"any\"}")),
         STR_INIT("tool_choice: may only be specified while providing tools")},
        {STR_INIT(MORE("\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}],"
                       "\"tool_choice\":{\"type\":\"tool\",\"name\":\"g\"}")),
         STR_INIT("Tool 'g' not found in provided tools")},
    };

    CHECK_VERDICTS(bad, false);
}

#define THOUGHTFUL(more_)                                                                          \
    MORE("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},\"max_tokens\":1025" more_)

TEST(mock_anthropic_check_refuses_what_thinking_forbids)
{
    static const struct verdict bad[] = {
        {STR_INIT(MORE("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1023}")),
         STR_INIT("thinking.budget_tokens: Input should be greater than or equal to 1024")},
        {STR_INIT(MORE("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}")),
         STR_INIT("`max_tokens` must be greater than `thinking.budget_tokens`.")},
        {STR_INIT(THOUGHTFUL(",\"temperature\":0.5")),
         STR_INIT("`temperature` may only be set to 1 when thinking is enabled.")},
        {STR_INIT(THOUGHTFUL(",\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}],"
                             "\"tool_choice\":{\"type\":\"any\"}")),
         STR_INIT("Thinking may not be enabled when tool_choice forces tool use.")},
    };

    CHECK_VERDICTS(bad, false);
    check_verdict(STR(THOUGHTFUL(",\"temperature\":1")), false, STR(""));
}

// Two turns with a tool and a thinking block before its call.
static str replay(struct arena *arena, const char *thinking, const char *signature)
{
    return arena_format(
        arena,
        "{\"model\":\"m\",\"max_tokens\":2000,\"thinking\":{\"type\":\"enabled\","
        "\"budget_tokens\":1024},\"messages\":[" USER(
            "\"a\"") ",{\"role\":"
                     "\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"%s\","
                     "\"signature\":\"%s\"}," USE("t") "]}," USER("[" RESULT("t") "]") "]}",
        thinking, signature);
}

TEST(mock_anthropic_check_knows_its_own_thoughts_again)
{
    char seal[MOCK_DIGEST_SEAL + 1];
    struct arena arena;

    arena_init(&arena, 4096);
    mock_digest_seal(STR("hm \"hm\""), seal);
    check_verdict(replay(&arena, "hm \\\"hm\\\"", seal), false, STR(""));
    check_verdict(replay(&arena, "hm hm", seal), false,
                  STR("messages.1.content.0: Invalid `signature` in `thinking` block"));
    check_verdict(replay(&arena, "hm \\\"hm\\\"", ""), false,
                  STR("messages.1.content.0: Invalid `signature`"));
    arena_reset(&arena);
}

TEST(mock_anthropic_check_wants_the_thoughts_before_a_call_back)
{
    check_verdict(STR("{\"model\":\"m\",\"max_tokens\":2000,\"thinking\":{\"type\":\"enabled\","
                      "\"budget_tokens\":1024},\"messages\":[" USER("\"a\"") "," BOT(
                          "[" USE("t") "]") "," USER("[" RESULT("t") "]") "]}"),
                  false,
                  STR("messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but "
                      "found `tool_use`."));
}

TEST(mock_anthropic_check_wants_a_credential_and_a_version_where_it_is_strict)
{
    static struct h1_field bearer[] = {
        {.name = STR_INIT("Authorization"), .value = STR_INIT("Bearer k")},
        {.name = STR_INIT("anthropic-version"), .value = STR_INIT("2026-10-21")},
    };
    struct h1_head head = {.fields = bearer, .field_count = 2};
    struct mock_asked asked = {
        .body = STR(MESSAGES(USER("\"a\""))), .head = &head, .is_strict = true};
    struct mock_problem problem = {.status = 0};
    struct arena arena = {0};

    arena_init(&arena, 4096);
    CHECK(mock_anthropic_check_message(&asked, &arena, &problem));
    head.field_count = 1;
    CHECK_STR(judge(&arena, asked.body, true, &head), "anthropic-version: header is required");
    head.field_count = 0;
    CHECK(!mock_anthropic_check_message(&asked, &arena, &problem));
    CHECK_EQ(problem.status, 401);
    asked.is_strict = false;
    CHECK(mock_anthropic_check_message(&asked, &arena, &problem));
    arena_reset(&arena);
}

TEST(mock_anthropic_check_takes_system_messages_of_newer_versions)
{
    static struct h1_field newer[] = {
        {.name = STR_INIT("anthropic-version"), .value = STR_INIT("2026-10-21")},
    };
    struct h1_head head = {.fields = newer, .field_count = 1};
    struct arena arena = {0};

    CHECK_STR(judge(&arena, STR(MESSAGES(USER("\"a\"") ",{\"role\":\"system\",\"content\":\"b\"}")),
                    false, &head),
              "");
    arena_reset(&arena);
}

TEST(mock_anthropic_check_counts_without_a_bound)
{
    struct h1_head head = {.fields = fields, .field_count = 2};
    struct mock_asked asked = {.body = STR("{\"model\":\"m\",\"messages\":[" USER("\"a\"") "]}"),
                               .head = &head,
                               .is_strict = true};
    struct mock_problem problem = {.status = 0};
    struct arena arena = {0};

    arena_init(&arena, 4096);
    CHECK(mock_anthropic_check_count(&asked, &arena, &problem));
    asked.body = STR(MESSAGES(USER("\"a\"")));
    CHECK(!mock_anthropic_check_count(&asked, &arena, &problem));
    CHECK_STR(problem.message, "max_tokens: Extra inputs are not permitted");
    arena_reset(&arena);
}
