#include "retrieval/vector/index_searcher.h"

#include "base/memory.h"
#include "retrieval/vector/index_write.h"

#include <float.h>
#include <string.h>

struct index_searcher *index_searcher_new(struct index *ix)
{
    struct index_searcher *s = memory_new(struct index_searcher);

    s->ix = ix;
    s->vector = memory_alloc(ix->options.dim * sizeof *s->vector);
    return s;
}

static void free_group(struct index_group *g)
{
    if (g->has_query) ivf_query_done(&g->query);
    memory_free(g->probes);
}

void index_searcher_free(struct index_searcher *s)
{
    if (!s) return;
    for (uint32_t i = 0; i < s->group_room; i++) {
        free_group(&s->groups[i]);
    }
    memory_free(s->groups);
    memory_free(s->sources);
    memory_free(s->vector);
    memory_free(s->hit_entries);
    memory_free(s->hit_slots);
    memory_free(s->candidate_entries);
    memory_free(s->rows);
    memory_free(s);
}

// Room for at least `count`, doubled until there is; what is in it is kept.
static void *grow(void *old, uint32_t *room, uint32_t count, size_t size)
{
    enum { FIRST = 16 };
    uint32_t more = *room ? *room : FIRST;

    while (more < count) {
        more *= 2;
    }
    void *all = memory_alloc(more * size);
    if (*room) memcpy(all, old, *room * size);
    memory_free(old);
    *room = more;
    return all;
}

struct index_source *index_searcher_add_source(struct index_searcher *s)
{
    if (s->source_count == s->source_room) {
        s->sources = grow(s->sources, &s->source_room, s->source_count + 1, sizeof *s->sources);
    }
    return &s->sources[s->source_count++];
}

struct index_group *index_searcher_add_group(struct index_searcher *s)
{
    if (s->group_count == s->group_room) {
        s->groups = grow(s->groups, &s->group_room, s->group_count + 1, sizeof *s->groups);
    }
    return &s->groups[s->group_count++];
}

uint32_t *index_searcher_rows(struct index_searcher *s, uint64_t count)
{
    if (count > s->row_room) {
        memory_free(s->rows);
        s->row_room = count;
        s->rows = memory_alloc_raw(count * sizeof *s->rows);
    }
    return s->rows;
}

void index_searcher_limit(struct index_searcher *s, uint32_t limit)
{
    if (limit > s->candidate_room) {
        memory_free(s->candidate_entries);
        s->candidate_room = limit;
        s->candidate_entries = memory_alloc_raw(limit * sizeof *s->candidate_entries);
    }
    candidates_init(&s->candidates, s->candidate_entries, limit);
}

static void reserve_hits(struct index_searcher *s, uint32_t limit)
{
    if (limit > s->hit_room) {
        memory_free(s->hit_entries);
        memory_free(s->hit_slots);
        s->hit_room = limit;
        s->hit_entries = memory_alloc_raw(limit * sizeof *s->hit_entries);
        s->hit_slots = memory_alloc_raw(index_hits_slots(limit) * sizeof *s->hit_slots);
    }
    // What is infinitely far was damaged, so it is never a hit.
    float radius = s->query->has_radius ? s->query->radius : FLT_MAX;
    index_hits_init(&s->hits, s->hit_entries, limit, radius < FLT_MAX ? radius : FLT_MAX);
}

err index_searcher_begin(struct index_searcher *s, const struct index_query *query,
                         uint32_t doubles)
{
    if (query->k == 0 || query->k > INDEX_HITS_MAX) return ERR_RANGE;
    if (!(query->recall >= 0 && query->recall <= 1)) return ERR_RANGE;
    if (query->has_radius && query->radius != query->radius) return ERR_RANGE;
    TRY(index_write_vector(s->ix, query->vector, s->vector));
    s->query = query;
    s->recall = query->recall > 0 ? query->recall : s->ix->options.recall;
    s->source_count = s->group_count = 0;
    s->rows_scanned = s->rows_ranked = 0;
    s->is_late = false;
    s->candidates = (struct candidates){0};
    s->is_exact = query->is_exact || s->recall > CALIBRATION_RECALL_MAX;
    s->doubles = doubles;
    reserve_hits(s, query->k * doubles + INDEX_HITS_SPARE);
    arena_init_in(&s->arena, s->arena_room, sizeof s->arena_room, INDEX_SEARCHER_ARENA_BYTES);
    return OK;
}

void index_searcher_end(struct index_searcher *s)
{
    arena_reset(&s->arena);
    s->view = NULL;
    s->query = NULL;
}

bool index_searcher_is_late(struct index_searcher *s)
{
    if (!s->is_late && s->query->deadline) s->is_late = s->ix->options.now() >= s->query->deadline;
    return s->is_late;
}
