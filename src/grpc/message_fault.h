// message_fault: what is wrong with a message, and where in it.
//
// A conversion that fails notes why, and each caller on the way out adds the step it had taken, so
// that a message that is right pays nothing: "messages[2].parts: expected an array". Long paths
// lose their beginning. What stands in a text may come from a peer.
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { MESSAGE_FAULT_PATH_MAX = 160, MESSAGE_FAULT_REASON_MAX = 160 };

struct message_fault {
    size_t path_len; // the path stands at the end of its room
    char path[MESSAGE_FAULT_PATH_MAX];
    char reason[MESSAGE_FAULT_REASON_MAX];
};

void message_fault_init(struct message_fault *f);

// Notes the reason and returns `e`.
[[gnu::format(printf, 3, 4)]] err message_fault_set(struct message_fault *f, err e,
                                                    const char *format, ...);

// Return `e`; where it is an error they note that it is within a member, an element or a map's key.
err message_fault_in_member(struct message_fault *f, err e, str name);
err message_fault_in_element(struct message_fault *f, err e, size_t index);
err message_fault_in_key(struct message_fault *f, err e, str key);

// "path: reason"; the reason alone where the whole message is meant.
str message_fault_text(const struct message_fault *f, struct arena *arena);
