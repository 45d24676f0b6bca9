// Any bytes are a stream of events, however they arrive: the events joined are the stream, and
// what they mean does not depend on how it was split.
#include "base/buf.h"
#include "base/random.h"
#include "codec/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static struct random splits_of(str input)
{
    struct random r;
    uint64_t mix = input.len;

    for (size_t i = 0; i < input.len; i++) {
        mix = random_mix(mix + (unsigned char)input.ptr[i]);
    }
    random_init(&r, mix);
    return r;
}

static void tell_str(str s, struct buf *told)
{
    check(buf_append_u64(told, s.len) == OK);
    check(buf_append_char(told, ':') == OK);
    check(buf_append(told, s) == OK);
}

// Appends what an event means; nothing for one that means nothing.
static void tell(str event, struct buf *told)
{
    struct buf join;
    struct sse_event e;

    buf_init(&join, event.len + 1);
    check(sse_parse_event(event, &join, &e) == OK);
    check(e.has_data || e.data.len == 0);
    check(e.data.len + e.type.len + e.id.len <= event.len);
    if (e.has_data || e.type.len || e.id.len || e.has_retry) {
        tell_str(e.type, told);
        tell_str(e.id, told);
        tell_str(e.data, told);
        check(buf_append_u64(told, e.retry_ms + e.has_data) == OK);
    }
    buf_done(&join);
}

static void tell_stream(str stream, struct random *r, uint64_t longest, struct buf *told)
{
    size_t arrived = 0;
    size_t start = 0;
    size_t scanned = 0;

    while (arrived < stream.len) {
        size_t step = 1 + (size_t)random_below(r, longest);
        size_t len = 0;
        arrived = step < stream.len - arrived ? arrived + step : stream.len;
        while (sse_find_event(str_sub(stream, start, arrived - start), &scanned, &len) == OK) {
            check(len > 0 && len <= arrived - start && scanned <= len);
            tell(str_sub(stream, start, len), told);
            start += len;
            scanned = 0;
        }
    }
    tell(str_sub(stream, start, stream.len), told);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str input = {(const char *)bytes, len};
    struct random r = splits_of(input);
    struct buf whole;
    struct buf split;

    if (len == 0 || len > 1 << 14) return 0;
    buf_init(&whole, 128 * len + 128);
    buf_init(&split, 128 * len + 128);
    tell_stream(input, &r, UINT64_MAX, &whole);
    for (uint64_t longest = 1; longest <= 64; longest *= 4) {
        buf_clear(&split);
        tell_stream(input, &r, longest, &split);
        check(str_eq(buf_view(&split), buf_view(&whole)));
    }
    buf_done(&whole);
    buf_done(&split);
    return 0;
}
