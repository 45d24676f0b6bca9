// disk: the port through which whatever must survive a power cut reaches its files.
//
// The kernel's disk is disk_real(); tests put tests/support/fake_disk in its place, which forgets
// what was not made to last. What lasts: bytes and length of a file once disk_sync() has returned,
// a name that was made, moved or removed once disk_sync_folder() has. Until then a power cut may
// keep it, lose it or keep a part of it. A failed disk_sync() says that bytes are lost, and a later
// one that succeeds does not bring them back: Linux drops what it could not write.
//
// Paths are plain ones, bounded by FILE_PATH_MAX. Everything blocks. A disk may be called from any
// thread; two threads don't write the same bytes of one file at a time. Errors, besides those of
// err_from_errno(): ERR_LIMIT where the disk or a quota is full, ERR_IN_USE for a name that exists.
#pragma once

#include "io/file.h"

struct disk;

// One open file. Embedded in what a disk keeps of it.
struct disk_file {
    struct disk *disk;
};

enum disk_mode {
    DISK_READ,
    DISK_WRITE,   // an existing one, to read and write
    DISK_CREATE,  // to read and write; ERR_IN_USE where the name exists
    DISK_REPLACE, // likewise, but an existing one is emptied
};

// Is told of each name in a folder; an error ends the list. Embedded in the caller's struct.
struct disk_lister {
    err (*name)(struct disk_lister *l, str name);
};

struct disk_ops {
    err (*open)(struct disk *d, str path, enum disk_mode mode, struct disk_file **out);
    void (*close)(struct disk_file *f);
    err (*read_at)(struct disk_file *f, char *room, size_t size, uint64_t offset, size_t *len);
    err (*write_at)(struct disk_file *f, str bytes, uint64_t offset);
    err (*reserve)(struct disk_file *f, uint64_t bytes);
    err (*size)(struct disk_file *f, uint64_t *bytes);
    err (*next_written)(struct disk_file *f, uint64_t offset, uint64_t *at);
    err (*sync)(struct disk_file *f);
    err (*rename)(struct disk *d, str from, str to);
    err (*link)(struct disk *d, str from, str to);
    err (*remove)(struct disk *d, str path);
    err (*make_folder)(struct disk *d, str path);
    err (*sync_folder)(struct disk *d, str path);
    err (*list)(struct disk *d, str path, struct disk_lister *l);
};

struct disk {
    const struct disk_ops *ops;
};

// The kernel's. Lives as long as the program.
struct disk *disk_real(void);

// "folder/name", NUL-terminated, in `out` of FILE_PATH_MAX bytes. ERR_RANGE where it is too long.
err disk_path(str folder, str name, char *out);

// ERR_ABSENT, ERR_DENIED, ERR_TYPE for a folder.
static inline err disk_open(struct disk *d, str path, enum disk_mode mode, struct disk_file **out)
{
    return d->ops->open(d, path, mode, out);
}

// Takes NULL. Makes nothing last.
static inline void disk_close(struct disk_file *f)
{
    if (f) f->disk->ops->close(f);
}

// Reads up to `size` bytes; fewer only at the end of the file, where `*len` may be 0.
static inline err disk_read_at(struct disk_file *f, char *room, size_t size, uint64_t offset,
                               size_t *len)
{
    return f->disk->ops->read_at(f, room, size, offset, len);
}

// Writes all of `bytes`, growing the file where they reach behind its end; on failure any part of
// them may be there.
static inline err disk_write_at(struct disk_file *f, str bytes, uint64_t offset)
{
    return f->disk->ops->write_at(f, bytes, offset);
}

// Makes the file at least `bytes` long, of zeros, with room on the disk for them: a write that
// stays within does not fail for want of space.
static inline err disk_reserve(struct disk_file *f, uint64_t bytes)
{
    return f->disk->ops->reserve(f, bytes);
}

static inline err disk_size(struct disk_file *f, uint64_t *bytes)
{
    return f->disk->ops->size(f, bytes);
}

// Where something may be that was written, at `offset` or behind it: zeros lie between. The end of
// the file where there is nothing; `offset` where the file system can't tell.
static inline err disk_next_written(struct disk_file *f, uint64_t offset, uint64_t *at)
{
    return f->disk->ops->next_written(f, offset, at);
}

// Makes bytes and length last, but not the name.
static inline err disk_sync(struct disk_file *f)
{
    return f->disk->ops->sync(f);
}

// Atomic; replaces `to`. Both are in one folder.
static inline err disk_rename(struct disk *d, str from, str to)
{
    return d->ops->rename(d, from, to);
}

// A second name of one file. ERR_IN_USE where `to` exists.
static inline err disk_link(struct disk *d, str from, str to)
{
    return d->ops->link(d, from, to);
}

static inline err disk_remove(struct disk *d, str path)
{
    return d->ops->remove(d, path);
}

// ERR_IN_USE where it exists. For its name to last, its parent is to be synced.
static inline err disk_make_folder(struct disk *d, str path)
{
    return d->ops->make_folder(d, path);
}

// Makes the names in it last.
static inline err disk_sync_folder(struct disk *d, str path)
{
    return d->ops->sync_folder(d, path);
}

// Every name in it, in no order, but for "." and "..". Names may be removed meanwhile.
static inline err disk_list(struct disk *d, str path, struct disk_lister *l)
{
    return d->ops->list(d, path, l);
}
