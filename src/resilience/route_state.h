// route_state: whether a route is idle, at work, or failed, as people see it.
//
// A route is one (provider, model, key). Its breaker decides; this machine only tells where the
// route stands, and how many of its requests are under way.
//
//                  REQUEST                        TRIP
//        .--------------------->.------------.-------------->.----------.
//      IDLE                      PROCESSING                    FAILED
//        '<---------------------'------------'<--------------'----------'
//           ANSWER, none left        RECOVER, something under way
//
//      IDLE -- TRIP --> FAILED: another worker tells.   FAILED -- RECOVER, none left --> IDLE
//      FAILED keeps FAILED on REQUEST (a probe) and ANSWER (of what was still under way).
//
// Total: every event is allowed in every state, for news of other workers come at any time.
// Belongs to one loop.
#pragma once

#include <stdint.h>

enum route_step { ROUTE_IDLE, ROUTE_PROCESSING, ROUTE_FAILED, ROUTE_STEP_COUNT };

enum route_event {
    ROUTE_REQUEST, // one more is under way
    ROUTE_ANSWER,  // one has ended, well or ill; each REQUEST has exactly one, also if it trips
    ROUTE_TRIP,    // its breaker has opened, here or elsewhere; counts no request
    ROUTE_RECOVER, // probe and ramp have passed
    ROUTE_EVENT_COUNT,
};

// A zeroed one is idle.
struct route_state {
    enum route_step step;
    uint32_t in_flight;
};

// Moves, and returns where it is now. An ANSWER without a REQUEST counts nothing.
enum route_step route_state_apply(struct route_state *s, enum route_event event);

// "idle", "processing", "failed", for display. Never NULL.
const char *route_state_name(enum route_step step);
