// FAISS (Debian's libfaiss-dev): IVF with 4-bit product codes scanned FastScan-style, then refined.
// Debian builds it for the oldest x86-64, so its figures say what a packaged FAISS does, no more.
#include "vectors.hpp"

#include <faiss/AutoTune.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexRefine.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <omp.h>

static int build(const char *base, const char *store, const std::string &metric)
{
    Rows<float> rows = read_vectors(base, metric);
    size_t lists = size_t(std::sqrt(double(rows.count)));
    std::string key = "IVF" + std::to_string(lists) + ",PQ" + std::to_string(rows.dim / 2) + "x4fs,RFlat";
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    faiss::Index *index = faiss::index_factory(int(rows.dim), key.c_str());

    omp_set_num_threads(2);
    index->train(int64_t(std::min<size_t>(rows.count, 200000)), rows.row(0));
    index->add(int64_t(rows.count), rows.row(0));
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    faiss::write_index(index, store);
    delete index;
    print_build(cpu, wall, store);
    return 0;
}

static int search(const char *store, const char *queries, const char *truths, const std::string &metric)
{
    Rows<float> rows = read_vectors(queries, metric);
    Rows<int> truth = read_rows<int>(truths);
    std::vector<int> found(truth.count * K);
    std::vector<float> distances(K);
    std::vector<int64_t> ids(K);
    double wall = seconds(CLOCK_MONOTONIC);
    faiss::Index *index = faiss::read_index(store);

    print_open(seconds(CLOCK_MONOTONIC) - wall);
    omp_set_num_threads(1);
    for (int probes : {4, 8, 16, 32, 64, 128}) {
        for (int refine : {3, 10}) {
            std::string setting = "nprobe=" + std::to_string(probes) + ",k_factor_rf=" + std::to_string(refine);

            faiss::ParameterSpace().set_index_parameters(index, setting.c_str());
            measure(setting, truth, found, [&](size_t i) {
                index->search(1, rows.row(i), K, distances.data(), ids.data());
                for (size_t j = 0; j < K; j++) found[i * K + j] = int(ids[j]);
            });
        }
    }
    delete index;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "build")) return build(argv[2], argv[3], argv[4]);
    if (argc == 6 && !strcmp(argv[1], "search")) return search(argv[2], argv[3], argv[4], argv[5]);
    return 2;
}
