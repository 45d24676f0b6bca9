// index_searcher: a search of an index under way, and the memory of searches.
//
// The memory grows with the largest search so far and is kept, so that later ones allocate nothing.
// Belongs to one thread at a time.
#pragma once

#include "retrieval/vector/candidates.h"
#include "retrieval/vector/index_hits.h"
#include "retrieval/vector/index_source.h"
#include "retrieval/vector/index_state.h"

enum { INDEX_SEARCHER_ARENA_BYTES = 64 * 1024 };

// Sources that share a quantizer, and therefore one prepared query and its probes.
struct index_group {
    const struct index_part *part; // one of them, or the parent of one
    struct ivf_query query;
    bool has_query; // there is memory for one
    struct probe *probes;
    uint32_t probe_count;
    uint32_t list_room;
};

struct index_searcher {
    struct index *ix;
    struct index_searcher *next; // of a batch

    // The search.
    const struct index_query *query;
    float *vector; // as it would be stored: [dim]
    float recall;
    bool is_exact;
    uint32_t doubles;
    const struct index_view *view;
    struct index_source *sources;
    uint32_t source_count;
    struct index_group *groups;
    uint32_t group_count;
    struct candidates candidates;
    struct index_hits hits;
    uint64_t rows_scanned;
    uint64_t rows_ranked;
    bool is_late;

    // Memory.
    uint32_t source_room;
    uint32_t group_room;
    uint32_t hit_room;
    uint32_t candidate_room;
    uint64_t row_room;
    struct index_hit *hit_entries;
    uint32_t *hit_slots;
    struct candidate *candidate_entries;
    uint32_t *rows; // that match
    struct arena arena;
    max_align_t arena_room[INDEX_SEARCHER_ARENA_BYTES / sizeof(max_align_t)];
};

// Begins a search: no sources, no hits. `doubles` is how many rows of one key may be met, of which
// but one counts. ERR_RANGE for what can't be asked.
err index_searcher_begin(struct index_searcher *s, const struct index_query *query,
                         uint32_t doubles);
void index_searcher_end(struct index_searcher *s);

// The next source, of the highest number; moves the others.
struct index_source *index_searcher_add_source(struct index_searcher *s);
// Room for another group; moves the others.
struct index_group *index_searcher_add_group(struct index_searcher *s);

// Room for `count` rows.
uint32_t *index_searcher_rows(struct index_searcher *s, uint64_t count);
// No candidates yet, and room for `limit`.
void index_searcher_limit(struct index_searcher *s, uint32_t limit);

// Whether the deadline has come; once it has, always.
bool index_searcher_is_late(struct index_searcher *s);

// How many rows the search has found so far that may be hits.
static inline uint64_t index_searcher_found(const struct index_searcher *s)
{
    return (uint64_t)s->candidates.count + s->hits.count;
}
