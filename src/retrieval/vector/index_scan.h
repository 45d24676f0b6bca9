// index_scan: vectors that are read, one after the other, to hits with exact distances.
#pragma once

#include "retrieval/vector/index_searcher.h"

// A row that lives and matches becomes a hit if it is near enough.
void index_scan_keep(struct index_searcher *s, struct index_source *source, uint64_t row,
                     float distance);

// All rows of a source that live and match, unless the deadline comes.
void index_scan_all(struct index_searcher *s, struct index_source *source);

// The matching rows of a segment, which its filter enumerates.
void index_scan_matches(struct index_searcher *s, struct index_source *source);

// The exact distances of the candidates, which thereby become hits.
void index_scan_candidates(struct index_searcher *s);
