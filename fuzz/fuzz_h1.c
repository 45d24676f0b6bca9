// Any bytes are a head and a body, however they arrive: split or whole, the outcome is the same.
#include "base/memory.h"
#include "base/random.h"
#include "codec/h1.h"

#include <string.h>

enum { FIELDS = 24, HEAD_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

// Splits depend on the input alone, so a finding can be run again.
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

static size_t next_step(struct random *r, uint64_t longest, size_t left)
{
    size_t step = 1 + (size_t)random_below(r, longest);

    return step < left ? step : left;
}

static err find_split(str input, struct random *r, uint64_t longest, size_t *len)
{
    size_t scanned = 0;
    err e = ERR_AGAIN;

    for (size_t arrived = 0; e == ERR_AGAIN && arrived < input.len;) {
        arrived += next_step(r, longest, input.len - arrived);
        e = h1_find_head(str_sub(input, 0, arrived), HEAD_MAX, &scanned, len);
        check(scanned <= arrived);
    }
    return e;
}

static void check_inside(str head, str part)
{
    check(part.len == 0 || (part.ptr >= head.ptr && part.ptr + part.len <= head.ptr + head.len));
}

static void check_head(str bytes, const struct h1_head *h)
{
    check(h->field_count <= FIELDS && h->minor <= 1);
    check(h->content_length <= INT64_MAX);
    check_inside(bytes, h->method);
    check_inside(bytes, h->target);
    check_inside(bytes, h->host);
    for (size_t i = 0; i < h->field_count; i++) {
        check_inside(bytes, h->fields[i].name);
        check_inside(bytes, h->fields[i].value);
        check(h1_is_token(h->fields[i].name) && h1_is_field_value(h->fields[i].value));
        (void)h1_connection_lists(h, h->fields[i].name);
    }
}

struct outcome {
    err e;
    bool is_done;
    size_t used;
    size_t len;
    char *payload;
};

// Decodes `input` in steps of up to `longest` bytes; the payload goes to `out`, as long as it.
static struct outcome decode(str input, const struct h1_body *start, struct random *r,
                             uint64_t longest, char *out)
{
    struct outcome o = {.payload = out};
    struct h1_body b = *start;
    char *room = memory_alloc_raw(input.len + 1);

    while (!b.is_done && o.used < input.len) {
        size_t len = next_step(r, longest, input.len - o.used);
        str payload = {0};
        size_t used = 0;
        memcpy(room, input.ptr + o.used, len);
        o.e = h1_body_decode(&b, room, len, &payload, &used);
        if (o.e) break;
        check(used == len || (b.is_done && used < len));
        check(payload.len <= used);
        check(memcmp(room + used, input.ptr + o.used + used, len - used) == 0);
        memcpy(out + o.len, payload.ptr, payload.len);
        o.len += payload.len;
        o.used += used;
    }
    o.is_done = b.is_done;
    memory_free(room);
    return o;
}

static void check_body(str input, enum h1_framing framing, uint64_t content_length)
{
    struct random r = splits_of(input);
    char *payloads = memory_alloc_raw(2 * input.len + 1);
    struct h1_body b;
    struct outcome whole;

    h1_body_init(&b, framing, content_length);
    whole = decode(input, &b, &r, UINT64_MAX, payloads);
    for (uint64_t longest = 1; longest <= 64; longest *= 4) {
        struct outcome split = decode(input, &b, &r, longest, payloads + input.len);
        check(split.e == whole.e);
        if (split.e) continue;
        check(split.is_done == whole.is_done && split.used == whole.used);
        check(split.len == whole.len && memcmp(split.payload, whole.payload, whole.len) == 0);
    }
    check(whole.e == OK || framing == H1_CHUNKED);
    check(framing != H1_LENGTH || whole.is_done == (input.len >= content_length));
    memory_free(payloads);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str input = {(const char *)bytes, len};
    struct random r = splits_of(input);
    struct h1_field fields[FIELDS];
    struct h1_head h;
    size_t scanned = 0;
    size_t head_len = 0;
    size_t split_len = 0;
    err e = ERR_AGAIN;

    if (len == 0) return 0;
    e = h1_find_head(input, HEAD_MAX, &scanned, &head_len);
    for (uint64_t longest = 1; longest <= 64; longest *= 4) {
        check(find_split(input, &r, longest, &split_len) == e);
        check(e != OK || split_len == head_len);
    }
    check_body(input, H1_CHUNKED, 0);
    if (e != OK) head_len = len; // the parser must stand what h1_find_head() refuses
    str head = str_sub(input, 0, head_len);
    str rest = str_sub(input, head_len, len);
    if (h1_parse_request(head, fields, FIELDS, &h) == OK) {
        check(e == OK || len > HEAD_MAX);
        check_head(head, &h);
        check(h.framing != H1_UNTIL_CLOSE && h.method.len && h.target.len);
        check_body(rest, h.framing, h.content_length);
    }
    if (h1_parse_response(head, len % 2, fields, FIELDS, &h) == OK) {
        check(e == OK || len > HEAD_MAX);
        check_head(head, &h);
        check(h.status >= 100 && h.status <= 999);
        check(!h.is_persistent || h.framing != H1_UNTIL_CLOSE);
        check_body(rest, h.framing, h.content_length);
    }
    return 0;
}
