// encoder: rows to codes, list by list (code.h).
//
// Holds scratch memory, and the centroid of the list whose rows come next. Belongs to one thread.
#pragma once

#include "retrieval/vector/code.h"

struct encoder {
    const struct quantizer *quantizer;
    float *center;  // the list's centroid, rotated, relative to the origin
    float *rotated; // scratch
    float *residual;
    uint8_t *levels[2];
    const float *centroid;
};

void encoder_init(struct encoder *e, const struct quantizer *q);
void encoder_done(struct encoder *e);

// Whose rows come next; must precede encoder_row().
void encoder_list(struct encoder *e, uint32_t list);

// Codes `row`, of dim floats, into `out`, whose bits and nibbles have room.
void encoder_row(struct encoder *e, const float *row, struct row_code *out);
