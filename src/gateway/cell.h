// cell: the health of one way to an answer: a model of a provider, asked with one key.
//
// Vocabulary: a *place* is what a call holds until its first token: the adaptive limit counts
// places. A cell *waits* after a 429, is *open* when its breaker has tripped, and is *avoided*
// after a refusal that time does not mend: a wrong key, an unpaid bill, a model that isn't there.
// What is avoided is still asked where nobody else is left, so that a client sees the refusal
// itself. It decides by what the machines of resilience say, and tells the board what it has
// become. Belongs to its gateway's loop.
#pragma once

#include "base/list.h"
#include "provider/failure.h"
#include "resilience/breaker.h"
#include "resilience/gradient.h"
#include "resilience/retry_budget.h"
#include "resilience/route_board.h"
#include "resilience/route_state.h"
#include "resilience/token_bucket.h"

struct cell_options {
    struct breaker_options breaker;
    struct gradient_options gradient;
    double retry_ratio;
    uint32_t retry_floor;
    uint32_t per_minute; // 0: no limit
    uint32_t burst;
};

// News for the other workers, by way of the board's mailboxes.
enum cell_news_kind { CELL_NEWS_OPEN = 1, CELL_NEWS_CLOSED = 2 };

struct cell_news {
    enum cell_news_kind kind;
    msec span_ms; // that it opened for
};

struct cell {
    struct route_entry *entry; // NULL: of what the board has no room for
    struct breaker breaker;
    struct gradient gradient;
    struct token_bucket rate;
    struct retry_budget budget;
    struct route_state state;
    msec wait_until;
    unsigned wait_streak; // of 429s without a time
    msec avoid_until;
    msec fastest_ms[2]; // to a first token: in this span of a minute, and in the one before
    msec fastest_until; // the end of this span
    int64_t calls;
    int64_t failures;
    int64_t retries;
    bool refuses_prefill;
    bool is_shared; // by all names that the board has no room for
    bool has_news;  // the breaker opened or closed; cells.c tells and clears
    enum cell_news_kind news;
};

void cell_init(struct cell *c, const struct cell_options *o, msec now);
// Other options from now on; what was learned stays.
void cell_configure(struct cell *c, const struct cell_options *o, msec now);

enum cell_answer {
    CELL_TAKEN, // a place is held
    CELL_PROBE, // the same, and the breaker goes by this call alone
    CELL_WAITS, // a 429's time, or the rate
    CELL_FULL,  // no place
    CELL_OPEN,
};

// Whether a call could start now, without effects.
bool cell_admits(const struct cell *c, msec now);
bool cell_is_avoided(const struct cell *c, msec now);
// Starts a call if that may be. `unit` is a random number in [0, 1).
enum cell_answer cell_take(struct cell *c, msec now, double unit);
// When it is worth to ask again; TIME_NEVER where only the end of a call changes that.
msec cell_ready(const struct cell *c, msec now);

// The first token came after `first_ms`, normalised: the place is free.
void cell_first(struct cell *c, msec now, msec first_ms);

struct cell_outcome {
    enum failure failure;
    msec first_ms;   // normalised time to the first token; -1: not known
    msec gap_ms;     // mean time between tokens; -1: not known
    msec wait_ms;    // what a 429 asked for; -1: nothing
    bool has_place;  // cell_first() was not called
    bool is_probe;   // cell_take() said so
    bool is_judged;  // cell_judge() was called
    bool is_foreign; // the key was the caller's own, whose limits and refusals are no news
};

// A call goes well so far, and long enough to be judged by: a stream need not end before its
// upstream's health is known.
void cell_judge(struct cell *c, msec now, const struct cell_outcome *o);

// A call that cell_take() started has ended.
void cell_end(struct cell *c, msec now, const struct cell_outcome *o);

// The shortest time to a first token of late, below which no attempt can end; 0: not known.
msec cell_fastest(const struct cell *c, msec now);

// What another worker's cell of the same way told.
void cell_tell(struct cell *c, msec now, struct cell_news news);

// Writes its figures where any thread may read them.
void cell_publish(struct cell *c, size_t worker);
