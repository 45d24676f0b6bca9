// Crosses threads: two threads read a file that is cut under them.
#include "io/mapped_file.h"

#include "base/memory.h"

#include "support/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MIB = 1024 * 1024 };

static _Thread_local sigjmp_buf way_out;
static _Thread_local bool is_expected;
static _Atomic unsigned seen_count;

// The handler that is there before the first file is opened.
static void on_signal(int number)
{
    atomic_fetch_add(&seen_count, 1);
    if (is_expected) siglongjmp(way_out, 1);
    signal(number, SIG_DFL);
}

[[gnu::constructor]] static void handle_signals(void)
{
    signal(SIGBUS, on_signal);
}

struct sample {
    int fd;
    char path[64];
};

// A file in memory of `len` bytes, none of which is 0, found by the name the system gives it.
static void sample_init(struct sample *s, size_t len)
{
    char *bytes = memory_alloc(len);

    memset(bytes, 'x', len);
    s->fd = memfd_create("sample", MFD_CLOEXEC);
    CHECK(s->fd >= 0);
    CHECK_EQ(write(s->fd, bytes, len), len);
    snprintf(s->path, sizeof s->path, "/proc/self/fd/%d", s->fd);
    memory_free(bytes);
}

static void sample_open(struct sample *s, size_t len, struct mapped_file *m)
{
    sample_init(s, len);
    CHECK_EQ(mapped_file_open(m, str_from_c(s->path)), OK);
    CHECK_EQ(m->len, len);
}

static void sample_done(struct sample *s, struct mapped_file *m)
{
    mapped_file_close(m);
    close(s->fd);
}

static size_t count_of(const struct mapped_file *m, uint8_t byte)
{
    size_t count = 0;

    for (uint64_t i = 0; i < m->len; i++) {
        count += m->bytes[i] == byte;
    }
    return count;
}

TEST(mapped_file_shows_the_bytes_of_a_file)
{
    struct sample s;
    struct mapped_file m;
    uint64_t fault = 0;

    sample_open(&s, 100'001, &m);
    CHECK_EQ(count_of(&m, 'x'), 100'001);
    CHECK(!mapped_file_fault(&m, &fault));
    CHECK_EQ(mapped_file_size(&m), 100'001);
    sample_done(&s, &m);
}

TEST(mapped_file_refuses_what_can_not_be_mapped)
{
    struct sample s;
    struct mapped_file m;

    CHECK_EQ(mapped_file_open(&m, STR("/nonexistent/file")), ERR_ABSENT);
    CHECK_EQ(mapped_file_open(&m, STR("/")), ERR_TYPE);
    CHECK_EQ(mapped_file_open(&m, STR("/dev/null")), ERR_TYPE);
    CHECK_EQ(mapped_file_open(&m, STR("")), ERR_RANGE);
    sample_init(&s, 1);
    CHECK_EQ(ftruncate(s.fd, 0), 0);
    CHECK_EQ(mapped_file_open(&m, str_from_c(s.path)), ERR_EOF);
    close(s.fd);
}

// The first read behind the cut puts zeros in the place of all that follows.
TEST(mapped_file_reads_zeros_where_the_file_was_cut)
{
    struct sample s;
    struct mapped_file m;
    uint64_t fault = 0;

    sample_open(&s, 3 * MIB + 5, &m);
    CHECK_EQ(ftruncate(s.fd, MIB + 3), 0);
    CHECK_EQ(mapped_file_size(&m), MIB + 3);
    CHECK_EQ(m.bytes[2 * MIB], 0);
    CHECK(mapped_file_fault(&m, &fault));
    CHECK_EQ(fault, 2 * MIB);
    CHECK_EQ(count_of(&m, 'x'), MIB + 3);
    CHECK_EQ(count_of(&m, 0), 2 * MIB + 2);
    sample_done(&s, &m);
}

// What the kernel sends where a disk can't read: there is no such disk here, but a process may send
// itself any signal.
static void fail_to_read(const struct mapped_file *m, uint64_t offset)
{
    siginfo_t info = {.si_signo = SIGBUS, .si_code = BUS_OBJERR};

    info.si_addr = (void *)((uintptr_t)m->bytes + offset);
    CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info), 0);
}

TEST(mapped_file_reads_zeros_around_what_the_disk_can_not_read)
{
    struct sample s;
    struct mapped_file m;
    uint64_t fault = 0;

    sample_open(&s, MIB - 10, &m);
    fail_to_read(&m, MIB - 20);
    fail_to_read(&m, 3 * 64 * 1024 + 5000);
    CHECK(mapped_file_fault(&m, &fault));
    CHECK_EQ(fault, 3 * 64 * 1024 + 4096);
    CHECK_EQ(count_of(&m, 0), 2 * 64 * 1024 - 10);
    sample_done(&s, &m);
}

TEST(mapped_file_gives_up_a_file_with_too_many_pages_that_can_not_be_read)
{
    struct sample s;
    struct mapped_file m;

    sample_open(&s, MIB, &m);
    for (unsigned i = 0; i < 1024; i++) {
        fail_to_read(&m, 0);
    }
    CHECK_EQ(count_of(&m, 'x'), MIB - 64 * 1024);
    fail_to_read(&m, 128 * 1024);
    CHECK_EQ(count_of(&m, 'x'), 64 * 1024);
    sample_done(&s, &m);
}

TEST(mapped_file_forgets_a_fault_with_the_file)
{
    struct sample s;
    struct mapped_file m;
    uint64_t fault = 0;

    sample_open(&s, MIB, &m);
    CHECK_EQ(ftruncate(s.fd, 0), 0);
    CHECK_EQ(m.bytes[0], 0);
    CHECK(mapped_file_fault(&m, &fault));
    sample_done(&s, &m);
    sample_open(&s, MIB, &m);
    CHECK(!mapped_file_fault(&m, &fault));
    CHECK_EQ(count_of(&m, 'x'), MIB);
    sample_done(&s, &m);
}

struct reader {
    pthread_t thread;
    const struct mapped_file *file;
    _Atomic bool *is_cut;
    size_t zeros;
};

static void *read_on(void *arg)
{
    struct reader *r = arg;
    bool is_last = false;

    do {
        is_last = atomic_load(r->is_cut);
        r->zeros = count_of(r->file, 0);
    } while (!is_last);
    return NULL;
}

TEST(mapped_file_is_cut_while_two_threads_read_it)
{
    struct sample s;
    struct mapped_file m;
    struct reader readers[2];
    _Atomic bool is_cut = false;
    uint64_t fault = 0;

    sample_open(&s, MIB, &m);
    for (unsigned i = 0; i < 2; i++) {
        readers[i] = (struct reader){.file = &m, .is_cut = &is_cut};
        CHECK_EQ(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    usleep(10'000);
    CHECK_EQ(ftruncate(s.fd, 4096), 0);
    atomic_store(&is_cut, true);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(readers[i].thread, NULL);
        CHECK_EQ(readers[i].zeros, MIB - 4096);
    }
    CHECK(mapped_file_fault(&m, &fault));
    CHECK(fault >= 4096);
    sample_done(&s, &m);
}

// Reads a page that is not there, of a mapping that is none of ours. Whether a signal came.
static bool read_beyond(void)
{
    struct sample s;
    volatile bool has_come = false;

    sample_init(&s, 8192);
    char *bytes = mmap(NULL, 8192, PROT_READ, MAP_SHARED, s.fd, 0);
    CHECK(bytes != MAP_FAILED);
    CHECK_EQ(ftruncate(s.fd, 0), 0);
    is_expected = true;
    if (sigsetjmp(way_out, 1)) {
        has_come = true;
    } else {
        CHECK_EQ(*(volatile char *)(bytes + 4096), 0);
    }
    is_expected = false;
    munmap(bytes, 8192);
    close(s.fd);
    return has_come;
}

TEST(mapped_file_leaves_other_faults_to_the_handler_that_was_there)
{
    struct sample s;
    struct mapped_file m;
    unsigned before = atomic_load(&seen_count);

    sample_open(&s, MIB, &m);
    CHECK(read_beyond());
    CHECK_EQ(atomic_load(&seen_count), before + 1);
    CHECK_EQ(count_of(&m, 'x'), MIB);
    sample_done(&s, &m);
    CHECK(read_beyond());
    CHECK_EQ(atomic_load(&seen_count), before + 2);
}

TEST(mapped_file_leaves_signals_that_were_sent_to_the_handler_that_was_there)
{
    struct sample s;
    struct mapped_file m;
    unsigned before = atomic_load(&seen_count);

    sample_open(&s, 1, &m);
    if (sigsetjmp(way_out, 1) == 0) {
        is_expected = true;
        raise(SIGBUS);
    }
    is_expected = false;
    CHECK_EQ(atomic_load(&seen_count), before + 1);
    sample_done(&s, &m);
}

TEST(mapped_file_populates_what_is_there_and_says_what_is_not)
{
    struct sample s;
    struct mapped_file m;
    uint64_t fault = 0;

    sample_open(&s, 3 * MIB, &m);
    CHECK_EQ(mapped_file_populate(&m, 5, 2 * MIB), OK);
    CHECK_EQ(mapped_file_populate(&m, 3 * MIB - 1, UINT64_MAX), OK);
    CHECK_EQ(mapped_file_populate(&m, UINT64_MAX, 1), OK);
    CHECK_EQ(ftruncate(s.fd, MIB), 0);
    CHECK_EQ(mapped_file_populate(&m, 0, MIB), OK);
    CHECK_EQ(mapped_file_populate(&m, 0, MIB + 1), ERR_SYSTEM);
    CHECK(!mapped_file_fault(&m, &fault));
    sample_done(&s, &m);
}

TEST(mapped_file_takes_any_advice)
{
    struct sample s;
    struct mapped_file m;

    sample_open(&s, MIB, &m);
    for (enum mapped_file_advice a = MAPPED_FILE_NORMAL; a <= MAPPED_FILE_DONE; a++) {
        mapped_file_advise(&m, 4097, UINT64_MAX, a);
        mapped_file_advise(&m, MIB, 1, a);
    }
    CHECK_EQ(count_of(&m, 'x'), MIB);
    sample_done(&s, &m);
}

TEST(mapped_file_opens_only_so_many)
{
    struct mapped_file *all = memory_alloc((MAPPED_FILES_MAX + 1) * sizeof *all);
    struct sample s;
    unsigned count = 0;
    err e = OK;

    sample_init(&s, 1);
    while ((e = mapped_file_open(&all[count], str_from_c(s.path))) == OK) {
        count++;
        CHECK(count <= MAPPED_FILES_MAX);
    }
    CHECK_EQ(e, ERR_LIMIT); // of mappings, or of the process's files
    mapped_file_close(&all[--count]);
    CHECK_EQ(mapped_file_open(&all[count], str_from_c(s.path)), OK);
    for (count++; count > 0; count--) {
        mapped_file_close(&all[count - 1]);
    }
    close(s.fd);
    memory_free(all);
}
