#include "base/arena.h"
#include "retrieval/vector/filter_parse.h"

#include "support/index_model.h"
#include "support/test.h"

#include <stdio.h>

enum { DIM = 16, K = 10, DEPTH = 2 };

// A model, and a filter of it.
struct desk {
    struct index_model *model;
    struct arena arena;
    struct diag diag;
    const struct filter *filter;
};

static void open_desk(struct desk *d, const struct column_schema *schema)
{
    const struct index_options options = {.dim = DIM, .schema = schema};

    d->model = index_model_open(&options);
    arena_init(&d->arena, 4096);
    diag_init(&d->diag);
}

static void close_desk(struct desk *d)
{
    index_model_close(d->model);
    arena_reset(&d->arena);
    diag_done(&d->diag);
}

static void set_filter(struct desk *d, str json)
{
    arena_reset(&d->arena);
    CHECK_EQ(filter_parse(json, index_schema(d->model->index), &d->arena, &d->diag, &d->filter),
             OK);
}

// Rows of every tier, some dead, some replaced, and in memory with and without lists.
static void fill(struct desk *d)
{
    struct index_model *m = d->model;

    index_model_put(m, 0, 150);
    CHECK_EQ(index_flush(m->index), OK);
    index_model_load(m, 200, 400);
    index_model_load(m, 1000, 3000);
    index_model_load(m, 4000, 2000);
    index_model_put(m, 900, 400);
    index_model_delete(m, 100, 700);
    index_model_delete(m, 1500, 600);
    index_model_put(m, 150, 10);
}

static uint64_t below(struct desk *d, uint64_t bound)
{
    return random_below(&d->model->random, bound);
}

static void draw_leaf(struct desk *d, struct buf *out)
{
    static const char *const tags[] = {"red", "green", "blue", "none"};
    static const unsigned shares[] = {0, 1, 20, 200, 900};
    long long low = (long long)below(d, 1000);
    unsigned share = shares[below(d, 5)];

    switch (below(d, 5)) {
    case 0:
        (void)!buf_append_format(out, "{\"field\":\"year\",\"gte\":%lld,\"lt\":%lld}", low,
                                 low + share);
        break;
    case 1: (void)!buf_append_format(out, "{\"field\":\"score\",\"lt\":%g}", share / 1000.0); break;
    case 2: (void)!buf_append_format(out, "{\"draft\":%s}", share % 3 ? "true" : "false"); break;
    case 3: (void)!buf_append_format(out, "{\"tag\":\"%s\"}", tags[below(d, 4)]); break;
    default: (void)!buf_append_format(out, "{\"field\":\"center\",\"in\":[%lld,3,4]}", low % 24);
    }
}

static void draw(struct desk *d, struct buf *out, unsigned depth)
{
    static const char *const words[] = {"and", "or"};
    uint64_t kind = depth ? below(d, 4) : 3;

    if (kind == 3) {
        draw_leaf(d, out);
    } else if (kind == 2) {
        (void)!buf_append(out, STR("{\"not\":"));
        draw(d, out, depth - 1);
        (void)!buf_append_char(out, '}');
    } else {
        (void)!buf_append_format(out, "{\"%s\":[", words[kind]);
        draw(d, out, depth - 1);
        (void)!buf_append_char(out, ',');
        draw(d, out, depth - 1);
        (void)!buf_append(out, STR("]}"));
    }
}

struct tally {
    double found;
    double wanted;
};

static void search(struct desk *d, struct index_query q, struct tally *t)
{
    float vector[DIM];
    struct index_result result;

    q.vector = vector;
    q.filter = d->filter;
    index_model_vector(d->model, vector);
    t->found += index_model_search(d->model, &q, &result);
    t->wanted += index_model_truth(d->model, &q);
}

TEST(index_search_with_filters_finds_as_many_as_match_and_the_nearest_of_them)
{
    static const uint32_t wanted[] = {1, K, 100, 2000};
    struct tally near = {0, 0};
    struct tally exact = {0, 0};
    struct buf json;
    struct desk d;

    open_desk(&d, NULL);
    fill(&d);
    buf_init(&json, 4096);
    for (unsigned i = 0; i < 300; i++) {
        buf_clear(&json);
        draw(&d, &json, DEPTH);
        set_filter(&d, buf_view(&json));
        struct index_query q = {.k = wanted[i % 4]};
        search(&d, q, &near);
        q.is_exact = true;
        search(&d, q, &exact);
        if (i == 200) CHECK_EQ(index_compact(d.model->index, true), OK);
    }
    buf_done(&json);
    CHECK(exact.found == exact.wanted);
    CHECK(near.wanted > 1000);
    CHECK(near.found >= near.wanted * 0.95);
    close_desk(&d);
}

TEST(index_search_with_rare_and_frequent_matches_keeps_its_recall)
{
    static const unsigned years[] = {900, 500, 100, 10, 1, 0};
    struct desk d;
    char json[80];

    open_desk(&d, NULL);
    index_model_load(d.model, 0, 8000);
    for (unsigned i = 0; i < sizeof years / sizeof *years; i++) {
        struct tally t = {0, 0};
        snprintf(json, sizeof json, "{\"field\":\"year\",\"lt\":%u}", years[i]);
        set_filter(&d, str_from_c(json));
        for (unsigned n = 0; n < 50; n++) {
            search(&d, (struct index_query){.k = K}, &t);
        }
        CHECK(t.found >= t.wanted * 0.95);
        CHECK((t.wanted > 0) == (years[i] > 0));
    }
    close_desk(&d);
}

TEST(index_search_finds_matches_that_lie_far_from_the_query)
{
    struct desk d;
    struct tally t = {0, 0};

    open_desk(&d, NULL);
    index_model_load(d.model, 0, 8000);
    for (unsigned i = 0; i < 100; i++) {
        static const char *const filters[] = {
            "{\"center\":3}",
            "{\"field\":\"center\",\"lt\":6}",
            "{\"and\":[{\"field\":\"center\",\"lt\":12},{\"tag\":\"red\"}]}",
            "{\"or\":[{\"center\":1},{\"field\":\"year\",\"lt\":3}]}",
        };
        set_filter(&d, str_from_c(filters[i % 4]));
        search(&d, (struct index_query){.k = K}, &t);
    }
    CHECK(t.found >= t.wanted * 0.95);
    close_desk(&d);
}

TEST(index_search_of_a_partitioned_index_demands_a_partition)
{
    static const struct {
        const char *json;
        err e;
    } filters[] = {
        {"{}", ERR_DENIED},
        {"{\"tag\":\"red\"}", OK},
        {"{\"tag\":\"nobody\"}", OK},
        {"{\"and\":[{\"tag\":\"red\"},{\"or\":[{\"tag\":\"red\"},{\"tag\":\"blue\"}]}]}", OK},
        {"{\"or\":[{\"tag\":\"red\"},{\"tag\":\"blue\"}]}", ERR_DENIED},
        {"{\"field\":\"tag\",\"ne\":\"red\"}", ERR_DENIED},
        {"{\"not\":{\"tag\":\"red\"}}", ERR_DENIED},
        {"{\"field\":\"tag\",\"gte\":\"red\"}", ERR_DENIED},
        {"{\"field\":\"tag\",\"in\":[\"red\",\"blue\"]}", ERR_DENIED},
    };
    struct column_schema schema;
    float vector[DIM] = {1};
    struct desk d;

    column_schema_init(&schema);
    CHECK_EQ(column_schema_add(&schema, STR("tag"), COLUMN_STRING, COLUMN_FLAG_PARTITION), OK);
    open_desk(&d, &schema);
    index_model_load(d.model, 0, 2000);
    index_model_put(d.model, 2000, 100);
    struct index_result result = {.hits = d.model->hits};
    struct index_query q = {.vector = vector, .k = K};
    CHECK_EQ(index_search(d.model->searcher, &q, &result), ERR_DENIED);
    CHECK_EQ(index_search_batch(d.model->index, &q, 1, 1, &result), ERR_DENIED);
    for (unsigned i = 0; i < sizeof filters / sizeof *filters; i++) {
        set_filter(&d, str_from_c(filters[i].json));
        q.filter = d.filter;
        CHECK_EQ(index_search(d.model->searcher, &q, &result), filters[i].e);
        if (filters[i].e == OK) (void)index_model_search(d.model, &q, &result);
    }
    close_desk(&d);
}

TEST(index_search_refuses_the_filter_of_another_schema)
{
    struct column_schema schema;
    float vector[DIM] = {1};
    struct desk d;

    open_desk(&d, NULL);
    column_schema_init(&schema);
    CHECK_EQ(column_schema_add(&schema, STR("year"), COLUMN_I64, 0), OK);
    CHECK_EQ(filter_parse(STR("{\"year\":1}"), &schema, &d.arena, &d.diag, &d.filter), OK);
    struct index_result result = {.hits = d.model->hits};
    struct index_query q = {.vector = vector, .k = K, .filter = d.filter};
    CHECK_EQ(index_search(d.model->searcher, &q, &result), ERR_TYPE);
    close_desk(&d);
}
