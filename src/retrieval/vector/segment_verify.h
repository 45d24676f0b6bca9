// segment_verify: reads every byte of a segment and says what is not as it was written.
//
// Any thread, beside readers. What it brings into memory it lets go of again.
#pragma once

#include "retrieval/vector/segment.h"

// Embedded by whoever wants to know.
struct segment_verify_watcher {
    // A block, or the zeros behind a section, is damaged.
    void (*found)(struct segment_verify_watcher *w, const struct segment_damage *d);
    // Asked once a MiB or so; false ends the reading. May be NULL, and may wait to read slowly.
    bool (*goes_on)(struct segment_verify_watcher *w);
};

// ERR_DAMAGED after at least one finding, else OK; ERR_CANCELED where `goes_on` said so.
err segment_verify(struct segment *s, struct segment_verify_watcher *w);
