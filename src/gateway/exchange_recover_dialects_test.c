// A stream that was cut, finished by a target of another dialect, for a client of any.
#include "gateway/exchange.h"

#include "support/h2_peer.h"
#include "support/heard.h"
#include "support/stream_judge.h"

#define SETTINGS(first, second, more)                                                              \
    "limits: {comment_interval: 15s}\n"                                                            \
    "providers:\n"                                                                                 \
    "  - {name: p, dialect: " first ", base_url: \"http://p/v1\", api_key: \"${KEY}\"}\n"          \
    "  - {name: q, dialect: " second ", base_url: \"http://q/v1\", api_key: \"${KEY}\"}\n"         \
    "  - {name: r, dialect: " first ", base_url: \"http://r/v1\", api_key: \"${KEY}\"}\n"          \
    "models:\n"                                                                                    \
    "  - {name: m, targets: [{provider: p" more "}], fallback: [{provider: q" more "}],\n"         \
    "     breaker: {trip_after: 0}, retry: {attempts: 1},\n"                                       \
    "     timeouts: {first_token: 60s, between_tokens: 30s}}\n"

#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"

#define CHUNK(delta, finish)                                                                       \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"up\",\"choices\":[{"     \
    "\"index\":0,\"delta\":{" delta "},\"finish_reason\":" finish "}]}\n\n"
#define ROLE CHUNK("\"role\":\"assistant\",\"content\":\"\"", "null")
#define SAYS(text) CHUNK("\"content\":\"" text "\"", "null")
#define THINKS(text) CHUNK("\"reasoning_content\":\"" text "\"", "null")
#define COUNTS                                                                                     \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{"          \
    "\"prompt_tokens\":7,\"completion_tokens\":9,\"total_tokens\":16}}\n\n"
#define END CHUNK("", "\"stop\"") COUNTS "data: [DONE]\n\n"

#define NAMED(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define A_START                                                                                    \
    NAMED("message_start",                                                                         \
          ",\"message\":{\"id\":\"msg_up\",\"type\":\"message\",\"role\":\"assistant\",\"model\":" \
          "\"up\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":7,"              \
          "\"output_tokens\":1}}")
#define A_BLOCK(index, block)                                                                      \
    NAMED("content_block_start", ",\"index\":" index ",\"content_block\":{" block "}")
#define A_TEXT A_BLOCK("0", "\"type\":\"text\",\"text\":\"\"")
#define A_DELTA(index, delta)                                                                      \
    NAMED("content_block_delta", ",\"index\":" index ",\"delta\":{" delta "}")
#define A_SAYS(text) A_DELTA("0", "\"type\":\"text_delta\",\"text\":\"" text "\"")
#define A_STOP(index) NAMED("content_block_stop", ",\"index\":" index)
#define A_FINISH                                                                                   \
    NAMED("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"     \
                           "\"usage\":{\"output_tokens\":9}")
#define A_END A_STOP("0") A_FINISH NAMED("message_stop", "")

#define TEXT                                                                                       \
    "one two thr\xc3\xa9"                                                                          \
    "e \"four\" five"

// The same text in each dialect, cut up in different ways.
static const char *const first_says[] = {
    HEAD ROLE SAYS("one ") SAYS("two ") SAYS("thr\\u00e9") SAYS("e \\\"four\\\"") SAYS(" five") END,
    HEAD A_START A_TEXT NAMED("ping", "") A_SAYS("one ") A_SAYS("two ") A_SAYS("thr\xc3\xa9"
                                                                               "e \\\"four\\\"")
        A_SAYS(" five") A_END,
};
static const char *const second_says[] = {
    HEAD ROLE SAYS("o") SAYS("ne t") SAYS("wo thr\xc3\xa9"
                                          "e \\u0022fo") SAYS("ur\\\" fi") SAYS("ve") END,
    HEAD A_START A_TEXT A_SAYS("o") A_SAYS("ne t") A_SAYS("wo thr\\u00e9e \\u0022fo")
        A_SAYS("ur\\\" fi") A_SAYS("ve") A_END,
};

// A client of some dialect and what it has heard.
struct party {
    struct play play;
    enum stream_wire wire;
    struct h2_peer peer; // of gRPC
    struct stream_verdict verdict;
    bool is_ended;  // the body
    bool is_failed; // gRPC: by its status
};

// ChatRequest{model: "m", messages: [{role: USER, parts: [{text: "q"}]}]}, in its frame.
#define GRPC_REQUEST "\0\0\0\0\x0c\x0a\x01m\x12\x07\x08\x03\x12\x03\x0a\x01q"

static void ask_grpc(struct party *a)
{
    server_accept(
        &a->play.stage.gateway.server,
        h2_peer_connect(&a->peer, &a->play.stage.loop, (struct memory_stream_options){0}));
    h2_peer_begin(&a->peer);
    h2_peer_headers(&a->peer, 0, 1,
                    STR(":method: POST|:scheme: http|:authority: gw|:path: /sluice.v1.Chat/Stream|"
                        "content-type: application/grpc|te: trailers"));
    h2_peer_frame(&a->peer, NGHTTP2_DATA, H2_PEER_END_STREAM, 1, STR(GRPC_REQUEST));
    stage_settle(&a->play.stage);
}

static void ask(struct party *a, enum stream_wire wire)
{
    a->wire = wire;
    switch (wire) {
    case STREAM_OPENAI:
        stage_post(&a->play.stage, STR("/v1/chat/completions"),
                   STR("{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":"
                       "true},\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}"));
        break;
    case STREAM_ANTHROPIC:
        stage_post(&a->play.stage, STR("/v1/messages"),
                   STR("{\"model\":\"m\",\"stream\":true,\"max_tokens\":99,\"messages\":[{\"role\":"
                       "\"user\",\"content\":\"q\"}]}"));
        break;
    case STREAM_SLUICE: ask_grpc(a); break;
    }
    stage_settle(&a->play.stage);
}

static void listen(struct party *a)
{
    struct buf body;

    if (a->wire == STREAM_SLUICE) {
        str told = h2_peer_told(&a->peer);
        a->is_ended = play_has(told, STR("HEADERS 1 END grpc-status="));
        a->is_failed = !play_has(told, STR(" grpc-status=0"));
        stream_judge(a->wire, buf_view(&a->peer.body), a->is_ended, &a->verdict);
        return;
    }
    buf_init(&body, HEARD_MAX);
    a->is_ended = heard_join(buf_view(&a->play.stage.client.seen), &body);
    stream_judge(a->wire, buf_view(&body), a->is_ended, &a->verdict);
    a->is_failed = a->verdict.has_error;
    buf_done(&body);
}

static void leave(struct party *a)
{
    stream_verdict_done(&a->verdict);
    if (a->wire == STREAM_SLUICE) h2_peer_done(&a->peer);
    stage_settle(&a->play.stage);
    play_done(&a->play);
}

// The client has all of it, in one, and what it cost.
static void check_whole(struct party *a, const char *text)
{
    listen(a);
    CHECK_SAME(buf_view(&a->verdict.text), str_from_c(text));
    CHECK(a->is_ended && !a->is_failed && a->verdict.has_finish && a->verdict.is_ended);
    // A stream that was cut behind its finish has told no more.
    CHECK(a->verdict.has_usage || a->play.asked_count == 1);
    if (a->verdict.has_usage && a->wire != STREAM_ANTHROPIC) CHECK_EQ(a->verdict.input_tokens, 7);
    CHECK_EQ(atomic_load(&a->play.stage.gateway.metrics.streams_cut), 0);
}

static void check_broken(struct party *a, const char *text)
{
    listen(a);
    CHECK_SAME(buf_view(&a->verdict.text), str_from_c(text));
    CHECK(a->is_ended && a->is_failed && !a->verdict.has_finish && !a->verdict.is_ended);
    CHECK_EQ(atomic_load(&a->play.stage.gateway.metrics.streams_cut), 1);
}

#define ENDED(of, says)                                                                            \
    {                                                                                              \
        .host = (of), .text = (says), .end = FAKE_UPSTREAM_ENDS                                    \
    }

// One answer, told in part by `first` and in whole by `second`.
static void meet(struct party *a, enum stream_wire client, str yaml, const char *first,
                 const char *second)
{
    PLAY(&a->play, yaml, ENDED("p", first), ENDED("q", second));
    ask(a, client);
}

static str settings_of(int first, int second, bool is_prefilled)
{
    static const str plain[2][2] = {
        {STR_INIT(SETTINGS("openai", "openai", "")), STR_INIT(SETTINGS("openai", "anthropic", ""))},
        {STR_INIT(SETTINGS("anthropic", "openai", "")),
         STR_INIT(SETTINGS("anthropic", "anthropic", ""))}};
    static const str prefilled[2][2] = {
        {STR_INIT(SETTINGS("openai", "openai", ", prefill: plain")),
         STR_INIT(SETTINGS("openai", "anthropic", ", prefill: plain"))},
        {STR_INIT(SETTINGS("anthropic", "openai", ", prefill: plain")),
         STR_INIT(SETTINGS("anthropic", "anthropic", ", prefill: plain"))}};

    return is_prefilled ? prefilled[first][second] : plain[first][second];
}

// For each client, and each pair of dialects behind it.
static void each(void (*check)(enum stream_wire client, int first, int second))
{
    for (int i = 0; i < 12; i++) {
        check((enum stream_wire)(i / 4), i / 2 % 2, i % 2);
    }
}

static void check_any_cut(enum stream_wire client, int first, int second)
{
    size_t len = str_from_c(first_says[first]).len;
    static char said[4096];

    for (size_t at = (4 * client + 2 * (size_t)first + (size_t)second) % 3; at <= len; at += 3) {
        struct party a = {.is_ended = false};
        snprintf(said, sizeof(said), "%.*s", (int)at, first_says[first]);
        meet(&a, client, settings_of(first, second, false), said, second_says[second]);
        check_whole(&a, TEXT);
        leave(&a);
    }
}

TEST(exchange_recover_dialects_finish_each_others_streams_wherever_they_were_cut)
{
    each(check_any_cut);
}

static const char *const cut_says[] = {
    HEAD ROLE SAYS("one ") SAYS("two "),
    HEAD A_START A_TEXT A_SAYS("one ") A_SAYS("two "),
};

static void check_prefill(enum stream_wire client, int first, int second)
{
    static const char *const goes_on[] = {
        HEAD ROLE SAYS("thr") SAYS("ee") END,
        HEAD A_START A_TEXT A_SAYS("thr") A_SAYS("ee") A_END,
    };
    static const char *const has_said_all[] = {HEAD ROLE END, HEAD A_START A_TEXT A_END};
    struct party a = {.is_ended = false};

    meet(&a, client, settings_of(first, second, true), cut_says[first], goes_on[second]);
    check_whole(&a, "one two three");
    str request = buf_view(&a.play.stage.upstream.request);
    CHECK(play_has(request, STR("\"assistant\"")) && play_has(request, STR("one two")));
    leave(&a);
    // The model finds that nothing is missing.
    meet(&a, client, settings_of(first, second, true), cut_says[first], has_said_all[second]);
    check_whole(&a, "one two ");
    leave(&a);
    if (second == 0) return;
    // Nor does it begin a block to say so.
    meet(&a, client, settings_of(first, second, true), cut_says[first],
         HEAD A_START A_FINISH NAMED("message_stop", ""));
    check_whole(&a, "one two ");
    leave(&a);
}

TEST(exchange_recover_dialects_go_on_from_a_prefill_of_each_other)
{
    each(check_prefill);
}

TEST(exchange_recover_dialects_go_on_with_what_was_given_not_with_what_was_begun)
{
    for (int i = 0; i < 12; i++) {
        struct party a = {.is_ended = false};
        int first = i / 2 % 2;
        int second = i % 2;
        PLAY(&a.play, settings_of(first, second, false),
             ENDED("p", first ? HEAD A_START A_TEXT : HEAD ROLE), ENDED("q", cut_says[second]),
             ENDED("p", first_says[first]), ENDED("q", second_says[second]));
        ask(&a, (enum stream_wire)(i / 4));
        stage_wait(&a.play.stage, 300'000);
        check_whole(&a, TEXT);
        leave(&a);
    }
}

// Who fails in between may speak another dialect than who is asked next.
TEST(exchange_recover_dialects_ask_each_target_in_its_own_way)
{
    static const char *const goes_on[] = {
        HEAD ROLE SAYS("three") END,
        HEAD A_START A_TEXT A_SAYS("three") A_END,
    };

    for (int i = 0; i < 12; i++) {
        struct party a = {.is_ended = false};
        int first = i / 2 % 2;
        PLAY(&a.play, settings_of(first, i % 2, true), ENDED("p", cut_says[first]),
             ENDED("q", "HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"), ENDED("p", goes_on[first]));
        ask(&a, (enum stream_wire)(i / 4));
        stage_wait(&a.play.stage, 10'000);
        check_whole(&a, "one two three");
        CHECK_STR(str_from_c(a.play.asked), "pqp");
        str request = buf_view(&a.play.stage.upstream.request);
        CHECK(play_has(request, STR("\"one two\"")));
        leave(&a);
    }
}

static void check_other_story(enum stream_wire client, int first, int second)
{
    static const char *const others[2][3] = {
        {HEAD ROLE SAYS("one ") SAYS("too") END, HEAD ROLE SAYS("one") END,
         HEAD ROLE SAYS("one ") "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}"
                                "\n\n"},
        {HEAD A_START A_TEXT A_SAYS("one ") A_SAYS("too") A_END,
         HEAD A_START A_TEXT A_SAYS("one") A_END,
         HEAD A_START A_TEXT A_SAYS("one ")
             NAMED("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}")},
    };

    for (int i = 0; i < 3; i++) {
        struct party a = {.is_ended = false};
        meet(&a, client, settings_of(first, second, false), cut_says[first], others[second][i]);
        stage_wait(&a.play.stage, 300'000); // the first one is asked again, in vain
        check_broken(&a, "one two ");
        leave(&a);
    }
}

TEST(exchange_recover_dialects_end_in_an_error_where_another_story_is_told)
{
    each(check_other_story);
}

TEST(exchange_recover_dialects_close_each_block_once)
{
    static const char *const says[] = {
        HEAD A_START A_TEXT A_SAYS("one two"),
        HEAD A_START A_TEXT A_SAYS("one two") A_STOP("0"),
        HEAD A_START A_BLOCK("0", "\"type\":\"text\",\"text\":\"one two\"") A_STOP("0"),
        HEAD A_START A_TEXT A_SAYS("one two") A_STOP("0") A_FINISH,
    };
    static const char *const finishes[] = {
        HEAD ROLE SAYS("one two") END,
        HEAD A_START A_TEXT A_SAYS("one two") A_END,
        HEAD A_START A_BLOCK("0", "\"type\":\"text\",\"text\":\"one two\"") A_END,
        HEAD A_START A_TEXT A_SAYS("one two") A_FINISH NAMED("message_stop", ""),
    };

    for (size_t i = 0; i < 16; i++) {
        struct party a = {.is_ended = false};
        meet(&a, STREAM_ANTHROPIC, settings_of(1, i % 4 > 0, false), says[i / 4], finishes[i % 4]);
        check_whole(&a, "one two");
        CHECK_EQ(a.verdict.blocks, 1);
        CHECK_SAME(str_from_c(a.play.asked), str_from_c(i / 4 == 3 ? "p" : "pq"));
        leave(&a);
    }
}

TEST(exchange_recover_dialects_put_no_block_where_the_client_has_one)
{
    struct party a = {.is_ended = false};

    meet(&a, STREAM_ANTHROPIC, settings_of(1, 1, true), cut_says[1],
         HEAD A_START A_BLOCK("0", "\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}")
             A_END);
    stage_wait(&a.play.stage, 300'000);
    check_broken(&a, "one two ");
    leave(&a);
}

TEST(exchange_recover_dialects_add_nothing_to_a_text_that_has_ended)
{
    static const char *const more[] = {
        HEAD ROLE SAYS("one two three") END,
        HEAD A_START A_TEXT A_SAYS("one two three") A_END,
    };

    for (int i = 0; i < 2; i++) {
        struct party a = {.is_ended = false};
        meet(&a, STREAM_ANTHROPIC, settings_of(1, i, false),
             HEAD A_START A_TEXT A_SAYS("one two") A_STOP("0"), more[i]);
        stage_wait(&a.play.stage, 300'000);
        check_broken(&a, "one two");
        leave(&a);
    }
}

TEST(exchange_recover_dialects_finish_a_text_with_text_that_begins_its_block)
{
    struct party a = {.is_ended = false};

    meet(&a, STREAM_ANTHROPIC, settings_of(1, 1, false), cut_says[1],
         HEAD A_START A_BLOCK("0", "\"type\":\"text\",\"text\":\"one two three\"") A_SAYS(" four")
             A_END);
    check_whole(&a, "one two three four");
    CHECK_EQ(a.verdict.blocks, 1);
    leave(&a);
}

TEST(exchange_recover_dialects_call_a_tool_behind_the_text)
{
    static const char *const calls[] = {
        HEAD ROLE SAYS("one two ")
            CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\","
                  "\"arguments\":\"{}\"}}]",
                  "null") CHUNK("", "\"tool_calls\"") COUNTS "data: [DONE]\n\n",
        HEAD A_START A_TEXT A_SAYS("one two ") A_STOP("0")
            A_BLOCK("1", "\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}")
                A_STOP("1") A_FINISH NAMED("message_stop", ""),
    };

    for (int i = 0; i < 12; i++) {
        struct party a = {.is_ended = false};
        meet(&a, (enum stream_wire)(i / 4), settings_of(i / 2 % 2, i % 2, false),
             cut_says[i / 2 % 2], calls[i % 2]);
        check_whole(&a, "one two ");
        if (i / 4 == STREAM_ANTHROPIC) CHECK_EQ(a.verdict.blocks, 2);
        leave(&a);
    }
}

// Thoughts come before a text, which is a block with another number then.
TEST(exchange_recover_dialects_go_on_within_the_text_whatever_its_number)
{
    static const char *const thinks[] = {
        HEAD ROLE THINKS("hm") SAYS("one ") SAYS("two "),
        HEAD A_START A_BLOCK("0", "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"")
            A_DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"hm\"") A_STOP("0")
                A_BLOCK("1", "\"type\":\"text\",\"text\":\"\"")
                    A_DELTA("1", "\"type\":\"text_delta\",\"text\":\"one two \""),
    };
    static const char *const ends[] = {
        HEAD ROLE THINKS("oh") SAYS("one two ") SAYS("thr") SAYS("ee") END,
        HEAD A_START A_BLOCK("0", "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"")
            A_DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"oh\"") A_STOP("0")
                A_BLOCK("1", "\"type\":\"text\",\"text\":\"\"")
                    A_DELTA("1", "\"type\":\"text_delta\",\"text\":\"one two thr\"")
                        A_DELTA("1", "\"type\":\"text_delta\",\"text\":\"ee\"") A_STOP("1")
                            A_FINISH NAMED("message_stop", ""),
    };

    for (int i = 0; i < 12; i++) {
        struct party a = {.is_ended = false};
        int first = i / 2 % 2;
        // Raw blocks are gone on with where the text is the first of them, and only there.
        bool is_raw = i / 4 == STREAM_ANTHROPIC && first == 1;
        meet(&a, (enum stream_wire)(i / 4), settings_of(first, i % 2, false), thinks[first],
             ends[i % 2]);
        if (is_raw) {
            check_broken(&a, "one two ");
        } else {
            check_whole(&a, "one two three");
            if (i / 4 == STREAM_ANTHROPIC) CHECK_EQ(a.verdict.blocks, 2);
        }
        leave(&a);
    }
}

TEST(exchange_recover_dialects_survive_cuts_of_each)
{
    static const char *const seconds[] = {
        HEAD ROLE SAYS("one two") SAYS(" three"),
        HEAD A_START A_TEXT A_SAYS("one two three"),
    };

    for (int i = 0; i < 12; i++) {
        struct party a = {.is_ended = false};
        int first = i / 2 % 2;
        PLAY(&a.play, settings_of(first, i % 2, false), ENDED("p", cut_says[first]),
             ENDED("q", seconds[i % 2]),
             ENDED("p", first ? HEAD A_START A_TEXT A_SAYS("one two three four") A_END
                              : HEAD ROLE SAYS("one two three four") END));
        ask(&a, (enum stream_wire)(i / 4));
        check_whole(&a, "one two three four");
        CHECK_STR(str_from_c(a.play.asked), "pqp");
        leave(&a);
    }
}

TEST(exchange_recover_dialects_never_skip_what_could_not_be_translated)
{
    // The relay can read all of it, the translation can't: that is no block's number.
    static const char bad[] = A_DELTA("-1", "\"type\":\"text_delta\",\"text\":\"thr\"");
    static char said[2048];
    struct party a = {.is_ended = false};

    snprintf(said, sizeof(said), "%s%s%s", HEAD A_START A_TEXT A_SAYS("one "), bad, A_SAYS("two "));
    PLAY(&a.play, settings_of(1, 1, false), ENDED("p", said), ENDED("q", second_says[1]));
    ask(&a, STREAM_OPENAI);
    // Nothing was released, so that the other answers alone.
    check_whole(&a, TEXT);
    leave(&a);
    // And may be cut, as if nobody had been asked before it.
    PLAY(&a.play, settings_of(1, 1, false), ENDED("p", said), ENDED("q", cut_says[1]),
         ENDED("p", second_says[1]), ENDED("q", HEAD A_START A_TEXT A_SAYS("one two three") A_END));
    ask(&a, STREAM_OPENAI);
    stage_wait(&a.play.stage, 300'000);
    CHECK(a.play.asked_count > 2);
    check_whole(&a, TEXT);
    leave(&a);
    // What stands before it goes to the client, what stands behind it does not.
    PLAY(&a.play, settings_of(1, 1, false), ACT("p", HEAD A_START A_TEXT A_SAYS("one ")),
         ENDED("q", second_says[1]));
    ask(&a, STREAM_OPENAI);
    snprintf(said, sizeof(said), "%s%s%s", A_SAYS("two "), bad, A_SAYS("ee"));
    stage_upstream_says(&a.play.stage, str_from_c(said));
    check_broken(&a, "one two ");
    CHECK_STR(str_from_c(a.play.asked), "p");
    leave(&a);
}
