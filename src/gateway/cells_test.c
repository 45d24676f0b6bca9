#include "gateway/cells.h"

#include "support/test.h"

#include <stdio.h>

enum { START = 1'000'000 };

static struct cell_options usual(void)
{
    return (struct cell_options){.breaker = BREAKER_DEFAULTS,
                                 .gradient = {.initial = 8, .min = 1, .max = 8},
                                 .retry_ratio = 0.2};
}

static struct cell *find(struct cells *cells, str provider, str model, str key)
{
    const struct cell_options o = usual();

    return cells_find(cells, &o, START, provider, model, key);
}

static void fail(struct cell *c, msec now)
{
    CHECK_EQ(cell_take(c, now, 0), CELL_TAKEN);
    cell_end(c, now,
             &(struct cell_outcome){
                 .failure = FAILURE_SERVER, .first_ms = -1, .gap_ms = -1, .has_place = true});
}

static msec trip(struct cell *c)
{
    msec now = START;

    for (int i = 0; i < 100 && !c->has_news; i++) {
        now += 10;
        fail(c, now);
    }
    CHECK(c->has_news);
    return now;
}

TEST(cells_find_the_same_cell_by_the_same_name)
{
    struct route_board *board = route_board_new(CELLS_MAX, 1);
    struct cells cells;
    struct cell_options other = usual();

    other.gradient = (struct gradient_options){.initial = 1, .min = 1, .max = 1};
    cells_init(&cells, board, 0, START);
    struct cell *c = find(&cells, STR("p"), STR("m"), STR("k"));
    CHECK(c && c != &cells.other);
    CHECK_STR(c->entry->provider, "p");
    CHECK_STR(c->entry->model, "m");
    CHECK_STR(c->entry->key, "k");
    // Later, with other options: its health and its own options stay.
    CHECK(cells_find(&cells, &other, START + 99, STR("p"), STR("m"), STR("k")) == c);
    CHECK_EQ(c->gradient.options.max, 8);
    CHECK(cells_at(&cells, c->entry->index) == c);
    cells_done(&cells);
    route_board_free(board);
}

TEST(cells_keep_apart_what_differs_in_any_name)
{
    static const char *const names[][3] = {
        {"p", "m", "k"}, {"q", "m", "k"}, {"p", "n", "k"},
        {"p", "m", "l"}, {"p", "m", ""},  {"pm", "", "k"},
    };
    enum { COUNT = sizeof(names) / sizeof(names[0]) };
    struct route_board *board = route_board_new(CELLS_MAX, 1);
    struct cell *found[COUNT];
    struct cells cells;

    cells_init(&cells, board, 0, START);
    for (size_t i = 0; i < COUNT; i++) {
        found[i] =
            find(&cells, str_from_c(names[i][0]), str_from_c(names[i][1]), str_from_c(names[i][2]));
        for (size_t k = 0; k < i; k++) {
            CHECK(found[i] != found[k]);
        }
    }
    cells_done(&cells);
    route_board_free(board);
}

TEST(cells_of_two_workers_are_two_of_one_entry)
{
    struct route_board *board = route_board_new(CELLS_MAX, 2);
    struct cells one;
    struct cells two;

    cells_init(&one, board, 0, START);
    cells_init(&two, board, 1, START);
    struct cell *c = find(&one, STR("p"), STR("m"), STR(""));
    CHECK(!cells_at(&two, c->entry->index)); // not used there yet
    struct cell *d = find(&two, STR("p"), STR("m"), STR(""));
    CHECK(c != d);
    CHECK(c->entry == d->entry);
    fail(d, START);
    cells_publish(&one);
    cells_publish(&two);
    CHECK_EQ(c->entry->figures[0].calls, 0);
    CHECK_EQ(c->entry->figures[1].calls, 1);
    cells_done(&one);
    cells_done(&two);
    route_board_free(board);
}

TEST(cells_share_one_that_never_opens_where_the_board_is_full)
{
    struct route_board *board = route_board_new(2, 1);
    struct cells cells;
    char name[32];

    cells_init(&cells, board, 0, START);
    for (int i = 0; i < 10; i++) {
        int len = snprintf(name, sizeof(name), "made-up-%d", i);
        str model = {.ptr = name, .len = (size_t)len};
        struct cell *c = find(&cells, STR("p"), model, STR(""));
        CHECK_EQ(c == &cells.other, i >= 2);
    }
    CHECK(!cells.other.entry);
    for (int i = 0; i < 5000; i++) {
        fail(&cells.other, START + i * 10);
        CHECK(!cells.other.has_news);
    }
    CHECK(cell_admits(&cells.other, START + 50'000));
    // It takes any number at once.
    for (int i = 0; i < 5000; i++) {
        CHECK_EQ(cell_take(&cells.other, START + 50'000, 0.99), CELL_TAKEN);
    }
    CHECK(!cells_at(&cells, CELLS_MAX));
    CHECK(!cells_at(&cells, SIZE_MAX));
    cells_publish(&cells);
    cells_done(&cells);
    route_board_free(board);
}

TEST(cells_share_one_of_names_that_are_too_long)
{
    static char name[ROUTE_BOARD_TEXT_MAX + 1];
    struct route_board *board = route_board_new(CELLS_MAX, 1);
    struct cells cells;

    for (size_t i = 0; i < sizeof(name); i++) {
        name[i] = 'x';
    }
    cells_init(&cells, board, 0, START);
    str model = {.ptr = name, .len = sizeof(name)};
    CHECK(find(&cells, STR("p"), model, STR("")) == &cells.other);
    model.len--;
    CHECK(find(&cells, STR("p"), model, STR("")) != &cells.other);
    cells_done(&cells);
    route_board_free(board);
}

// What is limited for one model that a client made up limits all of them: that is seen here.
TEST(cells_share_no_limit_by_a_429_of_a_name_that_a_client_made_up)
{
    struct route_board *board = route_board_new(1, 1);
    struct cells cells;

    cells_init(&cells, board, 0, START);
    (void)find(&cells, STR("p"), STR("the only one that fits"), STR(""));
    struct cell *c = find(&cells, STR("p"), STR("a"), STR(""));
    CHECK_EQ(cell_take(c, START, 0), CELL_TAKEN);
    cell_end(
        c, START,
        &(struct cell_outcome){.failure = FAILURE_LIMITED, .wait_ms = 60'000, .has_place = true});
    c = find(&cells, STR("q"), STR("b"), STR(""));
    CHECK(cell_admits(c, START));
    cells_done(&cells);
    route_board_free(board);
}

TEST(cells_tell_news_by_worker_kind_and_span)
{
    struct route_board *board = route_board_new(CELLS_MAX, 8);
    struct cells cells;
    uint32_t event = 0;

    cells_init(&cells, board, 7, START);
    struct cell *c = find(&cells, STR("p"), STR("m"), STR(""));
    CHECK(!cells_tell(&cells, c)); // none yet
    msec now = trip(c);
    CHECK(cells_tell(&cells, c));
    CHECK(!cells_tell(&cells, c)); // once
    CHECK_EQ(c->entry->figures[7].breaker, BREAKER_OPEN);
    CHECK(mailbox_take(&c->entry->news, &event));
    CHECK_EQ(cells_news_worker(event), 7);
    CHECK_EQ(cells_news(event).kind, CELL_NEWS_OPEN);
    CHECK_EQ(cells_news(event).span_ms, breaker_span(&c->breaker));
    CHECK(mailbox_is_empty(&c->entry->news));
    // And that it is back.
    now = cell_ready(c, now);
    CHECK_EQ(cell_take(c, now, 0), CELL_PROBE);
    cell_end(
        c, now,
        &(struct cell_outcome){.first_ms = 10, .gap_ms = -1, .has_place = true, .is_probe = true});
    CHECK(cells_tell(&cells, c));
    CHECK(mailbox_take(&c->entry->news, &event));
    CHECK_EQ(cells_news_worker(event), 7);
    CHECK_EQ(cells_news(event).kind, CELL_NEWS_CLOSED);
    cells_done(&cells);
    route_board_free(board);
}

TEST(cells_tell_no_span_longer_than_fits)
{
    struct route_board *board = route_board_new(CELLS_MAX, 1);
    struct cell_options o = usual();
    struct cells cells;
    uint32_t event = 0;

    o.breaker.open_min_ms = o.breaker.open_max_ms = 3LL * 24 * 3600 * 1000;
    cells_init(&cells, board, 0, START);
    struct cell *c = cells_find(&cells, &o, START, STR("p"), STR("m"), STR(""));
    (void)trip(c); // a third of a span, which is a day and fits
    CHECK(cells_tell(&cells, c));
    CHECK(mailbox_take(&c->entry->news, &event));
    CHECK_EQ(cells_news(event).span_ms, 24LL * 3600 * 1000);
    CHECK_EQ(cells_news(event).kind, CELL_NEWS_OPEN);
    // One that does not is told as the longest that does.
    c->breaker.open_ms = 3LL * 24 * 3600 * 1000;
    c->has_news = true;
    CHECK(cells_tell(&cells, c));
    CHECK(mailbox_take(&c->entry->news, &event));
    CHECK_EQ(cells_news(event).span_ms, ((1LL << 20) - 1) * 100);
    CHECK_EQ(cells_news_worker(event), 0);
    cells_done(&cells);
    route_board_free(board);
}
