#include "http/client.h"

#include "http/h2_client_stream.h"

enum { SPARE_MAX = 256 };

void client_init(struct client *c, struct loop *loop, struct dialer *dialer,
                 const struct client_limits *limits)
{
    *c = (struct client){.loop = loop, .dialer = dialer, .limits = *limits};
    pool_init(&c->conn_pool, sizeof(struct client_conn), SPARE_MAX);
    pool_init(&c->stream_pool, sizeof(struct h2_client_stream), SPARE_MAX);
}

void client_done(struct client *c)
{
    pool_done(&c->conn_pool);
    pool_done(&c->stream_pool);
}

void client_origin_init(struct client_origin *o, struct client *c, const struct dial_target *target)
{
    *o = (struct client_origin){.client = c, .target = *target};
    list_init(&o->conns);
    list_init(&o->idle);
    list_init(&o->shared);
}

void client_origin_close(struct client_origin *o)
{
    struct link *next = NULL;

    for (struct link *l = o->conns.next; l != &o->conns; l = next) {
        struct client_conn *c = container_of(l, struct client_conn, link);
        next = l->next;
        client_conn_abandon(c);
    }
}

bool client_origin_is_closed(const struct client_origin *o)
{
    return list_is_empty(&o->conns);
}
