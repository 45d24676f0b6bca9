// stream: a two-way flow of bytes: TCP, TLS, or memory in tests.
//
// Readiness is edge-like: `is_readable` and `is_writable` say what is worth trying; a read or
// write that finds nothing returns ERR_AGAIN and clears its flag, and `user->ready` is called from
// the loop when one comes back. A user that stops reading while `is_readable` is set
// (back-pressure) simply reads again later. Owned by the one who opened or accepted it; belongs to
// its loop.
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

#include <sys/uio.h>

struct stream;

// Embedded in the struct that uses the stream.
struct stream_user {
    void (*ready)(struct stream_user *user);
};

enum { STREAM_SUBJECT_MAX = 256 };

// What protects a stream.
struct stream_security {
    str version;                      // of TLS, such as "1.3"; empty where there is none
    bool is_resumed;                  // by an earlier session's ticket
    char subject[STREAM_SUBJECT_MAX]; // who the peer has proven to be (RFC 2253), clipped; or ""
};

enum stream_end {
    STREAM_CLOSE, // orderly: what was written is delivered
    STREAM_ABORT, // the peer is told at once (TCP reset), so that it can't take this for an end
};

struct stream_ops {
    err (*read)(struct stream *s, void *bytes, size_t size, size_t *len);
    err (*write)(struct stream *s, const struct iovec *iov, int count, size_t *len);
    void (*finish)(struct stream *s); // NULL: the stream can't tell its peer
    void (*close)(struct stream *s, enum stream_end how);
    str (*protocol)(struct stream *s);
    size_t (*unsent)(struct stream *s);                 // NULL: what was written has gone
    err (*peek)(struct stream *s, unsigned char *byte); // NULL: can't be done
    void (*secured)(struct stream *s, struct stream_security *security); // NULL: by nothing
};

// Where a connection comes from or goes to, small enough to keep one a connection.
struct address {
    uint8_t bytes[16]; // IPv4 in the first four
    uint16_t port;
    uint8_t is_v6;
};

struct stream {
    const struct stream_ops *ops;
    struct loop *loop;
    struct stream_user *user;
    struct address peer;
    bool is_readable;
    bool is_writable;
    bool is_hung_up; // the peer has sent its last byte, which may not have been read yet
};

// Bytes to be written, as an iovec, whose type can't say that they are only read.
static inline struct iovec stream_piece(str s)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)s.ptr, .iov_len = s.len};
}

// Reads what is there, at most `size` bytes. OK with 0 < *len; ERR_AGAIN if nothing is there yet;
// ERR_EOF at the orderly end of the peer's bytes; anything else is final.
static inline err stream_read(struct stream *s, void *bytes, size_t size, size_t *len)
{
    return s->ops->read(s, bytes, size, len);
}

// Writes what fits now. OK with 0 < *len, perhaps less than was given; ERR_AGAIN if nothing fits;
// anything else is final.
static inline err stream_write(struct stream *s, const struct iovec *iov, int count, size_t *len)
{
    return s->ops->write(s, iov, count, len);
}

// Bytes that were written and have not reached the peer's machine. They grow fewer while a peer
// takes anything at all, which is long before the stream is writable again.
static inline size_t stream_unsent(struct stream *s)
{
    return s->ops->unsent ? s->ops->unsent(s) : 0;
}

// The byte that the next read will begin with, left where it is. Errors of stream_read(), and
// ERR_UNSUPPORTED.
static inline err stream_peek(struct stream *s, unsigned char *byte)
{
    return s->ops->peek ? s->ops->peek(s, byte) : ERR_UNSUPPORTED;
}

// Tells the peer that no more will be written; reading goes on.
static inline void stream_finish(struct stream *s)
{
    if (s->ops->finish) s->ops->finish(s);
}

// Frees the stream; `ready` is not called again.
static inline void stream_close(struct stream *s, enum stream_end how)
{
    s->ops->close(s, how);
}

// What ALPN agreed on, such as "h2"; empty where there was no TLS or no agreement.
static inline str stream_protocol(struct stream *s)
{
    return s->ops->protocol(s);
}

static inline void stream_secured(struct stream *s, struct stream_security *security)
{
    *security = (struct stream_security){.version = {.ptr = "", .len = 0}};
    if (s->ops->secured) s->ops->secured(s, security);
}

// "127.0.0.1:80" or "[::1]:80" to `out`, of ADDRESS_TEXT_MAX bytes; returns the length.
enum { ADDRESS_TEXT_MAX = 80 };
size_t stream_address_text(const struct address *a, char *out);
