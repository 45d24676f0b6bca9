// mock_script: rules read from YAML, whole files of them or one at a time.
//
//     rules:
//       - match: {model: "gpt-*", every: 3}
//         error: {status: 429, retry_after: 1}
//       - timing: {ttft: 200ms, gap: {lognormal: [20ms, 0.5]}}
//         fault: {end: reset, after_events: 5}
//
// The keys are the table mock_keys.def; what is not in it is a finding with its place and a hint.
// A rule overlays the one it begins as: keys that are absent leave what was there. Pure.
#pragma once

#include "assess/mock/mock_rule.h"
#include "base/diag.h"
#include "codec/yaml.h"

enum { MOCK_SCRIPT_RULES_MAX = 1000, MOCK_SCRIPT_RECORDED_MAX = 10'000, MOCK_SCRIPT_TOOLS_MAX = 8 };

// Reads a script. Each rule begins as a copy of `base`. The rules live in the arena, as do their
// texts. OK only if the diag stayed empty; else ERR_SYNTAX, or ERR_LIMIT as of yaml_parse().
err mock_script_read(str text, const struct mock_rule *base, struct arena *arena, struct diag *d,
                     struct mock_rule **rules, size_t *count);

// Reads one rule, as it stands in a script's list, over `*rule`.
err mock_script_overlay(str text, struct arena *arena, struct diag *d, struct mock_rule *rule);

// Microseconds of "200ms", "1.5s", "500us", "2m", or a number of milliseconds, up to an hour.
err mock_script_time(str text, uint64_t *us);

// The table, for people: one entry a key, in its order; false behind the last.
struct mock_script_key {
    str section;
    str key;
    str help;
};
bool mock_script_key(size_t index, struct mock_script_key *out);
