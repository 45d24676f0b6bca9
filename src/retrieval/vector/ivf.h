// ivf: an index of lists as plain pointers, be it a mapped segment or memory.
//
// Rows are numbered in list order: a list's are `first_row` and on. Nothing that is scanned holds
// a number of a row or an address, so damaged bytes change scores and never where is read.
#pragma once

#include "retrieval/vector/code.h"

// As it is stored.
struct ivf_list {
    uint64_t first_row;
    uint64_t first_block; // of its code1 blocks
    uint32_t rows;
    float radius; // the distance of its farthest row to the centroid
    float scale;  // of its factors
    uint32_t reserved;
};

_Static_assert(sizeof(struct ivf_list) == 32, "segments store it");

struct ivf_view {
    struct quantizer quantizer;
    const struct ivf_list *lists; // [quantizer.list_count]
    const uint8_t *code1;         // [block_count] blocks
    const uint8_t *code4;         // [row_count][padded_dim / 2]
    const uint16_t *fact4;        // [row_count][2]
    const float *raw;             // [row_count][dim]
    uint64_t row_count;
    uint64_t block_count;
};

static inline uint64_t ivf_list_blocks(uint32_t rows)
{
    return ((uint64_t)rows + CODE_BLOCK_ROWS - 1) / CODE_BLOCK_ROWS;
}

// Whether all that `list` names is there.
static inline bool ivf_holds(const struct ivf_view *v, const struct ivf_list *list)
{
    return list->first_row <= v->row_count && list->rows <= v->row_count - list->first_row &&
           list->first_block <= v->block_count &&
           ivf_list_blocks(list->rows) <= v->block_count - list->first_block;
}
