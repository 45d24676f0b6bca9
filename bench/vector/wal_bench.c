// How many vectors of 128 floats a second a log makes durable in a folder (build, or the argument):
// in groups of one writer, by writers that share their syncs, and how fast it is read again. Beside
// it stands what the disk alone can do: writes of a sector, each made durable.
#include "base/list.h"
#include "io/clock.h"
#include "retrieval/vector/wal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAYLOAD_BYTES = 512, GROUP_MAX = 64, THREADS_MAX = 64, ROUND_USEC = 1500 * 1000 };

struct bench {
    struct wal wal;
    struct wal_found found;
    struct wal_sink sink;
    char folder[FILE_PATH_MAX];
    usec end;
    uint64_t replayed;
};

struct writer {
    struct bench *bench;
    pthread_t thread;
    size_t group;
    uint64_t records;
};

static void must(err e)
{
    if (!e) return;
    fprintf(stderr, "wal_bench: %s\n", err_text(e));
    exit(1);
}

static err count_record(struct wal_sink *s, uint64_t lsn, const struct wal_record *r)
{
    (void)lsn;
    (void)r;
    container_of(s, struct bench, sink)->replayed++;
    return OK;
}

static void *write_groups(void *argument)
{
    static const char payload[PAYLOAD_BYTES];
    struct writer *w = argument;
    struct wal_record records[GROUP_MAX];
    uint64_t lsn = 0;

    for (size_t i = 0; i < w->group; i++) {
        records[i] = (struct wal_record){.key = i, .payload = {payload, sizeof(payload)}, .op = 1};
    }
    while (clock_monotonic() < w->bench->end) {
        must(wal_append(&w->bench->wal, records, w->group, &lsn));
        must(wal_commit(&w->bench->wal, lsn + w->group - 1));
        w->records += w->group;
    }
    return NULL;
}

static void open_log(struct bench *b, const char *parent)
{
    struct wal_options options = {.disk = disk_real(), .seed = 1};

    *b = (struct bench){.sink = {count_record}};
    snprintf(b->folder, sizeof(b->folder), "%s/wal_bench.XXXXXX", parent);
    if (!mkdtemp(b->folder)) must(ERR_DENIED);
    options.folder = str_from_c(b->folder);
    must(wal_replay(options.disk, options.folder, 1, &b->sink, &b->found));
    must(wal_open(&b->wal, &options, &b->found));
}

static void close_log(struct bench *b)
{
    char path[FILE_PATH_MAX];

    wal_close(&b->wal);
    must(wal_replay_path(str_from_c(b->folder), 1, path));
    unlink(path);
    rmdir(b->folder);
}

static void print_replay(struct bench *b)
{
    usec begun = clock_monotonic();

    must(wal_replay(disk_real(), str_from_c(b->folder), 1, &b->sink, &b->found));
    double seconds = (double)(clock_monotonic() - begun) / 1e6;
    printf("read again            %8.0f records/s\n", (double)b->replayed / seconds);
}

static void measure(const char *parent, size_t threads, size_t group, bool is_last)
{
    static struct bench b;
    struct writer writers[THREADS_MAX];
    uint64_t records = 0;

    open_log(&b, parent);
    usec begun = clock_monotonic();
    b.end = begun + ROUND_USEC;
    for (size_t i = 0; i < threads; i++) {
        writers[i] = (struct writer){.bench = &b, .group = group};
        if (pthread_create(&writers[i].thread, NULL, write_groups, &writers[i])) must(ERR_LIMIT);
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(writers[i].thread, NULL);
        records += writers[i].records;
    }
    double seconds = (double)(clock_monotonic() - begun) / 1e6;
    printf("%2zu writers of %2zu      %8.0f records/s\n", threads, group,
           (double)records / seconds);
    if (is_last) print_replay(&b);
    close_log(&b);
}

static void measure_disk(const char *parent)
{
    static const char sectors[2 * WAL_FRAME_SECTOR_BYTES];
    char path[FILE_PATH_MAX];
    struct disk_file *f = NULL;
    uint64_t syncs = 0;

    must(disk_path(str_from_c(parent), STR("wal_bench.tmp"), path));
    must(disk_open(disk_real(), str_from_c(path), DISK_REPLACE, &f));
    must(disk_reserve(f, WAL_RESERVE_BYTES));
    usec begun = clock_monotonic();
    for (; clock_monotonic() < begun + ROUND_USEC; syncs++) {
        must(disk_write_at(f, (str){sectors, sizeof(sectors)}, syncs * sizeof(sectors)));
        must(disk_sync(f));
    }
    double seconds = (double)(clock_monotonic() - begun) / 1e6;
    printf("the disk alone        %8.0f syncs/s\n", (double)syncs / seconds);
    disk_close(f);
    unlink(path);
}

int main(int argc, char **argv)
{
    const char *parent = argc > 1 ? argv[1] : "build";

    measure_disk(parent);
    measure(parent, 1, 1, false);
    measure(parent, 1, 8, false);
    measure(parent, 1, GROUP_MAX, false);
    measure(parent, 8, 1, false);
    measure(parent, THREADS_MAX, 1, false);
    measure(parent, 8, GROUP_MAX, true);
    return 0;
}
