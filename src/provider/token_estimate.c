#include "provider/token_estimate.h"

#include "codec/json_string.h"

enum { SIDE_MAX = 1568, PIXELS_PER_TOKEN = 750, JPEG_SEGMENTS_MAX = 64 };

enum { QUARTERS_ASCII = 1, QUARTERS_MIDDLE = 2, QUARTERS_WIDE = 4 };

static unsigned of_code_unit(uint32_t unit)
{
    if (unit < 0x80) return QUARTERS_ASCII;
    if (unit >= 0xdc00 && unit < 0xe000) return 0; // counted with the first half of its pair
    return unit < 0x2e80 ? QUARTERS_MIDDLE : QUARTERS_WIDE;
}

// By the first bytes of a sequence.
static unsigned of_bytes(const unsigned char *at, const unsigned char *end)
{
    if (*at < 0x80) return QUARTERS_ASCII;
    if (*at < 0xc0) return 0; // it goes on
    if (*at < 0xe2) return QUARTERS_MIDDLE;
    // U+2E80 is e2 ba 80.
    if (*at == 0xe2) return end - at > 1 && at[1] < 0xba ? QUARTERS_MIDDLE : QUARTERS_WIDE;
    return QUARTERS_WIDE;
}

uint64_t token_estimate_text(str text, bool is_json)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    const unsigned char *end = at + text.len;
    uint64_t quarters = 0;

    while (at < end) {
        if (!is_json || *at != '\\') {
            quarters += of_bytes(at, end);
            at++;
        } else if (end - at >= JSON_UNICODE_ESCAPE && at[1] == 'u') {
            quarters += of_code_unit(json_string_hex((const char *)at + 2));
            at += JSON_UNICODE_ESCAPE;
        } else {
            quarters += QUARTERS_ASCII;
            at += end - at > 1 ? JSON_SHORT_ESCAPE : 1;
        }
    }
    return quarters;
}

// --- The size of an image ---

static unsigned digit_of(char c)
{
    if (c >= 'A' && c <= 'Z') return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9') return (unsigned)(c - '0') + 52;
    return c == '+' || c == '-' ? 62 : 63;
}

// The byte at `at` of what the digits stand for, 0 behind their end. The digits are looked at
// where they lie: a header is a few bytes in megabytes.
static unsigned byte_at(str digits, size_t at)
{
    size_t first = at / 3 * 4 + at % 3;

    if (at > SIZE_MAX / 4 || first + 1 >= digits.len) return 0;
    unsigned pair = digit_of(digits.ptr[first]) << 6 | digit_of(digits.ptr[first + 1]);
    return pair >> (4 - 2 * (at % 3)) & 0xff;
}

static unsigned big(str digits, size_t at, int count)
{
    unsigned value = 0;

    for (int i = 0; i < count; i++) {
        value = value << 8 | byte_at(digits, at + (size_t)i);
    }
    return value;
}

static unsigned little(str digits, size_t at, int count)
{
    unsigned value = 0;

    while (count--) {
        value = value << 8 | byte_at(digits, at + (size_t)count);
    }
    return value;
}

struct size {
    uint64_t width;
    uint64_t height;
};

// Segments up to the frame header (ITU T.81, annex B).
static struct size of_jpeg(str digits)
{
    size_t at = 2;

    for (int i = 0; i < JPEG_SEGMENTS_MAX && byte_at(digits, at) == 0xff; i++) {
        unsigned marker = byte_at(digits, at + 1);
        bool is_frame =
            marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (is_frame)
            return (struct size){.width = big(digits, at + 7, 2), .height = big(digits, at + 5, 2)};
        at += 2 + big(digits, at + 2, 2);
    }
    return (struct size){0};
}

// The three kinds of WebP (RFC 9649).
static struct size of_webp(str digits)
{
    switch (byte_at(digits, 15)) {
    case ' ':
        return (struct size){.width = little(digits, 26, 2) & 0x3fff,
                             .height = little(digits, 28, 2) & 0x3fff};
    case 'L': {
        unsigned bits = little(digits, 21, 4);
        return (struct size){.width = (bits & 0x3fff) + 1, .height = (bits >> 14 & 0x3fff) + 1};
    }
    case 'X':
        return (struct size){.width = little(digits, 24, 3) + 1,
                             .height = little(digits, 27, 3) + 1};
    default: return (struct size){0};
    }
}

static struct size size_of(str digits)
{
    if (str_starts(digits, STR("iVBORw0KGgo")))
        return (struct size){.width = big(digits, 16, 4), .height = big(digits, 20, 4)};
    if (str_starts(digits, STR("R0lGODlh")) || str_starts(digits, STR("R0lGODdh")))
        return (struct size){.width = little(digits, 6, 2), .height = little(digits, 8, 2)};
    if (str_starts(digits, STR("/9j/"))) return of_jpeg(digits);
    if (str_starts(digits, STR("UklGR"))) return of_webp(digits);
    return (struct size){0};
}

uint64_t token_estimate_image(str digits)
{
    // An escaped slash within the header would shift what is behind it: then it is like a cut one.
    struct size s = size_of(str_sub(digits, 0, str_find_char(digits, '\\')));
    uint64_t longer = s.width > s.height ? s.width : s.height;

    if (!s.width || !s.height) return TOKEN_ESTIMATE_IMAGE;
    if (longer > SIDE_MAX) {
        s.width = s.width * SIDE_MAX / longer;
        s.height = s.height * SIDE_MAX / longer;
    }
    uint64_t tokens = s.width * s.height / PIXELS_PER_TOKEN + 1;
    return tokens < TOKEN_ESTIMATE_IMAGE ? tokens : TOKEN_ESTIMATE_IMAGE;
}
