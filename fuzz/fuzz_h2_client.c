// Any bytes are what an origin of HTTP/2 says to a client with some calls: each call ends once, no
// answer that was not ended is taken for a whole one, and nothing is left behind.
#include "base/memory.h"
#include "http/client_call.h"
#include "io/memory_dialer.h"

#include <string.h>

enum { CALLS = 5, TURNS_MAX = 200, SILENCE_MS = 30'000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

struct world {
    struct loop loop;
    struct memory_dialer dialer;
    struct client client;
    struct client_origin origin;
    struct stream *far; // of the newest conn
    struct asking {
        struct client_call call;
        struct arena arena;
        size_t taken;
        int heads;
        int ends;
        bool gives_up; // with its first piece
    } calls[CALLS];
};

static void end(struct asking *a)
{
    check(a->ends++ == 0);
    check(!a->call.conn && !a->call.stream);
}

static void pull(struct client_call *call)
{
    struct asking *a = container_of(call, struct asking, call);
    str piece = STR("");
    err e = OK;

    while (!(e = client_call_next(call, &piece))) {
        check(piece.len > 0);
        a->taken += piece.len;
        if (!a->gives_up) continue;
        client_call_cancel(call);
        end(a);
        return;
    }
    if (e == ERR_AGAIN) return;
    check(e != ERR_EOF || call->head.framing != H1_LENGTH || a->taken == call->head.content_length);
    end(a);
}

static void on_head(struct client_call *call)
{
    struct asking *a = container_of(call, struct asking, call);

    check(a->heads++ == 0 && !a->ends);
    check(call->head.status >= 200 && call->head.status < 1000);
    pull(call);
}

static void on_drained(struct client_call *call)
{
    while (!call->is_request_done && !client_call_is_congested(call)) {
        client_call_send(call, STR("some of it"), call->origin->client->loop->now % 3 == 0);
    }
}

static void on_failed(struct client_call *call, err why)
{
    struct asking *a = container_of(call, struct asking, call);

    check(why != OK && why != ERR_EOF && why != ERR_AGAIN);
    end(a);
}

static void ask(struct world *w, size_t i)
{
    static const struct client_call_events events = {on_head, pull, on_drained, on_failed};
    static char body[100'000];
    static const struct iovec piece = {body, sizeof(body)};
    struct asking *a = &w->calls[i];

    arena_init(&a->arena, 1024);
    a->gives_up = i == 3;
    a->call = (struct client_call){.events = &events, .origin = &w->origin, .arena = &a->arena};
    a->call.request = (struct client_request){
        .head = STR("POST / HTTP/1.1\r\nhost: o\r\n\r\n"),
        .body = &piece,
        .body_count = i == 1,
        .framing = i == 2 ? CLIENT_BODY_CHUNKED : CLIENT_BODY_WHOLE,
        .is_head_request = i == 4,
        .is_repeatable = i != 2,
        .connect_ms = 1000,
    };
    client_call_start(&a->call);
}

static void on_accepted(struct memory_dialer *m, const struct dial_target *target, struct stream *s)
{
    struct world *w = container_of(m, struct world, dialer);

    (void)target;
    if (w->far) stream_close(w->far, STREAM_ABORT);
    w->far = s;
}

static void turn(struct world *w, msec ms)
{
    msec until = w->loop.now + ms;

    for (int i = 0; i < TURNS_MAX && loop_turn(&w->loop, until - w->loop.now); i++) {
        if (w->loop.now >= until && i > 20) return;
    }
}

// The first byte of a piece is its length.
static void say(struct world *w, const uint8_t *bytes, size_t len)
{
    char heard[4096];
    size_t got = 0;

    while (len > 1 && w->far) {
        size_t size = bytes[0] < len - 1 ? bytes[0] : len - 1;
        struct iovec iov = stream_piece((str){(const char *)bytes + 1, size});
        if (size && stream_write(w->far, &iov, 1, &got) == ERR_CLOSED) return;
        while (!stream_read(w->far, heard, sizeof(heard), &got)) {
        }
        bytes += size + 1;
        len -= size + 1;
        turn(w, 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct dial_target target = {.host = {"o", 1}, .port = 80};
    const struct client_limits limits = {.head_bytes_max = 2000, .idle_conns_max = 1, .idle_ms = 9};
    struct world *w = memory_new(struct world);

    loop_init_virtual(&w->loop, 1000);
    memory_dialer_init(&w->dialer);
    w->dialer.accepted = on_accepted;
    client_init(&w->client, &w->loop, &w->dialer.dialer, &limits);
    client_origin_init(&w->origin, &w->client, &target);
    w->origin.protocol = CLIENT_PROTOCOL_H2;
    for (size_t i = 0; i < CALLS; i++) {
        ask(w, i);
    }
    turn(w, 1);
    say(w, bytes, len);
    turn(w, SILENCE_MS);
    client_origin_close(&w->origin);
    turn(w, 1);
    check(client_origin_is_closed(&w->origin));
    check(w->client.conn_pool.live_count == 0 && w->client.stream_pool.live_count == 0);
    for (size_t i = 0; i < CALLS; i++) {
        check(w->calls[i].ends == 1);
        arena_reset(&w->calls[i].arena);
    }
    if (w->far) stream_close(w->far, STREAM_CLOSE);
    client_done(&w->client);
    loop_done(&w->loop);
    memory_free(w);
    return 0;
}
