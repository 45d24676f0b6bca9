// openai_embedding: requests for embeddings in OpenAI's dialect and their answers, read into the
// neutral model and written.
//
// Official SDKs ask for base64 unless told otherwise, and older ones make an empty vector of
// anything else, hence openai_embedding_mend(). Pure.
#pragma once

#include "provider/embedding.h"

err openai_embedding_read(str body, struct arena *a, struct embedding_request *out,
                          struct chat_notes *n);
// ERR_UNSUPPORTED: inputs are texts and tokens at once.
err openai_embedding_write(const struct embedding_request *q, struct gather *out,
                           struct chat_notes *n);

err openai_embedding_read_answer(str body, struct arena *a, struct embedding_answer *out);
// In the encoding that was asked for; UNSET is FLOAT. `model` is the name that the client knows,
// empty: the answer's. Counts that are unknown are zero, as the dialect demands some. ERR_TYPE,
// ERR_SYNTAX or ERR_RANGE: a vector is none.
err openai_embedding_write_answer(const struct embedding_answer *answer, str model,
                                  enum embedding_encoding encoding, struct buf *out);

// Appends an answer with each vector in the encoding that was asked for, and all else as it is.
// ERR_ABSENT, and nothing is appended: all have it already, or it is no such answer. After another
// error (one of embedding_append) what was appended is worthless.
err openai_embedding_mend(str body, enum embedding_encoding encoding, struct buf *out);
