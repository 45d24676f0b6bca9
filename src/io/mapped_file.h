// mapped_file: a file that is read as memory, and survives what happens to it.
//
// A page that can't be read, because the file was cut or the disk fails, would kill the process
// (SIGBUS). One handler for the process, set by the first file opened, looks up a lock-free table
// of the mappings here: inside one of them it puts zeros in the page's place and notes the fault,
// so that the reader goes on and mapped_file_fault() tells afterwards. Any other SIGBUS means what
// it meant before: the handler that was there, or the end of the process. On a thread that
// blocks the signal, a fault ends the process: none that reads may block it.
//
// Any thread, and any number of them may read one file. At most MAPPED_FILES_MAX are open at once.
#pragma once

#include "base/err.h"
#include "base/str.h"

enum { MAPPED_FILES_MAX = 1024 };

struct mapped_file {
    const uint8_t *bytes;
    uint64_t len; // at least 1
    int fd;
    unsigned slot;
};

enum mapped_file_advice {
    MAPPED_FILE_NORMAL,
    MAPPED_FILE_RANDOM, // pages are read one by one, without their neighbours
    MAPPED_FILE_SOON,   // they will be needed: the system may begin to read
    MAPPED_FILE_DONE,   // they may leave this process's memory; the system's cache may keep them
};

// Maps all of a file, read-only. ERR_ABSENT, ERR_DENIED; ERR_TYPE for what is no regular file;
// ERR_EOF for an empty one; ERR_LIMIT for one too many.
err mapped_file_open(struct mapped_file *m, str path);
// Nobody reads it any more.
void mapped_file_close(struct mapped_file *m);

// A hint, on whole pages around these bytes, clipped to the file.
void mapped_file_advise(const struct mapped_file *m, uint64_t offset, uint64_t len,
                        enum mapped_file_advice advice);

// Reads the pages of these bytes into memory now, and so tells beforehand what a fault would tell
// afterwards: ERR_SYSTEM where it can't. OK, and nothing is done, on a kernel before 5.14.
err mapped_file_populate(const struct mapped_file *m, uint64_t offset, uint64_t len);

// Whether a page could not be read, and where the first such page begins.
bool mapped_file_fault(const struct mapped_file *m, uint64_t *offset);

// How long the file is now: shorter than `len` where it was cut.
uint64_t mapped_file_size(const struct mapped_file *m);
