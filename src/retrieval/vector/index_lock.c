#include "retrieval/vector/index_lock.h"

#include "io/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_RIGHTS = 0640, LOCKS_BYTES_MAX = 1024 * 1024 };

// The fields of a line of /proc/locks, "1: FLOCK ADVISORY WRITE 1234 fd:01:5678 0 EOF".
enum { FIELD_KIND = 1, FIELD_PID = 4, FIELD_FILE = 5, FIELDS = 6 };

// True where the line is of a lock on the inode. The device is left out: some file systems show
// another one here than to stat().
static bool is_holder(str line, uint64_t inode, uint64_t *pid)
{
    str fields[FIELDS];
    uint64_t number = 0;

    for (int i = 0; i < FIELDS; i++) {
        line = str_trim(line);
        fields[i] = str_cut(&line, ' ');
    }
    str file = fields[FIELD_FILE];
    (void)str_cut(&file, ':'); // major
    (void)str_cut(&file, ':'); // minor
    return str_eq(fields[FIELD_KIND], STR("FLOCK")) && str_to_u64(file, UINT64_MAX, &number) &&
           number == inode && str_to_u64(fields[FIELD_PID], INT32_MAX, pid);
}

static pid_t holder_of(int fd)
{
    struct stat about;
    struct buf locks;
    uint64_t pid = 0;

    if (fstat(fd, &about) != 0) return 0;
    buf_init(&locks, LOCKS_BYTES_MAX);
    if (file_read(STR("/proc/locks"), &locks) == OK) {
        str rest = buf_view(&locks);
        while (rest.len > 0 && pid == 0) {
            uint64_t found = 0;
            if (is_holder(str_cut(&rest, '\n'), about.st_ino, &found)) pid = found;
        }
    }
    buf_done(&locks);
    return (pid_t)pid;
}

static err open_lock(str folder, enum index_lock_mode mode, int *out)
{
    char path[FILE_PATH_MAX];

    TRY(disk_path(folder, STR("LOCK"), path));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_RIGHTS);
    if (fd < 0 && mode == INDEX_LOCK_READ) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return err_from_errno(errno);
    *out = fd;
    return OK;
}

err index_lock_take(struct index_lock *l, str folder, enum index_lock_mode mode, pid_t *holder)
{
    int how = mode == INDEX_LOCK_WRITE ? LOCK_EX : LOCK_SH;
    int result = 0;
    int fd = -1;

    TRY(open_lock(folder, mode, &fd));
    do {
        result = flock(fd, how | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        l->fd = fd;
        return OK;
    }
    bool is_in_use = errno == EWOULDBLOCK;
    err e = is_in_use ? ERR_IN_USE : err_from_errno(errno);
    if (is_in_use) *holder = holder_of(fd);
    close(fd);
    return e;
}

void index_lock_release(struct index_lock *l)
{
    close(l->fd);
    l->fd = -1;
}
