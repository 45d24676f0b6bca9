// index_write: batches to the log and to memory; the writing part of index.h.
#pragma once

#include "retrieval/vector/index_state.h"

// A record of the log enters memory, as when it was written. One thread, while nobody writes.
err index_write_replay(struct index *ix, uint64_t lsn, const struct wal_record *r);

// A vector as it is stored, of length one where the metric is cosine. ERR_RANGE where it isn't
// finite or so long that distances would not be. `out` may be `vector`.
err index_write_vector(const struct index *ix, const float *vector, float *out);

// Holds up new batches and waits for those under way, so that all that the log has is in memory
// until the gate is opened. One thread at a time closes it, another one waits.
void index_write_close_gate(struct index *ix);
void index_write_open_gate(struct index *ix);
