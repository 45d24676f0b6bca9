#include "provider/openai_chat.h"

#include "support/chat_dump.h"
#include "support/chat_maker.h"
#include "support/test.h"

#include <stdio.h>

enum { TEXT_MAX = 1 << 20 };

// All of what a gather holds.
static void flatten(const struct gather *g, struct buf *out)
{
    struct iovec pieces[GATHER_PIECES_MAX];
    int count = gather_pieces(g, pieces);

    for (int i = 0; i < count; i++) {
        CHECK_EQ(buf_append(out, (str){.ptr = pieces[i].iov_base, .len = pieces[i].iov_len}), OK);
    }
    CHECK_EQ(json_check(buf_view(out), NULL), OK);
}

// A request as it is written, and behind it what was dropped or is wrong.
static void check_written(const struct chat_request *q, err want_error, const char *want)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct gather g;
    struct buf out;

    gather_init(&g, TEXT_MAX);
    buf_init(&out, TEXT_MAX);
    err e = openai_chat_write(q, &g, &notes);
    if (!e) flatten(&g, &out);
    chat_dump_notes(&notes, &out);
    CHECK_SAME(buf_view(&out), str_from_c(want));
    CHECK_EQ(e, want_error);
    buf_done(&out);
    gather_done(&g);
}

#define PLAIN(literal)                                                                             \
    {                                                                                              \
        .bytes = STR_INIT(literal)                                                                 \
    }
#define TEXT(literal)                                                                              \
    {                                                                                              \
        .kind = CHAT_PART_TEXT, .text = PLAIN(literal)                                             \
    }

static struct chat_part hi[] = {TEXT("hi")};
static struct chat_message user[] = {{.role = CHAT_USER, .parts = hi, .part_count = 1}};

static struct chat_request asking(void)
{
    return (struct chat_request){.model = chat_text_plain(STR("m")),
                                 .messages = user,
                                 .message_count = 1,
                                 .choice_count = 1};
}

#define HI "{\"role\":\"user\",\"content\":\"hi\"}"
#define BODY(members) "{\"model\":\"m\",\"messages\":[" HI "]" members "}"

TEST(openai_chat_writes_no_more_than_was_asked)
{
    struct chat_request q = asking();

    check_written(&q, OK, BODY(""));
}

static void check_messages(struct chat_message *messages, size_t count, err e, const char *want)
{
    struct chat_request q = asking();
    char text[4000];

    q.messages = messages;
    q.message_count = count;
    (void)snprintf(text, sizeof(text), e ? "%s" : "{\"model\":\"m\",\"messages\":[%s", want);
    check_written(&q, e, text);
}

TEST(openai_chat_writes_a_lone_text_as_a_string_and_more_as_parts)
{
    static struct chat_part two[] = {TEXT("a"), TEXT("b")};
    static struct chat_part refusal[] = {{.kind = CHAT_PART_REFUSAL, .text = PLAIN("no")}};
    static struct chat_message messages[] = {
        {.role = CHAT_DEVELOPER, .name = PLAIN("n"), .parts = hi, .part_count = 1},
        {.role = CHAT_SYSTEM, .parts = two, .part_count = 2},
        {.role = CHAT_USER},
        {.role = CHAT_ASSISTANT},
        {.role = CHAT_ASSISTANT, .parts = refusal, .part_count = 1},
    };

    check_messages(messages, 5, OK,
                   "{\"role\":\"developer\",\"content\":\"hi\",\"name\":\"n\"},"
                   "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
                   "{\"type\":\"text\",\"text\":\"b\"}]},"
                   "{\"role\":\"user\",\"content\":\"\"},"
                   "{\"role\":\"assistant\",\"content\":\"\"},"
                   "{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\","
                   "\"refusal\":\"no\"}]}]}");
}

TEST(openai_chat_writes_calls_with_their_arguments_as_text)
{
    static struct chat_part said[] = {
        {.kind = CHAT_PART_REASONING, .text = PLAIN("r")},
        {.kind = CHAT_PART_REASONING, .text = PLAIN("s"), .signature = PLAIN("sig")},
        {.kind = CHAT_PART_TOOL_CALL,
         .id = PLAIN("c"),
         .name = PLAIN("f"),
         .arguments = PLAIN("{\"a\":\"b\"}")},
        {.kind = CHAT_PART_TOOL_CALL,
         .id = PLAIN("d"),
         .name = PLAIN("g"),
         .arguments = {STR_INIT("{\\\"a\\\":1}"), true}},
    };
    static struct chat_message messages[] = {
        {.role = CHAT_ASSISTANT, .parts = said, .part_count = 4}};

    check_messages(messages, 1, OK,
                   "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"r\","
                   "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{"
                   "\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\\\"b\\\"}\"}},"
                   "{\"id\":\"d\",\"type\":\"function\",\"function\":{"
                   "\"name\":\"g\",\"arguments\":\"{\\\"a\\\":1}\"}}]}]}dropped thinking\n");
}

#define PNG                                                                                        \
    {                                                                                              \
        .kind = CHAT_PART_IMAGE, .media = {                                                        \
            .source = CHAT_SOURCE_BASE64,                                                          \
            .content = PLAIN("Zm9v"),                                                              \
            .type = PLAIN("image/png")                                                             \
        }                                                                                          \
    }

TEST(openai_chat_writes_media_in_every_form_it_takes)
{
    static struct chat_part parts[] = {
        PNG,
        {.kind = CHAT_PART_IMAGE,
         .media = {.source = CHAT_SOURCE_URL,
                   .content = PLAIN("https://e.test"),
                   .detail = PLAIN("low")}},
        {.kind = CHAT_PART_IMAGE,
         .media = {.source = CHAT_SOURCE_BYTES,
                   .content = PLAIN("foob"),
                   .type = {STR_INIT("image\\/gif"), true}}},
        {.kind = CHAT_PART_AUDIO,
         .media = {.source = CHAT_SOURCE_BASE64,
                   .content = PLAIN("Zm9v"),
                   .type = PLAIN("audio/x-wav")}},
        {.kind = CHAT_PART_AUDIO,
         .media = {.source = CHAT_SOURCE_BYTES,
                   .content = PLAIN("foo"),
                   .type = PLAIN("audio/flac")}},
        {.kind = CHAT_PART_FILE,
         .media = {.source = CHAT_SOURCE_BASE64,
                   .content = PLAIN("Zm9v"),
                   .type = PLAIN("application/pdf")}},
        {.kind = CHAT_PART_FILE,
         .media = {.source = CHAT_SOURCE_FILE_ID, .content = PLAIN("file-1")}},
        {.kind = CHAT_PART_FILE, .media = {.source = CHAT_SOURCE_TEXT, .content = PLAIN("words")}},
    };
    static struct chat_message messages[] = {{.role = CHAT_USER, .parts = parts, .part_count = 8}};

    check_messages(
        messages, 1, OK,
        "{\"role\":\"user\",\"content\":["
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,Zm9v\"}},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e.test\",\"detail\":\"low\"}},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image\\/gif;base64,Zm9vYg==\"}},"
        "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"Zm9v\",\"format\":\"wav\"}},"
        "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"Zm9v\",\"format\":\"flac\"}},"
        "{\"type\":\"file\",\"file\":{\"filename\":\"document.pdf\","
        "\"file_data\":\"data:application/pdf;base64,Zm9v\"}},"
        "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}},"
        "{\"type\":\"text\",\"text\":\"words\"}]}]}");
}

TEST(openai_chat_puts_media_of_results_behind_the_last_of_them)
{
    static struct chat_part first[] = {TEXT("a"), PNG, TEXT("b")};
    static struct chat_part second[] = {PNG};
    static struct chat_part results[] = {
        {.kind = CHAT_PART_TOOL_RESULT, .id = PLAIN("c"), .parts = first, .part_count = 3},
        {.kind = CHAT_PART_TOOL_RESULT,
         .id = PLAIN("d"),
         .parts = second,
         .part_count = 1,
         .is_error = true},
        TEXT("hi"),
    };
    static struct chat_message messages[] = {
        {.role = CHAT_TOOL, .parts = results, .part_count = 1},
        {.role = CHAT_USER, .parts = results + 1, .part_count = 2},
    };
    const char *image = "{\"type\":\"image_url\",\"image_url\":{"
                        "\"url\":\"data:image/png;base64,Zm9v\"}}";
    char want[2000];

    (void)snprintf(want, sizeof(want),
                   "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":["
                   "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},"
                   "{\"role\":\"tool\",\"tool_call_id\":\"d\",\"content\":\"\"},"
                   "{\"role\":\"user\",\"content\":["
                   "{\"type\":\"text\",\"text\":\"Part of the result of c:\"},%s,"
                   "{\"type\":\"text\",\"text\":\"Part of the result of d:\"},%s]}," HI
                   "]}dropped is_error\n",
                   image, image);
    check_messages(messages, 2, OK, want);
}

TEST(openai_chat_puts_media_of_results_before_what_else_a_message_says)
{
    static struct chat_part png[] = {PNG};
    static struct chat_part parts[] = {
        {.kind = CHAT_PART_TOOL_RESULT, .id = PLAIN("c"), .parts = png, .part_count = 1},
        TEXT("hi"),
        {.kind = CHAT_PART_TOOL_RESULT, .id = PLAIN("d"), .parts = hi, .part_count = 1},
    };
    static struct chat_message messages[] = {
        {.role = CHAT_USER, .parts = parts, .part_count = 2},
        {.role = CHAT_TOOL, .parts = parts + 2, .part_count = 1},
    };

    check_messages(messages, 2, OK,
                   "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"\"},"
                   "{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                   "\"text\":\"Part of the result of c:\"},{\"type\":\"image_url\","
                   "\"image_url\":{\"url\":\"data:image/png;base64,Zm9v\"}}]}," HI ","
                   "{\"role\":\"tool\",\"tool_call_id\":\"d\",\"content\":\"hi\"}]}");
}

static void check_refused(enum chat_role role, struct chat_part part, const char *problem)
{
    struct chat_message messages[] = {{.role = CHAT_USER, .parts = hi, .part_count = 1},
                                      {.role = role, .parts = &part, .part_count = 1}};
    char want[200];

    (void)snprintf(want, sizeof(want), "problem messages[1].content: %s\n", problem);
    check_messages(messages, 2, ERR_UNSUPPORTED, want);
}

TEST(openai_chat_refuses_parts_that_a_message_can_not_hold)
{
    struct chat_part png = PNG;
    struct chat_part call = {.kind = CHAT_PART_TOOL_CALL};
    struct chat_part result = {.kind = CHAT_PART_TOOL_RESULT, .parts = &call, .part_count = 1};

    check_refused(CHAT_SYSTEM, png, "A message of this role can't hold this kind of part.");
    check_refused(CHAT_USER, call, "A message of this role can't hold this kind of part.");
    check_refused(CHAT_TOOL, hi[0], "A message of a tool holds results and nothing else.");
    check_refused(CHAT_TOOL, result, "A tool's result can't hold this kind of part.");
    check_refused(CHAT_ASSISTANT, png,
                  "A message of the assistant can't hold images, sounds or files.");
}

TEST(openai_chat_refuses_media_that_it_has_no_form_for)
{
    struct chat_part p = PNG;

    p.media.type = (struct chat_text){0};
    check_refused(CHAT_USER, p, "The media type of the image is needed.");
    p.media.source = CHAT_SOURCE_FILE_ID;
    check_refused(CHAT_USER, p, "An image can be given to this model as a URL or as base64.");
    p.kind = CHAT_PART_AUDIO;
    check_refused(CHAT_USER, p,
                  "A sound can be given to this model as base64 with its media type.");
    p.kind = CHAT_PART_FILE;
    p.media.source = CHAT_SOURCE_URL;
    check_refused(CHAT_USER, p,
                  "A file can be given to this model as base64, as text or by its id.");
    p.media.source = CHAT_SOURCE_BASE64;
    check_refused(CHAT_USER, p, "The media type of the file is needed.");
}

TEST(openai_chat_writes_tools_with_schemas_as_they_came)
{
    static struct chat_tool tools[] = {
        {.name = PLAIN("f"),
         .description = PLAIN("d"),
         .schema_json = STR_INIT("{ \"a\" : 1.0 }"),
         .strict = CHAT_YES},
        {.name = PLAIN("g"), .schema_text = PLAIN(" {\"b\":2}"), .cache_json = STR_INIT("{}")},
        {.name = PLAIN("h"), .schema_text = {STR_INIT("{\\\"c\\\":3}"), true}},
    };
    struct chat_request q = asking();

    q.tools = tools;
    q.tool_count = 3;
    q.tool_choice.kind = CHAT_CHOOSE_ONE;
    q.tool_choice.name = tools[0].name;
    q.tool_choice.parallel = CHAT_NO;
    check_written(&q, OK,
                  "{\"model\":\"m\",\"tools\":[{\"type\":\"function\",\"function\":{"
                  "\"name\":\"f\",\"description\":\"d\",\"parameters\":{ \"a\" : 1.0 },"
                  "\"strict\":true}},{\"type\":\"function\",\"function\":{\"name\":\"g\","
                  "\"parameters\":{\"b\":2}}},{\"type\":\"function\",\"function\":{"
                  "\"name\":\"h\",\"parameters\":{\"c\":3}}}],\"tool_choice\":{"
                  "\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
                  "\"parallel_tool_calls\":false,\"messages\":[" HI "]}dropped cache_control\n");
    tools[1].schema_text = chat_text_plain(STR("[1]"));
    check_written(&q, ERR_SYNTAX,
                  "dropped cache_control\nproblem tools[1].function.parameters: The schema is no "
                  "JSON object.\n");
    tools[1].schema_text = chat_text_plain(STR("{\"a\":1}}"));
    check_written(&q, ERR_SYNTAX,
                  "dropped cache_control\nproblem tools[1].function.parameters: The schema is no "
                  "JSON object.\n");
}

TEST(openai_chat_names_max_tokens_as_the_model_knows_it)
{
    static const struct {
        const char *model;
        bool is_newer;
    } models[] = {
        {"gpt-5", true},    {"gpt-5-mini", true}, {"gpt-6", true},  {"openai/gpt-5.1", true},
        {"o1", true},       {"o3-mini", true},    {"a/b/o4", true}, {"gpt-4o", false},
        {"gpt-", false},    {"gpt-oss", false},   {"o", false},     {"o3mini", false},
        {"olmo-7b", false}, {"o-1", false},       {"", false},      {"llama", false},
    };

    for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
        struct chat_request q = asking();
        char want[200];
        q.model = chat_text_plain(str_from_c(models[i].model));
        q.max_tokens = STR("5e0");
        (void)snprintf(want, sizeof(want), "{\"model\":\"%s\",\"messages\":[" HI "],\"%s\":5e0}",
                       models[i].model,
                       models[i].is_newer ? "max_completion_tokens" : "max_tokens");
        check_written(&q, OK, want);
    }
}

TEST(openai_chat_names_max_tokens_as_the_request_means_it)
{
    struct chat_request q = asking();

    q.max_tokens = STR("5");
    q.has_completion_max = true;
    check_written(&q, OK, BODY(",\"max_completion_tokens\":5"));
    q.has_completion_max = false;
    q.reasoning.thinking = CHAT_THINKING_ADAPTIVE;
    check_written(&q, OK, BODY(",\"max_completion_tokens\":5"));
    q.reasoning.thinking = CHAT_THINKING_OFF;
    check_written(&q, OK, BODY(",\"max_tokens\":5") "dropped thinking\n");
}

static void check_reasoning(struct chat_reasoning r, const char *want)
{
    struct chat_request q = asking();

    q.reasoning = r;
    check_written(&q, OK, want);
}

#define EFFORT(word) BODY(",\"reasoning_effort\":\"" word "\"")

TEST(openai_chat_writes_the_effort_that_a_budget_stands_for)
{
    static const struct {
        str budget;
        const char *want;
    } budgets[] = {
        {STR_INIT("1024"), EFFORT("low")},      {STR_INIT("4095"), EFFORT("low")},
        {STR_INIT("4096"), EFFORT("medium")},   {STR_INIT("16383"), EFFORT("medium")},
        {STR_INIT("1.6384e4"), EFFORT("high")}, {STR_INIT("64000"), EFFORT("high")},
        {STR_INIT(""), EFFORT("medium")},
    };

    for (size_t i = 0; i < sizeof(budgets) / sizeof(*budgets); i++) {
        check_reasoning((struct chat_reasoning){.thinking = CHAT_THINKING_ON,
                                                .budget_tokens = budgets[i].budget},
                        budgets[i].want);
    }
    check_reasoning((struct chat_reasoning){.thinking = CHAT_THINKING_ON,
                                            .effort = chat_text_plain(STR("max")),
                                            .budget_tokens = STR("1024")},
                    EFFORT("max") "dropped thinking.budget_tokens\n");
    check_reasoning((struct chat_reasoning){.effort = chat_text_plain(STR("minimal"))},
                    EFFORT("minimal"));
    check_reasoning((struct chat_reasoning){.effort = chat_text_plain(STR("utmost"))},
                    BODY("") "dropped reasoning_effort\n");
    check_reasoning((struct chat_reasoning){.thinking = CHAT_THINKING_ADAPTIVE}, BODY(""));
}

TEST(openai_chat_writes_words_that_it_knows)
{
    struct chat_request q = asking();

    q.service_tier = chat_text_plain(STR("standard_only"));
    q.verbosity = chat_text_plain(STR("high"));
    q.user = chat_text_json(STR("\\u0075"));
    check_written(
        &q, OK, BODY(",\"service_tier\":\"default\",\"verbosity\":\"high\",\"user\":\"\\u0075\""));
    q = asking();
    q.service_tier = chat_text_plain(STR("best"));
    q.verbosity = chat_text_plain(STR("terse"));
    q.top_k = STR("40");
    check_written(&q, OK, BODY("") "dropped service_tier\ndropped verbosity\ndropped top_k\n");
}

TEST(openai_chat_writes_no_more_stops_than_the_api_takes)
{
    struct chat_text stops[] = {PLAIN("a"), PLAIN("b"), PLAIN("c"), PLAIN("d"), PLAIN("e")};
    struct chat_request q = asking();

    q.stops = stops;
    q.stop_count = 1;
    check_written(&q, OK, BODY(",\"stop\":[\"a\"]"));
    q.stop_count = 5;
    check_written(&q, OK, BODY(",\"stop\":[\"a\",\"b\",\"c\",\"d\"]") "dropped stop\n");
}

TEST(openai_chat_asks_for_usage_of_streams_alone)
{
    struct chat_request q = asking();

    q.wants_usage = true;
    check_written(&q, OK, BODY(""));
    q.is_stream = true;
    check_written(&q, OK, BODY(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
    q.wants_usage = false;
    check_written(&q, OK, BODY(",\"stream\":true"));
}

TEST(openai_chat_names_a_schema_that_has_no_name)
{
    struct chat_request q = asking();

    q.format = (struct chat_format){
        .kind = CHAT_FORMAT_SCHEMA, .schema_json = STR("{\"a\":1}"), .strict = CHAT_NO};
    check_written(&q, OK,
                  "{\"model\":\"m\",\"response_format\":{\"type\":\"json_schema\","
                  "\"json_schema\":{\"name\":\"answer\",\"schema\":{\"a\":1},\"strict\":false}},"
                  "\"messages\":[" HI "]}");
    q.format.schema_json = STR("");
    q.format.schema_text = chat_text_plain(STR("nonsense"));
    check_written(&q, ERR_SYNTAX,
                  "problem response_format.json_schema.schema: The schema is no JSON object.\n");
}

TEST(openai_chat_moves_no_large_image)
{
    static char body[200'000];
    struct chat_notes notes = {.dropped_count = 0};
    struct chat_request q;
    struct arena a;
    struct gather g;
    const str head = STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
                         "{\"type\":\"image_url\",\"image_url\":{\"url\":"
                         "\"data:image/png;base64,");
    const str tail = STR("\"}}]}]}");

    memset(body, 'A', sizeof(body));
    memcpy(body, head.ptr, head.len);
    memcpy(body + sizeof(body) - tail.len, tail.ptr, tail.len);
    arena_init(&a, 4096);
    gather_init(&g, 1000); // hence it isn't copied
    CHECK_EQ(openai_chat_read((str){body, sizeof(body)}, &a, &q, &notes), OK);
    CHECK_EQ(openai_chat_write(&q, &g, &notes), OK);
    CHECK_EQ(gather_len(&g), sizeof(body));
    CHECK_EQ(g.insert_count, 1);
    CHECK(g.inserts[0].view.ptr == body + head.len);
    CHECK(a.held < 8192);
    gather_done(&g);
    arena_reset(&a);
}

enum { ALL = ~(CHAT_MAKER_SIGNATURES | CHAT_MAKER_TOP_K | CHAT_MAKER_CACHE) };

// What was written and read again says the same.
static void check_round_trip(const struct chat_request *q, struct arena *a)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct chat_request again;
    struct gather g;
    struct buf body;
    struct buf before;
    struct buf after;

    gather_init(&g, TEXT_MAX);
    buf_init(&body, TEXT_MAX);
    buf_init(&before, TEXT_MAX);
    buf_init(&after, TEXT_MAX);
    chat_dump_request(q, &before);
    CHECK_EQ(openai_chat_write(q, &g, &notes), OK);
    flatten(&g, &body);
    CHECK_EQ(openai_chat_read(buf_view(&body), a, &again, &notes), OK);
    CHECK_EQ(notes.dropped_count, 0);
    again.has_completion_max = q->has_completion_max; // the effort asks for that name
    chat_dump_request(&again, &after);
    CHECK_SAME(buf_view(&after), buf_view(&before));
    buf_done(&after);
    buf_done(&before);
    buf_done(&body);
    gather_done(&g);
}

TEST(openai_chat_written_reads_back_whatever_it_says)
{
    struct chat_maker m = {.can = (unsigned)ALL};
    struct arena a;

    random_init(&m.random, test_seed());
    arena_init(&a, 1 << 16);
    m.arena = &a;
    for (int i = 0; i < 2000; i++) {
        struct chat_request q;
        chat_maker_request(&m, &q);
        check_round_trip(&q, &a);
        arena_reset(&a);
    }
}

// The written body up to the end of its last message.
static void write_prefix(const struct chat_request *q, struct buf *out)
{
    struct chat_request bare = {.model = q->model, .choice_count = 1};
    struct chat_notes notes = {.dropped_count = 0};
    struct gather g;

    bare.tools = q->tools;
    bare.tool_count = q->tool_count;
    bare.messages = q->messages;
    bare.message_count = q->message_count;
    gather_init(&g, TEXT_MAX);
    CHECK_EQ(openai_chat_write(&bare, &g, &notes), OK);
    flatten(&g, out);
    CHECK(str_ends(buf_view(out), STR("]}")));
    out->end -= 2;
    gather_done(&g);
}

TEST(openai_chat_of_a_growing_conversation_keeps_its_prefix)
{
    struct chat_maker m = {.can = (unsigned)ALL};
    struct arena a;
    struct buf shorter;
    struct buf longer;

    random_init(&m.random, test_seed());
    arena_init(&a, 1 << 16);
    m.arena = &a;
    for (int i = 0; i < 300; i++) {
        struct chat_request q;
        chat_maker_request(&m, &q);
        size_t count = q.message_count;
        for (q.message_count = 1; q.message_count < count; q.message_count++) {
            buf_init(&shorter, TEXT_MAX);
            buf_init(&longer, TEXT_MAX);
            write_prefix(&q, &shorter);
            q.message_count++;
            write_prefix(&q, &longer);
            q.message_count--;
            CHECK(str_starts(buf_view(&longer), buf_view(&shorter)));
            buf_done(&longer);
            buf_done(&shorter);
        }
        arena_reset(&a);
    }
}
