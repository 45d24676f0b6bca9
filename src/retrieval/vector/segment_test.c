// Crosses threads: one segment is touched by two.
#include "retrieval/vector/segment.h"

#include "base/memory.h"

#include "support/segment_forge.h"
#include "support/segment_sample.h"
#include "support/test.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 2500 };

static struct segment_forge forge;
static struct segment segment;
static struct segment_damage why;

static void start(enum segment_tier tier)
{
    segment_forge_init(&forge, tier, ROWS);
}

static err reopen(enum segment_check check)
{
    return segment_forge_open(&forge, check, &segment, &why);
}

static void end(void)
{
    segment_close(&segment);
    segment_forge_done(&forge);
}

static void damage(enum segment_type type, uint64_t offset)
{
    uint8_t *byte = &forge.bytes[segment_forge_entry(&forge, type)->offset + offset];

    *byte = (uint8_t) ~*byte;
}

TEST(segment_shows_lists_codes_and_rows)
{
    struct ivf_view view;

    start(SEGMENT_IVF);
    CHECK_EQ(reopen(SEGMENT_CHECK_FIRST_TOUCH), OK);
    CHECK_EQ(segment_ivf(&segment, &view), OK);
    CHECK_EQ(view.row_count, ROWS);
    CHECK_EQ(view.quantizer.list_count, SEGMENT_SAMPLE_LISTS);
    CHECK_EQ(view.quantizer.dim, SEGMENT_SAMPLE_DIM);
    CHECK_EQ(view.quantizer.padded_dim, 64);
    CHECK_EQ(view.quantizer.metric, METRIC_COSINE);
    CHECK_EQ(view.quantizer.rotation->seed, 42);
    CHECK_EQ((uintptr_t)view.code1 % 64, 0);
    CHECK_EQ((uintptr_t)view.quantizer.coarse % 64, 0);
    CHECK((const uint8_t *)view.raw == segment_section(&segment, SEGMENT_RAW, 0)->bytes);
    CHECK(view.raw == segment.raw);
    for (uint32_t i = 0; i < SEGMENT_SAMPLE_LISTS; i++) {
        CHECK(ivf_holds(&view, &view.lists[i]));
        CHECK_EQ(segment_touch_list(&segment, i), OK);
    }
    CHECK_EQ(segment_health(&segment, &why), OK);
    end();
}

TEST(segment_without_lists_shows_rows)
{
    struct ivf_view view;

    for (enum segment_tier tier = SEGMENT_EXACT; tier < SEGMENT_IVF; tier++) {
        start(tier);
        CHECK_EQ(reopen(SEGMENT_CHECK_OFF), OK);
        CHECK_EQ(segment_ivf(&segment, &view), ERR_TYPE);
        CHECK_EQ(!segment_section(&segment, SEGMENT_INT8, 0), tier == SEGMENT_EXACT);
        CHECK_EQ(segment_sample_read(&segment), OK);
        end();
    }
}

TEST(segment_finds_sections_by_type_and_number)
{
    start(SEGMENT_EXACT);
    CHECK_EQ(reopen(SEGMENT_CHECK_OFF), OK);
    CHECK_EQ(segment_section(&segment, SEGMENT_COLUMN_VALUES, 1)->number, 1);
    CHECK_EQ(segment_section(&segment, SEGMENT_COLUMN_DICT, 0)->len, 0);
    CHECK(!segment_section(&segment, SEGMENT_COLUMN_VALUES, 2));
    CHECK(!segment_section(&segment, SEGMENT_CODE1, 0));
    CHECK(!segment_section(&segment, SEGMENT_HEADER, 0));
    end();
}

TEST(segment_finds_the_row_of_a_key)
{
    uint64_t row = 0;

    start(SEGMENT_EXACT);
    CHECK_EQ(reopen(SEGMENT_CHECK_FIRST_TOUCH), OK);
    for (uint64_t i = 0; i < ROWS; i++) {
        CHECK_EQ(segment_find_key(&segment, segment_sample_key(i), &row), OK);
        CHECK_EQ(row, i);
        CHECK_EQ(segment_find_key(&segment, segment_sample_key(i) + 1, &row), ERR_ABSENT);
    }
    end();
}

// Slots whose checksums match: somebody's mistake, or forged.
TEST(segment_trusts_no_slot_of_a_key)
{
    struct segment_entry *e = NULL;
    uint64_t row = 0;

    start(SEGMENT_EXACT);
    e = segment_forge_entry(&forge, SEGMENT_KEYHASH);
    memset(forge.bytes + e->offset, 0xff, e->bytes);
    segment_forge_seal(&forge);
    CHECK_EQ(reopen(SEGMENT_CHECK_FULL), OK);
    CHECK_EQ(segment_find_key(&segment, 1, &row), ERR_DAMAGED);
    CHECK_EQ(segment_health(&segment, &why), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_KEYHASH);
    CHECK_EQ(why.harm, SEGMENT_IMPOSSIBLE);
    segment_close(&segment);

    for (uint64_t i = 0; i < e->bytes; i += 4) { // row 0 everywhere: a search without an end
        memcpy(forge.bytes + e->offset + i, &(uint32_t){1}, 4);
    }
    segment_forge_seal(&forge);
    CHECK_EQ(reopen(SEGMENT_CHECK_FULL), OK);
    CHECK_EQ(segment_find_key(&segment, segment_sample_key(0), &row), OK);
    CHECK_EQ(segment_find_key(&segment, 2, &row), ERR_DAMAGED);
    end();
}

TEST(segment_reports_a_damaged_block_when_it_is_touched)
{
    const struct segment_section *raw = NULL;
    char line[SEGMENT_TELL_BYTES];

    start(SEGMENT_IVF);
    damage(SEGMENT_RAW, 2 * SEGMENT_BLOCK_BYTES + 17);
    CHECK_EQ(reopen(SEGMENT_CHECK_FIRST_TOUCH), OK);
    raw = segment_section(&segment, SEGMENT_RAW, 0);
    CHECK_EQ(segment_touch(&segment, raw, 0, 2 * SEGMENT_BLOCK_BYTES), OK);
    CHECK_EQ(segment_touch(&segment, raw, 3 * SEGMENT_BLOCK_BYTES, 10), OK);
    CHECK_EQ(segment_health(&segment, &why), OK);
    CHECK_EQ(segment_touch(&segment, raw, 2 * SEGMENT_BLOCK_BYTES - 1, 2), ERR_DAMAGED);
    CHECK_EQ(segment_touch(&segment, raw, 2 * SEGMENT_BLOCK_BYTES, 1), ERR_DAMAGED);
    CHECK_EQ(segment_health(&segment, &why), ERR_DAMAGED);
    segment_format_tell(STR("a.vseg"), &why, line, sizeof line);
    CHECK_STR(str_from_c(line), "a.vseg: section RAW 0, block 2: a checksum does not match");
    end();
}

TEST(segment_tells_a_damaged_checksum_from_a_damaged_block)
{
    start(SEGMENT_EXACT);
    damage(SEGMENT_BLKCRC, 0);
    CHECK_EQ(reopen(SEGMENT_CHECK_FIRST_TOUCH), OK);
    CHECK_EQ(segment_touch(&segment, segment_section(&segment, SEGMENT_KEYS, 0), 0, 1),
             ERR_DAMAGED);
    CHECK_EQ(segment_health(&segment, &why), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_BLKCRC);
    end();
}

TEST(segment_touches_only_what_is_there)
{
    const struct segment_section *keys = NULL;

    start(SEGMENT_EXACT);
    CHECK_EQ(reopen(SEGMENT_CHECK_FIRST_TOUCH), OK);
    keys = segment_section(&segment, SEGMENT_KEYS, 0);
    CHECK_EQ(segment_touch(&segment, keys, keys->len, 0), OK);
    CHECK_EQ(segment_touch(&segment, keys, keys->len, 1), ERR_RANGE);
    CHECK_EQ(segment_touch(&segment, keys, 1, UINT64_MAX), ERR_RANGE);
    CHECK_EQ(segment_touch(&segment, keys, UINT64_MAX, 1), ERR_RANGE);
    end();
}

TEST(segment_checks_nothing_when_told_so_and_everything_when_told_so)
{
    start(SEGMENT_EXACT);
    damage(SEGMENT_RAW, 0);
    CHECK_EQ(reopen(SEGMENT_CHECK_OFF), OK);
    CHECK_EQ(segment_sample_read(&segment), OK);
    segment_close(&segment);
    CHECK_EQ(reopen(SEGMENT_CHECK_FULL), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_RAW);
    CHECK_EQ(why.block, 0);
    segment_forge_done(&forge);
}

TEST(segment_refuses_damaged_lists_whatever_the_mode)
{
    start(SEGMENT_IVF);
    damage(SEGMENT_LISTS, 33);
    CHECK_EQ(reopen(SEGMENT_CHECK_OFF), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_LISTS);
    CHECK_EQ(why.harm, SEGMENT_CHANGED);
    segment_forge_seal(&forge);
    CHECK_EQ(reopen(SEGMENT_CHECK_OFF), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_LISTS);
    CHECK_EQ(why.harm, SEGMENT_IMPOSSIBLE);
    segment_forge_done(&forge);
}

// A reader keeps its lists though the file's change, and reads zeros where it was cut.
TEST(segment_cut_while_it_is_open_shows_zeros_and_says_so)
{
    struct ivf_view view;
    uint64_t offset = 0;
    struct segment_entry keys;

    start(SEGMENT_IVF);
    keys = *segment_forge_entry(&forge, SEGMENT_KEYS);
    CHECK_EQ(reopen(SEGMENT_CHECK_FIRST_TOUCH), OK);
    CHECK_EQ(segment_ivf(&segment, &view), OK);
    CHECK_EQ(ftruncate(forge.fd, (off_t)keys.offset + 4), 0);
    CHECK_EQ(segment_health(&segment, &why), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_KEYS);
    CHECK_EQ(why.harm, SEGMENT_CUT);
    CHECK_EQ(view.raw[12'345], 0);
    CHECK(mapped_file_fault(&segment.file, &offset));
    CHECK_EQ(segment_touch(&segment, segment_section(&segment, SEGMENT_RAW, 0), 70'000, 1),
             ERR_DAMAGED);
    CHECK_EQ(segment_health(&segment, &why), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_RAW);
    CHECK_EQ(why.block, 1);
    CHECK_EQ(why.harm, SEGMENT_CUT);
    CHECK_EQ(view.lists[SEGMENT_SAMPLE_LISTS - 1].rows, ROWS / (SEGMENT_SAMPLE_LISTS - 1));
    end();
}

struct toucher {
    pthread_t thread;
    err result;
};

static void *touch_all(void *arg)
{
    struct toucher *t = arg;

    t->result = segment_sample_read(&segment);
    return NULL;
}

TEST(segment_is_touched_by_two_threads)
{
    for (unsigned is_damaged = 0; is_damaged < 2; is_damaged++) {
        struct toucher touchers[2];
        start(SEGMENT_IVF);
        if (is_damaged) damage(SEGMENT_CODE4, 70'000);
        CHECK_EQ(reopen(SEGMENT_CHECK_FIRST_TOUCH), OK);
        for (unsigned i = 0; i < 2; i++) {
            CHECK_EQ(pthread_create(&touchers[i].thread, NULL, touch_all, &touchers[i]), 0);
        }
        for (unsigned i = 0; i < 2; i++) {
            pthread_join(touchers[i].thread, NULL);
            CHECK_EQ(touchers[i].result, is_damaged ? ERR_DAMAGED : OK);
        }
        end();
    }
}

TEST(segment_refuses_what_is_no_segment)
{
    struct segment_header zeros = {0};

    start(SEGMENT_EXACT);
    CHECK_EQ(segment_open(&segment, STR("/nonexistent"), SEGMENT_CHECK_OFF, &why), ERR_ABSENT);
    memcpy(forge.bytes, &zeros, sizeof zeros); // as a writer that did not finish leaves it
    CHECK_EQ(reopen(SEGMENT_CHECK_OFF), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_HEADER);
    forge.len = 2 * SEGMENT_PAGE_BYTES - 1;
    CHECK_EQ(reopen(SEGMENT_CHECK_OFF), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_HEADER);
    CHECK_EQ(why.harm, SEGMENT_CUT);
    segment_forge_done(&forge);
}

TEST(segment_refuses_a_file_that_was_cut_or_has_grown)
{
    start(SEGMENT_EXACT);
    forge.len -= 1;
    CHECK_EQ(reopen(SEGMENT_CHECK_OFF), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_FOOTER);
    CHECK_EQ(why.harm, SEGMENT_CUT);
    forge.len += 2;
    CHECK_EQ(reopen(SEGMENT_CHECK_OFF), ERR_DAMAGED);
    CHECK_EQ(why.type, SEGMENT_FOOTER);
    CHECK_EQ(why.harm, SEGMENT_CHANGED);
    segment_forge_done(&forge);
}

TEST(segment_of_another_major_version_or_byte_order_is_not_supported)
{
    start(SEGMENT_EXACT);
    segment_forge_header(&forge)->major = SEGMENT_MAJOR + 1;
    segment_forge_seal(&forge);
    CHECK_EQ(reopen(SEGMENT_CHECK_OFF), ERR_UNSUPPORTED);
    segment_forge_header(&forge)->major = SEGMENT_MAJOR;
    segment_forge_header(&forge)->endian = 0x04030201;
    segment_forge_seal(&forge);
    CHECK_EQ(reopen(SEGMENT_CHECK_OFF), ERR_UNSUPPORTED);
    segment_forge_done(&forge);
}

TEST(segment_of_a_later_minor_version_opens_without_what_is_not_known)
{
    start(SEGMENT_EXACT);
    segment_forge_header(&forge)->minor = SEGMENT_MINOR + 1;
    segment_forge_header(&forge)->zeros[0] = 1;
    segment_forge_entry(&forge, SEGMENT_COLUMN_VALUES)->type = 1234;
    segment_forge_seal(&forge);
    CHECK_EQ(reopen(SEGMENT_CHECK_FULL), OK);
    CHECK_EQ(segment_sample_read(&segment), OK);
    CHECK(segment_section(&segment, (enum segment_type)1234, 0));
    end();
}
