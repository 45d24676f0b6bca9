// upstream: the model server that stands behind every gateway under measurement.
//
// It answers any POST with one chat completion of exactly 1 KB or, where the request asks for
// "stream":true, with a stream of events at a steady pace; a POST to /v1/messages with the same in
// Anthropic's dialect, an event of which stands for each of OpenAI's. One thread, edge-triggered
// epoll, all memory static, every answer prepared in advance, so that it costs as little of its
// core as it can. GET /stats tells how many connections were accepted: that is how the benchmark
// knows whether a gateway reuses them. It trusts its callers and is no server for anything else.
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNS_MAX = 32768, // connections are found by file descriptor
    INPUT_MAX = 8192,  // a head and the part of the body that is looked at
    BODY_SEEN = 512,   // of each body, where the load generator puts "stream"
    SLOTS = 1024,      // of the timer wheel, 1 ms each; a power of two
    EVENTS_AT_ONCE = 512,
    ANSWER_BYTES = 1024,
    LIFETIME_S = 3600,
};

enum step { READ_HEAD, READ_BODY, ANSWER };

struct conn {
    int fd;
    enum step step;
    bool can_read;   // since the last edge no read came back empty
    bool is_waiting; // in the wheel, until its next event is due
    bool wants_stream;
    bool wants_stats;
    const struct dialect *dialect;
    uint32_t events_left;
    const char *out; // always a prepared text
    size_t out_left;
    size_t body_left;
    struct conn *next; // in the slot
    struct conn **link;
    size_t input_len;
    char input[INPUT_MAX + 1];
};

struct text {
    size_t len;
    char bytes[4096];
};

// What is answered; an answer in parts is the first one, the next as often as asked, the last.
struct dialect {
    struct text answer, first, next, last;
};

static struct conn conns[CONNS_MAX];
static struct conn *slots[SLOTS];
static struct dialect openai, anthropic;
static struct text stats, refusal;
static uint64_t clock_ms;
static uint32_t waiting_count, phase;
static uint32_t events_per_stream = 50, gap_ms;
static uint64_t accepted_count, request_count;
static int epoll_fd, listen_fd;

[[gnu::noreturn]] static void fail(const char *what)
{
    fprintf(stderr, "upstream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// The texts.

[[gnu::format(printf, 2, 3)]] static void text_add(struct text *t, const char *format, ...)
{
    size_t room = sizeof t->bytes - t->len;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(t->bytes + t->len, room, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= room) fail("a prepared text is too long");
    t->len += (size_t)len;
}

static void text_add_chunk(struct text *t, const char *piece)
{
    text_add(t, "%zx\r\n%s\r\n", strlen(piece), piece);
}

// One of exactly ANSWER_BYTES.
static void prepare_answer(struct text *t, const char *before, const char *after)
{
    static const char words[] = "a gateway adds little where it does little; ";
    size_t filler = ANSWER_BYTES - strlen(before) - strlen(after);

    text_add(t,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
             "x-request-id: req_4f1d7a\r\nopenai-processing-ms: 9\r\n\r\n%s",
             ANSWER_BYTES, before);
    for (size_t i = 0; i < filler; i++) {
        t->bytes[t->len++] = words[i % (sizeof words - 1)];
    }
    text_add(t, "%s", after);
}

static void begin_stream(struct text *t)
{
    text_add(t, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void prepare_openai_answer(void)
{
    static const char before[] =
        "{\"id\":\"chatcmpl-B7f3kQ9xLm2\",\"object\":\"chat.completion\",\"created\":1760000000,"
        "\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
        "\"content\":\"";
    static const char after[] =
        "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":"
        "{\"prompt_tokens\":118,\"completion_tokens\":131,\"total_tokens\":249}}";

    prepare_answer(&openai.answer, before, after);
}

static void prepare_event(char *out, size_t size, const char *delta, const char *finish_reason)
{
    int len = snprintf(out, size,
                       "data: {\"id\":\"chatcmpl-B7f3kQ9xLm2\",\"object\":"
                       "\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"gpt-4o-mini\","
                       "\"choices\":[{\"index\":0,\"delta\":{%s},\"finish_reason\":%s}]}\n\n",
                       delta, finish_reason);

    if (len < 0 || (size_t)len >= size) fail("a prepared event is too long");
}

static void prepare_openai(void)
{
    char event[512];

    prepare_openai_answer();
    begin_stream(&openai.first);
    prepare_event(event, sizeof event, "\"role\":\"assistant\",\"content\":\"\"", "null");
    text_add_chunk(&openai.first, event);
    prepare_event(event, sizeof event, "\"content\":\" token\"", "null");
    text_add_chunk(&openai.next, event);
    prepare_event(event, sizeof event, "\"content\":\".\"", "\"stop\"");
    text_add_chunk(&openai.last, event);
    text_add_chunk(&openai.last, "data: [DONE]\n\n");
    text_add(&openai.last, "0\r\n\r\n");
}

// An event of Anthropic's, whose name is its type.
static void add_named(struct text *t, const char *type, const char *members)
{
    char event[1024];
    int len = snprintf(event, sizeof event, "event: %s\ndata: {\"type\":\"%s\"%s}\n\n", type, type,
                       members);

    if (len < 0 || (size_t)len >= sizeof event) fail("a prepared event is too long");
    text_add_chunk(t, event);
}

static void prepare_anthropic(void)
{
    static const char before[] =
        "{\"id\":\"msg_01B7f3kQ9xLm2\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
        "\"claude-sonnet-4-5\",\"content\":[{\"type\":\"text\",\"text\":\"";
    static const char after[] =
        "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":118,"
        "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":131}}";

    prepare_answer(&anthropic.answer, before, after);
    begin_stream(&anthropic.first);
    add_named(&anthropic.first, "message_start",
              ",\"message\":{\"id\":\"msg_01B7f3kQ9xLm2\",\"type\":\"message\",\"role\":"
              "\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],\"stop_reason\":null,"
              "\"stop_sequence\":null,\"usage\":{\"input_tokens\":118,\"output_tokens\":1}}");
    add_named(&anthropic.first, "content_block_start",
              ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}");
    add_named(&anthropic.next, "content_block_delta",
              ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" token\"}");
    add_named(&anthropic.last, "content_block_stop", ",\"index\":0");
    add_named(&anthropic.last, "message_delta",
              ",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{"
              "\"output_tokens\":131}");
    add_named(&anthropic.last, "message_stop", "");
    text_add(&anthropic.last, "0\r\n\r\n");
}

static void prepare_stats(void)
{
    char body[128];
    int len = snprintf(body, sizeof body, "{\"connections\":%llu,\"requests\":%llu}",
                       (unsigned long long)accepted_count, (unsigned long long)request_count);

    stats.len = 0;
    text_add(&stats,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
             len, body);
}

// The wheel. Each stream's second event comes at a phase of its own, so that streams that start
// together do not tick together.

static void wheel_add(struct conn *c, uint32_t delay_ms)
{
    struct conn **slot = &slots[(clock_ms + delay_ms) % SLOTS];

    c->next = *slot;
    c->link = slot;
    if (c->next) c->next->link = &c->next;
    *slot = c;
    c->is_waiting = true;
    waiting_count++;
}

static void wheel_remove(struct conn *c)
{
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    c->is_waiting = false;
    waiting_count--;
}

// Connections.

static void conn_close(struct conn *c)
{
    if (c->is_waiting) wheel_remove(c);
    close(c->fd);
    c->fd = -1;
}

static void conn_send(struct conn *c, const struct text *t)
{
    c->out = t->bytes;
    c->out_left = t->len;
}

// True once all is sent; false while the socket is full, and when it broke, which closes it.
static bool conn_flush(struct conn *c)
{
    while (c->out_left) {
        ssize_t sent = send(c->fd, c->out, c->out_left, MSG_NOSIGNAL);

        if (sent < 0) {
            if (errno != EAGAIN) conn_close(c);
            return false;
        }
        c->out += sent;
        c->out_left -= (size_t)sent;
    }
    return true;
}

// Puts the next event out; the last one carries the end of the stream.
static void conn_next_event(struct conn *c)
{
    c->events_left--;
    conn_send(c, c->events_left ? &c->dialect->next : &c->dialect->last);
}

static void conn_answer(struct conn *c)
{
    c->step = ANSWER;
    if (c->wants_stats) {
        prepare_stats();
        conn_send(c, &stats);
        return;
    }
    request_count++;
    if (!c->wants_stream) {
        conn_send(c, &c->dialect->answer);
        return;
    }
    conn_send(c, &c->dialect->first);
    c->events_left = events_per_stream - 1;
}

static size_t content_length(const char *head, const char *head_end)
{
    const char *field = strcasestr(head, "\r\nContent-Length:");

    if (!field || field > head_end) return 0;
    return strtoull(field + strlen("\r\nContent-Length:"), NULL, 10);
}

static bool has_stream(const char *body)
{
    return strstr(body, "\"stream\":true") || strstr(body, "\"stream\": true");
}

// Takes one request out of the input, if its head and the start of its body are there.
static bool conn_parse(struct conn *c)
{
    size_t head_len, length, here;
    char *end;

    c->input[c->input_len] = 0;
    end = strstr(c->input, "\r\n\r\n");
    if (!end) return false;
    if (strcasestr(c->input, "\r\nTransfer-Encoding:")) {
        conn_send(c, &refusal);
        c->step = ANSWER;
        return true;
    }
    head_len = (size_t)(end - c->input) + 4;
    length = content_length(c->input, end);
    here = c->input_len - head_len;
    if (here < length && here < BODY_SEEN) return false;
    c->wants_stats = strncmp(c->input, "GET /stats ", strlen("GET /stats ")) == 0;
    c->dialect = strncmp(c->input, "POST /v1/messages ", strlen("POST /v1/messages ")) == 0
                     ? &anthropic
                     : &openai;
    c->wants_stream = length && has_stream(c->input + head_len);
    if (here > length) here = length;
    c->body_left = length - here;
    c->input_len -= head_len + here;
    memmove(c->input, c->input + head_len + here, c->input_len);
    c->step = READ_BODY;
    return true;
}

// One read: a head into the input, a body into nowhere. False when there is nothing to go on with.
static bool conn_read(struct conn *c)
{
    static char sink[256 * 1024];
    char *at = c->step == READ_BODY ? sink : c->input + c->input_len;
    size_t room = c->step == READ_BODY ? c->body_left : INPUT_MAX - c->input_len;
    ssize_t got;

    if (!c->can_read) return false;
    if (c->step == READ_BODY && room > sizeof sink) room = sizeof sink;
    got = room ? recv(c->fd, at, room, 0) : 0;
    if (got < 0 && errno == EAGAIN) {
        c->can_read = false;
        return false;
    }
    if (got <= 0) {
        conn_close(c);
        return false;
    }
    if (c->step == READ_BODY) c->body_left -= (size_t)got;
    if (c->step == READ_HEAD) c->input_len += (size_t)got;
    return true;
}

// After the answer, or the piece of it that was due, is sent. False where there is a wait.
static bool conn_answered(struct conn *c)
{
    if (c->out == refusal.bytes + refusal.len) {
        conn_close(c);
        return false;
    }
    if (!c->events_left) {
        c->step = READ_HEAD;
        return true;
    }
    if (gap_ms) {
        bool is_first = c->events_left == events_per_stream - 1;

        wheel_add(c, is_first ? 1 + phase++ % gap_ms : gap_ms);
        return false;
    }
    conn_next_event(c);
    return true;
}

// Goes as far as the socket lets it.
static void conn_run(struct conn *c)
{
    bool goes_on = true;

    while (goes_on) {
        switch (c->step) {
        case READ_HEAD: goes_on = conn_parse(c) || conn_read(c); break;
        case READ_BODY:
            if (c->body_left) {
                goes_on = conn_read(c);
            } else {
                conn_answer(c);
            }
            break;
        case ANSWER: goes_on = conn_flush(c) && conn_answered(c); break;
        }
    }
}

static void conn_event(struct conn *c, uint32_t events)
{
    if (c->fd < 0) return;
    if (events & (EPOLLIN | EPOLLRDHUP)) c->can_read = true;
    if (c->step == ANSWER && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
        conn_close(c);
        return;
    }
    if (!c->is_waiting) conn_run(c);
}

static void wheel_turn(void)
{
    for (uint64_t until = now_ms(); clock_ms < until;) {
        struct conn *c, **slot;

        clock_ms++;
        slot = &slots[clock_ms % SLOTS];
        while ((c = *slot)) {
            wheel_remove(c);
            conn_next_event(c);
            conn_run(c);
        }
    }
}

static void conn_open(int fd)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd};
    struct conn *c = &conns[fd];
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    memset(c, 0, offsetof(struct conn, input));
    c->fd = fd;
    accepted_count++;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e)) fail("epoll_ctl");
}

static void accept_all(void)
{
    for (;;) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && errno == EAGAIN) return;
        if (fd < 0 && errno != ECONNABORTED && errno != EINTR) fail("accept");
        if (fd >= CONNS_MAX) {
            close(fd);
        } else if (fd >= 0) {
            conn_open(fd);
        }
    }
}

static void listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLIN};
    int one = 1;

    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listen_fd < 0) fail("socket");
    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listen_fd, (struct sockaddr *)&address, sizeof address)) fail("bind");
    if (listen(listen_fd, 4096)) fail("listen");
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    e.data.fd = listen_fd;
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &e)) fail("epoll");
}

[[gnu::noreturn]] static void serve(void)
{
    static struct epoll_event ready[EVENTS_AT_ONCE];

    clock_ms = now_ms();
    for (;;) {
        int count = epoll_wait(epoll_fd, ready, EVENTS_AT_ONCE, waiting_count ? 1 : -1);

        if (count < 0 && errno != EINTR) fail("epoll_wait");
        wheel_turn();
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd == listen_fd) {
                accept_all();
            } else {
                conn_event(&conns[ready[i].data.fd], ready[i].events);
            }
        }
    }
}

static uint32_t number(const char *name, const char *value, uint32_t min, uint32_t max)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(value, &end, 10);
    if (errno || end == value || *end || n < min || n > max) {
        fprintf(stderr, "upstream: --%s wants a number from %u to %u\n", name, min, max);
        exit(2);
    }
    return (uint32_t)n;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"events", required_argument, NULL, 'e'},
                                            {"gap-ms", required_argument, NULL, 'g'},
                                            {0}};
    uint16_t port = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p': port = (uint16_t)number("port", optarg, 1, UINT16_MAX); break;
        case 'e': events_per_stream = number("events", optarg, 2, 1000000); break;
        case 'g': gap_ms = number("gap-ms", optarg, 0, SLOTS - 1); break;
        default: port = 0; optind = argc;
        }
    }
    if (!port || optind < argc) {
        fprintf(stderr, "usage: upstream --port N [--events N] [--gap-ms N]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    alarm(LIFETIME_S);
    prepare_openai();
    prepare_anthropic();
    text_add(&refusal, "HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n"
                       "Connection: close\r\n\r\n");
    listen_on(port);
    serve();
}
