#include "codec/h1.h"
#include "codec/octet.h"

#include <string.h>

// Where the decoder of chunked framing stands (RFC 9112 section 7.1).
//
//     SIZE -> [SIZE_BLANK] -> [EXTENSION] -> SIZE_LF -> PAYLOAD -> PAYLOAD_CR -> PAYLOAD_LF -> SIZE
//     SIZE_LF of chunk 0 -> TRAILER -> NAME -> VALUE -> VALUE_LF -> TRAILER ... END_LF: done
enum h1_body_step {
    SIZE,
    SIZE_BLANK, // after the digits, where only an extension may follow
    EXTENSION,
    SIZE_LF,
    PAYLOAD,
    PAYLOAD_CR,
    PAYLOAD_LF,
    TRAILER, // at the start of a line
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
};

enum { SIZE_DIGITS_MAX = 16 };

void h1_body_init(struct h1_body *b, enum h1_framing framing, uint64_t content_length)
{
    *b = (struct h1_body){.framing = framing};
    if (framing == H1_LENGTH) b->left = content_length;
    b->is_done = framing == H1_NO_BODY || (framing == H1_LENGTH && content_length == 0);
}

// Goes to `step` by a byte that is neither payload nor size, of which there may be only so many.
static err spend(struct h1_body *b, enum h1_body_step step)
{
    b->step = (uint8_t)step;
    b->overhead++;
    return b->overhead > H1_BODY_OVERHEAD_MAX ? ERR_LIMIT : OK;
}

// Goes to `step` if `c` is the only byte that may stand here.
static err expect(struct h1_body *b, char c, char wanted, enum h1_body_step step)
{
    if (c != wanted) return ERR_SYNTAX;
    b->step = (uint8_t)step;
    return OK;
}

static err read_size(struct h1_body *b, char c)
{
    int digit = octet_hex_value(c);

    if (digit >= 0) {
        if (b->digits == SIZE_DIGITS_MAX) return ERR_LIMIT;
        b->digits++;
        b->left = b->left << 4 | (unsigned)digit;
        return b->left > INT64_MAX ? ERR_LIMIT : OK;
    }
    if (b->digits == 0) return ERR_SYNTAX;
    if (c == ';') return spend(b, EXTENSION);
    return octet_is_blank(c) ? spend(b, SIZE_BLANK) : expect(b, c, '\r', SIZE_LF);
}

static err end_size(struct h1_body *b, char c)
{
    b->digits = 0;
    return expect(b, c, '\n', b->left ? PAYLOAD : TRAILER);
}

static err read_trailer(struct h1_body *b, char c)
{
    b->trailer_bytes++;
    switch ((enum h1_body_step)b->step) {
    case TRAILER:
        return octet_is(c, OCTET_TOKEN) ? spend(b, TRAILER_NAME) : expect(b, c, '\r', END_LF);
    case TRAILER_NAME:
        if (c == ':') return spend(b, TRAILER_VALUE);
        return octet_is(c, OCTET_TOKEN) ? spend(b, TRAILER_NAME) : ERR_SYNTAX;
    case TRAILER_VALUE:
        return octet_is(c, OCTET_TEXT) ? spend(b, TRAILER_VALUE) : expect(b, c, '\r', TRAILER_LF);
    case TRAILER_LF: return expect(b, c, '\n', TRAILER);
    default: b->is_done = c == '\n'; return b->is_done ? OK : ERR_SYNTAX;
    }
}

// One byte of framing.
static err read_framing(struct h1_body *b, char c)
{
    switch ((enum h1_body_step)b->step) {
    case SIZE: return read_size(b, c);
    case SIZE_BLANK:
        if (c == ';') return spend(b, EXTENSION);
        return octet_is_blank(c) ? spend(b, SIZE_BLANK) : ERR_SYNTAX;
    case EXTENSION:
        return octet_is(c, OCTET_TEXT) ? spend(b, EXTENSION) : expect(b, c, '\r', SIZE_LF);
    case SIZE_LF: return end_size(b, c);
    case PAYLOAD_CR: return expect(b, c, '\r', PAYLOAD_LF);
    case PAYLOAD_LF: return expect(b, c, '\n', SIZE);
    default: return read_trailer(b, c);
    }
}

// How much of `len` bytes is payload of what is left.
static size_t take_left(struct h1_body *b, size_t len)
{
    size_t taken = b->left < len ? (size_t)b->left : len;

    b->left -= taken;
    return taken;
}

static err decode_chunked(struct h1_body *b, char *bytes, size_t len, str *payload, size_t *used)
{
    char *first = bytes; // of the payload, which grows to one slice by closing up behind it
    size_t first_len = 0;
    size_t at = 0;

    while (at < len && !b->is_done) {
        if (b->step != PAYLOAD) {
            TRY(read_framing(b, bytes[at]));
            at++;
            continue;
        }
        size_t taken = take_left(b, len - at);
        if (first_len == 0)
            first = bytes + at;
        else
            memmove(first + first_len, bytes + at, taken);
        first_len += taken;
        at += taken;
        if (b->left == 0) b->step = PAYLOAD_CR;
    }
    *payload = (str){.ptr = first, .len = first_len};
    *used = at;
    return OK;
}

err h1_body_decode(struct h1_body *b, char *bytes, size_t len, str *payload, size_t *used)
{
    size_t taken = len;

    if (b->framing == H1_CHUNKED) return decode_chunked(b, bytes, len, payload, used);
    if (b->framing == H1_NO_BODY) taken = 0;
    if (b->framing == H1_LENGTH) {
        taken = take_left(b, len);
        b->is_done = b->left == 0;
    }
    if (b->framing == H1_UNTIL_CLOSE && b->is_done) taken = 0;
    *payload = (str){.ptr = bytes, .len = taken};
    *used = taken;
    return OK;
}

err h1_body_end(struct h1_body *b)
{
    if (b->framing == H1_UNTIL_CLOSE) b->is_done = true;
    return b->is_done ? OK : ERR_CLOSED;
}
