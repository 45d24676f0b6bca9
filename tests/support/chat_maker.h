// chat_maker: random chats of the neutral model, for what must hold of all of them.
//
// The same seed makes the same chats. `can` says what the dialect under test has a place for; what
// is made is in the order that dialects have (reasoning, text, refusal, calls) and means something
// to a provider: system first, sides that alternate, a result behind each call. Texts are escaped
// or not, at random.
#pragma once

#include "base/random.h"
#include "provider/chat.h"

enum chat_maker_can {
    CHAT_MAKER_AUDIO = 1 << 0,
    CHAT_MAKER_REFUSALS = 1 << 1,
    CHAT_MAKER_REASONING = 1 << 2,  // of the assistant, without a signature
    CHAT_MAKER_SIGNATURES = 1 << 3, // with one
    CHAT_MAKER_NAMES = 1 << 4,      // of who speaks
    CHAT_MAKER_DEVELOPER = 1 << 5,  // also as the role of the first message
    CHAT_MAKER_CHOICES = 1 << 6,    // several
    CHAT_MAKER_PARALLEL = 1 << 7,   // calls in one message
    CHAT_MAKER_SAMPLING = 1 << 8,   // seeds, penalties, biases, log probabilities
    CHAT_MAKER_TOP_K = 1 << 9,
    CHAT_MAKER_FILE_IDS = 1 << 10,
    CHAT_MAKER_JSON_FORMAT = 1 << 11, // without a schema
    CHAT_MAKER_WORDS = 1 << 12,       // metadata, tiers, verbosity
    CHAT_MAKER_CACHE = 1 << 13,       // Anthropic's cache_control
};

struct chat_maker {
    struct random random;
    struct arena *arena; // of what is made
    unsigned can;
    unsigned calls; // made so far, as ids are of one conversation
};

void chat_maker_request(struct chat_maker *m, struct chat_request *out);
void chat_maker_answer(struct chat_maker *m, struct chat_answer *out);

enum { CHAT_MAKER_EVENTS_MAX = 256 };

// The events of an answer's stream; returns how many. Calls of one choice may be interleaved.
size_t chat_maker_events(struct chat_maker *m, struct chat_event out[CHAT_MAKER_EVENTS_MAX]);
