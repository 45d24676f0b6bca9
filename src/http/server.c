#include "http/server.h"

#include "http/h2_server_stream.h"
#include "http/server_conn.h"

enum { SPARE_MAX = 256 };

static void on_accepted(struct listener *l, struct stream *stream)
{
    struct server *s = container_of(l, struct server, listener);

    if (s->door.tls) {
        server_door_knock(s, stream);
    } else {
        server_accept(s, stream);
    }
}

size_t server_protocols(const str **out)
{
    static const str names[] = {STR_INIT("h2"), STR_INIT("http/1.1")};

    *out = names;
    return sizeof(names) / sizeof(*names);
}

void server_init(struct server *s, struct loop *loop, const struct server_limits *limits,
                 const struct server_handler *handler)
{
    *s = (struct server){.loop = loop, .limits = *limits, .handler = handler};
    list_init(&s->conns);
    list_init(&s->h2_conns);
    pool_init(&s->conn_pool, sizeof(struct server_conn), SPARE_MAX);
    pool_init(&s->call_pool, sizeof(struct server_call), SPARE_MAX);
    pool_init(&s->h2_conn_pool, sizeof(struct h2_server_conn), SPARE_MAX);
    pool_init(&s->h2_stream_pool, sizeof(struct h2_server_stream), SPARE_MAX);
    server_door_init(&s->door);
}

err server_listen(struct server *s, const struct address *a, bool is_shared)
{
    s->listener.accepted = on_accepted;
    return listener_open(&s->listener, s->loop, a, is_shared);
}

void server_set_tls(struct server *s, struct tls_server *tls, bool allows_plain)
{
    struct tls_server *old = s->door.tls;

    s->door.tls = tls ? tls_server_ref(tls) : NULL;
    s->door.allows_plain = allows_plain;
    tls_server_unref(old);
}

void server_accept(struct server *s, struct stream *stream)
{
    struct wire wire;

    s->counts.conns_opened++;
    s->counts.conns_open++;
    if (!str_eq(stream_protocol(stream), STR("h2"))) {
        server_conn_open(s, stream);
        return;
    }
    wire_init(&wire, stream);
    h2_server_conn_open(s, &wire);
}

void server_drain(struct server *s)
{
    struct link *next = NULL;

    s->is_draining = true;
    listener_close(&s->listener);
    server_door_clear(s);
    for (struct link *l = s->conns.next; l != &s->conns; l = next) {
        struct server_conn *c = container_of(l, struct server_conn, link);
        next = l->next;
        if (c->step == SERVER_CONN_IDLE) server_conn_close(c, STREAM_CLOSE, ERR_CANCELED);
    }
    for (struct link *l = s->h2_conns.next; l != &s->h2_conns; l = l->next) {
        h2_server_conn_drain(container_of(l, struct h2_server_conn, link));
    }
    if (s->counts.conns_open == 0 && s->handler->drained) s->handler->drained(s);
}

void server_forget_conn(struct server *s)
{
    s->counts.conns_open--;
    if (s->is_draining && s->counts.conns_open == 0 && s->handler->drained) s->handler->drained(s);
}

void server_close(struct server *s)
{
    listener_close(&s->listener);
    server_door_clear(s);
    while (!list_is_empty(&s->conns)) {
        struct server_conn *c = container_of(s->conns.next, struct server_conn, link);
        // An answer that has left in full must arrive; a part of one must not look like all.
        // A failure shows as what is left.
        if (c->wire.is_deferred) (void)wire_flush(&c->wire);
        bool is_cut = c->step == SERVER_CONN_CALL || wire_is_congested(&c->wire);
        server_conn_close(c, is_cut ? STREAM_ABORT : STREAM_CLOSE, ERR_CANCELED);
    }
    while (!list_is_empty(&s->h2_conns)) {
        h2_server_conn_stop(container_of(s->h2_conns.next, struct h2_server_conn, link));
    }
}

void server_done(struct server *s)
{
    pool_done(&s->conn_pool);
    pool_done(&s->call_pool);
    pool_done(&s->h2_conn_pool);
    pool_done(&s->h2_stream_pool);
    server_set_tls(s, NULL, false);
}
