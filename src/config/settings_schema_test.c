#include "config/settings_schema.h"

#include "codec/json.h"

#include "support/golden.h"
#include "support/test.h"

TEST(settings_schema_is_what_the_manual_ships)
{
    struct buf out;

    buf_init(&out, 1 << 17);
    CHECK_EQ(settings_schema(&out), OK);
    CHECK_EQ(buf_append_char(&out, '\n'), OK);
    golden_check("docs/reference/config.schema.json", buf_view(&out));
    buf_done(&out);
}

TEST(settings_schema_is_json_with_every_section_closed)
{
    struct buf out;
    size_t error_at;

    buf_init(&out, 1 << 17);
    CHECK_EQ(settings_schema(&out), OK);
    CHECK_EQ(json_check(buf_view(&out), &error_at), OK);
    const str wanted[] = {
        STR("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","),
        STR("\"required\":[\"name\",\"base_url\"]"),
        STR("\"required\":[\"name\",\"targets\"]"),
        STR("{\"type\":\"integer\",\"minimum\":0,\"maximum\":256}"),
        STR("\"enum\":[\"openai\",\"anthropic\",\"sluice\",\"grpc\"]"),
        STR("\"default\":\"127.0.0.1:8080\""),
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        CHECK(str_find(buf_view(&out), wanted[i]) < buf_len(&out));
    }
    buf_done(&out);
}

TEST(settings_schema_stops_where_the_buf_is_full)
{
    struct buf out;

    for (size_t max = 0; max < 5000; max += 250) {
        buf_init(&out, max);
        CHECK_EQ(settings_schema(&out), ERR_LIMIT);
        buf_done(&out);
    }
}
