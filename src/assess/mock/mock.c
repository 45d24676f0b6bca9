#include "assess/mock/mock.h"

#include "assess/mock/mock_call.h"
#include "assess/mock/mock_openai.h"

enum { SCRATCH_MAX = 1024 * 1024 };

static const struct server_limits limits = {
    .head_bytes_max = 64 * 1024,
    .head_fields_max = SERVER_FIELDS_MAX,
    .conns_max = 65'536,
    .header_ms = 30'000,
    .idle_ms = 75'000,
    .body_ms = 60'000,
    .write_ms = 60'000,
};

static void on_call(struct server *s, struct server_call *call)
{
    mock_call_start(container_of(s, struct mock, server), call);
}

static str describe(struct server *s, unsigned status, const char *what, struct buf *out)
{
    struct mock_problem p = {
        .status = status, .type = STR("invalid_request_error"), .message = str_from_c(what)};

    (void)s;
    // A short text: it fits.
    (void)mock_openai.error(&p, out);
    return STR("application/json");
}

err mock_open(struct mock *m, struct loop *loop, const struct address *a,
              const struct mock_options *options)
{
    static const struct server_handler handler = {.call = on_call, .describe = describe};

    *m = (struct mock){.loop = loop, .options = *options};
    server_init(&m->server, loop, &limits, &handler);
    mock_log_init(&m->log, options->log_max);
    buf_init(&m->scratch, SCRATCH_MAX);
    TRY(mock_grpc_init(&m->grpc));
    return a ? server_listen(&m->server, a, false) : OK;
}

void mock_close(struct mock *m)
{
    server_close(&m->server);
    server_done(&m->server);
    mock_log_done(&m->log);
    buf_done(&m->scratch);
    mock_grpc_done(&m->grpc);
}
