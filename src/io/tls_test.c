// Crosses threads.

// The tests of tls, tls_client and the handshakes of tls_stream: none can be tried without the
// others.
#include "io/tls.h"

#include "io/dial_network.h"
#include "io/listener.h"

#include "support/tls_meeting.h"

#include <openssl/ssl.h>

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
