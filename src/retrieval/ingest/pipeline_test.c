// Crosses threads.
#include "base/list.h"
#include "base/memory.h"
#include "retrieval/ingest/content_hash.h"
#include "retrieval/ingest/pipeline_private.h"

#include "support/test.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIM = 3, KEYS_MAX = 4000, TEXT_MAX = 40'000, TOLD_ONCE = 7 };

// What happens to a text is in its first letter.
enum letter { FINE = 'a', BAD = 'b', BAD_NUMBERS = 'n', DENIED = 'd', PASSING = 'p' };

// All ports of a pipeline in one.
struct stage {
    struct chunk_source source;
    struct embedder embedder;
    struct chunk_sink sink;
    struct ingest_clock clock;
    struct pipeline_listener listener;
    struct pipeline_options options;
    struct pipeline *pipeline;
    struct journal journal;
    char letters[KEYS_MAX]; // of the texts
    size_t text_len;        // longest of them
    uint64_t told;
    uint64_t tell_max;
    uint64_t keys;         // told again after so many
    err source_error;      // at the end
    bool waits_for_commit; // before the end
    atomic_ullong embeds;  // texts of calls that succeeded
    atomic_ullong embed_sleep_us;
    atomic_int passing_left; // calls that fail with ERR_AGAIN
    atomic_llong now;
    atomic_llong slept;
    atomic_uint sleeps;
    uint8_t stored[KEYS_MAX]; // times that a key was put
    atomic_ullong wrong;      // rows that are not what was told
    atomic_uint deaf;         // calls on threads that a fault would kill
    atomic_uint interrupted;  // calls on threads that other signals may hit
    uint64_t uncommitted;
    atomic_ullong commits;
    uint64_t commit_fails_at; // counts commits; 0 for never
    uint64_t put_fails_at;
    uint64_t puts;
    uint64_t cancel_at; // counts puts
    err failures[KEYS_MAX];
    uint64_t failure_count;
    uint64_t progress_count;
    usec last_progress;
    struct pipeline_progress progress;
};

static char text_of_key[TEXT_MAX];

// The text of a key: its letter, and as many more as the key says.
static str text_of(const struct stage *s, uint64_t key, char *room)
{
    size_t len = 1 + (size_t)(random_mix(key) % s->text_len);

    memset(room, 'x', len);
    room[0] = s->letters[key];
    if (len > 8) memcpy(room + 1, &key, 4);
    return (str){room, len};
}

// What the reader and the workers let through.
static void note_signals(struct stage *s)
{
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    s->deaf += sigismember(&blocked, SIGBUS) != 0;
    s->interrupted += sigismember(&blocked, SIGTERM) == 0;
}

static err next_chunks(struct chunk_source *source, struct chunk *out, size_t max,
                       const atomic_bool *cancel, size_t *count)
{
    struct stage *s = container_of(source, struct stage, source);
    size_t n = 0;

    note_signals(s);
    if (atomic_load(cancel)) return ERR_CANCELED;
    size_t most = s->text_len > 1000 ? 1 : TOLD_ONCE;
    static char rooms[TOLD_ONCE][TEXT_MAX];
    while (n < most && n < max && s->told < s->tell_max) {
        uint64_t key = s->told % s->keys;
        out[n] = (struct chunk){.key = key, .attributes = STR("attr")};
        out[n].text = text_of(s, key, rooms[n]);
        s->told++;
        n++;
    }
    while (n == 0 && s->waits_for_commit && atomic_load(&s->commits) == 0) {
        usleep(200);
    }
    if (n == 0) return s->source_error ? s->source_error : ERR_EOF;
    *count = n;
    return OK;
}

static err embed_texts(struct embedder *e, const str *texts, size_t count, float *out,
                       const struct embed_limits *limits)
{
    struct stage *s = container_of(e, struct stage, embedder);
    unsigned long long sleep_us = atomic_load(&s->embed_sleep_us);

    size_t bytes = 0;

    note_signals(s);
    if (sleep_us) usleep((useconds_t)sleep_us);
    for (size_t i = 0; i < count; i++) {
        bytes += texts[i].len;
    }
    if (count > e->batch_max || (e->batch_bytes_max > 0 && bytes > e->batch_bytes_max)) s->wrong++;
    if (atomic_load(limits->cancel)) return ERR_CANCELED;
    for (size_t i = 0; i < count; i++) {
        char letter = texts[i].ptr[0];
        if (letter == BAD) return ERR_SYNTAX;
        if (letter == DENIED) return ERR_DENIED;
        if (letter == PASSING && atomic_fetch_sub(&s->passing_left, 1) > 0) return ERR_AGAIN;
        out[i * DIM] = (float)texts[i].len;
        out[i * DIM + 1] = letter == BAD_NUMBERS ? NAN : (float)letter;
        out[i * DIM + 2] = (float)(content_hash(texts[i], 0) >> 40);
    }
    atomic_fetch_add(&s->embeds, count);
    return OK;
}

static err put_rows(struct chunk_sink *sink, const struct chunk_row *rows, size_t count)
{
    struct stage *s = container_of(sink, struct stage, sink);

    s->puts++;
    if (s->puts == s->put_fails_at) return ERR_SYSTEM;
    if (s->puts == s->cancel_at) pipeline_cancel(s->pipeline);
    for (size_t i = 0; i < count; i++) {
        const struct chunk_row *row = &rows[i];
        str want = text_of(s, row->chunk.key, text_of_key);
        uint64_t hash = content_hash(want, 0);
        if (!str_eq(row->chunk.text, want) || row->hash != hash) s->wrong++;
        if (!str_eq(row->chunk.attributes, STR("attr"))) s->wrong++;
        if (row->vector[0] < (float)want.len || row->vector[0] > (float)want.len) s->wrong++;
        float low = row->vector[2] - (float)(hash >> 40);
        if (low < 0 || low > 0) s->wrong++;
        s->stored[row->chunk.key]++;
    }
    s->uncommitted += count;
    return OK;
}

static err commit_rows(struct chunk_sink *sink, uint64_t mark)
{
    struct stage *s = container_of(sink, struct stage, sink);

    s->commits++;
    if (s->commits == s->commit_fails_at) return ERR_SYSTEM;
    if (mark != sink->mark + 1) s->wrong++;
    sink->mark = mark;
    s->uncommitted = 0;
    return OK;
}

static usec tell_now(struct ingest_clock *c)
{
    struct stage *s = container_of(c, struct stage, clock);

    return (usec)atomic_fetch_add(&s->now, 10);
}

static void sleep_at_once(struct ingest_clock *c, usec span)
{
    struct stage *s = container_of(c, struct stage, clock);

    atomic_fetch_add(&s->now, span);
    atomic_fetch_add(&s->slept, span);
    atomic_fetch_add(&s->sleeps, 1);
}

static void hear_progress(struct pipeline_listener *l, const struct pipeline_progress *p)
{
    struct stage *s = container_of(l, struct stage, listener);
    usec at = (usec)atomic_load(&s->now);

    if (s->progress_count > 0 && at - s->last_progress < s->options.progress_us) s->wrong++;
    s->last_progress = at;
    s->progress_count++;
    s->progress = *p;
}

static void hear_failed(struct pipeline_listener *l, uint64_t key, err why)
{
    struct stage *s = container_of(l, struct stage, listener);

    s->failures[key] = why;
    s->failure_count++;
}

static struct stage *set_up(uint64_t chunks)
{
    struct stage *s = memory_new(struct stage);

    memset(s->letters, FINE, sizeof(s->letters));
    s->text_len = 200;
    s->tell_max = chunks;
    s->keys = KEYS_MAX;
    s->source = (struct chunk_source){.count = chunks, .next = next_chunks};
    s->embedder = (struct embedder){.embed = embed_texts,
                                    .name = STR("test"),
                                    .version = STR("1"),
                                    .dim = DIM,
                                    .batch_max = 16,
                                    .text_bytes_max = TEXT_MAX};
    s->sink = (struct chunk_sink){.put = put_rows, .commit = commit_rows};
    s->clock = (struct ingest_clock){.now = tell_now, .sleep = sleep_at_once};
    s->listener = (struct pipeline_listener){.progress = hear_progress, .failed = hear_failed};
    s->options = PIPELINE_DEFAULTS;
    s->options.source = &s->source;
    s->options.embedder = &s->embedder;
    s->options.sink = &s->sink;
    s->options.clock = &s->clock;
    s->options.listener = &s->listener;
    s->options.workers = 4;
    s->options.commit_rows = 100;
    s->options.progress_us = 1000;
    return s;
}

static unsigned thread_count(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");

    CHECK(tasks != NULL);
    while (readdir(tasks)) {
        count++;
    }
    closedir(tasks);
    return count;
}

static void *tell_number(void *arg)
{
    *(pid_t *)arg = gettid();
    return NULL;
}

// A sanitizer may start a thread of its own with the first one of the program. And the kernel may
// take a moment to forget one that was joined, which must not be counted.
static void start_first_thread(void)
{
    char path[64];
    pid_t number = 0;
    pthread_t first;

    CHECK_EQ(pthread_create(&first, NULL, tell_number, &number), 0);
    pthread_join(first, NULL);
    snprintf(path, sizeof(path), "/proc/self/task/%d", (int)number);
    for (int i = 0; i < 5000 && access(path, F_OK) == 0; i++) {
        usleep(1000);
    }
    CHECK(access(path, F_OK) != 0);
}

// Runs it, and sees that no thread and no buffer is left.
static err run(struct stage *s)
{
    start_first_thread();
    unsigned before = thread_count();

    CHECK_EQ(pipeline_new(&s->options, &s->pipeline), OK);
    err e = pipeline_run(s->pipeline);
    // The kernel may take a moment to forget a thread that was joined.
    for (int i = 0; i < 5000 && thread_count() != before; i++) {
        usleep(1000);
    }
    CHECK_EQ(thread_count(), before);
    CHECK_EQ(buffer_pool_stats(&s->pipeline->texts).lent_count, 0);
    s->progress = pipeline_progress(s->pipeline);
    pipeline_free(s->pipeline);
    s->pipeline = NULL;
    CHECK_EQ(s->wrong, 0);
    return e;
}

static uint64_t stored_times(const struct stage *s, uint8_t times)
{
    uint64_t count = 0;

    for (uint64_t key = 0; key < s->tell_max; key++) {
        count += s->stored[key] == times;
    }
    return count;
}

TEST(pipeline_stores_each_chunk_once_whatever_its_shape)
{
    static const struct {
        unsigned workers;
        uint32_t batch_max;
        uint32_t queue_max;
        uint32_t commit_rows;
    } rows[] = {
        {1, 1, 1, 1}, {1, 16, 100, 100}, {4, 3, 2, 7}, {32, 16, 300, 1000}, {64, 64, 9, 50}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stage *s = set_up(2000);
        s->options.workers = rows[i].workers;
        s->options.queue_max = rows[i].queue_max;
        s->options.commit_rows = rows[i].commit_rows;
        s->embedder.batch_max = rows[i].batch_max;
        CHECK_EQ(run(s), OK);
        CHECK_EQ(stored_times(s, 1), 2000);
        CHECK_EQ(s->uncommitted, 0);
        CHECK_EQ(s->progress.done, 2000);
        CHECK_EQ(s->progress.read, 2000);
        CHECK(s->commits <= 2000 / rows[i].commit_rows + 1);
        memory_free(s);
    }
}

// A source reads a mapped file: the signal that tells of a page that is gone must reach its thread.
TEST(pipeline_threads_hear_of_faults_and_of_no_other_signal)
{
    struct stage *s = set_up(100);

    CHECK_EQ(run(s), OK);
    CHECK_EQ(s->deaf, 0);
    CHECK_EQ(s->interrupted, 0);
    memory_free(s);
}

TEST(pipeline_of_nothing_ends_well)
{
    struct stage *s = set_up(0);

    CHECK_EQ(run(s), OK);
    CHECK_EQ(s->commits, 0);
    memory_free(s);
}

TEST(pipeline_commits_rows_that_wait_for_others_in_vain)
{
    struct stage *s = set_up(10);

    s->options.clock = &ingest_clock;
    s->options.listener = NULL;
    s->options.commit_us = 5000;
    s->waits_for_commit = true;
    CHECK_EQ(run(s), OK);
    CHECK_EQ(s->progress.done, 10);
    memory_free(s);
}

TEST(pipeline_keeps_texts_under_way_within_their_memory)
{
    struct stage *s = set_up(500);

    s->text_len = TEXT_MAX;
    s->options.text_memory_max = 100'000;
    s->embedder.batch_bytes_max = 60'000;
    CHECK_EQ(run(s), OK);
    CHECK_EQ(stored_times(s, 1), 500);
    CHECK(s->progress.text_memory_peak > 40'000);
    CHECK(s->progress.text_memory_peak <= 100'000);
    memory_free(s);
}

TEST(pipeline_gives_up_a_text_that_is_too_long_without_a_call)
{
    struct stage *s = set_up(100);

    s->text_len = 1000;
    s->embedder.text_bytes_max = 500;
    CHECK_EQ(run(s), OK);
    CHECK_EQ(s->failure_count + stored_times(s, 1), 100);
    CHECK(s->failure_count > 10);
    CHECK_EQ(atomic_load(&s->embeds), stored_times(s, 1));
    for (uint64_t key = 0; key < 100; key++) {
        CHECK(s->failures[key] == (text_of(s, key, text_of_key).len > 500 ? ERR_LIMIT : OK));
    }
    memory_free(s);
}

TEST(pipeline_finds_the_texts_that_no_call_takes)
{
    struct stage *s = set_up(1600);

    for (uint64_t key = 0; key < 1600; key += 97) {
        s->letters[key] = BAD;
    }
    s->letters[5] = BAD_NUMBERS;
    CHECK_EQ(run(s), OK);
    CHECK_EQ(s->failure_count, 18);
    CHECK_EQ(s->progress.failed, 18);
    CHECK_EQ(s->failures[97], ERR_SYNTAX);
    CHECK_EQ(s->failures[5], ERR_RANGE);
    CHECK_EQ(stored_times(s, 1), 1600 - 18);
    CHECK_EQ(stored_times(s, 0), 18);
    memory_free(s);
}

TEST(pipeline_halves_a_batch_no_more_than_it_must)
{
    struct stage *s = set_up(16);

    // One worker that sleeps first gets all at once.
    s->options.workers = 1;
    s->letters[0] = FINE;
    s->letters[9] = BAD;
    atomic_store(&s->embed_sleep_us, 1000);
    CHECK_EQ(run(s), OK);
    CHECK_EQ(s->failure_count, 1);
    CHECK(s->progress.calls <= 3 + 2 * 4); // three batches at most, as the source tells 7 at once
    memory_free(s);
}

TEST(pipeline_calls_again_after_a_pause_what_may_pass)
{
    struct stage *s = set_up(1);

    s->letters[0] = PASSING;
    atomic_store(&s->passing_left, 3);
    s->options.retry = (struct pipeline_retry){4, 100'000, 250'000};
    CHECK_EQ(run(s), OK);
    CHECK_EQ(stored_times(s, 1), 1);
    CHECK_EQ(s->progress.calls, 4);
    // Pauses of up to 100, 200 and 250 ms, and at least half of that.
    CHECK(atomic_load(&s->slept) >= 275'000 - 100 && atomic_load(&s->slept) <= 550'000);
    CHECK(atomic_load(&s->sleeps) >= 275'000 / 20'000);
    memory_free(s);
}

TEST(pipeline_gives_up_what_does_not_pass_and_does_not_halve_it)
{
    struct stage *s = set_up(1);

    s->letters[0] = PASSING;
    atomic_store(&s->passing_left, 100);
    s->options.retry.attempts = 3;
    CHECK_EQ(run(s), OK);
    CHECK_EQ(s->failures[0], ERR_AGAIN);
    CHECK_EQ(s->progress.calls, 3);
    CHECK_EQ(s->commits, 0);
    memory_free(s);
}

TEST(pipeline_does_not_ask_each_text_where_all_are_refused)
{
    struct stage *s = set_up(640);

    memset(s->letters, DENIED, sizeof(s->letters));
    s->embedder.batch_max = 64;
    atomic_store(&s->embed_sleep_us, 200);
    CHECK_EQ(run(s), OK);
    CHECK_EQ(s->failure_count, 640);
    CHECK(s->progress.calls <= 640 / TOLD_ONCE + 1);
    CHECK_EQ(atomic_load(&s->sleeps), 0);
    memory_free(s);
}

TEST(pipeline_ends_at_one_failure_too_many_if_asked)
{
    struct stage *s = set_up(KEYS_MAX);

    s->options.failed_max = 2;
    s->letters[100] = s->letters[200] = BAD;
    CHECK_EQ(run(s), OK);
    memory_free(s);
    s = set_up(KEYS_MAX);
    s->options.failed_max = 2;
    s->letters[100] = s->letters[200] = s->letters[300] = BAD;
    CHECK_EQ(run(s), ERR_SYNTAX);
    CHECK_EQ(s->uncommitted, 0); // what was put is committed
    CHECK(s->progress.done > 0 && s->progress.done == stored_times(s, 1));
    memory_free(s);
}

TEST(pipeline_canceled_at_any_time_leaves_nothing_behind)
{
    struct random r;

    random_init(&r, test_seed());
    for (int i = 0; i < 40; i++) {
        struct stage *s = set_up(KEYS_MAX);
        s->options.workers = 1 + (unsigned)random_below(&r, 12);
        s->options.queue_max = 1 + (uint32_t)random_below(&r, 50);
        s->options.text_memory_max = 256 + (size_t)random_below(&r, 40'000);
        s->cancel_at = 1 + random_below(&r, 100);
        atomic_store(&s->embed_sleep_us, random_below(&r, 200));
        CHECK_EQ(run(s), ERR_CANCELED);
        CHECK_EQ(s->uncommitted, 0);
        CHECK_EQ(stored_times(s, 1), s->progress.done);
        memory_free(s);
    }
}

static void *cancel_soon(void *arg)
{
    struct stage *s = arg;

    usleep(3000);
    pipeline_cancel(s->pipeline);
    return NULL;
}

TEST(pipeline_canceled_while_workers_pause_does_not_wait_for_them)
{
    struct stage *s = set_up(KEYS_MAX);
    pthread_t thread;

    memset(s->letters, PASSING, sizeof(s->letters));
    atomic_store(&s->passing_left, 1 << 30);
    s->options.clock = &ingest_clock;
    s->options.progress_us = 3'600'000'000;
    s->options.retry = (struct pipeline_retry){100, 600'000'000, 600'000'000};
    CHECK_EQ(pipeline_new(&s->options, &s->pipeline), OK);
    CHECK_EQ(pthread_create(&thread, NULL, cancel_soon, s), 0);
    CHECK_EQ(pipeline_run(s->pipeline), ERR_CANCELED);
    pthread_join(thread, NULL);
    CHECK(pipeline_progress(s->pipeline).elapsed_us < 30'000'000);
    pipeline_free(s->pipeline);
    memory_free(s);
}

TEST(pipeline_canceled_before_it_runs_ends_at_once)
{
    struct stage *s = set_up(KEYS_MAX);

    CHECK_EQ(pipeline_new(&s->options, &s->pipeline), OK);
    pipeline_cancel(s->pipeline);
    CHECK_EQ(pipeline_run(s->pipeline), ERR_CANCELED);
    pipeline_free(s->pipeline);
    CHECK_EQ(s->commits, 0);
    memory_free(s);
}

TEST(pipeline_ends_with_the_error_of_its_source_after_all_that_was_told)
{
    struct stage *s = set_up(1000);

    s->source_error = ERR_DENIED;
    CHECK_EQ(run(s), ERR_DENIED);
    CHECK_EQ(stored_times(s, 1), 1000);
    CHECK_EQ(s->progress.done, 1000);
    memory_free(s);
}

TEST(pipeline_ends_with_the_error_of_its_sink_and_commits_no_more)
{
    struct stage *s = set_up(1000);

    s->put_fails_at = 20;
    CHECK_EQ(run(s), ERR_SYSTEM);
    CHECK_EQ(s->puts, 20);
    CHECK(s->progress.done < 1000);
    memory_free(s);
    s = set_up(1000);
    s->commit_fails_at = 3;
    CHECK_EQ(run(s), ERR_SYSTEM);
    CHECK_EQ(s->commits, 3);
    CHECK(s->progress.done >= 200 && s->progress.done < 1000);
    memory_free(s);
}

TEST(pipeline_tells_progress_and_what_is_left)
{
    struct stage *s = set_up(KEYS_MAX);

    s->options.commit_rows = 10;
    CHECK_EQ(run(s), OK);
    CHECK(s->progress_count > 2);
    CHECK_EQ(s->progress.left_us, 0);
    CHECK(s->progress.done_per_s > 0);
    memory_free(s);
    s = set_up(1000);
    s->source.count = 3000;
    CHECK_EQ(run(s), OK);
    double want = 2000 / s->progress.done_per_s * 1e6;
    CHECK((double)s->progress.left_us > want - 2 && (double)s->progress.left_us < want + 2);
    memory_free(s);
    s = set_up(1000);
    s->source.count = 0;
    CHECK_EQ(run(s), OK);
    CHECK_EQ(s->progress.left_us, TIME_NEVER);
    memory_free(s);
}

TEST(pipeline_refuses_numbers_that_make_no_sense)
{
    struct stage *s = set_up(1);
    struct pipeline_options good = s->options;

    s->options.workers = PIPELINE_WORKERS_MAX + 1;
    CHECK_EQ(pipeline_new(&s->options, &s->pipeline), ERR_RANGE);
    s->options = good;
    s->options.queue_max = 0;
    CHECK_EQ(pipeline_new(&s->options, &s->pipeline), ERR_RANGE);
    s->options = good;
    s->options.retry.attempts = 0;
    CHECK_EQ(pipeline_new(&s->options, &s->pipeline), ERR_RANGE);
    s->options = good;
    s->embedder.dim = 0;
    CHECK_EQ(pipeline_new(&s->options, &s->pipeline), ERR_RANGE);
    memory_free(s);
}

// They are added to the time.
TEST(pipeline_refuses_spans_without_an_end)
{
    static const size_t spans[] = {offsetof(struct pipeline_options, call_us),
                                   offsetof(struct pipeline_options, commit_us),
                                   offsetof(struct pipeline_options, progress_us),
                                   offsetof(struct pipeline_options, retry.delay_us),
                                   offsetof(struct pipeline_options, retry.delay_max_us)};
    static const usec wrong[] = {-1, TIME_NEVER};
    struct stage *s = set_up(1);
    struct pipeline_options good = s->options;

    for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
        for (size_t k = 0; k < 2; k++) {
            s->options = good;
            memcpy((char *)&s->options + spans[i], &wrong[k], sizeof(usec));
            CHECK_EQ(pipeline_new(&s->options, &s->pipeline), ERR_RANGE);
        }
    }
    memory_free(s);
}

static void open_journal(struct stage *s, const char *path)
{
    struct journal_options options = {.stamp = embed_stamp(&s->embedder)};

    options.keeps_marks = s->sink.keeps_marks;
    options.mark = s->sink.mark;
    CHECK_EQ(journal_open(&s->journal, str_from_c(path), &options), OK);
    s->options.journal = &s->journal;
}

TEST(pipeline_with_a_journal_embeds_only_what_is_new_changed_or_failed)
{
    char folder[] = "/tmp/sluice-pipeline-XXXXXX";
    char path[64];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/journal", folder);

    for (int keeps_marks = 0; keeps_marks < 2; keeps_marks++) {
        struct stage *s = set_up(1000);
        s->sink.keeps_marks = keeps_marks;
        s->letters[7] = BAD;
        open_journal(s, path);
        CHECK_EQ(run(s), OK);
        journal_close(&s->journal);
        CHECK_EQ(atomic_load(&s->embeds), 999);

        s->told = 0;
        s->tell_max = 1100;
        s->letters[7] = FINE; // mended
        s->letters[8] = 'c';  // changed
        open_journal(s, path);
        CHECK_EQ(run(s), OK);
        journal_close(&s->journal);
        CHECK_EQ(atomic_load(&s->embeds), 999 + 102);
        CHECK_EQ(s->progress.skipped, 998);
        CHECK_EQ(stored_times(s, 1), 1099);
        CHECK_EQ(s->stored[8], 2);

        if (keeps_marks) {
            open_journal(s, path);
            s->sink.mark++;
            CHECK_EQ(pipeline_new(&s->options, &s->pipeline), ERR_RANGE);
            journal_close(&s->journal);
        }
        memory_free(s);
        unlink(path);
    }
    rmdir(folder);
}

TEST(pipeline_with_a_journal_stores_a_chunk_once_that_is_told_often)
{
    char folder[] = "/tmp/sluice-pipeline-XXXXXX";
    char path[64];
    struct stage *s = set_up(400);

    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/journal", folder);
    s->keys = 20;
    open_journal(s, path);
    CHECK_EQ(run(s), OK);
    journal_close(&s->journal);
    CHECK_EQ(stored_times(s, 1), 20);
    CHECK_EQ(s->progress.skipped, 380);
    memory_free(s);
    unlink(path);
    rmdir(folder);
}
