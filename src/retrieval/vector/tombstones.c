#include "retrieval/vector/tombstones.h"

#include "base/memory.h"
#include "codec/crc32c.h"

#include <assert.h>
#include <string.h>

enum { VERSION = 1, PIECE_WORDS = 4096 };

static const char magic[8] = "SLUICEDT";

struct head {
    char magic[8];
    uint32_t version;
    uint32_t crc; // of the words, then of the members below
    uint64_t rows;
    uint64_t dead;
};

static uint64_t words_for(uint64_t rows)
{
    return (rows + 63) / 64;
}

void tombstones_init(struct tombstones *t, uint64_t rows)
{
    t->words = memory_alloc(words_for(rows) * sizeof *t->words);
    t->rows = rows;
    atomic_init(&t->dead, 0);
}

void tombstones_done(struct tombstones *t)
{
    memory_free(t->words);
    t->words = NULL;
}

bool tombstones_set(struct tombstones *t, uint64_t row)
{
    uint64_t bit = UINT64_C(1) << row % 64;

    assert(row < t->rows);
    if (atomic_fetch_or_explicit(&t->words[row / 64], bit, memory_order_acq_rel) & bit) {
        return false;
    }
    atomic_fetch_add_explicit(&t->dead, 1, memory_order_relaxed);
    return true;
}

static str bytes_of(const void *ptr, size_t len)
{
    return (str){.ptr = ptr, .len = len};
}

// The sum of the words, carried on over the head's last members, which count them.
static uint32_t whole_crc(uint32_t words_crc, const struct head *h)
{
    return crc32c(words_crc, &h->rows, sizeof *h - offsetof(struct head, rows));
}

static err write_words(const struct tombstones *t, struct disk_file *f, struct head *h)
{
    uint64_t piece[PIECE_WORDS];
    uint64_t words = words_for(t->rows);
    uint32_t crc = 0;

    for (uint64_t first = 0; first < words; first += PIECE_WORDS) {
        size_t count = words - first < PIECE_WORDS ? (size_t)(words - first) : PIECE_WORDS;
        for (size_t i = 0; i < count; i++) {
            piece[i] = atomic_load_explicit(&t->words[first + i], memory_order_relaxed);
            h->dead += (unsigned)__builtin_popcountll(piece[i]);
        }
        crc = crc32c(crc, piece, count * sizeof *piece);
        TRY(disk_write_at(f, bytes_of(piece, count * sizeof *piece), sizeof *h + first * 8));
    }
    h->crc = whole_crc(crc, h);
    return disk_write_at(f, bytes_of(h, sizeof *h), 0);
}

err tombstones_save(const struct tombstones *t, struct disk *d, str path, uint64_t *dead)
{
    struct head h = {.version = VERSION, .rows = t->rows};
    struct disk_file *f = NULL;

    memcpy(h.magic, magic, sizeof magic);
    TRY(disk_open(d, path, DISK_REPLACE, &f));
    err e = write_words(t, f, &h);
    if (!e) e = disk_sync(f);
    disk_close(f);
    if (e) {
        (void)disk_remove(d, path); // the first failure is told; a rest of it is removed at open
        return e;
    }
    *dead = h.dead;
    return OK;
}

static err read_exactly(struct disk_file *f, void *room, size_t size, uint64_t offset)
{
    size_t len = 0;

    TRY(disk_read_at(f, room, size, offset, &len));
    return len == size ? OK : ERR_DAMAGED;
}

static bool is_head_of(const struct head *h, const struct tombstones *t)
{
    return memcmp(h->magic, magic, sizeof magic) == 0 && h->version == VERSION &&
           h->rows == t->rows && h->dead <= h->rows;
}

static err read_words(struct tombstones *t, struct disk_file *f)
{
    uint64_t words = words_for(t->rows);
    uint64_t piece[PIECE_WORDS];
    struct head h;
    uint32_t crc = 0;
    uint64_t dead = 0;

    TRY(read_exactly(f, &h, sizeof h, 0));
    if (!is_head_of(&h, t)) return ERR_DAMAGED;
    for (uint64_t first = 0; first < words; first += PIECE_WORDS) {
        size_t count = words - first < PIECE_WORDS ? (size_t)(words - first) : PIECE_WORDS;
        TRY(read_exactly(f, piece, count * sizeof *piece, sizeof h + first * 8));
        crc = crc32c(crc, piece, count * sizeof *piece);
        for (size_t i = 0; i < count; i++) {
            atomic_store_explicit(&t->words[first + i], piece[i], memory_order_relaxed);
            dead += (unsigned)__builtin_popcountll(piece[i]);
        }
    }
    if (t->rows % 64 && t->words[words - 1] >> t->rows % 64) return ERR_DAMAGED;
    if (dead != h.dead || whole_crc(crc, &h) != h.crc) return ERR_DAMAGED;
    t->dead = dead;
    return OK;
}

err tombstones_load(struct tombstones *t, struct disk *d, str path)
{
    struct disk_file *f = NULL;

    TRY(disk_open(d, path, DISK_READ, &f));
    err e = read_words(t, f);
    disk_close(f);
    return e;
}
