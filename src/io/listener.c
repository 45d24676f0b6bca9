#include "io/listener.h"

#include "io/socket.h"
#include "io/tcp.h"

#include <errno.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 64, // so that a flood of connections does not starve the others
    REST_MS = 100,       // when out of descriptors
};

static void accept_some(struct listener *l);

static void listener_ready(struct watch *w, uint32_t events)
{
    (void)events;
    accept_some(container_of(w, struct listener, watch));
}

static void listener_again(struct task *t)
{
    accept_some(container_of(t, struct listener, again));
}

static void listener_rested(struct timer *t)
{
    accept_some(container_of(t, struct listener, rest));
}

// False when there is no more to accept for now.
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage kernel = {0};
    socklen_t len = sizeof(kernel);
    struct address peer;
    struct stream *s = NULL;
    int fd = accept4(l->watch.fd, (struct sockaddr *)&kernel, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EAGAIN) return false;
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) return true;
        l->refused_count++;
        loop_alarm(l->loop, &l->rest, REST_MS, listener_rested);
        return false;
    }
    socket_from_kernel(&kernel, &peer);
    if (tcp_open(l->loop, fd, peer, &s)) {
        l->refused_count++;
        return true;
    }
    l->accepted(l, s);
    return listener_is_open(l);
}

static void accept_some(struct listener *l)
{
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        if (!accept_one(l)) return;
    }
    loop_next_turn(l->loop, &l->again, listener_again);
}

err listener_open(struct listener *l, struct loop *loop, const struct address *a, bool is_shared)
{
    l->loop = loop;
    l->watch = (struct watch){.ready = listener_ready, .fd = -1};
    TRY(socket_listen(a, is_shared, &l->watch.fd));
    err e = socket_local_address(l->watch.fd, &l->address);
    if (!e) e = loop_watch(loop, &l->watch);
    if (e) {
        close(l->watch.fd);
        l->watch.fd = -1;
    }
    return e;
}

void listener_close(struct listener *l)
{
    if (!listener_is_open(l)) return;
    loop_alarm_stop(l->loop, &l->rest);
    loop_forget(&l->again);
    loop_unwatch(l->loop, &l->watch);
    close(l->watch.fd);
    l->watch.fd = -1;
}

bool listener_is_open(const struct listener *l)
{
    return l->loop && l->watch.fd >= 0;
}
