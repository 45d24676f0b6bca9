// Damage of every kind to files of every tier: nothing crashes, nothing goes unseen.
// SEGMENT_DAMAGES in the environment asks for more of it.
#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/segment_verify.h"

#include "support/segment_forge.h"
#include "support/segment_sample.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 2500, DAMAGES = 1500, PAGE = SEGMENT_PAGE_BYTES };

static struct random dice;

static uint64_t damages(void)
{
    uint64_t count = DAMAGES;
    const char *asked = getenv("SEGMENT_DAMAGES");

    if (asked) CHECK(str_to_u64(str_from_c(asked), 10'000'000, &count));
    return count;
}

static uint64_t below(uint64_t bound)
{
    return random_below(&dice, bound);
}

static void flip_bits(struct segment_forge *f)
{
    for (uint64_t n = 1 + below(below(2) ? 1 : 200); n > 0; n--) {
        f->bytes[below(f->len)] ^= (uint8_t)(1 << below(8));
    }
}

static void zero_page(struct segment_forge *f)
{
    memset(f->bytes + below(f->len / PAGE) * PAGE, 0, PAGE);
}

static void garble_run(struct segment_forge *f)
{
    uint64_t from = below(f->len);

    for (uint64_t n = 1 + below(3000); n > 0 && from < f->len; n--, from++) {
        f->bytes[from] = (uint8_t)below(256);
    }
}

static void cut(struct segment_forge *f)
{
    f->len = 1 + below(f->len - 1);
}

static void grow(struct segment_forge *f)
{
    f->len += 1 + below(f->room - f->len);
}

static void swap_pages(struct segment_forge *f)
{
    uint8_t page[PAGE];
    uint8_t *a = f->bytes + below(f->len / PAGE) * PAGE;
    uint8_t *b = f->bytes + below(f->len / PAGE) * PAGE;

    memcpy(page, a, PAGE);
    memmove(a, b, PAGE);
    memcpy(b, page, PAGE);
}

// A write that went to another place.
static void misplace_page(struct segment_forge *f)
{
    memmove(f->bytes + below(f->len / PAGE) * PAGE, f->bytes + below(f->len / PAGE) * PAGE, PAGE);
}

static void (*const accidents[])(struct segment_forge *f) = {
    flip_bits, zero_page, garble_run, cut, grow, swap_pages, misplace_page};

enum { ACCIDENTS = sizeof accidents / sizeof *accidents };

// A number of a kind that breaks arithmetic.
static uint64_t wild(uint64_t now)
{
    switch (below(7)) {
    case 0: return now + 1 + below(5000);
    case 1: return now - 1 - below(5000);
    case 2: return UINT64_MAX - below(70'000);
    case 3: return UINT64_C(1) << below(64);
    case 4: return now * (2 + below(1000));
    case 5: return (UINT64_C(1) << 32) + now;
    default: return random_u64(&dice);
    }
}

// Sets the member of `size` bytes at `at`, of four or eight, to something else.
static void make_wild(uint8_t *at, size_t size)
{
    uint64_t before = 0;
    uint64_t after = 0;

    memcpy(&before, at, size);
    do {
        after = wild(before);
    } while (memcmp(&after, &before, size) == 0);
    memcpy(at, &after, size);
}

#define MEMBER(type, member) offsetof(type, member), sizeof(((type *)NULL)->member)

struct member {
    size_t offset;
    size_t size;
    bool says_nothing; // any value is as good as another, as far as a file tells
};

// Of the table; what each section's elements are, and where a column belongs, is its reader's.
static bool forge_entry(struct segment_forge *f)
{
    static const struct member members[] = {
        {MEMBER(struct segment_entry, offset), false},
        {MEMBER(struct segment_entry, bytes), false},
        {MEMBER(struct segment_entry, crc), false},
        {MEMBER(struct segment_entry, zero), false},
        {MEMBER(struct segment_entry, type), true},
        {MEMBER(struct segment_entry, number), true},
        {MEMBER(struct segment_entry, elem_bytes), true},
    };
    const struct segment_header *h = segment_forge_header(f);
    const struct member *m = &members[below(sizeof members / sizeof *members)];
    uint64_t entry = below(h->section_count) * sizeof(struct segment_entry);

    make_wild(f->bytes + h->table_offset + entry + m->offset, m->size);
    segment_forge_seal_table(f);
    return !m->says_nothing;
}

// An empty section may be anywhere, for it is nowhere.
static bool is_empty_moved(const struct segment_forge *f, const struct segment_forge *good)
{
    const struct segment_header *h = segment_forge_header(good);

    for (uint32_t i = 0; i < h->section_count; i++) {
        uint64_t at = h->table_offset + i * sizeof(struct segment_entry);
        const struct segment_entry *e = (const struct segment_entry *)(void *)(f->bytes + at);
        if (memcmp(e, good->bytes + at, sizeof *e) != 0) return e->bytes == 0;
    }
    return false;
}

static bool forge_header(struct segment_forge *f)
{
    static const struct member members[] = {
        {MEMBER(struct segment_header, file_bytes), false},
        {MEMBER(struct segment_header, table_offset), false},
        {MEMBER(struct segment_header, section_count), false},
        {MEMBER(struct segment_header, endian), false},
        {MEMBER(struct segment_header, major), false},
        {MEMBER(struct segment_header, minor), true},
        {MEMBER(struct segment_header, shape.row_count), false},
        {MEMBER(struct segment_header, shape.list_count), false},
        {MEMBER(struct segment_header, shape.block_count), false},
        {MEMBER(struct segment_header, shape.dim), false},
        {MEMBER(struct segment_header, shape.padded_dim), false},
        {MEMBER(struct segment_header, shape.rotation_kind), false},
        {MEMBER(struct segment_header, shape.rotation_seed), true},
        {MEMBER(struct segment_header, shape.metric), true},
        {MEMBER(struct segment_header, shape.tier), true},
    };
    const struct member *m = &members[below(sizeof members / sizeof *members)];

    make_wild(f->bytes + m->offset, m->size);
    segment_forge_seal_table(f);
    return !m->says_nothing;
}

static bool forge_list(struct segment_forge *f)
{
    static const struct member members[] = {
        {MEMBER(struct ivf_list, first_row), false},
        {MEMBER(struct ivf_list, first_block), false},
        {MEMBER(struct ivf_list, rows), true}, // fewer are possible
        {MEMBER(struct ivf_list, radius), true},
    };
    const struct segment_entry *e = segment_forge_entry(f, SEGMENT_LISTS);
    const struct member *m = &members[below(sizeof members / sizeof *members)];
    uint64_t list = 1 + below(SEGMENT_SAMPLE_LISTS - 1); // none of them is empty

    make_wild(f->bytes + e->offset + list * sizeof(struct ivf_list) + m->offset, m->size);
    segment_forge_seal(f);
    return !m->says_nothing;
}

static bool forge_slots(struct segment_forge *f)
{
    const struct segment_entry *e = segment_forge_entry(f, SEGMENT_KEYHASH);

    for (unsigned i = 0; i < 500; i++) {
        make_wild(f->bytes + e->offset + below(e->bytes / 4) * 4, 4);
    }
    segment_forge_seal(f);
    return false;
}

// By whoever makes checksums match. Returns whether it has to be found.
static bool forge_something(struct segment_forge *f, const struct segment_forge *good)
{
    bool has_lists = segment_forge_header(f)->shape.tier == SEGMENT_IVF;

    switch (below(has_lists ? 5 : 4)) {
    case 0: return forge_header(f);
    case 1: return forge_slots(f);
    case 4: return forge_list(f);
    default: return forge_entry(f) && !is_empty_moved(f, good);
    }
}

struct finder {
    struct segment_verify_watcher watcher;
    unsigned count;
};

static void count(struct segment_verify_watcher *w, const struct segment_damage *d)
{
    struct finder *f = container_of(w, struct finder, watcher);
    char line[SEGMENT_TELL_BYTES];

    segment_format_tell(STR("a"), d, line, sizeof line);
    f->count++;
}

// Opens and reads everything both ways that need no full check; whether anybody found something.
static bool is_found(struct segment_forge *f, bool *is_met)
{
    struct finder finder = {.watcher = {.found = count}};
    struct segment s;
    struct segment_damage why;
    err e = segment_forge_open(f, SEGMENT_CHECK_FIRST_TOUCH, &s, &why);

    *is_met = e != OK;
    if (e) {
        CHECK(e == ERR_DAMAGED || e == ERR_UNSUPPORTED);
        CHECK_EQ(segment_open(&s, str_from_c(f->path), SEGMENT_CHECK_FULL, &why), e);
        return true;
    }
    *is_met = segment_sample_read(&s) != OK;
    e = segment_verify(&s, &finder.watcher);
    CHECK_EQ(e, finder.count ? ERR_DAMAGED : OK);
    segment_close(&s);
    return e != OK;
}

// Whether bytes that somebody reads differ, and not zeros between sections alone.
static bool is_content_damaged(const struct segment_forge *f, const struct segment_forge *good)
{
    const struct segment_header *h = segment_forge_header(good);
    const struct segment_entry *entries =
        (const struct segment_entry *)(void *)(good->bytes + h->table_offset);

    for (uint32_t i = 0; i < h->section_count; i++) {
        const struct segment_entry *e = &entries[i];
        if (memcmp(f->bytes + e->offset, good->bytes + e->offset, e->bytes) != 0) return true;
    }
    return false;
}

static bool is_same(const struct segment_forge *a, const struct segment_forge *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

TEST(segment_damage_by_accident_is_always_found)
{
    uint64_t found = 0;

    random_init(&dice, test_seed());
    for (enum segment_tier tier = SEGMENT_EXACT; tier < SEGMENT_TIERS; tier++) {
        struct segment_forge good;
        segment_forge_init(&good, tier, ROWS);
        for (uint64_t n = damages() / SEGMENT_TIERS; n > 0; n--) {
            struct segment_forge f;
            bool is_met = false;
            segment_forge_copy(&f, &good);
            accidents[below(ACCIDENTS)](&f);
            if (!is_same(&f, &good)) {
                CHECK(is_found(&f, &is_met));
                if (is_content_damaged(&f, &good)) CHECK(is_met);
                found++;
            }
            segment_forge_done(&f);
        }
        segment_forge_done(&good);
    }
    CHECK(found > damages() / 2);
}

TEST(segment_damage_with_checksums_that_match_leads_nowhere)
{
    uint64_t found = 0;

    random_init(&dice, test_seed() + 1);
    for (enum segment_tier tier = SEGMENT_EXACT; tier < SEGMENT_TIERS; tier++) {
        struct segment_forge good;
        segment_forge_init(&good, tier, ROWS);
        for (uint64_t n = damages() / SEGMENT_TIERS; n > 0; n--) {
            struct segment_forge f;
            bool is_met = false;
            segment_forge_copy(&f, &good);
            bool is_wrong = forge_something(&f, &good);
            bool is_seen = is_found(&f, &is_met);
            if (is_wrong) CHECK(is_seen);
            found += is_wrong;
            segment_forge_done(&f);
        }
        segment_forge_done(&good);
    }
    CHECK(found > damages() / 4);
}
