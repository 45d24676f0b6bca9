// sluice_embedding: requests for embeddings and their answers in our own dialect
// (proto/sluice/v1/embeddings.proto), read into the neutral model and written.
//
// Vectors are 32-bit floats on the wire and go through bit by bit. Functions of dialect.h. Pure.
#pragma once

#include "provider/embedding.h"

err sluice_embedding_read(str body, struct arena *a, struct embedding_request *out,
                          struct chat_notes *n);
err sluice_embedding_write(const struct embedding_request *q, struct gather *out,
                           struct chat_notes *n);
err sluice_embedding_read_answer(str body, struct arena *a, struct embedding_answer *out);
// The encoding is the wire's own. ERR_TYPE, ERR_SYNTAX or ERR_RANGE: a vector is none.
err sluice_embedding_write_answer(const struct embedding_answer *answer, str model,
                                  enum embedding_encoding encoding, struct buf *out);
