#include "grpc/protobuf_time.h"

#include <assert.h>
#include <stdio.h>

// Days are counted in years that begin in March, so that the day that comes every four years is the
// last of one; 400 of them always have as many days.
#define SECONDS_MIN INT64_C(-62135596800) // 0001-01-01T00:00:00Z
#define SECONDS_MAX INT64_C(253402300799) // 9999-12-31T23:59:59Z
#define DURATION_MAX INT64_C(315576000000)

enum {
    NANOS = 1000000000,
    DAY = 86400,
    ERA_YEARS = 400,
    ERA_DAYS = 146097,
    EPOCH_DAYS = 719468, // from March of year 0 to 1970
};

struct date {
    int64_t year;
    unsigned month;
    unsigned day;
};

static int64_t days_from(struct date d)
{
    int64_t year = d.month > 2 ? d.year : d.year - 1; // never negative
    int64_t era = year / ERA_YEARS;
    int64_t of_era = year % ERA_YEARS;
    int64_t month = (d.month + 9) % 12; // from March
    int64_t of_year = (153 * month + 2) / 5 + d.day - 1;

    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS;
}

static struct date date_of(int64_t days)
{
    int64_t all = days + EPOCH_DAYS; // never negative
    int64_t of_era = all % ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; // from March
    struct date d = {.day = (unsigned)(of_year - (153 * month + 2) / 5 + 1)};

    d.month = (unsigned)(month < 10 ? month + 3 : month - 9);
    d.year = all / ERA_DAYS * ERA_YEARS + year + (d.month <= 2);
    return d;
}

// Takes so many digits from the front, which make a number in low..high.
static bool take_number(str *s, size_t digits, unsigned low, unsigned high, unsigned *out)
{
    uint64_t value = 0;

    if (s->len < digits || !str_to_u64(str_sub(*s, 0, digits), high, &value) || value < low)
        return false;
    *s = str_sub(*s, digits, s->len);
    *out = (unsigned)value;
    return true;
}

static bool take_char(str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c) return false;
    *s = str_sub(*s, 1, s->len);
    return true;
}

// A point and up to nine digits, or nothing.
static bool take_fraction(str *s, int32_t *nanos)
{
    size_t digits = 0;
    int32_t value = 0;

    *nanos = 0;
    if (!take_char(s, '.')) return true;
    while (digits < s->len && s->ptr[digits] >= '0' && s->ptr[digits] <= '9') {
        if (digits == 9) return false;
        value = value * 10 + (s->ptr[digits++] - '0');
    }
    if (digits == 0) return false;
    *s = str_sub(*s, digits, s->len);
    for (; digits < 9; digits++) {
        value *= 10;
    }
    *nanos = value;
    return true;
}

// "Z", or an offset of hours and minutes, as seconds east.
static bool take_zone(str *s, int64_t *east)
{
    unsigned hours = 0;
    unsigned minutes = 0;

    *east = 0;
    if (take_char(s, 'Z')) return true;
    bool is_west = take_char(s, '-');
    if (!is_west && !take_char(s, '+')) return false;
    if (!take_number(s, 2, 0, 23, &hours) || !take_char(s, ':') ||
        !take_number(s, 2, 0, 59, &minutes))
        return false;
    *east = (int64_t)hours * 3600 + minutes * 60;
    if (is_west) *east = -*east;
    return true;
}

static unsigned month_days(int64_t year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % ERA_YEARS == 0);

    return month == 2 && is_leap ? 29 : days[month - 1];
}

err protobuf_time_read_timestamp(str text, struct protobuf_time *out)
{
    struct protobuf_time t = {0};
    struct date d = {0};
    unsigned year = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    int64_t east = 0;

    bool is_date = take_number(&text, 4, 1, 9999, &year) && take_char(&text, '-') &&
                   take_number(&text, 2, 1, 12, &d.month) && take_char(&text, '-') &&
                   take_number(&text, 2, 1, 31, &d.day) && take_char(&text, 'T');
    d.year = year;
    if (!is_date || d.day > month_days(d.year, d.month)) return ERR_SYNTAX;
    bool is_time = take_number(&text, 2, 0, 23, &hour) && take_char(&text, ':') &&
                   take_number(&text, 2, 0, 59, &minute) && take_char(&text, ':') &&
                   take_number(&text, 2, 0, 59, &second) && take_fraction(&text, &t.nanos) &&
                   take_zone(&text, &east);
    if (!is_time || text.len) return ERR_SYNTAX;
    t.seconds = days_from(d) * DAY + (int64_t)hour * 3600 + minute * 60 + second - east;
    if (t.seconds < SECONDS_MIN || t.seconds > SECONDS_MAX) return ERR_RANGE;
    *out = t;
    return OK;
}

err protobuf_time_read_duration(str text, struct protobuf_time *out)
{
    struct protobuf_time t = {0};
    bool is_negative = take_char(&text, '-');
    uint64_t seconds = 0;
    size_t digits = 0;

    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    str whole = str_sub(text, 0, digits);
    text = str_sub(text, digits, text.len);
    if (digits == 0 || !take_fraction(&text, &t.nanos) || !take_char(&text, 's') || text.len)
        return ERR_SYNTAX;
    if (!str_to_u64(whole, DURATION_MAX, &seconds)) return ERR_RANGE;
    if (seconds == DURATION_MAX && t.nanos) return ERR_RANGE;
    t.seconds = is_negative ? -(int64_t)seconds : (int64_t)seconds;
    if (is_negative) t.nanos = -t.nanos;
    *out = t;
    return OK;
}

// Writes nothing, or a point and as many groups of three digits as it takes.
static size_t write_fraction(char *out, size_t size, int32_t nanos)
{
    int digits = 9;

    if (nanos == 0) return 0;
    while (nanos % 1000 == 0) {
        nanos /= 1000;
        digits -= 3;
    }
    int len = snprintf(out, size, ".%0*d", digits, nanos);
    assert(len > 0 && (size_t)len < size);
    return (size_t)len;
}

err protobuf_time_write_timestamp(struct protobuf_time t, char out[PROTOBUF_TIME_TEXT_MAX],
                                  size_t *len)
{
    if (t.seconds < SECONDS_MIN || t.seconds > SECONDS_MAX || t.nanos < 0 || t.nanos >= NANOS)
        return ERR_RANGE;
    int64_t since = t.seconds - SECONDS_MIN; // never negative
    int64_t days = since / DAY + SECONDS_MIN / DAY;
    unsigned second = (unsigned)(since % DAY);
    struct date d = date_of(days);
    int written =
        snprintf(out, PROTOBUF_TIME_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)d.year,
                 d.month, d.day, second / 3600, second / 60 % 60, second % 60);
    assert(written == 19);
    size_t at = (size_t)written;
    at += write_fraction(out + at, PROTOBUF_TIME_TEXT_MAX - at, t.nanos);
    out[at++] = 'Z';
    *len = at;
    return OK;
}

err protobuf_time_write_duration(struct protobuf_time t, char out[PROTOBUF_TIME_TEXT_MAX],
                                 size_t *len)
{
    bool is_negative = t.seconds < 0 || t.nanos < 0;
    bool is_mixed = is_negative && (t.seconds > 0 || t.nanos > 0);

    if (t.seconds < -DURATION_MAX || t.seconds > DURATION_MAX || t.nanos <= -NANOS ||
        t.nanos >= NANOS || is_mixed)
        return ERR_RANGE;
    int written = snprintf(out, PROTOBUF_TIME_TEXT_MAX, "%s%lld", is_negative ? "-" : "",
                           (long long)(is_negative ? -t.seconds : t.seconds));
    assert(written > 0);
    size_t at = (size_t)written;
    at += write_fraction(out + at, PROTOBUF_TIME_TEXT_MAX - at, is_negative ? -t.nanos : t.nanos);
    out[at++] = 's';
    *len = at;
    return OK;
}
