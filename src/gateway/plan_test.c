#include "gateway/plan.h"

#include "support/stage.h"
#include "support/test.h"

#define PROVIDERS                                                                                  \
    "providers:\n"                                                                                 \
    "  - {name: p, base_url: \"http://p/v1\", api_key: \"${KEY}\"}\n"                              \
    "  - {name: q, base_url: \"http://q/v1\", api_key: \"${KEY}\"}\n"                              \
    "  - {name: r, base_url: \"http://r/v1\", api_key: \"${KEY}\"}\n"
#define FOUR                                                                                       \
    PROVIDERS "models:\n"                                                                          \
              "  - {name: m, targets: [{provider: p}, {provider: q, weight: 3},\n"                 \
              "                        {provider: r, weight: 0}],\n"                               \
              "     fallback: [{provider: r, model: f1}, {provider: p, model: f2}],\n"             \
              "     concurrency: {min: 1, max: 1}}\n"

struct bench {
    struct stage stage;
    struct plan plan;
    struct plan_asker asker;
    struct plan_choice choice;
    msec ready;
};

static void again(struct bench *b)
{
    const struct gateway_view *v =
        container_of(b->stage.gateway.views.next, struct gateway_view, link);

    plan_init(&b->plan, gateway_view_find_model(v, STR("m")), STR("m"));
    b->ready = -1;
}

static void bench_init(struct bench *b, str yaml)
{
    struct gateway *g = &b->stage.gateway;

    stage_init(&b->stage, yaml);
    again(b);
    b->asker =
        (struct plan_asker){.cells = &g->cells, .random = &g->random, .now = b->stage.loop.now};
}

static enum plan_answer next(struct bench *b)
{
    return plan_next(&b->plan, &b->asker, &b->choice, &b->ready);
}

// Takes the next, who must be of that provider and model, and ends the call at once.
static void expect(struct bench *b, const char *provider, const char *model, enum failure f)
{
    CHECK_EQ(next(b), PLAN_GO);
    CHECK_SAME(b->choice.target->origin->provider->name, str_from_c(provider));
    CHECK_SAME(b->choice.target->settings->model, str_from_c(model));
    cell_end(b->choice.cell, b->asker.now,
             &(struct cell_outcome){.failure = f,
                                    .first_ms = -1,
                                    .gap_ms = -1,
                                    .wait_ms = -1,
                                    .has_place = true,
                                    .is_probe = b->choice.is_probe});
}

static struct cell *cell_of(const struct bench *b, size_t target)
{
    return b->plan.model->targets[target].cells[0];
}

static struct cell *cell_of_fallback(const struct bench *b, size_t fallback)
{
    return b->plan.model->fallback[fallback].cells[0];
}

static void open(struct bench *b, struct cell *c, msec span)
{
    cell_tell(c, b->asker.now, (struct cell_news){.kind = CELL_NEWS_OPEN, .span_ms = span});
}

TEST(plan_asks_targets_by_weight_then_the_fallback_in_order_and_nobody_twice)
{
    struct bench b;
    int first_is_q = 0;

    bench_init(&b, STR(FOUR));
    for (int i = 0; i < 1000; i++) {
        again(&b);
        CHECK(plan_has_more(&b.plan));
        CHECK_EQ(next(&b), PLAN_GO);
        CHECK(!b.choice.is_fallback);
        CHECK(!b.choice.is_foreign);
        bool is_q = str_eq(b.choice.target->origin->provider->name, STR("q"));
        first_is_q += is_q;
        cell_end(b.choice.cell, b.asker.now,
                 &(struct cell_outcome){.first_ms = -1, .gap_ms = -1, .has_place = true});
        expect(&b, is_q ? "p" : "q", "", FAILURE_NONE);
        CHECK(!b.choice.is_fallback);
        expect(&b, "r", "f1", FAILURE_NONE);
        CHECK(b.choice.is_fallback);
        CHECK(plan_has_more(&b.plan));
        expect(&b, "p", "f2", FAILURE_NONE);
        CHECK(b.choice.is_fallback);
        CHECK(!plan_has_more(&b.plan));
        CHECK_EQ(next(&b), PLAN_NOBODY);
    }
    CHECK(first_is_q > 690 && first_is_q < 810); // 750, and four deviations
    stage_done(&b.stage);
}

TEST(plan_asks_everybody_again_once_it_is_reopened)
{
    struct bench b;

    bench_init(&b, STR(FOUR));
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(next(&b), PLAN_GO);
        cell_end(b.choice.cell, b.asker.now, &(struct cell_outcome){.has_place = true});
    }
    CHECK_EQ(next(&b), PLAN_NOBODY);
    plan_reopen(&b.plan);
    CHECK(plan_has_more(&b.plan));
    CHECK_EQ(next(&b), PLAN_GO);
    CHECK(!b.choice.is_fallback);
    cell_end(b.choice.cell, b.asker.now, &(struct cell_outcome){.has_place = true});
    stage_done(&b.stage);
}

TEST(plan_asks_those_that_are_avoided_last_of_all)
{
    struct bench b;

    bench_init(&b, STR(FOUR));
    cell_of(&b, 0)->avoid_until = b.asker.now + 1;
    cell_of_fallback(&b, 0)->avoid_until = b.asker.now + 1;
    expect(&b, "q", "", FAILURE_NONE);
    expect(&b, "p", "f2", FAILURE_NONE);
    // Now those two, rather than nobody: as they would have come.
    CHECK(plan_has_more(&b.plan));
    expect(&b, "p", "", FAILURE_DENIED);
    expect(&b, "r", "f1", FAILURE_DENIED);
    CHECK_EQ(next(&b), PLAN_NOBODY);
    // One that can be waited for comes before them.
    again(&b);
    cell_of(&b, 1)->wait_until = b.asker.now + 70;
    cell_of_fallback(&b, 1)->wait_until = b.asker.now + 90;
    CHECK_EQ(next(&b), PLAN_LATER);
    CHECK_EQ(b.ready, b.asker.now + 70);
    stage_done(&b.stage);
}

TEST(plan_goes_on_to_the_fallback_while_the_targets_are_busy)
{
    struct bench b;

    bench_init(&b, STR(FOUR));
    cell_of(&b, 0)->wait_until = b.asker.now + 10;
    open(&b, cell_of(&b, 1), 5000);
    expect(&b, "r", "f1", FAILURE_NONE);
    // They were not asked, so they come once they are ready.
    b.asker.now += 10;
    expect(&b, "p", "", FAILURE_NONE);
    stage_done(&b.stage);
}

TEST(plan_says_when_the_first_of_those_who_wait_is_ready)
{
    struct bench b;

    bench_init(&b, STR(FOUR));
    cell_of(&b, 0)->wait_until = b.asker.now + 300;
    cell_of(&b, 1)->wait_until = b.asker.now + 200;
    cell_of_fallback(&b, 0)->wait_until = b.asker.now + 400;
    open(&b, cell_of_fallback(&b, 1), 100); // an open one is not waited for
    CHECK_EQ(next(&b), PLAN_LATER);
    CHECK_EQ(b.ready, b.asker.now + 200);
    CHECK_EQ(b.plan.asked, 0);
    CHECK_EQ(b.plan.asked_fallback, 0);
    stage_done(&b.stage);
}

TEST(plan_says_that_it_waits_for_a_place)
{
    struct bench b;

    bench_init(&b, STR(PROVIDERS "models:\n  - {name: m, targets: [{provider: p}, {provider: q}],\n"
                                 "     concurrency: {min: 1, max: 1}}\n"));
    CHECK_EQ(next(&b), PLAN_GO);
    struct cell *first = b.choice.cell;
    CHECK_EQ(next(&b), PLAN_GO);
    struct cell *second = b.choice.cell;
    CHECK(first != second);
    again(&b);
    CHECK_EQ(next(&b), PLAN_LATER);
    CHECK_EQ(b.ready, TIME_NEVER);
    // One that opened meanwhile changes nothing of that, one whose time is known does.
    open(&b, first, 5000);
    CHECK_EQ(next(&b), PLAN_LATER);
    CHECK_EQ(b.ready, TIME_NEVER);
    cell_first(second, b.asker.now, 10);
    CHECK_EQ(next(&b), PLAN_GO);
    CHECK(b.choice.cell == second);
    cell_first(second, b.asker.now, 10);
    cell_end(second, b.asker.now, &(struct cell_outcome){.first_ms = -1, .gap_ms = -1});
    stage_done(&b.stage);
}

TEST(plan_says_when_the_first_of_the_open_ones_may_be_probed)
{
    struct bench b;

    bench_init(&b, STR(FOUR));
    open(&b, cell_of(&b, 0), 9000);
    open(&b, cell_of(&b, 1), 3000);
    open(&b, cell_of_fallback(&b, 0), 8000);
    open(&b, cell_of_fallback(&b, 1), 7000);
    CHECK_EQ(next(&b), PLAN_OPEN);
    CHECK_EQ(b.ready, cell_ready(cell_of(&b, 1), b.asker.now));
    CHECK(b.ready > b.asker.now + 2000 && b.ready <= b.asker.now + 3000);
    CHECK(plan_has_more(&b.plan));
    // Then it is.
    b.asker.now = b.ready;
    CHECK_EQ(next(&b), PLAN_GO);
    CHECK(b.choice.is_probe);
    cell_end(
        b.choice.cell, b.asker.now,
        &(struct cell_outcome){.failure = FAILURE_CANCELED, .has_place = true, .is_probe = true});
    stage_done(&b.stage);
}

TEST(plan_takes_no_open_one_though_it_is_avoided_too)
{
    struct bench b;

    bench_init(&b, STR(PROVIDERS "models:\n  - {name: m, targets: [{provider: p}]}\n"));
    cell_of(&b, 0)->avoid_until = b.asker.now + 60'000;
    open(&b, cell_of(&b, 0), 3000);
    CHECK_EQ(next(&b), PLAN_OPEN);
    CHECK_EQ(b.ready, cell_ready(cell_of(&b, 0), b.asker.now));
    stage_done(&b.stage);
}

TEST(plan_passes_over_whoever_lacks_what_the_request_needs)
{
    static const struct {
        struct openai_needs needs;
        const char *served_by;
    } cases[] = {
        {{.has_tools = true}, "q"},
        {{.has_images = true}, "r"},
        {{.input_tokens = 1001}, "f"},
        {{.input_tokens = 1000, .has_tools = true}, "q"},
        {{.has_tools = true, .has_images = true}, "f"},
    };
    struct bench b;

    bench_init(&b, STR(PROVIDERS "models:\n"
                                 "  - {name: m, targets: [\n"
                                 "     {provider: q, model: q, images: false, context: 1000},\n"
                                 "     {provider: r, model: r, tools: false, context: 1000}],\n"
                                 "     fallback: [{provider: p, model: f}]}\n"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int k = 0; k < 10; k++) {
            again(&b);
            b.plan.is_narrowed = true;
            b.plan.needs = cases[i].needs;
            CHECK_EQ(next(&b), PLAN_GO);
            CHECK_SAME(b.choice.target->settings->model, str_from_c(cases[i].served_by));
            cell_end(b.choice.cell, b.asker.now, &(struct cell_outcome){.has_place = true});
        }
    }
    // What is not known to be needed is not asked for.
    again(&b);
    b.plan.needs = (struct openai_needs){.has_tools = true, .has_images = true};
    CHECK_EQ(next(&b), PLAN_GO);
    CHECK(!b.choice.is_fallback);
    cell_end(b.choice.cell, b.asker.now, &(struct cell_outcome){.has_place = true});
    stage_done(&b.stage);
}

TEST(plan_has_nobody_for_what_nobody_can_do)
{
    struct bench b;

    bench_init(&b, STR(PROVIDERS "models:\n"
                                 "  - {name: m, targets: [{provider: p, context: 1000}],\n"
                                 "     fallback: [{provider: q, context: 2000}]}\n"));
    b.plan.is_narrowed = true;
    b.plan.needs.input_tokens = 2001;
    CHECK(!plan_has_more(&b.plan));
    CHECK_EQ(next(&b), PLAN_NOBODY);
    b.plan.needs.input_tokens = 2000;
    CHECK(plan_has_more(&b.plan));
    expect(&b, "q", "", FAILURE_NONE);
    stage_done(&b.stage);
}

#define KEYS                                                                                       \
    "providers:\n"                                                                                 \
    "  - {name: p, base_url: \"http://p/v1\", api_keys: [{name: a, key: ka}, {name: b, key: kb},"  \
    " {name: c, key: kc}]}\n"                                                                      \
    "models:\n  - {name: m, targets: [{provider: p}]}\n"

TEST(plan_takes_the_key_that_is_ready)
{
    struct bench b;

    bench_init(&b, STR(KEYS));
    struct cell **cells = b.plan.model->targets[0].cells;
    CHECK_EQ(b.plan.model->targets[0].origin->key_count, 3);
    for (size_t ready = 0; ready < 3; ready++) {
        for (size_t k = 0; k < 3; k++) {
            cells[k]->wait_until = b.asker.now + 100;
        }
        cells[ready]->wait_until = 0;
        again(&b);
        expect(&b, "p", "", FAILURE_NONE);
        CHECK_EQ(b.choice.key, ready);
        CHECK(b.choice.cell == cells[ready]);
    }
    // One that is avoided is taken after one that waits.
    cells[0]->avoid_until = b.asker.now + 60'000;
    cells[0]->wait_until = 0;
    cells[1]->wait_until = b.asker.now + 70;
    cells[2]->wait_until = b.asker.now + 90;
    again(&b);
    CHECK_EQ(next(&b), PLAN_LATER);
    CHECK_EQ(b.ready, b.asker.now + 70);
    b.asker.now += 70;
    expect(&b, "p", "", FAILURE_NONE);
    CHECK_EQ(b.choice.key, 1);
    stage_done(&b.stage);
}

TEST(plan_takes_all_keys_in_turn)
{
    struct bench b;
    int counts[3] = {0};

    bench_init(&b, STR(KEYS));
    for (int i = 0; i < 3000; i++) {
        again(&b);
        expect(&b, "p", "", FAILURE_NONE);
        counts[b.choice.key]++;
    }
    for (size_t i = 0; i < 3; i++) {
        CHECK(counts[i] > 850 && counts[i] < 1150);
    }
    stage_done(&b.stage);
}

TEST(plan_asks_the_same_target_again_by_another_key)
{
    struct bench b;

    bench_init(&b, STR(KEYS));
    CHECK_EQ(next(&b), PLAN_GO);
    size_t key = b.choice.key;
    cell_end(
        b.choice.cell, b.asker.now,
        &(struct cell_outcome){.failure = FAILURE_LIMITED, .wait_ms = 60'000, .has_place = true});
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(plan_again(&b.plan, &b.asker, &b.choice, &b.ready), PLAN_GO);
        CHECK(b.choice.key != key);
        cell_end(b.choice.cell, b.asker.now,
                 &(struct cell_outcome){
                     .failure = FAILURE_LIMITED, .wait_ms = 50'000, .has_place = true});
    }
    CHECK_EQ(plan_again(&b.plan, &b.asker, &b.choice, &b.ready), PLAN_LATER);
    CHECK_EQ(b.ready, b.asker.now + 50'000);
    stage_done(&b.stage);
}

TEST(plan_keeps_a_fallback_a_fallback_when_it_is_asked_again)
{
    struct bench b;

    bench_init(&b, STR(FOUR));
    expect(&b, "q", "", FAILURE_NONE);
    expect(&b, "p", "", FAILURE_NONE);
    expect(&b, "r", "f1", FAILURE_NONE);
    CHECK_EQ(plan_again(&b.plan, &b.asker, &b.choice, &b.ready), PLAN_GO);
    CHECK(b.choice.is_fallback);
    CHECK_STR(b.choice.target->settings->model, "f1");
    CHECK_EQ(plan_again(&b.plan, &b.asker, &b.choice, &b.ready), PLAN_LATER);
    CHECK_EQ(b.ready, TIME_NEVER); // its one place is held
    cell_end(b.choice.cell, b.asker.now, &(struct cell_outcome){.has_place = true});
    open(&b, b.choice.cell, 3000);
    CHECK_EQ(plan_again(&b.plan, &b.asker, &b.choice, &b.ready), PLAN_OPEN);
    CHECK(b.ready > b.asker.now);
    expect(&b, "p", "f2", FAILURE_NONE);
    stage_done(&b.stage);
}

TEST(plan_asks_the_less_busy_of_two_by_load)
{
    struct bench b;
    int counts[2] = {0};

    bench_init(&b, STR(PROVIDERS "models:\n  - {name: m, balance: least_load,\n"
                                 "     targets: [{provider: p}, {provider: q}]}\n"));
    // One has many under way, all of them past their first token.
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(cell_take(cell_of(&b, 0), b.asker.now, 0), CELL_TAKEN);
        cell_first(cell_of(&b, 0), b.asker.now, 10);
    }
    for (int i = 0; i < 200; i++) {
        again(&b);
        CHECK_EQ(next(&b), PLAN_GO);
        counts[b.choice.cell == cell_of(&b, 1)]++;
        cell_end(b.choice.cell, b.asker.now, &(struct cell_outcome){.has_place = true});
    }
    CHECK(counts[1] > 130); // three of four pairs have the idle one
    stage_done(&b.stage);
}

TEST(plan_finds_a_cell_for_each_name_where_any_goes)
{
    struct bench b;

    bench_init(&b, STR("providers:\n  - {name: p, base_url: \"http://p/v1\"}\n"
                       "models:\n  - {name: \"*\", targets: [{provider: p}]}\n"));
    CHECK(!b.plan.model->targets[0].cells);
    expect(&b, "p", "", FAILURE_NONE);
    CHECK(b.choice.is_foreign); // the provider has no key of its own
    struct cell *c = b.choice.cell;
    CHECK_STR(c->entry->model, "m");
    plan_init(&b.plan, b.plan.model, STR("n"));
    expect(&b, "p", "", FAILURE_NONE);
    CHECK(b.choice.cell != c);
    plan_init(&b.plan, b.plan.model, STR("m"));
    expect(&b, "p", "", FAILURE_NONE);
    CHECK(b.choice.cell == c);
    stage_done(&b.stage);
}
