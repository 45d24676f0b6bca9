#include "provider/retry_after.h"

#include "codec/octet.h"

enum { SECOND_US = 1'000'000, DAY_S = 24 * 3600 };

static const uint64_t most_us = (uint64_t)RETRY_AFTER_MAX_MS * 1000;

// Takes a decimal number from the front of `*s`, in units of `unit_us`, rounded up to the
// microsecond. It is `most_us` at most, however long its digits. False if there is none.
static bool take_decimal(str *s, uint64_t unit_us, uint64_t *out_us)
{
    uint64_t us = 0;
    uint64_t scale = unit_us;
    bool is_rounded = false;
    bool has_digits = false;
    bool has_dot = false;
    size_t i = 0;

    for (; i < s->len; i++) {
        char c = s->ptr[i];
        if (c == '.' && !has_dot && has_digits) {
            has_dot = true;
            continue;
        }
        if (!octet_is_digit(c)) break;
        uint64_t digit = (uint64_t)(c - '0');
        has_digits = true;
        if (has_dot) {
            is_rounded |= digit * scale % 10 != 0;
            us += digit * scale / 10;
            scale /= 10;
        } else if (us <= most_us) {
            us = us * 10 + digit * unit_us;
        }
    }
    if (!has_digits || s->ptr[i - 1] == '.') return false;
    us += is_rounded;
    *out_us = us < most_us ? us : most_us;
    *s = str_sub(*s, i, s->len);
    return true;
}

// A number alone.
static bool read_decimal(str s, uint64_t unit_us, uint64_t *out_us)
{
    uint64_t us = 0;

    if (!take_decimal(&s, unit_us, &us) || s.len) return false;
    *out_us = us;
    return true;
}

// A duration as Go writes it: numbers with units, such as 1m2.5s, or a zero without.
static bool read_duration(str s, uint64_t *out_us)
{
    static const struct {
        str name; // the longer of two that begin alike first
        uint64_t us;
    } units[] = {
        {STR_INIT("ms"), 1000},
        {STR_INIT("us"), 1},
        {STR_INIT("\xc2\xb5s"), 1},
        {STR_INIT("\xce\xbcs"), 1}, // both letters that look like mu
        {STR_INIT("h"), UINT64_C(3'600'000'000)},
        {STR_INIT("m"), 60'000'000},
        {STR_INIT("s"), SECOND_US},
    };
    const size_t count = sizeof(units) / sizeof(*units);
    uint64_t sum = 0;

    *out_us = 0;
    if (str_eq(s, STR("0"))) return true;
    if (!s.len) return false;
    while (s.len) {
        str number = s;
        uint64_t us = 0;
        size_t i = 0;
        if (!take_decimal(&s, 1, &us)) return false;
        number.len -= s.len;
        while (i < count && !str_starts(s, units[i].name)) {
            i++;
        }
        if (i == count) return false;
        s = str_sub(s, units[i].name.len, s.len);
        if (!read_decimal(number, units[i].us, &us)) return false;
        sum += us;
    }
    *out_us = sum; // a field is too short for a sum that would not fit
    return true;
}

// --- Dates: RFC 9110 section 5.6.7 ---

struct date {
    uint64_t year;
    uint64_t month; // from 0 on
    uint64_t day;
    uint64_t second; // of the day
};

// Days from 1970 on, of the Gregorian calendar, with years that begin in March.
static int64_t days_of(const struct date *d)
{
    int64_t year = (int64_t)d->year - (d->month < 2);
    int64_t month = (int64_t)(d->month + 10) % 12;
    int64_t leap_days = year / 4 - year / 100 + year / 400;

    // 719,468 days lie between the first of March of year 0 and 1970.
    return year * 365 + leap_days + (month * 306 + 5) / 10 + (int64_t)d->day - 1 - 719'468;
}

static int64_t seconds_of(const struct date *d)
{
    return days_of(d) * DAY_S + (int64_t)d->second;
}

static bool take(str *s, str text)
{
    if (!str_starts(*s, text)) return false;
    *s = str_sub(*s, text.len, s->len);
    return true;
}

static bool take_number(str *s, size_t digits, uint64_t *out)
{
    if (!str_to_u64(str_sub(*s, 0, digits), UINT64_MAX, out) || s->len < digits) return false;
    *s = str_sub(*s, digits, s->len);
    return true;
}

static bool take_month(str *s, uint64_t *out)
{
    static const str months = STR_INIT("JanFebMarAprMayJunJulAugSepOctNovDec");

    for (*out = 0; *out < 12; *out += 1) {
        if (take(s, str_sub(months, *out * 3, 3))) return true;
    }
    return false;
}

static bool take_clock(str *s, uint64_t *second)
{
    uint64_t h = 0;
    uint64_t m = 0;
    uint64_t sec = 0;

    if (!take_number(s, 2, &h) || !take(s, STR(":")) || !take_number(s, 2, &m) ||
        !take(s, STR(":")) || !take_number(s, 2, &sec))
        return false;
    *second = h * 3600 + m * 60 + sec;
    return h < 24 && m < 60 && sec <= 60; // a leap second is allowed
}

// Sun, 06 Nov 1994 08:49:37 GMT, behind the comma.
static bool read_imf(str s, struct date *d)
{
    return take(&s, STR(" ")) && take_number(&s, 2, &d->day) && take(&s, STR(" ")) &&
           take_month(&s, &d->month) && take(&s, STR(" ")) && take_number(&s, 4, &d->year) &&
           take(&s, STR(" ")) && take_clock(&s, &d->second) && str_eq(s, STR(" GMT"));
}

// Sunday, 06-Nov-94 08:49:37 GMT, behind the comma. A year that seems to be more than 50 years
// ahead is the last one with these digits.
static bool read_rfc850(str s, int64_t now_s, struct date *d)
{
    if (!take(&s, STR(" ")) || !take_number(&s, 2, &d->day) || !take(&s, STR("-")) ||
        !take_month(&s, &d->month) || !take(&s, STR("-")) || !take_number(&s, 2, &d->year) ||
        !take(&s, STR(" ")) || !take_clock(&s, &d->second) || !str_eq(s, STR(" GMT")))
        return false;
    int64_t limit_s = now_s + INT64_C(50) * 365 * DAY_S + INT64_C(12) * DAY_S;
    struct date later = *d;
    for (later.year += 2000, d->year += 1900; seconds_of(&later) <= limit_s; later.year += 100) {
        d->year += 100;
    }
    return true;
}

// Sun Nov  6 08:49:37 1994, behind the name of the day.
static bool read_asctime(str s, struct date *d)
{
    if (!take(&s, STR(" ")) || !take_month(&s, &d->month) || !take(&s, STR(" "))) return false;
    return take_number(&s, take(&s, STR(" ")) ? 1 : 2, &d->day) && take(&s, STR(" ")) &&
           take_clock(&s, &d->second) && take(&s, STR(" ")) && take_number(&s, 4, &d->year) &&
           s.len == 0;
}

// 1994-11-06T08:49:37Z (RFC 3339), perhaps with a fraction or an offset of zero. The fraction is
// rounded up to the next second.
static bool read_rfc3339(str s, struct date *d)
{
    uint64_t fraction = 0;

    if (!take_number(&s, 4, &d->year) || !take(&s, STR("-")) || !take_number(&s, 2, &d->month) ||
        !take(&s, STR("-")) || !take_number(&s, 2, &d->day) || !take(&s, STR("T")) ||
        !take_clock(&s, &d->second) || d->month < 1 || d->month > 12)
        return false;
    d->month--;
    if (take(&s, STR("."))) {
        size_t digits = 0;
        while (digits < s.len && octet_is_digit(s.ptr[digits])) {
            fraction |= (uint64_t)(s.ptr[digits++] - '0');
        }
        if (!digits) return false;
        s = str_sub(s, digits, s.len);
    }
    d->second += fraction != 0;
    return str_eq(s, STR("Z")) || str_eq(s, STR("+00:00"));
}

// The wait until a date; false where it is none.
static bool wait_until(const struct date *d, usec wall_now, uint64_t *out_us)
{
    if (d->day < 1 || d->day > 31 || d->year < 1900) return false;
    int64_t wait_s = seconds_of(d) - wall_now / SECOND_US;
    int64_t wait_us = wait_s * SECOND_US - wall_now % SECOND_US;
    *out_us = wait_us > 0 ? (uint64_t)wait_us : 0;
    return true;
}

// The day of the week is not compared with the date: nothing follows from it.
static bool read_date(str s, usec wall_now, uint64_t *out_us)
{
    int64_t now_s = wall_now / SECOND_US;
    struct date d = {0};
    size_t name = 0;

    while (name < s.len && ((s.ptr[name] | 0x20) >= 'a' && (s.ptr[name] | 0x20) <= 'z')) {
        name++;
    }
    str rest = str_sub(s, name, s.len);
    if (name < 3) return false;
    bool has_comma = take(&rest, STR(","));
    if (!(has_comma ? read_imf(rest, &d) || read_rfc850(rest, now_s, &d) : read_asctime(rest, &d)))
        return false;
    return wait_until(&d, wall_now, out_us);
}

static str value_of(const struct h1_head *head, str name)
{
    const struct h1_field *field = h1_field_find(head, name);

    return field ? field->value : STR("");
}

// A duration of OpenAI's or a time of Anthropic's.
static bool read_reset(str s, usec wall_now, uint64_t *out_us)
{
    struct date d = {0};

    return read_duration(s, out_us) || (read_rfc3339(s, &d) && wait_until(&d, wall_now, out_us));
}

// Of the limits that are used up, the one that resets last.
static bool read_resets(const struct h1_head *head, usec wall_now, uint64_t *out_us)
{
    static const struct {
        str remaining;
        str reset;
    } limits[] = {
        {STR_INIT("x-ratelimit-remaining-requests"), STR_INIT("x-ratelimit-reset-requests")},
        {STR_INIT("x-ratelimit-remaining-tokens"), STR_INIT("x-ratelimit-reset-tokens")},
        {STR_INIT("anthropic-ratelimit-requests-remaining"),
         STR_INIT("anthropic-ratelimit-requests-reset")},
        {STR_INIT("anthropic-ratelimit-tokens-remaining"),
         STR_INIT("anthropic-ratelimit-tokens-reset")},
        {STR_INIT("anthropic-ratelimit-input-tokens-remaining"),
         STR_INIT("anthropic-ratelimit-input-tokens-reset")},
        {STR_INIT("anthropic-ratelimit-output-tokens-remaining"),
         STR_INIT("anthropic-ratelimit-output-tokens-reset")},
    };
    bool is_found = false;
    uint64_t longest = 0;
    uint64_t us = 0;

    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        uint64_t remaining = 1;
        (void)str_to_u64(value_of(head, limits[i].remaining), UINT64_MAX, &remaining);
        if (remaining || !read_reset(value_of(head, limits[i].reset), wall_now, &us)) continue;
        is_found = true;
        if (us > longest) longest = us;
    }
    *out_us = longest;
    return is_found;
}

err retry_after_read(const struct h1_head *head, usec wall_now, msec *out)
{
    str seconds = value_of(head, STR("retry-after"));
    uint64_t us = 0;

    if (!read_decimal(value_of(head, STR("retry-after-ms")), 1000, &us) &&
        !read_decimal(value_of(head, STR("grpc-retry-pushback-ms")), 1000, &us) &&
        !read_decimal(seconds, SECOND_US, &us) && !read_date(seconds, wall_now, &us) &&
        !read_resets(head, wall_now, &us))
        return ERR_ABSENT;
    *out = us < most_us ? (msec)((us + 999) / 1000) : RETRY_AFTER_MAX_MS;
    return OK;
}
