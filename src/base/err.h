// err: how every fallible function reports failure.
//
// An err names the kind of failure and nothing else; whoever handles it adds the circumstances to
// the log, once. OK is zero, so `if (e)` reads "if it failed". The compiler rejects a call whose
// err is ignored; write `(void)f();` where ignoring it is right, and say why.
#pragma once

#define MUST_USE [[nodiscard]]

typedef enum MUST_USE err {
    OK = 0,
#define ERR(name, text) ERR_##name,
#include "base/err.def"
#undef ERR
} err;

// The symbol, such as "ERR_TIMEOUT", for logs and metric labels. Never NULL.
const char *err_name(err e);

// One lower-case phrase for people. Never NULL.
const char *err_text(err e);

// The err that stands for an errno value; ERR_SYSTEM where none fits better.
err err_from_errno(int number);

// Returns from the enclosing function if `call` failed. The only macro with control flow.
#define TRY(call)                                                                                  \
    do {                                                                                           \
        err try_err = (call);                                                                      \
        if (try_err) return try_err;                                                               \
    } while (0)
