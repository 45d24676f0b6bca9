// golden: files of the repository as tests see them; the tests run in its root.
#pragma once

#include "base/buf.h"

// Appends the file to `out`; the test fails where it can't be read.
void golden_read(const char *path, struct buf *out);

// Fails where the file differs from `text`. With UPDATE=1 in the environment it writes the file
// instead: for those that are generated.
void golden_check(const char *path, str text);
