// field_rules: which header fields pass between clients and upstreams, and which don't.
//
// One table for both ways: what concerns a single connection never passes (RFC 9110 section
// 7.6.1), nor what would name the wrong party or speak of bytes as they were before us.
#pragma once

#include "base/str.h"

#include <stdint.h>

enum field_rule {
    FIELD_NOT_UP = 1,     // never to an upstream
    FIELD_NOT_DOWN = 2,   // never to a client
    FIELD_CREDENTIAL = 4, // not to an upstream for which we have one of our own
    FIELD_ENCODING = 8,   // not to an upstream whose answer is to be read
    FIELD_REQUEST_ID = 16,
    FIELD_DEADLINE = 32, // goes up with what is left of it
    FIELD_CONTENT = 128, // of the body, which another dialect has otherwise
    FIELD_VENDOR = 64,   // not to an upstream of another vendor's dialect
};

// The rules for a field of that name, in any case, as bits; 0 where it passes both ways.
unsigned field_rules_of(str name);

// The names that have rules, for tests: each must be found.
size_t field_rules_count(void);
str field_rules_name(size_t row);
