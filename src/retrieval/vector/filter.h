// filter: which rows a search may find, by their metadata.
//
// A tree of conditions on columns: filter_parse() makes it, filter_bound.h applies it to a segment
// and filter_match() to a row in memory. Negations are moved into the leaves, so that inner nodes
// are but AND and OR; each leaf knows which leaf decides next if it holds and if it doesn't, so
// that a row is judged without a stack, and no leaf is asked that doesn't matter.
//
// A row without a value in a column meets no comparison and no list; `ne`, `nin` and `not` are true
// of exactly the rows of which what they negate is false, those without a value included.
// Immutable once parsed, and then safe from any thread; lives in an arena. Its schema outlives it.
#pragma once

#include "retrieval/vector/column_schema.h"
#include "retrieval/vector/filter_leaf.h"

enum {
    FILTER_DEPTH_MAX = 16,        // of "and", "or" and "not" in each other
    FILTER_NODES_MAX = 256,       // conditions, and each "and", "or" and object of several members
    FILTER_VALUES_MAX = 10'000,   // that a filter compares with
    FILTER_TEXT_MAX = 1024 * 1024 // bytes of its JSON
};

enum { FILTER_ACCEPT = UINT16_MAX, FILTER_REJECT = UINT16_MAX - 1 };

enum filter_kind { FILTER_AND, FILTER_OR, FILTER_LEAF };

// Nodes stand in the order of a walk: each before its children, and they before its next sibling.
struct filter_node {
    uint16_t kind;     // enum filter_kind
    uint16_t parent;   // of the first, itself
    uint16_t end;      // behind the last below it
    uint16_t on_true;  // of a leaf: the leaf that is next, or FILTER_ACCEPT, or FILTER_REJECT
    uint16_t on_false; //
    struct filter_leaf leaf;
};

struct filter {
    const struct column_schema *schema;
    uint32_t node_count; // above 0; the first is an AND, or a leaf and all there is
    uint32_t first;      // the first leaf
    struct filter_node *nodes;
};

// Whether a row in memory matches, whose values row_values_encode() made. Of damaged bytes, either.
bool filter_match(const struct filter *f, str values);

// Whether all rows that match have one value in a column, as conditions that all have to hold say,
// and which. Texts are borrowed of the filter. Of what lies below an "or" nothing is known.
bool filter_pins(const struct filter *f, uint32_t column, struct column_value *out);

// Sets `end`, `on_true` and `on_false` of every node, and `first`: what filter_parse() ends with.
void filter_link(struct filter *f);
