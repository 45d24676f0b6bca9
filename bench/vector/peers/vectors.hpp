// What every peer written in C++ needs: vectors of a file, the truth, and figures as lines of JSON.
// A peer is called as  PEER build BASE STORE METRIC  and  PEER search STORE QUERIES TRUTH METRIC.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/stat.h>
#include <time.h>
#include <vector>

constexpr int K = 10;

inline double seconds(clockid_t clock)
{
    timespec t;
    clock_gettime(clock, &t);
    return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

template <class T> struct Rows {
    std::vector<T> values;
    size_t count = 0;
    size_t dim = 0;

    const T *row(size_t i) const { return &values[i * dim]; }
};

// Reads .fvecs or .ivecs: each row is its length as an int32, then as many values of four bytes.
template <class T> Rows<T> read_rows(const char *path)
{
    Rows<T> rows;
    FILE *file = fopen(path, "rb");
    int dim;

    if (!file) {
        perror(path);
        exit(1);
    }
    while (fread(&dim, sizeof dim, 1, file) == 1) {
        rows.dim = size_t(dim);
        rows.values.resize((rows.count + 1) * rows.dim);
        if (fread(&rows.values[rows.count * rows.dim], sizeof(T), rows.dim, file) != rows.dim) exit(1);
        rows.count++;
    }
    fclose(file);
    return rows;
}

inline void normalize(Rows<float> &rows)
{
    for (size_t i = 0; i < rows.count; i++) {
        float *row = &rows.values[i * rows.dim];
        double sum = 0;

        for (size_t j = 0; j < rows.dim; j++) sum += double(row[j]) * double(row[j]);
        float factor = sum > 0 ? float(1 / std::sqrt(sum)) : 0;
        for (size_t j = 0; j < rows.dim; j++) row[j] *= factor;
    }
}

inline Rows<float> read_vectors(const char *path, const std::string &metric)
{
    Rows<float> rows = read_rows<float>(path);

    if (metric == "cosine") normalize(rows);
    return rows;
}

// The part of the true nearest K that `found` has.
inline double recall(const Rows<int> &truth, const std::vector<int> &found)
{
    size_t hits = 0;

    for (size_t i = 0; i < truth.count; i++) {
        for (int a = 0; a < K; a++) {
            const int *mine = &found[i * K];
            hits += std::find(mine, mine + K, truth.row(i)[a]) != mine + K;
        }
    }
    return double(hits) / double(truth.count * K);
}

// Times one setting of a search, `one(i)` searching for query i: CPU time of this thread.
template <class Search>
void measure(const std::string &setting, const Rows<int> &truth, std::vector<int> &found, Search one)
{
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);

    for (size_t i = 0; i < truth.count; i++) one(i);
    double us = (seconds(CLOCK_THREAD_CPUTIME_ID) - start) / double(truth.count) * 1e6;
    printf("{\"kind\": \"point\", \"setting\": \"%s\", \"recall\": %.4f, \"us\": %.2f}\n",
           setting.c_str(), recall(truth, found), us);
    fflush(stdout);
}

inline void print_build(double cpu, double wall, const std::string &store)
{
    struct stat st = {};

    stat(store.c_str(), &st);
    printf("{\"kind\": \"build\", \"cpu_s\": %.2f, \"wall_s\": %.2f, \"bytes\": %lld}\n", cpu, wall,
           (long long)st.st_size);
}

inline void print_open(double wall)
{
    printf("{\"kind\": \"open\", \"ms\": %.3f}\n", wall * 1e3);
}
