// How fast an embedding's numbers become JSON and come back; each row is the best of many rounds,
// so that a busy machine disturbs it little.
#include "base/random.h"
#include "codec/json_float.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BENCH_FLOATS = 3072, BENCH_ROUNDS = 200 };

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void print(const char *what, double best_ns)
{
    printf("%-18s %8.0f us  %6.1f ns a number\n", what, best_ns / 1e3, best_ns / BENCH_FLOATS);
}

int main(void)
{
    static char texts[BENCH_FLOATS][JSON_FLOAT_LEN_MAX];
    static size_t lens[BENCH_FLOATS];
    static float floats[BENCH_FLOATS];
    double write_ns = 1e18;
    double read_ns = 1e18;
    struct random random;
    float again = 0;

    random_init(&random, 1);
    for (size_t i = 0; i < BENCH_FLOATS; i++) {
        floats[i] = (float)random_normal(&random) / 50;
    }
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = now_ns();
        for (size_t i = 0; i < BENCH_FLOATS; i++) {
            lens[i] = json_float_write(texts[i], floats[i]);
        }
        double middle = now_ns();
        for (size_t i = 0; i < BENCH_FLOATS; i++) {
            if (json_float_read((str){texts[i], lens[i]}, &again) || again != floats[i]) abort();
        }
        double end = now_ns();
        if (middle - start < write_ns) write_ns = middle - start;
        if (end - middle < read_ns) read_ns = end - middle;
    }
    print("floats to JSON", write_ns);
    print("JSON to floats", read_ns);
    return 0;
}
