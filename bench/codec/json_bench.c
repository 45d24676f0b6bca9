// How fast JSON is checked and searched; each row is the best of many rounds, so that a busy
// machine disturbs it little. Built with cJSON as the peer where its library is installed.
#include "base/buf.h"
#include "codec/json.h"
#include "codec/json_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef BENCH_CJSON
#include <cjson/cJSON.h>
#endif

enum { BENCH_TEXT_MAX = 4 << 20, BENCH_ROUNDS = 40, BENCH_ROUND_NS = 4'000'000 };

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(err e)
{
    if (!e) return;
    fprintf(stderr, "json_bench: %s\n", err_text(e));
    exit(1);
}

static void bench_check(str text)
{
    must(json_check(text, NULL));
}

// What a gateway does first: where to send it, and how to answer.
static void bench_find(str text)
{
    struct json_reader r;
    struct json_value v;
    str key;
    int found = 0;

    json_reader_init(&r, text);
    must(json_enter(&r));
    for (;;) {
        err e = json_member(&r, &key);
        if (e == ERR_EOF) break;
        must(e);
        if (!json_string_is(key, STR("model")) && !json_string_is(key, STR("stream"))) continue;
        must(json_value(&r, &v));
        found++;
    }
    must(json_end(&r));
    if (found != 2) abort();
}

#ifdef BENCH_CJSON
static void bench_cjson(str text)
{
    cJSON *tree = cJSON_ParseWithLength(text.ptr, text.len);

    if (!tree) abort();
    cJSON_Delete(tree);
}
#endif

static double best_ns(void (*run)(str), str text)
{
    double best = 1e18;
    unsigned times = 1;

    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = now_ns();
        for (unsigned i = 0; i < times; i++) {
            run(text);
        }
        double spent = now_ns() - start;
        if (spent / times < best) best = spent / times;
        if (spent < BENCH_ROUND_NS / 2) times *= 2;
    }
    return best;
}

// What the content of the last message repeats.
static const char plain[] = "The quick brown fox jumps over the lazy dog, twice a day. ";
static const char escapes[] = "if (x == \"a\\b\") {\n\treturn \"none\";\n}\n";
static const char cyrillic[] = "Съешь ещё этих мягких французских булок, да выпей чаю. ";
static const char chinese[] = "天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏。";

// A chat request of about `size` bytes.
static void write_chat(struct buf *out, const char *content, size_t size)
{
    struct json_writer w;
    struct buf text;
    str piece = str_from_c(content);

    buf_init(&text, BENCH_TEXT_MAX);
    buf_clear(out);
    json_write_init(&w, out);
    json_write_object(&w);
    json_write_key(&w, STR("model"));
    json_write_str(&w, STR("gpt-4o-mini"));
    json_write_key(&w, STR("messages"));
    json_write_array(&w);
    for (int i = 0; i < 6; i++) {
        json_write_object(&w);
        json_write_key(&w, STR("role"));
        json_write_str(&w, i % 2 ? STR("assistant") : STR("user"));
        json_write_key(&w, STR("content"));
        must(buf_append(&text, piece));
        while (i == 5 && buf_len(out) + buf_len(&text) + 100 < size) {
            must(buf_append(&text, piece));
        }
        json_write_str(&w, buf_view(&text));
        buf_clear(&text);
        json_write_object_end(&w);
    }
    json_write_array_end(&w);
    json_write_key(&w, STR("temperature"));
    json_write_double(&w, 0.7);
    json_write_key(&w, STR("max_tokens"));
    json_write_u64(&w, 1024);
    json_write_key(&w, STR("stream"));
    json_write_bool(&w, true);
    json_write_object_end(&w);
    must(w.error);
    buf_done(&text);
}

// What an embedding answer looks like: numbers, as many as fit.
static void write_numbers(struct buf *out, size_t size)
{
    struct json_writer w;
    uint64_t bits = 1;

    buf_clear(out);
    json_write_init(&w, out);
    json_write_object(&w);
    json_write_key(&w, STR("model"));
    json_write_str(&w, STR("embedder"));
    json_write_key(&w, STR("stream"));
    json_write_bool(&w, false);
    json_write_key(&w, STR("embedding"));
    json_write_array(&w);
    while (buf_len(out) < size) {
        bits = bits * UINT64_C(6364136223846793005) + 1;
        json_write_double(&w, (double)(int64_t)bits * 0x1p-63);
    }
    json_write_array_end(&w);
    json_write_object_end(&w);
    must(w.error);
}

static void print_row(const char *name, str text)
{
    double check = best_ns(bench_check, text);
    double find = best_ns(bench_find, text);

    printf("%-18s %8zu %12.0f %7.2f %12.0f", name, text.len, check, (double)text.len / check, find);
#ifdef BENCH_CJSON
    double peer = best_ns(bench_cjson, text);
    printf(" %12.0f %6.1fx", peer, peer / check);
#endif
    putchar('\n');
}

int main(void)
{
    static const struct {
        const char *name;
        const char *content;
        size_t size;
    } rows[] = {
        {"1 KB chat", plain, 1000},
        {"10 KB chat", plain, 10'000},
        {"100 KB plain", plain, 100'000},
        {"100 KB escapes", escapes, 100'000},
        {"100 KB cyrillic", cyrillic, 100'000},
        {"100 KB chinese", chinese, 100'000},
        {"1 MB plain", plain, 1'000'000},
    };
    struct buf out;

    buf_init(&out, BENCH_TEXT_MAX);
    printf("%-18s %8s %12s %7s %12s", "text", "bytes", "check ns", "GB/s", "find ns");
#ifdef BENCH_CJSON
    printf(" %12s %7s\n", "cJSON ns", "ratio");
#else
    printf("\n(no peer: the cJSON library was not found when this was built)\n");
#endif
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_chat(&out, rows[i].content, rows[i].size);
        print_row(rows[i].name, buf_view(&out));
    }
    write_numbers(&out, 100'000);
    print_row("100 KB numbers", buf_view(&out));
    buf_done(&out);
    return 0;
}
