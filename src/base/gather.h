// gather: a text that is written in one go, in which large parts stand as views of other memory.
//
// What is written goes to `text`; gather_insert() puts a view where the text stands. The whole is
// the text with the views between, which gather_pieces() lists for a scatter-gather write, so that
// fifty megabytes of an image are moved by nobody. Views outlive the gather. Belongs to one loop.
#pragma once

#include "base/buf.h"

#include <sys/uio.h>

enum {
    GATHER_INSERTS_MAX = 16,
    GATHER_PIECES_MAX = 2 * GATHER_INSERTS_MAX + 1,
    GATHER_INSERT_MIN = 16 * 1024, // shorter ones are copied: an entry costs more
};

struct gather {
    struct buf text;
    struct {
        size_t at; // bytes of text before it
        str view;
    } inserts[GATHER_INSERTS_MAX];
    int insert_count;
    int insert_max; // GATHER_INSERTS_MAX, unless its owner wants fewer pieces
    size_t inserted_bytes;
};

// The text that is not views grows up to `text_bytes_max`.
void gather_init(struct gather *g, size_t text_bytes_max);
void gather_done(struct gather *g);

// Puts `view` behind what was written; a short one, or one too many, is copied. ERR_LIMIT where
// that does not fit.
err gather_insert(struct gather *g, str view);

// Bytes of the whole.
size_t gather_len(const struct gather *g);

// The whole, in order; returns how many entries were filled, at most GATHER_PIECES_MAX. Valid until
// the gather changes.
int gather_pieces(const struct gather *g, struct iovec *pieces);
