#include "resilience/route_state.h"

#include "base/random.h"

#include "support/test.h"

TEST(route_state_every_event_in_every_state_leads_where_it_should)
{
    static const struct {
        enum route_step from;
        uint32_t in_flight;
        enum route_event event;
        enum route_step to;
        uint32_t in_flight_then;
    } rows[] = {
        {ROUTE_IDLE, 0, ROUTE_REQUEST, ROUTE_PROCESSING, 1},
        {ROUTE_IDLE, 0, ROUTE_ANSWER, ROUTE_IDLE, 0},
        {ROUTE_IDLE, 0, ROUTE_TRIP, ROUTE_FAILED, 0},
        {ROUTE_IDLE, 0, ROUTE_RECOVER, ROUTE_IDLE, 0},
        {ROUTE_PROCESSING, 1, ROUTE_REQUEST, ROUTE_PROCESSING, 2},
        {ROUTE_PROCESSING, 1, ROUTE_ANSWER, ROUTE_IDLE, 0},
        {ROUTE_PROCESSING, 2, ROUTE_ANSWER, ROUTE_PROCESSING, 1},
        {ROUTE_PROCESSING, 2, ROUTE_TRIP, ROUTE_FAILED, 2},
        {ROUTE_PROCESSING, 2, ROUTE_RECOVER, ROUTE_PROCESSING, 2},
        {ROUTE_FAILED, 0, ROUTE_REQUEST, ROUTE_FAILED, 1},
        {ROUTE_FAILED, 0, ROUTE_ANSWER, ROUTE_FAILED, 0},
        {ROUTE_FAILED, 1, ROUTE_ANSWER, ROUTE_FAILED, 0},
        {ROUTE_FAILED, 2, ROUTE_TRIP, ROUTE_FAILED, 2},
        {ROUTE_FAILED, 0, ROUTE_RECOVER, ROUTE_IDLE, 0},
        {ROUTE_FAILED, 2, ROUTE_RECOVER, ROUTE_PROCESSING, 2},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct route_state s = {.step = rows[i].from, .in_flight = rows[i].in_flight};

        CHECK_EQ(route_state_apply(&s, rows[i].event), rows[i].to);
        CHECK_EQ(s.step, rows[i].to);
        CHECK_EQ(s.in_flight, rows[i].in_flight_then);
    }
}

TEST(route_state_request_that_trips_still_has_its_answer)
{
    struct route_state s = {0};

    (void)route_state_apply(&s, ROUTE_REQUEST);
    (void)route_state_apply(&s, ROUTE_TRIP);
    (void)route_state_apply(&s, ROUTE_ANSWER);
    CHECK_EQ(s.step, ROUTE_FAILED);
    CHECK_EQ(route_state_apply(&s, ROUTE_REQUEST), ROUTE_FAILED);
    CHECK_EQ(route_state_apply(&s, ROUTE_ANSWER), ROUTE_FAILED);
    CHECK_EQ(route_state_apply(&s, ROUTE_RECOVER), ROUTE_IDLE);
}

TEST(route_state_agrees_with_a_plain_count_over_random_events)
{
    struct random r;
    struct route_state s = {0};
    uint32_t count = 0;
    bool is_failed = false;

    random_init(&r, test_seed());
    for (int i = 0; i < 100'000; i++) {
        enum route_event event = (enum route_event)random_below(&r, ROUTE_EVENT_COUNT);

        count += event == ROUTE_REQUEST;
        count -= event == ROUTE_ANSWER && count > 0;
        is_failed = event == ROUTE_TRIP || (is_failed && event != ROUTE_RECOVER);
        CHECK_EQ(route_state_apply(&s, event), is_failed ? ROUTE_FAILED
                                               : count   ? ROUTE_PROCESSING
                                                         : ROUTE_IDLE);
        CHECK_EQ(s.in_flight, count);
    }
}

TEST(route_state_names_are_for_people)
{
    CHECK_STR(str_from_c(route_state_name(ROUTE_IDLE)), "idle");
    CHECK_STR(str_from_c(route_state_name(ROUTE_PROCESSING)), "processing");
    CHECK_STR(str_from_c(route_state_name(ROUTE_FAILED)), "failed");
}
