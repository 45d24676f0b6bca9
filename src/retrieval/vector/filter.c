#include "retrieval/vector/filter.h"

#include "retrieval/vector/row_values.h"

#include <assert.h>

bool filter_match(const struct filter *f, str values)
{
    uint32_t at = f->first;

    while (at < FILTER_REJECT) {
        const struct filter_node *n = &f->nodes[at];
        bool holds = false;
        if (n->leaf.test != FILTER_NEVER) {
            struct column_value v = row_values_get(f->schema, values, n->leaf.column);
            holds = filter_leaf_takes(&n->leaf, &v);
        }
        at = holds != n->leaf.is_negated ? n->on_true : n->on_false;
    }
    return at == FILTER_ACCEPT;
}

bool filter_pins(const struct filter *f, uint32_t column, struct column_value *out)
{
    for (uint32_t i = 1; i < f->node_count; i = f->nodes[i].end) {
        const struct filter_node *n = &f->nodes[i];
        if (n->kind != FILTER_LEAF || n->leaf.column != column) continue;
        if (filter_leaf_pins(&n->leaf, out)) return true;
    }
    return false;
}

// Of an AND without a part every row is true, of an OR none.
static void make_constant(struct filter_node *n)
{
    n->leaf = (struct filter_leaf){.test = FILTER_NEVER, .is_negated = n->kind == FILTER_AND};
    n->kind = FILTER_LEAF;
}

static uint16_t first_leaf(const struct filter *f, uint32_t from)
{
    while (f->nodes[from].kind != FILTER_LEAF) {
        from++;
    }
    return (uint16_t)from;
}

// Where to go on from a leaf that is `holds`: up as long as that decides the parent too or the
// parent has no more parts, else to the parent's next part.
static uint16_t next_leaf(const struct filter *f, uint32_t leaf, bool holds)
{
    uint32_t at = leaf;

    while (at != 0) {
        uint32_t parent = f->nodes[at].parent;
        bool decides = holds == (f->nodes[parent].kind == FILTER_OR);
        if (!decides && f->nodes[at].end < f->nodes[parent].end)
            return first_leaf(f, f->nodes[at].end);
        at = parent;
    }
    return holds ? FILTER_ACCEPT : FILTER_REJECT;
}

void filter_link(struct filter *f)
{
    assert(f->node_count && f->node_count < FILTER_REJECT);
    for (uint32_t i = f->node_count; i-- > 0;) {
        struct filter_node *n = &f->nodes[i];
        struct filter_node *parent = &f->nodes[n->parent];
        if (n->end <= i) n->end = (uint16_t)(i + 1);
        if (parent->end < n->end) parent->end = n->end;
        if (n->kind != FILTER_LEAF && n->end == i + 1) make_constant(n);
    }
    for (uint32_t i = 0; i < f->node_count; i++) {
        struct filter_node *n = &f->nodes[i];
        if (n->kind != FILTER_LEAF) continue;
        n->on_true = next_leaf(f, i, true);
        n->on_false = next_leaf(f, i, false);
    }
    f->first = first_leaf(f, 0);
}
