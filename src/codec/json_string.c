#include "codec/json_string.h"

#include "codec/json_scan.h"
#include "codec/utf8.h"

// Design
//
// The plain row goes from special byte to special byte. Its branches follow the text, and where
// escapes or letters of two bytes are dense, most of its time goes into branches that could not
// be foreseen. The SSE2 row therefore treats 64 bytes a step as masks of 64 bits, one bit a byte,
// and tells a good block by arithmetic on whole masks (after Langdale and Lemire, "Parsing
// gigabytes of JSON per second", 2019). A block that would end within an escape or a sequence is
// cut short before it, so that nothing is carried over. It only ever says yes: what it does not
// like, and the text's last bytes, go to the plain row, which knows the offending byte.

static const char meanings[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

char json_string_escape(char letter)
{
    return meanings[(unsigned char)letter];
}

static inline unsigned hex_digit(char c)
{
    unsigned digit = (unsigned)(unsigned char)c - '0';
    unsigned letter = ((unsigned)(unsigned char)c | 0x20) - 'a';

    if (digit <= 9) return digit;
    return letter < 6 ? letter + 10 : UINT32_MAX;
}

uint32_t json_string_hex(const char *at)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        unsigned digit = hex_digit(at[i]);
        if (digit > 15) return UINT32_MAX;
        value = value << 4 | digit;
    }
    return value;
}

// The length of the escape whose backslash is at `at`; 0 where it is none.
static inline size_t escape_length(const char *at, const char *end)
{
    if (end - at < JSON_SHORT_ESCAPE) return 0;
    if (meanings[(unsigned char)at[1]]) return JSON_SHORT_ESCAPE;
    if (at[1] != 'u' || end - at < JSON_UNICODE_ESCAPE) return 0;
    return json_string_hex(at + 2) == UINT32_MAX ? 0 : JSON_UNICODE_ESCAPE;
}

struct json_string_end json_string_pass_plain(const char *at, const char *end)
{
    for (;;) {
        at = json_scan_plain(at, end);
        if (at == end) return (struct json_string_end){at, false};
        if (*at == '"') return (struct json_string_end){at + 1, true};
        const char *behind = *at == '\\' ? at + escape_length(at, end) : utf8_pass_high(at, end);
        if (behind == at) return (struct json_string_end){at, false};
        at = behind;
    }
}

#if JSON_STRING_HAS_SSE2

enum { BLOCK = 64 };

struct block {
    __m128i part[4];
};

static inline struct block block_load(const char *at)
{
    const __m128i *from = (const __m128i *)(const void *)at;

    return (struct block){{_mm_loadu_si128(from), _mm_loadu_si128(from + 1),
                           _mm_loadu_si128(from + 2), _mm_loadu_si128(from + 3)}};
}

// The top bits of the 64 bytes as one mask; the first byte is bit 0.
static inline uint64_t block_mask(struct block b)
{
    uint64_t low = (uint32_t)_mm_movemask_epi8(b.part[0]) |
                   (uint64_t)(uint32_t)_mm_movemask_epi8(b.part[1]) << 16;
    uint64_t high = (uint32_t)_mm_movemask_epi8(b.part[2]) |
                    (uint64_t)(uint32_t)_mm_movemask_epi8(b.part[3]) << 16;

    return low | high << 32;
}

static inline uint64_t block_equal(const struct block *b, int c)
{
    struct block equal;

    for (int i = 0; i < 4; i++) {
        equal.part[i] = _mm_cmpeq_epi8(b->part[i], _mm_set1_epi8((char)c));
    }
    return block_mask(equal);
}

static inline uint64_t block_equal_either(const struct block *b, int c, int d)
{
    struct block equal;

    for (int i = 0; i < 4; i++) {
        equal.part[i] = _mm_or_si128(_mm_cmpeq_epi8(b->part[i], _mm_set1_epi8((char)c)),
                                     _mm_cmpeq_epi8(b->part[i], _mm_set1_epi8((char)d)));
    }
    return block_mask(equal);
}

// Bytes below `c` as signed numbers: 0x80 is the lowest, 0x7f the highest.
static inline uint64_t block_below(const struct block *b, int c)
{
    struct block below;

    for (int i = 0; i < 4; i++) {
        below.part[i] = _mm_cmplt_epi8(b->part[i], _mm_set1_epi8((char)c));
    }
    return block_mask(below);
}

// Of 64 bytes: the letters of escapes but quote, backslash and u.
static inline uint64_t block_escape_letters(const struct block *b)
{
    struct block found;

    for (int i = 0; i < 4; i++) {
        __m128i bytes = b->part[i];
        __m128i bf = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('b')),
                                  _mm_cmpeq_epi8(bytes, _mm_set1_epi8('f')));
        __m128i nr = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('n')),
                                  _mm_cmpeq_epi8(bytes, _mm_set1_epi8('r')));
        __m128i t = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('t')),
                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8('/')));
        found.part[i] = _mm_or_si128(_mm_or_si128(bf, nr), t);
    }
    return block_mask(found);
}

// Of each run of backslashes the first escapes the second, the third the fourth: `*escaped` gets
// what is escaped, the result is what escapes. The subtraction carries through each run.
static inline uint64_t escaping(uint64_t backslash, uint64_t *escaped)
{
    const uint64_t odd = UINT64_C(0xaaaaaaaaaaaaaaaa);
    uint64_t codes = (((backslash << 1) | odd) - backslash) ^ odd;

    *escaped = codes ^ backslash;
    return codes & backslash;
}

// Whether four hexadecimal digits follow each 'u' in `letters`, the bits of a block at `at`.
static inline bool are_unicode_escapes(uint64_t letters, const char *at, const char *end)
{
    for (; letters; letters &= letters - 1) {
        const char *digits = at + __builtin_ctzll(letters) + 1;
        if (end - digits < 4 || json_string_hex(digits) == UINT32_MAX) return false;
    }
    return true;
}

// Tails that may not follow their lead: overlong forms, surrogates, above U+10FFFF; and leads
// above 0xf4 (Unicode 15, table 3-7). Most scripts have none of the leads in question.
static inline uint64_t block_bad_ranges(const struct block *b, uint64_t four)
{
    uint64_t bad = 0;

    if (block_equal_either(b, 0xe0, 0xed)) {
        uint64_t low_half = block_below(b, 0xa0);
        bad |= block_equal(b, 0xe0) << 1 & low_half;
        bad |= block_equal(b, 0xed) << 1 & ~low_half;
    }
    if (four) {
        uint64_t low_quarter = block_below(b, 0x90);
        bad |= four & ~block_below(b, 0xf5);
        bad |= block_equal(b, 0xf0) << 1 & low_quarter;
        bad |= block_equal(b, 0xf4) << 1 & ~low_quarter;
    }
    return bad;
}

// Whether the UTF-8 of a block is valid as far as `through` reaches. `*cut` gets how many bytes at
// its end begin a sequence that it doesn't hold whole.
static inline bool is_utf8(const struct block *b, uint64_t high, uint64_t through, unsigned *cut)
{
    uint64_t tails = block_below(b, 0xc0);
    uint64_t leads = high & ~tails;
    uint64_t bad = block_below(b, 0xc2) & leads;
    uint64_t long_leads = leads & ~block_below(b, 0xe0); // of three or four
    uint64_t wanted = leads << 1;

    *cut = (unsigned)(leads >> 63);
    if (long_leads) {
        uint64_t four = leads & ~block_below(b, 0xf0);
        wanted |= long_leads << 2 | four << 3;
        bad |= block_bad_ranges(b, four);
        if (long_leads >> 62 & 1) *cut = 2;
        if (four >> 61 & 1) *cut = 3;
    }
    return !((bad | (wanted ^ tails)) & through);
}

struct json_string_end json_string_pass_sse2(const char *at, const char *end)
{
    unsigned step;

    for (; end - at >= BLOCK; at += step) {
        struct block b = block_load(at);
        uint64_t quote = block_equal(&b, '"');
        uint64_t backslash = block_equal(&b, '\\');
        uint64_t high = block_mask(b);
        uint64_t escaped = 0;
        unsigned cut = 0;
        step = BLOCK;
        if (backslash) {
            step -= (unsigned)(escaping(backslash, &escaped) >> 63);
            uint64_t special = quote | backslash;
            quote &= ~escaped;
            escaped &= quote ^ (quote - 1);
            uint64_t unknown = escaped & ~special & ~block_escape_letters(&b);
            uint64_t letter_u = unknown ? unknown & block_equal(&b, 'u') : 0;
            if (unknown != letter_u || !are_unicode_escapes(letter_u, at, end)) break;
        }
        uint64_t through = quote ^ (quote - 1); // the closing quote and all before it
        if (block_below(&b, 0x20) & ~high & through) break;
        if ((high & through) && !is_utf8(&b, high, through, &cut)) break;
        if (quote) return (struct json_string_end){at + __builtin_ctzll(quote) + 1, true};
        if (cut) step = BLOCK - cut;
    }
    return json_string_pass_plain(at, end);
}

#endif

struct json_string_end json_string_pass(const char *at, const char *end)
{
#if JSON_STRING_HAS_SSE2
    return json_string_pass_sse2(at, end);
#else
    return json_string_pass_plain(at, end);
#endif
}
