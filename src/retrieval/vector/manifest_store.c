#include "retrieval/vector/manifest_store.h"

#include "base/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_CHUNK = 16 * 1024, GENERATIONS = 2 };

// The newest generations of a folder, newest first; 0 where there are fewer.
struct newest {
    struct disk_lister lister;
    uint64_t below; // only those below this one count
    uint64_t generations[GENERATIONS];
};

struct broom {
    struct disk_lister lister;
    struct disk *disk;
    str folder;
    struct manifest_keeper *keeper;
    struct manifest kept[GENERATIONS];
    size_t kept_count;
};

static void write_name(uint64_t generation, char *out, size_t size)
{
    (void)snprintf(out, size, "MANIFEST-%08" PRIu64, generation);
}

static err path_of(str folder, uint64_t generation, char *out)
{
    char name[32];

    write_name(generation, name, sizeof(name));
    return disk_path(folder, str_from_c(name), out);
}

static bool read_name(str name, uint64_t *generation)
{
    const str before = STR("MANIFEST-");
    char canonical[32];
    uint64_t number = 0;

    if (!str_starts(name, before)) return false;
    str digits = str_sub(name, before.len, name.len);
    if (!str_to_u64(digits, UINT64_MAX - 1, &number) || number == 0) return false;
    write_name(number, canonical, sizeof(canonical));
    if (!str_eq(name, str_from_c(canonical))) return false;
    *generation = number;
    return true;
}

static err see_generation(struct disk_lister *l, str name)
{
    struct newest *n = container_of(l, struct newest, lister);
    uint64_t generation = 0;

    if (!read_name(name, &generation) || generation >= n->below) return OK;
    for (int i = 0; i < GENERATIONS; i++) {
        if (generation > n->generations[i]) {
            uint64_t smaller = n->generations[i];
            n->generations[i] = generation;
            generation = smaller;
        }
    }
    return OK;
}

static err find_newest(struct disk *disk, str folder, uint64_t below, struct newest *out)
{
    *out = (struct newest){.lister = {see_generation}, .below = below};
    return disk_list(disk, folder, &out->lister);
}

static err read_all(struct disk_file *f, struct buf *out)
{
    uint64_t bytes = 0;
    size_t len = 0;
    char *room = NULL;

    TRY(disk_size(f, &bytes));
    if (bytes == 0 || bytes > MANIFEST_BYTES_MAX) return ERR_DAMAGED;
    TRY(buf_reserve(out, (size_t)bytes, &room));
    TRY(disk_read_at(f, room, (size_t)bytes, 0, &len));
    buf_grew(out, len);
    return OK;
}

static err load_generation(struct disk *disk, str folder, uint64_t generation, struct arena *arena,
                           struct manifest *out)
{
    char path[FILE_PATH_MAX];
    struct disk_file *f = NULL;
    struct manifest m = {0};
    struct buf bytes;

    TRY(path_of(folder, generation, path));
    TRY(disk_open(disk, str_from_c(path), DISK_READ, &f));
    buf_init(&bytes, MANIFEST_BYTES_MAX);
    err e = read_all(f, &bytes);
    if (!e) e = manifest_decode(buf_view(&bytes), arena, &m);
    if (!e && m.generation != generation) e = ERR_DAMAGED;
    buf_done(&bytes);
    disk_close(f);
    if (!e) *out = m;
    return e;
}

err manifest_store_load(struct disk *disk, str folder, struct arena *arena, struct manifest *out,
                        struct manifest_found *found)
{
    struct newest n;

    *found = (struct manifest_found){0};
    TRY(find_newest(disk, folder, UINT64_MAX, &n));
    found->newest = n.generations[0];
    if (found->newest == 0) return ERR_ABSENT;
    err e = load_generation(disk, folder, n.generations[0], arena, out);
    if (e != ERR_DAMAGED) return e;
    write_name(n.generations[0], found->damaged, sizeof(found->damaged));
    if (n.generations[1] == 0) return e;
    return load_generation(disk, folder, n.generations[1], arena, out);
}

// The newest below `below` that is good; ERR_ABSENT where none is.
static err load_below(struct broom *b, uint64_t below, struct arena *arena, struct manifest *out)
{
    struct newest n;

    for (;;) {
        TRY(find_newest(b->disk, b->folder, below, &n));
        below = n.generations[0];
        if (below == 0) return ERR_ABSENT;
        err e = load_generation(b->disk, b->folder, below, arena, out);
        if (e != ERR_DAMAGED) return e;
    }
}

// Loads those that are kept, newest first.
static err load_kept(struct broom *b, struct arena *arena)
{
    uint64_t below = UINT64_MAX;

    while (b->kept_count < GENERATIONS) {
        struct manifest *m = &b->kept[b->kept_count];
        err e = load_below(b, below, arena, m);
        if (e == ERR_ABSENT) break;
        TRY(e);
        below = m->generation;
        b->kept_count++;
    }
    return b->kept_count > 0 ? OK : ERR_ABSENT;
}

static err remove_name(struct broom *b, str name)
{
    char path[FILE_PATH_MAX];

    TRY(disk_path(b->folder, name, path));
    return disk_remove(b->disk, str_from_c(path));
}

static bool is_kept_generation(const struct broom *b, uint64_t generation)
{
    for (size_t i = 0; i < b->kept_count; i++) {
        if (b->kept[i].generation == generation) return true;
    }
    return false;
}

static err drop_generation(struct disk_lister *l, str name)
{
    struct broom *b = container_of(l, struct broom, lister);
    uint64_t generation = 0;

    if (!read_name(name, &generation) || is_kept_generation(b, generation)) return OK;
    return remove_name(b, name);
}

static bool is_named(const struct broom *b, str name)
{
    for (size_t i = 0; i < b->kept_count; i++) {
        if (manifest_names(&b->kept[i], name)) return true;
    }
    return b->keeper && b->keeper->is_needed(b->keeper, name);
}

static err drop_leftover(struct disk_lister *l, str name)
{
    struct broom *b = container_of(l, struct broom, lister);
    bool is_unfinished = !b->keeper && str_ends(name, STR(".tmp"));

    if (!is_unfinished && !str_starts(name, STR("seg-"))) return drop_generation(l, name);
    if (is_named(b, name)) return OK;
    return remove_name(b, name);
}

static err write_bytes(struct disk *disk, const char *path, str bytes)
{
    struct disk_file *f = NULL;

    TRY(disk_open(disk, str_from_c(path), DISK_REPLACE, &f));
    err e = disk_write_at(f, bytes, 0);
    if (!e) e = disk_sync(f);
    disk_close(f);
    return e;
}

static err publish(struct disk *disk, str folder, uint64_t generation, str bytes)
{
    char path[FILE_PATH_MAX];
    char temporary[FILE_PATH_MAX];

    TRY(path_of(folder, generation, path));
    TRY(disk_path(folder, STR("MANIFEST.tmp"), temporary));
    TRY(write_bytes(disk, temporary, bytes));
    TRY(disk_sync_folder(disk, folder)); // the files it names come before its own name
    TRY(disk_rename(disk, str_from_c(temporary), str_from_c(path)));
    return disk_sync_folder(disk, folder);
}

// Runs over the folder with what is kept in mind.
static err sweep(struct broom *b, uint64_t *oldest_lsn)
{
    struct arena arena;

    arena_init(&arena, ARENA_CHUNK);
    err e = load_kept(b, &arena);
    if (!e) e = disk_list(b->disk, b->folder, &b->lister);
    for (size_t i = 0; i < b->kept_count && !e; i++) {
        uint64_t lsn = b->kept[i].checkpoint_lsn;
        if (i == 0 || lsn < *oldest_lsn) *oldest_lsn = lsn;
    }
    arena_reset(&arena);
    return e;
}

err manifest_store_write(struct disk *disk, str folder, const struct manifest *m,
                         uint64_t *oldest_lsn)
{
    struct broom b = {.lister = {drop_generation}, .disk = disk, .folder = folder};
    struct buf bytes;

    buf_init(&bytes, MANIFEST_BYTES_MAX);
    err e = manifest_encode(m, &bytes);
    if (!e) e = publish(disk, folder, m->generation, buf_view(&bytes));
    buf_done(&bytes);
    TRY(e);
    return sweep(&b, oldest_lsn);
}

// What is about to be trusted may have been found before it was durable, so that comes first.
err manifest_store_clean(struct disk *disk, str folder, struct manifest_keeper *keeper)
{
    struct broom b = {{drop_leftover}, disk, folder, .keeper = keeper};
    uint64_t oldest_lsn = 0;

    TRY(disk_sync_folder(disk, folder));
    return sweep(&b, &oldest_lsn);
}
