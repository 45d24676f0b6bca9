// server_door: what a connection goes through before HTTP is spoken on it, where the server has
// TLS; private to the server's files.
//
//     PEEK --> QUEUE --> HANDSHAKE --> server_accept()
//       |
//       +----> plain HTTP: server_accept(), or a 400 that says so
//
// A *guest* is a connection that is not in yet. In PEEK its first byte is waited for, which tells
// TLS (22, a handshake record: RFC 8446, section 5.1) from plain HTTP, and there is no TLS state
// before. Handshakes are dear, so a few begin in a turn of the loop and the rest wait in QUEUE.
// A guest counts among the server's conns and has limits.header_ms in all. There are at most
// SERVER_GUESTS_MAX; one more takes the place of the oldest, which is the likeliest to be stalling.
#pragma once

#include "io/tls_server.h"

enum { SERVER_GUESTS_MAX = 1024 };

struct server;

struct server_door {
    struct tls_server *tls; // NULL: everybody comes in as they are
    bool allows_plain;
    uint32_t guest_count;
    struct link guests; // the oldest first
    struct link queue;  // those in QUEUE
    struct task task;
};

void server_door_init(struct server_door *door);
// Lets `stream` in, now or when it has shaken hands.
void server_door_knock(struct server *s, struct stream *stream);
// Turns every guest away at once.
void server_door_clear(struct server *s);
