#include "provider/openai_continue.h"

#include "support/test.h"

struct given {
    str body;
    str delivered;
    uint64_t tokens;
    enum openai_prefill kind;
};

static void check(struct given g, err want_error, str want)
{
    struct openai_request r;
    struct buf out;
    size_t at = 0;

    buf_init(&out, 10'000);
    CHECK_EQ(openai_scan_request(g.body, &r, &at), OK);
    CHECK_EQ(openai_continue_body(&out, g.body, &r, g.delivered, g.tokens, g.kind), want_error);
    CHECK_SAME(buf_view(&out), want);
    if (!want_error) CHECK_EQ(openai_scan_request(buf_view(&out), &r, &at), OK);
    buf_done(&out);
}

static void check_refused(str body)
{
    check((struct given){body, STR("Hi"), 1, OPENAI_PREFILL_PLAIN}, ERR_UNSUPPORTED, STR(""));
}

#define USER "{\"role\":\"user\",\"content\":\"q\"}"
#define HI "{\"role\":\"assistant\",\"content\":\"Hi\"}"

TEST(openai_continue_adds_what_was_delivered_as_an_assistant_message)
{
    check((struct given){STR("{\"model\":\"m\", \"messages\":[" USER " ] ,\"x\":[]}\n"), STR("Hi"),
                         1, OPENAI_PREFILL_PLAIN},
          OK, STR("{\"model\":\"m\", \"messages\":[" USER " ," HI "] ,\"x\":[]}\n"));
    check((struct given){STR("{\"messages\":[" USER "]}"), STR("a\"\\\n\x01\xc3\xa4\xff"), 1,
                         OPENAI_PREFILL_PLAIN},
          OK,
          STR("{\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":"
              "\"a\\\"\\\\\\n\\u0001\xc3\xa4\xef\xbf\xbd\"}]}"));
    // Of a repeated key the last is the one that servers take.
    check((struct given){STR("{\"messages\":[1],\"messages\":[" USER "]}"), STR("Hi"), 1,
                         OPENAI_PREFILL_PLAIN},
          OK, STR("{\"messages\":[1],\"messages\":[" USER "," HI "]}"));
    // An answer of the assistant earlier on is none of ours.
    check(
        (struct given){STR("{\"messages\":[" HI "," USER "]}"), STR("Hi"), 1, OPENAI_PREFILL_PLAIN},
        OK, STR("{\"messages\":[" HI "," USER "," HI "]}"));
}

TEST(openai_continue_says_it_as_each_server_wants_it)
{
    check((struct given){STR("{\"messages\":[" USER "]}"), STR("Hi"), 1, OPENAI_PREFILL_PREFIX}, OK,
          STR("{\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":\"Hi\",\"prefix\":true}"
              "]}"));
    check((struct given){STR("{\"messages\":[" USER "],\"x\":{} } "), STR("Hi"), 1,
                         OPENAI_PREFILL_VLLM},
          OK,
          STR("{\"messages\":[" USER "," HI "],\"x\":{} ,\"continue_final_message\":true,"
              "\"add_generation_prompt\":false} "));
    check((struct given){STR("{\"messages\":[" USER "]}"), STR("Hi"), 1, OPENAI_PREFILL_NONE},
          ERR_UNSUPPORTED, STR(""));
}

TEST(openai_continue_leaves_white_space_at_the_end_out)
{
    check((struct given){STR("{\"messages\":[" USER "]}"), STR("\n Hi \t\r\n"), 1,
                         OPENAI_PREFILL_PLAIN},
          OK, STR("{\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":\"\\n Hi\"}]}"));
    // Where nothing is left, the request is asked as it was.
    check((struct given){STR("{\"messages\":[" USER "],\"max_tokens\":9}"), STR(" \n"), 1,
                         OPENAI_PREFILL_VLLM},
          OK, STR("{\"messages\":[" USER "],\"max_tokens\":8}"));
    check((struct given){STR("{\"messages\":[" USER "]}"), STR(""), 0, OPENAI_PREFILL_PLAIN}, OK,
          STR("{\"messages\":[" USER "]}"));
}

TEST(openai_continue_reduces_the_bounds_of_the_answer)
{
    check((struct given){STR("{\"max_tokens\":100,\"messages\":[" USER
                             "],\"max_completion_tokens\":1e2}"),
                         STR("Hi"), 30, OPENAI_PREFILL_PLAIN},
          OK,
          STR("{\"max_tokens\":70,\"messages\":[" USER "," HI "],\"max_completion_tokens\":70}"));
    check((struct given){STR("{\"max_completion_tokens\":31,\"max_tokens\":30,\"messages\":[" USER
                             "]}"),
                         STR("Hi"), 30, OPENAI_PREFILL_VLLM},
          OK,
          STR("{\"max_completion_tokens\":1,\"max_tokens\":1,\"messages\":[" USER "," HI
              "],\"continue_final_message\":true,\"add_generation_prompt\":false}"));
    // What is no count is the upstream's to refuse, and nothing is touched without need.
    check(
        (struct given){
            STR("{\"max_tokens\":1.5,\"max_completion_tokens\":null,\"messages\":[" USER "]}"),
            STR("Hi"), 30, OPENAI_PREFILL_PLAIN},
        OK,
        STR("{\"max_tokens\":1.5,\"max_completion_tokens\":null,\"messages\":[" USER "," HI "]}"));
    check((struct given){STR("{\"max_tokens\":1e2,\"messages\":[" USER "]}"), STR("Hi"), 0,
                         OPENAI_PREFILL_PLAIN},
          OK, STR("{\"max_tokens\":1e2,\"messages\":[" USER "," HI "]}"));
}

TEST(openai_continue_refuses_what_cannot_be_continued)
{
    check_refused(STR("{}"));
    check_refused(STR("{\"prompt\":\"x\"}"));
    check_refused(STR("{\"messages\":[]}"));
    check_refused(STR("{\"messages\":[ ]}"));
    check_refused(STR("{\"messages\":null}"));
    check_refused(STR("{\"messages\":{\"role\":\"user\"}}"));
    check_refused(STR("{\"messages\":\"["
                      "\"}"));
    check_refused(STR("{\"messages\":[" USER "," HI "]}"));
    check_refused(STR("{\"messages\":[{\"r\\u006fle\":\"assist\\u0061nt\"}]}"));
    check_refused(STR("{\"n\":2,\"messages\":[" USER "]}"));
    check_refused(STR("{\"logprobs\":true,\"messages\":[" USER "]}"));
    check_refused(STR("{\"tools\":[{}],\"messages\":[" USER "]}"));
    check_refused(STR("{\"functions\":[{}],\"messages\":[" USER "]}"));
    check_refused(STR("{\"response_format\":{\"type\":\"json_object\"},\"messages\":[" USER "]}"));
}

TEST(openai_continue_reports_a_body_that_grows_too_large)
{
    const str body = STR("{\"messages\":[" USER "],\"max_tokens\":9}");
    const str whole = STR("{\"messages\":[" USER "," HI "],\"max_tokens\":8}");
    struct openai_request r;
    struct buf out;
    size_t at = 0;

    CHECK_EQ(openai_scan_request(body, &r, &at), OK);
    for (size_t max = 0; max <= whole.len; max++) {
        buf_init(&out, max);
        CHECK_EQ(openai_continue_body(&out, body, &r, STR("Hi"), 1, OPENAI_PREFILL_PLAIN),
                 max < whole.len ? ERR_LIMIT : OK);
        buf_done(&out);
    }
}
