// Design: the table has a fixed number of slots, each guarded by a sequence number that is odd
// while the slot changes, so that the handler, which may interrupt any thread anywhere, reads a
// slot without a lock: a slot that changes meanwhile is not that of a page being read, for a
// mapping is read only between open and close. The handler calls only what may be called there:
// loads and stores, fstat() and the bare mmap(), not those that sanitizers put around it.
//
// A fault behind the end of a file that was cut puts zeros in place of all that was cut off, one
// elsewhere in place of the 64 KiB around it. Each of the latter may split a mapping in three, of
// which a process may have some 65,000: after FAULTS_MAX of them all that follows becomes zeros.
#include "io/mapped_file.h"

#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if !defined(MADV_POPULATE_READ)
#define MADV_POPULATE_READ 22
#endif

enum { FAULT_BYTES = 64 * 1024, FAULTS_MAX = 1024 };

static const uint64_t no_fault = UINT64_MAX;

// Written by open and close of the one mapping that has it, but `fault` and `fault_count`.
struct slot {
    _Atomic unsigned sequence; // odd while the next four change
    _Atomic uintptr_t start;   // 0: of no mapping
    _Atomic uint64_t len;
    _Atomic int fd;
    _Atomic unsigned is_taken;
    _Atomic uint64_t fault; // the lowest offset of a page that could not be read
    _Atomic unsigned fault_count;
};

static struct slot slots[MAPPED_FILES_MAX];
// No slot from here on was ever taken.
static _Atomic unsigned slots_used;
static struct sigaction previous;
static uint64_t page_bytes; // at most FAULT_BYTES on any system

// What the handler has to know of a mapping.
struct place {
    uintptr_t start;
    uint64_t len;
    int fd;
};

static bool read_slot(struct slot *s, struct place *out)
{
    unsigned before = atomic_load(&s->sequence);

    if (before % 2) return false;
    *out = (struct place){atomic_load(&s->start), atomic_load(&s->len), atomic_load(&s->fd)};
    return out->start != 0 && atomic_load(&s->sequence) == before;
}

static void write_slot(struct slot *s, struct place place)
{
    atomic_fetch_add(&s->sequence, 1);
    atomic_store(&s->start, place.start);
    atomic_store(&s->len, place.len);
    atomic_store(&s->fd, place.fd);
    atomic_fetch_add(&s->sequence, 1);
}

static struct slot *slot_of(uintptr_t at, struct place *out)
{
    unsigned used = atomic_load(&slots_used);

    for (unsigned i = 0; i < used; i++) {
        if (read_slot(&slots[i], out) && at - out->start < out->len) return &slots[i];
    }
    return NULL;
}

static void note_fault(struct slot *s, uint64_t offset)
{
    uint64_t lowest = atomic_load(&s->fault);

    while (offset < lowest && !atomic_compare_exchange_weak(&s->fault, &lowest, offset)) {
    }
}

static uint64_t size_of(int fd, uint64_t otherwise)
{
    struct stat about;

    return fstat(fd, &about) == 0 && about.st_size >= 0 ? (uint64_t)about.st_size : otherwise;
}

static uint64_t page_down(uint64_t bytes)
{
    return bytes - bytes % page_bytes;
}

static uint64_t page_up(uint64_t bytes)
{
    return page_down(bytes + page_bytes - 1);
}

// Puts zeros in the place of what can't be read at `offset`. False where the system refuses.
static bool put_zeros(struct slot *s, const struct place *p, uint64_t offset)
{
    uint64_t size = page_up(size_of(p->fd, p->len));
    uint64_t from = offset / FAULT_BYTES * FAULT_BYTES;
    uint64_t to = from + FAULT_BYTES;

    note_fault(s, page_down(offset));
    if (offset >= size) {
        from = size;
        to = page_up(p->len);
    } else if (atomic_fetch_add(&s->fault_count, 1) >= FAULTS_MAX) {
        to = page_up(p->len);
    }
    if (to > page_up(p->len)) to = page_up(p->len);
    return syscall(SYS_mmap, p->start + from, to - from, PROT_READ,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                   0) == (long)(p->start + from);
}

static void pass_on(int number, siginfo_t *info, void *state)
{
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(number, info, state);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    } else if (info->si_code > 0 || previous.sa_handler == SIG_DFL) {
        // A fault comes again with the next instruction; what somebody sent is sent again.
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigaction(number, &standard, NULL);
        if (info->si_code <= 0) raise(number);
    }
}

static void on_fault(int number, siginfo_t *info, void *state)
{
    int saved = errno;
    uintptr_t at = (uintptr_t)info->si_addr;
    struct place place;
    // Not above zero: sent by a process, without an address.
    struct slot *s = info->si_code > 0 ? slot_of(at, &place) : NULL;

    if (!s || !put_zeros(s, &place, at - place.start)) pass_on(number, info, state);
    errno = saved;
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, NULL, &previous); // before a fault may ask for it
    sigaction(SIGBUS, &action, NULL);
}

static struct slot *take_slot(void)
{
    for (unsigned i = 0; i < MAPPED_FILES_MAX; i++) {
        unsigned used = atomic_load(&slots_used);
        if (atomic_exchange(&slots[i].is_taken, 1)) continue;
        while (used <= i && !atomic_compare_exchange_weak(&slots_used, &used, i + 1)) {
        }
        return &slots[i];
    }
    return NULL;
}

static err map(int fd, struct mapped_file *m)
{
    struct stat about;

    if (fstat(fd, &about) != 0) return err_from_errno(errno);
    if (!S_ISREG(about.st_mode)) return ERR_TYPE;
    if (about.st_size <= 0) return ERR_EOF;
    struct slot *s = take_slot();
    if (!s) return ERR_LIMIT;
    uint64_t len = (uint64_t)about.st_size;
    void *bytes = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        int number = errno;
        atomic_store(&s->is_taken, 0);
        return err_from_errno(number);
    }
    atomic_store(&s->fault, no_fault);
    atomic_store(&s->fault_count, 0);
    write_slot(s, (struct place){(uintptr_t)bytes, len, fd});
    *m = (struct mapped_file){.bytes = bytes, .len = len, .fd = fd, .slot = (unsigned)(s - slots)};
    return OK;
}

err mapped_file_open(struct mapped_file *m, str path)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char text[FILE_PATH_MAX];

    TRY(file_path_copy(path, text));
    pthread_once(&once, install);
    int fd = open(text, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // no pipe makes it wait
    if (fd < 0) return err_from_errno(errno);
    err e = map(fd, m);
    if (e) close(fd);
    return e;
}

void mapped_file_close(struct mapped_file *m)
{
    struct slot *s = &slots[m->slot];

    write_slot(s, (struct place){0, 0, -1});
    munmap((void *)(uintptr_t)m->bytes, m->len);
    close(m->fd);
    atomic_store(&s->is_taken, 0);
    *m = (struct mapped_file){.fd = -1};
}

// Whole pages around some bytes, within the file. False where there are none.
static bool pages_around(const struct mapped_file *m, uint64_t *offset, uint64_t *len)
{
    if (*offset >= m->len || *len == 0) return false;
    if (*len > m->len - *offset) *len = m->len - *offset;
    *len += *offset - page_down(*offset);
    *offset = page_down(*offset);
    return true;
}

static void *address(const struct mapped_file *m, uint64_t offset)
{
    return (void *)((uintptr_t)m->bytes + offset); // the system's calls take no const
}

void mapped_file_advise(const struct mapped_file *m, uint64_t offset, uint64_t len,
                        enum mapped_file_advice advice)
{
    static const int advices[] = {[MAPPED_FILE_NORMAL] = MADV_NORMAL,
                                  [MAPPED_FILE_RANDOM] = MADV_RANDOM,
                                  [MAPPED_FILE_SOON] = MADV_WILLNEED,
                                  [MAPPED_FILE_DONE] = MADV_DONTNEED};

    if (!pages_around(m, &offset, &len)) return;
    (void)madvise(address(m, offset), len, advices[advice]); // a hint that fails changes nothing
}

err mapped_file_populate(const struct mapped_file *m, uint64_t offset, uint64_t len)
{
    int result = 0;

    if (!pages_around(m, &offset, &len)) return OK;
    do {
        result = madvise(address(m, offset), len, MADV_POPULATE_READ);
    } while (result != 0 && (errno == EINTR || errno == EAGAIN));
    return result == 0 || errno == EINVAL ? OK : ERR_SYSTEM;
}

bool mapped_file_fault(const struct mapped_file *m, uint64_t *offset)
{
    uint64_t fault = atomic_load(&slots[m->slot].fault);

    if (fault == no_fault) return false;
    *offset = fault;
    return true;
}

uint64_t mapped_file_size(const struct mapped_file *m)
{
    return size_of(m->fd, 0);
}
