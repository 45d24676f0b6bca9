// expand: ${NAME} and ${NAME:-default} in a text, from an environment.
//
// As in a shell: the default stands in where the variable is unset or empty. "$${" stands for a
// literal "${"; any other "$" stands for itself. What comes in is not expanded again. Pure.
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { EXPAND_TEXT_MAX = 64 * 1024 };

// The value of a variable in a NULL-terminated array of "NAME=value". False if it is not set.
bool expand_lookup(const char *const *environment, str name, str *out);

// Expands `text` into the arena. ERR_ABSENT for a variable that is not set, named in `*missing`;
// ERR_SYNTAX for a malformed "${"; ERR_LIMIT past EXPAND_TEXT_MAX.
err expand(str text, const char *const *environment, struct arena *arena, str *out, str *missing);
