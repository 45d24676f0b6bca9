#include "config/settings_reference.h"

#include "support/golden.h"
#include "support/test.h"

TEST(settings_reference_is_what_the_manual_says)
{
    struct buf out;

    buf_init(&out, 1 << 16);
    CHECK_EQ(settings_reference(&out), OK);
    golden_check("docs/reference/config.md", buf_view(&out));
    buf_done(&out);
}

TEST(settings_reference_names_keys_and_paths)
{
    struct buf out;

    buf_init(&out, 1 << 16);
    CHECK_EQ(settings_reference(&out), OK);
    const str wanted[] = {STR("\n## `models[].targets[]`\n"), STR("\n## `telemetry.access_log`\n"),
                          STR("\n| `header_timeout` | duration | `10s` | 100ms to 1h |"),
                          STR("\n| `base_url` | URL | *required* |"), STR(" *Restart.* |\n")};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        CHECK(str_find(buf_view(&out), wanted[i]) < buf_len(&out));
    }
    buf_done(&out);
}

TEST(settings_reference_stops_where_the_buf_is_full)
{
    struct buf out;

    for (size_t max = 0; max < 3000; max += 100) {
        buf_init(&out, max);
        CHECK_EQ(settings_reference(&out), ERR_LIMIT);
        buf_done(&out);
    }
}
