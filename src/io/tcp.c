// Design: a read that fills less than it could have clears `is_readable` without a second call, as
// the next bytes raise a new edge. After a hang-up no edge follows, so the flag then stays until
// the end has been read.
#include "io/tcp.h"

#include "base/memory.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { JOIN_BYTES = 4096 };

struct tcp {
    struct stream stream;
    struct watch watch;
};

static struct tcp *tcp_of(struct stream *s)
{
    return container_of(s, struct tcp, stream);
}

static err tcp_read(struct stream *s, void *bytes, size_t size, size_t *len)
{
    ssize_t got = 0;

    do {
        got = recv(tcp_of(s)->watch.fd, bytes, size, 0);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        if ((size_t)got < size && !s->is_hung_up) s->is_readable = false;
        *len = (size_t)got;
        return OK;
    }
    if (got == 0) return ERR_EOF;
    if (errno == EAGAIN) s->is_readable = false;
    return err_from_errno(errno);
}

// Gathers small writes in one place: copying them is cheaper than having the kernel read a list.
static bool join(const struct iovec *iov, int count, char *room, size_t *len)
{
    size_t total = 0;

    for (int i = 0; i < count; i++) {
        if (iov[i].iov_len > JOIN_BYTES - total) return false;
        if (iov[i].iov_len) memcpy(room + total, iov[i].iov_base, iov[i].iov_len);
        total += iov[i].iov_len;
    }
    *len = total;
    return true;
}

static ssize_t send_list(int fd, const struct iovec *iov, int count)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};

    return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static err tcp_write(struct stream *s, const struct iovec *iov, int count, size_t *len)
{
    int fd = tcp_of(s)->watch.fd;
    char joined[JOIN_BYTES];
    size_t size = 0;
    ssize_t sent = 0;
    bool is_joined = count > 1 && join(iov, count, joined, &size);

    do {
        if (is_joined) {
            sent = send(fd, joined, size, MSG_NOSIGNAL);
        } else if (count == 1) {
            sent = send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
        } else {
            sent = send_list(fd, iov, count);
        }
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        if (errno == EAGAIN) s->is_writable = false;
        return err_from_errno(errno);
    }
    *len = (size_t)sent;
    return OK;
}

static err tcp_peek(struct stream *s, unsigned char *byte)
{
    ssize_t got = 0;

    do {
        got = recv(tcp_of(s)->watch.fd, byte, 1, MSG_PEEK);
    } while (got < 0 && errno == EINTR);
    if (got > 0) return OK;
    if (got == 0) return ERR_EOF;
    if (errno == EAGAIN) s->is_readable = false;
    return err_from_errno(errno);
}

static void tcp_close(struct stream *s, enum stream_end how)
{
    struct tcp *t = tcp_of(s);

    if (how == STREAM_ABORT) {
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        // Without it the peer sees an orderly end, which is the one thing an abort must not be;
        // but there is nothing else to try.
        (void)setsockopt(t->watch.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    loop_unwatch(s->loop, &t->watch);
    close(t->watch.fd);
    memory_free(t);
}

static void tcp_finish(struct stream *s)
{
    // Fails only where the peer has gone, which the next read tells.
    (void)shutdown(tcp_of(s)->watch.fd, SHUT_WR);
}

static str tcp_protocol(struct stream *s)
{
    (void)s;
    return STR("");
}

static size_t tcp_unsent(struct stream *s)
{
    int count = 0;

    if (ioctl(tcp_of(s)->watch.fd, SIOCOUTQ, &count) || count < 0) return 0;
    return (size_t)count;
}

static void tcp_ready(struct watch *w, uint32_t events)
{
    struct tcp *t = container_of(w, struct tcp, watch);
    struct stream *s = &t->stream;

    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) s->is_hung_up = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) s->is_readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) s->is_writable = true;
    if (s->user) s->user->ready(s->user);
}

err tcp_open(struct loop *l, int fd, struct address peer, struct stream **out)
{
    static const struct stream_ops ops = {
        .read = tcp_read,
        .write = tcp_write,
        .finish = tcp_finish,
        .close = tcp_close,
        .protocol = tcp_protocol,
        .unsent = tcp_unsent,
        .peek = tcp_peek,
    };
    struct tcp *t = memory_new(struct tcp);

    // A new connection can be written to; whether it can be read the first read tells, so that
    // bytes which came with it cost no extra turn.
    t->stream = (struct stream){
        .ops = &ops, .loop = l, .peer = peer, .is_writable = true, .is_readable = true};
    t->watch = (struct watch){.ready = tcp_ready, .fd = fd};
    err e = loop_watch(l, &t->watch);
    if (e) {
        close(fd);
        memory_free(t);
        return e;
    }
    *out = &t->stream;
    return OK;
}
