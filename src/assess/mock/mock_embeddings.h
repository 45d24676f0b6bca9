// mock_embeddings: unit vectors that depend on the text alone.
//
// The same text has the same vector on every machine and for every seed, different texts have
// nearly orthogonal ones; a shorter vector is not a prefix of a longer one. Function of the port
// in mock_dialect.h. Pure.
#pragma once

#include "assess/mock/mock_dialect.h"

enum { MOCK_EMBEDDINGS_DIMENSIONS = 1536, MOCK_EMBEDDINGS_INPUTS_MAX = 2048 };

// ERR_TYPE for an input that is no text, token list or list of either; ERR_LIMIT for too many.
err mock_embeddings_whole(const struct mock_say *s, struct buf *out);

// The vector of a text, `count` numbers, of length 1.
void mock_embeddings_vector(str text, float *out, size_t count);
