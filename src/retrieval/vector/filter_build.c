#include "retrieval/vector/filter_build.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_MAX = 400 };

void filter_build_init(struct filter_build *b)
{
    b->nodes[0] = (struct filter_node){.kind = FILTER_AND};
    b->node_count = 1;
}

uint16_t filter_build_node(struct filter_build *b, uint16_t parent, enum filter_kind kind)
{
    if (b->node_count > FILTER_NODES_MAX) {
        if (!b->is_stopped)
            filter_build_fail(b, b->text, ERR_LIMIT, STR("\"in\" takes many values as one"),
                              "the filter has more than %d conditions", FILTER_NODES_MAX);
        b->is_stopped = true;
        return FILTER_NODES_MAX;
    }
    b->nodes[b->node_count] = (struct filter_node){.kind = (uint16_t)kind, .parent = parent};
    return (uint16_t)b->node_count++;
}

uint16_t filter_build_group(struct filter_build *b, struct filter_spot spot, enum filter_kind kind)
{
    enum filter_kind turned = kind == FILTER_AND ? FILTER_OR : FILTER_AND;

    if (spot.is_negated) kind = turned;
    if (b->nodes[spot.parent].kind == kind) return spot.parent;
    return filter_build_node(b, spot.parent, kind);
}

void filter_build_leaf(struct filter_build *b, struct filter_spot spot, struct filter_leaf leaf)
{
    uint16_t node = filter_build_node(b, spot.parent, FILTER_LEAF);

    leaf.is_negated = leaf.is_negated != spot.is_negated;
    b->nodes[node].leaf = leaf;
}

bool filter_build_count_value(struct filter_build *b, str at)
{
    if (b->value_count < FILTER_VALUES_MAX) {
        b->value_count++;
        return true;
    }
    if (!b->is_stopped)
        filter_build_fail(b, at, ERR_LIMIT, STR(""), "the filter compares with more than %d values",
                          FILTER_VALUES_MAX);
    b->is_stopped = true;
    return false;
}

static struct diag_place place_of(str text, str at)
{
    struct diag_place place = {1, 1};

    assert(at.ptr >= text.ptr && at.ptr <= text.ptr + text.len);
    for (const char *p = text.ptr; p < at.ptr; p++) {
        place.column++;
        if (*p == '\n') place = (struct diag_place){place.line + 1, 1};
    }
    return place;
}

void filter_build_fail(struct filter_build *b, str at, err e, str hint, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;

    if (!b->error) b->error = e;
    if (b->diag->count >= DIAG_MAX) b->is_stopped = true; // nobody is told more
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args); // a longer one is clipped
    va_end(args);
    diag_add(b->diag, place_of(b->text, at), hint, "%s", message);
}
