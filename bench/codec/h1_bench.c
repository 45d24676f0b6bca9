// Measures the HTTP/1.1 and server-sent events codecs: ns a head, ns a chunked event, GB/s of body.
#include "base/memory.h"
#include "codec/h1.h"
#include "codec/sse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HEAD_ROUNDS = 50'000, EVENTS = 64, EVENT_ROUNDS = 1'000, FIELDS = 64 };
enum { BODY_BYTES = 1 << 20, BODY_ROUNDS = 40, READ_BYTES = 16 << 10, RUNS = 60 };

static const char request[] = "POST /v1/chat/completions HTTP/1.1\r\n"
                              "Host: gateway.example:8080\r\n"
                              "User-Agent: OpenAI/Python 1.99.1\r\n"
                              "Accept: application/json\r\n"
                              "Accept-Encoding: gzip, deflate\r\n"
                              "Connection: keep-alive\r\n"
                              "Content-Type: application/json\r\n"
                              "Content-Length: 1043\r\n"
                              "Authorization: Bearer sk-0123456789abcdef0123\r\n"
                              "X-Stainless-Lang: python\r\n"
                              "X-Stainless-OS: Linux\r\n"
                              "X-Stainless-Arch: x64\r\n"
                              "X-Stainless-Retry-Count: 0\r\n"
                              "x-stainless-read-timeout: 600\r\n"
                              "X-Request-Id: 7f3c91a0\r\n"
                              "X-Trace: sampled; ratio=0.1\r\n"
                              "\r\n";

static const char response[] = "HTTP/1.1 200 OK\r\n"
                               "Date: Sat, 01 Mar 2025 12:00:00 GMT\r\n"
                               "Content-Type: text/event-stream; charset=utf-8\r\n"
                               "Transfer-Encoding: chunked\r\n"
                               "Connection: keep-alive\r\n"
                               "Cache-Control: no-cache\r\n"
                               "x-request-id: req_0123456789abcdef0123456789abcdef\r\n"
                               "x-ratelimit-limit-requests: 10000\r\n"
                               "x-ratelimit-remaining-requests: 9999\r\n"
                               "strict-transport-security: max-age=31536000; includeSubDomains\r\n"
                               "\r\n";

static const char event[] =
    "data: {\"id\":\"chatcmpl-9x\",\"object\":\"chat.completion.chunk\",\"created\":1740830400,"
    "\"model\":\"gpt-5\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},"
    "\"finish_reason\":null}]}\n\n";

static uint64_t sink; // what keeps the compiler from dropping the work

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// The best of many short runs: everything else is noise of the machine.
static double best_of(double (*run)(void))
{
    double best = run();

    for (int i = 1; i < RUNS; i++) {
        double ns = run();
        if (ns < best) best = ns;
    }
    return best;
}

static void check(err e)
{
    if (!e) return;
    fprintf(stderr, "h1_bench: %s\n", err_name(e));
    __builtin_trap();
}

static double run_request(void)
{
    struct h1_field fields[FIELDS];
    struct h1_head head;
    double start = now_ns();

    for (int i = 0; i < HEAD_ROUNDS; i++) {
        size_t scanned = 0;
        size_t len = 0;
        check(h1_find_head((str){request, sizeof(request) - 1}, 1 << 16, &scanned, &len));
        check(h1_parse_request((str){request, len}, fields, FIELDS, &head));
        sink += head.content_length + head.field_count;
    }
    return (now_ns() - start) / HEAD_ROUNDS;
}

static double run_response(void)
{
    struct h1_field fields[FIELDS];
    struct h1_head head;
    double start = now_ns();

    for (int i = 0; i < HEAD_ROUNDS; i++) {
        size_t scanned = 0;
        size_t len = 0;
        check(h1_find_head((str){response, sizeof(response) - 1}, 1 << 16, &scanned, &len));
        check(h1_parse_response((str){response, len}, false, fields, FIELDS, &head));
        sink += head.status + head.field_count;
    }
    return (now_ns() - start) / HEAD_ROUNDS;
}

// One chunk an event, as providers send them, one read an event.
static double run_events(void)
{
    char chunk[sizeof(event) + H1_CHUNK_PREFIX_MAX + 2];
    size_t chunk_len = h1_chunk_prefix(chunk, sizeof(event) - 1);
    double start = 0;

    memcpy(chunk + chunk_len, event, sizeof(event) - 1);
    chunk_len += sizeof(event) - 1;
    memcpy(chunk + chunk_len, "\r\n", 2);
    chunk_len += 2;
    start = now_ns();
    for (int i = 0; i < EVENT_ROUNDS; i++) {
        struct h1_body body;
        h1_body_init(&body, H1_CHUNKED, 0);
        for (int k = 0; k < EVENTS; k++) {
            str payload;
            size_t used = 0;
            size_t scanned = 0;
            size_t len = 0;
            check(h1_body_decode(&body, chunk, chunk_len, &payload, &used));
            check(sse_find_event(payload, &scanned, &len));
            sink += len;
        }
    }
    return (now_ns() - start) / (EVENT_ROUNDS * EVENTS);
}

static char *body_bytes;
static size_t chunk_payload;

// Reads of 16 KiB of a body in chunks of `chunk_payload` bytes. The decoder moves the payload, so
// each read is a fresh copy; the copy is timed by itself and taken off.
static double run_body_pass(bool decodes)
{
    static char room[READ_BYTES];
    char prefix[H1_CHUNK_PREFIX_MAX];
    size_t unit = h1_chunk_prefix(prefix, chunk_payload) + chunk_payload + 2;
    size_t total = BODY_BYTES / unit * unit;
    double start = now_ns();

    for (int i = 0; i < BODY_ROUNDS; i++) {
        struct h1_body body;
        h1_body_init(&body, H1_CHUNKED, 0);
        for (size_t at = 0; at < total; at += READ_BYTES) {
            size_t len = total - at < READ_BYTES ? total - at : READ_BYTES;
            str payload = {room, len};
            size_t used = 0;
            memcpy(room, body_bytes + at, len);
            if (decodes) check(h1_body_decode(&body, room, len, &payload, &used));
            sink += payload.len + (unsigned char)payload.ptr[payload.len / 2];
        }
    }
    return (now_ns() - start) / BODY_ROUNDS;
}

static double run_body(void)
{
    return run_body_pass(true);
}

static double run_body_copy(void)
{
    return run_body_pass(false);
}

static void measure_body(size_t payload)
{
    size_t at = 0;

    chunk_payload = payload;
    for (;;) {
        char prefix[H1_CHUNK_PREFIX_MAX];
        size_t len = h1_chunk_prefix(prefix, payload);
        if (at + len + payload + 2 > BODY_BYTES) break;
        memcpy(body_bytes + at, prefix, len);
        memset(body_bytes + at + len, 'x', payload);
        memcpy(body_bytes + at + len + payload, "\r\n", 2);
        at += len + payload + 2;
    }
    double ns = best_of(run_body) - best_of(run_body_copy);
    printf("body, chunks of %6zu bytes    %8.2f GB/s\n", payload, (double)at / ns);
}

int main(void)
{
    printf("request head, %zu bytes         %8.1f ns\n", sizeof(request) - 1, best_of(run_request));
    printf("response head, %zu bytes        %8.1f ns\n", sizeof(response) - 1,
           best_of(run_response));
    printf("chunked event, %zu bytes        %8.1f ns\n", sizeof(event) - 1, best_of(run_events));
    body_bytes = memory_alloc(BODY_BYTES);
    measure_body(200);
    measure_body(4 << 10);
    measure_body(64 << 10);
    memory_free(body_bytes);
    return sink == 0;
}
