// settings_schema: a JSON Schema (draft 2020-12) of the configuration, written from the table.
//
// For editors and CI. It can't judge what only the reader knows: whether a provider named exists,
// sums of weights, bounds of durations and sizes that are written with a unit. It is stricter in
// one thing: a section or list left empty must be left out.
// docs/reference/config.schema.json is its output; a test compares them.
#pragma once

#include "base/buf.h"
#include "base/err.h"

// Appends the schema as one JSON text. ERR_LIMIT where `out` is full.
err settings_schema(struct buf *out);
