// hnswlib (Debian's libhnswlib-dev): M 16, efConstruction 200, as its own README measures.
#include "vectors.hpp"

#include <atomic>
#include <hnswlib/hnswlib.h>
#include <thread>

static int build(const char *base, const char *store, const std::string &metric)
{
    Rows<float> rows = read_vectors(base, metric);
    hnswlib::L2Space space(rows.dim);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    hnswlib::HierarchicalNSW<float> graph(&space, rows.count, 16, 200);
    std::atomic<size_t> next{1};
    auto add = [&] {
        for (size_t i; (i = next++) < rows.count;) graph.addPoint(rows.row(i), i);
    };

    graph.addPoint(rows.row(0), 0);
    std::thread first(add), second(add);
    first.join();
    second.join();
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    graph.saveIndex(store);
    print_build(cpu, wall, store);
    return 0;
}

static int search(const char *store, const char *queries, const char *truths, const std::string &metric)
{
    Rows<float> rows = read_vectors(queries, metric);
    Rows<int> truth = read_rows<int>(truths);
    hnswlib::L2Space space(rows.dim);
    double wall = seconds(CLOCK_MONOTONIC);
    hnswlib::HierarchicalNSW<float> graph(&space, std::string(store));
    std::vector<int> found(truth.count * K);

    print_open(seconds(CLOCK_MONOTONIC) - wall);
    for (int ef : {10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768}) {
        graph.setEf(size_t(ef));
        measure("ef=" + std::to_string(ef), truth, found, [&](size_t i) {
            auto nearest = graph.searchKnn(rows.row(i), K);

            for (int j = int(nearest.size()) - 1; j >= 0; j--, nearest.pop()) {
                found[i * K + size_t(j)] = int(nearest.top().second);
            }
        });
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "build")) return build(argv[2], argv[3], argv[4]);
    if (argc == 6 && !strcmp(argv[1], "search")) return search(argv[2], argv[3], argv[4], argv[5]);
    return 2;
}
