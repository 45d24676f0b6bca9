// Crosses threads.

// The tests of tls, tls_stream, tls_client and tls_server: none can be tried without the others.
#include "io/tls.h"

#include "base/random.h"
#include "io/dial_network.h"
#include "io/listener.h"
#include "io/memory_stream.h"
#include "io/tls_client.h"
#include "io/tls_server.h"

#include "support/identity.h"
#include "support/test.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/tls_test.XXXXXX";
static struct identity authority;
static struct identity stranger;
static struct identity host;    // model.example and 127.0.0.1
static struct identity expired; // model.example, yesterday

static void forget_identities(void)
{
    identity_forget(&authority);
    identity_forget(&stranger);
    identity_forget(&host);
    identity_forget(&expired);
    (void)rmdir(folder);
}

static void make_identities(void)
{
    if (authority.key) return;
    CHECK(mkdtemp(folder));
    identity_make(&authority, folder,
                  &(struct identity_options){.name = "authority", .seconds_left = 3600});
    identity_make(&stranger, folder,
                  &(struct identity_options){.name = "stranger", .seconds_left = 3600});
    identity_make(&host, folder,
                  &(struct identity_options){.name = "host",
                                             .by = &authority,
                                             .names = "DNS:model.example,IP:127.0.0.1",
                                             .seconds_left = 3600});
    identity_make(&expired, folder,
                  &(struct identity_options){.name = "expired",
                                             .by = &authority,
                                             .names = "DNS:model.example",
                                             .seconds_left = -60});
    CHECK_EQ(atexit(forget_identities), 0);
}

static const str protocols[] = {STR_INIT("h2"), STR_INIT("http/1.1")};

static struct tls_server *open_server(struct identity *i)
{
    struct tls_server *s = NULL;
    struct tls_reason why = {""};
    const struct tls_server_options options = {.protocols = protocols, .protocol_count = 2};

    make_identities();
    CHECK_EQ(tls_server_new(&options, &s), OK);
    err e = tls_server_add_certificate(s, str_from_c(i->certificate_file), &why);
    if (!e) e = tls_server_add_key(s, str_from_c(i->key_file), &why);
    if (e) test_fail(__FILE__, __LINE__, "%s", why.text);
    return s;
}

static struct tls_client *open_client(struct identity *trusted)
{
    struct tls_client *c = NULL;
    struct tls_client_options options = {.protocols = protocols, .protocol_count = 1};

    make_identities();
    if (trusted) {
        options.ca_file = str_from_c(trusted->certificate_file);
    } else {
        options.is_unverified = true;
    }
    CHECK_EQ(tls_client_open(&options, NULL, &c), OK);
    return c;
}

struct side {
    struct tls_handshake handshake;
    struct stream *lower; // borrowed
    struct stream *stream;
    struct stream_user user;
    int ready_count;
    err result;
    int done_count;
};

struct meeting {
    struct loop loop;
    struct side client;
    struct side server;
};

static void note_ready(struct stream_user *user)
{
    container_of(user, struct side, user)->ready_count++;
}

static void note_done(struct op *op, err result)
{
    struct side *s = container_of(op, struct side, handshake.op);

    s->result = result;
    s->done_count++;
    s->stream = s->handshake.stream;
    s->user.ready = note_ready;
    if (s->stream) s->stream->user = &s->user;
}

// Brings both sides together in memory and shakes hands. Either may be NULL: nobody there.
static void meet(struct meeting *m, struct tls_client *c, struct tls_server *s, str name,
                 struct memory_stream_options options)
{
    *m = (struct meeting){.client = {.result = ERR_AGAIN}, .server = {.result = ERR_AGAIN}};
    loop_init_virtual(&m->loop, 0);
    memory_stream_pair(&m->loop, options, &m->client.lower, &m->server.lower);
    msec deadline = m->loop.now + 3000;
    if (c) tls_client_connect(&m->client.handshake, c, name, m->client.lower, deadline, note_done);
    if (s) tls_server_accept(&m->server.handshake, s, m->server.lower, deadline, note_done);
    CHECK_EQ(m->client.done_count + m->server.done_count, 0);
    (void)loop_turn(&m->loop, 0);
}

static void leave(struct side *s, enum stream_end how)
{
    if (s->stream) stream_close(s->stream, how);
    s->stream = NULL;
}

static void part(struct meeting *m)
{
    leave(&m->client, STREAM_CLOSE);
    leave(&m->server, STREAM_CLOSE);
    loop_run(&m->loop);
    loop_done(&m->loop);
}

static void meet_well(struct meeting *m, struct tls_client *c, struct tls_server *s,
                      struct memory_stream_options options)
{
    meet(m, c, s, STR("model.example"), options);
    CHECK_EQ(m->client.result, OK);
    CHECK_EQ(m->server.result, OK);
}

static bool is_resumed(struct stream *s)
{
    struct stream_security security;

    stream_secured(s, &security);
    CHECK(security.version.len > 0);
    return security.is_resumed;
}

static err send_text(struct side *s, const char *text)
{
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    size_t len = 0;

    return stream_write(s->stream, &iov, 1, &len);
}

static str receive(struct side *s, char *room, size_t size, err *out)
{
    size_t len = 0;

    *out = stream_read(s->stream, room, size, &len);
    return (str){room, *out == OK ? len : 0};
}

TEST(tls_handshake_agrees_on_a_protocol_and_carries_bytes)
{
    struct meeting m;
    char room[64];
    err e = OK;
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){0});
    CHECK_STR(stream_protocol(m.client.stream), "h2");
    CHECK_STR(stream_protocol(m.server.stream), "h2");
    CHECK_EQ(send_text(&m.client, "question"), OK);
    (void)loop_turn(&m.loop, 0);
    CHECK_EQ(m.server.ready_count, 1);
    CHECK_STR(receive(&m.server, room, sizeof(room), &e), "question");
    CHECK_EQ(send_text(&m.server, "answer"), OK);
    (void)loop_turn(&m.loop, 0);
    CHECK_STR(receive(&m.client, room, sizeof(room), &e), "answer");
    (void)receive(&m.client, room, sizeof(room), &e);
    CHECK_EQ(e, ERR_AGAIN);
    CHECK(!m.client.stream->is_readable);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_certificates_that_prove_nothing_are_refused)
{
    static const struct {
        struct identity *server;
        struct identity *trusted; // NULL: anybody
        str name;
        err result;
    } cases[] = {{&host, &authority, STR_INIT("model.example"), OK},
                 {&host, &authority, STR_INIT("model.example."), OK},
                 {&host, &authority, STR_INIT("127.0.0.1"), OK},
                 {&host, &stranger, STR_INIT("model.example"), ERR_CERTIFICATE},
                 {&host, &authority, STR_INIT("other.example"), ERR_CERTIFICATE},
                 {&host, &authority, STR_INIT("sub.model.example"), ERR_CERTIFICATE},
                 {&host, &authority, STR_INIT("127.0.0.2"), ERR_CERTIFICATE},
                 {&host, &authority, STR_INIT("::1"), ERR_CERTIFICATE},
                 {&expired, &authority, STR_INIT("model.example"), ERR_CERTIFICATE},
                 {&expired, NULL, STR_INIT("other.example"), OK}};

    make_identities();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct meeting m;
        struct tls_client *c = open_client(cases[i].trusted);
        struct tls_server *s = open_server(cases[i].server);
        meet(&m, c, s, cases[i].name, (struct memory_stream_options){0});
        CHECK_EQ(m.client.result, cases[i].result);
        CHECK_EQ(m.client.done_count, 1);
        CHECK(cases[i].result == OK || m.client.handshake.reason.text[0]);
        if (cases[i].result) {
            // With TLS 1.3 the server is ready before the client has judged; it hears of it then.
            char byte = 0;
            err e = m.server.result;
            if (!e) (void)receive(&m.server, &byte, 1, &e);
            CHECK_EQ(e, ERR_TLS);
        }
        part(&m);
        tls_client_close(c);
        tls_server_unref(s);
    }
}

TEST(tls_system_store_does_not_know_our_authority)
{
    struct meeting m;
    struct tls_client *c = NULL;
    struct tls_client_options options = {.protocol_count = 0};
    struct tls_server *s = open_server(&host);

    CHECK_EQ(tls_client_open(&options, NULL, &c), OK);
    meet(&m, c, s, STR("model.example"), (struct memory_stream_options){0});
    CHECK_EQ(m.client.result, ERR_CERTIFICATE);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_impossible_hosts_are_refused)
{
    static char overlong[300];
    struct tls_client *c = open_client(&authority);
    const str names[] = {STR(""), STR("."), {overlong, sizeof(overlong)}, STR("a\0b")};

    memset(overlong, 'a', sizeof(overlong));
    for (size_t i = 0; i < 4; i++) {
        struct meeting m;
        meet(&m, c, NULL, names[i], (struct memory_stream_options){0});
        CHECK_EQ(m.client.result, ERR_RANGE);
        stream_close(m.server.lower, STREAM_CLOSE);
        part(&m);
    }
    tls_client_close(c);
}

TEST(tls_without_a_common_protocol_there_is_no_connection)
{
    static const str odd[] = {STR_INIT("spdy/3")};
    struct meeting m;
    struct tls_client *c = NULL;
    struct tls_client_options options = {
        .is_unverified = true, .protocols = odd, .protocol_count = 1};
    struct tls_server *s = open_server(&host);

    CHECK_EQ(tls_client_open(&options, NULL, &c), OK);
    meet(&m, c, s, STR("model.example"), (struct memory_stream_options){0});
    CHECK_EQ(m.client.result, ERR_TLS);
    CHECK_EQ(m.server.result, ERR_TLS);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_end_is_orderly_only_where_the_peer_says_so)
{
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);
    char room[64];

    for (int how = 0; how < 3; how++) {
        struct meeting m;
        err e = OK;
        meet_well(&m, c, s, (struct memory_stream_options){0});
        CHECK_EQ(send_text(&m.server, "half"), OK);
        if (how == 2) {
            // The connection ends below TLS: its close_notify never comes.
            memory_stream_hang_up(m.server.lower);
        } else {
            leave(&m.server, how == 0 ? STREAM_CLOSE : STREAM_ABORT);
        }
        (void)loop_turn(&m.loop, 0);
        CHECK(m.client.stream->is_hung_up);
        if (how != 1) CHECK_STR(receive(&m.client, room, sizeof(room), &e), "half");
        (void)receive(&m.client, room, sizeof(room), &e);
        CHECK_EQ(e, how == 0 ? ERR_EOF : ERR_CLOSED);
        (void)receive(&m.client, room, sizeof(room), &e);
        CHECK_EQ(e, how == 0 ? ERR_EOF : ERR_CLOSED);
        part(&m);
    }
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_one_side_may_end_while_the_other_goes_on)
{
    static char sent[30'000];
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);
    char room[64];

    for (int is_full = 0; is_full < 2; is_full++) {
        struct meeting m;
        size_t len = 0;
        size_t total = 0;
        err e = OK;
        struct iovec iov = {sent, sizeof(sent)};
        meet_well(&m, c, s, (struct memory_stream_options){.capacity = is_full ? 8000 : 0});
        CHECK_EQ(stream_write(m.server.stream, &iov, 1, &len), OK);
        stream_finish(m.server.stream);
        stream_finish(m.server.stream); // harmless
        for (int i = 0; i < 100'000 && e != ERR_EOF; i++) {
            size_t part = 0;
            e = stream_read(m.client.stream, room, sizeof(room), &part);
            CHECK(e == OK || e == ERR_AGAIN || e == ERR_EOF);
            if (!e) total += part;
            if (e == ERR_AGAIN) (void)loop_turn(&m.loop, 0);
        }
        CHECK_EQ(e, ERR_EOF);
        CHECK_EQ(total, len);
        (void)loop_turn(&m.loop, 0);
        CHECK(m.client.lower->is_hung_up); // the lower stream has ended, too
        CHECK_EQ(send_text(&m.client, "still here"), OK);
        (void)loop_turn(&m.loop, 0);
        CHECK_STR(receive(&m.server, room, sizeof(room), &e), "still here");
        part(&m);
    }
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_bytes_of_nobody_break_the_connection)
{
    struct meeting m;
    char room[64];
    size_t len = 0;
    err e = OK;
    struct iovec noise = {(char[]){'n', 'o', 'i', 's', 'e', '!', '!', '!'}, 8};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){0});
    CHECK_EQ(stream_write(m.server.lower, &noise, 1, &len), OK);
    (void)receive(&m.client, room, sizeof(room), &e);
    CHECK_EQ(e, ERR_TLS);
    CHECK_EQ(send_text(&m.client, "x"), ERR_TLS);
    part(&m);

    // The same in place of a handshake.
    meet(&m, c, NULL, STR("model.example"), (struct memory_stream_options){0});
    CHECK_EQ(stream_write(m.server.lower, &noise, 1, &len), OK);
    (void)loop_turn(&m.loop, 0);
    CHECK_EQ(m.client.result, ERR_TLS);
    CHECK(m.client.handshake.reason.text[0]);
    stream_close(m.server.lower, STREAM_CLOSE);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_handshake_ends_at_its_deadline_at_a_cut_or_when_canceled)
{
    struct meeting m;
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet(&m, c, NULL, STR("model.example"), (struct memory_stream_options){0});
    loop_run(&m.loop);
    CHECK_EQ(m.client.result, ERR_TIMEOUT);
    CHECK_EQ(m.loop.now, 3000);
    CHECK_EQ(m.client.done_count, 1);
    stream_close(m.server.lower, STREAM_CLOSE);
    part(&m);

    meet(&m, NULL, s, STR(""), (struct memory_stream_options){0});
    op_cancel(&m.server.handshake.op);
    op_cancel(&m.server.handshake.op);
    loop_run(&m.loop);
    CHECK_EQ(m.server.result, ERR_CANCELED);
    CHECK_EQ(m.server.done_count, 1);
    stream_close(m.client.lower, STREAM_CLOSE);
    part(&m);

    meet(&m, c, NULL, STR("model.example"), (struct memory_stream_options){0});
    stream_close(m.server.lower, STREAM_CLOSE);
    loop_run(&m.loop);
    CHECK_EQ(m.client.result, ERR_TLS);
    CHECK(m.client.handshake.reason.text[0]);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_sessions_are_resumed_by_the_same_host_only)
{
    struct meeting m;
    char room[8];
    err e = OK;
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    for (int i = 0; i < 3; i++) {
        meet_well(&m, c, s, (struct memory_stream_options){0});
        CHECK_EQ(is_resumed(m.client.stream), i > 0);
        CHECK_EQ(is_resumed(m.server.stream), i > 0);
        (void)receive(&m.client, room, sizeof(room), &e); // the ticket comes after the handshake
        CHECK_EQ(e, ERR_AGAIN);
        leave(&m.client, i == 1 ? STREAM_ABORT : STREAM_CLOSE); // neither spoils the session
        part(&m);
    }
    meet(&m, c, s, STR("127.0.0.1"), (struct memory_stream_options){0});
    CHECK_EQ(m.client.result, OK);
    CHECK(!is_resumed(m.client.stream));
    part(&m);
    meet(&m, c, s, STR("other.example"), (struct memory_stream_options){0});
    CHECK_EQ(m.client.result, ERR_CERTIFICATE);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_late_ticket_is_not_kept_for_another_host)
{
    struct meeting first;
    struct meeting second;
    char room[8];
    err e = OK;
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&first, c, s, (struct memory_stream_options){0});
    meet(&second, c, s, STR("other.example"), (struct memory_stream_options){0});
    CHECK_EQ(second.client.result, ERR_CERTIFICATE);
    (void)receive(&first.client, room, sizeof(room), &e);
    part(&first);
    part(&second);
    meet(&second, c, s, STR("other.example"), (struct memory_stream_options){0});
    CHECK_EQ(second.client.result, ERR_CERTIFICATE);
    part(&second);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_streams_outlive_client_and_server)
{
    struct meeting m;
    char room[8];
    err e = OK;
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){0});
    tls_client_close(c);
    tls_server_unref(s);
    CHECK_EQ(send_text(&m.server, "late"), OK);
    CHECK_STR(receive(&m.client, room, sizeof(room), &e), "late");
    part(&m);
}

TEST(tls_buffered_bytes_stay_readable_until_they_are_read)
{
    static char sent[40'000];
    struct meeting m;
    size_t len = 0;
    size_t total = 0;
    char room[7];
    struct iovec iov = {sent, sizeof(sent)};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){0});
    CHECK_EQ(stream_write(m.server.stream, &iov, 1, &len), OK);
    CHECK_EQ(len, sizeof(sent));
    (void)loop_turn(&m.loop, 0);
    while (total < sizeof(sent)) {
        CHECK(m.client.stream->is_readable);
        CHECK_EQ(stream_read(m.client.stream, room, sizeof(room), &len), OK);
        total += len;
    }
    if (m.client.stream->is_readable)
        CHECK_EQ(stream_read(m.client.stream, room, sizeof(room), &len), ERR_AGAIN);
    CHECK(!m.client.stream->is_readable);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_pieces_of_one_write_are_sealed_as_one_record)
{
    static char body[15'000];
    struct meeting m;
    unsigned char record[20'000];
    size_t len = 0;
    struct iovec iov[] = {
        stream_piece(STR("head ")), {NULL, 0}, {body, sizeof(body)}, stream_piece(STR(" end"))};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){0});
    // Behind the ticket, which the server has sent by itself.
    (void)stream_read(m.client.lower, record, sizeof(record), &len);
    CHECK_EQ(stream_write(m.server.stream, iov, 4, &len), OK);
    CHECK_EQ(len, sizeof(body) + 9);
    CHECK_EQ(stream_read(m.client.lower, record, sizeof(record), &len), OK);
    CHECK_EQ(record[0], 23);                                 // RFC 8446, section 5.1
    CHECK_EQ(((size_t)record[3] << 8 | record[4]) + 5, len); // and nothing behind it
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

// Fills `iov` with pieces of `bytes` cut at random; returns how many.
static int cut_pieces(struct random *r, char *bytes, size_t size, struct iovec *iov, int max)
{
    int count = 0;

    while (size > 0 && count < max) {
        size_t span = (size_t)1 << random_below(r, 16);
        size_t len = (size_t)random_below(r, span + 1);
        if (len > size) len = size;
        iov[count++] = (struct iovec){len ? bytes : NULL, len};
        bytes += len;
        size -= len;
    }
    return count;
}

TEST(tls_streams_cut_at_random_lose_nothing)
{
    static char sent[300'000];
    static char got[sizeof(sent)];
    struct random r;
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    random_init(&r, test_seed());
    for (size_t i = 0; i < sizeof(sent); i++) {
        sent[i] = (char)random_u64(&r);
    }
    for (int round = 0; round < 8; round++) {
        struct meeting m;
        size_t out = 0;
        size_t in = 0;
        size_t len = 0;
        struct memory_stream_options o = {.capacity = 100 + (size_t)random_below(&r, 30'000),
                                          .seed = test_seed() + (uint64_t)round + 1};
        meet_well(&m, c, s, o);
        for (int turn = 0; in < sizeof(sent); turn++) {
            CHECK(turn < 1'000'000); // bytes were lost
            struct iovec iov[6];
            int count = cut_pieces(&r, sent + out, sizeof(sent) - out, iov, 6);
            if (m.client.stream->is_writable && count > 0 &&
                stream_write(m.client.stream, iov, count, &len) == OK)
                out += len;
            (void)loop_turn(&m.loop, 0);
            size_t room = 1 + (size_t)random_below(&r, 20'000);
            if (room > sizeof(got) - in) room = sizeof(got) - in;
            if (m.server.stream->is_readable &&
                stream_read(m.server.stream, got + in, room, &len) == OK)
                in += len;
        }
        CHECK(memcmp(sent, got, sizeof(sent)) == 0);
        part(&m);
    }
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_full_stream_waits_and_close_delivers_what_was_written)
{
    static char sent[100'000];
    struct meeting m;
    size_t len = 0;
    size_t total = 0;
    char room[5000];
    err e = OK;
    struct iovec iov = {sent, sizeof(sent)};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){.capacity = 20'000});
    CHECK_EQ(stream_write(m.client.stream, &iov, 1, &len), OK);
    size_t written = len;
    CHECK(written < sizeof(sent));
    CHECK(!m.client.stream->is_writable);
    CHECK_EQ(send_text(&m.client, "other bytes"), ERR_AGAIN);
    leave(&m.client, STREAM_CLOSE);
    for (;;) {
        (void)loop_turn(&m.loop, 0);
        e = stream_read(m.server.stream, room, sizeof(room), &len);
        if (e && e != ERR_AGAIN) break;
        if (!e) total += len;
    }
    CHECK_EQ(e, ERR_EOF);
    CHECK_EQ(total, written);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_close_does_not_wait_for_ever_on_a_peer_that_does_not_read)
{
    static char sent[100'000];
    struct meeting m;
    size_t len = 0;
    char room[64];
    err e = OK;
    struct iovec iov = {sent, sizeof(sent)};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){.capacity = 5000});
    CHECK_EQ(stream_write(m.client.stream, &iov, 1, &len), OK);
    leave(&m.client, STREAM_CLOSE);
    loop_run(&m.loop);
    CHECK_EQ(m.loop.now, 5000);
    (void)receive(&m.server, room, sizeof(room), &e);
    CHECK_EQ(e, ERR_CLOSED);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_early_answer_is_read_though_writing_fails)
{
    struct meeting m;
    char room[64];
    err e = OK;
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){0});
    CHECK_EQ(send_text(&m.server, "too large"), OK);
    leave(&m.server, STREAM_CLOSE);
    CHECK_EQ(send_text(&m.client, "body"), ERR_CLOSED);
    CHECK_EQ(send_text(&m.client, "more"), ERR_CLOSED);
    CHECK_STR(receive(&m.client, room, sizeof(room), &e), "too large");
    (void)receive(&m.client, room, sizeof(room), &e);
    CHECK_EQ(e, ERR_EOF);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_files_that_do_not_fit_are_refused_with_a_reason)
{
    struct tls_client *c = NULL;
    struct tls_reason why = {""};
    struct tls_client_options no_file = {.ca_file = STR("/nowhere/ca.pem")};
    str empty[] = {STR("h2"), STR("")};
    struct tls_client_options odd = {.protocols = empty, .protocol_count = 2};

    CHECK_EQ(tls_client_open(&no_file, &why, &c), ERR_CERTIFICATE);
    CHECK_EQ(tls_client_open(&odd, &why, &c), ERR_RANGE);
    CHECK(why.text[0]);
    tls_client_close(NULL);
}

TEST(tls_protocols_are_encoded_and_bounded)
{
    static const str long_name = STR_INIT("a-name-of-forty-bytes-a-name-of-forty-by");
    str many[] = {long_name, long_name};
    struct tls_protocols p;

    CHECK_EQ(tls_protocols_init(&p, protocols, 2), OK);
    CHECK_SAME(((str){(char *)p.bytes, p.len}), STR("\2h2\10http/1.1"));
    CHECK_EQ(tls_protocols_init(&p, many, 2), ERR_RANGE);
    CHECK_EQ(p.len, 12);
    CHECK_EQ(tls_protocols_init(&p, NULL, 0), OK);
    CHECK_EQ(p.len, 0);
}

// A server of an older kind, up to `version`, answers `c`.
static void meet_older(struct meeting *m, struct tls_client *c, SSL_CTX *ctx, int version)
{
    SSL *ssl = NULL;

    CHECK(SSL_CTX_set_max_proto_version(ctx, version) == 1);
    CHECK(SSL_CTX_use_certificate(ctx, host.certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey(ctx, host.key) == 1);
    meet(m, c, NULL, STR("model.example"), (struct memory_stream_options){0});
    ssl = SSL_new(ctx);
    SSL_set_accept_state(ssl);
    tls_stream_start(&m->server.handshake, ssl, m->server.lower, 3000, note_done);
    (void)loop_turn(&m->loop, 0);
}

TEST(tls_1_2_is_spoken_and_resumed_and_what_is_older_is_not)
{
    struct meeting m;
    char room[64];
    err e = OK;
    struct tls_client *c = open_client(&authority);
    SSL_CTX *ctx = tls_ssl_ctx_new(true);

    for (int i = 0; i < 3; i++) {
        meet_older(&m, c, ctx, TLS1_2_VERSION);
        CHECK_EQ(m.client.result, OK);
        CHECK_EQ(is_resumed(m.client.stream), i > 0);
        CHECK_STR(stream_protocol(m.client.stream), "");
        CHECK_EQ(send_text(&m.client, "older"), OK);
        CHECK_STR(receive(&m.server, room, sizeof(room), &e), "older");
        leave(&m.client, i == 0 ? STREAM_ABORT : STREAM_CLOSE);
        part(&m);
    }
    SSL_CTX_free(ctx);
    ctx = SSL_CTX_new(TLS_server_method());
    CHECK(SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0") == 1);
    meet_older(&m, c, ctx, TLS1_1_VERSION);
    CHECK_EQ(m.client.result, ERR_TLS);
    CHECK_EQ(m.server.result, ERR_TLS);
    part(&m);
    SSL_CTX_free(ctx);
    tls_client_close(c);
}

struct front_door {
    struct listener listener;
    struct tls_server *server;
    struct side guest;
};

static void let_in(struct listener *l, struct stream *s)
{
    struct front_door *f = container_of(l, struct front_door, listener);

    tls_server_accept(&f->guest.handshake, f->server, s, l->loop->now + 5000, note_done);
}

struct visitor {
    struct dial dial;
    err result;
    int done_count;
};

static void note_visit(struct op *op, err result)
{
    struct visitor *v = container_of(op, struct visitor, dial.op);

    v->result = result;
    v->done_count++;
}

TEST(tls_dial_through_the_network_checks_certificate_and_host)
{
    struct identity *trusted[] = {&authority, &stranger, &authority};
    static const err results[] = {OK, ERR_CERTIFICATE, ERR_CANCELED};
    struct loop l;
    static struct offload o;
    struct dial_network n;
    struct address here = {.bytes = {127, 0, 0, 1}};

    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(offload_open(&o, 1, 1), OK);
    dial_network_init(&n, &l, &o);
    for (int i = 0; i < 3; i++) {
        struct front_door f = {.listener = {.accepted = let_in}, .server = open_server(&host)};
        struct visitor v = {.done_count = 0};
        CHECK_EQ(listener_open(&f.listener, &l, &here, false), OK);
        struct dial_target target = {.host = STR("127.0.0.1"),
                                     .port = f.listener.address.port,
                                     .tls = open_client(trusted[i])};
        dial_start(&v.dial, &n.dialer, &l, &target, l.now + 5000, note_visit);
        while (v.done_count == 0 || f.guest.done_count == 0) {
            (void)loop_turn(&l, 10);
            if (results[i] == ERR_CANCELED) op_cancel(&v.dial.op);
            if (v.result == ERR_CANCELED) break;
        }
        CHECK_EQ(v.result, results[i]);
        CHECK_EQ(v.done_count, 1);
        CHECK_EQ(tls_client_reason(target.tls)->text[0] != '\0', results[i] == ERR_CERTIFICATE);
        if (v.dial.stream) CHECK_STR(stream_protocol(v.dial.stream), "h2");
        if (v.dial.stream) stream_close(v.dial.stream, STREAM_CLOSE);
        while (!op_is_idle(&f.guest.handshake.op)) {
            (void)loop_turn(&l, 10);
        }
        leave(&f.guest, STREAM_CLOSE);
        listener_close(&f.listener);
        tls_client_close(target.tls);
        tls_server_unref(f.server);
    }
    dial_network_done(&n);
    offload_close(&o);
    (void)loop_turn(&l, 0);
    loop_done(&l);
}
