#include "http/client.h"

#include "http/client_conn.h"

enum { SPARE_MAX = 256 };

void client_init(struct client *c, struct loop *loop, struct dialer *dialer,
                 const struct client_limits *limits)
{
    *c = (struct client){.loop = loop, .dialer = dialer, .limits = *limits};
    pool_init(&c->conn_pool, sizeof(struct client_conn), SPARE_MAX);
}

void client_done(struct client *c)
{
    pool_done(&c->conn_pool);
}

void client_origin_init(struct client_origin *o, struct client *c, const struct dial_target *target)
{
    *o = (struct client_origin){.client = c, .target = *target};
    list_init(&o->conns);
    list_init(&o->idle);
}

void client_origin_close(struct client_origin *o)
{
    struct link *next = NULL;

    for (struct link *l = o->conns.next; l != &o->conns; l = next) {
        struct client_conn *c = container_of(l, struct client_conn, link);
        struct client_call *call = c->call;
        next = l->next;
        c->call = NULL;
        client_conn_close(c);
        if (call) {
            call->conn = NULL;
            call->events->failed(call, ERR_CANCELED);
        }
    }
}

bool client_origin_is_closed(const struct client_origin *o)
{
    return list_is_empty(&o->conns);
}
