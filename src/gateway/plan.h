// plan: whom to ask next for one request.
//
// Of the targets, one that may be asked now is drawn by the model's balance; then the other
// targets, then the fallback in its order. Each is asked at most as often as the model's retries
// allow, and none that lacks what the request needs. Cells that are avoided come last of all. It
// chooses and takes the cell's place; sending is the exchange's. Belongs to its exchange.
#pragma once

#include "base/random.h"
#include "gateway/gateway_view.h"
#include "provider/openai_needs.h"

struct plan {
    const struct gateway_model *model;
    str name;       // that the client asked for, for targets without a name of their own
    uint64_t asked; // targets, a bit each
    uint32_t asked_fallback;
    const struct dialect *only; // whom a target must speak; NULL: any
    bool counts;                // a target must be one that counts tokens
    bool embeds;                // and one that makes vectors
    bool is_narrowed;           // `needs` are known
    struct openai_needs needs;
};

// One way, with a place in its cell.
struct plan_choice {
    const struct gateway_target *target;
    struct cell *cell;
    size_t key;
    bool is_probe;
    bool is_fallback;
    bool is_foreign; // the key is the caller's own
};

enum plan_answer {
    PLAN_GO,     // `*choice` is taken
    PLAN_LATER,  // nobody now; `*ready` says when to ask again, TIME_NEVER: when a place is given
    PLAN_OPEN,   // nobody: every breaker that is left is open, the first until `*ready`
    PLAN_NOBODY, // nobody is left
};

struct plan_asker {
    struct cells *cells;
    struct random *random;
    msec now;
};

void plan_init(struct plan *p, const struct gateway_model *model, str name);

// Somebody who was not asked yet.
enum plan_answer plan_next(struct plan *p, const struct plan_asker *a, struct plan_choice *choice,
                           msec *ready);

// The target of `*choice` once more, by whichever of its keys is ready.
enum plan_answer plan_again(struct plan *p, const struct plan_asker *a, struct plan_choice *choice,
                            msec *ready);

// Whether the target of `choice` can be asked at once with another key: a limit or a refusal is the
// key's.
bool plan_has_other_key(const struct plan *p, const struct plan_asker *a,
                        const struct plan_choice *choice);

// Makes those that were asked available again: for the recovery of a stream.
void plan_reopen(struct plan *p);

// Whether there is anybody who was not asked yet and can serve the request, ready or not.
bool plan_has_more(const struct plan *p);
