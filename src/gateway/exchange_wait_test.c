// Of the step WAIT, and of what a client bears until its answer begins.
#include "gateway/exchange.h"

#include "support/play.h"

#define PROVIDER                                                                                   \
    "providers:\n"                                                                                 \
    "  - {name: p, base_url: \"http://p/v1\", api_key: \"${KEY}\"}\n"                              \
    "models:\n"
#define ONE_PLACE                                                                                  \
    PROVIDER "  - {name: m, targets: [{provider: p}], concurrency: {min: 1, max: 1}}\n"
#define PLAIN PROVIDER "  - {name: m, targets: [{provider: p}], recovery: error}\n"

#define FINE                                                                                       \
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{\"a\":1}"
#define LIMITED                                                                                    \
    "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n"                         \
    "retry-after-ms: 3000\r\ncontent-length: 7\r\n\r\n{\"d\":4}"
#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
#define ROLE "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n"
#define HI "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"
#define THOUGHT "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define COMMENT ": keep-alive\n\n"
#define ASK "{\"model\":\"m\"}"
#define STREAMED "{\"model\":\"m\",\"stream\":true}"

// Two clients, of whom the second waits for the place of the first.
struct queue {
    struct play play;
    struct fake_client second;
    struct fake_upstream_conn *first_conn;
};

static void queue_init(struct queue *q, const char *fields)
{
    struct play *p = &q->play;

    PLAY(p, STR(ONE_PLACE), NO_ACT);
    play_ask(p, &p->stage.client, "", STR(STREAMED));
    q->first_conn = fake_upstream_conn(&p->stage.upstream);
    stage_connect(&p->stage, &q->second, (struct memory_stream_options){.seed = 0});
    play_ask(p, &q->second, fields, STR(ASK));
    CHECK_EQ(p->asked_count, 1);
    CHECK_EQ(buf_len(&q->second.seen), 0);
    CHECK_EQ(p->stage.gateway.exchange_pool.live_count, 2);
}

static void queue_done(struct queue *q)
{
    fake_client_done(&q->second);
    play_done(&q->play);
}

static void first_says(struct queue *q, const char *text)
{
    fake_upstream_say(q->first_conn, str_from_c(text));
    stage_settle(&q->play.stage);
}

TEST(exchange_wait_for_a_place_ends_with_the_first_token_of_another)
{
    struct queue q;

    queue_init(&q, "");
    stage_wait(&q.play.stage, 40);
    first_says(&q, HEAD ROLE);
    CHECK_EQ(q.play.asked_count, 1); // not a token yet
    q.play.acts[0] = (struct act)ACT("p", FINE);
    first_says(&q, HI);
    CHECK_EQ(q.play.asked_count, 2); // in the same instant
    CHECK_EQ(q.play.asked_at[1] - q.play.asked_at[0], 40);
    play_check(buf_view(&q.second.seen), "HTTP/1.1 200 OK\r\n",
               "\r\nserver-timing: queue;dur=40.000, upstream;dur=");
    CHECK(list_is_empty(&q.play.stage.gateway.waiting));
    queue_done(&q);
}

TEST(exchange_wait_for_a_place_ends_with_another_ones_end)
{
    struct queue q;

    queue_init(&q, "");
    stage_wait(&q.play.stage, 1234); // it looks itself now and then, in vain
    CHECK_EQ(q.play.asked_count, 1);
    q.play.acts[0] = (struct act)ACT("p", FINE);
    fake_client_leave(&q.play.stage.client, STREAM_CLOSE);
    stage_settle(&q.play.stage);
    play_check(buf_view(&q.second.seen), "HTTP/1.1 200 OK\r\n",
               "\r\nserver-timing: queue;dur=1234.000, upstream;dur=");
    queue_done(&q);
}

TEST(exchange_wait_for_a_place_ends_at_the_millisecond_of_the_deadline)
{
    struct queue q;

    queue_init(&q, "x-sluice-deadline-ms: 1000\r\n");
    stage_wait(&q.play.stage, 989);
    CHECK_EQ(buf_len(&q.second.seen), 0);
    stage_wait(&q.play.stage, 1);
    play_check(buf_view(&q.second.seen), "HTTP/1.1 504 ", "\"code\":\"upstream_timeout\"");
    CHECK_EQ(q.play.asked_count, 1);
    CHECK_EQ(q.second.end, OK); // the connection goes on
    CHECK(list_is_empty(&q.play.stage.gateway.waiting));
    // Whoever was before is not touched by it.
    first_says(&q, HEAD HI STOP DONE);
    CHECK(play_has(stage_seen(&q.play.stage), STR(DONE)));
    queue_done(&q);
}

TEST(exchange_wait_ends_when_the_answer_should_have_begun)
{
    struct queue q;

    queue_init(&q, "x-stainless-timeout: 2\r\n");
    stage_wait(&q.play.stage, 1989);
    CHECK_EQ(buf_len(&q.second.seen), 0);
    stage_wait(&q.play.stage, 1);
    play_check(buf_view(&q.second.seen), "HTTP/1.1 504 ", "\"code\":\"upstream_timeout\"");
    queue_done(&q);
}

TEST(exchange_wait_ends_with_its_client)
{
    struct queue q;
    struct play p;

    queue_init(&q, "");
    fake_client_leave(&q.second, STREAM_CLOSE);
    loop_turn(&q.play.stage.loop, 0);
    CHECK_EQ(q.play.stage.gateway.exchange_pool.live_count, 1);
    CHECK(list_is_empty(&q.play.stage.gateway.waiting));
    first_says(&q, HEAD HI); // wakes nobody
    stage_wait(&q.play.stage, 1000);
    CHECK_EQ(q.play.asked_count, 1);
    queue_done(&q);
    // The same while it waits for its time.
    PLAY(&p, STR(PLAIN), ACT("p", LIMITED));
    play_ask(&p, &p.stage.client, "", STR(ASK));
    stage_wait(&p.stage, 1000);
    CHECK_EQ(p.stage.gateway.exchange_pool.live_count, 1);
    fake_client_leave(&p.stage.client, STREAM_CLOSE);
    loop_turn(&p.stage.loop, 0);
    CHECK_EQ(p.stage.gateway.exchange_pool.live_count, 0);
    stage_wait(&p.stage, 5000);
    CHECK_EQ(p.asked_count, 1);
    CHECK_EQ(atomic_load(&p.stage.gateway.metrics.clients_gone), 1);
    play_done(&p);
}

TEST(exchange_wait_ends_with_the_gateway)
{
    struct queue q;
    struct play p;

    queue_init(&q, "");
    gateway_stop(&q.play.stage.gateway);
    stage_settle(&q.play.stage);
    play_check(buf_view(&q.second.seen), "HTTP/1.1 503 ", "\"code\":\"shutting_down\"");
    CHECK_EQ(q.play.asked_count, 1);
    CHECK_EQ(q.play.stage.upstream.open_count, 0);
    queue_done(&q);
    PLAY(&p, STR(PLAIN), ACT("p", LIMITED));
    play_ask(&p, &p.stage.client, "", STR(ASK));
    gateway_stop(&p.stage.gateway);
    stage_settle(&p.stage);
    play_check(stage_seen(&p.stage), "HTTP/1.1 503 ", "\"code\":\"shutting_down\"");
    stage_wait(&p.stage, 5000);
    CHECK_EQ(p.asked_count, 1);
    play_done(&p);
}

TEST(exchange_wait_lets_all_go_on_one_after_the_other)
{
    enum { COUNT = 40 };
    static struct fake_client clients[COUNT];
    struct play p;

    PLAY(&p, STR(ONE_PLACE), NO_ACT);
    p.stage.upstream.requested = NULL; // nobody is answered yet
    play_ask(&p, &p.stage.client, "", STR(ASK));
    for (size_t i = 0; i < COUNT; i++) {
        stage_connect(&p.stage, &clients[i], (struct memory_stream_options){.seed = 0});
        play_ask(&p, &clients[i], "", STR(ASK));
    }
    CHECK_EQ(p.stage.upstream.request_count, 1);
    p.stage.upstream.script = STR(FINE);
    stage_upstream_says(&p.stage, STR(FINE));
    stage_wait(&p.stage, 500);
    CHECK_EQ(p.stage.upstream.request_count, COUNT + 1);
    for (size_t i = 0; i < COUNT; i++) {
        play_check(buf_view(&clients[i].seen), "HTTP/1.1 200 OK\r\n", "{\"a\":1}");
        fake_client_done(&clients[i]);
    }
    play_done(&p);
}

// --- The beginning of a stream ---

static void stream_init(struct play *p, const char *fields)
{
    PLAY(p, STR(PLAIN), NO_ACT);
    play_ask(p, &p->stage.client, fields, STR(STREAMED));
    CHECK_EQ(p->asked_count, 1);
}

TEST(exchange_wait_for_a_token_commits_the_head_that_is_there_when_the_client_gives_up)
{
    struct play p;

    stream_init(&p, "x-stainless-timeout: 2\r\n");
    stage_upstream_says(&p.stage, STR(HEAD ROLE));
    stage_wait(&p.stage, 1989);
    CHECK_EQ(buf_len(&p.stage.client.seen), 0);
    stage_wait(&p.stage, 1);
    CHECK(str_starts(stage_seen(&p.stage), STR("HTTP/1.1 200 OK\r\n")));
    CHECK(play_has(stage_seen(&p.stage), STR(COMMENT)));
    CHECK(!play_has(stage_seen(&p.stage), STR(ROLE))); // that another one may still say
    stage_wait(&p.stage, 5000);                        // longer than it wanted to wait
    stage_upstream_says(&p.stage, STR(HI STOP DONE));
    fake_upstream_end(fake_upstream_conn(&p.stage.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&p.stage);
    CHECK(stage_is_whole(stage_seen(&p.stage)));
    CHECK_STR(stage_body(&p.stage), COMMENT ROLE HI STOP DONE);
    play_done(&p);
}

TEST(exchange_wait_for_a_head_ends_when_the_client_gives_up)
{
    struct play p;

    stream_init(&p, "x-stainless-timeout: 2\r\n");
    stage_wait(&p.stage, 1989);
    CHECK_EQ(p.stage.upstream.open_count, 1);
    stage_wait(&p.stage, 1);
    play_check(stage_seen(&p.stage), "HTTP/1.1 504 ", "\"code\":\"upstream_timeout\"");
    CHECK_EQ(p.stage.upstream.open_count, 0);
    play_done(&p);
}

TEST(exchange_wait_that_a_client_gave_up_says_nothing_of_the_upstream)
{
    static const char *const fields[] = {"x-sluice-deadline-ms: 2000\r\n",
                                         "x-stainless-timeout: 2\r\n",
                                         "x-stainless-read-timeout: 2\r\n"};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct play p;
        stream_init(&p, fields[i]);
        stage_wait(&p.stage, 1990);
        play_check(stage_seen(&p.stage), "HTTP/1.1 504 ", "\"code\":\"upstream_timeout\"");
        CHECK_EQ(cells_at(&p.stage.gateway.cells, 0)->failures, 0);
        play_done(&p);
    }
}

TEST(exchange_wait_for_a_token_ends_with_the_whole_deadline_in_the_dialect)
{
    struct play p;

    stream_init(&p, "x-sluice-deadline-ms: 1000\r\n");
    stage_upstream_says(&p.stage, STR(HEAD HI));
    stage_wait(&p.stage, 989);
    CHECK(!play_has(stage_seen(&p.stage), STR("error")));
    stage_wait(&p.stage, 1);
    CHECK(stage_is_whole(stage_seen(&p.stage)));
    str body = stage_body(&p.stage);
    CHECK(str_starts(body, STR(HI "data: {\"error\":")));
    CHECK(play_has(body, STR("\"code\":\"upstream_timeout\"")));
    CHECK(!play_has(body, STR("[DONE]")));
    play_done(&p);
}

TEST(exchange_wait_between_tokens_is_bounded_by_what_the_client_bears)
{
    struct play p;

    stream_init(&p, "x-stainless-read-timeout: 4\r\n");
    stage_wait(&p.stage, 1000);
    stage_upstream_says(&p.stage, STR(HEAD HI));
    // A comment comes in the middle of its patience.
    stage_wait(&p.stage, 1999);
    CHECK(!play_has(stage_seen(&p.stage), STR(COMMENT)));
    stage_wait(&p.stage, 1);
    CHECK(play_has(stage_seen(&p.stage), STR(COMMENT)));
    stage_wait(&p.stage, 1999);
    CHECK_EQ(p.stage.upstream.open_count, 1);
    stage_wait(&p.stage, 1);
    CHECK(stage_is_whole(stage_seen(&p.stage)));
    str body = stage_body(&p.stage);
    CHECK(str_starts(body, STR(HI COMMENT)));
    CHECK(play_has(body, STR("\"code\":\"upstream_timeout\"")));
    CHECK_EQ(p.stage.upstream.open_count, 0);
    play_done(&p);
}

TEST(exchange_wait_for_a_token_ends_with_a_thought)
{
    struct play p;

    stream_init(&p, "");
    stage_upstream_says(&p.stage, STR(HEAD ROLE));
    CHECK_EQ(buf_len(&p.stage.client.seen), 0);
    stage_upstream_says(&p.stage, STR(THOUGHT));
    CHECK(play_has(stage_seen(&p.stage), STR(ROLE THOUGHT)));
    stage_upstream_says(&p.stage, STR(HI STOP DONE));
    fake_upstream_end(fake_upstream_conn(&p.stage.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&p.stage);
    CHECK_STR(stage_body(&p.stage), ROLE THOUGHT HI STOP DONE);
    play_done(&p);
}

// A stream that fails before it has said anything leaves no trace of it.
TEST(exchange_wait_for_a_token_hides_the_beginning_of_a_stream_that_failed)
{
    struct play p;

    PLAY(&p, STR(PLAIN), {.host = "p", .text = HEAD ROLE, .end = FAKE_UPSTREAM_ENDS},
         {.host = "p", .text = HEAD ROLE HI STOP DONE, .end = FAKE_UPSTREAM_ENDS});
    play_ask(&p, &p.stage.client, "", STR(STREAMED));
    stage_wait(&p.stage, 300);
    CHECK_STR(str_from_c(p.asked), "pp");
    play_check(stage_seen(&p.stage), "HTTP/1.1 200 OK\r\n", "\r\nx-sluice-attempts: 2\r\n");
    CHECK_STR(stage_body(&p.stage), ROLE HI STOP DONE);
    play_done(&p);
}
