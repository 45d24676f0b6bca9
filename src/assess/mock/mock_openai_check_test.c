#include "assess/mock/mock_openai_check.h"

#include "support/test.h"

struct verdict {
    str body;
    const char *param;
    const char *code;
    const char *message; // how it begins; NULL: the request is taken
};

static void check_verdict(const struct verdict *v)
{
    struct mock_asked asked = {.body = v->body, .is_strict = true};
    struct mock_problem problem = {.status = 0};
    struct arena arena;

    arena_init(&arena, 4096);
    bool is_taken = mock_openai_check_chat(&asked, &arena, &problem);
    if (is_taken != !v->message ||
        (v->message && !str_starts(problem.message, str_from_c(v->message))))
        test_fail(__FILE__, __LINE__, "%" STR_FMT ": \"%" STR_FMT "\", not \"%s\"",
                  STR_ARG(v->body), STR_ARG(problem.message), v->message ? v->message : "");
    if (v->message) {
        CHECK_EQ(problem.status, 400);
        CHECK_SAME(problem.param, str_from_c(v->param));
        CHECK_SAME(problem.code, str_from_c(v->code));
    }
    arena_reset(&arena);
}

#define CHECK_VERDICTS(list_)                                                                      \
    for (size_t i = 0; i < sizeof(list_) / sizeof((list_)[0]); i++)                                \
    check_verdict(&(list_)[i])

#define MESSAGES(list_) "{\"model\":\"m\",\"messages\":[" list_ "]}"
#define MORE(members_)                                                                             \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]," members_ "}"
#define USER(content_) "{\"role\":\"user\",\"content\":" content_ "}"
#define CALL(id_)                                                                                  \
    "{\"id\":\"" id_ "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}"
#define CALLS(list_) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" list_ "]}"
#define RESULT(id_) "{\"role\":\"tool\",\"tool_call_id\":\"" id_ "\",\"content\":\"x\"}"
#define TOOL(function_) "\"tools\":[{\"type\":\"function\",\"function\":{" function_ "}}]"

TEST(mock_openai_check_takes_what_openai_takes)
{
    static const struct verdict good[] = {
        {STR_INIT(MESSAGES(USER("\"\""))), NULL, NULL, NULL},
        {STR_INIT(MESSAGES(
             "{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}," USER(
                 "[{\"type\":\"image_url\",\"image_url\":{\"url\":"
                 "\"data:image/png;base64,YWJj\",\"detail\":\"low\"}},{\"type\":"
                 "\"image_url\",\"image_url\":{\"url\":\"https://x\"}}]"))),
         NULL, NULL, NULL},
        {STR_INIT(MESSAGES(USER("\"a\"") "," CALLS(CALL("t") "," CALL("u")) "," RESULT(
             "u") "," RESULT("t") "," USER("\"b\""))),
         NULL, NULL, NULL},
        {STR_INIT(
             MESSAGES(USER("\"a\"") ",{\"role\":\"assistant\",\"content\":\"b\",\"refusal\":null,"
                                    "\"annotations\":[]}")),
         NULL, NULL, NULL},
        {STR_INIT(MORE(TOOL(
             "\"name\":\"f\",\"parameters\":{\"type\":\"object\"}") ",\"tool_choice\":"
                                                                    "{\"type\":\"function\","
                                                                    "\"function\":{\"name\":\"f\"}}"
                                                                    ",\"parallel_tool_calls\":"
                                                                    "false")),
         NULL, NULL, NULL},
        {STR_INIT(
             MORE("\"stream\":true,\"stream_options\":{\"include_usage\":true},\"stop\":[\"a\","
                  "\"b\"],\"temperature\":2,\"response_format\":{\"type\":\"json_schema\","
                  "\"json_schema\":{\"name\":\"s\",\"schema\":{}}}")),
         NULL, NULL, NULL},
    };

    CHECK_VERDICTS(good);
}

TEST(mock_openai_check_refuses_what_has_not_the_shape)
{
    static const struct verdict bad[] = {
        {STR_INIT("[]"), "", "", "We could not parse the JSON body of your request."},
        {STR_INIT(MORE("\"top_k\":1")), "", "", "Unrecognized request argument supplied: top_k"},
        {STR_INIT(MESSAGES("{\"role\":\"user\",\"content\":\"a\",\"cache_control\":{}}")),
         "messages[0].cache_control", "unknown_parameter",
         "Unknown parameter: 'messages[0].cache_control'."},
        {STR_INIT("{\"model\":\"m\"}"), "messages", "missing_required_parameter",
         "Missing required parameter: 'messages'."},
        {STR_INIT(MESSAGES("")), "messages", "empty_array",
         "Invalid 'messages': empty array. Expected an array with minimum length 1"},
        {STR_INIT(MORE("\"tools\":[]")), "tools", "empty_array", "Invalid 'tools': empty array."},
        {STR_INIT(
             MESSAGES(USER("\"a\"") ",{\"role\":\"assistant\",\"content\":\"b\",\"tool_calls\":"
                                    "[]}")),
         "messages[1].tool_calls", "empty_array", "Invalid 'messages[1].tool_calls': empty array."},
        {STR_INIT(MORE("\"temperature\":2.5")), "temperature", "decimal_above_max_value",
         "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 "
         "instead."},
        {STR_INIT(MORE("\"max_tokens\":0")), "max_tokens", "integer_below_min_value",
         "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0"},
        {STR_INIT(MORE("\"stop\":7")), "stop", "invalid_type",
         "Invalid type for 'stop': expected a string or an array, but got a number instead."},
        {STR_INIT(MORE("\"stop\":[7]")), "stop[0]", "invalid_type",
         "Invalid type for 'stop[0]': expected a string, but got a number instead."},
        {STR_INIT(MORE("\"reasoning_effort\":\"max\"")), "reasoning_effort", "invalid_value",
         "Invalid value: 'max'. Supported values are: 'none', 'minimal', 'low',"},
        {STR_INIT(MESSAGES("{\"role\":\"human\",\"content\":\"a\"}")), "messages[0].role",
         "invalid_value", "Invalid value: 'human'. Supported values are: 'system', 'developer',"},
        {STR_INIT(MESSAGES(USER("[{\"type\":\"image\"}]"))), "messages[0].content[0].type",
         "invalid_value", "Invalid value: 'image'. Supported values are: 'text', 'image_url',"},
        {STR_INIT(MESSAGES(USER("null"))), "messages[0].content", "invalid_type",
         "Invalid type for 'messages[0].content': expected a string or an array, but got null"},
        {STR_INIT(MESSAGES(USER("\"a\"") ",{\"role\":\"tool\",\"content\":\"b\"}")),
         "messages[1].tool_call_id", "missing_required_parameter", "Missing required parameter"},
    };

    CHECK_VERDICTS(bad);
}

TEST(mock_openai_check_refuses_calls_and_results_that_do_not_meet)
{
    static const struct verdict bad[] = {
        {STR_INIT(MESSAGES(USER("\"a\"") "," RESULT("t"))), "messages.[1].role", "",
         "Invalid parameter: messages with role 'tool' must be a response to a preceeding message"},
        {STR_INIT(MESSAGES(USER("\"a\"") "," CALLS(CALL("t")) "," RESULT("t") "," RESULT("t"))),
         "messages.[3].role", "", "Invalid parameter: messages with role 'tool'"},
        {STR_INIT(MESSAGES(
             USER("\"a\"") "," CALLS(CALL("t") "," CALL("u")) "," RESULT("t") "," USER("\"b\""))),
         "messages.[3].role", "",
         "An assistant message with 'tool_calls' must be followed by tool messages responding to "
         "each "
         "'tool_call_id'. The following tool_call_ids did not have response messages: u"},
        {STR_INIT(MESSAGES(USER("\"a\"") "," CALLS(CALL("t")))), "messages.[2].role", "",
         "An assistant message with 'tool_calls' must be followed"},
        {STR_INIT(MESSAGES(USER("\"a\"") "," CALLS(CALL("t") "," CALL("t")))), "messages.[1].role",
         "invalid_value", "Duplicate value for 'tool_call_id'"},
        {STR_INIT(MESSAGES(USER("\"a\"") ",{\"role\":\"assistant\",\"content\":null}")),
         "messages.[1].content", "", "Invalid value for 'content': expected a string, got null."},
        {STR_INIT(MESSAGES(USER("\"a\"") ",{\"role\":\"assistant\"}")), "messages.[1].content", "",
         "Invalid value for 'content': expected a string, got null."},
    };

    CHECK_VERDICTS(bad);
}

TEST(mock_openai_check_refuses_members_that_do_not_go_together)
{
    static const struct verdict bad[] = {
        {STR_INIT(MORE("\"tool_choice\":\"auto\"")), "tool_choice", "",
         "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
         "specified."},
        {STR_INIT(MORE("\"parallel_tool_calls\":true")), "parallel_tool_calls", "",
         "Invalid value for 'parallel_tool_calls'"},
        {STR_INIT(MORE("\"stream_options\":{\"include_usage\":true}")), "stream_options", "",
         "The 'stream_options' parameter is only allowed when 'stream' is enabled."},
        {STR_INIT(MORE("\"max_tokens\":1,\"max_completion_tokens\":1")), "max_tokens",
         "invalid_parameter_combination", "Setting 'max_tokens' and 'max_completion_tokens'"},
        {STR_INIT(MORE("\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]")), "stop",
         "array_above_max_length", "Invalid 'stop': array too long."},
        {STR_INIT(MORE(TOOL("\"name\":\"a b\""))), "tools[0].function.name", "invalid_value",
         "Invalid 'tools[0].function.name': string does not match pattern."},
        {STR_INIT(MORE(TOOL("\"name\":\"f\",\"parameters\":{}"))), "tools[0].function.parameters",
         "invalid_function_parameters", "Invalid schema for function 'f'"},
        {STR_INIT(MESSAGES(USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":"
                                "\"data:image/png;base64,%%\"}}]"))),
         "messages[0].content[0].image_url.url", "invalid_value",
         "Invalid 'messages[0].content[0].image_url.url'. Expected a base64-encoded data URL"},
        {STR_INIT(MESSAGES(USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":"
                                "\"data:text/plain;base64,YWJj\"}}]"))),
         "messages[0].content[0].image_url.url", "invalid_value", "Invalid 'messages[0]"},
    };

    CHECK_VERDICTS(bad);
}

TEST(mock_openai_check_asks_nothing_where_nobody_is_strict)
{
    struct mock_asked asked = {.body = STR("[]")};
    struct mock_problem problem = {.status = 0};
    struct arena arena;

    arena_init(&arena, 4096);
    CHECK(mock_openai_check_chat(&asked, &arena, &problem));
    arena_reset(&arena);
}
