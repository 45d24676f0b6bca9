#include "http/server_door.h"

#include "http/server_call.h"
#include "io/memory_stream.h"
#include "io/tls_client.h"

#include "support/identity.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER_MS = 5000, CONNS_MAX = 2000 };

static char folder[] = "/tmp/server_door_test.XXXXXX";
static struct identity host;

static void forget_identities(void)
{
    identity_forget(&host);
    (void)rmdir(folder);
}

static struct tls_server *open_tls(void)
{
    struct tls_server *s = NULL;
    struct tls_server_options options = {.needs_1_3 = false};

    options.protocol_count = server_protocols(&options.protocols);
    if (!host.key) {
        CHECK(mkdtemp(folder));
        identity_make(&host, folder,
                      &(struct identity_options){.name = "host.test", .seconds_left = 3600});
        CHECK_EQ(atexit(forget_identities), 0);
    }
    CHECK_EQ(tls_server_new(&options, &s), OK);
    CHECK_EQ(tls_server_add_certificate(s, str_from_c(host.certificate_file), NULL), OK);
    CHECK_EQ(tls_server_add_key(s, str_from_c(host.key_file), NULL), OK);
    return s;
}

// A server behind TLS whose handler says what secures the call, on a virtual loop.
struct bench {
    struct loop loop;
    struct server server;
    struct tls_client *client;
    int drained_count;
};

static void on_call(struct server *s, struct server_call *call)
{
    struct stream_security security;
    struct server_answer a = {.status = 200, .has_length = true};

    (void)s;
    server_call_secured(call, &security);
    struct iovec iov = stream_piece(security.version.len ? security.version : STR("plain"));
    a.length = iov.iov_len;
    server_call_respond(call, &a, &iov, 1, true);
}

static str describe(struct server *s, unsigned status, const char *what, struct buf *out)
{
    (void)s;
    (void)status;
    CHECK_EQ(buf_append(out, str_from_c(what)), OK);
    return STR("text/plain");
}

static void on_drained(struct server *s)
{
    container_of(s, struct bench, server)->drained_count++;
}

static void bench_init(struct bench *b, bool allows_plain)
{
    static const struct server_handler handler = {on_call, describe, on_drained};
    const struct server_limits limits = {.head_bytes_max = 1000,
                                         .head_fields_max = 20,
                                         .conns_max = CONNS_MAX,
                                         .header_ms = HEADER_MS,
                                         .idle_ms = 60'000,
                                         .body_ms = 3000,
                                         .write_ms = 2000};
    const struct tls_client_options options = {.is_unverified = true};
    struct tls_server *tls = open_tls();

    *b = (struct bench){.drained_count = 0};
    loop_init_virtual(&b->loop, 1000);
    server_init(&b->server, &b->loop, &limits, &handler);
    server_set_tls(&b->server, tls, allows_plain);
    tls_server_unref(tls);
    CHECK_EQ(tls_client_open(&options, NULL, &b->client), OK);
}

static void bench_done(struct bench *b)
{
    server_close(&b->server);
    server_done(&b->server);
    CHECK_EQ(b->server.door.guest_count, 0);
    (void)loop_turn(&b->loop, 0);
    tls_client_close(b->client);
    loop_done(&b->loop);
}

static struct stream *knock(struct bench *b)
{
    struct stream *near = NULL;
    struct stream *far = NULL;

    memory_stream_pair(&b->loop, (struct memory_stream_options){0}, &near, &far);
    server_door_knock(&b->server, far);
    return near;
}

static void turn(struct bench *b, int times)
{
    for (int i = 0; i < times; i++) {
        (void)loop_turn(&b->loop, 0);
    }
}

// Lets the time pass, to the millisecond.
static void wait(struct bench *b, msec ms)
{
    msec until = b->loop.now + ms;

    while (b->loop.now < until && loop_turn(&b->loop, until - b->loop.now)) {
    }
}

struct visitor {
    struct tls_handshake handshake;
    err result;
    bool is_done;
};

static void note_done(struct op *op, err result)
{
    struct visitor *v = container_of(op, struct visitor, handshake.op);

    v->result = result;
    v->is_done = true;
}

static void shake(struct bench *b, struct visitor *v, struct stream *near)
{
    *v = (struct visitor){.is_done = false};
    tls_client_connect(&v->handshake, b->client, STR("host.test"), near, b->loop.now + 60'000,
                       note_done);
}

static void say(struct stream *s, str text)
{
    struct iovec iov = stream_piece(text);
    size_t len = 0;

    CHECK_EQ(stream_write(s, &iov, 1, &len), OK);
    CHECK_EQ(len, text.len);
}

// What the server sent so far, in `room`; `*end` is the error behind it.
static str heard(struct stream *s, char *room, size_t size, err *end)
{
    size_t total = 0;
    size_t len = 0;

    while (!(*end = stream_read(s, room + total, size - total, &len))) {
        total += len;
    }
    return (str){room, total};
}

static const str request = STR_INIT("GET / HTTP/1.1\r\nhost: host.test\r\n\r\n");

static void check_answer(struct bench *b, struct stream *s, str ending)
{
    char room[1000];
    err end = OK;

    say(s, request);
    turn(b, 3);
    CHECK(str_ends(heard(s, room, sizeof(room), &end), ending));
    CHECK_EQ(end, ERR_AGAIN);
}

TEST(server_door_lets_in_who_has_shaken_hands)
{
    struct bench b;
    struct visitor v;

    bench_init(&b, false);
    for (uint64_t i = 0; i < 2; i++) {
        struct stream *near = knock(&b);
        CHECK_EQ(b.server.door.guest_count, 1);
        shake(&b, &v, near);
        turn(&b, 5);
        CHECK(v.is_done);
        CHECK_EQ(v.result, OK);
        CHECK_EQ(b.server.door.guest_count, 0);
        CHECK_EQ(b.server.counts.conns_open, 1);
        check_answer(&b, v.handshake.stream, STR("\r\n\r\n1.3"));
        check_answer(&b, v.handshake.stream, STR("\r\n\r\n1.3")); // the conn was kept
        CHECK_EQ(b.server.counts.handshakes_1_3, 1);
        CHECK_EQ(b.server.counts.resumptions_1_3, i);
        stream_close(v.handshake.stream, STREAM_CLOSE);
        turn(&b, 3);
        CHECK_EQ(b.server.counts.conns_open, 0);
    }
    bench_done(&b);
}

TEST(server_door_tells_plain_requests_that_it_speaks_tls)
{
    struct bench b;
    char room[1000];
    err end = OK;

    bench_init(&b, false);
    struct stream *near = knock(&b);
    say(near, request);
    turn(&b, 3);
    str answer = heard(near, room, sizeof(room), &end);
    CHECK(str_starts(answer, STR("HTTP/1.1 400 Bad Request\r\n")));
    CHECK(str_ends(answer, STR("connection: close\r\n\r\nthis port speaks TLS: use https")));
    CHECK_EQ(end, ERR_EOF);
    CHECK_EQ(b.server.counts.plain_refused, 1);
    CHECK_EQ(b.server.counts.calls_started, 0);
    stream_close(near, STREAM_CLOSE);
    turn(&b, 3);
    CHECK_EQ(b.server.counts.conns_open, 0);
    near = knock(&b);
    say(near, STR("\x16")); // begins like TLS, after which nobody is answered in plain text
    say(near, request);
    turn(&b, 5);
    CHECK(!str_starts(heard(near, room, sizeof(room), &end), STR("HTTP")));
    CHECK_EQ(b.server.counts.handshakes_failed, 1);
    stream_close(near, STREAM_CLOSE);
    near = knock(&b);
    say(near, STR("\x05\x01noise"));
    turn(&b, 3);
    CHECK_EQ(heard(near, room, sizeof(room), &end).len, 0);
    CHECK_EQ(end, ERR_CLOSED);
    CHECK_EQ(b.server.counts.conns_open, 0);
    stream_close(near, STREAM_CLOSE);
    bench_done(&b);
}

TEST(server_door_speaks_both_where_that_is_allowed)
{
    struct bench b;
    struct visitor v;

    bench_init(&b, true);
    struct stream *near = knock(&b);
    check_answer(&b, near, STR("plain"));
    struct stream *secure = knock(&b);
    shake(&b, &v, secure);
    turn(&b, 5);
    check_answer(&b, v.handshake.stream, STR("1.3"));
    check_answer(&b, near, STR("plain"));
    stream_close(near, STREAM_CLOSE);
    stream_close(v.handshake.stream, STREAM_CLOSE);
    bench_done(&b);
}

// The first bytes of a handshake that never goes on.
static const str half_hello = STR_INIT("\x16\x03\x01\x02\x00\x01\x00");

TEST(server_door_turns_away_who_stalls)
{
    const str beginnings[] = {STR(""), half_hello};
    char room[16];
    err end = OK;

    for (int i = 0; i < 2; i++) {
        struct bench b;
        bench_init(&b, true);
        struct stream *near = knock(&b);
        wait(&b, HEADER_MS / 2);
        if (beginnings[i].len) say(near, beginnings[i]);
        wait(&b, HEADER_MS / 2 - 1);
        CHECK_EQ(b.server.door.guest_count, 1);
        wait(&b, 1);
        (void)loop_turn(&b.loop, 0);
        CHECK_EQ(b.server.door.guest_count, 0);
        CHECK_EQ(b.server.counts.handshakes_late, 1);
        (void)heard(near, room, sizeof(room), &end);
        CHECK_EQ(end, ERR_CLOSED);
        stream_close(near, STREAM_CLOSE);
        bench_done(&b);
    }
}

TEST(server_door_counts_its_guests_among_the_conns)
{
    struct bench b;
    struct stream *near[3];

    bench_init(&b, false);
    b.server.limits.conns_max = 3;
    for (int i = 0; i < 3; i++) {
        near[i] = knock(&b);
    }
    struct stream *late = knock(&b);
    CHECK_EQ(b.server.counts.conns_refused, 1);
    CHECK(late->is_hung_up);
    stream_close(late, STREAM_CLOSE);
    stream_close(near[0], STREAM_CLOSE); // who leaves makes room
    turn(&b, 2);
    CHECK_EQ(b.server.door.guest_count, 2);
    near[0] = knock(&b);
    CHECK_EQ(b.server.counts.conns_refused, 1);
    for (int i = 0; i < 3; i++) {
        stream_close(near[i], STREAM_CLOSE);
    }
    bench_done(&b);
}

TEST(server_door_lets_in_newcomers_whoever_else_stalls)
{
    static struct stream *stalled[SERVER_GUESTS_MAX];
    struct bench b;
    struct visitor v;

    bench_init(&b, false);
    for (int i = 0; i < SERVER_GUESTS_MAX; i++) {
        stalled[i] = knock(&b);
        if (i % 2) say(stalled[i], half_hello);
    }
    turn(&b, SERVER_GUESTS_MAX);
    CHECK_EQ(b.server.door.guest_count, SERVER_GUESTS_MAX);
    for (uint64_t i = 0; i < 3; i++) {
        shake(&b, &v, knock(&b));
        turn(&b, 5);
        CHECK(v.is_done);
        CHECK_EQ(v.result, OK);
        CHECK_EQ(b.server.counts.guests_displaced, 1);
        check_answer(&b, v.handshake.stream, STR("1.3"));
        stream_close(v.handshake.stream, STREAM_CLOSE);
        if (i == 0) {
            CHECK(stalled[0]->is_hung_up); // the oldest made room
            CHECK(!stalled[1]->is_hung_up);
        }
    }
    for (int i = 0; i < SERVER_GUESTS_MAX; i++) {
        stream_close(stalled[i], STREAM_CLOSE);
    }
    bench_done(&b);
}

TEST(server_door_begins_few_handshakes_a_turn)
{
    enum { VISITORS = 10 };
    struct bench b;
    static struct visitor v[VISITORS];
    int turns = 0;
    uint64_t most = 0;

    bench_init(&b, false);
    for (int i = 0; i < VISITORS; i++) {
        shake(&b, &v[i], knock(&b));
    }
    for (; b.server.counts.conns_open < VISITORS; turns++) {
        uint64_t before = b.server.counts.conns_open;
        (void)loop_turn(&b.loop, 0);
        if (b.server.counts.conns_open - before > most) most = b.server.counts.conns_open - before;
        CHECK(turns < 20);
    }
    CHECK(most <= 4);
    for (int i = 0; i < VISITORS; i++) {
        CHECK_EQ(v[i].result, OK);
        stream_close(v[i].handshake.stream, STREAM_CLOSE);
    }
    bench_done(&b);
}

TEST(server_door_closes_at_once_when_the_server_drains_or_closes)
{
    for (int how = 0; how < 2; how++) {
        struct bench b;
        bench_init(&b, false);
        struct stream *silent = knock(&b);
        struct stream *half = knock(&b);
        struct stream *queued = knock(&b);
        say(half, half_hello);
        turn(&b, 3);
        say(queued, half_hello);
        (void)loop_turn(&b.loop, 0);
        CHECK_EQ(b.server.door.guest_count, 3);
        if (how == 0) {
            server_drain(&b.server);
        } else {
            server_close(&b.server);
        }
        CHECK_EQ(b.drained_count, how == 0);
        CHECK_EQ(b.server.door.guest_count, 0);
        CHECK(silent->is_hung_up && half->is_hung_up && queued->is_hung_up);
        stream_close(silent, STREAM_CLOSE);
        stream_close(half, STREAM_CLOSE);
        stream_close(queued, STREAM_CLOSE);
        bench_done(&b);
    }
}

TEST(server_door_changes_locks_while_people_come_in)
{
    struct bench b;
    struct visitor v[2];
    struct tls_server *tls = NULL;

    bench_init(&b, false);
    // One is half-way when the certificates change.
    shake(&b, &v[0], knock(&b));
    (void)loop_turn(&b.loop, 0);
    CHECK(!v[0].is_done);
    tls = open_tls();
    server_set_tls(&b.server, tls, false);
    tls_server_unref(tls);
    shake(&b, &v[1], knock(&b));
    turn(&b, 6);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(v[i].result, OK);
        check_answer(&b, v[i].handshake.stream, STR("1.3"));
    }
    // Then TLS is turned off: conns stay, and who still wanted to shake hands is turned away.
    struct stream *near = knock(&b);
    struct stream *plain = knock(&b);
    say(near, half_hello);
    (void)loop_turn(&b.loop, 0);
    server_set_tls(&b.server, NULL, false);
    turn(&b, 3);
    CHECK(near->is_hung_up);
    check_answer(&b, plain, STR("plain"));
    check_answer(&b, v[0].handshake.stream, STR("1.3"));
    stream_close(near, STREAM_CLOSE);
    stream_close(plain, STREAM_CLOSE);
    for (int i = 0; i < 2; i++) {
        stream_close(v[i].handshake.stream, STREAM_CLOSE);
    }
    bench_done(&b);
}
