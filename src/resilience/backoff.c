#include "resilience/backoff.h"

#include <assert.h>

static msec span_before(struct backoff_options options, unsigned n)
{
    msec span = options.base_ms;

    for (unsigned i = 1; i < n && span < options.max_ms; i++) {
        if (__builtin_add_overflow(span, span, &span)) return options.max_ms;
    }
    return span < options.max_ms ? span : options.max_ms;
}

msec backoff_wait(struct backoff_options options, unsigned n, double unit)
{
    assert(n >= 1 && options.base_ms > 0 && unit >= 0 && unit < 1);
    msec span = span_before(options, n);
    msec half = span / 2;

    return span - half + (msec)((double)half * unit);
}

msec backoff_with_wish(msec own_ms, msec wish_ms)
{
    return wish_ms > own_ms ? wish_ms : own_ms;
}
