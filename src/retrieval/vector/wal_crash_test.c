// The power is cut at every operation of a story of writes, rolls and checkpoints, and what comes
// back is compared with what its teller was promised. FLUSHED is what an index would have moved
// from the log into a segment.
#include "base/list.h"
#include "retrieval/vector/manifest_store.h"
#include "retrieval/vector/wal.h"

#include "support/fake_disk.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

enum {
    RESERVE_BYTES = 4096,
    RECORDS_MAX = 2000,
    STEPS = 30,
    SEEDS = 6,
    ROUNDS = 3,
    GROUP_MAX = 4,
    PAYLOAD_MAX = 1500,
    SEGMENTS = 2, // named by each manifest, once there are as many
};

struct story {
    struct fake_disk disk;
    struct random random;
    struct wal wal;
    struct wal_found found;
    struct wal_sink sink;
    struct manifest_keeper keeper;
    struct manifest manifest; // as it would be written next
    struct arena arena;
    uint64_t told; // records that the replay has told of
    // Of what was promised: records below `safe_lsn`, and the generation.
    uint64_t safe_lsn;
    uint64_t safe_generation;
    uint64_t tried_lsn; // records at or above were never appended
    uint8_t round;
    uint8_t rounds[RECORDS_MAX]; // in which a record was appended
    bool is_group_end[RECORDS_MAX];
};

static str folder_of(struct story *s)
{
    return str_from_c(s->disk.folder);
}

// What a record holds follows from its number and the round.
static struct wal_record record_of(uint64_t lsn, uint8_t round, char *room)
{
    uint64_t mix = random_mix(lsn * 16 + round);
    struct wal_record r = {.key = mix, .op = round, .payload = {room, mix % PAYLOAD_MAX}};

    memset(room, (int)(mix >> 32 & 0xff), r.payload.len);
    return r;
}

static err check_record(struct wal_sink *sink, uint64_t lsn, const struct wal_record *r)
{
    struct story *s = container_of(sink, struct story, sink);
    char room[PAYLOAD_MAX];

    CHECK(lsn < s->tried_lsn);
    struct wal_record want = record_of(lsn, s->rounds[lsn], room);
    CHECK_EQ(r->key, want.key);
    CHECK_EQ(r->op, want.op);
    CHECK(str_eq(r->payload, want.payload));
    s->told++;
    return OK;
}

static bool is_never_needed(struct manifest_keeper *k, str name)
{
    (void)k;
    (void)name;
    return false;
}

static err append_group(struct story *s)
{
    static char rooms[GROUP_MAX][PAYLOAD_MAX];
    struct wal_record records[GROUP_MAX];
    uint64_t count = 1 + random_below(&s->random, GROUP_MAX);
    uint64_t first = s->tried_lsn;
    uint64_t lsn = 0;

    CHECK(first + count < RECORDS_MAX);
    for (uint64_t i = 0; i < count; i++) {
        records[i] = record_of(first + i, s->round, rooms[i]);
        s->rounds[first + i] = s->round;
        s->is_group_end[first + i] = i + 1 == count;
    }
    TRY(wal_append(&s->wal, records, (size_t)count, &lsn));
    CHECK_EQ(lsn, first);
    s->tried_lsn = first + count;
    return OK;
}

static err commit(struct story *s)
{
    if (s->tried_lsn == s->safe_lsn) return OK;
    TRY(wal_commit(&s->wal, s->tried_lsn - 1));
    s->safe_lsn = s->tried_lsn;
    return OK;
}

static err write_segment(struct story *s, struct manifest_segment *segment)
{
    char name[MANIFEST_NAME_MAX];
    char path[FILE_PATH_MAX];
    struct disk_file *f = NULL;

    *segment = (struct manifest_segment){.rows = s->manifest.generation};
    memcpy(segment->uuid, &s->manifest.generation, sizeof(s->manifest.generation));
    segment->uuid[15] = s->round; // a generation that was lost may be tried again
    manifest_segment_name(segment->uuid, name);
    segment->name = arena_str(&s->arena, str_from_c(name));
    TRY(disk_path(folder_of(s), segment->name, path));
    TRY(disk_open(&s->disk.disk, str_from_c(path), DISK_CREATE, &f));
    err e = disk_write_at(f, segment->name, 0);
    if (!e) e = disk_sync(f);
    disk_close(f);
    return e;
}

// A new segment stands for all records so far; the oldest is given up.
static err checkpoint(struct story *s)
{
    struct manifest_segment *segments = arena_array(&s->arena, struct manifest_segment, SEGMENTS);
    uint64_t oldest_lsn = 0;
    size_t kept = s->manifest.segment_count < SEGMENTS ? s->manifest.segment_count : SEGMENTS - 1;

    TRY(wal_roll(&s->wal, &s->manifest.checkpoint_lsn));
    s->safe_lsn = s->tried_lsn;
    CHECK_EQ(s->manifest.checkpoint_lsn, s->safe_lsn);
    s->manifest.generation++;
    TRY(write_segment(s, &segments[0]));
    if (kept) memcpy(&segments[1], s->manifest.segments, kept * sizeof(segments[0]));
    s->manifest.segments = segments;
    s->manifest.segment_count = kept + 1;
    TRY(manifest_store_write(&s->disk.disk, folder_of(s), &s->manifest, &oldest_lsn));
    s->safe_generation = s->manifest.generation;
    TRY(wal_forget(&s->wal, oldest_lsn));
    return manifest_store_clean(&s->disk.disk, folder_of(s), &s->keeper);
}

static err one_step(struct story *s)
{
    uint64_t first_lsn = 0;

    switch (random_below(&s->random, 10)) {
    case 0: TRY(wal_roll(&s->wal, &first_lsn)); break;
    case 1: return checkpoint(s);
    case 2:
    case 3:
    case 4: return commit(s);
    default: return append_group(s);
    }
    s->safe_lsn = s->tried_lsn;
    return OK;
}

static err tell(struct story *s)
{
    for (int i = 0; i < STEPS; i++) {
        TRY(one_step(s));
    }
    return OK;
}

static void check_segments(struct story *s, const struct manifest *m)
{
    char path[FILE_PATH_MAX];
    char room[MANIFEST_NAME_MAX];
    struct disk_file *f = NULL;
    size_t len = 0;

    for (size_t i = 0; i < m->segment_count; i++) {
        CHECK_EQ(disk_path(folder_of(s), m->segments[i].name, path), OK);
        CHECK_EQ(disk_open(&s->disk.disk, str_from_c(path), DISK_READ, &f), OK);
        CHECK_EQ(disk_read_at(f, room, sizeof(room), 0, &len), OK);
        CHECK_SAME(((str){room, len}), m->segments[i].name);
        disk_close(f);
    }
}

static void load_manifest(struct story *s)
{
    struct manifest_found found;
    struct manifest m = {.checkpoint_lsn = 1};

    err e = manifest_store_load(&s->disk.disk, folder_of(s), &s->arena, &m, &found);
    CHECK(e == OK || (e == ERR_ABSENT && s->safe_generation == 0));
    CHECK_STR(str_from_c(found.damaged), "");
    CHECK(m.generation >= s->safe_generation);
    CHECK(m.generation <= s->manifest.generation);
    check_segments(s, &m);
    s->manifest = m;
    s->manifest.generation = found.newest;
    s->safe_generation = m.generation;
}

// What came back is in the manifest or in the log: all that was promised, and no half of a group.
static void check_log(struct story *s, uint64_t from_lsn)
{
    s->told = 0;
    CHECK_EQ(wal_replay(&s->disk.disk, folder_of(s), from_lsn, &s->sink, &s->found), OK);
    uint64_t next = s->found.next_lsn;
    CHECK_EQ(s->told, next - from_lsn);
    CHECK(next >= s->safe_lsn);
    CHECK(next <= s->tried_lsn);
    CHECK(next == 1 || s->is_group_end[next - 1]);
}

// Opens what is there; false where the power went meanwhile.
static bool recover(struct story *s)
{
    struct wal_options options = {&s->disk.disk, folder_of(s), 9, RESERVE_BYTES};

    load_manifest(s);
    check_log(s, s->manifest.checkpoint_lsn);
    s->round++;
    if (s->safe_generation > 0 && manifest_store_clean(&s->disk.disk, folder_of(s), NULL) != OK) {
        return false;
    }
    if (wal_open(&s->wal, &options, &s->found) != OK) return false;
    s->tried_lsn = s->found.next_lsn;
    s->safe_lsn = s->found.next_lsn;
    return true;
}

static void open_story(struct story *s, uint64_t seed)
{
    memset(s, 0, sizeof(*s));
    s->sink.record = check_record;
    s->keeper.is_needed = is_never_needed;
    s->safe_lsn = s->tried_lsn = 1;
    arena_init(&s->arena, 4096);
    fake_disk_open(&s->disk, seed);
    random_init(&s->random, seed);
}

static void close_story(struct story *s)
{
    arena_reset(&s->arena);
    fake_disk_close(&s->disk);
}

// One life after another, each ending at the `n`-th operation of its own, or by telling all.
static void live(struct story *s, uint64_t n)
{
    for (int round = 0; round < ROUNDS; round++) {
        if (n > 0) fake_disk_crash_at(&s->disk, n);
        if (recover(s)) {
            (void)tell(s);
            wal_close(&s->wal);
        }
        fake_disk_reboot(&s->disk);
    }
}

static uint64_t operations_of(struct story *s, uint64_t seed)
{
    open_story(s, seed);
    CHECK(recover(s));
    CHECK_EQ(tell(s), OK);
    wal_close(&s->wal);
    uint64_t operations = s->disk.operations;
    close_story(s);
    return operations;
}

TEST(wal_crash_at_any_operation_loses_nothing_that_was_promised)
{
    static struct story s;
    uint64_t begun = test_seed() % 1'000'000;

    for (uint64_t seed = begun; seed < begun + SEEDS; seed++) {
        uint64_t operations = operations_of(&s, seed);
        for (uint64_t n = 1; n <= operations; n++) {
            open_story(&s, seed);
            live(&s, n);
            CHECK(recover(&s));
            wal_close(&s.wal);
            close_story(&s);
        }
    }
}

static void flip_newest(struct story *s)
{
    char path[FILE_PATH_MAX];
    char byte = 0;
    size_t len = 0;
    struct disk_file *f = NULL;

    snprintf(path, sizeof(path), "%s/MANIFEST-%08d", s->disk.folder, (int)s->manifest.generation);
    CHECK_EQ(disk_open(disk_real(), str_from_c(path), DISK_WRITE, &f), OK);
    CHECK_EQ(disk_read_at(f, &byte, 1, 30, &len), OK);
    byte ^= 4;
    CHECK_EQ(disk_write_at(f, (str){&byte, 1}, 30), OK);
    disk_close(f);
}

// The generation before, with its segments and the log from its checkpoint on, says the same.
TEST(wal_crash_and_a_damaged_manifest_lose_nothing_either)
{
    static struct story s;
    int older = 0;

    for (uint64_t seed = 0; seed < 5 * (uint64_t)SEEDS; seed++) {
        struct manifest_found found;
        struct manifest m;
        open_story(&s, seed);
        live(&s, 20 + seed);
        load_manifest(&s);
        if (s.safe_generation > 1) {
            flip_newest(&s);
            CHECK_EQ(manifest_store_load(&s.disk.disk, folder_of(&s), &s.arena, &m, &found), OK);
            CHECK(str_from_c(found.damaged).len > 0);
            CHECK(m.generation < found.newest);
            check_segments(&s, &m);
            check_log(&s, m.checkpoint_lsn);
            older++;
        }
        close_story(&s);
    }
    CHECK(older > SEEDS);
}
