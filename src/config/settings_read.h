// settings_read: a YAML tree into settings, by the table.
//
// Goes on after a mistake, so that one run finds all of them. What a finding shows of a value is
// its text in the file: what the environment put there stays hidden, and so does any secret.
#pragma once

#include "codec/yaml.h"
#include "config/settings.h"

// What is read.
struct settings_source {
    const struct yaml_node *root;
    str folder; // that relative paths count from; empty: where the process was started
    const char *const *environment;
};

// Fills the zeroed `s`, whose arena is ready. What is absent gets its default. Anything wrong is
// a finding; the settings are then of no use.
void settings_read(struct settings *s, const struct settings_source *from, struct diag *d);
