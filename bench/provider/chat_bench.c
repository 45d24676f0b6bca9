// What a chat costs on its way between dialects: requests of two sizes and one with an image, and
// an event of a stream; each row is the best of many rounds, so that a busy machine disturbs it
// little.
#include "base/list.h"
#include "provider/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_TEXT_MAX = 16 << 20, BENCH_ROUNDS = 200, BENCH_EVENTS = 1000 };

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(err e)
{
    if (!e) return;
    fprintf(stderr, "chat_bench: %s\n", err_text(e));
    exit(1);
}

static void bench_request(const char *what, str body)
{
    double read_ns = 1e18;
    double write_ns = 1e18;
    size_t held = 0;

    for (int round = 0; round < BENCH_ROUNDS; round++) {
        struct chat_notes notes = {.dropped_count = 0};
        struct chat_request q;
        struct arena a;
        struct gather g;
        arena_init(&a, 1 << 14);
        gather_init(&g, BENCH_TEXT_MAX);
        double start = now_ns();
        must(dialect_openai.read_request(body, &a, &q, &notes));
        double middle = now_ns();
        must(dialect_openai.write_request(&q, &g, &notes));
        double end = now_ns();
        if (middle - start < read_ns) read_ns = middle - start;
        if (end - middle < write_ns) write_ns = end - middle;
        held = a.held;
        gather_done(&g);
        arena_reset(&a);
    }
    printf("%-26s %9zu bytes: read %8.1f us, write %8.1f us, %zu KiB held\n", what, body.len,
           read_ns / 1e3, write_ns / 1e3, held >> 10);
}

static str make_conversation(struct buf *out, int messages, size_t text_len)
{
    buf_clear(out);
    must(buf_append(out, STR("{\"model\":\"m\",\"messages\":[")));
    for (int i = 0; i < messages; i++) {
        must(buf_append_format(out, "%s{\"role\":\"%s\",\"content\":\"", i ? "," : "",
                               i % 2 ? "assistant" : "user"));
        for (size_t k = 0; k < text_len; k += 10) {
            must(buf_append(out, STR("some words\\n")));
        }
        must(buf_append(out, STR("\"}")));
    }
    must(buf_append(out, STR("],\"temperature\":0.7,\"max_tokens\":100}")));
    return buf_view(out);
}

static str make_image(struct buf *out, size_t len)
{
    char *room;

    buf_clear(out);
    must(buf_append(out, STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
                             "{\"type\":\"image_url\",\"image_url\":{\"url\":"
                             "\"data:image/png;base64,")));
    must(buf_reserve(out, len, &room));
    memset(room, 'A', len);
    buf_grew(out, len);
    must(buf_append(out, STR("\"}}]}]}")));
    return buf_view(out);
}

struct relay {
    struct chat_sink port;
    struct chat_writer *writer;
    struct buf out;
};

static err relay_event(struct chat_sink *sink, const struct chat_event *e)
{
    struct relay *r = container_of(sink, struct relay, port);

    return r->writer->put(r->writer, e, &r->out);
}

static void bench_events(void)
{
    const str event = STR("{\"id\":\"chatcmpl-3\",\"object\":\"chat.completion.chunk\","
                          "\"created\":1694268190,\"model\":\"gpt-4o-mini\",\"choices\":[{"
                          "\"index\":0,\"delta\":{\"content\":\" hello\"},\"logprobs\":null,"
                          "\"finish_reason\":null}],\"usage\":null}");
    const struct chat_reply reply = {.id_seed = STR("7f3a"), .model = STR("smart")};
    struct relay relay = {.port = {.event = relay_event}};
    double best_ns = 1e18;
    struct arena a;

    arena_init(&a, 1 << 14);
    buf_init(&relay.out, BENCH_TEXT_MAX);
    relay.writer = dialect_openai.writer_new(&a, &reply);
    struct chat_reader *reader = dialect_openai.reader_new(&a);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = now_ns();
        for (int i = 0; i < BENCH_EVENTS; i++) {
            must(reader->take(reader, event, &relay.port));
        }
        double end = now_ns();
        if (end - start < best_ns) best_ns = end - start;
        buf_clear(&relay.out);
    }
    printf("%-26s %9zu bytes: read and written %5.0f ns\n", "an event of a stream", event.len,
           best_ns / BENCH_EVENTS);
    buf_done(&relay.out);
    arena_reset(&a);
}

int main(void)
{
    struct buf body;

    buf_init(&body, BENCH_TEXT_MAX);
    bench_request("a question", make_conversation(&body, 1, 800));
    bench_request("a long conversation", make_conversation(&body, 100, 1000));
    bench_request("an image", make_image(&body, 10 << 20));
    buf_done(&body);
    bench_events();
    return 0;
}
