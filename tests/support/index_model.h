// index_model: an index in a folder of its own, and beside it all of its rows in plain memory.
//
// Keys are below INDEX_MODEL_KEYS. Vectors lie around some centers, and what each row has in its
// columns follows from chance, so that a search can be judged by looking at every row. Limits are
// so low that few rows make segments of every kind.
#pragma once

#include "base/random.h"
#include "retrieval/vector/column_schema.h"
#include "retrieval/vector/index.h"

enum { INDEX_MODEL_KEYS = 8192, INDEX_MODEL_CENTERS = 24, INDEX_MODEL_VALUES_MAX = 64 };

struct index_model_row {
    bool lives;
    uint8_t values_len;
    char values[INDEX_MODEL_VALUES_MAX];
};

struct index_model {
    char folder[64];
    struct index_options options;
    struct column_schema schema; // year i64, score f64, draft bool, tag string, center i64
    struct index *index;
    struct index_searcher *searcher;
    struct random random;
    uint64_t center;              // that the newest vector lies around
    float *centers;               // [INDEX_MODEL_CENTERS][dim]
    float *raw;                   // [INDEX_MODEL_KEYS][dim], as they are written,
    float *vectors;               // and as they are stored
    struct index_model_row *rows; // [INDEX_MODEL_KEYS]
    struct nearest_hit hits[INDEX_MODEL_KEYS];
    struct nearest_hit truth[INDEX_MODEL_KEYS];
};

// An index without a background; dim and metric are those of `options`, and what else is not 0.
struct index_model *index_model_open(const struct index_options *options);
void index_model_close(struct index_model *m);
void index_model_reopen(struct index_model *m);

// A vector around one of the centers, by chance.
void index_model_vector(struct index_model *m, float *out);

// Each key from `first` on gets a new vector and new values.
void index_model_put(struct index_model *m, uint64_t first, uint32_t count);
void index_model_put_vector(struct index_model *m, uint64_t key, const float *vector);
void index_model_delete(struct index_model *m, uint64_t first, uint32_t count);
// Like index_model_put(), but by index_load().
void index_model_load(struct index_model *m, uint64_t first, uint32_t count);

// The true answer, to `truth`: how many hits there are.
uint32_t index_model_truth(struct index_model *m, const struct index_query *q);

// Searches; fails unless as many hits are found as there are, live ones that match, with their true
// distances, in order and each once. Returns how many of them are of the truth.
uint32_t index_model_search(struct index_model *m, const struct index_query *q,
                            struct index_result *result);
