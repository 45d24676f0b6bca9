#include "provider/failure.h"

#include "base/random.h"

#include "support/test.h"

#include <string.h>

struct answer {
    unsigned status;
    enum failure want;
    const char *body;
};

static void check_answers(const struct answer *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum failure got = failure_of_answer(rows[i].status, str_from_c(rows[i].body));
        if (got != rows[i].want)
            test_fail(__FILE__, __LINE__, "%u %s: %" STR_FMT " instead of %" STR_FMT,
                      rows[i].status, rows[i].body, STR_ARG(failure_name(got)),
                      STR_ARG(failure_name(rows[i].want)));
    }
}

#define ANSWERS(...)                                                                               \
    check_answers((const struct answer[]){__VA_ARGS__},                                            \
                  sizeof((const struct answer[]){__VA_ARGS__}) / sizeof(struct answer))

TEST(failure_rules_hold_what_each_class_allows)
{
    const unsigned counts = FAILURE_COUNTS;
    const unsigned again = FAILURE_RETRIES | FAILURE_FAILS_OVER;
    const unsigned sticks = FAILURE_STICKS | FAILURE_FAILS_OVER;

    CHECK_EQ(failure_rules(FAILURE_NONE), 0);
    CHECK_EQ(failure_rules(FAILURE_CLIENT), 0);
    CHECK_EQ(failure_rules(FAILURE_CONTEXT), FAILURE_FAILS_OVER);
    CHECK_EQ(failure_rules(FAILURE_FILTER), 0);
    CHECK_EQ(failure_rules(FAILURE_LIMITED), FAILURE_WAITS | again);
    CHECK_EQ(failure_rules(FAILURE_QUOTA), sticks);
    CHECK_EQ(failure_rules(FAILURE_DENIED), sticks);
    CHECK_EQ(failure_rules(FAILURE_ABSENT), sticks);
    CHECK_EQ(failure_rules(FAILURE_OVERLOADED), counts | again);
    CHECK_EQ(failure_rules(FAILURE_SERVER), counts | again);
    CHECK_EQ(failure_rules(FAILURE_UNREACHABLE), counts | again);
    CHECK_EQ(failure_rules(FAILURE_SILENT), counts | FAILURE_FAILS_OVER);
    CHECK_EQ(failure_rules(FAILURE_CUT), counts | again);
    CHECK_EQ(failure_rules(FAILURE_STALLED), counts | FAILURE_FAILS_OVER);
    CHECK_EQ(failure_rules(FAILURE_MALFORMED), counts | again);
    CHECK_EQ(failure_rules(FAILURE_UNEXPECTED), counts | again);
    CHECK_EQ(failure_rules(FAILURE_PREFILL), FAILURE_FAILS_OVER);
    CHECK_EQ(failure_rules(FAILURE_DIVERGED), FAILURE_FAILS_OVER);
    CHECK_EQ(failure_rules(FAILURE_CANCELED), 0);
}

TEST(failure_names_are_all_different)
{
    for (int f = 0; f < FAILURES; f++) {
        CHECK(failure_name((enum failure)f).len > 0);
        for (int g = 0; g < f; g++) {
            CHECK(!str_eq(failure_name((enum failure)f), failure_name((enum failure)g)));
        }
    }
    CHECK_STR(failure_name(FAILURE_LIMITED), "rate_limited");
    CHECK_STR(failure_name(FAILURE_SERVER), "server_error");
}

TEST(failure_of_an_answer_without_a_known_body_is_its_status)
{
    static const char *const bodies[] = {
        "",
        "<html><body>502 Bad Gateway</body></html>",
        "Internal Server Error",
        "{}",
        "[]",
        "[1]",
        "null",
        "{\"error\":null}",
        "{\"error\":{}}",
        "{\"error\":[1,{\"code\":\"insufficient_quota\"}]}",
        "{\"error\":{\"code\":12,\"type\":null,\"message\":[\"prefill\"]}}",
        "{\"error\":{\"code\":1e99,\"innererror\":3,\"metadata\":\"x\"}}",
        "{\"error\":{\"message\":\"x",
        "\xff\xfe{",
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        ANSWERS({301, FAILURE_UNEXPECTED, bodies[i]}, {307, FAILURE_UNEXPECTED, bodies[i]});
        ANSWERS({400, FAILURE_CLIENT, bodies[i]}, {404, FAILURE_CLIENT, bodies[i]},
                {405, FAILURE_CLIENT, bodies[i]}, {409, FAILURE_CLIENT, bodies[i]},
                {413, FAILURE_CLIENT, bodies[i]}, {422, FAILURE_CLIENT, bodies[i]});
        ANSWERS({401, FAILURE_DENIED, bodies[i]}, {403, FAILURE_DENIED, bodies[i]},
                {402, FAILURE_QUOTA, bodies[i]}, {429, FAILURE_LIMITED, bodies[i]});
        ANSWERS({408, FAILURE_SERVER, bodies[i]}, {500, FAILURE_SERVER, bodies[i]},
                {501, FAILURE_SERVER, bodies[i]}, {502, FAILURE_SERVER, bodies[i]},
                {504, FAILURE_SERVER, bodies[i]}, {524, FAILURE_SERVER, bodies[i]},
                {503, FAILURE_OVERLOADED, bodies[i]}, {529, FAILURE_OVERLOADED, bodies[i]});
    }
}

TEST(failure_of_a_good_answer_is_none_unless_it_is_an_error)
{
    ANSWERS({200, FAILURE_NONE, ""}, {200, FAILURE_NONE, "<html>"}, {204, FAILURE_NONE, "{}"},
            {200, FAILURE_NONE, "{\"error\":null,\"choices\":[]}"},
            {200, FAILURE_NONE, "{\"error\":{\"code\":429,"}, {101, FAILURE_NONE, ""},
            {200, FAILURE_SERVER, "{\"error\":{}}"},
            {200, FAILURE_LIMITED, "{\"error\":{\"code\":429}}"},
            {200, FAILURE_CLIENT, "{\"object\":\"error\",\"code\":400}"});
}

TEST(failure_knows_answers_of_openai)
{
    ANSWERS({400, FAILURE_CLIENT,
             "{\"error\":{\"code\":\"unsupported_parameter\",\"message\":\"Unsupported parameter: "
             "'max_tokens' is not supported with this model.\",\"param\":\"max_tokens\",\"type\":"
             "\"invalid_request_error\"}}"},
            {400, FAILURE_CONTEXT,
             "{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens.\","
             "\"type\":\"invalid_request_error\",\"param\":\"messages\",\"code\":"
             "\"context_length_exceeded\"}}"},
            {400, FAILURE_CONTEXT,
             "{\"error\":{\"message\":\"Your input exceeds the context window of this model.\","
             "\"type\":\"invalid_request_error\",\"param\":\"input\",\"code\":null}}"},
            {401, FAILURE_DENIED,
             "{\"error\":{\"message\":\"Incorrect API key provided: sk-x.\",\"type\":"
             "\"invalid_request_error\",\"param\":null,\"code\":\"invalid_api_key\"}}"},
            {403, FAILURE_ABSENT,
             "{\"error\":{\"message\":\"Project `p` does not have access to model `m`\",\"type\":"
             "\"invalid_request_error\",\"param\":null,\"code\":\"model_not_found\"}}"},
            {404, FAILURE_ABSENT,
             "{\"error\":{\"message\":\"The model `m` does not exist or you do not have access to "
             "it.\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":"
             "\"model_not_found\"}}"},
            {404, FAILURE_CLIENT,
             "{\"error\":{\"message\":\"Response with id 'resp_1' not found.\",\"type\":"
             "\"invalid_request_error\",\"param\":null,\"code\":null}}"},
            {429, FAILURE_LIMITED,
             "{\"error\":{\"message\":\"Rate limit reached for m on tokens per min (TPM)\","
             "\"type\":\"tokens\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}"},
            {429, FAILURE_QUOTA,
             "{\"error\":{\"message\":\"You exceeded your current quota\",\"type\":"
             "\"insufficient_quota\",\"param\":null,\"code\":\"insufficient_quota\"}}"},
            {429, FAILURE_QUOTA, "{\"error\":{\"type\":\"insufficient_quota\",\"code\":null}}"},
            {400, FAILURE_QUOTA,
             "{\"error\":{\"message\":\"Billing hard limit has been reached\",\"type\":"
             "\"invalid_request_error\",\"code\":\"billing_hard_limit_reached\"}}"},
            {400, FAILURE_FILTER,
             "{\"error\":{\"code\":\"moderation_blocked\",\"message\":\"Your request was "
             "rejected by the safety system.\",\"type\":\"image_generation_user_error\"}}"},
            {500, FAILURE_SERVER,
             "{\"error\":{\"message\":\"The server had an error while processing your request."
             "\",\"type\":\"server_error\",\"param\":null,\"code\":null}}"},
            {503, FAILURE_OVERLOADED,
             "{\"error\":{\"message\":\"That model is currently overloaded\",\"type\":"
             "\"server_error\"}}"});
}

TEST(failure_knows_answers_of_azure)
{
    ANSWERS(
        {400, FAILURE_FILTER,
         "{\"error\":{\"message\":\"The response was filtered due to the prompt triggering "
         "Azure OpenAI's content management policy.\",\"type\":null,\"param\":\"prompt\","
         "\"code\":\"content_filter\",\"status\":400,\"innererror\":{\"code\":"
         "\"ResponsibleAIPolicyViolation\",\"content_filter_result\":{\"hate\":"
         "{\"filtered\":true}}}}}"},
        {400, FAILURE_FILTER,
         "{\"error\":{\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"},\"code\":"
         "null}}"},
        {404, FAILURE_ABSENT,
         "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"The API deployment for "
         "this resource does not exist.\"}}"},
        {404, FAILURE_CLIENT, "{\"error\":{\"code\":\"404\",\"message\":\"Resource not found\"}}"},
        {429, FAILURE_LIMITED,
         "{\"error\":{\"code\":\"429\",\"message\":\"Requests have exceeded call rate "
         "limit. Please retry after 6 seconds.\"}}"},
        {429, FAILURE_LIMITED,
         "{\"statusCode\":429,\"message\":\"Rate limit is exceeded. Try again in 2 s.\"}"},
        {401, FAILURE_DENIED,
         "{\"statusCode\":401,\"message\":\"Unauthorized. Access token is missing.\"}"});
}

TEST(failure_knows_answers_of_servers_that_run_models)
{
    ANSWERS({400, FAILURE_CONTEXT, // vLLM
             "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096 "
             "tokens. However, you requested 5000 tokens\",\"type\":\"BadRequestError\","
             "\"param\":null,\"code\":400}"},
            {400, FAILURE_CONTEXT,
             "{\"error\":{\"message\":\"'max_tokens' is too large: 9. This model's MAXIMUM "
             "context length is 4 tokens\",\"type\":\"BadRequestError\",\"code\":400}}"},
            {404, FAILURE_ABSENT,
             "{\"object\":\"error\",\"message\":\"The model `m` does not exist.\",\"type\":"
             "\"NotFoundError\",\"param\":null,\"code\":404}"},
            {404, FAILURE_CLIENT, "{\"detail\":\"Not Found\"}"},
            {422, FAILURE_CLIENT, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"prefill\"}]}"},
            {500, FAILURE_CONTEXT, // llama.cpp
             "{\"error\":{\"code\":500,\"message\":\"the request exceeds the available context "
             "size. try increasing the context size\",\"type\":\"server_error\"}}"},
            {400, FAILURE_CONTEXT,
             "{\"error\":{\"code\":400,\"message\":\"too long\",\"type\":"
             "\"exceed_context_size_error\",\"n_prompt_tokens\":9,\"n_ctx\":4}}"},
            {503, FAILURE_OVERLOADED,
             "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":"
             "\"unavailable_error\"}}"},
            {404, FAILURE_ABSENT, // Ollama
             "{\"error\":{\"message\":\"model \\\"m\\\" not found, try pulling it first\","
             "\"type\":\"api_error\",\"param\":null,\"code\":null}}"},
            {404, FAILURE_ABSENT, "{\"error\":\"model 'm' not found, try pulling it first\"}"},
            {503, FAILURE_OVERLOADED, "{\"error\":\"server busy, please try again.\"}"},
            {422, FAILURE_CONTEXT, // TGI
             "{\"error\":\"Input validation error: `inputs` tokens + `max_new_tokens` must be "
             "<= 4096\",\"error_type\":\"validation\"}"});
}

TEST(failure_knows_answers_of_other_providers)
{
    ANSWERS({400, FAILURE_ABSENT, // Mistral
             "{\"object\":\"error\",\"message\":\"Invalid model: m\",\"type\":\"invalid_model\","
             "\"param\":null,\"code\":\"1500\"}"},
            {400, FAILURE_CONTEXT,
             "{\"object\":\"error\",\"message\":\"Prompt contains 40000 tokens, too large for "
             "model with 32768 maximum context length\",\"type\":\"invalid_request_error\","
             "\"code\":\"3051\"}"},
            {401, FAILURE_DENIED, "{\"message\":\"Unauthorized\",\"request_id\":\"1\"}"},
            {429, FAILURE_LIMITED,
             "{\"object\":\"error\",\"message\":\"Service tier capacity exceeded for this "
             "model.\",\"type\":\"service_tier_capacity_exceeded\",\"code\":\"3505\"}"},
            {422, FAILURE_CLIENT,
             "{\"object\":\"error\",\"message\":{\"detail\":[{\"type\":\"extra_forbidden\"}]},"
             "\"type\":\"invalid_request_error\"}"},
            {402, FAILURE_QUOTA, // OpenRouter
             "{\"error\":{\"code\":402,\"message\":\"Insufficient credits\"}}"},
            {400, FAILURE_ABSENT,
             "{\"error\":{\"code\":400,\"message\":\"a/b is not a valid model ID\"}}"},
            {404, FAILURE_ABSENT,
             "{\"error\":{\"message\":\"No endpoints found for a/b.\",\"code\":404}}"},
            {404, FAILURE_CLIENT,
             "{\"error\":{\"message\":\"No endpoints found that support image input\","
             "\"code\":404}}"},
            {403, FAILURE_FILTER,
             "{\"error\":{\"code\":403,\"message\":\"m requires moderation on P. Your input was "
             "flagged for \\\"x\\\".\",\"metadata\":{\"reasons\":[\"x\"]}}}"},
            {400, FAILURE_CONTEXT,
             "{\"error\":{\"message\":\"Provider returned error\",\"code\":400,\"metadata\":"
             "{\"raw\":\"{\\\"message\\\":\\\"maximum context length is 8\\\"}\"}}}"},
            {200, FAILURE_SERVER, "{\"error\":{\"code\":502,\"message\":\"Bad gateway\"}}"},
            {200, FAILURE_LIMITED, "{\"error\":{\"code\":429,\"message\":\"x\"}}"},
            {400, FAILURE_FILTER, // DeepSeek
             "{\"error\":{\"message\":\"Content Exists Risk\",\"type\":"
             "\"invalid_request_error\"}}"},
            {402, FAILURE_QUOTA,
             "{\"error\":{\"message\":\"Insufficient Balance\",\"type\":\"unknown_error\"}}"},
            {400, FAILURE_CLIENT, // Gemini wraps its errors in an array
             "[{\"error\":{\"code\":400,\"message\":\"bad\",\"status\":\"INVALID_ARGUMENT\"}}]"},
            {429, FAILURE_QUOTA, "[{\"error\":{\"code\":\"insufficient_quota\"}}]"});
}

#define OF_ANTHROPIC(type, message)                                                                \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message                  \
    "\"},\"request_id\":\"req_1\"}"

TEST(failure_knows_answers_of_anthropic)
{
    ANSWERS(
        {400, FAILURE_CONTEXT,
         OF_ANTHROPIC("invalid_request_error",
                      "prompt is too long: 210000 tokens > 200000 maximum")},
        {400, FAILURE_CONTEXT,
         OF_ANTHROPIC("invalid_request_error", "input length and `max_tokens` exceed context "
                                               "limit: 190000 + 20000 > 200000")},
        {400, FAILURE_QUOTA,
         OF_ANTHROPIC("invalid_request_error",
                      "Your credit balance is too low to access the Anthropic API.")},
        {400, FAILURE_QUOTA,
         OF_ANTHROPIC("invalid_request_error", "You have reached your specified API usage limits. "
                                               "You will regain access on 2026-12-01.")},
        {400, FAILURE_FILTER,
         OF_ANTHROPIC("invalid_request_error", "Output blocked by content filtering policy")},
        {400, FAILURE_PREFILL,
         OF_ANTHROPIC("invalid_request_error", "This model does not support assistant message "
                                               "prefill.")},
        {400, FAILURE_CLIENT, OF_ANTHROPIC("invalid_request_error", "max_tokens: Field required")},
        // A user's words, quoted.
        {400, FAILURE_CLIENT,
         OF_ANTHROPIC("invalid_request_error", "text: 'prompt is too long' is no enum")},
        {401, FAILURE_DENIED, OF_ANTHROPIC("authentication_error", "invalid x-api-key")},
        {402, FAILURE_QUOTA, OF_ANTHROPIC("billing_error", "x")},
        {403, FAILURE_DENIED, OF_ANTHROPIC("permission_error", "x")},
        {404, FAILURE_ABSENT, OF_ANTHROPIC("not_found_error", "model: claude-0")},
        {404, FAILURE_CLIENT, OF_ANTHROPIC("not_found_error", "Not Found")},
        {413, FAILURE_CLIENT, OF_ANTHROPIC("request_too_large", "Request exceeds the maximum")},
        {429, FAILURE_LIMITED, OF_ANTHROPIC("rate_limit_error", "x")},
        {429, FAILURE_QUOTA,
         "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"x\","
         "\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}}}"},
        {500, FAILURE_SERVER, OF_ANTHROPIC("api_error", "Internal server error")},
        {504, FAILURE_SERVER, OF_ANTHROPIC("timeout_error", "x")},
        {529, FAILURE_OVERLOADED, OF_ANTHROPIC("overloaded_error", "Overloaded")});
}

TEST(failure_of_an_event_of_anthropic_is_told_by_its_type)
{
    static const struct {
        const char *data;
        enum failure want;
    } rows[] = {
        {OF_ANTHROPIC("overloaded_error", "Overloaded"), FAILURE_OVERLOADED},
        {OF_ANTHROPIC("rate_limit_error", "x"), FAILURE_LIMITED},
        {OF_ANTHROPIC("invalid_request_error", "prompt is too long: 2 tokens > 1 maximum"),
         FAILURE_CONTEXT},
        {OF_ANTHROPIC("billing_error", "x"), FAILURE_QUOTA},
        {OF_ANTHROPIC("request_too_large", "x"), FAILURE_CLIENT},
        {OF_ANTHROPIC("api_error", "x"), FAILURE_SERVER},
        {OF_ANTHROPIC("timeout_error", "x"), FAILURE_SERVER},
        {"{\"type\":\"message_stop\"}", FAILURE_NONE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        CHECK_EQ(failure_of_event(str_from_c(rows[i].data)), rows[i].want);
    }
}

TEST(failure_knows_how_a_prefill_is_refused)
{
    ANSWERS({400, FAILURE_PREFILL, "{\"error\":{\"code\":\"invalid_prefill\"}}"},
            {400, FAILURE_PREFILL,
             "{\"error\":{\"message\":\"This model does not support assistant message Prefill."
             "\",\"type\":\"invalid_request_error\"}}"},
            {400, FAILURE_PREFILL,
             "{\"error\":{\"message\":\"The conversation must end with a user message.\"}}"},
            {400, FAILURE_PREFILL,
             "{\"message\":\"Expected last role User or Tool (or Assistant with prefix True) for "
             "serving but got assistant\",\"object\":\"error\"}"},
            {400, FAILURE_PREFILL,
             "{\"error\":{\"message\":\"The last message of m must be a user message\"}}"},
            {400, FAILURE_PREFILL,
             "{\"error\":{\"message\":\"Cannot have 2 or more assistant messages at the end of "
             "the list.\"}}"},
            {400, FAILURE_PREFILL,
             "{\"error\":{\"message\":\"Unknown parameter: 'messages[1].prefix'.\",\"param\":"
             "\"messages[1].prefix\",\"code\":\"unknown_parameter\"}}"},
            {400, FAILURE_PREFILL,
             "{\"error\":{\"message\":\"Unrecognized request argument supplied: "
             "continue_final_message\"}}"},
            // What only looks like it.
            {400, FAILURE_CLIENT,
             "{\"error\":{\"message\":\"The first message must be a user "
             "message\"}}"},
            {400, FAILURE_CLIENT, "{\"error\":{\"message\":\"bad\",\"param\":\"prefix\"}}"},
            {400, FAILURE_CLIENT, "{\"prefill\":true,\"error\":{\"message\":\"bad\"}}"},
            {500, FAILURE_SERVER, "{\"error\":{\"message\":\"prefill worker died\"}}"},
            {503, FAILURE_OVERLOADED, "{\"error\":{\"message\":\"no prefill node\"}}"},
            {429, FAILURE_LIMITED, "{\"error\":{\"message\":\"too many prefill tokens\"}}"});
}

TEST(failure_believes_no_prose_under_another_status)
{
    ANSWERS({401, FAILURE_DENIED, "{\"error\":{\"message\":\"maximum context length\"}}"},
            {429, FAILURE_LIMITED, "{\"error\":{\"message\":\"maximum context length\"}}"},
            {429, FAILURE_LIMITED, "{\"error\":{\"message\":\"insufficient_quota\"}}"},
            {400, FAILURE_CLIENT, "{\"error\":{\"message\":\"The model `m` does not exist\"}}"},
            {400, FAILURE_CLIENT, "{\"error\":{\"message\":\"content_filter\"}}"},
            {404, FAILURE_CLIENT,
             "{\"error\":{\"message\":\"The job of the model m does not exist\",\"x\":1},"
             "\"choices\":[{\"code\":\"model_not_found\"}]}"},
            {403, FAILURE_DENIED, "{\"error\":{\"message\":\"Country not supported\"}}"},
            {500, FAILURE_SERVER, "{\"error\":{\"message\":\"the context was lost\"}}"},
            {400, FAILURE_CLIENT, "{\"error\":{\"code\":\"content_filter_x\"}}"},
            {429, FAILURE_LIMITED, "{\"error\":{\"code\":\"insufficient\"}}"});
}

TEST(failure_looks_at_the_front_of_a_message_only)
{
    static char body[10'000];
    static const char head[] = "{\"error\":{\"message\":\"";
    static const char tail[] = "prefill\"}}";

    memset(body, 'x', sizeof(body));
    memcpy(body, head, sizeof(head) - 1);
    memcpy(body + sizeof(body) - sizeof(tail) + 1, tail, sizeof(tail) - 1);
    CHECK_EQ(failure_of_answer(400, (str){body, sizeof(body)}), FAILURE_CLIENT);
    memcpy(body + 4000, "prefill", 7);
    CHECK_EQ(failure_of_answer(400, (str){body, sizeof(body)}), FAILURE_PREFILL);
    // A body that was cut is read as far as it goes, though not into a cut message.
    CHECK_EQ(failure_of_answer(429, STR("{\"error\":{\"code\":\"insufficient_quota\",\"mess")),
             FAILURE_QUOTA);
    CHECK_EQ(failure_of_answer(400, (str){body, 5000}), FAILURE_CLIENT);
}

static void check_event(const char *event, enum failure want)
{
    enum failure got = failure_of_event(str_from_c(event));

    if (got != want)
        test_fail(__FILE__, __LINE__, "%s: %" STR_FMT, event, STR_ARG(failure_name(got)));
}

TEST(failure_of_an_event_is_told_by_code_type_or_status)
{
    check_event("{\"error\":{\"message\":\"x\"}}", FAILURE_SERVER);
    check_event("{\"error\":{\"message\":\"x\",\"type\":\"server_error\",\"code\":null}}",
                FAILURE_SERVER);
    check_event("{\"error\":\"an error was encountered while running the model\"}", FAILURE_SERVER);
    check_event("{\"error\":true}", FAILURE_SERVER);
    check_event("{\"error\":{\"type\":\"unheard_of\",\"code\":7}}", FAILURE_SERVER);
    check_event("{\"error\":{\"code\":\"rate_limit_exceeded\"}}", FAILURE_LIMITED);
    check_event("{\"error\":{\"type\":\"insufficient_quota\"}}", FAILURE_QUOTA);
    check_event("{\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
                FAILURE_OVERLOADED);
    check_event("{\"error\":{\"code\":\"content_filter\"}}", FAILURE_FILTER);
    check_event("{\"error\":{\"object\":\"error\",\"message\":\"x\",\"type\":\"BadRequestError\","
                "\"param\":null,\"code\":400}}",
                FAILURE_CLIENT);
    check_event("{\"id\":\"gen-1\",\"provider\":\"P\",\"error\":{\"code\":502,\"message\":\"x\"},"
                "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":"
                "\"error\"}]}",
                FAILURE_SERVER);
    check_event("{\"error\":{\"code\":\"429\",\"message\":\"x\"}}", FAILURE_LIMITED);
    check_event("{\"error\":{\"message\":\"maximum context length\",\"code\":400}}",
                FAILURE_CONTEXT);
    check_event("{\"error\":{\"message\":\"no prefill\",\"type\":\"invalid_request_error\"}}",
                FAILURE_PREFILL);
    check_event("{\"error\":{\"message\":\"prefill worker died\"}}", FAILURE_SERVER);
    check_event("{\"object\":\"error\",\"message\":\"x\",\"code\":400}", FAILURE_CLIENT);
}

TEST(failure_of_a_responses_event_is_flat_or_in_its_response)
{
    check_event("{\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"x\","
                "\"param\":null,\"sequence_number\":1}",
                FAILURE_LIMITED);
    check_event("{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"x\"}", FAILURE_SERVER);
    check_event("{\"type\":\"error\"}", FAILURE_SERVER);
    check_event("{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                "\"context_length_exceeded\",\"message\":\"x\"}}",
                FAILURE_CONTEXT);
    check_event("{\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"error\":{\"code\":"
                "\"server_error\",\"message\":\"x\"}}}",
                FAILURE_SERVER);
    check_event("{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":"
                "\"rate_limit_exceeded\"}}}",
                FAILURE_LIMITED);
    check_event("{\"type\":\"response.failed\",\"response\":{\"error\":null}}", FAILURE_SERVER);
    check_event("{\"type\":\"response.failed\"}", FAILURE_SERVER);
}

TEST(failure_of_an_event_that_reports_none_is_none)
{
    check_event("{\"choices\":[{\"delta\":{\"content\":\"error\"}}]}", FAILURE_NONE);
    check_event("{\"error\":null,\"choices\":[]}", FAILURE_NONE);
    check_event("{\"error\":\"\"}", FAILURE_NONE);
    check_event("{\"error\":false}", FAILURE_NONE);
    check_event("{\"error\":[]}", FAILURE_NONE);
    check_event("{\"type\":\"response.completed\",\"response\":{\"error\":null}}", FAILURE_NONE);
    check_event("{\"type\":\"response.output_text.delta\",\"delta\":\"error\"}", FAILURE_NONE);
    check_event("{\"x\":{\"error\":{\"code\":429}}}", FAILURE_NONE);
    check_event("{\"error\":{\"code\":429", FAILURE_SERVER);
    check_event("not JSON", FAILURE_SERVER);
}

TEST(failure_of_a_status_is_what_its_code_means)
{
    static const enum failure want[] = {
        FAILURE_NONE,       FAILURE_SERVER, FAILURE_SERVER,     FAILURE_CLIENT,  FAILURE_SILENT,
        FAILURE_ABSENT,     FAILURE_CLIENT, FAILURE_DENIED,     FAILURE_LIMITED, FAILURE_CLIENT,
        FAILURE_OVERLOADED, FAILURE_CLIENT, FAILURE_UNEXPECTED, FAILURE_SERVER,  FAILURE_OVERLOADED,
        FAILURE_SERVER,     FAILURE_DENIED, FAILURE_SERVER, // a code that there is not
    };

    for (unsigned code = 0; code < sizeof(want) / sizeof(want[0]); code++) {
        CHECK_EQ(failure_of_status(code, STR("no.")), want[code]);
    }
    // And its message, where that says more.
    CHECK_EQ(failure_of_status(3, STR("This model's maximum context length is 4 tokens.")),
             FAILURE_CONTEXT);
    CHECK_EQ(failure_of_status(14, STR("This model's maximum context length is 4 tokens.")),
             FAILURE_OVERLOADED);
}

TEST(failure_takes_any_damage_to_a_body)
{
    static const str good = STR_INIT(
        "[{\"error\":{\"code\":\"x\",\"type\":3,\"innererror\":{\"code\":\"y\"},\"metadata\":"
        "{\"raw\":\"z\"},\"message\":\"m\"},\"response\":{\"error\":{\"code\":500}}}]");
    struct random random;
    char bytes[300];

    random_init(&random, test_seed());
    for (int i = 0; i < 20'000; i++) {
        size_t len = 1 + random_below(&random, good.len);
        memcpy(bytes, good.ptr, good.len);
        for (uint64_t n = 1 + random_below(&random, 4); n; n--) {
            bytes[random_below(&random, good.len)] = "{}[]\":,0x\\"[random_below(&random, 10)];
        }
        CHECK(failure_of_answer((unsigned)random_below(&random, 700), (str){bytes, len}) <
              FAILURES);
        CHECK(failure_of_event((str){bytes, len}) < FAILURES);
    }
}
