// mock_name: what a model's name asks of the mock: "mock-cut-5", "mock-tokens-100-gap-20".
//
// The names are the table mock_names.def; each stands for a piece of a script. Pure.
#pragma once

#include "assess/mock/mock_rule.h"
#include "base/arena.h"

// Overlays the rule with what the name asks for. OK also for a name that does not begin with
// "mock-", which asks for nothing; ERR_ABSENT for one that no table entry explains, ERR_RANGE for
// a number that its key can't take. Texts live in the arena.
err mock_name_apply(str model, struct arena *arena, struct mock_rule *rule);

// The table, for people; false behind the last.
struct mock_name_entry {
    str name;
    str preset; // what stands for N where the name has none
    str snippet;
    str help;
};
bool mock_name_entry(size_t index, struct mock_name_entry *out);
