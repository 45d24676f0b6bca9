#include "provider/openai_chat.h"

#include "support/chat_dump.h"
#include "support/test.h"

#include <stdio.h>

// What a body says, with what was dropped or is wrong.
static void check_read(str body, err want_error, const char *want)
{
    struct chat_request q = {.choice_count = 99};
    struct chat_notes notes = {.dropped_count = 0};
    struct arena a;
    struct buf out;

    arena_init(&a, 4096);
    buf_init(&out, 1 << 16);
    err e = openai_chat_read(body, &a, &q, &notes);
    if (!e) chat_dump_request(&q, &out);
    chat_dump_notes(&notes, &out);
    CHECK_SAME(buf_view(&out), str_from_c(want));
    CHECK_EQ(e, want_error);
    if (e) CHECK_EQ(q.choice_count, 99); // written only on success
    buf_done(&out);
    arena_reset(&a);
}

#define USER "{\"role\":\"user\",\"content\":\"hi\"}"
#define BODY(members) STR("{\"model\":\"m\",\"messages\":[" USER "]" members "}")
#define MESSAGES(list) STR("{\"model\":\"m\",\"messages\":[" list "]}")
#define SAID(lines) "request model=\"m\"\n" lines PLAIN
#define PLAIN "choose unset\nthinking unset\nformat unset\noptions n=1\n"
#define HEAD "request model=\"m\"\nuser\n  text text=\"hi\"\n"
#define OPTIONS(words) HEAD "choose unset\nthinking unset\nformat unset\noptions " words "\n"

TEST(openai_chat_reads_messages_of_every_role)
{
    check_read(MESSAGES("{\"role\":\"system\",\"content\":\"s\"},"
                        "{\"role\":\"developer\",\"name\":\"d\",\"content\":\"\\u0064\"},"
                        "{\"content\":[{\"type\":\"text\",\"text\":\"u\"},"
                        "{\"text\":\"\",\"type\":\"text\"}],\"role\":\"user\",\"name\":\"n\"},"
                        "{\"role\":\"assistant\",\"content\":\"a\"}"),
               OK,
               SAID("system\n  text text=\"s\"\n"
                    "developer name=\"d\"\n  text text=\"d\"\n"
                    "user name=\"n\"\n  text text=\"u\"\n  text text=\"\"\n"
                    "assistant\n  text text=\"a\"\n"));
}

TEST(openai_chat_reads_calls_and_their_results)
{
    check_read(MESSAGES("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
                        "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                        "\"arguments\":\"{\\\"a\\\":1}\"}},"
                        "{\"index\":1,\"id\":\"c2\",\"function\":{\"arguments\":\"\","
                        "\"name\":\"g\"}}]},"
                        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r\"},"
                        "{\"role\":\"tool\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},"
                        "{\"type\":\"text\",\"text\":\"y\"}],\"tool_call_id\":\"c2\"}"),
               OK,
               SAID("assistant\n  tool_call id=\"c1\" name=\"f\" arguments=\"{\\\"a\\\":1}\"\n"
                    "  tool_call id=\"c2\" name=\"g\" arguments=\"\"\n"
                    "tool\n  tool_result id=\"c1\"\n    text text=\"r\"\n"
                    "tool\n  tool_result id=\"c2\"\n    text text=\"x\"\n    text text=\"y\"\n"));
}

TEST(openai_chat_puts_what_the_assistant_said_in_order)
{
    check_read(MESSAGES("{\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\"}}],"
                        "\"refusal\":\"no\",\"content\":[{\"type\":\"text\",\"text\":\"t\"},"
                        "{\"type\":\"refusal\",\"refusal\":\"never\"}],"
                        "\"reasoning_content\":\"r\",\"role\":\"assistant\"},"
                        "{\"role\":\"assistant\",\"refusal\":null,\"content\":\"x\","
                        "\"audio\":null,\"annotations\":[]},"
                        "{\"role\":\"assistant\"}"),
               OK,
               SAID("assistant\n  reasoning text=\"r\"\n  text text=\"t\"\n"
                    "  refusal text=\"never\"\n  refusal text=\"no\"\n"
                    "  tool_call id=\"c\" name=\"f\" arguments=\"\"\n"
                    "assistant\n  text text=\"x\"\nassistant\n"));
}

TEST(openai_chat_gives_legacy_calls_ids_that_stay_the_same)
{
    check_read(STR("{\"model\":\"m\",\"functions\":[{\"name\":\"f\",\"parameters\":{}}],"
                   "\"function_call\":{\"name\":\"f\"},\"messages\":["
                   "{\"role\":\"assistant\",\"function_call\":{\"name\":\"f\","
                   "\"arguments\":\"{}\"}},"
                   "{\"role\":\"function\",\"name\":\"f\",\"content\":\"1\"},"
                   "{\"role\":\"assistant\",\"function_call\":{\"name\":\"f\","
                   "\"arguments\":\"{}\"}},"
                   "{\"role\":\"function\",\"name\":\"f\",\"content\":\"2\"}]}"),
               OK,
               "request model=\"m\"\ntool name=\"f\" schema={}\n"
               "assistant\n  tool_call id=\"call_0\" name=\"f\" arguments=\"{}\"\n"
               "tool\n  tool_result id=\"call_0\"\n    text text=\"1\"\n"
               "assistant\n  tool_call id=\"call_1\" name=\"f\" arguments=\"{}\"\n"
               "tool\n  tool_result id=\"call_1\"\n    text text=\"2\"\n"
               "choose one name=\"f\" parallel=no\nthinking unset\nformat unset\n"
               "options n=1 functions\n");
}

TEST(openai_chat_reads_media_in_parts)
{
    check_read(
        MESSAGES(
            "{\"role\":\"user\",\"content\":["
            "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https:\\/\\/e.test/a,b\","
            "\"detail\":\"low\"}},"
            "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image\\/png;base64,Z\\/8=\"}},"
            "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"Zm8=\",\"format\":\"mp3\"}},"
            "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"Zm8=\",\"format\":\"flac\"}},"
            "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\","
            "\"file_data\":\"data:application/pdf;base64,Zm9v\"}},"
            "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}},"
            "{\"type\":\"text\",\"text\":\"t\",\"cache_control\":{\"type\":\"ephemeral\"}}]}"),
        OK,
        SAID("user\n  image url=\"https://e.test/a,b\" detail=\"low\"\n"
             "  image base64=\"Z/8=\" type=\"image/png\"\n"
             "  audio base64=\"Zm8=\" type=\"audio/mpeg\"\n"
             "  audio base64=\"Zm8=\" type=\"audio/flac\"\n"
             "  file base64=\"Zm9v\" type=\"application/pdf\" name=\"a.pdf\"\n"
             "  file file_id=\"file-1\"\n"
             "  text text=\"t\" cache={\"type\":\"ephemeral\"}\n"));
}

TEST(openai_chat_reads_tools_and_which_to_call)
{
    check_read(BODY(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                    "\"description\":\"d\",\"parameters\":{ \"type\":\"object\" },"
                    "\"strict\":true}},{\"type\":\"function\",\"function\":{\"name\":\"g\"},"
                    "\"cache_control\":{}}],"
                    "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}},"
                    "\"parallel_tool_calls\":false"),
               OK,
               "request model=\"m\"\n"
               "tool name=\"f\" description=\"d\" schema={ \"type\":\"object\" } strict=yes\n"
               "tool name=\"g\" cache={}\nuser\n  text text=\"hi\"\n"
               "choose one name=\"g\" parallel=no\nthinking unset\nformat unset\noptions n=1\n");
}

static void check_choice(str body, const char *want)
{
    char text[200];

    (void)snprintf(text, sizeof(text),
                   HEAD "choose %s\nthinking unset\nformat unset\noptions n=1\n", want);
    check_read(body, OK, text);
}

TEST(openai_chat_reads_modes_of_choosing_a_tool)
{
    check_choice(BODY(",\"tool_choice\":\"auto\""), "auto");
    check_choice(BODY(",\"tool_choice\":\"none\""), "none");
    check_choice(BODY(",\"tool_choice\":\"required\""), "any");
    check_choice(BODY(",\"tool_choice\":\"any\""), "any");
    check_choice(BODY(",\"tool_choice\":null"), "unset");
    check_choice(BODY(",\"parallel_tool_calls\":true"), "unset parallel=yes");
}

TEST(openai_chat_keeps_numbers_as_they_are_spelled)
{
    check_read(BODY(",\"n\":2,\"max_tokens\":1e2,\"temperature\":0.70,\"top_p\":1,\"top_k\":40,"
                    "\"seed\":-9,\"frequency_penalty\":-0.0,\"presence_penalty\":2e-1,"
                    "\"logprobs\":true,\"top_logprobs\":0,\"logit_bias\":{ \"5\":-100 },"
                    "\"stop\":\"s\",\"user\":\"u\",\"metadata\":{\"a\":\"b\"},"
                    "\"service_tier\":\"flex\",\"verbosity\":\"low\""),
               OK,
               OPTIONS("n=2 logprobs=yes max_tokens=1e2 temperature=0.70 top_p=1 top_k=40 seed=-9 "
                       "frequency_penalty=-0.0 presence_penalty=2e-1 top_logprobs=0 "
                       "logit_bias={ \"5\":-100 } metadata={\"a\":\"b\"} user=\"u\" "
                       "service_tier=\"flex\" verbosity=\"low\" stop=\"s\""));
}

TEST(openai_chat_reads_how_a_stream_is_wanted)
{
    check_read(BODY(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"), OK,
               OPTIONS("n=1 stream usage"));
    check_read(BODY(",\"stream\":true,\"stream_options\":{}"), OK, OPTIONS("n=1 stream"));
    check_read(BODY(",\"stream\":false,\"stream_options\":{\"include_usage\":true}"), OK,
               OPTIONS("n=1"));
    check_read(BODY(",\"stream\":true,\"stream_options\":{\"include_obfuscation\":true}"), OK,
               OPTIONS("n=1 stream") "dropped stream_options.include_obfuscation\n");
}

TEST(openai_chat_reads_formats_and_reasoning)
{
    check_read(BODY(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
                    "\"name\":\"n\",\"description\":\"d\",\"schema\":{\"a\":1.0},"
                    "\"strict\":false}},\"reasoning_effort\":\"high\""),
               OK,
               HEAD "choose unset\nthinking unset effort=\"high\"\n"
                    "format schema name=\"n\" description=\"d\" schema={\"a\":1.0} strict=no\n"
                    "options n=1\n");
    check_read(BODY(",\"response_format\":{\"type\":\"json_object\"},"
                    "\"reasoning_effort\":\"none\""),
               OK, HEAD "choose unset\nthinking off effort=\"none\"\nformat json\noptions n=1\n");
    check_read(BODY(",\"response_format\":{\"type\":\"text\"}"), OK,
               HEAD "choose unset\nthinking unset\nformat text\noptions n=1\n");
}

TEST(openai_chat_prefers_the_newer_of_two_names)
{
    check_read(BODY(",\"max_completion_tokens\":7,\"max_tokens\":5"), OK,
               OPTIONS("n=1 completion_max max_tokens=7") "dropped max_tokens\n");
    check_read(BODY(",\"safety_identifier\":\"s\""), OK, OPTIONS("n=1 user=\"s\""));
    check_read(BODY(",\"safety_identifier\":\"s\",\"user\":\"u\""), OK,
               OPTIONS("n=1 user=\"u\"") "dropped safety_identifier\n");
}

TEST(openai_chat_notes_what_has_no_place)
{
    check_read(
        BODY(",\"store\":true,\"prediction\":{\"type\":\"content\"},\"audio\":{\"a\":1},"
             "\"web_search_options\":{},\"prompt_cache_key\":\"k\",\"modalities\":[\"text\"],"
             "\"new_thing\":[1]"),
        OK,
        OPTIONS("n=1") "dropped store\ndropped prediction\ndropped audio\n"
                       "dropped web_search_options\ndropped prompt_cache_key\n"
                       "dropped new_thing\n");
    check_read(BODY(",\"store\":false,\"prediction\":null,\"seed\":null,\"functions\":null"), OK,
               OPTIONS("n=1"));
    check_read(
        MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"x\":1,"
                 "\"image_url\":{\"url\":\"u\",\"y\":1}}]},"
                 "{\"role\":\"assistant\",\"content\":\"a\",\"audio\":{\"id\":\"i\"}},"
                 "{\"role\":\"assistant\",\"audio\":{\"id\":\"j\"}}"),
        OK,
        SAID("user\n  image url=\"u\"\nassistant\n  text text=\"a\"\nassistant\n") "dropped "
                                                                                   "messages."
                                                                                   "content."
                                                                                   "x\ndropped "
                                                                                   "messages."
                                                                                   "content.image_"
                                                                                   "url.y\n"
                                                                                   "dropped "
                                                                                   "messages."
                                                                                   "audio\n");
}

TEST(openai_chat_takes_the_last_of_a_repeated_member)
{
    check_read(STR("{\"model\":\"x\",\"model\":\"m\",\"messages\":[" USER "," USER "],"
                   "\"stop\":[\"a\",\"b\"],\"stop\":\"c\",\"messages\":[{\"role\":\"user\","
                   "\"content\":\"x\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}"),
               OK, OPTIONS("n=1 stop=\"c\""));
}

#define NEEDS(param) "problem " param ": This member is required.\n"

TEST(openai_chat_says_what_is_missing)
{
    check_read(STR("{}"), ERR_TYPE, NEEDS("model"));
    check_read(STR("{\"model\":\"m\"}"), ERR_TYPE, NEEDS("messages"));
    check_read(MESSAGES(""), ERR_TYPE, NEEDS("messages"));
    check_read(MESSAGES(USER ",{}"), ERR_TYPE, NEEDS("messages[1].role"));
    check_read(MESSAGES("{\"role\":\"user\"}"), ERR_TYPE, NEEDS("messages[0].content"));
    check_read(MESSAGES("{\"role\":\"system\",\"content\":null}"), ERR_TYPE,
               NEEDS("messages[0].content"));
    check_read(MESSAGES("{\"role\":\"tool\",\"content\":\"x\"}"), ERR_TYPE,
               NEEDS("messages[0].tool_call_id"));
    check_read(MESSAGES("{\"role\":\"function\",\"content\":\"x\"}"), ERR_TYPE,
               NEEDS("messages[0].tool_call_id"));
    check_read(MESSAGES("{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}"), ERR_TYPE,
               NEEDS("messages[0].content[0].type"));
    check_read(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}"), ERR_TYPE,
               NEEDS("messages[0].content[0].text"));
    check_read(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}"), ERR_TYPE,
               NEEDS("messages[0].content[0].image_url"));
    check_read(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
                        "\"image_url\":{\"detail\":\"low\"}}]}"),
               ERR_TYPE, NEEDS("messages[0].content[0].image_url.url"));
    check_read(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\"}]}"), ERR_TYPE,
               NEEDS("messages[0].tool_calls[0].function"));
    check_read(BODY(",\"tools\":[{\"type\":\"function\",\"function\":{}}]"), ERR_TYPE,
               NEEDS("tools[0].function.name"));
    check_read(BODY(",\"tools\":[{\"function\":{\"name\":\"f\"}}]"), ERR_TYPE,
               NEEDS("tools[0].type"));
    check_read(BODY(",\"response_format\":{\"type\":\"json_schema\"}"), ERR_TYPE,
               NEEDS("response_format.json_schema"));
}

TEST(openai_chat_says_what_is_of_another_kind)
{
    check_read(STR("{\"model\":7}"), ERR_TYPE, "problem model: A string is expected here.\n");
    check_read(STR("[]"), ERR_TYPE, "problem : An object is expected here.\n");
    check_read(BODY(",\"messages\":{}"), ERR_TYPE,
               "problem messages: An array is expected here.\n");
    check_read(BODY(",\"stream\":\"true\""), ERR_TYPE,
               "problem stream: true or false is expected here.\n");
    check_read(BODY(",\"temperature\":\"1\""), ERR_TYPE,
               "problem temperature: A number is expected here.\n");
    check_read(BODY(",\"max_tokens\":1.5"), ERR_TYPE,
               "problem max_tokens: A whole number is expected here.\n");
    check_read(BODY(",\"stop\":[\"a\",1]"), ERR_TYPE,
               "problem stop[1]: A string is expected here.\n");
    check_read(BODY(",\"logit_bias\":[]"), ERR_TYPE,
               "problem logit_bias: An object is expected here.\n");
    check_read(MESSAGES(USER ",{\"role\":\"user\",\"content\":5}"), ERR_TYPE,
               "problem messages[1].content: A string or an array is expected here.\n");
    check_read(MESSAGES("{\"role\":\"user\",\"content\":[\"x\"]}"), ERR_TYPE,
               "problem messages[0].content[0]: An object is expected here.\n");
    check_read(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
                        "\"image_url\":\"https://e.test\"}]}"),
               ERR_TYPE, "problem messages[0].content[0].image_url: An object is expected here.\n");
}

TEST(openai_chat_says_what_is_out_of_range)
{
    check_read(BODY(",\"n\":0"), ERR_RANGE, "problem n: The number is out of range.\n");
    check_read(BODY(",\"n\":129"), ERR_RANGE, "problem n: The number is out of range.\n");
    check_read(BODY(",\"max_tokens\":0"), ERR_RANGE,
               "problem max_tokens: The number is out of range.\n");
    check_read(MESSAGES("{\"role\":\"bot\",\"content\":\"x\"}"), ERR_RANGE,
               "problem messages[0].role: The role must be system, developer, user, assistant or "
               "tool.\n");
    check_read(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"video\"}]}"), ERR_RANGE,
               "problem messages[0].content[0].type: Parts of this type are not known.\n");
    check_read(BODY(",\"tool_choice\":\"f\""), ERR_RANGE,
               "problem tool_choice: The choice must be auto, none, required or a function.\n");
    check_read(BODY(",\"response_format\":{\"type\":\"xml\"}"), ERR_RANGE,
               "problem response_format.type: The type must be text, json_object or "
               "json_schema.\n");
}

TEST(openai_chat_refuses_what_would_be_another_request_without_it)
{
    check_read(BODY(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}]"),
               ERR_UNSUPPORTED,
               "dropped tools.custom\nproblem tools[0].type: Only tools of the type function can "
               "be translated.\n");
    check_read(BODY(",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{}}"),
               ERR_UNSUPPORTED,
               "problem tool_choice.type: Only the choice of a function can be translated.\n");
    check_read(BODY(",\"modalities\":[\"text\",\"audio\"]"), ERR_UNSUPPORTED,
               "problem modalities[1]: Only text can be asked of this model.\n");
    check_read(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\","
                        "\"type\":\"custom\",\"custom\":{}}]}"),
               ERR_UNSUPPORTED,
               "problem messages[0].tool_calls[0].type: Only calls of functions can be "
               "translated.\n");
}

TEST(openai_chat_says_where_a_body_is_no_json)
{
    check_read(STR("{\"model\":\"m\","), ERR_SYNTAX,
               "problem : The body can't be read: at byte 13 it ends too early.\n");
    check_read(STR("{\"model\":\"m\xff\"}"), ERR_SYNTAX,
               "problem : The body can't be read: at byte 11 it is no UTF-8.\n");
    check_read(STR(""), ERR_SYNTAX,
               "problem : The body can't be read: at byte 0 it ends too early.\n");
}

TEST(openai_chat_bounds_messages_stops_and_tools)
{
    const char *const starts[] = {"{\"model\":\"m\",\"messages\":[", "{\"stop\":[", "{\"tools\":["};
    const char *const items[] = {"{\"role\":\"assistant\"},", "\"x\",",
                                 "{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"};
    const char *const wants[] = {"problem messages[65536]: There are too many messages.\n",
                                 "problem stop[64]: There are too many of these.\n",
                                 "problem tools[4096]: There are too many tools.\n"};
    struct buf body;

    for (size_t i = 0; i < 3; i++) {
        buf_init(&body, 4 << 20);
        CHECK_EQ(buf_append(&body, str_from_c(starts[i])), OK);
        for (size_t n = 0; n <= CHAT_MESSAGES_MAX; n++) {
            CHECK_EQ(buf_append(&body, str_from_c(items[i])), OK);
        }
        check_read(buf_view(&body), ERR_LIMIT, wants[i]);
        buf_done(&body);
    }
}
