// settings_scalar: one value of a configuration, from its node to its place in a struct.
//
// The part of settings_read that knows types. What a finding shows of a value is its text in the
// file; of a secret, nothing. One thread, for as long as a reading takes.
#pragma once

#include "codec/yaml.h"
#include "config/settings.h"
#include "config/settings_table.h"

// A reading in progress.
struct settings_reader {
    struct settings *settings;
    const struct yaml_node *root;
    str folder;
    const char *const *environment;
    struct diag *diag;
};

// Stores what `n` says, or the default where it is NULL, for the field `f` of the struct `base`;
// or adds a finding.
void settings_scalar_read(struct settings_reader *r, const struct settings_field *f,
                          const struct yaml_node *n, char *base);

// Adds a finding about the value of a field: `what` follows its text.
void settings_scalar_refuse(struct settings_reader *r, const struct settings_field *f,
                            const struct yaml_node *n, const char *what);

// A text of the file as a finding may show it: clipped, without control bytes. As long as the diag.
str settings_scalar_shown(struct settings_reader *r, str raw);

// The hint for a name; empty for an empty one. As long as the diag.
str settings_scalar_did_you_mean(struct settings_reader *r, str name);
