#include "resilience/token_bucket.h"

#include "base/list.h"

// Who looks once a millisecond may be so late without losing by it.
enum { MINUTE_US = 60'000'000, LATE_US = 1000 };

static const struct token_bucket *of(const struct limiter *l)
{
    return container_of((uintptr_t)l, struct token_bucket, limiter); // read only
}

static usec interval_us(const struct token_bucket *b)
{
    return MINUTE_US / (usec)b->per_minute;
}

// The instant at which there is a token.
static usec ready_us(const struct token_bucket *b)
{
    usec slack = interval_us(b) * ((usec)b->burst - 1);

    return b->next_us - slack;
}

static msec ready(const struct limiter *l, msec now)
{
    const struct token_bucket *b = of(l);

    if (!b->per_minute || ready_us(b) <= now * 1000) return now;
    return (ready_us(b) + 999) / 1000;
}

static bool take(struct limiter *l, msec now)
{
    struct token_bucket *b = container_of(l, struct token_bucket, limiter);

    if (ready(l, now) > now) return false;
    if (!b->per_minute) return true;
    if (b->next_us < now * 1000 - LATE_US) b->next_us = now * 1000;
    b->next_us += interval_us(b);
    return true;
}

static void give(struct limiter *l, msec now, const struct limiter_sample *s)
{
    (void)l;
    (void)now;
    (void)s;
}

static uint32_t limit(const struct limiter *l)
{
    return of(l)->per_minute;
}

static const struct limiter_rules rules = {
    .take = take, .give = give, .ready = ready, .limit = limit};

void token_bucket_configure(struct token_bucket *b, uint32_t per_minute, uint32_t burst)
{
    b->per_minute = per_minute;
    b->burst = burst ? burst : 1;
}

void token_bucket_init(struct token_bucket *b, uint32_t per_minute, uint32_t burst, msec now)
{
    *b = (struct token_bucket){.limiter = {.rules = &rules}, .next_us = now * 1000};
    token_bucket_configure(b, per_minute, burst);
}
