#include "io/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void make_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

err signals_block(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    make_set(&set);
    if (sigaction(SIGPIPE, &ignore, NULL) < 0) return err_from_errno(errno);
    return err_from_errno(pthread_sigmask(SIG_BLOCK, &set, NULL));
}

static void take_signals(struct watch *w, uint32_t events)
{
    struct signals *s = container_of(w, struct signals, watch);
    struct signalfd_siginfo info;

    (void)events;
    while (s->loop && read(w->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        s->received(s, (int)info.ssi_signo);
    }
}

err signals_open(struct signals *s, struct loop *loop)
{
    sigset_t set;

    make_set(&set);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) return err_from_errno(errno);
    s->watch = (struct watch){.ready = take_signals, .fd = fd};
    err e = loop_watch(loop, &s->watch);
    if (e) {
        close(fd);
        return e;
    }
    s->loop = loop;
    return OK;
}

void signals_close(struct signals *s)
{
    if (!s->loop) return;
    loop_unwatch(s->loop, &s->watch);
    close(s->watch.fd);
    s->loop = NULL;
}
