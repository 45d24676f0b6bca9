#include "gateway/flight.h"

#include "support/test.h"

TEST(flight_keeps_the_newest_in_their_order)
{
    struct flight f = {.count = 0};
    struct buf out;

    buf_init(&out, 4096);
    CHECK_EQ(flight_write(&f, 0, &out), OK);
    CHECK_STR(buf_view(&out), "[]");
    flight_note(&f, 1'001'500, FLIGHT_SENT, 1);
    flight_note(&f, 1'250'000, FLIGHT_FAILED, 9);
    buf_clear(&out);
    CHECK_EQ(flight_write(&f, 1'000'000, &out), OK);
    CHECK_STR(buf_view(&out), "[[1.500,\"sent\",1],[250.000,\"failed\",9]]");
    for (uint32_t i = 0; i < 3 * FLIGHT_MAX; i++) {
        flight_note(&f, 2'000'000 + i, FLIGHT_WAIT, i);
    }
    buf_clear(&out);
    CHECK_EQ(flight_write(&f, 2'000'000, &out), OK);
    CHECK(str_starts(buf_view(&out), STR("[[0.048,\"wait\",48],")));
    CHECK(str_ends(buf_view(&out), STR("[0.071,\"wait\",71]]")));
    buf_done(&out);
}

TEST(flight_stops_where_there_is_no_room)
{
    struct flight f = {.count = 0};
    struct buf out;

    flight_note(&f, 1, FLIGHT_GONE, 0);
    buf_init(&out, 10);
    CHECK_EQ(flight_write(&f, 0, &out), ERR_LIMIT);
    buf_done(&out);
}
