// h2_upgrade: the request of HTTP/1.1 that asks to go on with HTTP/2 (RFC 7540 section 3.2, which
// clients still use).
//
// Pure: no I/O, no clock, no allocation.
#pragma once

#include "codec/h1.h"

enum { H2_UPGRADE_SETTINGS_MAX = 192 }; // 32 settings

// Whether `head` asks for it and may have it: no body, one HTTP2-Settings, and Connection names
// what it must. OK: its settings, decoded, are the `*len` bytes at `out`, of
// H2_UPGRADE_SETTINGS_MAX. ERR_ABSENT where it does not ask, ERR_SYNTAX where it asks in a way that
// is to be overlooked.
err h2_upgrade_settings(const struct h1_head *head, char *out, size_t *len);
