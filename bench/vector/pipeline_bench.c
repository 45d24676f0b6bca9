// How many chunks a second the pipeline brings from a source through an embedder to a sink, beside
// the form that comes to mind first: for each chunk a thread, a copy of the text and a vector of
// its own, and a call of the embedder for it alone. Both have as many calls at once.
//
// Texts are made of words that are made up: most of 40 to 120 words, one in a thousand of 4000. Two
// embedders: one computes (hashed trigrams, some ten microseconds of a processor a text), one waits
// like a service on another machine (5 ms a call and 20 us for each of its texts). The sink checks
// that every chunk comes once, with the vector of its text, and keeps nothing. CPU time is told
// beside the rate, because on a busy machine a form that always makes new threads gets more than
// its share.
//
//     pipeline_bench [CHUNKS [WORKERS]]
#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/ingest/pipeline.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BENCH_CHUNKS = 1'000'000,
    BENCH_WORKERS = 32,
    BENCH_NAIVE_PART = 50, // the naive form gets one chunk of so many, on either side of the other
    BENCH_DIM = 256,
    BENCH_BATCH = 64,
    BENCH_SPREAD = 16, // components that a trigram changes
    BENCH_CALL_US = 5000,
    BENCH_TEXT_US = 20,
    BENCH_WORDS = 4096,
    BENCH_WORD_MAX = 12,
    BENCH_LONG_ONE_IN = 1000,
    BENCH_LONG_WORDS = 4000,
    BENCH_TEXT_MAX = BENCH_LONG_WORDS * (BENCH_WORD_MAX + 1),
    BENCH_TOLD_MAX = 64,
    BENCH_CHECK_ONE_IN = 256,
    BENCH_TENTHS = 10,
    BENCH_SAMPLE_US = 20'000,
    BENCH_GROWTH_MAX = 8'000'000, // bytes, from the second tenth to the last
};

static char words[BENCH_WORDS][BENCH_WORD_MAX];
static uint8_t word_lens[BENCH_WORDS];

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Of all threads of the process, those that ended included.
static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(err e)
{
    if (!e) return;
    fprintf(stderr, "pipeline_bench: %s\n", err_text(e));
    exit(1);
}

static void must_hold(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "pipeline_bench: %s\n", what);
    exit(1);
}

// ---- texts

// Of one to three syllables and an ending.
static void make_words(void)
{
    static const char consonants[] = "bcdfghklmnprstvw";
    static const char vowels[] = "aeiou";
    struct random r;

    random_init(&r, 1);
    for (size_t i = 0; i < BENCH_WORDS; i++) {
        size_t len = 0;
        for (uint64_t left = 1 + random_below(&r, 3); left > 0; left--) {
            words[i][len++] = consonants[random_below(&r, sizeof(consonants) - 1)];
            words[i][len++] = vowels[random_below(&r, sizeof(vowels) - 1)];
        }
        words[i][len++] = consonants[random_below(&r, sizeof(consonants) - 1)];
        word_lens[i] = (uint8_t)len;
    }
}

// The text of a key, to `out`, which has room for BENCH_TEXT_MAX.
static size_t make_text(uint64_t key, char *out)
{
    struct random r;
    size_t len = 0;

    random_init(&r, key);
    uint64_t count = 40 + random_below(&r, 81);
    if (key % BENCH_LONG_ONE_IN == 0) count = BENCH_LONG_WORDS;
    for (; count > 0; count--) {
        size_t word = (size_t)(random_u64(&r) % BENCH_WORDS);
        memcpy(out + len, words[word], word_lens[word]);
        len += word_lens[word];
        out[len++] = ' ';
    }
    return len - 1;
}

struct bench_source {
    struct chunk_source source;
    uint64_t told;
    char *room; // of the texts told last
};

static err next_chunks(struct chunk_source *source, struct chunk *out, size_t max,
                       const atomic_bool *cancel, size_t *count)
{
    struct bench_source *s = container_of(source, struct bench_source, source);
    char *at = s->room;
    size_t n = 0;

    if (atomic_load_explicit(cancel, memory_order_relaxed)) return ERR_CANCELED;
    if (s->told == s->source.count) return ERR_EOF;
    for (; n < max && n < BENCH_TOLD_MAX && s->told < s->source.count; n++, s->told++) {
        size_t len = make_text(s->told, at);
        out[n] = (struct chunk){.key = s->told, .text = {at, len}};
        at += len;
    }
    *count = n;
    return OK;
}

static void source_init(struct bench_source *s, uint64_t count)
{
    *s = (struct bench_source){.source = {.count = count, .next = next_chunks}};
    s->room = memory_alloc_raw((size_t)BENCH_TOLD_MAX * BENCH_TEXT_MAX);
}

// ---- embedders

// Each three bytes in a row add to components that their hash picks.
static void embed_trigrams(str text, float *out)
{
    float squares = 0;

    memset(out, 0, BENCH_DIM * sizeof(*out));
    for (size_t i = 0; i + 3 <= text.len; i++) {
        uint32_t three = 0;
        memcpy(&three, text.ptr + i, 3);
        uint64_t bits = random_mix(three);
        for (unsigned k = 0; k < BENCH_SPREAD; k++) {
            out[(bits >> k * 3) % BENCH_DIM] += bits >> (48 + k) & 1 ? 1 : -1;
        }
    }
    for (size_t i = 0; i < BENCH_DIM; i++) {
        squares += out[i] * out[i];
    }
    for (size_t i = 0; i < BENCH_DIM && squares > 0; i++) {
        out[i] /= sqrtf(squares);
    }
}

static err embed_computing(struct embedder *e, const str *texts, size_t count, float *out,
                           const struct embed_limits *limits)
{
    (void)limits; // it is never long
    for (size_t i = 0; i < count; i++) {
        embed_trigrams(texts[i], out + i * e->dim);
    }
    return OK;
}

// What a service would answer is of no interest: lengths stand for vectors.
static err embed_waiting(struct embedder *e, const str *texts, size_t count, float *out,
                         const struct embed_limits *limits)
{
    long ns = 1000L * (BENCH_CALL_US + BENCH_TEXT_US * (long)count);
    struct timespec span = {.tv_nsec = ns};

    (void)limits; // it is never long
    nanosleep(&span, NULL);
    for (size_t i = 0; i < count; i++) {
        memset(out + i * e->dim, 0, e->dim * sizeof(*out));
        out[i * e->dim] = (float)texts[i].len;
    }
    return OK;
}

// ---- the sink

struct bench_sink {
    struct chunk_sink sink;
    uint8_t *seen; // by key
    uint64_t count;
    bool computes;
};

static void check_vector(const struct bench_sink *s, const struct chunk_row *row)
{
    float wanted[BENCH_DIM] = {(float)row->chunk.text.len};

    if (s->computes && row->chunk.key % BENCH_CHECK_ONE_IN == 0) {
        embed_trigrams(row->chunk.text, wanted);
        must_hold(memcmp(wanted, row->vector, sizeof(wanted)) == 0, "another text's vector");
    }
    if (!s->computes) must_hold(row->vector[0] == wanted[0], "another text's vector");
}

static err put(struct chunk_sink *sink, const struct chunk_row *rows, size_t count)
{
    struct bench_sink *s = container_of(sink, struct bench_sink, sink);

    for (size_t i = 0; i < count; i++) {
        must_hold(!s->seen[rows[i].chunk.key]++, "a chunk came twice");
        check_vector(s, &rows[i]);
    }
    s->count += count;
    return OK;
}

static err commit(struct chunk_sink *sink, uint64_t mark)
{
    sink->mark = mark;
    return OK;
}

// ---- what the process holds

struct held {
    uint64_t resident_bytes;
    unsigned threads;
    unsigned descriptors;
};

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (!file) return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static unsigned entries(const char *folder)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);

    if (!dir) return 0;
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count - 2; // itself and its parent
}

static struct held held_now(void)
{
    return (struct held){resident_bytes(), entries("/proc/self/task"),
                         entries("/proc/self/fd") - 1}; // by which they are counted
}

// ---- both forms

struct bench {
    struct bench_source source;
    struct embedder embedder;
    struct bench_sink sink;
    struct pipeline_listener listener;
    unsigned workers;
    bool computes;
    uint64_t tenths[BENCH_TENTHS]; // most resident bytes in each tenth of a run
    uint64_t peak_bytes;
    double began_s;
    double began_cpu_s;
    double per_s;
    double cpu_us; // a chunk
};

static void sample(struct bench *b, uint64_t done)
{
    uint64_t bytes = resident_bytes();
    size_t tenth = (size_t)(done * BENCH_TENTHS / b->source.source.count);

    if (tenth == BENCH_TENTHS) tenth--;
    if (bytes > b->tenths[tenth]) b->tenths[tenth] = bytes;
    if (bytes > b->peak_bytes) b->peak_bytes = bytes;
}

static void on_progress(struct pipeline_listener *l, const struct pipeline_progress *p)
{
    sample(container_of(l, struct bench, listener), p->done);
}

static void bench_init(struct bench *b, bool computes, uint64_t chunks, unsigned workers)
{
    *b = (struct bench){
        .workers = workers, .computes = computes, .listener = {.progress = on_progress}};
    source_init(&b->source, chunks);
    b->embedder = (struct embedder){.embed = computes ? embed_computing : embed_waiting,
                                    .name = STR("bench"),
                                    .version = STR("1"),
                                    .dim = BENCH_DIM,
                                    .batch_max = BENCH_BATCH,
                                    .text_bytes_max = BENCH_TEXT_MAX};
    b->sink = (struct bench_sink){.sink = {.put = put, .commit = commit, .keeps_marks = true},
                                  .computes = computes};
    b->sink.seen = memory_alloc_raw(chunks);
    memset(b->sink.seen, 0, chunks); // so that they are resident from the start
}

static void bench_done(struct bench *b)
{
    must_hold(b->sink.count == b->source.source.count, "chunks are missing");
    memory_free(b->sink.seen);
    memory_free(b->source.room);
}

static void bench_begin(struct bench *b)
{
    b->began_s = now_s();
    b->began_cpu_s = cpu_s();
}

static void bench_end(struct bench *b)
{
    double chunks = (double)b->source.source.count;

    b->per_s = chunks / (now_s() - b->began_s);
    b->cpu_us = (cpu_s() - b->began_cpu_s) * 1e6 / chunks;
}

static void run_pipeline(struct bench *b)
{
    struct pipeline_options options = PIPELINE_DEFAULTS;
    struct pipeline *p = NULL;

    options.source = &b->source.source;
    options.embedder = &b->embedder;
    options.sink = &b->sink.sink;
    options.listener = &b->listener;
    options.workers = b->workers;
    options.progress_us = BENCH_SAMPLE_US;
    must(pipeline_new(&options, &p));
    bench_begin(b);
    must(pipeline_run(p));
    bench_end(b);
    pipeline_free(p);
}

// The naive form: what its threads share, and what each is given.
struct crowd {
    struct bench *bench;
    sem_t places;
    pthread_mutex_t mutex; // of the sink
};

struct errand {
    struct crowd *crowd;
    uint64_t key;
    size_t len;
    char *text;
};

static void *run_errand(void *argument)
{
    struct errand *errand = argument;
    struct crowd *crowd = errand->crowd;
    struct bench *b = crowd->bench;
    struct embed_limits limits = {.deadline = TIME_NEVER};
    float *vector = memory_alloc_raw(BENCH_DIM * sizeof(*vector));
    str text = {errand->text, errand->len};
    struct chunk_row row = {.chunk = {.key = errand->key, .text = text}, .vector = vector};

    must(embed(&b->embedder, &text, 1, vector, &limits));
    pthread_mutex_lock(&crowd->mutex);
    must(put(&b->sink.sink, &row, 1));
    pthread_mutex_unlock(&crowd->mutex);
    memory_free(vector);
    memory_free(errand->text);
    memory_free(errand);
    sem_post(&crowd->places);
    return NULL;
}

static void send_errand(struct crowd *crowd, const struct chunk *chunk)
{
    struct errand *errand = memory_new(struct errand);
    pthread_t id;

    *errand = (struct errand){.crowd = crowd, .key = chunk->key, .len = chunk->text.len};
    errand->text = memory_alloc_raw(errand->len);
    memcpy(errand->text, chunk->text.ptr, errand->len);
    while (sem_wait(&crowd->places) != 0) {
    }
    must_hold(pthread_create(&id, NULL, run_errand, errand) == 0, "no thread");
    pthread_detach(id);
}

static void run_naive(struct bench *b)
{
    static const atomic_bool never = false;
    struct crowd crowd = {.bench = b, .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct chunk told[BENCH_TOLD_MAX];
    size_t count = 0;

    sem_init(&crowd.places, 0, b->workers);
    bench_begin(b);
    while (!next_chunks(&b->source.source, told, BENCH_TOLD_MAX, &never, &count)) {
        for (size_t i = 0; i < count; i++) {
            send_errand(&crowd, &told[i]);
        }
        sample(b, b->source.told);
    }
    for (unsigned i = 0; i < b->workers; i++) {
        while (sem_wait(&crowd.places) != 0) {
        }
    }
    bench_end(b);
    sem_destroy(&crowd.places);
}

// ---- what comes out

static void measure_form(struct bench *b, const char *form, void (*run)(struct bench *))
{
    run(b);
    bench_done(b);
    printf("%-10s %-9s %8" PRIu64 " %10.0f %7.1f %8.1f\n", b->computes ? "computes" : "waits", form,
           b->source.source.count, b->per_s, b->cpu_us, (double)b->peak_bytes / 1e6);
}

static void print_memory(const struct bench *b)
{
    printf("the pipeline's MB in each tenth of its run:");
    for (size_t i = 0; i < BENCH_TENTHS; i++) {
        if (b->tenths[i]) printf(" %.1f", (double)b->tenths[i] / 1e6);
        if (!b->tenths[i]) printf(" -"); // too short to be seen
    }
    putchar('\n');
    if (!b->tenths[1]) return;
    must_hold(b->tenths[BENCH_TENTHS - 1] <= b->tenths[1] + BENCH_GROWTH_MAX, "memory grew");
}

// Threads that ended may still be listed for a moment.
static void print_held(const struct held *before)
{
    struct held after = held_now();

    for (int i = 0; i < 100 && after.threads > before->threads; i++) {
        usleep(1000);
        after = held_now();
    }
    printf("threads %u before, %u after; descriptors %u before, %u after\n", before->threads,
           after.threads, before->descriptors, after.descriptors);
    must_hold(after.threads == before->threads, "threads are left");
    must_hold(after.descriptors == before->descriptors, "descriptors are left");
}

// The naive form before and after, of which the better one counts.
static void measure(bool computes, uint64_t chunks, unsigned workers)
{
    uint64_t naive_chunks = chunks / BENCH_NAIVE_PART + 1;
    struct held before = held_now();
    struct bench first;
    struct bench pipeline;
    struct bench last;

    bench_init(&first, computes, naive_chunks, workers);
    measure_form(&first, "naive", run_naive);
    bench_init(&pipeline, computes, chunks, workers);
    measure_form(&pipeline, "pipeline", run_pipeline);
    bench_init(&last, computes, naive_chunks, workers);
    measure_form(&last, "naive", run_naive);
    printf("%.2f times as many a second, %.2f times as many a second of CPU time\n",
           pipeline.per_s / fmax(first.per_s, last.per_s),
           fmin(first.cpu_us, last.cpu_us) / pipeline.cpu_us);
    print_memory(&pipeline);
    print_held(&before);
}

int main(int count, char **arguments)
{
    uint64_t chunks = BENCH_CHUNKS;
    uint64_t workers = BENCH_WORKERS;

    if (count > 1) must_hold(str_to_u64(str_from_c(arguments[1]), 1U << 30, &chunks), "CHUNKS?");
    if (count > 2) {
        must_hold(str_to_u64(str_from_c(arguments[2]), PIPELINE_WORKERS_MAX, &workers), "WORKERS?");
    }
    must_hold(chunks > 0 && workers > 0, "CHUNKS and WORKERS are above 0");
    make_words();
    printf("%-10s %-9s %8s %10s %7s %8s\n", "embedder", "form", "chunks", "chunks/s", "cpu us",
           "peak MB");
    measure(true, chunks, (unsigned)workers);
    measure(false, chunks, (unsigned)workers);
    return 0;
}
