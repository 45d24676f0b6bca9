#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024, STALL_MS = 1000 };

err file_path_copy(str path, char *out)
{
    if (path.len == 0 || path.len >= FILE_PATH_MAX) return ERR_RANGE;
    if (str_find_char(path, '\0') < path.len) return ERR_RANGE;
    memcpy(out, path.ptr, path.len);
    out[path.len] = '\0';
    return OK;
}

static err read_piece(int fd, char *room, size_t size, size_t *len)
{
    ssize_t got = 0;

    do {
        got = read(fd, room, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return errno == EISDIR ? ERR_TYPE : err_from_errno(errno);
    *len = (size_t)got;
    return OK;
}

// The size a file claims is not to be trusted (/proc, a file that grows): it is read to its end.
static err read_all(int fd, struct buf *out)
{
    size_t len = 0;

    do {
        size_t room = out->max - buf_len(out);
        char *at = NULL;
        char beyond = 0;
        if (room == 0) {
            TRY(read_piece(fd, &beyond, 1, &len));
            return len > 0 ? ERR_LIMIT : OK;
        }
        if (room > PIECE_BYTES) room = PIECE_BYTES;
        TRY(buf_reserve(out, room, &at));
        TRY(read_piece(fd, at, room, &len));
        buf_grew(out, len);
    } while (len > 0);
    return OK;
}

err file_read(str path, struct buf *out)
{
    char text[FILE_PATH_MAX];
    size_t before = buf_len(out);

    TRY(file_path_copy(path, text));
    int fd = open(text, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_from_errno(errno);
    err e = read_all(fd, out);
    close(fd);
    if (e) out->end -= buf_len(out) - before;
    return e;
}

err file_write_all(int fd, str bytes, size_t *written)
{
    *written = 0;
    while (*written < bytes.len) {
        ssize_t put = write(fd, bytes.ptr + *written, bytes.len - *written);
        if (put >= 0) {
            *written += (size_t)put;
        } else if (errno == EAGAIN) {
            // Standard output may have been made non-blocking by those it is shared with.
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            if (poll(&p, 1, STALL_MS) == 0) return ERR_TIMEOUT;
        } else if (errno != EINTR) {
            return err_from_errno(errno);
        }
    }
    return OK;
}
