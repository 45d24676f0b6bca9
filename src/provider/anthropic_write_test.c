#include "codec/json.h"
#include "provider/anthropic_dialect.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

#define PLAIN(s)                                                                                   \
    {                                                                                              \
        .bytes = STR_INIT(s)                                                                       \
    }
#define SAYS(s)                                                                                    \
    {                                                                                              \
        .kind = CHAT_PART_TEXT, .text = PLAIN(s)                                                   \
    }
// Of a message: its parts.
#define PARTS(...)                                                                                 \
    .parts = (struct chat_part[]){__VA_ARGS__},                                                    \
    .part_count = sizeof((struct chat_part[]){__VA_ARGS__}) / sizeof(struct chat_part)
#define MESSAGE(of, ...)                                                                           \
    {                                                                                              \
        .role = CHAT_##of, PARTS(__VA_ARGS__)                                                      \
    }
#define MESSAGES(...)                                                                              \
    .messages = (struct chat_message[]){__VA_ARGS__},                                              \
    .message_count = sizeof((struct chat_message[]){__VA_ARGS__}) / sizeof(struct chat_message)
#define TOOLS(...)                                                                                 \
    .tools = (struct chat_tool[]){__VA_ARGS__},                                                    \
    .tool_count = sizeof((struct chat_tool[]){__VA_ARGS__}) / sizeof(struct chat_tool)
#define HI MESSAGES(MESSAGE(USER, SAYS("Hi")))
#define REQUEST(...) ((struct chat_request){.model = PLAIN("m"), .choice_count = 1, __VA_ARGS__})
#define HI_JSON                                                                                    \
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]}]"

// A request that was written, with what the writer told of it.
struct told {
    struct gather out;
    struct chat_notes notes;
    struct buf text; // the whole
    err e;
};

static void tell(struct told *t, struct chat_request q)
{
    struct iovec pieces[GATHER_PIECES_MAX];

    memset(t, 0, sizeof(*t));
    gather_init(&t->out, 1 << 20);
    buf_init(&t->text, 4 << 20);
    t->e = anthropic_write_request(&q, &t->out, &t->notes);
    int count = gather_pieces(&t->out, pieces);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(buf_append(&t->text, (str){.ptr = pieces[i].iov_base, .len = pieces[i].iov_len}),
                 OK);
    }
    if (!t->e) CHECK_EQ(json_check(buf_view(&t->text), NULL), OK);
}

static void tell_done(struct told *t)
{
    gather_done(&t->out);
    buf_done(&t->text);
}

static void check_dropped(const struct told *t, const char *names)
{
    char all[400] = "";
    size_t len = 0;

    for (size_t i = 0; i < t->notes.dropped_count; i++) {
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%" STR_FMT, i ? " " : "",
                                STR_ARG(t->notes.dropped[i]));
    }
    CHECK_SAME(str_from_c(all), str_from_c(names));
}

// Checks what is written, whole, and what is noted.
static void check(struct chat_request q, const char *want, const char *dropped)
{
    struct told t;

    tell(&t, q);
    CHECK_EQ(t.e, OK);
    CHECK_SAME(buf_view(&t.text), str_from_c(want));
    check_dropped(&t, dropped);
    tell_done(&t);
}

// Checks that a part of what is written is there.
static void check_has(struct chat_request q, const char *part, const char *dropped)
{
    struct told t;

    tell(&t, q);
    CHECK_EQ(t.e, OK);
    str whole = buf_view(&t.text);
    if (str_find(whole, str_from_c(part)) == whole.len)
        test_fail(__FILE__, __LINE__, "no %s in %" STR_FMT, part, STR_ARG(whole));
    check_dropped(&t, dropped);
    tell_done(&t);
}

static void check_lacks(struct chat_request q, const char *part)
{
    struct told t;

    tell(&t, q);
    CHECK_EQ(t.e, OK);
    str whole = buf_view(&t.text);
    if (str_find(whole, str_from_c(part)) < whole.len)
        test_fail(__FILE__, __LINE__, "%s in %" STR_FMT, part, STR_ARG(whole));
    tell_done(&t);
}

static void check_refused(struct chat_request q, err want, const char *param)
{
    struct told t;

    tell(&t, q);
    CHECK_EQ(t.e, want);
    CHECK_SAME(t.notes.param, str_from_c(param));
    CHECK(t.notes.problem.len > 0);
    tell_done(&t);
}

TEST(anthropic_write_of_a_plain_question)
{
    check(REQUEST(HI), "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":4096}", "");
    check(REQUEST(HI, .max_tokens = STR("1e2"), .is_stream = true),
          "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":1e2,\"stream\":true}", "");
}

TEST(anthropic_write_hoists_system_and_developer_messages)
{
    check(REQUEST(MESSAGES(MESSAGE(SYSTEM, SAYS("a"), SAYS(" ")), MESSAGE(USER, SAYS("b")),
                           MESSAGE(DEVELOPER, SAYS("c")), MESSAGE(USER, SAYS("d")))),
          "{\"model\":\"m\",\"system\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\","
          "\"text\":\"c\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
          "\"text\":\"b\"},{\"type\":\"text\",\"text\":\"d\"}]}],\"max_tokens\":4096}",
          "");
}

TEST(anthropic_write_makes_one_message_of_those_of_one_side)
{
    check_has(REQUEST(MESSAGES(MESSAGE(USER, SAYS("a")), MESSAGE(ASSISTANT, SAYS("")),
                               MESSAGE(USER, SAYS("b")), MESSAGE(ASSISTANT, SAYS("c")),
                               MESSAGE(ASSISTANT, SAYS("d")), MESSAGE(USER, SAYS("e")))),
              "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
              "\"text\",\"text\":\"b\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
              "\"text\":\"c\"},{\"type\":\"text\",\"text\":\"d\"}]},{\"role\":\"user\",\"content\":"
              "[{\"type\":\"text\",\"text\":\"e\"}]}]",
              "");
}

TEST(anthropic_write_puts_results_of_tools_first)
{
    struct chat_part inner[] = {SAYS("r"), SAYS("  ")};

    check_has(
        REQUEST(MESSAGES(MESSAGE(USER, SAYS("q")),
                         MESSAGE(ASSISTANT, {.kind = CHAT_PART_TOOL_CALL,
                                             .id = PLAIN("t1"),
                                             .name = PLAIN("f"),
                                             .arguments = {.bytes = STR_INIT("{\\\"a\\\": 1e3}"),
                                                           .is_json = true}}),
                         MESSAGE(USER, SAYS("and")),
                         MESSAGE(TOOL, {.kind = CHAT_PART_TOOL_RESULT,
                                        .id = PLAIN("t1"),
                                        .parts = inner,
                                        .part_count = 2,
                                        .is_error = true}))),
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\","
        "\"input\":{\"a\": 1e3}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
        "\"tool_use_id\":\"t1\",\"content\":[{\"type\":\"text\",\"text\":\"r\"}],\"is_error\":true}"
        ",{\"type\":\"text\",\"text\":\"and\"}]}",
        "");
}

TEST(anthropic_write_lets_the_user_begin)
{
    const char *begun = "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                        "\".\"}]}";

    check_has(REQUEST(MESSAGES(MESSAGE(ASSISTANT, SAYS("a")), MESSAGE(USER, SAYS("b")))), begun,
              "");
    check_has(REQUEST(MESSAGES(MESSAGE(SYSTEM, SAYS("a")))), begun, "");
    check_has(REQUEST(MESSAGES(MESSAGE(USER, SAYS("\n\t")))), begun, "");
    check_has(REQUEST(.messages = NULL), begun, "");
}

TEST(anthropic_write_cuts_white_space_at_the_end_of_a_prefill_only)
{
    static const struct {
        struct chat_text text;
        const char *want;
    } rows[] = {
        {PLAIN("a b \n"), "\"a b\""},
        {{.bytes = STR_INIT("a \\n\\t\\u0020"), .is_json = true}, "\"a\""},
        {{.bytes = STR_INIT("a\\\\n"), .is_json = true}, "\"a\\\\n\""},
        {{.bytes = STR_INIT("a\\\\\\n"), .is_json = true}, "\"a\\\\\""},
        {{.bytes = STR_INIT("a\\\\u0020"), .is_json = true}, "\"a\\\\u0020\""},
        {{.bytes = STR_INIT("a\\\""), .is_json = true}, "\"a\\\"\""},
        {{.bytes = STR_INIT("a\\t7\\/a"), .is_json = true}, "\"a\\t7\\/a\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct chat_part part = {.text = rows[i].text};
        check_has(REQUEST(MESSAGES(MESSAGE(USER, SAYS("q ")), MESSAGE(ASSISTANT, part))),
                  rows[i].want, "");
    }
    check_has(REQUEST(MESSAGES(MESSAGE(USER, SAYS("q ")), MESSAGE(ASSISTANT, SAYS("a ")),
                               MESSAGE(USER, SAYS("b ")))),
              "\"a \"", "");
    check_has(REQUEST(MESSAGES(MESSAGE(USER, SAYS("q ")), MESSAGE(ASSISTANT, SAYS("a ")),
                               MESSAGE(SYSTEM, SAYS("s ")))),
              "\"a\"", "");
}

static void check_arguments(struct chat_text arguments, const char *want)
{
    struct chat_part call = {
        .kind = CHAT_PART_TOOL_CALL, .id = PLAIN("t"), .name = PLAIN("f"), .arguments = arguments};
    struct chat_request q = REQUEST(MESSAGES(MESSAGE(USER, SAYS("q")), MESSAGE(ASSISTANT, call)));

    if (want) {
        check_has(q, want, "");
    } else {
        check_refused(q, ERR_SYNTAX, "messages[1].content[0]");
    }
}

TEST(anthropic_write_makes_an_object_of_arguments)
{
    check_arguments(chat_text_plain(STR("{\"a\": [1.0]}")), "\"input\":{\"a\": [1.0]}}");
    check_arguments(chat_text_json(STR(" {\\\"a\\\":\\\"\\\\u00e4\\\"} ")),
                    "\"input\":{\"a\":\"\\u00e4\"}}");
    check_arguments(chat_text_plain(STR("")), "\"input\":{}}");
    check_arguments((struct chat_text){0}, "\"input\":{}}");
    check_arguments(chat_text_json(STR(" \\n")), "\"input\":{}}");
    check_arguments(chat_text_plain(STR("[1]")), NULL);
    check_arguments(chat_text_plain(STR("{\"a\":")), NULL);
    check_arguments(chat_text_plain(STR("{} {}")), NULL);
}

// The ids of a call and its result as they are written.
static void write_ids(struct chat_text id, char *use, char *result, size_t size)
{
    struct told t;

    tell(&t, REQUEST(MESSAGES(
                 MESSAGE(USER, SAYS("q")),
                 MESSAGE(ASSISTANT, {.kind = CHAT_PART_TOOL_CALL, .id = id, .name = PLAIN("f")}),
                 MESSAGE(TOOL, {.kind = CHAT_PART_TOOL_RESULT, .id = id}))));
    CHECK_EQ(t.e, OK);
    str whole = buf_view(&t.text);
    str rest = str_sub(whole, str_find(whole, STR("\"id\":\"")) + 6, whole.len);
    str cut = str_cut(&rest, '"');
    (void)snprintf(use, size, "%" STR_FMT, STR_ARG(cut));
    rest = str_sub(whole, str_find(whole, STR("\"tool_use_id\":\"")) + 15, whole.len);
    cut = str_cut(&rest, '"');
    (void)snprintf(result, size, "%" STR_FMT, STR_ARG(cut));
    tell_done(&t);
}

TEST(anthropic_write_makes_ids_that_the_api_takes_alike_in_call_and_result)
{
    static const char too_long[] =
        "01234567890123456789012345678901234567890123456789012345678901234";
    static const char *const ids[] = {"", "a.b", "a:b", "f/1 \"x\"", "\xc3\xa4", too_long};
    char use[200];
    char result[200];
    char before[200] = "";

    write_ids(chat_text_plain(STR("call_a-1")), use, result, sizeof(use));
    CHECK_STR(str_from_c(use), "call_a-1");
    write_ids(chat_text_json(STR("call\\u005fa-1")), use, result, sizeof(use));
    CHECK_STR(str_from_c(use), "call_a-1");
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        write_ids(chat_text_plain(str_from_c(ids[i])), use, result, sizeof(use));
        CHECK_SAME(str_from_c(use), str_from_c(result));
        CHECK(strlen(use) > 0 && strlen(use) <= 64);
        CHECK_EQ(strspn(use, "abcdefghijklmnopqrstuvwxyz0123456789_-"), strlen(use));
        CHECK(strcmp(use, before) != 0);
        (void)snprintf(before, sizeof(before), "%s", use);
    }
}

static struct chat_part media_part(enum chat_part_kind kind, enum chat_source source,
                                   const char *type, const char *content)
{
    struct chat_part part = {.kind = kind,
                             .media = {.source = source, .content = {str_from_c(content), true}}};

    if (type) part.media.type = chat_text_plain(str_from_c(type));
    if (source == CHAT_SOURCE_BYTES) part.media.content.is_json = false;
    return part;
}

TEST(anthropic_write_takes_media_from_every_source)
{
    static const struct {
        enum chat_part_kind kind;
        enum chat_source source;
        const char *type;
        const char *content;
        const char *want;
    } rows[] = {
        {CHAT_PART_IMAGE, CHAT_SOURCE_BASE64, "image/png", "iVBO",
         "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
         "\"data\":\"iVBO\"}}"},
        {CHAT_PART_IMAGE, CHAT_SOURCE_BASE64, "image/jpg", "x",
         "\"media_type\":\"image/jpeg\",\"data\":\"x\"}}"},
        {CHAT_PART_IMAGE, CHAT_SOURCE_BASE64, NULL, "\\/9j/4AAQ",
         "\"media_type\":\"image/jpeg\",\"data\":\"\\/9j/4AAQ\"}}"},
        {CHAT_PART_IMAGE, CHAT_SOURCE_BASE64, NULL, "AAAA", "\"media_type\":\"image/png\""},
        {CHAT_PART_IMAGE, CHAT_SOURCE_BYTES, "image/gif", "GIF89a",
         "\"media_type\":\"image/gif\",\"data\":\"R0lGODlh\"}}"},
        {CHAT_PART_IMAGE, CHAT_SOURCE_URL, NULL, "https:\\/\\/x",
         "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https:\\/\\/x\"}}"},
        {CHAT_PART_FILE, CHAT_SOURCE_BASE64, "application/pdf", "JVBERi",
         "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/"
         "pdf\",\"data\":\"JVBERi\"}}"},
        {CHAT_PART_FILE, CHAT_SOURCE_BASE64, NULL, "JVBERi", "\"media_type\":\"application/pdf\""},
        {CHAT_PART_FILE, CHAT_SOURCE_BASE64, "text/markdown", "SGk\\u003d",
         "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"Hi\"}}"},
        {CHAT_PART_FILE, CHAT_SOURCE_BYTES, "text/plain", "H\"i",
         "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"H\\\"i\"}}"},
        {CHAT_PART_FILE, CHAT_SOURCE_TEXT, NULL, "a\\n",
         "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"a\\n\"}}"},
        {CHAT_PART_FILE, CHAT_SOURCE_URL, NULL, "https://x",
         "{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"https://x\"}}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct chat_part part =
            media_part(rows[i].kind, rows[i].source, rows[i].type, rows[i].content);
        check_has(REQUEST(MESSAGES(MESSAGE(USER, part))), rows[i].want, "");
    }
}

TEST(anthropic_write_refuses_media_that_no_model_could_have)
{
    static const struct {
        enum chat_part_kind kind;
        enum chat_source source;
        const char *type;
        const char *content;
        err e;
    } rows[] = {
        {CHAT_PART_AUDIO, CHAT_SOURCE_BASE64, "audio/wav", "x", ERR_UNSUPPORTED},
        {CHAT_PART_IMAGE, CHAT_SOURCE_FILE_ID, NULL, "file-1", ERR_UNSUPPORTED},
        {CHAT_PART_FILE, CHAT_SOURCE_FILE_ID, NULL, "file-1", ERR_UNSUPPORTED},
        {CHAT_PART_FILE, CHAT_SOURCE_BASE64, "application/zip", "UEsD", ERR_UNSUPPORTED},
        {CHAT_PART_FILE, CHAT_SOURCE_BASE64, NULL, "UEsD", ERR_UNSUPPORTED},
        {CHAT_PART_FILE, CHAT_SOURCE_BASE64, "text/plain", "?", ERR_SYNTAX},
        {CHAT_PART_FILE, CHAT_SOURCE_BASE64, "text/plain", "/w==", ERR_SYNTAX},
        {CHAT_PART_FILE, CHAT_SOURCE_TEXT, NULL, "", ERR_UNSUPPORTED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct chat_part part =
            media_part(rows[i].kind, rows[i].source, rows[i].type, rows[i].content);
        check_refused(REQUEST(MESSAGES(MESSAGE(USER, SAYS("a"), part))), rows[i].e,
                      "messages[0].content[1]");
    }
}

TEST(anthropic_write_moves_no_image_and_names_a_document)
{
    static char digits[GATHER_INSERT_MIN];
    struct chat_part image = {.kind = CHAT_PART_IMAGE,
                              .media = {.source = CHAT_SOURCE_BASE64,
                                        .content = {{.ptr = digits, .len = sizeof(digits)}, true},
                                        .type = PLAIN("image/png"),
                                        .detail = PLAIN("high")}};
    struct chat_part file = media_part(CHAT_PART_FILE, CHAT_SOURCE_URL, NULL, "u");
    struct told t;

    memset(digits, 'A', sizeof(digits));
    tell(&t, REQUEST(MESSAGES(MESSAGE(USER, image))));
    CHECK_EQ(t.out.insert_count, 1);
    CHECK(t.out.inserts[0].view.ptr == digits);
    check_dropped(&t, "messages.content.image_url.detail");
    tell_done(&t);
    file.media.name = chat_text_plain(STR("a.pdf"));
    check_has(REQUEST(MESSAGES(MESSAGE(USER, file))), "\"title\":\"a.pdf\"}", "");
}

TEST(anthropic_write_drops_reasoning_that_is_not_signed)
{
    struct chat_part unsigned_part = {.kind = CHAT_PART_REASONING, .text = PLAIN("hm")};
    struct chat_part signed_part = {
        .kind = CHAT_PART_REASONING, .text = PLAIN("hm"), .signature = PLAIN("Eq=")};
    struct chat_part redacted = {.kind = CHAT_PART_REASONING, .redacted = PLAIN("Em")};

    check_has(
        REQUEST(MESSAGES(MESSAGE(USER, SAYS("q")), MESSAGE(ASSISTANT, unsigned_part, SAYS("a")),
                         MESSAGE(USER, SAYS("b")))),
        "\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]",
        "messages.reasoning_content");
    check_has(REQUEST(MESSAGES(MESSAGE(USER, SAYS("q")), MESSAGE(ASSISTANT, unsigned_part),
                               MESSAGE(USER, SAYS("b")))),
              "\"text\":\"q\"},{\"type\":\"text\",\"text\":\"b\"}", "messages.reasoning_content");
    check_has(REQUEST(MESSAGES(MESSAGE(USER, SAYS("q")),
                               MESSAGE(ASSISTANT, signed_part, redacted, SAYS("a")),
                               MESSAGE(USER, SAYS("b")))),
              "[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"Eq=\"},{\"type\":"
              "\"redacted_thinking\",\"data\":\"Em\"},{\"type\":\"text\",\"text\":\"a\"}]",
              "");
}

TEST(anthropic_write_keeps_what_caches_go_by)
{
    struct chat_part part = {.text = PLAIN("a"),
                             .cache_json = STR_INIT("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}")};

    check_has(REQUEST(MESSAGES(MESSAGE(USER, part)),
                      TOOLS({.name = PLAIN("f"), .cache_json = STR_INIT("{\"type\":\"x\"}")})),
              "\"cache_control\":{\"type\":\"x\"}}],\"messages\":[{\"role\":\"user\",\"content\":[{"
              "\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":"
              "\"1h\"}}]}]",
              "");
}

TEST(anthropic_write_takes_tools_and_their_schemas)
{
    check_has(REQUEST(HI, TOOLS({.name = PLAIN("f"),
                                 .description = PLAIN("d"),
                                 .schema_json = STR_INIT("{ \"type\":\"object\" }"),
                                 .strict = CHAT_YES},
                                {.name = PLAIN("g"), .schema_text = PLAIN("{\"a\":1}")},
                                {.name = PLAIN("h"), .strict = CHAT_NO})),
              "\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{ "
              "\"type\":\"object\" },\"strict\":true},{\"name\":\"g\",\"input_schema\":{\"a\":1}},"
              "{\"name\":\"h\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]",
              "");
    check_refused(REQUEST(HI, TOOLS({.name = PLAIN("g"), .schema_text = PLAIN("[]")})), ERR_SYNTAX,
                  "tools[0]");
}

#define CHOOSES(...)                                                                               \
    REQUEST(HI, TOOLS({.name = PLAIN("f")}), .tool_choice = (struct chat_tool_choice)__VA_ARGS__)

TEST(anthropic_write_inverts_the_wish_for_calls_one_by_one)
{
    check_has(CHOOSES({.kind = CHAT_CHOOSE_AUTO}), "\"tool_choice\":{\"type\":\"auto\"}", "");
    check_has(CHOOSES({.kind = CHAT_CHOOSE_ANY, .parallel = CHAT_NO}),
              "\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}", "");
    check_has(CHOOSES({CHAT_CHOOSE_ONE, PLAIN("f"), CHAT_YES}),
              "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}", "");
    check_has(CHOOSES({.kind = CHAT_CHOOSE_NONE, .parallel = CHAT_NO}),
              "\"tool_choice\":{\"type\":\"none\"}", "");
    check_has(CHOOSES({.parallel = CHAT_NO}),
              "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}", "");
    check_lacks(CHOOSES({.parallel = CHAT_YES}), "tool_choice");
}

TEST(anthropic_write_chooses_nothing_without_tools)
{
    struct chat_request q =
        REQUEST(HI, .tool_choice = {.kind = CHAT_CHOOSE_AUTO, .parallel = CHAT_NO});

    check_lacks(q, "tool_choice");
    q.tool_choice.kind = CHAT_CHOOSE_ANY;
    check(q, "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":4096}", "tool_choice");
}

TEST(anthropic_write_keeps_the_temperature_in_its_range)
{
    check_has(REQUEST(HI, .temperature = STR("0.70")), "\"temperature\":0.70", "");
    check_has(REQUEST(HI, .temperature = STR("1")), "\"temperature\":1}", "");
    check_has(REQUEST(HI, .temperature = STR("1.5")), "\"temperature\":1}", "temperature");
    check_has(REQUEST(HI, .temperature = STR("20e-1")), "\"temperature\":1}", "temperature");
    check_has(REQUEST(HI, .top_p = STR("0.5"), .top_k = STR("3")), "\"top_p\":0.5,\"top_k\":3", "");
    check(REQUEST(HI, .temperature = STR("0.5"), .top_p = STR("0.5")),
          "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":4096,\"temperature\":0.5}", "top_p");
    check(REQUEST(HI, .temperature = STR("0.5"), .top_p = STR("1.0")),
          "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":4096,\"temperature\":0.5}", "");
}

TEST(anthropic_write_drops_stops_of_white_space)
{
    struct chat_text stops[] = {PLAIN("END"), {STR_INIT("\\n\\n"), true}, PLAIN("")};

    check_has(REQUEST(HI, .stops = stops, .stop_count = 3), "\"stop_sequences\":[\"END\"]", "stop");
    check(REQUEST(HI, .stops = stops + 1, .stop_count = 1),
          "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":4096}", "stop");
}

TEST(anthropic_write_asks_for_a_schema_and_notes_other_formats)
{
    check_has(REQUEST(HI, .format = {.kind = CHAT_FORMAT_SCHEMA,
                                     .name = PLAIN("n"),
                                     .schema_json = STR_INIT("{ \"type\":\"object\"}"),
                                     .strict = CHAT_YES}),
              "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{ \"type\":"
              "\"object\"}}}",
              "");
    check_has(REQUEST(HI, .format = {.kind = CHAT_FORMAT_SCHEMA, .schema_text = PLAIN("{}")}),
              "\"schema\":{}", "");
    check_refused(REQUEST(HI, .format = {.kind = CHAT_FORMAT_SCHEMA, .schema_text = PLAIN("1")}),
                  ERR_SYNTAX, "response_format");
    check(REQUEST(HI, .format = {.kind = CHAT_FORMAT_JSON}),
          "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":4096}", "response_format");
    check(REQUEST(HI, .format = {.kind = CHAT_FORMAT_TEXT}),
          "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":4096}", "");
}

TEST(anthropic_write_says_whom_it_serves_and_how)
{
    check_has(REQUEST(HI, .user = PLAIN("u"), .service_tier = PLAIN("auto")),
              "\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"auto\"", "");
    check_has(REQUEST(HI, .service_tier = PLAIN("default")), "\"service_tier\":\"standard_only\"",
              "");
    check(REQUEST(HI, .service_tier = PLAIN("flex")),
          "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":4096}", "service_tier");
}

TEST(anthropic_write_notes_all_that_the_api_has_nothing_for)
{
    check(REQUEST(HI, .seed = STR("1"), .frequency_penalty = STR("0.5"),
                  .presence_penalty = STR("1"), .logprobs = CHAT_YES, .top_logprobs = STR("3"),
                  .logit_bias_json = STR("{\"1\":2}"), .metadata_json = STR("{}"),
                  .verbosity = PLAIN("low")),
          "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":4096}",
          "seed frequency_penalty presence_penalty logprobs top_logprobs logit_bias metadata "
          "verbosity");
    // What says nothing needs no note.
    check(REQUEST(HI, .frequency_penalty = STR("0"), .presence_penalty = STR("0.0"),
                  .logprobs = CHAT_NO, .verbosity = PLAIN("medium")),
          "{\"model\":\"m\"," HI_JSON ",\"max_tokens\":4096}", "");
    check_has(REQUEST(MESSAGES({.role = CHAT_USER, .name = PLAIN("Ann"), PARTS(SAYS("Hi"))})),
              HI_JSON, "messages.name");
}

TEST(anthropic_write_refuses_several_answers)
{
    struct chat_request q = REQUEST(HI);

    q.choice_count = 2;
    check_refused(q, ERR_UNSUPPORTED, "n");
}

TEST(anthropic_write_reports_a_full_buffer)
{
    struct chat_request q = REQUEST(HI);
    struct chat_notes notes = {0};
    struct gather out;

    gather_init(&out, 20);
    CHECK_EQ(anthropic_write_request(&q, &out, &notes), ERR_LIMIT);
    gather_done(&out);
}

// The front of a conversation is what provider caches go by.
TEST(anthropic_write_of_a_conversation_that_grows_has_the_same_front)
{
    struct chat_part call = {.kind = CHAT_PART_TOOL_CALL,
                             .id = PLAIN("t.1"),
                             .name = PLAIN("f"),
                             .arguments = {STR_INIT("{\\\"x\\\":\\\"\\\\n\\\"}"), true}};
    struct chat_part result = {.kind = CHAT_PART_TOOL_RESULT, .id = PLAIN("t.1")};
    struct chat_message all[] = {
        MESSAGE(SYSTEM, SAYS("s")),
        MESSAGE(USER, SAYS("a"), SAYS("b ")),
        MESSAGE(ASSISTANT, SAYS("c "), call),
        {.role = CHAT_TOOL, .parts = &result, .part_count = 1},
        MESSAGE(ASSISTANT, SAYS("d\n")),
        MESSAGE(USER, SAYS("e")),
    };
    const size_t turns[] = {2, 4, 6};
    struct told before;
    struct told t;

    for (size_t i = 0; i < 3; i++) {
        tell(&t, REQUEST(.messages = all, .message_count = turns[i],
                         TOOLS({.name = PLAIN("f"), .schema_json = STR_INIT("{ }")}),
                         .max_tokens = i ? STR("7") : STR("")));
        CHECK_EQ(t.e, OK);
        if (i) {
            str front = buf_view(&before.text);
            front = str_sub(front, 0, str_find(front, STR("]}],\"max_tokens\"")));
            CHECK(front.len > 100 && str_starts(buf_view(&t.text), front));
            tell_done(&before);
        }
        before = t;
    }
    tell_done(&before);
}
