// A pipeline is killed at random moments, over and over, until it is done. PIPELINE_KILLS in the
// environment asks for more of them. A kill takes the process and nothing else: what a system call
// wrote is there afterwards, synced or not.
#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/ingest/pipeline.h"

#include "support/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DIM = 2, CHUNKS = 3000, KILLS = 30, ROWS_A_COMMIT = 64, BATCH = 8, ROUNDS_MAX = 400 };

// The sink's file: a line of this a row, and one with the mark as its key a commit.
struct line {
    uint64_t key;
    uint64_t is_commit;
};

// Seen by the children and by who kills them.
struct shared {
    atomic_uint embeds[CHUNKS]; // calls that had the chunk
};

struct job {
    struct chunk_source source;
    struct embedder embedder;
    struct chunk_sink sink;
    struct shared *shared;
    char texts[64][24];
    uint64_t told;
    int fd; // of the sink's file
    char folder[40];
    char sink_path[64];
    char journal_path[64];
};

static err next_chunks(struct chunk_source *source, struct chunk *out, size_t max,
                       const atomic_bool *cancel, size_t *count)
{
    struct job *job = container_of(source, struct job, source);
    size_t n = 0;

    if (atomic_load(cancel)) return ERR_CANCELED;
    while (n < max && n < 64 && job->told < CHUNKS) {
        int len = snprintf(job->texts[n], sizeof(job->texts[n]), "%d", (int)job->told);
        out[n] = (struct chunk){.key = job->told++, .text = {job->texts[n], (size_t)len}};
        n++;
    }
    *count = n;
    return n ? OK : ERR_EOF;
}

static err embed_texts(struct embedder *e, const str *texts, size_t count, float *out,
                       const struct embed_limits *limits)
{
    struct job *job = container_of(e, struct job, embedder);

    (void)limits;
    for (size_t i = 0; i < count; i++) {
        uint64_t key = 0;
        if (!str_to_u64(texts[i], CHUNKS - 1, &key)) return ERR_SYNTAX;
        atomic_fetch_add(&job->shared->embeds[key], 1);
        out[i * DIM] = out[i * DIM + 1] = (float)key;
    }
    usleep(200);
    return OK;
}

static err append(struct job *job, const struct line *lines, size_t count)
{
    size_t bytes = count * sizeof(*lines);

    return write(job->fd, lines, bytes) == (ssize_t)bytes ? OK : ERR_SYSTEM;
}

static err put_rows(struct chunk_sink *sink, const struct chunk_row *rows, size_t count)
{
    struct job *job = container_of(sink, struct job, sink);
    struct line lines[BATCH];

    for (size_t i = 0; i < count; i++) {
        lines[i] = (struct line){.key = rows[i].chunk.key};
    }
    return append(job, lines, count);
}

static err commit_rows(struct chunk_sink *sink, uint64_t mark)
{
    struct job *job = container_of(sink, struct job, sink);
    struct line line = {.key = mark, .is_commit = 1};

    TRY(append(job, &line, 1));
    return fdatasync(job->fd) < 0 ? ERR_SYSTEM : OK;
}

// Counts rows that were committed, by key; returns the bytes of the file up to the last commit.
static off_t read_sink(const struct job *job, uint8_t *rows, uint64_t *mark)
{
    struct line line = {0};
    uint64_t open_keys[CHUNKS * 2];
    size_t open_count = 0;
    off_t at = 0;
    off_t committed = 0;

    *mark = 0;
    memset(rows, 0, CHUNKS);
    while (pread(job->fd, &line, sizeof(line), at) == (ssize_t)sizeof(line)) {
        at += (off_t)sizeof(line);
        if (!line.is_commit) {
            open_keys[open_count++] = line.key;
            continue;
        }
        for (size_t i = 0; i < open_count; i++) {
            rows[open_keys[i]]++;
        }
        open_count = 0;
        *mark = line.key;
        committed = at;
    }
    return committed;
}

static void set_up(struct job *job, bool keeps_marks)
{
    *job = (struct job){
        .source = {.count = CHUNKS, .next = next_chunks},
        .embedder = {.embed = embed_texts,
                     .name = STR("count"),
                     .version = STR("1"),
                     .dim = DIM,
                     .batch_max = BATCH,
                     .text_bytes_max = 100},
        .sink = {.put = put_rows, .commit = commit_rows, .keeps_marks = keeps_marks},
        .folder = "/tmp/sluice-kill-XXXXXX",
    };
    void *room = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED);
    job->shared = room;
    CHECK(mkdtemp(job->folder) != NULL);
    snprintf(job->sink_path, sizeof(job->sink_path), "%s/sink", job->folder);
    snprintf(job->journal_path, sizeof(job->journal_path), "%s/journal", job->folder);
    job->fd = open(job->sink_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    CHECK(job->fd >= 0);
}

static void clean_up(struct job *job)
{
    close(job->fd);
    unlink(job->sink_path);
    unlink(job->journal_path);
    CHECK_EQ(rmdir(job->folder), 0);
    munmap(job->shared, sizeof(struct shared));
}

// What a child does: takes the job up where it is. Its checks are its exit status.
static err work(struct job *job)
{
    struct pipeline_options options = PIPELINE_DEFAULTS;
    struct journal_options remembered = {.stamp = embed_stamp(&job->embedder)};
    struct pipeline *pipeline = NULL;
    struct journal journal;
    uint8_t rows[CHUNKS];
    uint64_t mark = 0;
    off_t committed = read_sink(job, rows, &mark);

    if (ftruncate(job->fd, committed) < 0) return ERR_SYSTEM;
    if (job->sink.keeps_marks) job->sink.mark = mark;
    remembered.keeps_marks = job->sink.keeps_marks;
    remembered.mark = job->sink.mark;
    TRY(journal_open(&journal, str_from_c(job->journal_path), &remembered));
    options.source = &job->source;
    options.embedder = &job->embedder;
    options.sink = &job->sink;
    options.journal = &journal;
    options.workers = 4;
    options.commit_rows = ROWS_A_COMMIT;
    TRY(pipeline_new(&options, &pipeline));
    return pipeline_run(pipeline);
}

// Runs a child that is killed after so long, if it isn't done. True if it was.
static bool run_for(struct job *job, useconds_t span)
{
    int status = 0;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) _exit((int)work(job));
    usleep(span);
    kill(child, SIGKILL);
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        CHECK_EQ(WTERMSIG(status), SIGKILL);
        return false;
    }
    CHECK_EQ(WEXITSTATUS(status), OK);
    return true;
}

// Has the job done under kills; returns how many there were. After each, whatever is committed is
// never embedded again by a sink with marks.
static unsigned do_under_kills(struct job *job, struct random *r)
{
    unsigned embeds[CHUNKS] = {0}; // at the kill after which the chunk was found committed
    bool is_committed[CHUNKS] = {0};
    uint8_t rows[CHUNKS];
    uint64_t mark = 0;
    unsigned kills = 0;
    bool is_done = false;

    for (unsigned round = 0; round < ROUNDS_MAX && !is_done; round++) {
        useconds_t span = (useconds_t)random_below(r, 40'000) + (round > 50 ? 500'000 : 0);
        is_done = run_for(job, span);
        kills += !is_done;
        (void)read_sink(job, rows, &mark);
        for (size_t key = 0; key < CHUNKS; key++) {
            unsigned now = atomic_load(&job->shared->embeds[key]);
            if (is_committed[key] && job->sink.keeps_marks) CHECK_EQ(now, embeds[key]);
            if (rows[key] > 0) is_committed[key] = true;
            embeds[key] = now;
        }
    }
    CHECK(is_done);
    return kills;
}

static unsigned kills_wanted(void)
{
    uint64_t wanted = KILLS;

    (void)str_to_u64(str_from_c(getenv("PIPELINE_KILLS")), 1'000'000, &wanted);
    return (unsigned)wanted;
}

TEST(pipeline_kill_at_any_moment_neither_repeats_nor_loses_a_chunk)
{
    unsigned kills = 0;
    struct random r;

    random_init(&r, test_seed());
    while (kills < kills_wanted()) {
        struct job job;
        uint8_t rows[CHUNKS];
        uint64_t mark = 0;
        set_up(&job, true);
        kills += do_under_kills(&job, &r);
        (void)read_sink(&job, rows, &mark);
        for (size_t key = 0; key < CHUNKS; key++) {
            CHECK_EQ(rows[key], 1);
        }
        clean_up(&job);
    }
}

TEST(pipeline_kill_before_a_sink_without_marks_repeats_a_commit_at_most)
{
    unsigned kills = 0;
    struct random r;

    random_init(&r, test_seed());
    while (kills < kills_wanted()) {
        struct job job;
        uint8_t rows[CHUNKS];
        uint64_t mark = 0;
        size_t repeated = 0;
        set_up(&job, false);
        unsigned killed = do_under_kills(&job, &r);
        (void)read_sink(&job, rows, &mark);
        for (size_t key = 0; key < CHUNKS; key++) {
            CHECK(rows[key] >= 1);
            repeated += (size_t)(rows[key] - 1);
        }
        CHECK(repeated <= (size_t)killed * (ROWS_A_COMMIT + BATCH));
        kills += killed;
        clean_up(&job);
    }
}
