// tls_meeting: a client and a server of TLS that meet in memory, for the tests of both.
//
// Identities are made at first use and forgotten at exit. A header alone, like identity.h.
#pragma once

#include "io/memory_stream.h"
#include "io/tls_client.h"
#include "io/tls_server.h"

#include "support/identity.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char tls_meeting_folder[] = "/tmp/tls_meeting.XXXXXX";
static struct identity authority;
static struct identity stranger;
static struct identity host;    // model.example and 127.0.0.1
static struct identity expired; // model.example, yesterday

static inline void forget_identities(void)
{
    identity_forget(&authority);
    identity_forget(&stranger);
    identity_forget(&host);
    identity_forget(&expired);
    (void)rmdir(tls_meeting_folder);
}

static inline void make_identities(void)
{
    if (authority.key) return;
    CHECK(mkdtemp(tls_meeting_folder));
    identity_make(&authority, tls_meeting_folder,
                  &(struct identity_options){.name = "authority", .seconds_left = 3600});
    identity_make(&stranger, tls_meeting_folder,
                  &(struct identity_options){.name = "stranger", .seconds_left = 3600});
    identity_make(&host, tls_meeting_folder,
                  &(struct identity_options){.name = "host",
                                             .by = &authority,
                                             .names = "DNS:model.example,IP:127.0.0.1",
                                             .seconds_left = 3600});
    identity_make(&expired, tls_meeting_folder,
                  &(struct identity_options){.name = "expired",
                                             .by = &authority,
                                             .names = "DNS:model.example",
                                             .seconds_left = -60});
    CHECK_EQ(atexit(forget_identities), 0);
}

static const str protocols[] = {STR_INIT("h2"), STR_INIT("http/1.1")};

static inline struct tls_server *open_server(struct identity *i)
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

static inline struct tls_client *open_client(struct identity *trusted)
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

static inline void note_ready(struct stream_user *user)
{
    container_of(user, struct side, user)->ready_count++;
}

static inline void note_done(struct op *op, err result)
{
    struct side *s = container_of(op, struct side, handshake.op);

    s->result = result;
    s->done_count++;
    s->stream = s->handshake.stream;
    s->user.ready = note_ready;
    if (s->stream) s->stream->user = &s->user;
}

// Brings both sides together in memory and shakes hands. Either may be NULL: nobody there.
static inline void meet(struct meeting *m, struct tls_client *c, struct tls_server *s, str name,
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

static inline void leave(struct side *s, enum stream_end how)
{
    if (s->stream) stream_close(s->stream, how);
    s->stream = NULL;
}

static inline void part(struct meeting *m)
{
    leave(&m->client, STREAM_CLOSE);
    leave(&m->server, STREAM_CLOSE);
    loop_run(&m->loop);
    loop_done(&m->loop);
}

static inline void meet_well(struct meeting *m, struct tls_client *c, struct tls_server *s,
                             struct memory_stream_options options)
{
    meet(m, c, s, STR("model.example"), options);
    CHECK_EQ(m->client.result, OK);
    CHECK_EQ(m->server.result, OK);
}

static inline bool is_resumed(struct stream *s)
{
    struct stream_security security;

    stream_secured(s, &security);
    CHECK(security.version.len > 0);
    return security.is_resumed;
}

static inline err send_text(struct side *s, const char *text)
{
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    size_t len = 0;

    return stream_write(s->stream, &iov, 1, &len);
}

static inline str receive(struct side *s, char *room, size_t size, err *out)
{
    size_t len = 0;

    *out = stream_read(s->stream, room, size, &len);
    return (str){room, *out == OK ? len : 0};
}
