// embedding: texts as vectors: what is asked, what is answered, and the vectors' two forms.
//
// A vector is an array of numbers or base64 of little-endian 32-bit floats. Clients ask for one of
// them and some read nothing else, so an answer in the other form is mended, not passed on.
// Texts are chat_text, numbers and JSON as written; all are views of what was read. Pure.
#pragma once

#include "provider/chat.h"

enum {
    EMBEDDING_INPUTS_MAX = 2048,
    EMBEDDING_FLOATS_MAX = 65'536, // of a vector
};

enum embedding_encoding { EMBEDDING_UNSET, EMBEDDING_FLOAT, EMBEDDING_BASE64 };

struct embedding_input {
    struct chat_text text;
    str tokens_json; // in its place: an array of whole numbers
};

struct embedding_request {
    struct chat_text model;
    struct embedding_input *inputs;
    size_t input_count;
    str dimensions;
    enum embedding_encoding encoding;
    struct chat_text user;
};

// In one of three forms.
struct embedding_vector {
    uint64_t index;          // of its input
    struct chat_text base64; // if given
    str floats_json;         // if not empty: an array of numbers
    const float *floats;
    size_t float_count;
};

struct embedding_answer {
    struct chat_text model;
    struct embedding_vector *vectors;
    size_t vector_count;
    struct token_usage usage;
};

// The numbers of a vector, where it is in another form in the arena. ERR_SYNTAX, ERR_TYPE or
// ERR_RANGE: it is none; ERR_LIMIT: more than EMBEDDING_FLOATS_MAX.
err embedding_floats(const struct embedding_vector *v, struct arena *a, const float **out,
                     size_t *count);

// Appends it in a form, as one JSON value: a view's bytes where it has that form already. Fails as
// embedding_floats() does, and with ERR_RANGE where a number is not finite and JSON has none.
err embedding_append(const struct embedding_vector *v, enum embedding_encoding encoding,
                     struct buf *out);
