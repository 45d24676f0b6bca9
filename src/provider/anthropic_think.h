// anthropic_think: how a request that wants reasoning asks Anthropic for it.
//
// Newer models think as much as they find right (*adaptive*) and take an effort; others take a
// *budget* of tokens. What is asked and what the rest of the request allows decide; what does not
// go is noted (anthropic_dialect.h has the rules). Pure.
#pragma once

#include "provider/chat.h"

enum anthropic_think_kind {
    ANTHROPIC_THINK_UNSET,
    ANTHROPIC_THINK_DISABLED,
    ANTHROPIC_THINK_BUDGET,
    ANTHROPIC_THINK_ADAPTIVE,
};

struct anthropic_think {
    enum anthropic_think_kind kind;
    uint64_t budget; // tokens: of BUDGET, and what ADAPTIVE is expected to take
    str effort;      // for output_config; empty: none
};

struct anthropic_think anthropic_think_of(const struct chat_request *q, struct chat_notes *n);

// The number that a JSON number stands for, to compare it; `otherwise` where there is none.
double anthropic_think_number(str text, double otherwise);
