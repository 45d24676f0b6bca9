// Design: two bufs. The loop fills one while a thread writes the other, which lives in the sink
// together with the descriptor; whose turn it is the sink's op tells. The sink is a heap object
// because its last message may arrive after the writer is gone.
#include "io/log_writer.h"

#include "base/memory.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { BUF_KEPT_BYTES = 2 * LOG_WRITER_BATCH_BYTES };

struct log_sink {
    struct offload_job job;
    struct log_writer *writer; // NULL once closed
    struct buf bytes;
    uint64_t dropped_count; // lines, by the last write
    int fd;
    bool is_standard; // a stream of the process, never closed
    bool wants_reopen;
    char path[FILE_PATH_MAX];
};

// A pipe takes a large write in pieces, and several loops may share the standard streams: their
// batches are written one after the other so that no line is torn. Only pool threads and the end
// of the process wait here, on what would make them wait anyhow.
static pthread_mutex_t standard_mutex = PTHREAD_MUTEX_INITIALIZER;

static uint64_t count_lines(str bytes)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        lines += bytes.ptr[i] == '\n';
    }
    return lines;
}

static err open_path(const char *path, int *out)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0) return err_from_errno(errno);
    *out = fd;
    return OK;
}

// Where the new file can't be opened the old one goes on serving.
static err reopen(struct log_sink *k)
{
    int fd = -1;

    if (k->is_standard) return OK;
    TRY(open_path(k->path, &fd));
    close(k->fd);
    k->fd = fd;
    return OK;
}

static err write_bytes(struct log_sink *k, struct buf *bytes)
{
    str view = buf_view(bytes);
    size_t written = 0;

    if (k->is_standard) pthread_mutex_lock(&standard_mutex);
    err e = file_write_all(k->fd, view, &written);
    if (k->is_standard) pthread_mutex_unlock(&standard_mutex);
    k->dropped_count += count_lines(str_sub(view, written, view.len));
    buf_clear(bytes);
    if (bytes->size > BUF_KEPT_BYTES) buf_done(bytes);
    return e;
}

static err run_sink(struct offload_job *job)
{
    struct log_sink *k = container_of(job, struct log_sink, job);
    err reopened = k->wants_reopen ? reopen(k) : OK;

    k->wants_reopen = false;
    err written = write_bytes(k, &k->bytes);
    return written ? written : reopened;
}

static void free_sink(struct log_sink *k)
{
    buf_done(&k->bytes);
    memory_free(k);
}

static void flush_is_due(struct timer *t);
static void start_write(struct log_writer *w);

static void write_done(struct op *op, err result)
{
    struct log_sink *k = container_of(op, struct log_sink, job.op);
    struct log_writer *w = k->writer;

    if (!w) {
        free_sink(k);
        return;
    }
    w->failure = result;
    w->dropped_count += k->dropped_count;
    k->dropped_count = 0;
    w->writing_bytes = buf_len(&k->bytes); // none, unless the pool had no room for the job
    if (w->writing_bytes > 0 || k->wants_reopen) {
        loop_alarm(w->loop, &w->flush, LOG_WRITER_WAIT_MS, flush_is_due);
        return;
    }
    bool is_due = buf_len(&w->filling) > 0 && !w->flush.is_armed;
    if (is_due || w->wants_reopen || buf_len(&w->filling) >= LOG_WRITER_BATCH_BYTES) start_write(w);
}

// Hands the gathered lines to a thread, unless one is at work; its end will do so then.
static void start_write(struct log_writer *w)
{
    struct log_sink *k = w->sink;

    if (!op_is_idle(&k->job.op)) return;
    loop_alarm_stop(w->loop, &w->flush);
    if (w->writing_bytes == 0) {
        struct buf empty = k->bytes;
        k->bytes = w->filling;
        w->filling = empty;
        w->writing_bytes = buf_len(&k->bytes);
    }
    k->wants_reopen = k->wants_reopen || w->wants_reopen;
    w->wants_reopen = false;
    offload_start(&k->job, w->offload, w->loop, run_sink, write_done);
}

static void flush_is_due(struct timer *t)
{
    start_write(container_of(t, struct log_writer, flush));
}

void log_writer_append(struct log_writer *w, str line)
{
    size_t waiting = buf_len(&w->filling) + w->writing_bytes;
    char *room = NULL;

    if (line.len >= LOG_WRITER_BYTES_MAX - waiting || // with its newline
        buf_reserve(&w->filling, line.len + 1, &room)) {
        w->dropped_count++;
        return;
    }
    bool is_first = buf_len(&w->filling) == 0;
    // There is room for both now.
    (void)buf_append(&w->filling, line);
    (void)buf_append_char(&w->filling, '\n');
    if (buf_len(&w->filling) >= LOG_WRITER_BATCH_BYTES) {
        start_write(w);
    } else if (is_first && !w->flush.is_armed) {
        loop_alarm(w->loop, &w->flush, LOG_WRITER_WAIT_MS, flush_is_due);
    }
}

void log_writer_reopen(struct log_writer *w)
{
    w->wants_reopen = true;
    start_write(w);
}

static err open_sink(struct log_sink *k, str path)
{
    bool is_output = str_eq(path, STR("stdout"));

    TRY(file_path_copy(path, k->path));
    if (is_output || str_eq(path, STR("stderr"))) {
        k->is_standard = true;
        k->fd = is_output ? STDOUT_FILENO : STDERR_FILENO;
        return OK;
    }
    return open_path(k->path, &k->fd);
}

err log_writer_open(struct log_writer *w, struct loop *loop, struct offload *offload, str path)
{
    struct log_sink *k = memory_new(struct log_sink);
    err e = open_sink(k, path);

    if (e) {
        memory_free(k);
        return e;
    }
    *w = (struct log_writer){.loop = loop, .offload = offload, .sink = k};
    k->writer = w;
    buf_init(&w->filling, LOG_WRITER_BYTES_MAX);
    buf_init(&k->bytes, LOG_WRITER_BYTES_MAX);
    return OK;
}

void log_writer_close(struct log_writer *w)
{
    struct log_sink *k = w->sink;
    bool is_idle = false;

    if (!k) return;
    is_idle = op_is_idle(&k->job.op);
    op_cancel(&k->job.op); // not begun: written below
    if (!is_idle) offload_wait(&k->job);
    loop_alarm_stop(w->loop, &w->flush);
    // What can't be written now is lost, and counted.
    (void)write_bytes(k, &k->bytes);
    (void)write_bytes(k, &w->filling);
    w->dropped_count += k->dropped_count;
    buf_done(&w->filling);
    if (!k->is_standard) close(k->fd);
    k->writer = NULL;
    w->sink = NULL;
    w->writing_bytes = 0;
    if (is_idle) free_sink(k);
}
