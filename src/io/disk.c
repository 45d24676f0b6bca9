#include "io/disk.h"

#include "base/list.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_RIGHTS = 0640, FOLDER_RIGHTS = 0750 };

struct real_file {
    struct disk_file file;
    int fd;
};

static int fd_of(struct disk_file *f)
{
    return container_of(f, struct real_file, file)->fd;
}

static err err_of_disk(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ERR_LIMIT;
    case EEXIST:
    case ENOTEMPTY: return ERR_IN_USE;
    case EISDIR:
    case ENOTDIR: return ERR_TYPE;
    default: return err_from_errno(number);
    }
}

static err err_of(int result)
{
    return result == 0 ? OK : err_of_disk(errno);
}

static int flags_of(enum disk_mode mode)
{
    switch (mode) {
    case DISK_READ: return O_RDONLY | O_CLOEXEC;
    case DISK_WRITE: return O_RDWR | O_CLOEXEC;
    case DISK_CREATE: return O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL;
    case DISK_REPLACE: break;
    }
    return O_RDWR | O_CLOEXEC | O_CREAT | O_TRUNC;
}

static err real_open(struct disk *d, str path, enum disk_mode mode, struct disk_file **out)
{
    char text[FILE_PATH_MAX];
    struct stat about;

    TRY(file_path_copy(path, text));
    int fd = open(text, flags_of(mode), FILE_RIGHTS);
    if (fd < 0) return err_of_disk(errno);
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        close(fd);
        return ERR_TYPE;
    }
    // Reads are as large as they are wanted. More ahead of them would be of what is reserved, and
    // what was read once is no hole any more (real_next_written()).
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); // a hint
    struct real_file *f = memory_new(struct real_file);
    *f = (struct real_file){.file = {.disk = d}, .fd = fd};
    *out = &f->file;
    return OK;
}

static void real_close(struct disk_file *f)
{
    close(fd_of(f)); // what it could report, a sync has reported
    memory_free(container_of(f, struct real_file, file));
}

static err real_read_at(struct disk_file *f, char *room, size_t size, uint64_t offset, size_t *len)
{
    size_t have = 0;

    while (have < size) {
        ssize_t got = pread(fd_of(f), room + have, size - have, (off_t)(offset + have));
        if (got == 0) break;
        if (got > 0) {
            have += (size_t)got;
        } else if (errno != EINTR) {
            return err_of_disk(errno);
        }
    }
    *len = have;
    return OK;
}

static err real_write_at(struct disk_file *f, str bytes, uint64_t offset)
{
    size_t done = 0;

    while (done < bytes.len) {
        ssize_t put = pwrite(fd_of(f), bytes.ptr + done, bytes.len - done, (off_t)(offset + done));
        if (put >= 0) {
            done += (size_t)put;
        } else if (errno != EINTR) {
            return err_of_disk(errno);
        }
    }
    return OK;
}

// fallocate() where the file system knows it; elsewhere the file grows without a promise of room.
static err real_reserve(struct disk_file *f, uint64_t bytes)
{
    struct stat about;
    int result = 0;

    if (fstat(fd_of(f), &about) != 0) return err_of_disk(errno);
    if ((uint64_t)about.st_size >= bytes) return OK;
    do {
        result = fallocate(fd_of(f), 0, 0, (off_t)bytes);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EOPNOTSUPP) result = ftruncate(fd_of(f), (off_t)bytes);
    return err_of(result);
}

static err real_size(struct disk_file *f, uint64_t *bytes)
{
    struct stat about;

    TRY(err_of(fstat(fd_of(f), &about)));
    *bytes = (uint64_t)about.st_size;
    return OK;
}

static err real_next_written(struct disk_file *f, uint64_t offset, uint64_t *at)
{
    off_t found = lseek(fd_of(f), (off_t)offset, SEEK_DATA);

    *at = found < 0 ? offset : (uint64_t)found;
    return found < 0 && errno == ENXIO ? real_size(f, at) : OK;
}

// Not tried again: after a failure the kernel takes the lost pages for written.
static err real_sync(struct disk_file *f)
{
    return err_of(fdatasync(fd_of(f)));
}

static err real_rename(struct disk *d, str from, str to)
{
    char from_text[FILE_PATH_MAX];
    char to_text[FILE_PATH_MAX];

    (void)d;
    TRY(file_path_copy(from, from_text));
    TRY(file_path_copy(to, to_text));
    return err_of(rename(from_text, to_text));
}

static err real_link(struct disk *d, str from, str to)
{
    char from_text[FILE_PATH_MAX];
    char to_text[FILE_PATH_MAX];

    (void)d;
    TRY(file_path_copy(from, from_text));
    TRY(file_path_copy(to, to_text));
    return err_of(link(from_text, to_text));
}

static err real_remove(struct disk *d, str path)
{
    char text[FILE_PATH_MAX];

    (void)d;
    TRY(file_path_copy(path, text));
    return err_of(unlink(text));
}

static err real_make_folder(struct disk *d, str path)
{
    char text[FILE_PATH_MAX];

    (void)d;
    TRY(file_path_copy(path, text));
    return err_of(mkdir(text, FOLDER_RIGHTS));
}

static err real_sync_folder(struct disk *d, str path)
{
    char text[FILE_PATH_MAX];

    (void)d;
    TRY(file_path_copy(path, text));
    int fd = open(text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_of_disk(errno);
    err e = err_of(fsync(fd));
    close(fd);
    return e;
}

static err list_names(DIR *folder, struct disk_lister *l)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry) return err_of(errno == 0 ? 0 : -1);
        str name = str_from_c(entry->d_name);
        if (str_eq(name, STR(".")) || str_eq(name, STR(".."))) continue;
        TRY(l->name(l, name));
    }
}

static err real_list(struct disk *d, str path, struct disk_lister *l)
{
    char text[FILE_PATH_MAX];

    (void)d;
    TRY(file_path_copy(path, text));
    DIR *folder = opendir(text);
    if (!folder) return err_of_disk(errno);
    err e = list_names(folder, l);
    closedir(folder);
    return e;
}

static const struct disk_ops real_ops = {
    .open = real_open,
    .close = real_close,
    .read_at = real_read_at,
    .write_at = real_write_at,
    .reserve = real_reserve,
    .size = real_size,
    .next_written = real_next_written,
    .sync = real_sync,
    .rename = real_rename,
    .link = real_link,
    .remove = real_remove,
    .make_folder = real_make_folder,
    .sync_folder = real_sync_folder,
    .list = real_list,
};

struct disk *disk_real(void)
{
    static struct disk real = {.ops = &real_ops};

    return &real;
}

err disk_path(str folder, str name, char *out)
{
    int len =
        snprintf(out, FILE_PATH_MAX, "%" STR_FMT "/%" STR_FMT, STR_ARG(folder), STR_ARG(name));

    return len > 0 && len < FILE_PATH_MAX ? OK : ERR_RANGE;
}
