#include "grpc/grpc_timeout.h"

enum { DIGITS_MAX = 8, COUNT_MAX = 99'999'999 };

struct unit {
    char letter;
    usec us; // of one
};

// From the finest on; nanoseconds are finer than we count.
static const struct unit units[] = {
    {'u', 1}, {'m', 1000}, {'S', 1'000'000}, {'M', 60'000'000}, {'H', 3'600'000'000},
};

err grpc_timeout_read(str value, usec *out)
{
    uint64_t count = 0;

    if (value.len < 2 || value.len > DIGITS_MAX + 1) return ERR_SYNTAX;
    if (!str_to_u64(str_sub(value, 0, value.len - 1), COUNT_MAX, &count)) return ERR_SYNTAX;
    char letter = value.ptr[value.len - 1];
    if (letter == 'n') {
        *out = (usec)(count / 1000);
        return OK;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (units[i].letter != letter) continue;
        *out = (usec)count * units[i].us;
        return OK;
    }
    return ERR_SYNTAX;
}

err grpc_timeout_write(usec left, struct buf *out)
{
    size_t i = 0;

    if (left <= 0) return buf_append(out, STR("1n"));
    while (i + 1 < sizeof(units) / sizeof(*units) && left / units[i].us > COUNT_MAX) {
        i++;
    }
    usec count = left / units[i].us;
    return buf_append_format(out, "%lld%c", (long long)(count > COUNT_MAX ? COUNT_MAX : count),
                             units[i].letter);
}
