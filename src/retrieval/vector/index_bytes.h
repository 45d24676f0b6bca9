// index_bytes: a segment whose rows are also kept as bytes, scanned for hits.
//
// A byte a coordinate tells how near a row is but for an error that can be estimated. Only where
// that may make a hit of it is the row itself read, so that hits are those of an exact scan, but
// for one in many thousands, and a quarter of the memory is read. Vectors that lie far from zero
// and close together have errors larger than their distances; then more of them are read, at most
// all.
#pragma once

#include "retrieval/vector/index_searcher.h"

// Whether a source has such rows, and errors that can be told for what is asked.
bool index_bytes_suit(const struct index_source *source);

// All rows that live and match, unless the deadline comes.
void index_bytes_scan(struct index_searcher *s, struct index_source *source);
