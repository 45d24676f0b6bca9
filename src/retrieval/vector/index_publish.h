// index_publish: what an index consists of, made durable.
#pragma once

#include "retrieval/vector/index_state.h"

// Writes a manifest of the segments and what is dead in them now, and of the log from the first
// record on that none of them has; then gives back what no manifest needs any more. Once writing a
// manifest failed, it fails for good: only opening the index anew tells which one counts.
err index_publish(struct index *ix);
