// Crosses threads: parallel_for() shares its rows among several.
#include "retrieval/vector/parallel.h"

#include "base/list.h"

#include "support/test.h"

#include <signal.h>
#include <stdatomic.h>

enum { ROWS = 1000 };

struct visit {
    struct parallel parallel;
    _Atomic unsigned seen[ROWS];
    _Atomic unsigned pieces;
    _Atomic unsigned thread_max;
    uint64_t fail_from; // rows from here on fail
};

static err visit_rows(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct visit *v = container_of(p, struct visit, parallel);

    v->pieces++;
    if (thread > v->thread_max) v->thread_max = thread;
    for (uint64_t i = first; i < end; i++) {
        v->seen[i]++;
    }
    if (first >= v->fail_from) return first == v->fail_from ? ERR_RANGE : ERR_LIMIT;
    return OK;
}

static err visit(struct visit *v, unsigned threads, uint64_t count, uint64_t grain)
{
    *v = (struct visit){.parallel = {visit_rows}, .fail_from = v->fail_from};
    return parallel_for(&v->parallel, threads, count, grain);
}

TEST(parallel_visits_every_row_once_whatever_the_threads)
{
    static const uint64_t counts[] = {1, 2, 99, ROWS};
    static const uint64_t grains[] = {1, 7, ROWS, 5 * ROWS};
    struct visit v = {.fail_from = UINT64_MAX};

    for (unsigned threads = 1; threads <= 5; threads++) {
        for (unsigned c = 0; c < 4; c++) {
            for (unsigned g = 0; g < 4; g++) {
                CHECK_EQ(visit(&v, threads, counts[c], grains[g]), OK);
                CHECK_EQ(v.pieces, (counts[c] + grains[g] - 1) / grains[g]);
                CHECK(v.thread_max < threads);
                for (uint64_t i = 0; i < ROWS; i++) {
                    CHECK_EQ(v.seen[i], i < counts[c]);
                }
            }
        }
    }
}

TEST(parallel_of_no_rows_calls_nobody)
{
    struct visit v = {.fail_from = UINT64_MAX};

    CHECK_EQ(visit(&v, 4, 0, 1), OK);
    CHECK_EQ(v.pieces, 0);
}

TEST(parallel_stops_at_a_failure_and_returns_the_first_ones_error)
{
    struct visit v = {.fail_from = 300};

    for (unsigned threads = 1; threads <= 4; threads++) {
        CHECK_EQ(visit(&v, threads, ROWS, 10), ERR_RANGE);
        CHECK(v.pieces <= 31 + 2 * threads || threads > 1);
        CHECK_EQ(v.seen[299], 1);
    }
    CHECK_EQ(visit(&v, 1, ROWS, 10), ERR_RANGE);
    CHECK_EQ(v.pieces, 31);
}

struct listening {
    struct parallel parallel;
    _Atomic unsigned deaf; // pieces on threads that a fault would kill
};

static err listen_to_signals(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct listening *l = container_of(p, struct listening, parallel);
    sigset_t blocked;

    (void)first;
    (void)end;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    l->deaf += sigismember(&blocked, SIGBUS) != 0;
    if (thread > 0 && !sigismember(&blocked, SIGTERM)) return ERR_RANGE;
    return OK;
}

// Rows may be those of a mapped file, and the signal that tells of a page that is gone must reach
// whoever reads it.
TEST(parallel_threads_hear_of_faults_and_of_no_other_signal)
{
    struct listening l = {.parallel = {listen_to_signals}};

    CHECK_EQ(parallel_for(&l.parallel, 4, 1000, 1), OK);
    CHECK_EQ(l.deaf, 0);
}
