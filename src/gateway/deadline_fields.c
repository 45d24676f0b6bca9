#include "gateway/deadline_fields.h"

enum { DAY_MS = 24 * 3600 * 1000, GRPC_DIGITS_MAX = 8 };

enum kind { WHOLE, START, IDLE };

struct row {
    str name;
    enum kind kind;
    msec unit_ms; // 0: the value names its own
};

static const struct row rows[] = {
    {STR_INIT("x-stainless-timeout"), START, 1000},
    {STR_INIT("x-stainless-read-timeout"), IDLE, 1000},
    {STR_INIT("x-server-timeout"), WHOLE, 1000},
    {STR_INIT("grpc-timeout"), WHOLE, 0},
    {STR_INIT("x-sluice-deadline-ms"), WHOLE, 1},
};

static const struct row *row_of(str name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (str_eq_nocase(rows[i].name, name)) return &rows[i];
    }
    return NULL;
}

static msec within_a_day(uint64_t count, uint64_t unit_us)
{
    const uint64_t max_us = (uint64_t)DAY_MS * 1000;

    return count > max_us / unit_us ? DAY_MS : (msec)((count * unit_us + 999) / 1000);
}

// gRPC over HTTP2, "Timeout": at most eight digits and a letter.
static bool read_grpc(str value, msec *out)
{
    static const struct {
        char letter;
        uint64_t us; // of one; 0: a thousand to the microsecond
    } units[] = {{'H', UINT64_C(3'600'000'000)},
                 {'M', 60'000'000},
                 {'S', 1'000'000},
                 {'m', 1000},
                 {'u', 1},
                 {'n', 0}};
    uint64_t count = 0;

    if (value.len < 2 || value.len > GRPC_DIGITS_MAX + 1) return false;
    if (!str_to_u64(str_sub(value, 0, value.len - 1), UINT64_MAX, &count)) return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (units[i].letter != value.ptr[value.len - 1]) continue;
        *out =
            within_a_day(units[i].us ? count : (count + 999) / 1000, units[i].us ? units[i].us : 1);
        return true;
    }
    return false;
}

// A number with decimals, of which those below a millisecond don't count.
static bool read_decimal(str value, msec unit_ms, msec *out)
{
    str decimals = value;
    str whole = str_cut(&decimals, '.');
    uint64_t count = 0;
    uint64_t rest = 0;

    if (whole.len < value.len && !str_to_u64(decimals, UINT64_MAX, &rest)) return false;
    if (!str_to_u64(whole, UINT64_MAX, &count)) {
        // More digits than fit are a long time all the same.
        for (size_t i = 0; i < whole.len; i++) {
            if (whole.ptr[i] < '0' || whole.ptr[i] > '9') return false;
        }
        if (!whole.len) return false;
        count = UINT64_MAX;
    }
    msec ms = within_a_day(count, (uint64_t)unit_ms * 1000);
    msec scale = unit_ms / 10;
    for (size_t i = 0; i < decimals.len && scale; i++, scale /= 10) {
        ms += (decimals.ptr[i] - '0') * scale;
    }
    *out = ms < DAY_MS ? ms : DAY_MS;
    return true;
}

static bool read_value(const struct row *row, str value, msec *out)
{
    msec ms = 0;

    if (!(row->unit_ms ? read_decimal(value, row->unit_ms, &ms) : read_grpc(value, &ms)))
        return false;
    // The SDK cuts its timeout down to whole seconds: less than one comes as none.
    if (row->kind == START && !ms) ms = row->unit_ms;
    *out = ms;
    return true;
}

void deadline_fields_read(const struct h1_head *head, struct deadline_fields *out)
{
    msec found[3] = {TIME_NEVER, TIME_NEVER, TIME_NEVER};

    for (size_t i = 0; i < head->field_count; i++) {
        const struct row *row = row_of(head->fields[i].name);
        msec ms = 0;
        if (!row || !read_value(row, head->fields[i].value, &ms)) continue;
        if (ms < found[row->kind]) found[row->kind] = ms;
    }
    *out = (struct deadline_fields){
        .whole_ms = found[WHOLE], .start_ms = found[START], .idle_ms = found[IDLE]};
}

// Never 0, which some would read as no limit.
static err write_left(struct buf *out, const struct row *row, msec left)
{
    uint64_t ms = left > 1 ? (uint64_t)left : 1;

    if (row->unit_ms == 1) return buf_append_u64(out, ms);
    if (!row->unit_ms) {
        bool is_long = ms >= 100'000'000; // past eight digits
        TRY(buf_append_u64(out, is_long ? ms / 1000 : ms));
        return buf_append_char(out, is_long ? 'S' : 'm');
    }
    TRY(buf_append_u64(out, ms / 1000));
    if (ms % 1000 == 0) return OK;
    char decimals[4] = {'.', (char)('0' + ms / 100 % 10), (char)('0' + ms / 10 % 10),
                        (char)('0' + ms % 10)};
    return buf_append(out, (str){.ptr = decimals, .len = sizeof(decimals)});
}

err deadline_fields_write(struct buf *out, str name, str value, struct deadline_left time)
{
    const struct row *row = row_of(name);
    bool is_start = row && row->kind == START && time.start_ms < time.whole_ms;
    msec left = is_start ? time.start_ms : time.whole_ms;
    msec sent = 0;

    TRY(buf_append(out, name));
    TRY(buf_append(out, STR(": ")));
    if (!row || row->kind == IDLE || !read_value(row, value, &sent) || sent <= left) {
        TRY(buf_append(out, value));
    } else {
        TRY(write_left(out, row, left));
    }
    return buf_append(out, STR("\r\n"));
}
