#include "resilience/route_state.h"

#include <assert.h>

// Where an event leads; BY_COUNT is PROCESSING where something is under way, else IDLE.
enum { BY_COUNT = ROUTE_STEP_COUNT };

static const uint8_t moves[ROUTE_STEP_COUNT][ROUTE_EVENT_COUNT] = {
    [ROUTE_IDLE] =
        {
            [ROUTE_REQUEST] = ROUTE_PROCESSING,
            [ROUTE_ANSWER] = BY_COUNT,
            [ROUTE_TRIP] = ROUTE_FAILED,
            [ROUTE_RECOVER] = BY_COUNT,
        },
    [ROUTE_PROCESSING] =
        {
            [ROUTE_REQUEST] = ROUTE_PROCESSING,
            [ROUTE_ANSWER] = BY_COUNT,
            [ROUTE_TRIP] = ROUTE_FAILED,
            [ROUTE_RECOVER] = BY_COUNT,
        },
    [ROUTE_FAILED] =
        {
            [ROUTE_REQUEST] = ROUTE_FAILED,
            [ROUTE_ANSWER] = ROUTE_FAILED,
            [ROUTE_TRIP] = ROUTE_FAILED,
            [ROUTE_RECOVER] = BY_COUNT,
        },
};

static const char *const names[ROUTE_STEP_COUNT] = {"idle", "processing", "failed"};

enum route_step route_state_apply(struct route_state *s, enum route_event event)
{
    assert(event < ROUTE_EVENT_COUNT);
    if (event == ROUTE_REQUEST && s->in_flight < UINT32_MAX) s->in_flight++;
    if (event == ROUTE_ANSWER && s->in_flight > 0) s->in_flight--;

    unsigned to = moves[s->step][event];
    if (to == BY_COUNT) to = s->in_flight > 0 ? ROUTE_PROCESSING : ROUTE_IDLE;
    s->step = (enum route_step)to;
    return s->step;
}

const char *route_state_name(enum route_step step)
{
    assert(step < ROUTE_STEP_COUNT);
    return names[step];
}
