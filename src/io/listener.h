// listener: accepts connections on one address.
//
// Its owner embeds it and sets `accepted`, which is given each new stream and then owns it. When
// the process is out of descriptors the listener rests a moment instead of spinning.
#pragma once

#include "io/stream.h"

struct listener {
    struct watch watch;
    struct loop *loop;
    struct address address; // with the port the kernel chose, if it was to choose
    struct timer rest;
    struct task again;
    uint64_t refused_count; // accepts that failed for want of descriptors or memory
    void (*accepted)(struct listener *l, struct stream *s);
};

// Listens; see socket_listen() for `is_shared`. `accepted` must be set.
err listener_open(struct listener *l, struct loop *loop, const struct address *a, bool is_shared);
// Stops accepting; connections already accepted live on. Harmless when not open.
void listener_close(struct listener *l);
bool listener_is_open(const struct listener *l);
