// Crosses threads: the log is written by one of a pool.
#include "gateway/access_log.h"

#include "support/golden.h"
#include "support/stage.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHAT "/v1/chat/completions"

struct logged {
    struct stage stage;
    struct offload offload;
    struct log_writer log;
    char path[64];
    int fd;
};

static void start(struct logged *l)
{
    (void)snprintf(l->path, sizeof(l->path), "/tmp/access_log_test.XXXXXX");
    l->fd = mkstemp(l->path);
    CHECK(l->fd >= 0);
    CHECK_EQ(offload_open(&l->offload, 1, 16), OK);
    // The writer is tied to the loop that the stage makes.
    CHECK_EQ(log_writer_open(&l->log, &l->stage.loop, &l->offload, str_from_c(l->path)), OK);
    stage_init_with(&l->stage, STR(STAGE_YAML), &l->log, (struct memory_stream_options){.seed = 0});
}

// Ends the stage and appends what was logged.
static void finish(struct logged *l, struct buf *out)
{
    fake_client_leave(&l->stage.client, STREAM_CLOSE);
    stage_settle(&l->stage);
    log_writer_close(&l->log);
    offload_close(&l->offload);
    stage_done(&l->stage);
    golden_read(l->path, out);
    close(l->fd);
    unlink(l->path);
}

static void check_has(str text, str part)
{
    if (str_find(text, part) == text.len)
        test_fail(__FILE__, __LINE__, "%" STR_FMT " lacks %" STR_FMT, STR_ARG(text), STR_ARG(part));
}

TEST(access_log_has_a_line_an_exchange)
{
    struct logged l;
    struct buf out;

    buf_init(&out, 1 << 20);
    start(&l);
    stage_post(&l.stage, STR(CHAT "?secret=query"), STR("{\"model\":\"m\",\"stream\":true}"));
    stage_wait(&l.stage, 1500);
    stage_upstream_says(&l.stage,
                        STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"));
    stage_wait(&l.stage, 500);
    stage_upstream_says(&l.stage,
                        STR("data: {\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}],"
                            "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n"
                            "data: {\"choices\":[],\"text\":\"content\"}\n\n"));
    fake_upstream_end(fake_upstream_conn(&l.stage.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&l.stage);
    str seen = stage_seen(&l.stage);
    CHECK(str_find(seen, STR("[DONE]")) < seen.len);
    finish(&l, &out);
    str line = buf_view(&out);
    CHECK(str_starts(line, STR("{\"time\":\"20")));
    check_has(line, STR("Z\",\"request_id\":\"req_"));
    check_has(line, STR("\"client\":\"0.0.0.0:0\",\"method\":\"POST\",\"path\":\"" CHAT
                        "\",\"route\":\"chat\",\"model\":\"m\",\"provider\":\"p\","
                        "\"upstream_model\":\"up-m\",\"upstream_status\":200,\"status\":200,"
                        "\"stream\":true,\"received_bytes\":27,\"sent_bytes\":"));
    check_has(line, STR(",\"duration_us\":2000000,\"first_byte_us\":2000000,\"own_us\":0,"
                        "\"input_tokens\":3,\"output_tokens\":5}\n"));
    CHECK_EQ(str_find_char(line, '\n'), line.len - 1); // one
    CHECK_EQ(str_find(line, STR("secret")), line.len);
    CHECK_EQ(str_find(line, STR("content\"")), line.len);
    CHECK(!json_check(str_sub(line, 0, line.len - 1), NULL));
    buf_done(&out);
}

TEST(access_log_says_how_an_exchange_failed)
{
    struct logged l;
    struct buf out;

    buf_init(&out, 1 << 20);
    start(&l);
    stage_post(&l.stage, STR(CHAT), STR("{\"model\":"));
    stage_post(&l.stage, STR(CHAT), STR("{\"model\":\"m\",\"stream\":true}"));
    stage_wait(&l.stage, 20'000);
    stage_post(&l.stage, STR(CHAT), STR("{\"model\":\"m\",\"stream\":true}"));
    stage_upstream_says(
        &l.stage, STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n"));
    stage_wait(&l.stage, 20'000);
    stage_post(&l.stage, STR(CHAT), STR("{\"model\":\"m\",\"stream\":true}"));
    stage_upstream_says(
        &l.stage, STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
                      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\"}}]}\n\n"));
    stage_wait(&l.stage, 10'000);
    stage_post(&l.stage, STR(CHAT), STR("{\"model\":\"m\"}"));
    stage_wait(&l.stage, 100'000);
    stage_post(&l.stage, STR(CHAT), STR("{\"model\":\"m\"}"));
    finish(&l, &out); // leaves before an answer
    static const str wanted[] = {
        STR_INIT("\"status\":400,\"stream\":false,\"received_bytes\":9,"),
        STR_INIT("\"error\":\"invalid_json\"}"),
        STR_INIT("\"status\":504,\"stream\":true,"),
        STR_INIT("\"error\":\"first_token_timeout\"}"),
        STR_INIT("\"status\":200,\"stream\":true,"),
        STR_INIT("\"error\":\"first_token_timeout\"}"),
        STR_INIT("\"status\":200,\"stream\":true,"),
        STR_INIT("\"error\":\"between_tokens_timeout\"}"),
        STR_INIT("\"status\":504,\"stream\":false,"),
        STR_INIT("\"error\":\"total_timeout\"}"),
        STR_INIT("\"status\":499,\"stream\":false,"),
        STR_INIT("\"error\":\"client_gone\"}"),
    };
    str rest = buf_view(&out);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        check_has(rest, wanted[i]);
        size_t at = str_find(rest, wanted[i]);
        rest = str_sub(rest, at + wanted[i].len, rest.len);
    }
    buf_done(&out);
}

TEST(access_log_keeps_secrets)
{
    struct logged l;
    struct buf out;

    buf_init(&out, 1 << 20);
    start(&l);
    fake_client_say(&l.stage.client,
                    STR("POST " CHAT "?key=query-secret HTTP/1.1\r\nHost: gw\r\n"
                        "Authorization: Bearer client-secret\r\nX-Api-Key: client-secret\r\n"
                        "Cookie: client-secret\r\nContent-Length: 33\r\n\r\n"
                        "{\"model\":\"m\",\"p\":\"prompt-secret\"}"));
    stage_settle(&l.stage);
    stage_upstream_says(
        &l.stage, STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                      "set-cookie: up-secret\r\ncontent-length: 15\r\n\r\n[\"text-secret\"]"));
    CHECK(str_find(stage_seen(&l.stage), STR("text-secret")) < stage_seen(&l.stage).len);
    finish(&l, &out);
    CHECK_EQ(str_find(buf_view(&out), STR("secret")), buf_len(&out));
    check_has(buf_view(&out), STR("\"status\":200"));
    buf_done(&out);
}

TEST(access_log_stays_json_whatever_a_client_sends)
{
    struct logged l;
    struct buf out;

    buf_init(&out, 1 << 20);
    start(&l);
    fake_client_say(&l.stage.client, STR("PO^T /v1/\"{}'?\" HTTP/1.1\r\nHost: gw\r\n"
                                         "X-Request-Id: x\"y\r\n\r\n"));
    stage_settle(&l.stage);
    stage_post(&l.stage, STR(CHAT), STR("{\"model\":\"\\u0000\\n\\\"\\ud800\"}"));
    finish(&l, &out);
    str rest = buf_view(&out);
    int lines = 0;
    while (rest.len) {
        CHECK_EQ(json_check(str_cut(&rest, '\n'), NULL), OK);
        lines++;
    }
    CHECK(lines >= 1);
    buf_done(&out);
}
