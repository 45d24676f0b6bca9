// settings_reference: the manual of every key, written from the table.
//
// docs/reference/config.md is its output; a test compares them.
#pragma once

#include "base/buf.h"
#include "base/err.h"

// Appends the whole page, as Markdown. ERR_LIMIT where `out` is full.
err settings_reference(struct buf *out);
