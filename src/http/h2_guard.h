// h2_guard: what a peer may make us do for nothing on one HTTP/2 connection.
//
// *Resets* are streams that were opened and given up, by either side (CVE-2023-44487,
// CVE-2025-8671); *noise* is frames that bring no request and no bytes: PING, SETTINGS, PRIORITY,
// WINDOW_UPDATE, CONTINUATION, empty DATA (CVE-2019-9512 and its kin). Each is a token bucket of a
// generous size. Frames that carry bytes give noise back, since an honest peer
// answers each with a few frames of its own. Pure: the time is given.
#pragma once

#include "io/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    H2_GUARD_RESETS_MAX = 500,
    H2_GUARD_RESETS_A_SECOND = 50,
    H2_GUARD_NOISE_MAX = 2000,
    H2_GUARD_NOISE_A_SECOND = 100,
    H2_GUARD_NOISE_A_FRAME = 4, // given back by one that brings bytes, either way
};

struct h2_guard {
    msec filled; // when the buckets were last filled
    int32_t resets;
    int32_t noise;
};

void h2_guard_init(struct h2_guard *g, msec now);
// False where it is more than a connection may have.
bool h2_guard_reset(struct h2_guard *g, msec now);
bool h2_guard_noise(struct h2_guard *g, msec now);
void h2_guard_useful(struct h2_guard *g);
