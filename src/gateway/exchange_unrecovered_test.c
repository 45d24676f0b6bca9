// Of streams that nobody finishes, and of what is told of those that somebody did.
#include "gateway/exchange.h"

#include "support/golden.h"
#include "support/heard.h"

#include <stdlib.h>
#include <unistd.h>

#define SETTINGS(of_provider, of_model)                                                            \
    "providers:\n"                                                                                 \
    "  - {name: p, base_url: \"http://p/v1\", api_key: \"${KEY}\"" of_provider "}\n"               \
    "  - {name: q, base_url: \"http://q/v1\", api_key: \"${KEY}\"" of_provider "}\n"               \
    "models:\n"                                                                                    \
    "  - {name: m, targets: [{provider: p}], fallback: [{provider: q}],\n"                         \
    "     breaker: {trip_after: 0}, retry: {attempts: 1}" of_model "}\n"
#define TWO SETTINGS("", "")

#define CHAT "/v1/chat/completions"
#define ASK "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]"
#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
#define SAYS(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n"
#define DONE "data: [DONE]\n\n"
#define CUT HEAD SAYS("one ") SAYS("two ")
#define WHOLE HEAD SAYS("one t") SAYS("wo three") STOP DONE
#define ENDED(of, says)                                                                            \
    {                                                                                              \
        .host = (of), .text = (says), .end = FAKE_UPSTREAM_ENDS                                    \
    }

// Whatever is asked for and was said, the other one is not asked, and the client hears an error.
static void check_not_recovered(str yaml, str path, str body, const char *said)
{
    struct play p;

    PLAY(&p, yaml, ENDED("p", said), ENDED("q", said), ENDED("q", WHOLE));
    stage_post(&p.stage, path, body);
    str seen = stage_seen(&p.stage);
    CHECK_STR(str_from_c(p.asked), "p");
    play_check(seen, "HTTP/1.1 200 OK\r\n", "\"code\":\"upstream_cut\"");
    CHECK(!play_has(seen, STR("[DONE]")));
    CHECK(!play_has(seen, STR("\"stop\"")));
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.streams_cut), 1);
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.recovered), 0);
    play_done(&p);
}

TEST(exchange_unrecovered_is_what_the_settings_say)
{
    check_not_recovered(STR(SETTINGS("", ", recovery: error")), STR(CHAT), STR(ASK "}"), CUT);
}

TEST(exchange_unrecovered_is_what_text_can_not_stand_for)
{
    static const char *const said[] = {
        CUT "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\"}"
            "]}}]}\n\n",
        HEAD "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\""
             "}]}}]}\n\n",
        CUT "data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"no\"}}]}\n\n",
        CUT "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}}]}\n\n",
        CUT "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"logprobs\":{"
            "\"content\":[{\"token\":\"x\"}]}}]}\n\n",
        // Only thoughts: there is no text that another could be held against.
        HEAD "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n",
    };

    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        check_not_recovered(STR(TWO), STR(CHAT), STR(ASK "}"), said[i]);
    }
}

TEST(exchange_unrecovered_is_what_asks_for_more_than_one_text)
{
    check_not_recovered(STR(TWO), STR(CHAT), STR(ASK ",\"n\":2}"), CUT);
    check_not_recovered(STR(TWO), STR(CHAT), STR(ASK ",\"logprobs\":true}"), CUT);
}

TEST(exchange_unrecovered_are_the_other_dialects)
{
    check_not_recovered(STR(TWO), STR("/v1/completions"),
                        STR("{\"model\":\"m\",\"stream\":true,\"prompt\":\"q\"}"),
                        HEAD "data: {\"choices\":[{\"index\":0,\"text\":\"one\"}]}\n\n");
    check_not_recovered(STR(TWO), STR("/v1/responses"),
                        STR("{\"model\":\"m\",\"stream\":true,\"input\":\"q\"}"),
                        HEAD "event: response.output_text.delta\ndata: "
                             "{\"type\":\"response.output_text.delta\",\"sequence_number\":8,"
                             "\"delta\":\"one\"}\n\n");
}

// A stream of so many bytes of text, then its cut.
static void check_long(size_t pieces, bool is_recovered)
{
    static char event[4200];
    struct play p;
    int at = snprintf(event, sizeof(event),
                      "data: {\"choices\":[{\"index\":0,\"delta\":{"
                      "\"content\":\"");

    for (int i = 0; i < 4096; i++) {
        event[at + i] = 'x';
    }
    (void)snprintf(event + at + 4096, sizeof(event) - (size_t)at - 4096, "\"}}]}\n\n");
    PLAY(&p, STR(TWO), NO_ACT);
    stage_post(&p.stage, STR(CHAT), STR(ASK "}"));
    stage_upstream_says(&p.stage, STR(HEAD));
    for (size_t i = 0; i < pieces; i++) {
        stage_upstream_says(&p.stage, str_from_c(event));
    }
    fake_upstream_end(fake_upstream_conn(&p.stage.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&p.stage);
    CHECK_EQ(p.asked_count, is_recovered ? 2 : 1);
    CHECK_EQ(play_has(stage_seen(&p.stage), STR("\"code\":\"upstream_cut\"")), !is_recovered);
    play_done(&p);
}

TEST(exchange_unrecovered_is_a_text_that_is_longer_than_what_is_kept)
{
    check_long(EXCHANGE_TEXT_MAX / 4096, true);
    check_long(EXCHANGE_TEXT_MAX / 4096 + 1, false);
}

// --- Usage ---

TEST(exchange_unrecovered_or_not_a_usage_that_was_not_asked_for_is_hidden)
{
    struct play p;
    struct heard h;

    PLAY(&p, STR(SETTINGS(", usage: always", "")), ENDED("p", HEAD SAYS("one") STOP USAGE DONE));
    stage_post(&p.stage, STR(CHAT), STR(ASK "}"));
    heard_check_whole(&p, "p", STR("one"));
    CHECK(play_has(buf_view(&p.stage.upstream.request),
                   STR("\"stream_options\":{\"include_usage\":true}")));
    CHECK(heard_read(&p, &h));
    CHECK_EQ(h.usages, 0);
    heard_done(&h);
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.input_tokens), 3);
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.output_tokens), 5);
    play_done(&p);
    // Also of the one who finishes it; the cost of both counts.
    PLAY(&p, STR(SETTINGS(", usage: always", "")), ENDED("p", CUT),
         ENDED("q", HEAD SAYS("one two three") STOP USAGE DONE));
    stage_post(&p.stage, STR(CHAT), STR(ASK "}"));
    heard_check_whole(&p, "pq", STR("one two three"));
    CHECK(heard_read(&p, &h));
    CHECK_EQ(h.usages, 0);
    heard_done(&h);
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.output_tokens), 2 + 5);
    play_done(&p);
}

TEST(exchange_unrecovered_or_not_a_usage_that_was_asked_for_is_told)
{
    struct play p;
    struct heard h;

    for (int is_cut = 0; is_cut < 2; is_cut++) {
        PLAY(&p, STR(SETTINGS(", usage: always", "")),
             ENDED("p", is_cut ? CUT : HEAD SAYS("one two three") STOP USAGE DONE),
             ENDED("q", HEAD SAYS("one two three") STOP USAGE DONE));
        stage_post(&p.stage, STR(CHAT), STR(ASK ",\"stream_options\":{\"include_usage\":true}}"));
        heard_check_whole(&p, is_cut ? "pq" : "p", STR("one two three"));
        CHECK(heard_read(&p, &h));
        CHECK_EQ(h.usages, 1);
        heard_done(&h);
        play_done(&p);
    }
}

// --- The log ---

struct logged {
    struct play play;
    struct offload offload;
    struct log_writer log;
    char path[64];
    int fd;
};

static void logged_init(struct logged *l)
{
    (void)snprintf(l->path, sizeof(l->path), "/tmp/exchange_test.XXXXXX");
    l->fd = mkstemp(l->path);
    CHECK(l->fd >= 0);
    CHECK_EQ(offload_open(&l->offload, 1, 16), OK);
    CHECK_EQ(log_writer_open(&l->log, &l->play.stage.loop, &l->offload, str_from_c(l->path)), OK);
    stage_init_with(&l->play.stage, STR(TWO), &l->log, (struct memory_stream_options){.seed = 0});
    l->play.stage.upstream.requested = play_on_request;
}

static void logged_done(struct logged *l, struct buf *out)
{
    fake_client_leave(&l->play.stage.client, STREAM_CLOSE);
    stage_settle(&l->play.stage);
    log_writer_close(&l->log);
    offload_close(&l->offload);
    play_done(&l->play);
    golden_read(l->path, out);
    close(l->fd);
    unlink(l->path);
}

TEST(exchange_unrecovered_or_not_all_attempts_are_in_the_log)
{
    struct logged l = {.play = {.count = 2}};
    struct buf out;

    l.play.acts[0] = (struct act)ENDED("p", CUT);
    l.play.acts[1] = (struct act)ENDED("q", WHOLE);
    logged_init(&l);
    stage_post(&l.play.stage, STR(CHAT), STR(ASK "}"));
    heard_check_whole(&l.play, "pq", STR("one two three"));
    buf_init(&out, 1 << 16);
    logged_done(&l, &out);
    str line = buf_view(&out);
    CHECK(play_has(line,
                   STR("\"attempts\":[{\"provider\":\"p\",\"status\":200,\"failure\":\"cut\",")));
    CHECK(play_has(line, STR("{\"provider\":\"q\",\"status\":200,\"as\":\"replay\",")));
    CHECK(!play_has(line, STR("\"error\"")));
    buf_done(&out);
}

TEST(exchange_unrecovered_or_not_the_log_tells_no_error_of_an_answer_that_came_whole)
{
    struct logged l = {.play = {.count = 2}};
    struct buf out;

    l.play.acts[0] = (struct act)ACT("p", CUT); // and stalls
    l.play.acts[1] = (struct act)ENDED("q", WHOLE);
    logged_init(&l);
    stage_post(&l.play.stage, STR(CHAT), STR(ASK "}"));
    stage_wait(&l.play.stage, 30'000);
    heard_check_whole(&l.play, "pq", STR("one two three"));
    buf_init(&out, 1 << 16);
    logged_done(&l, &out);
    str line = buf_view(&out);
    CHECK(play_has(line, STR("\"failure\":\"stalled\"")));
    CHECK(!play_has(line, STR("\"error\"")));
    buf_done(&out);
}
