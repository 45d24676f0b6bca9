// configuration: settings from where the command line says.
#pragma once

#include "base/buf.h"
#include "config/settings.h"

// Reads `path`, or takes the embedded defaults where it is empty. On failure the reasons are
// appended to `report`, a line each.
err configuration_load(str path, struct buf *report, struct settings **out);
