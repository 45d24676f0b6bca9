// Design: a signal that is sent to the process goes to any thread that lets it through, and threads
// that a library started before main() do. So there is a handler after all, which runs in such
// threads alone and sends it on to the one that reads; there it is blocked, and waits to be read.
#include "io/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static pthread_t signals_reader;

static void make_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

static void send_on(int number)
{
    int saved = errno;

    (void)pthread_kill(signals_reader, number);
    errno = saved;
}

err signals_block(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction on = {.sa_handler = send_on, .sa_flags = SA_RESTART};
    sigset_t set;

    make_set(&set);
    TRY(err_from_errno(pthread_sigmask(SIG_BLOCK, &set, NULL)));
    signals_reader = pthread_self();
    if (sigaction(SIGPIPE, &ignore, NULL) < 0) return err_from_errno(errno);
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(&set, number) != 1) continue;
        if (sigaction(number, &on, NULL) < 0) return err_from_errno(errno);
    }
    return OK;
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
