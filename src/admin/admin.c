#include "admin/admin.h"

#include "admin/cells_report.h"
#include "codec/json_write.h"
#include "http/server_call.h"
#include "io/clock.h"

#include <string.h>

enum { TEXT_MAX = 4 * 1024 * 1024, CELLS_BYTES_MAX = 64 * 1024 * 1024 };

static const struct server_limits limits = {
    .head_bytes_max = 16 * 1024,
    .head_fields_max = 64,
    .conns_max = 256,
    .header_ms = 5000,
    .idle_ms = 60'000,
    .body_ms = 5000,
    .write_ms = 10'000,
};

static void answer(struct server_call *call, unsigned status, str type, const struct buf *body)
{
    struct iovec iov = stream_piece(buf_view(body));
    struct server_answer a = {.status = status, .has_length = true, .length = iov.iov_len};

    a.fields = arena_format(
        &call->arena, "content-type: %" STR_FMT "\r\ncache-control: no-store\r\n", STR_ARG(type));
    server_call_respond(call, &a, &iov, 1, true);
}

static str status_word(const struct admin *a, bool is_health)
{
    if (is_health) return STR("ok");
    return a->is_ready ? STR("ready") : STR("not ready");
}

static void answer_status(struct admin *a, struct server_call *call, bool is_health)
{
    struct buf body;
    struct json_writer w;

    buf_init(&body, 2 * 6 * ADMIN_PROBLEM_MAX + 256); // where every byte is escaped
    json_write_init(&w, &body);
    json_write_object(&w);
    json_write_key(&w, STR("status"));
    json_write_str(&w, status_word(a, is_health));
    if (a->problem[0]) {
        json_write_key(&w, STR("config_refused"));
        json_write_str(&w, str_from_c(a->problem));
    }
    if (a->certificates_problem[0]) {
        json_write_key(&w, STR("certificates_refused"));
        json_write_str(&w, str_from_c(a->certificates_problem));
    }
    json_write_object_end(&w);
    answer(call, is_health || a->is_ready ? 200 : 503, STR("application/json"), &body);
    buf_done(&body);
}

static void answer_metrics(struct admin *a, struct server_call *call)
{
    struct buf body;

    buf_init(&body, TEXT_MAX);
    if (a->refresh) a->refresh(a);
    // The tables decide the size, far below the maximum.
    (void)metrics_write(a->workers, a->worker_count, &body);
    (void)cells_report_metrics(a->board, a->worker_count, &body);
    answer(call, 200, STR("text/plain; version=0.0.4; charset=utf-8"), &body);
    buf_done(&body);
}

static void answer_cells(struct admin *a, struct server_call *call)
{
    struct buf body;

    buf_init(&body, CELLS_BYTES_MAX);
    if (a->refresh) a->refresh(a);
    // As many as the board has room for fit.
    (void)cells_report_json(a->board, a->worker_count, clock_monotonic() / 1000, &body);
    answer(call, 200, STR("application/json"), &body);
    buf_done(&body);
}

static void answer_problem(struct server_call *call, unsigned status, str what)
{
    struct buf body;

    buf_init(&body, 256);
    // Both texts are short.
    (void)buf_append_format(&body, "{\"error\":\"%" STR_FMT "\"}", STR_ARG(what));
    answer(call, status, STR("application/json"), &body);
    buf_done(&body);
}

static void on_call(struct server *s, struct server_call *call)
{
    struct admin *a = container_of(s, struct admin, server);
    str path = call->head.target;
    str wanted = str_cut(&path, '?');

    if (!str_eq(call->head.method, STR("GET")) && !str_eq(call->head.method, STR("HEAD"))) {
        answer_problem(call, 405, STR("only GET and HEAD"));
    } else if (str_eq(wanted, STR("/healthz"))) {
        answer_status(a, call, true);
    } else if (str_eq(wanted, STR("/readyz"))) {
        answer_status(a, call, false);
    } else if (str_eq(wanted, STR("/metrics"))) {
        answer_metrics(a, call);
    } else if (str_eq(wanted, STR("/api/cells"))) {
        answer_cells(a, call);
    } else {
        answer_problem(call, 404, STR("try /healthz, /readyz, /metrics or /api/cells"));
    }
}

static str describe(struct server *s, unsigned status, const char *what, struct buf *out)
{
    (void)s;
    (void)status;
    // The server's own words are short.
    (void)buf_append_format(out, "{\"error\":\"%s\"}", what);
    return STR("application/json");
}

static const struct server_handler handler = {.call = on_call, .describe = describe};

err admin_open(struct admin *a, struct loop *loop, const struct address *address,
               const struct metrics *const *workers, size_t worker_count, struct route_board *board)
{
    *a = (struct admin){.workers = workers, .worker_count = worker_count, .board = board};
    server_init(&a->server, loop, &limits, &handler);
    return server_listen(&a->server, address, false);
}

void admin_close(struct admin *a)
{
    server_close(&a->server);
    server_done(&a->server);
}

static void keep(char room[ADMIN_PROBLEM_MAX], str problem)
{
    size_t len = problem.len < ADMIN_PROBLEM_MAX - 1 ? problem.len : ADMIN_PROBLEM_MAX - 1;

    if (len) memcpy(room, problem.ptr, len);
    room[len] = '\0';
}

void admin_set_problem(struct admin *a, str problem)
{
    keep(a->problem, problem);
}

void admin_set_certificates_problem(struct admin *a, str problem)
{
    keep(a->certificates_problem, problem);
}
