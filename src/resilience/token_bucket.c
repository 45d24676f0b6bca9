#include "resilience/token_bucket.h"

#include "base/list.h"

#include <assert.h>

enum { TOKEN = 60'000 }; // of the level's units; as many milliseconds are in a minute

static struct token_bucket *bucket_of(struct limiter *l)
{
    return container_of(l, struct token_bucket, limiter);
}

static const struct token_bucket *const_bucket_of(const struct limiter *l)
{
    return (const struct token_bucket *)((const char *)l - offsetof(struct token_bucket, limiter));
}

static int64_t level_max(const struct token_bucket *b)
{
    return (int64_t)b->burst * TOKEN;
}

// What the level is at `now`. A clock that went back fills nothing.
static int64_t level_at(const struct token_bucket *b, msec now)
{
    int64_t added;
    int64_t level;

    if (now <= b->filled_at) return b->level;
    if (__builtin_mul_overflow(now - b->filled_at, (int64_t)b->per_minute, &added) ||
        __builtin_add_overflow(b->level, added, &level) || level > level_max(b)) {
        return level_max(b);
    }
    return level;
}

static bool take(struct limiter *l, msec now)
{
    struct token_bucket *b = bucket_of(l);

    if (b->per_minute > 0) {
        int64_t level = level_at(b, now);

        if (level < TOKEN) return false;
        b->level = level - TOKEN;
        if (now > b->filled_at) b->filled_at = now;
    }
    b->in_use++;
    return true;
}

static void give(struct limiter *l, msec now, const struct limiter_sample *sample)
{
    struct token_bucket *b = bucket_of(l);

    (void)now;
    (void)sample;
    assert(b->in_use > 0);
    b->in_use--;
}

static msec ready(const struct limiter *l, msec now)
{
    const struct token_bucket *b = const_bucket_of(l);
    msec at;

    if (b->per_minute == 0 || level_at(b, now) >= TOKEN) return now;
    msec wait = (TOKEN - b->level + b->per_minute - 1) / b->per_minute; // rounded up
    return __builtin_add_overflow(b->filled_at, wait, &at) ? TIME_NEVER : at;
}

static uint32_t limit(const struct limiter *l)
{
    const struct token_bucket *b = const_bucket_of(l);

    return b->per_minute > 0 ? b->burst : 0;
}

static uint32_t in_use(const struct limiter *l)
{
    return const_bucket_of(l)->in_use;
}

static const struct limiter_rules rules = {
    .take = take, .give = give, .ready = ready, .limit = limit, .in_use = in_use};

void token_bucket_init(struct token_bucket *b, uint32_t per_minute, uint32_t burst, msec now)
{
    *b = (struct token_bucket){.limiter.rules = &rules};
    token_bucket_configure(b, per_minute, burst, now);
}

void token_bucket_configure(struct token_bucket *b, uint32_t per_minute, uint32_t burst, msec now)
{
    bool had_limit = b->per_minute > 0;
    int64_t level = had_limit ? level_at(b, now) : INT64_MAX;

    if (!had_limit || now > b->filled_at) b->filled_at = now;
    b->per_minute = per_minute;
    b->burst = burst > 0 ? burst : 1;
    b->level = level < level_max(b) ? level : level_max(b);
}
