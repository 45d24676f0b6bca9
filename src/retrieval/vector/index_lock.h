// index_lock: one writer, or any number of readers, of an index's folder.
//
// A writer excludes everybody else, readers exclude writers; processes and openings within one
// process alike. The lock is on a file LOCK in the folder, which stays, and goes with the process
// however it ends, so that there is no stale one to clear away. It is flock()'s: that belongs to
// the opening, where fcntl()'s classic locks belong to the process, do not hold between two
// openings in it and vanish when any file on the same inode is closed; and unlike fcntl()'s newer
// ones (OFD) the kernel lists it in /proc/locks with its holder, which names readers as well as
// writers. Not over file systems that are shared between machines: NFS may not tell them of each
// other.
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

enum index_lock_mode { INDEX_LOCK_READ, INDEX_LOCK_WRITE };

struct index_lock {
    int fd;
};

// Does not wait. ERR_IN_USE: somebody is in the way, and `*holder` is his process, 0 where that is
// not to be found out (another container). The folder exists; a reader needs the right to write
// only where nobody has locked it before.
err index_lock_take(struct index_lock *l, str folder, enum index_lock_mode mode, pid_t *holder);
void index_lock_release(struct index_lock *l);
