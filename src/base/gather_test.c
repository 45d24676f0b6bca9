#include "base/gather.h"

#include "support/test.h"

static str large(char *room, char c)
{
    memset(room, c, GATHER_INSERT_MIN);
    return (str){.ptr = room, .len = GATHER_INSERT_MIN};
}

TEST(gather_lists_text_and_views_in_their_order)
{
    static char a[GATHER_INSERT_MIN];
    static char b[GATHER_INSERT_MIN];
    struct iovec pieces[GATHER_PIECES_MAX];
    struct gather g;

    gather_init(&g, 1024);
    CHECK_EQ(buf_append(&g.text, STR("x")), OK);
    CHECK_EQ(gather_insert(&g, large(a, 'a')), OK);
    CHECK_EQ(gather_insert(&g, large(b, 'b')), OK);
    CHECK_EQ(buf_append(&g.text, STR("yz")), OK);
    CHECK_EQ(gather_len(&g), 3 + 2 * GATHER_INSERT_MIN);
    CHECK_EQ(gather_pieces(&g, pieces), 4);
    CHECK_SAME(((str){.ptr = pieces[0].iov_base, .len = pieces[0].iov_len}), STR("x"));
    CHECK(pieces[1].iov_base == a);
    CHECK(pieces[2].iov_base == b);
    CHECK_SAME(((str){.ptr = pieces[3].iov_base, .len = pieces[3].iov_len}), STR("yz"));
    gather_done(&g);
}

TEST(gather_copies_short_views_and_those_past_the_maximum)
{
    static char a[GATHER_INSERT_MIN];
    struct iovec pieces[GATHER_PIECES_MAX];
    struct gather g;

    gather_init(&g, 2 * GATHER_INSERT_MIN);
    CHECK_EQ(gather_insert(&g, STR("short")), OK);
    CHECK_EQ(g.insert_count, 0);
    for (int i = 0; i < GATHER_INSERTS_MAX; i++) {
        CHECK_EQ(gather_insert(&g, large(a, 'a')), OK);
    }
    CHECK_EQ(gather_insert(&g, large(a, 'a')), OK);
    CHECK_EQ(buf_len(&g.text), 5 + GATHER_INSERT_MIN);
    CHECK_EQ(gather_insert(&g, large(a, 'a')), ERR_LIMIT);
    CHECK_EQ(gather_len(&g), 5 + (GATHER_INSERTS_MAX + 1) * (size_t)GATHER_INSERT_MIN);
    CHECK(gather_pieces(&g, pieces) <= GATHER_PIECES_MAX);
    gather_done(&g);
}

TEST(gather_of_nothing_has_no_pieces)
{
    struct iovec pieces[GATHER_PIECES_MAX];
    struct gather g;

    gather_init(&g, 16);
    CHECK_EQ(gather_pieces(&g, pieces), 0);
    CHECK_EQ(gather_len(&g), 0);
    gather_done(&g);
}
