// file: whole files and their names. Everything here blocks: at startup, or in an offload job.
#pragma once

#include "base/buf.h"

enum { FILE_PATH_MAX = 4096 };

// A NUL-terminated copy for the system, in `out` of FILE_PATH_MAX bytes. ERR_RANGE for a path that
// is empty, too long or holds a NUL.
err file_path_copy(str path, char *out);

// Appends all of the file to `out`. ERR_LIMIT where it is larger than `out` may grow, ERR_ABSENT,
// ERR_DENIED, ERR_TYPE for a directory. On failure `out` is as it was.
err file_read(str path, struct buf *out);

// Writes all of `bytes`, waiting for a slow pipe or terminal for a second at a time while there is
// progress. `*written` tells how far it came, on failure too.
err file_write_all(int fd, str bytes, size_t *written);
