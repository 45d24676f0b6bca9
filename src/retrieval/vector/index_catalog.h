// index_catalog: what an index consists of at one moment, as manifests tell it.
//
// Made with `publishing` held, and gone before it is given up: it names files of tombstones, of
// which the next catalog may have newer ones.
#pragma once

#include "retrieval/vector/index_state.h"
#include "retrieval/vector/manifest.h"

struct index_catalog {
    struct index_part *parts[INDEX_PARTS_MAX]; // held
    struct manifest_segment segments[INDEX_PARTS_MAX];
    char names[INDEX_PARTS_MAX][MANIFEST_NAME_MAX];
    uint32_t count;
    uint64_t checkpoint; // records before it are in the parts, or dead there
    struct buf schema;
};

// What is dead in the parts is in files, whose names last with that of the manifest. ERR_LIMIT for
// too many parts; what the disk fails with.
err index_catalog_take(struct index *ix, struct index_catalog **out);
void index_catalog_drop(struct index_catalog *c);

// The manifest of a generation; borrows of the catalog.
struct manifest index_catalog_manifest(const struct index_catalog *c, const struct index *ix,
                                       uint64_t generation);
