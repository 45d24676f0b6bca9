// json_whole: whether a JSON object that comes in pieces is whole.
//
// It only counts brackets outside of strings: enough to know where the arguments of a call end, for
// a text that is JSON. Pure.
#pragma once

#include "base/str.h"

struct json_whole {
    uint64_t depth;
    bool is_in_string;
    bool is_escaped;
    bool is_whole;
    bool is_other; // it doesn't begin as an object: it never is
};

void json_whole_take(struct json_whole *j, str piece);
