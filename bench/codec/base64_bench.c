// How fast a megabyte becomes base64 and comes back; each row is the best of many rounds, so that
// a busy machine disturbs it little.
#include "codec/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BENCH_BYTES = 1 << 20, BENCH_ROUNDS = 200 };

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(err e)
{
    if (!e) return;
    fprintf(stderr, "base64_bench: %s\n", err_text(e));
    exit(1);
}

static void print(const char *what, double best_ns)
{
    printf("%-16s %8.0f us  %6.2f GB/s of bytes\n", what, best_ns / 1e3,
           (double)BENCH_BYTES / best_ns);
}

int main(void)
{
    static char bytes[BENCH_BYTES];
    static char back[BENCH_BYTES + 4];
    double encode_ns = 1e18;
    double decode_ns = 1e18;
    struct buf text;
    size_t len = 0;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * i >> 3);
    }
    buf_init(&text, base64_encoded_len(BENCH_BYTES));
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        buf_clear(&text);
        double start = now_ns();
        must(base64_encode(&text, (str){.ptr = bytes, .len = sizeof(bytes)}));
        double middle = now_ns();
        must(base64_decode(buf_view(&text), BASE64_STRICT, back, &len));
        double end = now_ns();
        if (middle - start < encode_ns) encode_ns = middle - start;
        if (end - middle < decode_ns) decode_ns = end - middle;
    }
    if (len != sizeof(bytes) || memcmp(bytes, back, len)) abort();
    print("base64 encode", encode_ns);
    print("base64 decode", decode_ns);
    buf_done(&text);
    return 0;
}
