// load: the clients of a gateway under measurement.
//
// It keeps a number of keep-alive connections busy with chat completions, as the official SDKs send
// them, and checks every byte of framing that comes back. Four modes:
//   closed   each connection sends its next request when the last one is answered;
//   open     --rate: requests are due at fixed times, whether or not earlier ones are answered, and
//            latency counts from when a request was due (so nothing is omitted when all is slow);
//   stream   --stream: as closed, with answers of --events events;
//   idle     --idle: one request a connection, then all are held open for --seconds.
// It prints a JSON line at each mark (begin, end, ready), so that whoever started it can look at
// the gateway at that moment, and one with the result. An answer that isn't exactly right is an
// error. One thread, edge-triggered epoll, all memory static.
#include "answer.h"
#include "channel.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNS_MAX = 32768,
    REQUEST_MAX = 4 * 1024 * 1024,
    READ_MAX = 256 * 1024,
    EVENTS_AT_ONCE = 512,
    ERRORS_MAX = 100,      // then the run is worthless and ends
    CONNS_A_SOURCE = 5000, // so that ports last: 127.0.0.1, .2, .3, ...
    IDLE_AT_ONCE = 32,     // requests under way while idle connections are opened
    DRAIN_S = 20,
};

#define SECOND UINT64_C(1000000000)

struct conn {
    struct channel channel; // its fd is below 0 while closed
    bool is_busy;
    bool had_answer; // an earlier one, or the start of this one
    uint64_t due_ns;
    size_t sent;
    struct answer answer;
};

// Counts by size, each bucket under 1 % wide: 128 to a power of two.
struct histogram {
    uint64_t count;
    uint32_t buckets[58 * 128];
};

struct options {
    uint32_t port, connections, rate, events, body_bytes;
    uint32_t seconds_ms, warmup_ms;
    bool is_stream, is_idle, is_tls;
};

static struct options options = {
    .connections = 64, .events = 50, .body_bytes = 1024, .seconds_ms = 3000};
static struct conn conns[CONNS_MAX];
static struct conn *free_conns[CONNS_MAX]; // a ring; open mode uses every connection in turn
static uint32_t free_from, free_count;
static char request[REQUEST_MAX];
static size_t request_len;
static struct histogram latencies, first_bytes;
static uint64_t request_count, event_count, error_count, all_requests;
static uint64_t begin_ns, end_ns; // the window in which things count
static uint32_t in_flight, opened;
static bool in_window, is_over;
static char first_error[256];
static int epoll_fd;
static volatile sig_atomic_t is_stopped;

[[gnu::noreturn]] static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void histogram_add(struct histogram *h, uint64_t value)
{
    uint32_t shift = value < 256 ? 0 : 56 - (uint32_t)__builtin_clzll(value);

    h->buckets[shift * 128 + (value >> shift)]++;
    h->count++;
}

// In microseconds; the middle of the bucket. 0 for an empty histogram.
static double histogram_us(const struct histogram *h, double quantile)
{
    uint64_t wanted = (uint64_t)((double)h->count * quantile), seen = 0;

    for (uint32_t i = 0; i < sizeof h->buckets / sizeof h->buckets[0]; i++) {
        uint32_t shift = i < 256 ? 0 : i / 128 - 1;

        seen += h->buckets[i];
        if (seen > wanted) return ((double)(i - shift * 128) + 0.5) * (double)(1ULL << shift) / 1e3;
    }
    return 0;
}

static void mark(const char *name)
{
    printf("{\"mark\":\"%s\",\"in_flight\":%u,\"open\":%u}\n", name, in_flight, opened);
    fflush(stdout);
}

// The request.

static void prepare_request(void)
{
    static char body[REQUEST_MAX - 4096];
    static const char words[] = "please summarise the report below in a few plain words; ";
    static const char after[] = "\"}]}";
    int len = snprintf(body, sizeof body,
                       "{\"model\":\"gpt-4o-mini\",%s\"temperature\":0.7,\"messages\":["
                       "{\"role\":\"system\",\"content\":\"You answer briefly.\"},"
                       "{\"role\":\"user\",\"content\":\"",
                       options.is_stream ? "\"stream\":true," : "");
    size_t at = (size_t)len, end = options.body_bytes - (sizeof after - 1);

    for (size_t i = 0; at < end; i++) {
        body[at++] = words[i % (sizeof words - 1)];
    }
    memcpy(body + at, after, sizeof after);
    len = snprintf(request, sizeof request,
                   "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                   "Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\n"
                   "Connection: keep-alive\r\nContent-Type: application/json\r\n"
                   "User-Agent: OpenAI/Python 1.54.3\r\nX-Stainless-Lang: python\r\n"
                   "X-Stainless-Package-Version: 1.54.3\r\nX-Stainless-OS: Linux\r\n"
                   "X-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\n"
                   "X-Stainless-Runtime-Version: 3.11.7\r\nX-Stainless-Retry-Count: 0\r\n"
                   "Authorization: Bearer sk-bench-0123456789abcdef0123456789abcdef\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   options.port, strlen(body), body);
    request_len = (size_t)len;
}

// Connections.

static void conn_open(struct conn *c)
{
    uint32_t source = (uint32_t)(c - conns) / CONNS_A_SOURCE;
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)options.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) fail("socket");
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&from, sizeof from)) fail("bind");
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
    if (!channel_open(&c->channel, fd)) fail("TLS handshake");
    c->is_busy = false;
    c->had_answer = false;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e)) fail("epoll_ctl");
}

static void conn_free(struct conn *c)
{
    free_conns[(free_from + free_count++) % CONNS_MAX] = c;
}

static void conn_error(struct conn *c, const char *what);

static void conn_send(struct conn *c)
{
    while (c->sent < request_len) {
        ssize_t sent = channel_send(&c->channel, request + c->sent, request_len - c->sent);

        if (sent < 0 && errno == EAGAIN) return;
        if (sent < 0) {
            conn_error(c, "a connection broke while sending");
            return;
        }
        c->sent += (size_t)sent;
    }
}

static void conn_fire(struct conn *c, uint64_t due_ns)
{
    answer_begin(&c->answer, options.is_stream ? options.events : 0);
    c->is_busy = true;
    c->due_ns = due_ns;
    c->sent = 0;
    in_flight++;
    conn_send(c);
}

// What a free connection does next.
static void conn_next(struct conn *c)
{
    if (options.rate) {
        conn_free(c);
        return;
    }
    if (is_over) return;
    if (options.is_idle) {
        if (opened == options.connections) return;
        c = &conns[opened++];
        conn_open(c);
    }
    conn_fire(c, now_ns());
}

// Counts the error and goes on with a new connection; ERRORS_MAX bounds the recursion.
static void conn_error(struct conn *c, const char *what)
{
    if (!error_count++) {
        snprintf(first_error, sizeof first_error, "%s (after %llu requests)", what,
                 (unsigned long long)all_requests);
    }
    channel_close(&c->channel);
    if (c->is_busy) in_flight--;
    c->is_busy = false;
    is_over = is_over || error_count >= ERRORS_MAX;
    if (is_over) return;
    if (!options.is_idle) conn_open(c);
    conn_next(c);
}

static void conn_answered(struct conn *c)
{
    uint64_t now = now_ns();

    if (c->sent < request_len) {
        conn_error(c, "an answer came before the request was sent");
        return;
    }
    if (c->due_ns >= begin_ns && c->due_ns < end_ns) histogram_add(&latencies, now - c->due_ns);
    if (in_window) request_count++;
    all_requests++;
    c->is_busy = false;
    in_flight--;
    conn_next(c);
}

// True if all of the bytes were taken and the answer needs more.
static bool conn_take(struct conn *c, const char *at, const char *end)
{
    while (at < end) {
        uint32_t events = c->answer.events;
        enum answer_verdict verdict = answer_take(&c->answer, &at, end);

        if (in_window) event_count += c->answer.events - events;
        if (c->answer.has_body && !c->had_answer) {
            c->had_answer = true;
            histogram_add(&first_bytes, now_ns() - c->due_ns);
        }
        if (verdict == ANSWER_NEEDS_MORE) continue;
        if (verdict == ANSWER_COMPLETE && at == end) {
            conn_answered(c);
        } else {
            conn_error(c, c->answer.problem ? c->answer.problem : "bytes came behind an answer");
        }
        return false;
    }
    return true;
}

static void conn_read(struct conn *c, bool is_closed)
{
    static char input[READ_MAX];
    ssize_t got;

    // A short read means that nothing is left, but for the end of the connection.
    do {
        got = channel_receive(&c->channel, input, sizeof input);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            conn_error(c, c->is_busy ? "a connection closed before its answer was complete"
                                     : "a kept-alive connection was closed");
        } else if (!c->is_busy) {
            conn_error(c, "bytes came that no request asked for");
        } else if (conn_take(c, input, input + got) ||
                   (is_closed && c->channel.fd >= 0 && !c->is_busy)) {
            continue;
        }
        return;
    } while (is_closed || got == (ssize_t)sizeof input || channel_has_more(&c->channel));
}

// The run.

// Open mode. What was due within the window is still sent after it, or the worst would be left out.
static void fire_due(uint64_t start_ns, uint64_t now, uint64_t *fired)
{
    while (free_count && !is_stopped && error_count < ERRORS_MAX) {
        uint64_t due = start_ns + *fired * SECOND / options.rate;
        struct conn *c = free_conns[free_from];

        if (due > now || due >= end_ns) return;
        free_from = (free_from + 1) % CONNS_MAX;
        free_count--;
        ++*fired;
        conn_fire(c, due);
    }
}

// Until the next thing to do that no socket announces.
static struct timespec time_to_wait(uint64_t start_ns, uint64_t now, uint64_t fired)
{
    uint64_t until = now < begin_ns ? begin_ns : now < end_ns ? end_ns : now + SECOND / 10;

    if (options.rate && free_count && !is_over) {
        uint64_t due = start_ns + fired * SECOND / options.rate;

        if (due < until) until = due;
    }
    if (until <= now) return (struct timespec){0};
    return (struct timespec){.tv_sec = (time_t)((until - now) / SECOND),
                             .tv_nsec = (long)((until - now) % SECOND)};
}

static void wait_once(struct timespec timeout)
{
    static struct epoll_event ready[EVENTS_AT_ONCE];
    int count = epoll_pwait2(epoll_fd, ready, EVENTS_AT_ONCE, &timeout, NULL);

    if (count < 0 && errno != EINTR) fail("epoll_pwait2");
    for (int i = 0; i < count; i++) {
        struct conn *c = ready[i].data.ptr;

        if (c->channel.fd < 0) continue;
        if (c->is_busy && c->sent && c->sent < request_len) conn_send(c);
        if (c->channel.fd < 0 || !(ready[i].events & ~(uint32_t)EPOLLOUT)) continue;
        conn_read(c, (ready[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
    }
}

static void move_window(uint64_t now)
{
    if (!in_window && !is_over && now >= begin_ns && now < end_ns) {
        in_window = true;
        mark("begin");
    }
    if (in_window && (now >= end_ns || is_over)) {
        in_window = false;
        mark("end");
    }
    if (now >= end_ns || is_stopped) is_over = true;
}

// Closed, open and stream mode: load until the window is over, then let what is under way end.
static void run_busy(void)
{
    uint64_t start_ns, fired = 0, now;

    for (opened = 0; opened < options.connections; opened++) {
        conn_open(&conns[opened]);
    }
    start_ns = now = now_ns();
    begin_ns = start_ns + options.warmup_ms * (SECOND / 1000);
    end_ns = begin_ns + options.seconds_ms * (SECOND / 1000);
    for (uint32_t i = 0; i < options.connections; i++) {
        conn_next(&conns[i]);
    }
    while (!is_over || (in_flight && now < end_ns + DRAIN_S * SECOND)) {
        wait_once(time_to_wait(start_ns, now, fired));
        now = now_ns();
        move_window(now);
        if (options.rate) fire_due(start_ns, now, &fired);
    }
}

// Idle mode: all connections are opened and used once, then held.
static void run_idle(void)
{
    uint64_t give_up = now_ns() + 60 * SECOND, now;

    begin_ns = end_ns = UINT64_MAX;
    for (uint32_t i = 0; i < IDLE_AT_ONCE && i < options.connections; i++) {
        conn_next(NULL);
    }
    while (in_flight && now_ns() < give_up) {
        wait_once((struct timespec){.tv_sec = 1});
    }
    if (in_flight || error_count) return;
    mark("ready");
    end_ns = now_ns() + options.seconds_ms * (SECOND / 1000);
    while ((now = now_ns()) < end_ns && !is_stopped && !is_over) {
        begin_ns = end_ns;
        wait_once(time_to_wait(0, now, 0));
    }
}

static void print_result(void)
{
    if (in_flight && !error_count) {
        snprintf(first_error, sizeof first_error, "%u requests were never answered", in_flight);
    }
    error_count += in_flight;
    printf("{\"mark\":\"result\",\"requests\":%llu,\"events\":%llu,\"errors\":%llu,"
           "\"first_error\":\"%s\",\"seconds\":%.3f,\"open\":%u,",
           (unsigned long long)request_count, (unsigned long long)event_count,
           (unsigned long long)error_count, first_error, options.seconds_ms / 1e3, opened);
    printf("\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,",
           histogram_us(&latencies, .5), histogram_us(&latencies, .9),
           histogram_us(&latencies, .99), histogram_us(&latencies, .999));
    printf("\"first_p50_us\":%.1f,\"first_p99_us\":%.1f}\n", histogram_us(&first_bytes, .5),
           histogram_us(&first_bytes, .99));
}

static void stop(int signal_number)
{
    (void)signal_number;
    is_stopped = 1;
}

static uint32_t number(const char *name, const char *value, uint32_t min, uint32_t max)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(value, &end, 10);
    if (errno || end == value || *end || n < min || n > max) {
        fprintf(stderr, "load: --%s wants a number from %u to %u\n", name, min, max);
        exit(2);
    }
    return (uint32_t)n;
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {"events", required_argument, NULL, 'e'},
                                          {"body", required_argument, NULL, 'b'},
                                          {"seconds-ms", required_argument, NULL, 's'},
                                          {"warmup-ms", required_argument, NULL, 'w'},
                                          {"stream", no_argument, NULL, 'S'},
                                          {"idle", no_argument, NULL, 'I'},
                                          {"tls", no_argument, NULL, 'T'},
                                          {0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'p': options.port = number("port", optarg, 1, UINT16_MAX); break;
        case 'c': options.connections = number("connections", optarg, 1, CONNS_MAX); break;
        case 'r': options.rate = number("rate", optarg, 1, 1000000); break;
        case 'e': options.events = number("events", optarg, 2, 1000000); break;
        case 'b': options.body_bytes = number("body", optarg, 256, REQUEST_MAX - 8192); break;
        case 's': options.seconds_ms = number("seconds-ms", optarg, 1, 3600 * 1000); break;
        case 'w': options.warmup_ms = number("warmup-ms", optarg, 0, 600 * 1000); break;
        case 'S': options.is_stream = true; break;
        case 'I': options.is_idle = true; break;
        case 'T': options.is_tls = true; break;
        default: exit(2);
        }
    }
    if (options.port && optind == argc && !(options.is_idle && options.rate)) return;
    fprintf(stderr,
            "usage: load --port N [--connections N] [--body BYTES] [--warmup-ms N]\n"
            "            [--seconds-ms N] [--rate N | --stream --events N | --idle] [--tls]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    prctl(PR_SET_TIMERSLACK, 1UL); // a wait ends when it is due, not up to 50 us later
    alarm((options.warmup_ms + options.seconds_ms) / 1000 + DRAIN_S + 120);
    prepare_request();
    if (options.is_tls) channel_use_tls();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) fail("epoll_create1");
    if (options.is_idle) {
        run_idle();
    } else {
        run_busy();
    }
    print_result();
    return 0;
}
