// Any bytes as a journal, whose checks may be made to hold: refused, or what it knows is known
// again at the next opening, and what is written then, too.
//
// The input is flags u8 and the bytes of the file.
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/ingest/content_hash.h"
#include "retrieval/ingest/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FLAG_MEND = 1, FLAG_MARKS = 2, MARK_SHIFT = 2, STAMP = 4711 };
enum { HEAD_BYTES = 32, GROUP_BYTES = 24, ENTRY_BYTES = 16, NEW_KEY = 12'345 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static uint64_t load_u64(const char *at)
{
    uint64_t value = 0;

    memcpy(&value, at, sizeof(value));
    return value;
}

static void mend_check(char *bytes, size_t len, uint64_t offset)
{
    uint64_t sum = content_hash((str){bytes, len}, random_mix(STAMP) ^ offset);

    memcpy(bytes + len, &sum, sizeof(sum));
}

// Makes the head the journal's own, and the checks of groups hold as far as groups go.
static void mend(char *file, size_t len)
{
    const uint64_t stamp = STAMP;
    size_t at = HEAD_BYTES;

    if (len < HEAD_BYTES) return;
    memcpy(file, "sluice-J", 8);
    memcpy(file + 8, &stamp, sizeof(stamp));
    mend_check(file, HEAD_BYTES - 8, 0);
    while (len - at >= GROUP_BYTES) {
        uint64_t count = load_u64(file + at + 8);
        if (count > (len - at - GROUP_BYTES) / ENTRY_BYTES) return;
        size_t group = GROUP_BYTES + (size_t)count * ENTRY_BYTES;
        mend_check(file + at, group - 8, at);
        at += group;
    }
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    check(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    close(fd);
}

// What the first opening knows of the file's own words, taken for keys and hashes.
static uint64_t count_known(struct journal *j, const char *file, size_t len)
{
    uint64_t known = 0;

    for (size_t at = 0; len - at >= ENTRY_BYTES; at += 8) {
        known += journal_has(j, load_u64(file + at), load_u64(file + at + 8));
    }
    return known;
}

static void check_journal(str path, const char *file, size_t len, struct journal_options options)
{
    const struct journal_entry entry = {NEW_KEY, 1};
    struct journal j;
    err e = journal_open(&j, path, &options);

    check(e == OK || e == ERR_SYNTAX || e == ERR_TYPE);
    if (e) return;
    check(j.known_count <= len / ENTRY_BYTES);
    uint64_t known = count_known(&j, file, len);
    uint64_t mark = j.mark;
    journal_close(&j);
    check(journal_open(&j, path, &options) == OK);
    check(j.mark == mark && count_known(&j, file, len) == known);
    if (mark < UINT64_MAX) {
        check(journal_note(&j, entry) == OK && journal_write(&j) == OK);
        mark++;
    }
    options.mark = mark;
    journal_close(&j);
    check(journal_open(&j, path, &options) == OK);
    check(j.mark == mark);
    check(mark == UINT64_MAX || journal_has(&j, NEW_KEY, 1));
    journal_close(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[64];

    if (len == 0) return 0;
    unsigned flags = bytes[0];
    char *file = memory_alloc_raw(len);
    size_t file_len = len - 1;
    memcpy(file, bytes + 1, file_len);
    if (flags & FLAG_MEND) mend(file, file_len);
    snprintf(path, sizeof(path), "/dev/shm/fuzz-journal-%d", (int)getpid());
    write_file(path, file, file_len);
    struct journal_options options = {
        .stamp = STAMP, .keeps_marks = (flags & FLAG_MARKS) != 0, .mark = flags >> MARK_SHIFT};
    check_journal(str_from_c(path), file, file_len, options);
    unlink(path);
    memory_free(file);
    return 0;
}
