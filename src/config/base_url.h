// base_url: where a provider's API begins, taken apart.
//
// An absolute http or https URL (RFC 3986) of scheme, host, port and path; user information, query
// and fragment have no meaning there and are refused. Pure.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "config/settings.h"

// The parts live in the arena. On ERR_SYNTAX `*why` says what is wrong, as a static phrase.
err base_url_parse(str text, struct arena *arena, struct settings_url *out, const char **why);
