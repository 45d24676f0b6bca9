#include "gateway/event_framing.h"

#include "support/test.h"

static err find(enum event_framing framing, str bytes, size_t *len)
{
    size_t scanned = 0;

    return event_framing_find(framing, bytes, &scanned, len);
}

TEST(event_framing_finds_frames_of_grpc)
{
    str two = STR("\0\0\0\0\x02hi\0\0\0\0\0");
    struct sse_event event;
    struct buf join;
    size_t len = 0;

    buf_init(&join, 100);
    for (size_t i = 0; i < 7; i++) {
        CHECK_EQ(find(EVENT_FRAMING_GRPC, str_sub(two, 0, i), &len), ERR_AGAIN);
        CHECK_EQ(len, i < 5 ? i : 7); // as much as is known of it
    }
    CHECK_EQ(find(EVENT_FRAMING_GRPC, two, &len), OK);
    CHECK_EQ(len, 7);
    CHECK_EQ(event_framing_parse(EVENT_FRAMING_GRPC, str_sub(two, 0, len), &join, &event), OK);
    CHECK_STR(event.data, "hi");
    CHECK_EQ(find(EVENT_FRAMING_GRPC, str_sub(two, 7, two.len), &len), OK);
    CHECK_EQ(event_framing_parse(EVENT_FRAMING_GRPC, str_sub(two, 7, len), &join, &event), OK);
    CHECK(event.has_data);
    CHECK_STR(event.data, "");
    buf_done(&join);
}

TEST(event_framing_refuses_frames_that_nobody_asked_for)
{
    struct sse_event event;
    struct buf join;
    size_t len = 0;

    buf_init(&join, 100);
    CHECK_EQ(find(EVENT_FRAMING_GRPC, STR("\x01\0\0\0\x02hi"), &len), ERR_SYNTAX);
    CHECK_EQ(find(EVENT_FRAMING_GRPC, STR("data: x\n\n"), &len), ERR_SYNTAX);
    CHECK_EQ(event_framing_parse(EVENT_FRAMING_GRPC, STR("\0\0"), &join, &event), ERR_SYNTAX);
    buf_done(&join);
}

TEST(event_framing_tells_how_long_a_frame_will_be_before_it_is_there)
{
    size_t len = 0;

    CHECK_EQ(find(EVENT_FRAMING_GRPC, STR("\0\xff\xff\xff\xff"), &len), ERR_AGAIN);
    CHECK_EQ(len, (size_t)UINT32_MAX + 5);
}

TEST(event_framing_finds_events_of_streams_of_text)
{
    struct sse_event event;
    struct buf join;
    size_t len = 0;

    buf_init(&join, 100);
    CHECK_EQ(find(EVENT_FRAMING_SSE, STR("data: x\n"), &len), ERR_AGAIN);
    CHECK_EQ(len, 8);
    CHECK_EQ(find(EVENT_FRAMING_SSE, STR("data: x\n\ndata"), &len), OK);
    CHECK_EQ(len, 9);
    CHECK_EQ(event_framing_parse(EVENT_FRAMING_SSE, STR("data: x\n\n"), &join, &event), OK);
    CHECK_STR(event.data, "x");
    buf_done(&join);
}
