// yaml: one YAML 1.2 document as a read-only tree of mappings, sequences and scalars.
//
// A thin wrap of libfyaml's event parser. The tree and its texts live in the caller's arena and
// know the line and column of everything, for messages. Meant for files that people write, so
// what such a file has no need of is refused: anchors and aliases (and with them every bomb of
// aliases), tags, several documents, keys that are no scalars, keys that stand twice in a mapping.
// Text, depth and number of nodes are bounded. Scalars stay text; what they mean is the reader's
// business. Pure: nothing is printed.
#pragma once

#include "base/diag.h"
#include "base/err.h"

enum {
    YAML_TEXT_MAX = 1 << 20,
    YAML_DEPTH_MAX = 16,
    YAML_NODES_MAX = 100'000,
    YAML_KEYS_MAX = 256, // of one mapping
};

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_kind kind;
    bool is_quoted;          // a scalar in quotes or block style: never null
    struct diag_place place; // where it begins
    str text;                // of a scalar
    struct yaml_node *first; // child of a sequence or mapping
    struct yaml_node *next;  // child of the same parent
    size_t count;            // of children
    str key;                 // a mapping's child: the key it stands under
    struct diag_place key_place;
};

// Parses all of `text` into `*out`, which lives as long as the arena. ERR_SYNTAX for a text that
// is not one such document, ERR_LIMIT for one past a bound; the diag then says what and where.
// An empty document is a null scalar.
err yaml_parse(str text, struct arena *arena, struct diag *d, const struct yaml_node **out);

// The child of a mapping under `key`; NULL if there is none or `n` is no mapping.
const struct yaml_node *yaml_get(const struct yaml_node *n, str key);

// Whether the scalar is null: nothing, `~` or `null` without quotes.
bool yaml_is_null(const struct yaml_node *n);
