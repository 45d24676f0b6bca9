// tls_tickets: the keys of session tickets, which all loops and all certificates share.
//
// A ticket is a session that the client keeps for the server, sealed (RFC 8446, section 4.6.1; RFC
// 5077). The newest key seals; it and the one before open. Whoever owns the tickets rotates them by
// time, and so bounds for how long a stolen key reads old sessions. Any thread may call anything
// but new and free; the tickets outlive every stream of the servers that use them.
#pragma once

#include <openssl/types.h>

struct tls_tickets;

struct tls_tickets *tls_tickets_new(void);
// Takes NULL.
void tls_tickets_free(struct tls_tickets *t);

// A new key; the one before the last is forgotten.
void tls_tickets_rotate(struct tls_tickets *t);

// For tls_server: sessions of `ctx` are sealed with these keys.
void tls_tickets_serve(struct tls_tickets *t, SSL_CTX *ctx);
