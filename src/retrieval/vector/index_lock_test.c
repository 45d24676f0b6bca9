#include "retrieval/vector/index_lock.h"

#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct desk {
    char folder[50];
    str path;
};

static void open_desk(struct desk *d)
{
    *d = (struct desk){.folder = "/tmp/index_lock_test.XXXXXX"};
    CHECK(mkdtemp(d->folder));
    d->path = str_from_c(d->folder);
}

static void close_desk(struct desk *d)
{
    char lock[100];

    snprintf(lock, sizeof(lock), "%s/LOCK", d->folder);
    unlink(lock);
    CHECK_EQ(rmdir(d->folder), 0);
}

static err take(struct desk *d, struct index_lock *l, enum index_lock_mode mode, pid_t *holder)
{
    *holder = -1;
    return index_lock_take(l, d->path, mode, holder);
}

TEST(index_lock_of_a_writer_excludes_all_and_of_readers_only_writers)
{
    struct desk d;
    struct index_lock writer;
    struct index_lock readers[2];
    pid_t holder = 0;

    open_desk(&d);
    CHECK_EQ(take(&d, &writer, INDEX_LOCK_WRITE, &holder), OK);
    CHECK_EQ(take(&d, &readers[0], INDEX_LOCK_WRITE, &holder), ERR_IN_USE);
    CHECK_EQ(holder, getpid()); // a second opening in one process is no exception
    CHECK_EQ(take(&d, &readers[0], INDEX_LOCK_READ, &holder), ERR_IN_USE);
    index_lock_release(&writer);
    CHECK_EQ(take(&d, &readers[0], INDEX_LOCK_READ, &holder), OK);
    CHECK_EQ(take(&d, &readers[1], INDEX_LOCK_READ, &holder), OK);
    index_lock_release(&readers[0]);
    CHECK_EQ(take(&d, &writer, INDEX_LOCK_WRITE, &holder), ERR_IN_USE);
    CHECK_EQ(holder, getpid());
    index_lock_release(&readers[1]);
    CHECK_EQ(take(&d, &writer, INDEX_LOCK_WRITE, &holder), OK);
    index_lock_release(&writer);
    close_desk(&d);
}

// Locks and tells so, then waits to be killed.
static void hold(struct desk *d, int told)
{
    struct index_lock l;
    pid_t holder = 0;

    if (index_lock_take(&l, d->path, INDEX_LOCK_READ, &holder) == OK && write(told, "x", 1) == 1) {
        pause();
    }
    _exit(1);
}

TEST(index_lock_names_another_process_and_goes_when_it_is_killed)
{
    struct desk d;
    struct index_lock l;
    pid_t holder = 0;
    int ends[2];
    char byte = 0;

    open_desk(&d);
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) hold(&d, ends[1]);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_EQ(take(&d, &l, INDEX_LOCK_WRITE, &holder), ERR_IN_USE);
    CHECK_EQ(holder, child);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    CHECK_EQ(take(&d, &l, INDEX_LOCK_WRITE, &holder), OK);
    index_lock_release(&l);
    close(ends[0]);
    close(ends[1]);
    close_desk(&d);
}

TEST(index_lock_needs_its_folder)
{
    struct index_lock l;
    pid_t holder = 0;

    CHECK_EQ(index_lock_take(&l, STR("/nowhere/at/all"), INDEX_LOCK_READ, &holder), ERR_ABSENT);
    CHECK_EQ(index_lock_take(&l, STR("/nowhere/at/all"), INDEX_LOCK_WRITE, &holder), ERR_ABSENT);
}
