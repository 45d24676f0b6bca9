// filter_build: what filter_parse() and filter_field.h put a filter together with.
//
// Takes nodes in the order of their walk, counts what is limited and collects what is wrong. After
// a finding the parse goes on, to find more; past a limit it stops. Belongs to one parse.
#pragma once

#include "base/diag.h"
#include "codec/json.h"
#include "retrieval/vector/filter.h"

struct filter_build {
    const struct column_schema *schema;
    struct arena *arena;
    struct diag *diag;
    str text;
    err error; // the first one
    bool is_stopped;
    uint32_t value_count;
    uint32_t node_count; // one more than FILTER_NODES_MAX: the first is free
    struct filter_node nodes[FILTER_NODES_MAX + 1];
};

// Where a node belongs, and whether what it stands for is negated.
struct filter_spot {
    uint16_t parent;
    bool is_negated;
};

// Begins with an AND, number 0.
void filter_build_init(struct filter_build *b);

// A new node below `parent`. Past the limit it is the last one again, and the parse stops.
uint16_t filter_build_node(struct filter_build *b, uint16_t parent, enum filter_kind kind);

// The node below which several parts go that all have to hold, or with negation not all: the parent
// itself where it is of that kind.
uint16_t filter_build_group(struct filter_build *b, struct filter_spot spot, enum filter_kind kind);

// A leaf; its negation is turned where the spot is negated.
void filter_build_leaf(struct filter_build *b, struct filter_spot spot, struct filter_leaf leaf);

// Counts one value more; false past the limit, where the parse stops.
bool filter_build_count_value(struct filter_build *b, str at);

// Collects a finding about the part of the text that is `at`.
[[gnu::format(printf, 5, 6)]] void filter_build_fail(struct filter_build *b, str at, err e,
                                                     str hint, const char *format, ...);
