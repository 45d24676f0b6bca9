// members: those members of a JSON object that somebody asks for, by their names.
//
// What is asked for is a table of names; each value is found under the index of its name. Others
// are *strangers*, of which the first few are kept, for a translation to tell of. Pure.
#pragma once

#include "codec/json.h"

enum { MEMBERS_STRANGERS_MAX = 16 };

struct members {
    const str *names;
    size_t count;
    struct json_value *values; // of a repeated key the last; JSON_NULL where there is none
    str strangers[MEMBERS_STRANGERS_MAX]; // keys as written, of values other than null
    size_t stranger_count;
};

#define MEMBERS(table, found)                                                                      \
    ((struct members){                                                                             \
        .names = (table), .count = sizeof(table) / sizeof(*(table)), .values = (found)})

// Which of `names` a raw key or string means; `count` for none.
size_t members_find(const str *names, size_t count, str raw);

// Reads the object that comes next; ERR_TYPE for anything else, which is then still to be read.
err members_read(struct json_reader *r, struct members *m);
// The same of a value that was passed whole.
err members_read_value(struct json_value v, struct members *m);
