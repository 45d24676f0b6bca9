// index_flush: memtables to segments.
#pragma once

#include "retrieval/vector/index_state.h"

// Makes a segment of the oldest memtable, and tells of it in a manifest. Does nothing where no
// memtable is full.
err index_flush_oldest(struct index *ix);
