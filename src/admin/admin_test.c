#include "admin/admin.h"

#include "io/socket.h"

#include "support/fake_client.h"
#include "support/test.h"

#include <string.h>

// The admin on a real loop, for its listener; its clients come through memory.
struct bench {
    struct loop loop;
    struct admin admin;
    struct metrics metrics[2];
    const struct metrics *workers[2];
    struct route_board *board;
    struct fake_client client;
};

static void bench_init(struct bench *b)
{
    struct address any;

    *b = (struct bench){.loop = {.now = 0}};
    CHECK_EQ(loop_init(&b->loop), OK);
    CHECK_EQ(socket_parse_address(STR("127.0.0.1:0"), &any), OK);
    b->workers[0] = &b->metrics[0];
    b->workers[1] = &b->metrics[1];
    b->board = route_board_new(16, 2);
    CHECK_EQ(admin_open(&b->admin, &b->loop, &any, b->workers, 2, b->board), OK);
    server_accept(&b->admin.server, fake_client_connect(&b->client, &b->loop,
                                                        (struct memory_stream_options){.seed = 0}));
}

static void bench_done(struct bench *b)
{
    fake_client_done(&b->client);
    loop_turn(&b->loop, 0);
    admin_close(&b->admin);
    loop_turn(&b->loop, 0);
    route_board_free(b->board);
    loop_done(&b->loop);
}

static str ask(struct bench *b, str request)
{
    buf_clear(&b->client.seen);
    fake_client_say(&b->client, request);
    for (int i = 0; i < 10; i++) {
        loop_turn(&b->loop, 0);
    }
    return buf_view(&b->client.seen);
}

static bool has(str text, str part)
{
    return str_find(text, part) < text.len;
}

#define GET(path) STR("GET " path " HTTP/1.1\r\nHost: admin\r\n\r\n")

TEST(admin_is_healthy_while_it_answers)
{
    struct bench b;

    bench_init(&b);
    CHECK_SAME(ask(&b, GET("/healthz")),
               STR("HTTP/1.1 200 OK\r\ncontent-length: 15\r\ncontent-type: application/json\r\n"
                   "cache-control: no-store\r\n\r\n{\"status\":\"ok\"}"));
    CHECK(str_starts(ask(&b, GET("/healthz?verbose=1")), STR("HTTP/1.1 200 ")));
    bench_done(&b);
}

TEST(admin_is_ready_when_it_was_told_so)
{
    struct bench b;

    bench_init(&b);
    str seen = ask(&b, GET("/readyz"));
    CHECK(str_starts(seen, STR("HTTP/1.1 503 ")));
    CHECK(str_ends(seen, STR("\r\n\r\n{\"status\":\"not ready\"}")));
    b.admin.is_ready = true;
    seen = ask(&b, GET("/readyz"));
    CHECK(str_starts(seen, STR("HTTP/1.1 200 ")));
    CHECK(str_ends(seen, STR("\r\n\r\n{\"status\":\"ready\"}")));
    bench_done(&b);
}

TEST(admin_says_why_a_configuration_was_refused_and_forgets_it)
{
    struct bench b;
    static char text[2 * ADMIN_PROBLEM_MAX];

    bench_init(&b);
    b.admin.is_ready = true;
    admin_set_problem(&b.admin, STR("f:1:2: \"x\" is\nunknown"));
    str seen = ask(&b, GET("/readyz"));
    CHECK(str_starts(seen, STR("HTTP/1.1 200 "))); // the last good one rules
    CHECK(str_ends(seen, STR("{\"status\":\"ready\",\"config_refused\":\"f:1:2: \\\"x\\\" "
                             "is\\nunknown\"}")));
    memset(text, '"', sizeof(text)); // longest when escaped
    admin_set_problem(&b.admin, (str){text, sizeof(text)});
    seen = ask(&b, GET("/readyz"));
    CHECK(str_ends(seen, STR("\\\"\"}")));
    admin_set_problem(&b.admin, STR(""));
    CHECK(str_ends(ask(&b, GET("/readyz")), STR("\r\n\r\n{\"status\":\"ready\"}")));
    bench_done(&b);
}

TEST(admin_says_why_certificates_were_refused_and_forgets_it)
{
    struct bench b;

    bench_init(&b);
    b.admin.is_ready = true;
    admin_set_certificates_problem(&b.admin, STR("f:1:2: can't use x"));
    str seen = ask(&b, GET("/readyz"));
    CHECK(str_starts(seen, STR("HTTP/1.1 200 ")));
    CHECK(str_ends(seen,
                   STR("{\"status\":\"ready\",\"certificates_refused\":\"f:1:2: can't use x\"}")));
    admin_set_certificates_problem(&b.admin, STR(""));
    CHECK(str_ends(ask(&b, GET("/readyz")), STR("\r\n\r\n{\"status\":\"ready\"}")));
    bench_done(&b);
}

TEST(admin_shows_a_problem_of_control_bytes_in_full)
{
    struct bench b;
    static char text[ADMIN_PROBLEM_MAX];

    bench_init(&b);
    b.admin.is_ready = true;
    memset(text, 1, sizeof(text)); // six bytes each
    admin_set_problem(&b.admin, (str){text, sizeof(text)});
    CHECK(str_ends(ask(&b, GET("/readyz")), STR("\\u0001\"}")));
    admin_set_certificates_problem(&b.admin, (str){text, sizeof(text)});
    CHECK(str_ends(ask(&b, GET("/readyz")), STR("\\u0001\"}")));
    bench_done(&b);
}

static int refreshes;

static void on_refresh(struct admin *a)
{
    (void)a;
    refreshes++;
}

TEST(admin_sums_the_counters_of_all_workers)
{
    struct bench b;

    bench_init(&b);
    refreshes = 0;
    b.admin.refresh = on_refresh;
    metrics_add(&b.metrics[0].requests_chat, 2);
    metrics_add(&b.metrics[1].requests_chat, 3);
    metrics_set(&b.metrics[1].connections_open, 4);
    metrics_observe(&b.metrics[0].duration, 3);
    str seen = ask(&b, GET("/metrics"));
    CHECK(str_starts(seen, STR("HTTP/1.1 200 OK\r\n")));
    CHECK(has(seen, STR("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n")));
    CHECK(has(seen, STR("\nsluice_requests_total{route=\"chat\"} 5\n")));
    CHECK(has(seen, STR("\n# TYPE sluice_connections_open gauge\nsluice_connections_open 4\n")));
    CHECK(has(seen, STR("\nsluice_request_duration_seconds_bucket{le=\"0.000002\"} 0\n"
                        "sluice_request_duration_seconds_bucket{le=\"0.000004\"} 1\n")));
    CHECK(has(seen, STR("\nsluice_request_duration_seconds_count 1\n")));
    CHECK_EQ(refreshes, 1);
    // Each name is described once.
    str rest = seen;
    int helps = 0;
    while (rest.len) {
        helps += str_starts(str_cut(&rest, '\n'), STR("# HELP sluice_requests_total "));
    }
    CHECK_EQ(helps, 1);
    bench_done(&b);
}

TEST(admin_answers_head_without_a_body)
{
    struct bench b;

    bench_init(&b);
    str seen = ask(&b, STR("HEAD /healthz HTTP/1.1\r\nHost: admin\r\n\r\n"));
    CHECK(str_starts(seen, STR("HTTP/1.1 200 OK\r\ncontent-length: 15\r\n")));
    CHECK(str_ends(seen, STR("\r\n\r\n")));
    bench_done(&b);
}

TEST(admin_refuses_other_paths_methods_and_malformed_heads)
{
    struct bench b;

    bench_init(&b);
    str seen = ask(&b, GET("/"));
    CHECK(str_starts(seen, STR("HTTP/1.1 404 ")));
    CHECK(str_ends(seen, STR("{\"error\":\"try /healthz, /readyz, /metrics or /api/cells\"}")));
    CHECK(str_starts(ask(&b, GET("/healthz/")), STR("HTTP/1.1 404 ")));
    seen = ask(&b, STR("POST /healthz HTTP/1.1\r\nHost: admin\r\nContent-Length: 0\r\n\r\n"));
    CHECK(str_starts(seen, STR("HTTP/1.1 405 ")));
    seen = ask(&b, STR("GET /healthz HTTP/1.1\r\n\r\n"));
    CHECK(str_starts(seen, STR("HTTP/1.1 400 ")));
    CHECK(str_ends(seen, STR("{\"error\":\"malformed request head\"}")));
    CHECK_EQ(b.client.end, ERR_EOF);
    bench_done(&b);
}

TEST(admin_can_not_open_where_another_listens)
{
    struct bench b;
    struct admin other;

    bench_init(&b);
    CHECK_EQ(admin_open(&other, &b.loop, &b.admin.server.listener.address, b.workers, 2, b.board),
             ERR_IN_USE);
    admin_close(&other);
    bench_done(&b);
}
