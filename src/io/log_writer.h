// log_writer: lines to a file, without ever holding up the loop.
//
// Each loop has its own. Lines gather in memory and are written by an offload thread when 128
// KiB are there or the first has waited 200 ms; one batch at a time, in one write, so that several
// loops and processes may append to one file. Lines that would make more than 1 MiB wait, and
// those that the system refuses to write, are dropped and counted.
#pragma once

#include "base/buf.h"
#include "io/offload.h"

enum {
    LOG_WRITER_BATCH_BYTES = 128 * 1024,
    LOG_WRITER_WAIT_MS = 200,
    LOG_WRITER_BYTES_MAX = 1024 * 1024,
};

struct log_sink;

struct log_writer {
    struct loop *loop;
    struct offload *offload;
    struct log_sink *sink; // what the thread works on
    struct buf filling;
    size_t writing_bytes; // handed to the sink and not yet written
    struct timer flush;
    uint64_t dropped_count; // lines
    err failure;            // of the newest write or reopening; OK once it works again
    bool wants_reopen;
};

// Opens `path` for appending, and makes it where it isn't; "stdout" and "stderr" mean those.
// Blocks. ERR_ABSENT, ERR_DENIED, ERR_RANGE for an impossible path...
err log_writer_open(struct log_writer *w, struct loop *loop, struct offload *offload, str path);
// Writes what is left, blocking, and closes the file. Harmless when not open. The loop turns once
// more before its own end.
void log_writer_close(struct log_writer *w);

// Adds `line` and a newline.
void log_writer_append(struct log_writer *w, str line);

// Opens the path again before the next write: after a rotation.
void log_writer_reopen(struct log_writer *w);
