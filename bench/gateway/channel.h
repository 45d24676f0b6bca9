// channel: one connection's bytes, plain or by TLS; for the load generator.
#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <sys/types.h>

struct channel {
    int fd;
    SSL *ssl; // NULL: plain
};

// Channels made from now on speak TLS 1.3 with one cipher, so that all gateways have the same work.
void channel_use_tls(void);

// Takes a connected socket that blocks; with TLS it shakes hands, resuming where that is possible.
// False: it failed.
bool channel_open(struct channel *c, int fd);
void channel_close(struct channel *c);

// As send() and recv() with MSG_DONTWAIT.
ssize_t channel_send(struct channel *c, const void *bytes, size_t len);
ssize_t channel_receive(struct channel *c, void *room, size_t size);
// Whether bytes were received and not asked for yet; no event will tell.
bool channel_has_more(const struct channel *c);
