#include "provider/anthropic_dialect.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

// A request that was read, with what the reader told of it.
struct told {
    struct arena arena;
    struct chat_request q;
    struct chat_notes notes;
    err e;
};

static void tell(struct told *t, const char *body)
{
    memset(t, 0, sizeof(*t));
    arena_init(&t->arena, 1024);
    t->e = anthropic_read_request(str_from_c(body), &t->arena, &t->q, &t->notes);
}

static void tell_done(struct told *t)
{
    arena_reset(&t->arena);
}

#define REQUEST(rest) "{\"model\":\"claude-x\",\"max_tokens\":10," rest "}"
#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define USER(blocks) REQUEST("\"messages\":[{\"role\":\"user\",\"content\":[" blocks "]}]")
#define ASSISTANT(blocks)                                                                          \
    REQUEST("\"messages\":[{\"role\":\"assistant\",\"content\":[" blocks "]}]")

static bool has_dropped(const struct told *t, str name)
{
    for (size_t i = 0; i < t->notes.dropped_count; i++) {
        if (str_eq(t->notes.dropped[i], name)) return true;
    }
    return false;
}

TEST(anthropic_read_takes_a_text_as_it_was_written)
{
    struct told t;

    tell(&t, REQUEST("\"messages\":[{\"role\":\"user\",\"content\":\"H\\u0069\\/\"}]"));
    CHECK_EQ(t.e, OK);
    CHECK_EQ(t.q.message_count, 1);
    CHECK_EQ(t.q.messages[0].role, CHAT_USER);
    CHECK_EQ(t.q.messages[0].part_count, 1);
    CHECK_STR(t.q.messages[0].parts[0].text.bytes, "H\\u0069\\/");
    CHECK(t.q.messages[0].parts[0].text.is_json);
    CHECK_STR(t.q.model.bytes, "claude-x");
    CHECK_STR(t.q.max_tokens, "10");
    CHECK_EQ(t.q.choice_count, 1);
    CHECK_EQ(t.notes.dropped_count, 0);
    tell_done(&t);
}

TEST(anthropic_read_has_the_system_prompt_first_wherever_it_stands)
{
    struct told t;

    tell(&t, REQUEST(HI ",\"system\":[{\"type\":\"text\",\"text\":\"A\"},{\"type\":\"text\","
                        "\"text\":\"B\",\"cache_control\":{\"type\":\"ephemeral\"}}]"));
    CHECK_EQ(t.e, OK);
    CHECK_EQ(t.q.message_count, 2);
    CHECK_EQ(t.q.messages[0].role, CHAT_SYSTEM);
    CHECK_EQ(t.q.messages[0].part_count, 2);
    CHECK_STR(t.q.messages[0].parts[1].text.bytes, "B");
    CHECK_STR(t.q.messages[0].parts[1].cache_json, "{\"type\":\"ephemeral\"}");
    tell_done(&t);
    tell(&t, REQUEST("\"system\":\"S\"," HI));
    CHECK_EQ(t.q.message_count, 2);
    CHECK_STR(t.q.messages[0].parts[0].text.bytes, "S");
    tell_done(&t);
    // Newer versions have them in between as well.
    tell(&t, REQUEST("\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"system\","
                     "\"content\":\"b\"}]"));
    CHECK_EQ(t.q.message_count, 2);
    CHECK_EQ(t.q.messages[1].role, CHAT_SYSTEM);
    tell_done(&t);
}

TEST(anthropic_read_makes_results_of_tools_messages_of_their_own)
{
    struct told t;

    tell(&t, USER("{\"type\":\"text\",\"text\":\"and\"},{\"type\":\"tool_result\",\"tool_use_id\":"
                  "\"t1\",\"content\":\"r\"},{\"type\":\"tool_result\",\"tool_use_id\":\"t2\","
                  "\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":"
                  "\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}]},{\"type\":"
                  "\"tool_result\",\"tool_use_id\":\"t3\"}"));
    CHECK_EQ(t.e, OK);
    CHECK_EQ(t.q.message_count, 4);
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ(t.q.messages[i].role, CHAT_TOOL);
        CHECK_EQ(t.q.messages[i].part_count, 1);
        CHECK_EQ(t.q.messages[i].parts[0].kind, CHAT_PART_TOOL_RESULT);
    }
    const struct chat_part *second = &t.q.messages[1].parts[0];
    CHECK_STR(second->id.bytes, "t2");
    CHECK(second->is_error && !t.q.messages[0].parts[0].is_error);
    CHECK_EQ(second->part_count, 2);
    CHECK_EQ(second->parts[1].kind, CHAT_PART_IMAGE);
    CHECK_EQ(t.q.messages[2].parts[0].part_count, 0);
    CHECK_EQ(t.q.messages[3].role, CHAT_USER);
    CHECK_STR(t.q.messages[3].parts[0].text.bytes, "and");
    tell_done(&t);
}

TEST(anthropic_read_takes_calls_and_thinking_of_the_assistant)
{
    struct told t;

    tell(&t, ASSISTANT("{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"Eq==\"},"
                       "{\"type\":\"redacted_thinking\",\"data\":\"Em\"},{\"type\":\"text\","
                       "\"text\":\"a\",\"citations\":[{\"type\":\"char_location\"}]},"
                       "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\": "
                       "1e3},\"caller\":{\"type\":\"direct\"}}"));
    CHECK_EQ(t.e, OK);
    const struct chat_part *p = t.q.messages[0].parts;
    CHECK_EQ(t.q.messages[0].part_count, 4);
    CHECK_EQ(p[0].kind, CHAT_PART_REASONING);
    CHECK_STR(p[0].text.bytes, "hm");
    CHECK_STR(p[0].signature.bytes, "Eq==");
    CHECK_EQ(p[1].kind, CHAT_PART_REASONING);
    CHECK_STR(p[1].redacted.bytes, "Em");
    CHECK_STR(p[2].citations_json, "[{\"type\":\"char_location\"}]");
    CHECK_EQ(p[3].kind, CHAT_PART_TOOL_CALL);
    CHECK_STR(p[3].name.bytes, "f");
    CHECK_STR(p[3].arguments.bytes, "{\"a\": 1e3}");
    CHECK(!p[3].arguments.is_json);
    CHECK_EQ(t.notes.dropped_count, 0);
    tell_done(&t);
}

// What an answer of ours had in the place of an object comes back as it was.
TEST(anthropic_read_takes_arguments_that_were_cut)
{
    struct told t;

    tell(&t, ASSISTANT("{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":\"{\\\"a\"}"));
    CHECK_EQ(t.e, OK);
    CHECK_STR(t.q.messages[0].parts[0].arguments.bytes, "{\\\"a");
    CHECK(t.q.messages[0].parts[0].arguments.is_json);
    tell_done(&t);
}

TEST(anthropic_read_takes_media_from_every_source)
{
    static const struct {
        const char *block;
        enum chat_part_kind kind;
        enum chat_source source;
        const char *content;
        const char *type;
    } rows[] = {
        {"{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
         "\"data\":\"iVBO\"}}",
         CHAT_PART_IMAGE, CHAT_SOURCE_BASE64, "iVBO", "image/png"},
        {"{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"http://x/\"}}",
         CHAT_PART_IMAGE, CHAT_SOURCE_URL, "http://x/", ""},
        {"{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"file_1\"}}",
         CHAT_PART_IMAGE, CHAT_SOURCE_FILE_ID, "file_1", ""},
        {"{\"type\":\"document\",\"source\":{\"data\":\"JVBERi\",\"media_type\":\"application/"
         "pdf\",\"type\":\"base64\"},\"title\":\"T\"}",
         CHAT_PART_FILE, CHAT_SOURCE_BASE64, "JVBERi", "application/pdf"},
        {"{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\","
         "\"data\":\"words\"},\"title\":\"T\"}",
         CHAT_PART_FILE, CHAT_SOURCE_TEXT, "words", "text/plain"},
        {"{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"http://x/\"},"
         "\"title\":\"T\"}",
         CHAT_PART_FILE, CHAT_SOURCE_URL, "http://x/", ""},
        {"{\"type\":\"document\",\"source\":{\"type\":\"file\",\"file_id\":\"file_1\"},"
         "\"title\":\"T\"}",
         CHAT_PART_FILE, CHAT_SOURCE_FILE_ID, "file_1", ""},
    };
    struct told t;
    char body[1000];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        (void)snprintf(body, sizeof(body), USER("%s"), rows[i].block);
        tell(&t, body);
        CHECK_EQ(t.e, OK);
        const struct chat_part *p = t.q.messages[0].parts;
        CHECK_EQ(p->kind, rows[i].kind);
        CHECK_EQ(p->media.source, rows[i].source);
        CHECK_SAME(p->media.content.bytes, str_from_c(rows[i].content));
        CHECK_SAME(p->media.type.bytes, str_from_c(rows[i].type));
        if (p->kind == CHAT_PART_FILE) CHECK_STR(p->media.name.bytes, "T");
        tell_done(&t);
    }
}

TEST(anthropic_read_takes_documents_of_blocks_for_what_they_consist_of)
{
    struct told t;

    tell(&t, USER("{\"type\":\"document\",\"title\":\"T\",\"context\":\"C\",\"citations\":{"
                  "\"enabled\":true},\"source\":{\"type\":\"content\",\"content\":[{\"type\":"
                  "\"text\",\"text\":\"one\"},{\"type\":\"image\",\"source\":{\"type\":\"url\","
                  "\"url\":\"u\"}}]}},{\"type\":\"search_result\",\"source\":\"s\",\"title\":"
                  "\"R\",\"content\":[{\"type\":\"text\",\"text\":\"two\"}]}"));
    CHECK_EQ(t.e, OK);
    const struct chat_part *p = t.q.messages[0].parts;
    CHECK_EQ(t.q.messages[0].part_count, 6);
    CHECK_STR(p[0].text.bytes, "T");
    CHECK_STR(p[1].text.bytes, "C");
    CHECK_STR(p[2].text.bytes, "one");
    CHECK_EQ(p[3].kind, CHAT_PART_IMAGE);
    CHECK_STR(p[4].text.bytes, "R");
    CHECK_STR(p[5].text.bytes, "two");
    CHECK_EQ(t.notes.dropped_count, 1);
    CHECK(has_dropped(&t, STR("messages.content.citations")));
    tell_done(&t);
}

TEST(anthropic_read_keeps_the_context_of_a_document)
{
    struct told t;

    tell(&t, USER("{\"type\":\"document\",\"context\":\"C\",\"source\":{\"type\":\"text\","
                  "\"data\":\"d\"}}"));
    CHECK_EQ(t.q.messages[0].part_count, 2);
    CHECK_STR(t.q.messages[0].parts[0].text.bytes, "C");
    CHECK_EQ(t.q.messages[0].parts[1].kind, CHAT_PART_FILE);
    tell_done(&t);
}

TEST(anthropic_read_leaves_out_and_notes_what_only_its_servers_do)
{
    struct told t;

    tell(&t,
         REQUEST("\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
                 "\"content\":[{\"type\":\"server_tool_use\",\"id\":\"s\"},{\"type\":"
                 "\"web_search_tool_result\"},{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":"
                 "\"assistant\",\"content\":[{\"type\":\"mcp_tool_use\"}]}],\"tools\":[{\"type\":"
                 "\"web_search_20250305\",\"name\":\"web_search\"},{\"type\":\"custom\",\"name\":"
                 "\"f\",\"input_schema\":{\"type\":\"object\"},\"defer_loading\":true}],"
                 "\"container\":\"c\",\"mcp_servers\":[],\"context_management\":{},\"a_new_one\":1,"
                 "\"cache_control\":null"));
    CHECK_EQ(t.e, OK);
    CHECK_EQ(t.q.message_count, 2); // nothing is left of the third
    CHECK_EQ(t.q.messages[1].part_count, 1);
    CHECK_EQ(t.q.tool_count, 1);
    CHECK_STR(t.q.tools[0].name.bytes, "f");
    CHECK(has_dropped(&t, STR("messages.content.server_tool_use")));
    CHECK(has_dropped(&t, STR("messages.content.web_search_tool_result")));
    CHECK(has_dropped(&t, STR("messages.content.mcp_tool_use")));
    CHECK(has_dropped(&t, STR("tools.web_search_20250305")));
    CHECK(has_dropped(&t, STR("tools.defer_loading")));
    CHECK(has_dropped(&t, STR("container")));
    CHECK(has_dropped(&t, STR("mcp_servers")));
    CHECK(has_dropped(&t, STR("context_management")));
    CHECK(has_dropped(&t, STR("a_new_one")));
    CHECK_EQ(t.notes.dropped_count, 9);
    tell_done(&t);
}

TEST(anthropic_read_takes_tools_with_their_schemas_as_written)
{
    struct told t;

    tell(&t, REQUEST(HI ",\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{ "
                        "\"type\":\"object\" },\"strict\":true,\"cache_control\":{\"type\":"
                        "\"ephemeral\"}},{\"name\":\"g\",\"strict\":false,\"type\":null}]"));
    CHECK_EQ(t.e, OK);
    CHECK_EQ(t.q.tool_count, 2);
    CHECK_STR(t.q.tools[0].schema_json, "{ \"type\":\"object\" }");
    CHECK_STR(t.q.tools[0].description.bytes, "d");
    CHECK_STR(t.q.tools[0].cache_json, "{\"type\":\"ephemeral\"}");
    CHECK_EQ(t.q.tools[0].strict, CHAT_YES);
    CHECK_EQ(t.q.tools[1].strict, CHAT_NO);
    CHECK_EQ(t.q.tools[1].schema_json.len, 0);
    tell_done(&t);
}

TEST(anthropic_read_inverts_the_wish_for_calls_one_by_one)
{
    static const struct {
        const char *choice;
        enum chat_choose kind;
        enum chat_flag parallel;
    } rows[] = {
        {"{\"type\":\"auto\"}", CHAT_CHOOSE_AUTO, CHAT_UNSET},
        {"{\"type\":\"auto\",\"disable_parallel_tool_use\":true}", CHAT_CHOOSE_AUTO, CHAT_NO},
        {"{\"type\":\"any\",\"disable_parallel_tool_use\":false}", CHAT_CHOOSE_ANY, CHAT_YES},
        {"{\"name\":\"f\",\"type\":\"tool\"}", CHAT_CHOOSE_ONE, CHAT_UNSET},
        {"{\"type\":\"none\"}", CHAT_CHOOSE_NONE, CHAT_UNSET},
        {"null", CHAT_CHOOSE_UNSET, CHAT_UNSET},
    };
    struct told t;
    char body[500];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        (void)snprintf(body, sizeof(body),
                       REQUEST(HI ",\"tools\":[{\"name\":\"f\"}],\"tool_choice\":%s"),
                       rows[i].choice);
        tell(&t, body);
        CHECK_EQ(t.e, OK);
        CHECK_EQ(t.q.tool_choice.kind, rows[i].kind);
        CHECK_EQ(t.q.tool_choice.parallel, rows[i].parallel);
        if (rows[i].kind == CHAT_CHOOSE_ONE) CHECK_STR(t.q.tool_choice.name.bytes, "f");
        tell_done(&t);
    }
}

TEST(anthropic_read_takes_all_parameters)
{
    struct told t;

    tell(&t, REQUEST(HI ",\"temperature\":0.70,\"top_p\":1e-1,\"top_k\":5,\"stop_sequences\":["
                        "\"a\",\"\\n\"],\"stream\":true,\"metadata\":{\"user_id\":\"u\",\"x\":1},"
                        "\"service_tier\":\"standard_only\",\"thinking\":{\"type\":\"enabled\","
                        "\"budget_tokens\":2048,\"display\":\"omitted\"},\"output_config\":{"
                        "\"effort\":\"high\",\"format\":{\"type\":\"json_schema\",\"schema\":{ }},"
                        "\"task_budget\":{}}"));
    CHECK_EQ(t.e, OK);
    CHECK_STR(t.q.temperature, "0.70");
    CHECK_STR(t.q.top_p, "1e-1");
    CHECK_STR(t.q.top_k, "5");
    CHECK_EQ(t.q.stop_count, 2);
    CHECK_STR(t.q.stops[1].bytes, "\\n");
    CHECK(t.q.is_stream && t.q.wants_usage);
    CHECK_STR(t.q.user.bytes, "u");
    CHECK_STR(t.q.service_tier.bytes, "default");
    CHECK_EQ(t.q.reasoning.thinking, CHAT_THINKING_ON);
    CHECK_STR(t.q.reasoning.budget_tokens, "2048");
    CHECK_STR(t.q.reasoning.effort.bytes, "high");
    CHECK_EQ(t.q.format.kind, CHAT_FORMAT_SCHEMA);
    CHECK_STR(t.q.format.schema_json, "{ }");
    CHECK(has_dropped(&t, STR("metadata.x")));
    CHECK(has_dropped(&t, STR("thinking.display")));
    CHECK(has_dropped(&t, STR("output_config.task_budget")));
    CHECK_EQ(t.notes.dropped_count, 3);
    tell_done(&t);
}

TEST(anthropic_read_takes_each_kind_of_thinking)
{
    static const struct {
        const char *type;
        enum chat_thinking want;
    } rows[] = {{"disabled", CHAT_THINKING_OFF},
                {"adaptive", CHAT_THINKING_ADAPTIVE},
                {"between_tools", CHAT_THINKING_ADAPTIVE}};
    struct told t;
    char body[200];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        (void)snprintf(body, sizeof(body), REQUEST(HI ",\"thinking\":{\"type\":\"%s\"}"),
                       rows[i].type);
        tell(&t, body);
        CHECK_EQ(t.e, OK);
        CHECK_EQ(t.q.reasoning.thinking, rows[i].want);
        CHECK_EQ(t.notes.dropped_count, i == 2);
        tell_done(&t);
    }
}

TEST(anthropic_read_of_a_count_needs_no_maximum)
{
    struct told t;

    tell(&t, "{\"model\":\"m\"," HI "}");
    CHECK_EQ(t.e, ERR_TYPE);
    CHECK_STR(t.notes.param, "max_tokens");
    CHECK_EQ(
        anthropic_read_count_request(STR("{\"model\":\"m\"," HI "}"), &t.arena, &t.q, &t.notes),
        OK);
    CHECK_EQ(t.q.message_count, 1);
    tell_done(&t);
}

struct wrong {
    const char *body;
    err e;
    const char *param;
};

static void check_wrong(const struct wrong *rows, size_t count)
{
    struct told t;

    for (size_t i = 0; i < count; i++) {
        tell(&t, rows[i].body);
        if (t.e != rows[i].e || !str_eq(t.notes.param, str_from_c(rows[i].param)))
            test_fail(__FILE__, __LINE__, "%s: %s at '%" STR_FMT "'", rows[i].body, err_name(t.e),
                      STR_ARG(t.notes.param));
        CHECK(t.notes.problem.len > 0);
        tell_done(&t);
    }
}

#define WRONG(...)                                                                                 \
    check_wrong((const struct wrong[]){__VA_ARGS__},                                               \
                sizeof((const struct wrong[]){__VA_ARGS__}) / sizeof(struct wrong))

TEST(anthropic_read_says_which_message_is_wrong)
{
    WRONG({"", ERR_SYNTAX, ""}, {"[]", ERR_SYNTAX, ""}, {"{\"model\":\"m\"", ERR_SYNTAX, ""},
          {"{\"model\":\"\xff\"}", ERR_SYNTAX, ""}, {REQUEST(HI) " x", ERR_SYNTAX, ""},
          {"{\"max_tokens\":1," HI "}", ERR_TYPE, "model"}, {"{\"model\":1}", ERR_TYPE, "model"},
          {"{\"model\":\"m\",\"max_tokens\":1}", ERR_TYPE, "messages"},
          {REQUEST("\"messages\":[]"), ERR_RANGE, "messages"},
          {REQUEST("\"messages\":[1]"), ERR_TYPE, "messages[0]"},
          {REQUEST("\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]"), ERR_TYPE,
           "messages[0].role"},
          {REQUEST("\"messages\":[{\"role\":\"user\"}]"), ERR_TYPE, "messages[0].content"});
}

TEST(anthropic_read_says_which_block_is_wrong)
{
    WRONG(
        {USER("{}"), ERR_TYPE, "messages[0].content[0].type"},
        {USER("7"), ERR_TYPE, "messages[0].content[0]"},
        {USER("{\"type\":\"text\"}"), ERR_TYPE, "messages[0].content[0].text"},
        {USER("{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\"}"), ERR_TYPE,
         "messages[0].content[1].source"},
        {USER("{\"type\":\"image\",\"source\":{\"type\":\"base64\"}}"), ERR_TYPE,
         "messages[0].content[0].source.data"},
        {USER("{\"type\":\"image\",\"source\":{\"type\":\"text\",\"data\":\"x\"}}"),
         ERR_UNSUPPORTED, "messages[0].content[0].source.type"},
        {USER("{\"type\":\"a_new_block\"}"), ERR_UNSUPPORTED, "messages[0].content[0].type"},
        {USER("{\"type\":\"container_upload\",\"file_id\":\"f\"}"), ERR_UNSUPPORTED,
         "messages[0].content[0].type"},
        {USER("{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\"}"), ERR_UNSUPPORTED,
         "messages[0].content[0].type"},
        {ASSISTANT("{\"type\":\"a_new_block\"}"), ERR_UNSUPPORTED, "messages[0].content[0].type"},
        {ASSISTANT("{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":[]}"), ERR_TYPE,
         "messages[0].content[0].input"},
        {USER("{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"text\"}]}"),
         ERR_TYPE, "messages[0].content[0].content[0].text"},
        {USER("{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"is_error\":1}"), ERR_TYPE,
         "messages[0].content[0].is_error"},
        {USER("{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":"
              "\"document\"}]}}"),
         ERR_UNSUPPORTED, "messages[0].content[0].source.content[0].type"});
}

TEST(anthropic_read_says_which_parameter_is_wrong)
{
    WRONG(
        {REQUEST(HI ",\"system\":[{\"type\":\"image\"}]"), ERR_UNSUPPORTED, "system[0].type"},
        {REQUEST(HI ",\"system\":1"), ERR_TYPE, "system"},
        {REQUEST(HI ",\"tools\":{}"), ERR_TYPE, "tools"},
        {REQUEST(HI ",\"tools\":[{}]"), ERR_TYPE, "tools[0].name"},
        {REQUEST(HI ",\"tools\":[{\"name\":\"f\",\"input_schema\":[]}]"), ERR_TYPE,
         "tools[0].input_schema"},
        {REQUEST(HI ",\"tool_choice\":{\"type\":\"required\"}"), ERR_TYPE, "tool_choice.type"},
        {REQUEST(HI ",\"tool_choice\":{\"type\":\"tool\"}"), ERR_TYPE, "tool_choice.name"},
        {REQUEST(HI ",\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}],\"tool_choice\":{"
                    "\"type\":\"tool\",\"name\":\"bash\"}"),
         ERR_UNSUPPORTED, "tool_choice"},
        {REQUEST(HI ",\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}],\"tool_choice\":{"
                    "\"type\":\"any\"}"),
         ERR_UNSUPPORTED, "tool_choice"},
        {REQUEST(HI ",\"temperature\":\"1\""), ERR_TYPE, "temperature"},
        {REQUEST(HI ",\"top_k\":-1"), ERR_RANGE, "top_k"},
        {REQUEST(HI ",\"stream\":1"), ERR_TYPE, "stream"},
        {REQUEST(HI ",\"stop_sequences\":\"x\""), ERR_TYPE, "stop_sequences"},
        {REQUEST(HI ",\"stop_sequences\":[1]"), ERR_TYPE, "stop_sequences"},
        {REQUEST(HI ",\"metadata\":{\"user_id\":1}"), ERR_TYPE, "metadata.user_id"},
        {REQUEST(HI ",\"thinking\":{\"type\":\"on\"}"), ERR_TYPE, "thinking.type"},
        {REQUEST(HI ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1.5}"), ERR_TYPE,
         "thinking.budget_tokens"},
        {REQUEST(HI ",\"output_config\":{\"format\":{\"type\":\"json\"}}"), ERR_TYPE,
         "output_config.format"},
        {"{\"model\":\"m\",\"max_tokens\":-1," HI "}", ERR_RANGE, "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":\"1\"," HI "}", ERR_TYPE, "max_tokens"});
}

TEST(anthropic_read_bounds_the_parts_of_a_request)
{
    struct told t;
    struct buf body;

    buf_init(&body, 16 << 20);
    CHECK_EQ(buf_append(&body, STR("{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":"
                                   "\"user\",\"content\":[")),
             OK);
    for (int i = 0; i <= CHAT_PARTS_MAX; i++) {
        CHECK_EQ(buf_append(&body, i ? STR(",{\"type\":\"text\",\"text\":\"x\"}")
                                     : STR("{\"type\":\"text\",\"text\":\"x\"}")),
                 OK);
    }
    CHECK_EQ(buf_append(&body, STR("]}]}\0")), OK);
    tell(&t, buf_view(&body).ptr);
    CHECK_EQ(t.e, ERR_LIMIT);
    tell_done(&t);
    buf_done(&body);
}

TEST(anthropic_read_cuts_the_names_that_it_tells_of)
{
    struct told t;
    char body[1000];
    char name[300];

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(body, sizeof(body), REQUEST(HI ",\"%s\":1"), name);
    tell(&t, body);
    CHECK_EQ(t.notes.dropped_count, 1);
    CHECK_EQ(t.notes.dropped[0].len, 64);
    tell_done(&t);
}
