#include "config/settings_table.h"

#include "config/settings.h"

#include "support/test.h"

#include <string.h>

enum { SECTIONS_MAX = 32 };

// All sections, the outermost first.
static size_t sections_of(const struct settings_section *sections[SECTIONS_MAX])
{
    size_t count = 1;

    sections[0] = &settings_table;
    for (size_t at = 0; at < count; at++) {
        for (size_t i = 0; i < sections[at]->field_count; i++) {
            if (!sections[at]->fields[i].section) continue;
            CHECK(count < SECTIONS_MAX);
            sections[count++] = sections[at]->fields[i].section;
        }
    }
    return count;
}

TEST(settings_table_rows_are_whole)
{
    const struct settings_section *sections[SECTIONS_MAX];
    size_t count = sections_of(sections);

    CHECK_EQ(count, 19);
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < sections[k]->field_count; i++) {
            const struct settings_field *f = &sections[k]->fields[i];
            bool is_nested = f->type == SETTINGS_SECTION || f->type == SETTINGS_LIST;
            CHECK(f->key.len > 0);
            CHECK(f->offset < sections[k]->size);
            CHECK_EQ(is_nested, f->section != NULL);
            CHECK_EQ(f->type == SETTINGS_CHOICE, f->choices != NULL);
            CHECK(!(f->is_required && f->fallback));
            CHECK_EQ(f->is_optional || f->type == SETTINGS_FILE || f->type == SETTINGS_URL ||
                         f->type == SETTINGS_LIST || f->type == SETTINGS_TEXTS,
                     f->second > 0);
            CHECK(str_ends(str_from_c(f->sentence), STR(".")));
            CHECK(!strchr(f->sentence, '|')); // it would end the manual's cell
            bool is_number = settings_table_is_number(f->type) || f->type == SETTINGS_SPAN;
            if (is_number) CHECK(f->min < f->max && f->fallback);
            bool is_wide = f->type == SETTINGS_SIZE || f->type == SETTINGS_DURATION;
            if (is_number && !is_wide) CHECK(f->max <= UINT32_MAX);
            for (size_t before = 0; before < i; before++) {
                CHECK(!str_eq(f->key, sections[k]->fields[before].key));
            }
        }
    }
}

TEST(settings_table_prints_bounds)
{
    const struct settings_field f = {
        .type = SETTINGS_DURATION, .min = 10, .max = 60'000, .zero = "none"};
    struct buf out;

    buf_init(&out, 100);
    CHECK_EQ(settings_table_print_bounds(&out, &f), OK);
    CHECK_STR(buf_view(&out), "10ms to 1m; 0: none");
    CHECK_EQ(settings_table_print_number(&out, SETTINGS_COUNT, 3), OK);
    CHECK(str_ends(buf_view(&out), STR("none3")));
    buf_done(&out);
}
