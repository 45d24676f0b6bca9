// failure: what went wrong with an attempt at an upstream, and what may follow from it.
//
// One failure is one class, whoever noticed it: the upstream by its answer, or the gateway by
// waiting, reading or comparing. What a class allows is a set of rules, so that retry, failover
// and health are decided by flags and never by a status. A *target* is a model at an upstream; a
// *prefill* is an assistant message at the end of a request that the answer is to go on from.
// Pure; texts of a peer are read where they lie.
#pragma once

#include "base/str.h"

enum failure {
    FAILURE_NONE,
    FAILURE_CLIENT,         // the request is at fault: it would fail anywhere
    FAILURE_CONTEXT,        // too long for this model
    FAILURE_FILTER,         // refused for its content
    FAILURE_LIMITED,        // a rate limit
    FAILURE_QUOTA,          // the account has no credit left
    FAILURE_DENIED,         // the key is refused
    FAILURE_ABSENT,         // the upstream hasn't that model
    FAILURE_OVERLOADED,     // the upstream says that it is busy
    FAILURE_SERVER,         // the upstream failed
    FAILURE_UNREACHABLE,    // no connection, or none that lasted until a head
    FAILURE_SILENT,         // no first token in time
    FAILURE_CUT,            // the answer ended before its finish
    FAILURE_STALLED,        // the answer stopped arriving
    FAILURE_MALFORMED,      // the answer breaks its dialect
    FAILURE_UNEXPECTED,     // an answer of another kind, such as a page of HTML
    FAILURE_PREFILL,        // the upstream takes no prefill
    FAILURE_DIVERGED,       // a continuation doesn't go on from what was delivered
    FAILURE_UNTRANSLATABLE, // the upstream's dialect can't say what is asked
    FAILURE_CANCELED,       // nobody waits for it any more
    FAILURES,
};

enum {
    FAILURE_COUNTS = 1,     // against the health of the upstream
    FAILURE_RETRIES = 2,    // the same target may be asked again
    FAILURE_FAILS_OVER = 4, // another target may be asked
    FAILURE_WAITS = 8,      // the key rests for a while, and the upstream's health is untouched
    FAILURE_STICKS = 16,    // the target stays out for long
};

// The flags of a class.
unsigned failure_rules(enum failure f);

// What logs and metric labels call it: "rate_limited", "server_error", ...
str failure_name(enum failure f);

// The class of an answer by its status and, where that is one of OpenAI's shape or a relative of
// it, as Anthropic's is, its body. The body may be anything, cut or empty: then the status decides.
// FAILURE_NONE for a status of success, unless the body is nothing but an error.
enum failure failure_of_answer(unsigned status, str body);

// The class of a call of gRPC that ended with a code (google/rpc/code.proto) and a message.
enum failure failure_of_status(unsigned code, str message);

// The class of an event that a stream reported an error with; FAILURE_NONE for one that has none,
// FAILURE_SERVER for one that says nothing known, or can't be read.
enum failure failure_of_event(str data);
