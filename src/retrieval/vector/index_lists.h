// index_lists: sources with lists, scanned for candidates.
//
// Segments and memtables that share a quantizer are a group, whose query is prepared once; then the
// nearest lists are scanned, each in all of the segments, so that the nearest rows are met first
// wherever they are. As many lists are scanned as each source asks for, and more while too few
// matching rows were found, to the last.
#pragma once

#include "retrieval/vector/index_searcher.h"

// The group of a part with lists, or of memtables with such a parent.
uint32_t index_lists_group(struct index_searcher *s, const struct index_part *p);

// Scans the sources from number `first` up to `end` that are of this group and INDEX_WAY_LISTS. Of
// a filtered source for which reading the matching rows turns out to be cheaper, the candidates are
// dropped, and its way is INDEX_WAY_ROWS.
void index_lists_scan(struct index_searcher *s, uint32_t group, uint32_t first, uint32_t end);
