// Design: an inode keeps its durable bytes and the edits since its last sync; a name keeps the
// inode it stands for now and the one it durably stands for; changes of names wait in one list. A
// sync applies edits or changes to the durable side, a power cut applies a legal part of them. The
// real folder always has the volatile side, and is written anew from the durable one at a reboot.
#include "support/fake_disk.h"

#include "base/memory.h"

#include "support/test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR_BYTES = 512, FOLDER_DEPTH = 16 };

// A write of `bytes` at `offset`, or, with `is_size`, a new length of `offset` bytes.
struct edit {
    struct link link;
    uint64_t offset;
    size_t len;
    bool is_size;
    char bytes[];
};

struct inode {
    struct link link;
    struct link edits;
    size_t edit_count;
    uint64_t volatile_bytes; // its length now
    uint64_t durable_bytes;
    char *kept; // the durable bytes; behind `kept_len` they are zeros
    size_t kept_len;
    size_t kept_room;
    const char *path; // where a reboot wrote it first
};

struct name {
    struct link link;
    struct inode *current;
    struct inode *durable;
    char path[];
};

// `set` comes to stand for `inode`, and `drop` no longer does; either may be NULL.
struct change {
    struct link link;
    struct name *set;
    struct name *drop;
    struct inode *inode;
};

struct fake_file {
    struct disk_file file;
    struct disk_file *real;
    struct inode *inode;
    uint64_t boot;
};

// How much of an inode's edits survives.
enum survival { ALL_SURVIVES, NONE_SURVIVES, ANY_SURVIVES, SECTORS_SURVIVE, SURVIVALS };

static struct fake_disk *fake_of(struct disk *d)
{
    return container_of(d, struct fake_disk, disk);
}

static struct fake_file *file_of(struct disk_file *f)
{
    return container_of(f, struct fake_file, file);
}

static struct name *find_name(struct fake_disk *d, str path)
{
    for (struct link *l = d->names.next; l != &d->names; l = l->next) {
        struct name *n = container_of(l, struct name, link);
        if (str_eq(str_from_c(n->path), path)) return n;
    }
    struct name *n = memory_alloc(sizeof(struct name) + path.len + 1);
    memcpy(n->path, path.ptr, path.len);
    list_push_back(&d->names, &n->link);
    return n;
}

static struct inode *new_inode(struct fake_disk *d)
{
    struct inode *i = memory_new(struct inode);

    list_init(&i->edits);
    list_push_back(&d->inodes, &i->link);
    return i;
}

static void grow_kept(struct inode *i, size_t len)
{
    if (len > i->kept_room) {
        size_t room = len > 2 * i->kept_room ? len : 2 * i->kept_room;
        char *kept = memory_alloc_raw(room);
        if (i->kept_len) memcpy(kept, i->kept, i->kept_len);
        memory_free(i->kept);
        i->kept = kept;
        i->kept_room = room;
    }
    if (len > i->kept_len) {
        memset(i->kept + i->kept_len, 0, len - i->kept_len);
        i->kept_len = len;
    }
}

// How many of the inode's edits have reached this sector when the power goes.
static uint64_t reached(const struct inode *i, enum survival how, uint64_t sector, uint64_t salt)
{
    uint64_t draw = random_mix(salt ^ random_mix(sector));

    switch (how) {
    case NONE_SURVIVES: return 0;
    case ANY_SURVIVES: return draw % (i->edit_count + 1);
    case SECTORS_SURVIVE: return draw & 1 ? i->edit_count : 0;
    case ALL_SURVIVES:
    case SURVIVALS: break;
    }
    return i->edit_count;
}

static void keep_piece(struct inode *i, uint64_t offset, str piece)
{
    grow_kept(i, (size_t)offset + piece.len);
    if (piece.len) memcpy(i->kept + offset, piece.ptr, piece.len);
}

// Applies those sectors of the `number`-th edit that have got so far.
static void keep_edit(struct inode *i, const struct edit *e, uint64_t number, enum survival how,
                      uint64_t salt)
{
    size_t done = 0;

    while (!e->is_size && done < e->len) {
        uint64_t at = e->offset + done;
        uint64_t sector = at / SECTOR_BYTES;
        size_t len = (size_t)((sector + 1) * SECTOR_BYTES - at);
        if (len > e->len - done) len = e->len - done;
        if (number < reached(i, how, sector, salt)) keep_piece(i, at, (str){e->bytes + done, len});
        done += len;
    }
}

static void keep_size(struct inode *i, const struct edit *e)
{
    uint64_t end = e->is_size ? e->offset : e->offset + e->len;

    if (e->is_size || end > i->durable_bytes) i->durable_bytes = end;
}

// Makes a part of the edits durable and forgets the others.
static void settle_edits(struct inode *i, enum survival how, uint64_t salt)
{
    uint64_t size_reach = reached(i, how, UINT64_MAX, salt);
    uint64_t number = 0;

    for (struct link *l = i->edits.next; l != &i->edits; l = l->next) {
        const struct edit *e = container_of(l, struct edit, link);
        keep_edit(i, e, number, how, salt);
        if (number < size_reach) keep_size(i, e);
        if (e->is_size && e->offset < i->kept_len && number < size_reach) {
            i->kept_len = (size_t)e->offset;
        }
        number++;
    }
    if (i->kept_len > i->durable_bytes) i->kept_len = (size_t)i->durable_bytes;
    while (!list_is_empty(&i->edits)) {
        memory_free(container_of(list_pop_front(&i->edits), struct edit, link));
    }
    i->edit_count = 0;
}

static void settle_by_chance(struct fake_disk *d, struct inode *i)
{
    settle_edits(i, (enum survival)random_below(&d->random, SURVIVALS), random_u64(&d->random));
}

static void keep_change(const struct change *c)
{
    if (c->set) c->set->durable = c->inode;
    if (c->drop && c->drop->durable == c->inode) c->drop->durable = NULL;
}

static str folder_of(const struct change *c)
{
    str path = str_from_c(c->set ? c->set->path : c->drop->path);

    while (path.len > 0 && path.ptr[path.len - 1] != '/') {
        path.len--;
    }
    return str_sub(path, 0, path.len ? path.len - 1 : 0);
}

static void drop_change(struct change *c)
{
    list_remove(&c->link);
    memory_free(c);
}

static void settle_folder(struct fake_disk *d, str folder)
{
    struct link *next = NULL;

    for (struct link *l = d->changes.next; l != &d->changes; l = next) {
        struct change *c = container_of(l, struct change, link);
        next = l->next;
        if (!str_eq(folder_of(c), folder)) continue;
        keep_change(c);
        drop_change(c);
    }
}

// The first few changes survive, as a journal keeps them, or any.
static void settle_names_by_chance(struct fake_disk *d)
{
    bool is_ordered = random_u64(&d->random) & 1;
    uint64_t odds = random_below(&d->random, 5); // of four
    bool is_over = false;

    while (!list_is_empty(&d->changes)) {
        struct change *c = container_of(d->changes.next, struct change, link);
        bool is_kept = random_below(&d->random, 4) < odds;
        is_over = is_over || (is_ordered && !is_kept);
        if (is_kept && !is_over) keep_change(c);
        drop_change(c);
    }
}

static void add_edit(struct inode *i, uint64_t offset, str bytes, bool is_size)
{
    struct edit *e = memory_alloc_raw(sizeof(struct edit) + bytes.len);

    *e = (struct edit){.offset = offset, .len = bytes.len, .is_size = is_size};
    if (bytes.len) memcpy(e->bytes, bytes.ptr, bytes.len);
    list_push_back(&i->edits, &e->link);
    i->edit_count++;
    if (is_size || offset + bytes.len > i->volatile_bytes) i->volatile_bytes = offset + bytes.len;
}

static void add_change(struct fake_disk *d, struct name *set, struct name *drop,
                       struct inode *inode)
{
    struct change *c = memory_new(struct change);

    *c = (struct change){.set = set, .drop = drop, .inode = inode};
    list_push_back(&d->changes, &c->link);
    if (drop) drop->current = NULL;
    if (set) set->current = inode;
}

// Counts an operation. OK: do it. ERR_CANCELED: the power goes while it is done.
static err count(struct fake_disk *d)
{
    if (d->is_down) return ERR_SYSTEM;
    d->operations++;
    if (d->operations == d->crash_at) {
        d->is_down = true;
        return ERR_CANCELED;
    }
    return d->operations == d->fail_at ? d->failure : OK;
}

// What the code under test hears.
static err told(err e)
{
    return e == ERR_CANCELED ? ERR_SYSTEM : e;
}

static bool is_done(err e)
{
    return e == OK || e == ERR_CANCELED;
}

static err open_locked(struct fake_disk *d, str path, enum disk_mode mode, struct disk_file **out)
{
    struct name *n = find_name(d, path);
    struct disk_file *real = NULL;
    bool is_counted = mode == DISK_REPLACE || mode == DISK_CREATE;
    err e = is_counted ? count(d) : d->is_down ? ERR_SYSTEM : OK;

    if (!is_done(e)) return e;
    TRY(disk_open(disk_real(), path, mode, &real));
    if (!n->current) {
        CHECK(is_counted); // else it was made without this disk
        add_change(d, n, NULL, new_inode(d));
    } else if (mode == DISK_REPLACE) {
        add_edit(n->current, 0, STR(""), true);
    }
    if (e) {
        disk_close(real);
        return told(e);
    }
    struct fake_file *f = memory_new(struct fake_file);
    *f = (struct fake_file){{&d->disk}, real, n->current, d->boots};
    *out = &f->file;
    return OK;
}

static err fake_open(struct disk *disk, str path, enum disk_mode mode, struct disk_file **out)
{
    struct fake_disk *d = fake_of(disk);

    pthread_mutex_lock(&d->mutex);
    err e = open_locked(d, path, mode, out);
    pthread_mutex_unlock(&d->mutex);
    return e;
}

static void fake_close(struct disk_file *file)
{
    disk_close(file_of(file)->real);
    memory_free(file_of(file));
}

static bool is_stale(const struct fake_disk *d, const struct fake_file *f)
{
    return d->is_down || f->boot != d->boots;
}

static err fake_read_at(struct disk_file *file, char *room, size_t size, uint64_t offset,
                        size_t *len)
{
    struct fake_disk *d = fake_of(file->disk);

    pthread_mutex_lock(&d->mutex);
    err e = is_stale(d, file_of(file)) ? ERR_SYSTEM
                                       : disk_read_at(file_of(file)->real, room, size, offset, len);
    pthread_mutex_unlock(&d->mutex);
    return e;
}

static err fake_size(struct disk_file *file, uint64_t *bytes)
{
    struct fake_disk *d = fake_of(file->disk);

    pthread_mutex_lock(&d->mutex);
    err e = is_stale(d, file_of(file)) ? ERR_SYSTEM : disk_size(file_of(file)->real, bytes);
    pthread_mutex_unlock(&d->mutex);
    return e;
}

static err fake_next_written(struct disk_file *file, uint64_t offset, uint64_t *at)
{
    struct fake_disk *d = fake_of(file->disk);
    struct fake_file *f = file_of(file);

    pthread_mutex_lock(&d->mutex);
    err e = is_stale(d, f) ? ERR_SYSTEM : disk_next_written(f->real, offset, at);
    pthread_mutex_unlock(&d->mutex);
    return e;
}

static err fake_write_at(struct disk_file *file, str bytes, uint64_t offset)
{
    struct fake_disk *d = fake_of(file->disk);
    struct fake_file *f = file_of(file);

    pthread_mutex_lock(&d->mutex);
    bool is_tried = !is_stale(d, f);
    err e = is_tried ? count(d) : ERR_SYSTEM;
    if (!is_done(e)) bytes.len /= 2;
    if (is_tried) {
        err real = disk_write_at(f->real, bytes, offset);
        if (!real) add_edit(f->inode, offset, bytes, false);
        if (real) e = real;
    }
    pthread_mutex_unlock(&d->mutex);
    return told(e);
}

static err fake_reserve(struct disk_file *file, uint64_t bytes)
{
    struct fake_disk *d = fake_of(file->disk);
    struct fake_file *f = file_of(file);

    pthread_mutex_lock(&d->mutex);
    err e = is_stale(d, f) ? ERR_SYSTEM : count(d);
    if (is_done(e) && bytes > f->inode->volatile_bytes) {
        // A hole: memory for what is reserved and never written would take most of a test's time.
        err real = disk_write_at(f->real, (str){"", 1}, bytes - 1);
        if (!real) add_edit(f->inode, bytes, STR(""), true);
        if (real) e = real;
    }
    pthread_mutex_unlock(&d->mutex);
    return told(e);
}

static err fake_sync(struct disk_file *file)
{
    struct fake_disk *d = fake_of(file->disk);
    struct fake_file *f = file_of(file);

    pthread_mutex_lock(&d->mutex);
    bool is_tried = !is_stale(d, f);
    err e = is_tried ? count(d) : ERR_SYSTEM;
    if (e == OK) settle_edits(f->inode, ALL_SURVIVES, 0);
    if (e && is_tried && !d->is_down) settle_by_chance(d, f->inode);
    pthread_mutex_unlock(&d->mutex);
    return told(e);
}

static err fake_rename(struct disk *disk, str from, str to)
{
    struct fake_disk *d = fake_of(disk);

    pthread_mutex_lock(&d->mutex);
    err e = count(d);
    if (is_done(e)) {
        err real = disk_rename(disk_real(), from, to);
        struct name *n = find_name(d, from);
        if (!real) add_change(d, find_name(d, to), n, n->current);
        if (real) e = real;
    }
    pthread_mutex_unlock(&d->mutex);
    return told(e);
}

static err fake_link(struct disk *disk, str from, str to)
{
    struct fake_disk *d = fake_of(disk);

    pthread_mutex_lock(&d->mutex);
    err e = count(d);
    if (is_done(e)) {
        err real = disk_link(disk_real(), from, to);
        if (!real) add_change(d, find_name(d, to), NULL, find_name(d, from)->current);
        if (real) e = real;
    }
    pthread_mutex_unlock(&d->mutex);
    return told(e);
}

static err fake_remove(struct disk *disk, str path)
{
    struct fake_disk *d = fake_of(disk);

    pthread_mutex_lock(&d->mutex);
    err e = count(d);
    if (is_done(e)) {
        err real = disk_remove(disk_real(), path);
        struct name *n = find_name(d, path);
        if (!real) add_change(d, NULL, n, n->current);
        if (real) e = real;
    }
    pthread_mutex_unlock(&d->mutex);
    return told(e);
}

static err fake_make_folder(struct disk *disk, str path)
{
    struct fake_disk *d = fake_of(disk);

    pthread_mutex_lock(&d->mutex);
    err e = d->is_down ? ERR_SYSTEM : disk_make_folder(disk_real(), path);
    pthread_mutex_unlock(&d->mutex);
    return e;
}

static err fake_sync_folder(struct disk *disk, str path)
{
    struct fake_disk *d = fake_of(disk);

    pthread_mutex_lock(&d->mutex);
    err e = count(d);
    if (e == OK) settle_folder(d, path);
    pthread_mutex_unlock(&d->mutex);
    return told(e);
}

// Without the mutex: whoever lists may remove.
static err fake_list(struct disk *disk, str path, struct disk_lister *l)
{
    struct fake_disk *d = fake_of(disk);

    pthread_mutex_lock(&d->mutex);
    bool is_down = d->is_down;
    pthread_mutex_unlock(&d->mutex);
    return is_down ? ERR_SYSTEM : disk_list(disk_real(), path, l);
}

static const struct disk_ops fake_ops = {
    .open = fake_open,
    .close = fake_close,
    .read_at = fake_read_at,
    .write_at = fake_write_at,
    .reserve = fake_reserve,
    .size = fake_size,
    .next_written = fake_next_written,
    .sync = fake_sync,
    .rename = fake_rename,
    .link = fake_link,
    .remove = fake_remove,
    .make_folder = fake_make_folder,
    .sync_folder = fake_sync_folder,
    .list = fake_list,
};

void fake_disk_open(struct fake_disk *d, uint64_t seed)
{
    *d = (struct fake_disk){.disk = {&fake_ops}, .folder = "/dev/shm/fake_disk.XXXXXX", .boots = 1};
    if (!mkdtemp(d->folder)) {
        snprintf(d->folder, sizeof(d->folder), "/tmp/fake_disk.XXXXXX");
        CHECK(mkdtemp(d->folder));
    }
    pthread_mutex_init(&d->mutex, NULL);
    list_init(&d->inodes);
    list_init(&d->names);
    list_init(&d->changes);
    random_init(&d->random, seed);
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

void fake_disk_close(struct fake_disk *d)
{
    while (!list_is_empty(&d->changes)) {
        drop_change(container_of(d->changes.next, struct change, link));
    }
    while (!list_is_empty(&d->inodes)) {
        struct inode *i = container_of(list_pop_front(&d->inodes), struct inode, link);
        settle_edits(i, NONE_SURVIVES, 0);
        memory_free(i->kept);
        memory_free(i);
    }
    while (!list_is_empty(&d->names)) {
        memory_free(container_of(list_pop_front(&d->names), struct name, link));
    }
    pthread_mutex_destroy(&d->mutex);
    CHECK_EQ(nftw(d->folder, remove_entry, FOLDER_DEPTH, FTW_DEPTH | FTW_PHYS), 0);
}

void fake_disk_crash_at(struct fake_disk *d, uint64_t n)
{
    pthread_mutex_lock(&d->mutex);
    d->crash_at = d->operations + n;
    pthread_mutex_unlock(&d->mutex);
}

void fake_disk_fail_at(struct fake_disk *d, uint64_t n, err failure)
{
    pthread_mutex_lock(&d->mutex);
    d->fail_at = d->operations + n;
    d->failure = failure;
    pthread_mutex_unlock(&d->mutex);
}

// A file of its own, or a second name of one that has been written: what a test still has mapped
// keeps its old bytes.
static void write_survivor(struct name *n)
{
    struct inode *i = n->current;
    struct disk_file *f = NULL;
    str path = str_from_c(n->path);

    if (i->path) {
        CHECK_EQ(disk_link(disk_real(), str_from_c(i->path), path), OK);
        return;
    }
    i->path = n->path;
    i->volatile_bytes = i->durable_bytes;
    CHECK_EQ(disk_open(disk_real(), path, DISK_CREATE, &f), OK);
    CHECK_EQ(disk_write_at(f, (str){i->kept, i->kept_len}, 0), OK);
    disk_close(f);
    CHECK_EQ(truncate(n->path, (off_t)i->durable_bytes), 0);
}

void fake_disk_reboot(struct fake_disk *d)
{
    for (struct link *l = d->inodes.next; l != &d->inodes; l = l->next) {
        struct inode *i = container_of(l, struct inode, link);
        settle_by_chance(d, i);
        i->path = NULL;
    }
    settle_names_by_chance(d);
    for (struct link *l = d->names.next; l != &d->names; l = l->next) {
        struct name *n = container_of(l, struct name, link);
        if (n->current) (void)disk_remove(disk_real(), str_from_c(n->path)); // or half made
        n->current = n->durable;
    }
    for (struct link *l = d->names.next; l != &d->names; l = l->next) {
        struct name *n = container_of(l, struct name, link);
        if (n->current) write_survivor(n);
    }
    d->boots++;
    d->is_down = false;
    d->crash_at = 0;
    d->fail_at = 0;
}
