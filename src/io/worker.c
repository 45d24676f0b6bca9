#include "io/worker.h"

#include <errno.h>
#include <sched.h>

unsigned worker_cpu_count(void)
{
    cpu_set_t set;

    // Machines of more than 1024 CPUs refuse so small a set; they get one worker a known CPU.
    if (sched_getaffinity(0, sizeof(set), &set) < 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? (unsigned)count : 1;
}

static err pin(int cpu)
{
    cpu_set_t set;

    if (cpu == WORKER_NOT_PINNED) return OK;
    if (cpu < 0 || cpu >= CPU_SETSIZE) return ERR_RANGE;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) ? ERR_RANGE : OK;
}

static err start_here(struct worker *w)
{
    TRY(pin(w->options.cpu));
    TRY(loop_init(&w->loop));
    err e = w->options.start(w);
    if (e) loop_done(&w->loop);
    return e;
}

static void *run_worker(void *worker)
{
    struct worker *w = worker;
    bool is_running = false;

    w->result = start_here(w);
    is_running = w->result == OK;
    sem_post(&w->has_started);
    if (!is_running) return NULL;
    loop_run(&w->loop);
    if (w->options.stop) w->options.stop(w);
    return NULL;
}

err worker_start(struct worker *w, const struct worker_options *options)
{
    w->options = *options;
    w->result = OK;
    w->is_running = w->is_joined = false;
    sem_init(&w->has_started, 0, 0);
    if (pthread_create(&w->thread, NULL, run_worker, w)) return ERR_LIMIT;
    if (options->name) (void)pthread_setname_np(w->thread, options->name);
    while (sem_wait(&w->has_started) < 0 && errno == EINTR) {
    }
    sem_destroy(&w->has_started);
    w->is_running = w->result == OK;
    if (!w->is_running) pthread_join(w->thread, NULL);
    return w->result;
}

void worker_stop(struct worker *w)
{
    if (w->is_running) loop_stop(&w->loop);
}

void worker_join(struct worker *w)
{
    if (!w->is_running) return;
    pthread_join(w->thread, NULL);
    w->is_running = false;
    w->is_joined = true;
}

void worker_done(struct worker *w)
{
    if (!w->is_joined) return;
    (void)loop_turn(&w->loop, 0);
    loop_done(&w->loop);
    w->is_joined = false;
}
