// settings_print: the settings in force, as YAML.
//
// Defaults included. Secrets read "***"; but for them the text parses to the same settings again.
#pragma once

#include "config/settings.h"

// ERR_LIMIT where `out` is full.
err settings_print(const struct settings *s, struct buf *out);
