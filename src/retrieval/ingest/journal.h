// journal: which chunks are durably in the sink, so that a run that was cut goes on where it was.
//
// One file a job: one source, one sink, one kind of vectors (the stamp). It says of each chunk that
// is done its key and the hash of its text, so that a text that changed is embedded again and all
// others are not. A *group* is what was committed together; its *mark* counts up by one.
//
// What is promised, whatever happens to the process or the machine at whatever time:
// - Where the sink keeps marks: a group is written here before the sink commits it. At the next
//   open the sink's mark says which groups it has; a later one is forgotten. So each chunk is in
//   the sink exactly once, and no chunk is embedded again that was committed before the crash.
// - Where it doesn't: a group is written after the sink has committed it. So nothing is lost, and
// at
//   most the last commit is embedded and put once more, which a sink that replaces by key absorbs.
//
// Who takes rows out of the sink by other ways removes the journal too, or they won't come again.
// Belongs to the thread that opened it, except journal_has(), which any thread may call. Memory:
// 16 bytes a chunk at a load of up to 0.7 in a table that doubles.
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <pthread.h>

enum {
    JOURNAL_GROUP_MAX = 65'536,   // chunks noted between two writes
    JOURNAL_CHUNKS_MAX = 1 << 28, // known in all
};

struct journal_options {
    uint64_t stamp;   // embed_stamp(), and whatever else makes old rows useless
    bool keeps_marks; // does the sink?
    uint64_t mark;    // the sink's, if so
};

struct journal_entry {
    uint64_t key;
    uint64_t hash; // not 0
};

struct journal {
    pthread_mutex_t mutex;       // guards the table
    struct journal_entry *table; // by key, open addressing; hash 0 for nothing
    size_t table_size;           // a power of two
    size_t known_count;
    struct journal_entry *pending; // noted since the last write
    size_t pending_count;
    struct journal_options options;
    uint64_t mark; // of the last group
    uint64_t file_bytes;
    uint64_t file_entries;
    err broken; // a write that failed: what the file holds isn't known any more
    int fd;
};

// Opens the file, or makes it, and locks it. What a crash left half written is cut off, a file that
// mostly holds old hashes is written anew. ERR_IN_USE: another process has it. ERR_TYPE: of another
// stamp. ERR_SYNTAX: no journal, or it doesn't hold what the sink's mark says it held: damaged, or
// of another sink. Nothing is changed in these cases, and there is nothing to close.
err journal_open(struct journal *j, str path, const struct journal_options *options);
void journal_close(struct journal *j);

// Whether a chunk was written, or noted.
bool journal_has(struct journal *j, uint64_t key, uint64_t hash);

// Notes that a chunk is among those of the next group. ERR_LIMIT past a maximum above.
err journal_note(struct journal *j, struct journal_entry entry);

// Writes what was noted as the next group, and returns when it is durable; `j->mark` is its mark.
// After a failure it fails for ever.
err journal_write(struct journal *j);
