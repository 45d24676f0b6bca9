// index_inputs: the segments that a merge makes one of, as one source of rows.
//
// Rows that live when a segment is added are numbered through all of them, in their order. Rows
// that die afterwards stay in the source; index_inputs_carry_dead() tells which these were. Belongs
// to one merge; builders fetch from several threads.
#pragma once

#include "retrieval/vector/index_build.h"

struct index_input {
    struct index_part *part; // held
    uint64_t first;          // of its rows, in the numbers of the source
    uint32_t *rows;          // that lived
    uint32_t count;
    uint64_t *dead; // the others, a bit each
};

struct index_inputs {
    struct index_rows rows;
    struct index_input inputs[INDEX_PARTS_MAX];
    uint32_t count;
};

void index_inputs_init(struct index_inputs *in, const struct index *ix);
void index_inputs_done(struct index_inputs *in);

void index_inputs_add(struct index_inputs *in, struct index_part *p);
bool index_inputs_has(const struct index_inputs *in, const struct index_part *p);

// Reads and checks all bytes of the segments: damaged ones must not get a new checksum.
// ERR_DAMAGED, ERR_CANCELED.
err index_inputs_check(struct index_inputs *in, struct build_watch *watch);
// Whether all pages could still be read since then; those that couldn't were read as zeros.
err index_inputs_check_reads(struct index_inputs *in);

// Rows of the segments that died since they were added die in `p`, which was built of the source.
err index_inputs_carry_dead(const struct index_inputs *in, struct index_part *p);
