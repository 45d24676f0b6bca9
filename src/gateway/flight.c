#include "gateway/flight.h"

static const char *const names[FLIGHT_EVENTS] = {
    [FLIGHT_ROUTED] = "routed",     [FLIGHT_WAIT] = "wait",         [FLIGHT_SENT] = "sent",
    [FLIGHT_HEAD] = "head",         [FLIGHT_TOKEN] = "token",       [FLIGHT_FAILED] = "failed",
    [FLIGHT_REPLAY] = "replay",     [FLIGHT_CONTINUE] = "continue", [FLIGHT_SPLICED] = "spliced",
    [FLIGHT_DEADLINE] = "deadline", [FLIGHT_GONE] = "gone",
};

err flight_write(const struct flight *f, usec start, struct buf *out)
{
    uint32_t first = f->count > FLIGHT_MAX ? f->count - FLIGHT_MAX : 0;

    TRY(buf_append_char(out, '['));
    for (uint32_t i = first; i < f->count; i++) {
        const struct flight_entry *e = &f->entries[i % FLIGHT_MAX];
        TRY(buf_append_format(out, "%s[%.3f,\"%s\",%u]", i > first ? "," : "",
                              (double)(e->at - start) / 1000, names[e->event], e->value));
    }
    return buf_append_char(out, ']');
}
