#include "assess/mock/mock_admin.h"

#include "assess/mock/mock_member.h"

enum { PRINT_MAX = 256 * 1024 * 1024 };

static void respond(struct server_call *call, unsigned status, str body)
{
    struct server_answer head = {.status = status,
                                 .fields = STR("content-type: application/json\r\n"),
                                 .has_length = true,
                                 .length = body.len};
    struct iovec piece = stream_piece(body);

    server_call_respond(call, &head, &piece, body.len ? 1 : 0, true);
}

static err print_stats(const struct mock *m, struct buf *out)
{
    const struct server_counts *c = &m->server.counts;
    const struct mock_log *l = &m->log;
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_u64(&w, STR("connections_accepted"), c->conns_opened);
    mock_member_u64(&w, STR("connections_open"), c->conns_open);
    mock_member_u64(&w, STR("heads_rejected"), c->heads_rejected);
    mock_member_u64(&w, STR("requests"), l->requests);
    mock_member_u64(&w, STR("in_flight"), l->open);
    mock_member_u64(&w, STR("completed"), l->by_end[MOCK_ENDED_COMPLETE]);
    mock_member_u64(&w, STR("faults"), l->by_end[MOCK_ENDED_FAULT]);
    mock_member_u64(&w, STR("client_closed"), l->by_end[MOCK_ENDED_CLIENT_CLOSED]);
    mock_member_u64(&w, STR("logged"), l->count);
    mock_member_u64(&w, STR("prompt_tokens"), l->prompt_tokens);
    mock_member_u64(&w, STR("completion_tokens"), l->completion_tokens);
    mock_member_u64(&w, STR("usage_reported"), l->usages);
    json_write_object_end(&w);
    return w.error;
}

static err print_log(const struct mock *m, const struct uri *target, struct buf *out)
{
    uint64_t last = UINT64_MAX;
    str value = STR("");

    if (target->has_query && uri_query_find(target->query, STR("last"), &value) &&
        !str_to_u64(value, UINT64_MAX, &last))
        return ERR_SYNTAX;
    return mock_log_print(&m->log, last, out);
}

bool mock_admin_answer(struct mock *m, struct server_call *call, const struct uri *target)
{
    bool is_get = str_eq(call->head.method, STR("GET"));
    bool is_log = str_eq(target->path, STR("/mock/log"));
    bool is_stats = str_eq(target->path, STR("/mock/stats"));
    struct buf out;
    err e = OK;

    if (!is_log && !is_stats) return false;
    buf_init(&out, PRINT_MAX);
    if (is_log && is_get) {
        e = print_log(m, target, &out);
    } else if (is_log && str_eq(call->head.method, STR("DELETE"))) {
        mock_log_clear(&m->log);
        e = buf_append(&out, STR("{\"deleted\":true}"));
    } else if (is_stats && is_get) {
        e = print_stats(m, &out);
    } else {
        e = ERR_UNSUPPORTED;
    }
    if (e == ERR_LIMIT) {
        respond(call, 413, STR("{\"error\":\"too much for one answer; ask with ?last=N\"}"));
    } else if (e) {
        respond(call, e == ERR_SYNTAX ? 400 : 405,
                e == ERR_SYNTAX ? STR("{\"error\":\"last is a number\"}")
                                : STR("{\"error\":\"GET, or DELETE of the log\"}"));
    } else {
        respond(call, 200, buf_view(&out));
    }
    buf_done(&out);
    return true;
}
