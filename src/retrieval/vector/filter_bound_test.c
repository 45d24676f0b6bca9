#include "retrieval/vector/filter_bound.h"

#include "base/memory.h"
#include "retrieval/vector/filter_parse.h"
#include "retrieval/vector/row_values.h"

#include "support/column_room.h"
#include "support/random_filter.h"

enum { DEPTH = 3, JSON_MAX = 1 << 20, FILTERS = 6 };

// Rows drawn at random as a segment and, each for itself, as rows in memory; and a filter.
struct play {
    struct random random;
    struct random_filter_table table;
    struct column_room rooms[RANDOM_FILTER_COLUMNS_MAX];
    struct column_parts parts[RANDOM_FILTER_COLUMNS_MAX];
    struct columns columns;
    struct buf json;
    struct random_filter_truth truth;
    struct arena arena;
    struct diag diag;
    const struct filter *filter;
    struct filter_bound bound;
};

static void play_begin(struct play *p, uint64_t seed)
{
    *p = (struct play){0};
    random_init(&p->random, seed);
    random_filter_table_init(&p->table, &p->random);
    for (uint32_t i = 0; i < p->table.column_count; i++) {
        column_room_build(&p->rooms[i], (enum column_type)p->table.schema.columns[i].type,
                          &p->table.values[0][i], p->table.row_count, RANDOM_FILTER_COLUMNS_MAX);
        p->parts[i] = column_room_parts(&p->rooms[i]);
    }
    CHECK_EQ(columns_open(&p->table.schema, p->table.row_count, p->parts, &p->columns), OK);
    buf_init(&p->json, JSON_MAX);
    arena_init(&p->arena, 1 << 16);
    diag_init(&p->diag);
}

static void play_end(struct play *p)
{
    for (uint32_t i = 0; i < p->table.column_count; i++) {
        column_room_done(&p->rooms[i]);
    }
    diag_done(&p->diag);
    arena_reset(&p->arena);
    buf_done(&p->json);
}

// Another filter; false for one of too many conditions.
static bool play_draw(struct play *p)
{
    struct random_filter f = {&p->random, &p->table, &p->json};

    buf_clear(&p->json);
    arena_reset(&p->arena);
    random_filter_draw(&f, DEPTH, &p->truth);
    err e = filter_parse(buf_view(&p->json), &p->table.schema, &p->arena, &p->diag, &p->filter);
    if (e == ERR_LIMIT) return false;
    if (e)
        test_fail(__FILE__, __LINE__, "refused: %" STR_FMT ": %" STR_FMT,
                  STR_ARG(buf_view(&p->json)), STR_ARG(p->diag.findings[0].message));
    return true;
}

[[gnu::noreturn]] static void play_fail(const struct play *p, const char *what, uint32_t row)
{
    test_fail(__FILE__, __LINE__, "%s: row %u of %u by %" STR_FMT, what, (unsigned)row,
              (unsigned)p->table.row_count, STR_ARG(buf_view(&p->json)));
}

static void check_rows(const struct play *p, uint32_t true_count)
{
    const struct filter_bound *b = &p->bound;
    // As much room as is promised to be enough, so that a row too many is seen.
    uint32_t *rows = memory_alloc_raw(sizeof(*rows) * (b->rows_max + 1));
    uint32_t count = 0;
    uint32_t at = 0;

    CHECK_EQ(filter_bound_rows(b, rows, b->rows_max, &count), OK);
    for (uint32_t row = 0; row < p->table.row_count; row++) {
        if (!p->truth.takes[row]) continue;
        if (at == count || rows[at] != row) play_fail(p, "not among the rows found", row);
        at++;
    }
    if (at < count) play_fail(p, "found and should not be", rows[at]);
    if (true_count) CHECK_EQ(filter_bound_rows(b, rows, true_count - 1, &count), ERR_LIMIT);
    memory_free(rows);
}

static void check_bounds(const struct play *p, uint32_t true_count)
{
    const struct filter_bound *b = &p->bound;

    if (b->rows_min > true_count) play_fail(p, "too high a lower bound", b->rows_min);
    if (b->rows_max < true_count) play_fail(p, "too low an upper bound", b->rows_max);
    CHECK(b->rows_min <= b->rows_guess && b->rows_guess <= b->rows_max);
    CHECK(b->rows_max <= b->row_count);
}

static uint32_t count_true(const struct play *p)
{
    uint32_t count = 0;

    for (uint32_t row = 0; row < p->table.row_count; row++) {
        count += p->truth.takes[row];
    }
    return count;
}

static void check_filter(struct play *p)
{
    uint32_t rows = p->table.row_count;
    struct buf values;

    filter_bound_init(&p->bound, p->filter, &p->columns, &p->arena);
    buf_init(&values, ROW_VALUES_BYTES_MAX);
    for (uint32_t row = 0; row < rows; row++) {
        if (filter_bound_match(&p->bound, row) != p->truth.takes[row])
            play_fail(p, "misjudged in the segment", row);
        buf_clear(&values);
        CHECK_EQ(row_values_encode(&p->table.schema, p->table.values[row], &values), OK);
        if (filter_match(p->filter, buf_view(&values)) != p->truth.takes[row])
            play_fail(p, "misjudged in memory", row);
    }
    buf_done(&values);
    CHECK(!filter_bound_match(&p->bound, rows) && !filter_bound_match(&p->bound, UINT32_MAX));
    check_bounds(p, count_true(p));
    check_rows(p, count_true(p));
}

TEST(filter_bound_takes_the_rows_that_a_naive_reader_would)
{
    struct random seeds;
    uint32_t judged = 0;
    uint32_t taken = 0;

    random_init(&seeds, test_seed());
    for (int turn = 0; turn < 1500; turn++) {
        struct play p;
        play_begin(&p, random_u64(&seeds));
        for (int i = 0; i < FILTERS; i++) {
            if (!play_draw(&p)) continue;
            check_filter(&p);
            judged += p.table.row_count;
            taken += count_true(&p);
        }
        play_end(&p);
    }
    CHECK(taken > judged / 20 && taken < judged / 20 * 19); // else it says little
}

// Binds a filter to the first `rows` rows of a column of numbers 0, 1, ... rows - 1.
static void bind_counted(struct play *p, uint32_t rows, const char *json)
{
    *p = (struct play){.table.row_count = rows, .table.column_count = 1};
    column_schema_init(&p->table.schema);
    CHECK_EQ(column_schema_add(&p->table.schema, STR("n"), COLUMN_I64, 0), OK);
    for (uint32_t row = 0; row < rows; row++) {
        p->table.values[row][0] = (struct column_value){.type = COLUMN_I64, .i64 = row};
    }
    column_room_build(&p->rooms[0], COLUMN_I64, &p->table.values[0][0], rows,
                      RANDOM_FILTER_COLUMNS_MAX);
    p->parts[0] = column_room_parts(&p->rooms[0]);
    CHECK_EQ(columns_open(&p->table.schema, rows, p->parts, &p->columns), OK);
    arena_init(&p->arena, 4096);
    diag_init(&p->diag);
    buf_init(&p->json, JSON_MAX);
    CHECK_EQ(filter_parse(str_from_c(json), &p->table.schema, &p->arena, &p->diag, &p->filter), OK);
    filter_bound_init(&p->bound, p->filter, &p->columns, &p->arena);
}

static void check_counted(const char *json, uint32_t least, uint32_t most, bool is_whole)
{
    struct play p;

    bind_counted(&p, 60, json);
    CHECK_EQ(p.bound.rows_min, least);
    CHECK_EQ(p.bound.rows_max, most);
    CHECK_EQ(p.bound.is_whole, is_whole);
    play_end(&p);
}

TEST(filter_bound_counts_exactly_what_one_condition_takes)
{
    check_counted("{\"field\":\"n\",\"gte\":10,\"lt\":15}", 5, 5, false);
    check_counted("{\"field\":\"n\",\"in\":[1,2,3,99]}", 3, 3, false);
    check_counted("{\"field\":\"n\",\"nin\":[1,2,3,99]}", 57, 57, false);
    check_counted("{\"field\":\"n\",\"gt\":59}", 0, 0, false);
    check_counted("{}", 60, 60, true);
    check_counted("{\"or\":[]}", 0, 0, false);
}

TEST(filter_bound_bounds_what_several_conditions_take)
{
    check_counted("{\"and\":[{\"n\":1},{\"field\":\"n\",\"lt\":50}]}", 0, 1, false);
    check_counted("{\"and\":[{\"field\":\"n\",\"gte\":10},{\"field\":\"n\",\"lt\":50}]}", 40, 50,
                  false);
    check_counted("{\"or\":[{\"n\":1},{\"field\":\"n\",\"gte\":50}]}", 10, 11, false);
    check_counted("{\"or\":[{\"field\":\"n\",\"gt\":9},{\"field\":\"n\",\"lt\":50}]}", 50, 60,
                  true);
}

static void check_runs(const struct filter_bound *b, const struct filter_bound_leaf *l)
{
    for (uint32_t i = 0; i < l->run_count; i++) {
        CHECK(l->runs[i].start < l->runs[i].end && l->runs[i].end <= b->row_count);
        CHECK(i == 0 || l->runs[i - 1].end <= l->runs[i].start);
    }
}

// Everything that a filter may ask of columns whose bytes may be anything.
static void ask(const struct filter_bound *b)
{
    uint32_t *rows = memory_alloc_raw(sizeof(*rows) * (b->rows_max + 1));
    uint32_t count = 0;

    for (uint32_t row = 0; row <= b->row_count; row++) {
        (void)filter_bound_match(b, row);
    }
    for (uint32_t i = 0; i < b->filter->node_count; i++) {
        check_runs(b, &b->leaves[i]);
    }
    CHECK(b->rows_min <= b->rows_max && b->rows_max <= b->row_count);
    err e = filter_bound_rows(b, rows, b->rows_max, &count);
    CHECK(e == OK || e == ERR_LIMIT);
    for (uint32_t i = 0; e == OK && i < count; i++) {
        CHECK(filter_bound_match(b, rows[i]));
        CHECK(i == 0 || rows[i - 1] < rows[i]);
    }
    memory_free(rows);
}

// One part of one column with some bytes changed, in memory of its own.
static char *damage(struct play *p, struct column_parts *parts)
{
    uint32_t column = (uint32_t)random_below(&p->random, p->table.column_count);
    str *part = &parts[column].parts[random_below(&p->random, COLUMN_PART_COUNT)];

    if (part->len == 0) return NULL;
    char *copy = memory_alloc_raw(part->len); // so that a byte too far is seen
    memcpy(copy, part->ptr, part->len);
    uint64_t bytes = random_below(&p->random, random_below(&p->random, 2) ? 5 : part->len);
    bool is_wild = random_below(&p->random, 2); // else values of other rows take their place
    for (uint64_t i = bytes; i-- > 0;) {
        uint64_t at = random_below(&p->random, part->len);
        uint64_t from = (at + 8 * random_below(&p->random, part->len)) % part->len;
        copy[at] = is_wild ? (char)random_u64(&p->random) : part->ptr[from];
    }
    part->ptr = copy;
    return copy;
}

TEST(filter_bound_of_damaged_columns_stays_within_them)
{
    struct random seeds;

    random_init(&seeds, test_seed());
    for (int turn = 0; turn < 1500; turn++) {
        struct play p;
        play_begin(&p, random_u64(&seeds));
        for (int i = 0; i < FILTERS; i++) {
            struct column_parts parts[RANDOM_FILTER_COLUMNS_MAX];
            if (!play_draw(&p)) continue;
            memcpy(parts, p.parts, sizeof(parts));
            char *copy = damage(&p, parts);
            err e = columns_open(&p.table.schema, p.table.row_count, parts, &p.columns);
            if (e == OK) {
                filter_bound_init(&p.bound, p.filter, &p.columns, &p.arena);
                ask(&p.bound);
            }
            memory_free(copy);
        }
        play_end(&p);
    }
}
