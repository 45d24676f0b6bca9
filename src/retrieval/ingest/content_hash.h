// content_hash: a number that changes when bytes do.
//
// Tells whether a text is still the one whose vector is stored, and whether a record of a file is
// as it was written. Two texts share one by chance once in 2^64; somebody who tries can make two,
// and deceives nobody but himself. The same on every machine.
#pragma once

#include "base/str.h"

// Never 0.
uint64_t content_hash(str bytes, uint64_t seed);
