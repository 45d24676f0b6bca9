// mock_pending: calls of tools in a conversation that wait for their results.
//
// Both vendors demand that the next turn answers all of them, and nothing else. Pure.
#pragma once

#include "base/arena.h"

enum { MOCK_PENDING_MAX = 128 };

struct mock_pending {
    str ids[MOCK_PENDING_MAX]; // borrowed
    bool is_answered[MOCK_PENDING_MAX];
    size_t count;
};

// False where there is such a call already, or too many.
bool mock_pending_add(struct mock_pending *p, str id);
// False where no such call waits.
bool mock_pending_answer(struct mock_pending *p, str id);
// The calls that still wait, with commas; empty: none does.
str mock_pending_list(const struct mock_pending *p, struct arena *arena);
