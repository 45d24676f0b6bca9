#include "gateway/cell.h"

#include "base/random.h"

#include "support/test.h"

enum { START = 1'000'000, MINUTE = 60'000 };

static struct cell_options usual(void)
{
    return (struct cell_options){.breaker = BREAKER_DEFAULTS,
                                 .gradient = {.initial = 8, .min = 1, .max = 8},
                                 .retry_ratio = 0.2};
}

static void start(struct cell *c)
{
    const struct cell_options o = usual();

    cell_init(c, &o, START);
}

// A call from its beginning to its end, at one instant.
static enum cell_answer call_once(struct cell *c, msec now, enum failure f)
{
    enum cell_answer answer = cell_take(c, now, 0);
    struct cell_outcome o = {.failure = f,
                             .first_ms = f ? -1 : 100,
                             .gap_ms = -1,
                             .wait_ms = -1,
                             .has_place = true,
                             .is_probe = answer == CELL_PROBE};

    if (answer == CELL_TAKEN || answer == CELL_PROBE) cell_end(c, now, &o);
    return answer;
}

// Errors until the breaker opens; returns when that was.
static msec trip(struct cell *c, msec now)
{
    for (int i = 0; i < 100 && c->breaker.step != BREAKER_OPEN; i++) {
        now += 10;
        CHECK_EQ(call_once(c, now, FAILURE_SERVER), CELL_TAKEN);
    }
    CHECK_EQ(c->breaker.step, BREAKER_OPEN);
    return now;
}

static void end_limited(struct cell *c, msec now, msec wait_ms, bool is_foreign)
{
    const struct cell_outcome o = {.failure = FAILURE_LIMITED,
                                   .first_ms = -1,
                                   .gap_ms = -1,
                                   .wait_ms = wait_ms,
                                   .has_place = true,
                                   .is_foreign = is_foreign};

    CHECK_EQ(cell_take(c, now, 0), CELL_TAKEN);
    cell_end(c, now, &o);
}

TEST(cell_waits_as_long_as_a_429_says)
{
    struct cell c;

    start(&c);
    end_limited(&c, START, 1234, false);
    CHECK_EQ(cell_ready(&c, START), START + 1234);
    CHECK(!cell_admits(&c, START + 1233));
    CHECK_EQ(cell_take(&c, START + 1233, 0), CELL_WAITS);
    CHECK(cell_admits(&c, START + 1234));
    CHECK_EQ(cell_take(&c, START + 1234, 0), CELL_TAKEN);
    CHECK_EQ(c.failures, 0); // its health is untouched
    CHECK_EQ(breaker_figures(&c.breaker).samples, 0);
    // A day at most.
    start(&c);
    end_limited(&c, START, TIME_NEVER / 2, false);
    CHECK_EQ(cell_ready(&c, START), START + (msec)24 * 3600 * 1000);
    // Of two the later time rules.
    start(&c);
    CHECK_EQ(cell_take(&c, START, 0), CELL_TAKEN);
    end_limited(&c, START, 5000, false);
    cell_end(&c, START, &(struct cell_outcome){.failure = FAILURE_LIMITED, .wait_ms = 10});
    CHECK_EQ(cell_ready(&c, START), START + 5000);
}

TEST(cell_waits_longer_after_each_429_without_a_time)
{
    static const msec waits[] = {250, 500, 1000, 2000, 4000, 8000, 8000, 8000};
    struct cell c;
    msec now = START;

    start(&c);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        end_limited(&c, now, -1, false);
        CHECK_EQ(cell_ready(&c, now) - now, waits[i]);
        now = cell_ready(&c, now);
    }
    // An answer ends the row, and so does a first token.
    CHECK_EQ(call_once(&c, now, FAILURE_NONE), CELL_TAKEN);
    end_limited(&c, now, -1, false);
    CHECK_EQ(cell_ready(&c, now) - now, 250);
    now = cell_ready(&c, now);
    CHECK_EQ(cell_take(&c, now, 0), CELL_TAKEN);
    cell_first(&c, now, 10);
    cell_end(&c, now, &(struct cell_outcome){.failure = FAILURE_LIMITED, .wait_ms = -1});
    CHECK_EQ(cell_ready(&c, now) - now, 250);
}

TEST(cell_learns_nothing_from_the_limits_and_refusals_of_a_callers_key)
{
    struct cell c;
    struct cell_outcome o = {.failure = FAILURE_DENIED, .has_place = true, .is_foreign = true};

    start(&c);
    end_limited(&c, START, 60'000, true);
    CHECK(cell_admits(&c, START));
    CHECK_EQ(cell_ready(&c, START), START);
    CHECK_EQ(cell_take(&c, START, 0), CELL_TAKEN);
    cell_end(&c, START, &o);
    CHECK(!cell_is_avoided(&c, START));
    // But an error of the server is one whoever asked.
    CHECK_EQ(cell_take(&c, START, 0), CELL_TAKEN);
    o.failure = FAILURE_SERVER;
    cell_end(&c, START, &o);
    CHECK_EQ(c.failures, 1);
}

TEST(cell_is_avoided_for_ten_minutes_after_a_refusal)
{
    static const enum failure refusals[] = {FAILURE_DENIED, FAILURE_QUOTA, FAILURE_ABSENT};

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct cell c;
        start(&c);
        CHECK_EQ(call_once(&c, START, refusals[i]), CELL_TAKEN);
        CHECK(cell_is_avoided(&c, START));
        CHECK(cell_is_avoided(&c, START + 10 * MINUTE - 1));
        CHECK(!cell_is_avoided(&c, START + 10 * MINUTE));
        CHECK(cell_admits(&c, START)); // for those who have nobody else
        CHECK_EQ(c.failures, 0);
        // A success says that it is over, and a first token as well.
        CHECK_EQ(call_once(&c, START, FAILURE_NONE), CELL_TAKEN);
        CHECK(!cell_is_avoided(&c, START));
        CHECK_EQ(call_once(&c, START, refusals[i]), CELL_TAKEN);
        CHECK_EQ(cell_take(&c, START, 0), CELL_TAKEN);
        cell_first(&c, START, 10);
        CHECK(!cell_is_avoided(&c, START));
    }
    struct cell c;
    start(&c);
    CHECK_EQ(call_once(&c, START, FAILURE_CLIENT), CELL_TAKEN);
    CHECK_EQ(call_once(&c, START, FAILURE_SERVER), CELL_TAKEN);
    CHECK(!cell_is_avoided(&c, START));
}

TEST(cell_opens_after_errors_and_tells_it_once)
{
    struct cell c;

    start(&c);
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(call_once(&c, START + i, FAILURE_CLIENT), CELL_TAKEN);
    }
    CHECK_EQ(c.state.step, ROUTE_IDLE); // the clients' own mistakes
    CHECK(!c.has_news);
    msec now = trip(&c, START + 100);
    CHECK(c.has_news);
    CHECK_EQ(c.news, CELL_NEWS_OPEN);
    CHECK_EQ(c.state.step, ROUTE_FAILED);
    c.has_news = false;
    for (msec i = 0; i < 5000; i += 100) {
        CHECK_EQ(call_once(&c, now + i, FAILURE_SERVER), CELL_OPEN);
        CHECK(!cell_admits(&c, now + i));
    }
    CHECK(!c.has_news);
    CHECK_EQ(cell_ready(&c, now), breaker_reopens(&c.breaker));
    CHECK(cell_ready(&c, now) > now);
    CHECK_EQ(c.state.in_flight, 0);
}

TEST(cell_closes_after_a_good_probe_and_tells_it_once)
{
    struct cell c;

    start(&c);
    msec now = trip(&c, START);
    now = cell_ready(&c, now);
    CHECK_EQ(cell_take(&c, now - 1, 0), CELL_OPEN);
    c.has_news = false;
    CHECK_EQ(call_once(&c, now, FAILURE_SERVER), CELL_PROBE); // a bad one
    CHECK(c.has_news);
    CHECK_EQ(c.news, CELL_NEWS_OPEN);
    now = cell_ready(&c, now);
    c.has_news = false;
    CHECK_EQ(call_once(&c, now, FAILURE_NONE), CELL_PROBE);
    CHECK(c.has_news);
    CHECK_EQ(c.news, CELL_NEWS_CLOSED);
    CHECK_EQ(c.state.step, ROUTE_FAILED); // until the ramp is over
    c.has_news = false;
    now += c.breaker.options.ramp_ms;
    CHECK_EQ(call_once(&c, now, FAILURE_NONE), CELL_TAKEN);
    CHECK_EQ(c.state.step, ROUTE_IDLE);
    CHECK(!c.has_news);
}

TEST(cell_does_not_tell_on_what_it_was_told)
{
    struct cell c;

    start(&c);
    cell_tell(&c, START, (struct cell_news){.kind = CELL_NEWS_OPEN, .span_ms = 10'000});
    CHECK(!c.has_news);
    CHECK_EQ(c.state.step, ROUTE_FAILED);
    CHECK_EQ(cell_take(&c, START, 0), CELL_OPEN);
    CHECK(cell_ready(&c, START) > START + 9000 - 1);
    CHECK(cell_ready(&c, START) <= START + 10'000);
    cell_tell(&c, START + 10, (struct cell_news){.kind = CELL_NEWS_CLOSED});
    CHECK(!c.has_news);
    CHECK_EQ(cell_take(&c, START + 10, 0), CELL_TAKEN);
    // What it has to tell of its own is not lost by it.
    start(&c);
    msec now = trip(&c, START);
    cell_tell(&c, now, (struct cell_news){.kind = CELL_NEWS_OPEN, .span_ms = 10'000});
    CHECK(c.has_news);
}

TEST(cell_abandons_a_probe_that_its_client_left)
{
    static const enum failure unclear[] = {FAILURE_CANCELED, FAILURE_LIMITED};

    for (size_t i = 0; i < sizeof(unclear) / sizeof(unclear[0]); i++) {
        struct cell c;
        start(&c);
        msec now = cell_ready(&c, trip(&c, START));
        CHECK_EQ(cell_take(&c, now, 0), CELL_PROBE);
        CHECK_EQ(cell_take(&c, now, 0), CELL_OPEN); // one at a time
        CHECK(!cell_admits(&c, now));
        cell_end(&c, now,
                 &(struct cell_outcome){
                     .failure = unclear[i], .wait_ms = 10, .has_place = true, .is_probe = true});
        CHECK_EQ(c.breaker.step, BREAKER_HALF_OPEN);
        CHECK_EQ(cell_take(&c, now + 10, 0), CELL_PROBE);
        CHECK_EQ(c.state.in_flight, 1);
    }
}

TEST(cell_takes_a_probe_that_a_client_error_answered_for_a_good_one)
{
    static const enum failure answers[] = {FAILURE_CLIENT, FAILURE_CONTEXT, FAILURE_FILTER,
                                           FAILURE_DENIED, FAILURE_PREFILL};

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct cell c;
        start(&c);
        msec now = cell_ready(&c, trip(&c, START));
        c.has_news = false;
        CHECK_EQ(call_once(&c, now, answers[i]), CELL_PROBE);
        CHECK_EQ(c.breaker.step, BREAKER_RAMP);
        CHECK(c.has_news);
        CHECK_EQ(c.news, CELL_NEWS_CLOSED);
    }
}

TEST(cell_that_probes_is_worth_asking_again_only_when_that_has_ended)
{
    struct cell c;

    start(&c);
    msec now = cell_ready(&c, trip(&c, START));
    CHECK_EQ(cell_take(&c, now, 0), CELL_PROBE);
    CHECK(!cell_admits(&c, now));
    CHECK_EQ(cell_ready(&c, now), TIME_NEVER);
    CHECK_EQ(cell_ready(&c, now + 5000), TIME_NEVER);
}

TEST(cell_whose_breaker_was_turned_off_is_not_failed_any_more)
{
    struct cell_options o = usual();
    struct cell c;

    start(&c);
    msec now = trip(&c, START);
    CHECK_EQ(c.state.step, ROUTE_FAILED);
    o.breaker.trip_after = 0;
    cell_configure(&c, &o, now);
    CHECK_EQ(call_once(&c, now, FAILURE_NONE), CELL_TAKEN);
    CHECK_EQ(c.state.step, ROUTE_IDLE);
}

TEST(cell_gives_each_place_once)
{
    struct cell_options o = usual();
    struct cell c;

    o.gradient = (struct gradient_options){.initial = 2, .min = 2, .max = 2};
    cell_init(&c, &o, START);
    CHECK_EQ(cell_take(&c, START, 0), CELL_TAKEN);
    CHECK_EQ(cell_take(&c, START, 0), CELL_TAKEN);
    CHECK_EQ(cell_take(&c, START, 0), CELL_FULL);
    CHECK_EQ(cell_ready(&c, START), TIME_NEVER);
    CHECK_EQ(limiter_in_use(&c.gradient.limiter), 2);
    CHECK_EQ(c.state.in_flight, 2);
    CHECK_EQ(c.calls, 2);
    // The first token gives the place back, the end of the call only the call.
    cell_first(&c, START, 100);
    CHECK_EQ(limiter_in_use(&c.gradient.limiter), 1);
    CHECK_EQ(c.state.in_flight, 2);
    CHECK_EQ(cell_ready(&c, START), START);
    cell_end(&c, START, &(struct cell_outcome){.first_ms = 100, .gap_ms = 1});
    CHECK_EQ(limiter_in_use(&c.gradient.limiter), 1);
    CHECK_EQ(c.state.in_flight, 1);
    // An end before it gives both.
    cell_end(&c, START, &(struct cell_outcome){.failure = FAILURE_SERVER, .has_place = true});
    CHECK_EQ(limiter_in_use(&c.gradient.limiter), 0);
    CHECK_EQ(c.state.in_flight, 0);
    CHECK_EQ(c.state.step, ROUTE_IDLE);
}

TEST(cell_waits_for_the_rate_of_its_key)
{
    struct cell_options o = usual();
    struct cell c;

    o.per_minute = 60;
    o.burst = 2;
    cell_init(&c, &o, START);
    CHECK_EQ(call_once(&c, START, FAILURE_NONE), CELL_TAKEN);
    CHECK_EQ(call_once(&c, START, FAILURE_NONE), CELL_TAKEN);
    CHECK_EQ(call_once(&c, START, FAILURE_NONE), CELL_WAITS);
    CHECK_EQ(cell_ready(&c, START), START + 1000);
    CHECK(!cell_admits(&c, START + 999));
    CHECK_EQ(call_once(&c, START + 1000, FAILURE_NONE), CELL_TAKEN);
    CHECK_EQ(c.calls, 3); // a refusal takes nothing
}

static void note_first(struct cell *c, msec now, msec first_ms)
{
    CHECK_EQ(cell_take(c, now, 0), CELL_TAKEN);
    cell_first(c, now, first_ms);
    cell_end(c, now, &(struct cell_outcome){.first_ms = first_ms, .gap_ms = -1});
}

TEST(cell_knows_the_fastest_first_token_of_this_span_and_the_last)
{
    struct cell c;

    start(&c);
    CHECK_EQ(cell_fastest(&c, START), 0);
    note_first(&c, START, 300);
    CHECK_EQ(cell_fastest(&c, START), 300);
    note_first(&c, START + 1, 200);
    note_first(&c, START + 2, 400);
    CHECK_EQ(cell_fastest(&c, START + 2), 200);
    note_first(&c, START + MINUTE, 500); // the next span
    CHECK_EQ(cell_fastest(&c, START + MINUTE), 200);
    note_first(&c, START + 2 * MINUTE, 600); // and the one after
    CHECK_EQ(cell_fastest(&c, START + 2 * MINUTE), 500);
    // A pause that is longer leaves nothing of before.
    note_first(&c, START + 5 * MINUTE, 700);
    CHECK_EQ(cell_fastest(&c, START + 5 * MINUTE), 700);
    // A call that brought no token says nothing.
    CHECK_EQ(call_once(&c, START + 5 * MINUTE, FAILURE_SERVER), CELL_TAKEN);
    CHECK_EQ(cell_fastest(&c, START + 5 * MINUTE), 700);
    CHECK_EQ(cell_fastest(&c, START + 8 * MINUTE), 0); // it is forgotten without calls, too
}

// A way whose calls go on for a while, as drawn: what may happen to it next.
struct walk {
    struct random random;
    struct cell cell;
    msec now;
    bool has_place[16];
    bool is_probe[16];
    size_t open;
};

static void end_one(struct walk *w)
{
    size_t i = (size_t)random_below(&w->random, w->open);
    struct cell_outcome o = {.failure = (enum failure)random_below(&w->random, FAILURES),
                             .first_ms = (msec)random_below(&w->random, 300),
                             .gap_ms = -1,
                             .wait_ms = (msec)random_below(&w->random, 400) - 100,
                             .has_place = w->has_place[i],
                             .is_probe = w->is_probe[i]};

    if (random_below(&w->random, 2)) o.failure = FAILURE_NONE;
    cell_end(&w->cell, w->now, &o);
    w->open--;
    w->has_place[i] = w->has_place[w->open];
    w->is_probe[i] = w->is_probe[w->open];
}

static void begin_one(struct walk *w)
{
    struct cell *c = &w->cell;
    bool admits = cell_admits(c, w->now);
    msec ready = cell_ready(c, w->now);
    bool is_ramping = c->breaker.step == BREAKER_RAMP;
    int64_t calls = c->calls;
    enum cell_answer answer = cell_take(c, w->now, random_unit(&w->random));
    bool is_taken = answer == CELL_TAKEN || answer == CELL_PROBE;

    CHECK_EQ(admits, ready <= w->now);
    // A look that was due, or the ramp's draw, may refuse what seemed free.
    if (!is_taken && admits) CHECK(answer == CELL_OPEN);
    if (is_taken) CHECK(admits);
    if (is_taken && is_ramping) CHECK_EQ(answer, CELL_TAKEN);
    CHECK_EQ(c->calls - calls, is_taken);
    if (!is_taken) return;
    w->has_place[w->open] = true;
    w->is_probe[w->open] = answer == CELL_PROBE;
    w->open++;
}

TEST(cell_takes_what_it_admits_and_when_it_says)
{
    struct cell_options o = usual();
    struct walk w = {.now = START};

    o.breaker.open_min_ms = 500;
    o.breaker.open_max_ms = 2000;
    o.breaker.ramp_ms = 300;
    o.per_minute = 6000;
    o.burst = 3;
    random_init(&w.random, test_seed());
    cell_init(&w.cell, &o, START);
    for (int i = 0; i < 100'000; i++) {
        size_t places = 0;
        uint64_t draw = random_below(&w.random, 4);
        if (draw == 0) w.now += (msec)random_below(&w.random, 50);
        if (draw == 1 && w.open) end_one(&w);
        if (draw == 2 && w.open && w.has_place[0]) {
            cell_first(&w.cell, w.now, (msec)random_below(&w.random, 300));
            w.has_place[0] = false;
        }
        if (draw == 3 && w.open < 16) begin_one(&w);
        for (size_t k = 0; k < w.open; k++) {
            places += w.has_place[k];
        }
        CHECK_EQ(limiter_in_use(&w.cell.gradient.limiter), places);
        CHECK_EQ(w.cell.state.in_flight, w.open);
        CHECK(places <= 8);
    }
    CHECK(breaker_figures(&w.cell.breaker).trips > 0); // it has seen all of it
    CHECK(w.cell.calls > 1000);
}

TEST(cell_publishes_what_it_has_become)
{
    struct route_board *board = route_board_new(4, 2);
    struct cell c;

    start(&c);
    cell_publish(&c, 0); // nowhere to
    c.entry = route_board_find(board, STR("p"), STR("m"), STR("k"));
    CHECK_EQ(call_once(&c, START, FAILURE_DENIED), CELL_TAKEN);
    end_limited(&c, START, 70, false);
    CHECK_EQ(cell_take(&c, START + 70, 0), CELL_TAKEN);
    cell_publish(&c, 1);
    const struct route_figures *f = &c.entry->figures[1];
    CHECK_EQ(f->step, ROUTE_PROCESSING);
    CHECK_EQ(f->breaker, BREAKER_CLOSED);
    CHECK_EQ(f->in_flight, 1);
    CHECK_EQ(f->limit, 8);
    CHECK_EQ(f->calls, 3);
    CHECK_EQ(f->failures, 0);
    CHECK_EQ(f->wait_until_ms, START + 70);
    CHECK_EQ(f->stuck_until_ms, START + 10 * MINUTE);
    CHECK_EQ(f->first_p95_ms, -1);
    CHECK_EQ(c.entry->figures[0].calls, 0);
    route_board_free(board);
}

TEST(cell_judges_a_long_call_before_its_end_and_counts_it_once)
{
    const struct cell_outcome fine = {.first_ms = 100, .gap_ms = 10, .has_place = true};
    struct cell c;

    start(&c);
    CHECK_EQ(cell_take(&c, START, 0), CELL_TAKEN);
    cell_judge(&c, START, &fine);
    CHECK_EQ(breaker_figures(&c.breaker).samples, 1);
    struct cell_outcome end = fine;
    end.is_judged = true;
    cell_end(&c, START, &end);
    CHECK_EQ(breaker_figures(&c.breaker).samples, 1);
    CHECK_EQ(c.failures, 0);
    // One that breaks after all counts for that.
    CHECK_EQ(cell_take(&c, START, 0), CELL_TAKEN);
    cell_judge(&c, START, &fine);
    end.failure = FAILURE_CUT;
    cell_end(&c, START, &end);
    CHECK_EQ(breaker_figures(&c.breaker).samples, 3);
    CHECK_EQ(c.failures, 1);
}
