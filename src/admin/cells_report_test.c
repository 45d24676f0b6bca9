#include "admin/cells_report.h"

#include "codec/json.h"
#include "resilience/breaker.h"
#include "resilience/route_state.h"

#include "support/test.h"

enum { NOW = 1'000'000 };

// A board with two ways, and two workers of whom the second has not used the second way.
struct bench {
    struct route_board *board;
    struct route_entry *one;
    struct route_entry *two;
    struct buf out;
};

static void bench_init(struct bench *b)
{
    b->board = route_board_new(4, 2);
    b->one = route_board_find(b->board, STR("p"), STR("m/1"), STR(""));
    b->two = route_board_find(b->board, STR("q\"\\"), STR("n\n\x01"), STR("\xc3\xa4"));
    b->one->figures[0] = (struct route_figures){.step = ROUTE_PROCESSING,
                                                .in_flight = 2,
                                                .limit = 16,
                                                .samples = 30,
                                                .error_permille = 33,
                                                .first_p95_ms = 700,
                                                .first_base_ms = -1,
                                                .gap_p95_ms = -1,
                                                .gap_base_ms = -1,
                                                .trips = 1,
                                                .calls = 40,
                                                .failures = 3,
                                                .retries = 2,
                                                .wait_until_ms = NOW - 1,
                                                .stuck_until_ms = NOW};
    b->one->figures[1] = (struct route_figures){.step = ROUTE_FAILED,
                                                .breaker = BREAKER_OPEN,
                                                .why = BREAKER_WHY_TOLD,
                                                .in_flight = 1,
                                                .first_p95_ms = -1,
                                                .first_base_ms = 100,
                                                .gap_p95_ms = 20,
                                                .gap_base_ms = 10,
                                                .calls = 5,
                                                .wait_until_ms = NOW + 250,
                                                .stuck_until_ms = NOW + 600'000};
    b->two->figures[0] = (struct route_figures){.calls = 1, .limit = 8};
    buf_init(&b->out, 64 * 1024);
}

static void bench_done(struct bench *b)
{
    buf_done(&b->out);
    route_board_free(b->board);
}

TEST(cells_report_has_one_object_a_way_and_in_it_one_a_worker_that_used_it)
{
    struct bench b;

    bench_init(&b);
    CHECK_EQ(cells_report_json(b.board, 2, NOW, &b.out), OK);
    CHECK_EQ(json_check(buf_view(&b.out), NULL), OK);
    CHECK_SAME(
        buf_view(&b.out),
        STR("{\"cells\":[{\"provider\":\"p\",\"model\":\"m/1\",\"key\":\"\",\"workers\":["
            "{\"worker\":0,\"state\":\"processing\",\"breaker\":\"closed\",\"in_flight\":2,"
            "\"limit\":16,\"samples\":30,\"error_permille\":33,\"first_p95_ms\":700,\"trips\":1,"
            "\"calls\":40,\"failures\":3,\"retries\":2},"
            "{\"worker\":1,\"state\":\"failed\",\"breaker\":\"open\",\"why\":\"told\","
            "\"in_flight\":1,\"limit\":0,\"samples\":0,\"error_permille\":0,"
            "\"first_base_ms\":100,\"gap_p95_ms\":20,\"gap_base_ms\":10,\"trips\":0,\"calls\":5,"
            "\"failures\":0,\"retries\":0,\"waits_ms\":250,\"avoided_ms\":600000}]},"
            "{\"provider\":\"q\\\"\\\\\",\"model\":\"n\\n\\u0001\",\"key\":\"\xc3\xa4\","
            "\"workers\":[{\"worker\":0,\"state\":\"idle\",\"breaker\":\"closed\",\"in_flight\":0,"
            "\"limit\":8,\"samples\":0,\"error_permille\":0,\"first_p95_ms\":0,"
            "\"first_base_ms\":0,\"gap_p95_ms\":0,\"gap_base_ms\":0,\"trips\":0,\"calls\":1,"
            "\"failures\":0,\"retries\":0}]}]}"));
    bench_done(&b);
}

TEST(cells_report_names_every_step_of_a_breaker)
{
    static const struct {
        enum breaker_step step;
        const char *name;
    } names[] = {
        {BREAKER_CLOSED, "\"breaker\":\"closed\""},
        {BREAKER_OPEN, "\"breaker\":\"open\""},
        {BREAKER_HALF_OPEN, "\"breaker\":\"half_open\""},
        {BREAKER_RAMP, "\"breaker\":\"ramp\""},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct bench b;
        bench_init(&b);
        b.two->figures[1].breaker = names[i].step; // told by another worker, it has no calls
        CHECK_EQ(cells_report_json(b.board, 2, NOW, &b.out), OK);
        str text = buf_view(&b.out);
        str last = str_sub(text, str_find(text, STR("\"n\\n")), text.len);
        bool is_shown = str_find(last, STR("\"worker\":1")) < last.len;
        CHECK_EQ(is_shown, names[i].step != BREAKER_CLOSED);
        CHECK(str_find(last, str_from_c(names[i].name)) < last.len);
        bench_done(&b);
    }
}

TEST(cells_report_of_an_empty_board_is_empty)
{
    struct route_board *board = route_board_new(4, 2);
    struct buf out;

    buf_init(&out, 1024);
    CHECK_EQ(cells_report_json(board, 2, NOW, &out), OK);
    CHECK_STR(buf_view(&out), "{\"cells\":[]}");
    buf_clear(&out);
    CHECK_EQ(cells_report_metrics(board, 2, &out), OK);
    CHECK_STR(buf_view(&out), "");
    buf_done(&out);
    route_board_free(board);
}

TEST(cells_report_says_so_where_it_does_not_fit)
{
    struct bench b;
    struct buf out;

    bench_init(&b);
    buf_init(&out, 100);
    CHECK_EQ(cells_report_json(b.board, 2, NOW, &out), ERR_LIMIT);
    buf_clear(&out);
    CHECK_EQ(cells_report_metrics(b.board, 2, &out), ERR_LIMIT);
    buf_done(&out);
    bench_done(&b);
}

// The lines of one metric, without those that describe it.
static void check_series(str text, const char *name, str want)
{
    struct buf got;
    str prefix = str_from_c(name);

    buf_init(&got, 4096);
    while (text.len) {
        str line = str_cut(&text, '\n');
        if (!str_starts(line, prefix) || line.ptr[prefix.len] != '{') continue;
        CHECK_EQ(buf_append(&got, str_sub(line, prefix.len, line.len)), OK);
        CHECK_EQ(buf_append(&got, STR("\n")), OK);
    }
    CHECK_SAME(buf_view(&got), want);
    buf_done(&got);
}

#define ONE "{provider=\"p\",model=\"m/1\",key=\"\"} "
// What is no text is not told.
#define TWO "{provider=\"q\\\"\\\\\",model=\"n??\",key=\"\xc3\xa4\"} "

TEST(cells_report_sums_the_figures_of_workers_for_prometheus)
{
    static const struct {
        const char *name;
        str samples;
    } want[] = {
        {"sluice_cell_in_flight", STR_INIT(ONE "3\n" TWO "0\n")},
        {"sluice_cell_limit", STR_INIT(ONE "16\n" TWO "8\n")},
        {"sluice_cell_calls_total", STR_INIT(ONE "45\n" TWO "1\n")},
        {"sluice_cell_failures_total", STR_INIT(ONE "3\n" TWO "0\n")},
        {"sluice_cell_retries_total", STR_INIT(ONE "2\n" TWO "0\n")},
        {"sluice_cell_trips_total", STR_INIT(ONE "1\n" TWO "0\n")},
        // No sum: what the worst of them says.
        {"sluice_cell_breaker", STR_INIT(ONE "1\n" TWO "0\n")},
    };
    struct bench b;

    bench_init(&b);
    CHECK_EQ(cells_report_metrics(b.board, 2, &b.out), OK);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        check_series(buf_view(&b.out), want[i].name, want[i].samples);
    }
    bench_done(&b);
}

TEST(cells_report_describes_each_metric_once_and_before_its_samples)
{
    struct bench b;
    str type = STR("");
    int helps = 0;
    int types = 0;

    bench_init(&b);
    CHECK_EQ(cells_report_metrics(b.board, 2, &b.out), OK);
    str text = buf_view(&b.out);
    CHECK(str_ends(text, STR("\n")));
    while (text.len) {
        str line = str_cut(&text, '\n');
        CHECK(line.len > 0);
        if (str_starts(line, STR("# HELP "))) {
            helps++;
        } else if (str_starts(line, STR("# TYPE "))) {
            types++;
            type = str_sub(line, 7, line.len);
            type = str_cut(&type, ' ');
        } else {
            CHECK(str_starts(line, type) && line.ptr[type.len] == '{');
        }
    }
    CHECK_EQ(helps, 7);
    CHECK_EQ(types, 7);
    bench_done(&b);
}
