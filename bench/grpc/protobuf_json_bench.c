// How fast a chat becomes a message and comes back, by our own descriptors: a short one, one with
// a long text, one with many messages. Each row is the best of many rounds, so that a busy machine
// disturbs it little.
#include "grpc/json_to_protobuf.h"
#include "grpc/own_descriptors.h"
#include "grpc/protobuf_to_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BENCH_ROUNDS = 300, BENCH_MAX = 1 << 22 };

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(err e)
{
    if (!e) return;
    fprintf(stderr, "protobuf_json_bench: %s\n", err_text(e));
    exit(1);
}

// `messages` messages of so many bytes of text.
static void write_chat(struct buf *out, size_t messages, size_t text)
{
    must(buf_append(out, STR("{\"model\":\"smart\",\"temperature\":0.7,\"messages\":[")));
    for (size_t i = 0; i < messages; i++) {
        must(buf_append_format(out, "%s{\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"",
                               i ? "," : ""));
        for (size_t k = 0; k < text; k++) {
            must(buf_append_char(out, "a word of text "[k % 15]));
        }
        must(buf_append(out, STR("\"}]}")));
    }
    must(buf_append(out, STR("]}")));
}

static void bench(const struct descriptor_pool *pool, size_t messages, size_t text)
{
    const struct descriptor_message *m =
        descriptor_find_message(pool, STR("sluice.v1.ChatRequest"));
    double to_ns = 1e18;
    double from_ns = 1e18;
    struct message_fault why;
    struct buf json;
    struct buf bytes;
    struct buf back;

    buf_init(&json, BENCH_MAX);
    buf_init(&bytes, BENCH_MAX);
    buf_init(&back, BENCH_MAX);
    write_chat(&json, messages, text);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        struct arena arena;
        arena_init(&arena, 4096);
        struct json_to_protobuf_options to = {.pool = pool, .arena = &arena};
        struct protobuf_to_json_options from = {.pool = pool, .arena = &arena};
        buf_clear(&bytes);
        buf_clear(&back);
        double start = now_ns();
        must(json_to_protobuf(&to, m, buf_view(&json), &bytes, &why));
        double middle = now_ns();
        must(protobuf_to_json(&from, m, buf_view(&bytes), &back, &why));
        double end = now_ns();
        if (middle - start < to_ns) to_ns = middle - start;
        if (end - middle < from_ns) from_ns = end - middle;
        arena_reset(&arena);
    }
    printf("%4zu messages, %7zu bytes of JSON: to a message %8.1f us, back %8.1f us\n", messages,
           buf_len(&json), to_ns / 1e3, from_ns / 1e3);
    buf_done(&json);
    buf_done(&bytes);
    buf_done(&back);
}

int main(void)
{
    const struct descriptor_pool *pool = NULL;
    struct arena arena;
    struct diag d;

    arena_init(&arena, 1 << 16);
    diag_init(&d);
    double start = now_ns();
    must(descriptor_read(own_descriptors(), &arena, &d, &pool));
    printf("%zu bytes of descriptors: %.1f us\n", own_descriptors().len, (now_ns() - start) / 1e3);
    bench(pool, 1, 900);
    bench(pool, 1, 100000);
    bench(pool, 1000, 50);
    diag_done(&d);
    arena_reset(&arena);
    return 0;
}
