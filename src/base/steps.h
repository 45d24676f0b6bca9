// steps: the declared life of an object that takes several steps.
//
// The owner lists its steps once, each with the steps that may follow; steps_move() is the only
// writer of the current one and aborts on a move that was not declared.
#pragma once

#include <stdint.h>

struct step {
    const char *name;
    uint32_t next; // the steps that may follow, as bits
};

#define STEP_BIT(step) (UINT32_C(1) << (step))

void steps_move(const struct step *steps, int *current, int to);
