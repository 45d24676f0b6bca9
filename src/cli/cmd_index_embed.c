// Design: the pipeline does the work; this file gives it a file's lines, a service that embeds them
// and an index that keeps the rows, and tells a person how far it has come. What index_write()
// returned is durable, so a commit has nothing left to do; the journal beside the folder lets a run
// that was cut go on where it was.
#include "base/memory.h"
#include "cli/cmd_index.h"
#include "cli/embed_service.h"
#include "retrieval/ingest/line_source.h"
#include "retrieval/ingest/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { OPTIONS = 3, WORKERS_MAX = PIPELINE_WORKERS_MAX, WRITE_ROWS = 256, PATH_BYTES = 4096 };

struct embedding {
    struct embed_service service;
    struct line_source lines;
    struct chunk_sink sink;
    struct pipeline_listener listener;
    struct column_schema schema;
    struct journal journal;
    struct index *ix;
    const char *folder;
    const char *file;
    str columns, metric, workers;
    unsigned worker_count;
    uint64_t bad_lines;
    bool is_terminal;
};

static const struct command_help help = {
    "index embed FOLDER FILE --url URL --model NAME [options]",
    "Embeds each line of FILE through an embeddings API (this gateway's or any of OpenAI's kind) "
    "and "
    "puts the\n"
    "vectors into the index in FOLDER, which is made where there is none. A .jsonl file has an "
    "object a line:\n"
    "{\"id\": 7, \"text\": \"...\", and values of --columns}; of another file each line is a "
    "text.\n"
    "Lines that are there already are not embedded again, so a run that was cut is simply "
    "repeated;\n"
    "FOLDER.journal remembers them.\n"};

static void on_bad_line(struct line_source *s, uint64_t line, const char *why)
{
    struct embedding *m = container_of(s, struct embedding, lines);

    m->bad_lines++;
    fprintf(stderr, "%s:%" PRIu64 ": %s\n", m->file, line, why);
}

static err put(struct chunk_sink *sink, const struct chunk_row *rows, size_t count)
{
    struct embedding *m = container_of(sink, struct embedding, sink);
    struct index_op ops[WRITE_ROWS];

    for (size_t at = 0; at < count; at += WRITE_ROWS) {
        size_t some = count - at < WRITE_ROWS ? count - at : WRITE_ROWS;
        for (size_t i = 0; i < some; i++) {
            const struct chunk_row *row = &rows[at + i];
            ops[i] = (struct index_op){.kind = INDEX_PUT,
                                       .key = row->chunk.key,
                                       .vector = row->vector,
                                       .values = row->chunk.attributes};
        }
        TRY(index_write(m->ix, ops, some));
    }
    return OK;
}

static err commit(struct chunk_sink *sink, uint64_t mark)
{
    (void)sink;
    (void)mark;
    return OK; // index_write() returned, so it lasts
}

static void on_progress(struct pipeline_listener *l, const struct pipeline_progress *p)
{
    const struct embedding *m = container_of(l, struct embedding, listener);

    if (!m->is_terminal) return;
    fprintf(stderr, "\r%" PRIu64 " lines embedded, %" PRIu64 " known, %" PRIu64 " failed, %.0f/s ",
            p->done, p->skipped, p->failed, p->done_per_s);
    if (p->left_us != TIME_NEVER) fprintf(stderr, "%" PRId64 " s left ", p->left_us / 1'000'000);
    fprintf(stderr, "\033[K");
}

static void on_failed(struct pipeline_listener *l, uint64_t key, err why)
{
    (void)l;
    fprintf(stderr, "\nthe line of key %" PRIu64 " was not embedded: %s\n", key, err_text(why));
}

// Opens the index, after making it where there is none.
static int open_index(struct embedding *m, enum metric metric)
{
    struct index_options how = {.dim = embed_upstream_embedder(m->service.upstream)->dim,
                                .metric = metric,
                                .schema = &m->schema};
    int exit_code = cmd_index_make(m->folder, &how, m->metric, &m->ix);

    if (!exit_code) m->schema = *index_schema(m->ix);
    return exit_code;
}

// Nothing was ever written to the index.
static bool is_new(const struct embedding *m)
{
    struct index_stats stats;

    index_stats(m->ix, &stats);
    return stats.lsn == 1 && stats.segments == 0;
}

static int open_journal(struct embedding *m)
{
    char path[PATH_BYTES];
    struct journal_options options = {
        .stamp = embed_stamp(embed_upstream_embedder(m->service.upstream))};

    snprintf(path, sizeof(path), "%s.journal", m->folder);
    if (is_new(m)) (void)unlink(path); // of an index that was there before, if it is there
    err e = journal_open(&m->journal, str_from_c(path), &options);
    if (!e) return COMMAND_GOOD;
    return command_fail(COMMAND_FAILED, "%s: %s%s", path, err_text(e),
                        e == ERR_TYPE ? " (of another model; remove it to embed everything again)"
                                      : "");
}

static int run_pipeline(struct embedding *m)
{
    struct pipeline_options options = PIPELINE_DEFAULTS;
    struct pipeline_progress now = {0};
    struct pipeline *p = NULL;

    options.source = &m->lines.source;
    options.embedder = embed_upstream_embedder(m->service.upstream);
    options.sink = &m->sink;
    options.journal = &m->journal;
    options.listener = &m->listener;
    options.workers = m->worker_count;
    err e = pipeline_new(&options, &p);
    if (!e) {
        e = pipeline_run(p);
        now = pipeline_progress(p);
    }
    pipeline_free(p);
    if (m->is_terminal) fputc('\n', stderr);
    printf("%s: %" PRIu64 " lines embedded, %" PRIu64 " were there, %" PRIu64 " failed, %" PRIu64
           " of no use\n",
           m->folder, now.done, now.skipped, now.failed, m->bad_lines);
    if (e) return command_fail(COMMAND_FAILED, "%s (repeat the command to go on)", err_text(e));
    return now.failed ? COMMAND_FAILED : COMMAND_GOOD;
}

static int run_opened(struct embedding *m, enum metric metric)
{
    int exit_code = open_index(m, metric);

    if (exit_code) return exit_code;
    m->lines = (struct line_source){.schema = &m->schema, .bad_line = on_bad_line};
    err e = line_source_open(&m->lines, str_from_c(m->file));
    if (e) {
        exit_code = command_fail(COMMAND_FAILED, "%s: %s", m->file, err_text(e));
    } else {
        exit_code = open_journal(m);
        if (!exit_code) {
            exit_code = run_pipeline(m);
            journal_close(&m->journal);
        }
        line_source_close(&m->lines);
    }
    index_close(m->ix);
    return exit_code;
}

static int read_options(struct embedding *m, enum metric *metric)
{
    uint64_t number = 8;

    if (m->workers.len && (!str_to_u64(m->workers, WORKERS_MAX, &number) || !number)) {
        return command_fail(COMMAND_USAGE, "--workers is a number from 1 to %d", WORKERS_MAX);
    }
    m->worker_count = (unsigned)number;
    int exit_code = cmd_index_read_metric(m->metric, metric);
    return exit_code ? exit_code : cmd_index_read_columns(m->columns, &m->schema);
}

int cmd_index_embed(char **args)
{
    struct embedding *m = memory_new(struct embedding);
    struct option options[OPTIONS + EMBED_SERVICE_OPTIONS] = {
        {"columns", '\0', "NAME:TYPE,..", "of a new index: " CMD_INDEX_COLUMNS_HELP, &m->columns,
         NULL},
        {"metric", '\0', "NAME", "of a new index: cosine (the default), l2 or ip", &m->metric,
         NULL},
        {"workers", '\0', "N", "calls at once; default 8", &m->workers, NULL},
    };
    enum metric metric = METRIC_COSINE;
    int positional = 0;
    int exit_code = 0;

    embed_service_options(&m->service, options + OPTIONS);
    if (command_begin(&help, options, OPTIONS + EMBED_SERVICE_OPTIONS, args, &positional,
                      &exit_code)) {
        m->folder = args[0];
        m->file = args[1];
        m->sink = (struct chunk_sink){.put = put, .commit = commit};
        m->listener = (struct pipeline_listener){.progress = on_progress, .failed = on_failed};
        m->is_terminal = isatty(STDERR_FILENO);
        exit_code = positional == 2 ? read_options(m, &metric)
                                    : command_fail(COMMAND_USAGE, "usage: sluice %s", help.usage);
        if (!exit_code) exit_code = embed_service_open(&m->service);
        if (!exit_code) {
            exit_code = run_opened(m, metric);
            embed_service_close(&m->service);
        }
    }
    memory_free(m);
    return exit_code;
}
