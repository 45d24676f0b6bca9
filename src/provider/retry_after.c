#include "provider/retry_after.h"

#include <string.h>
#include <time.h>

enum { DAY_MS = 24 * 3600 * 1000, DATE_MAX = 40 };

// A number with or without decimals, in thousandths.
static bool read_thousandths(str s, uint64_t *out)
{
    str decimals = s;
    str whole = str_cut(&decimals, '.');
    uint64_t count = 0;
    uint64_t rest = 0;

    if (!str_to_u64(whole, UINT32_MAX, &count)) return false;
    if (whole.len < s.len && !str_to_u64(decimals, UINT64_MAX, &rest)) return false;
    count *= 1000;
    for (size_t i = 0, scale = 100; i < decimals.len && scale; i++, scale /= 10) {
        count += (uint64_t)(decimals.ptr[i] - '0') * scale;
    }
    *out = count;
    return true;
}

static bool read_date(str s, usec wall_now, msec *out)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    char text[DATE_MAX];

    if (!s.len || s.len >= sizeof(text)) return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (!end || *end) continue;
        *out = (msec)timegm(&tm) * 1000 - wall_now / 1000;
        return true;
    }
    return false;
}

// "1h2m3.5s", "120ms": how Go prints a duration.
static bool read_duration(str s, msec *out)
{
    static const struct {
        str name;
        uint64_t ms;
    } units[] = {{STR_INIT("ms"), 1},
                 {STR_INIT("s"), 1000},
                 {STR_INIT("m"), 60'000},
                 {STR_INIT("h"), 3'600'000}};
    uint64_t sum = 0;

    if (!s.len) return false;
    while (s.len) {
        size_t digits = 0;
        size_t i = 0;
        uint64_t count = 0;
        while (digits < s.len &&
               (s.ptr[digits] == '.' || (s.ptr[digits] >= '0' && s.ptr[digits] <= '9'))) {
            digits++;
        }
        if (!read_thousandths(str_sub(s, 0, digits), &count)) return false;
        s = str_sub(s, digits, s.len);
        while (i < 4 && !str_starts(s, units[i].name)) {
            i++;
        }
        if (i == 4) return false;
        sum += count * units[i].ms / 1000;
        s = str_sub(s, units[i].name.len, s.len);
    }
    *out = (msec)sum;
    return true;
}

static str value_of(const struct h1_head *head, str name)
{
    const struct h1_field *f = h1_field_find(head, name);

    return f ? f->value : STR("");
}

static err bounded(msec ms, msec *out)
{
    *out = ms < 0 ? 0 : ms > DAY_MS ? DAY_MS : ms;
    return OK;
}

static err read_resets(const struct h1_head *head, msec *out)
{
    static const struct {
        str remaining;
        str reset;
    } limits[] = {
        {STR_INIT("x-ratelimit-remaining-requests"), STR_INIT("x-ratelimit-reset-requests")},
        {STR_INIT("x-ratelimit-remaining-tokens"), STR_INIT("x-ratelimit-reset-tokens")},
    };
    msec longest = -1;

    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        msec ms = 0;
        if (!str_eq(value_of(head, limits[i].remaining), STR("0"))) continue;
        if (read_duration(value_of(head, limits[i].reset), &ms) && ms > longest) longest = ms;
    }
    return longest < 0 ? ERR_ABSENT : bounded(longest, out);
}

err retry_after_read(const struct h1_head *head, usec wall_now, msec *out)
{
    str after = value_of(head, STR("retry-after"));
    uint64_t number = 0;
    msec ms = 0;

    if (read_thousandths(value_of(head, STR("retry-after-ms")), &number))
        return bounded((msec)(number / 1000), out);
    if (read_thousandths(after, &number)) return bounded((msec)number, out);
    if (read_date(after, wall_now, &ms)) return bounded(ms, out);
    return read_resets(head, out);
}
