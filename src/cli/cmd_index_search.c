#include "base/diag.h"
#include "base/memory.h"
#include "cli/cmd_index.h"
#include "cli/embed_service.h"
#include "codec/json_write.h"
#include "retrieval/vector/column_json.h"
#include "retrieval/vector/filter_parse.h"
#include "retrieval/vector/row_values.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    OPTIONS = 4,
    K_DEFAULT = 10,
    ARENA_BYTES = 64 * 1024,
    PERCENT = 100,
    LINE_BYTES_MAX = 1024 * 1024
};

struct search {
    struct embed_service service;
    struct arena arena;
    struct diag diag;
    struct index_stats stats;
    struct index *ix;
    const struct filter *filter;
    float *vector;
    struct nearest_hit *hits;
    const char *folder;
    const char *text; // NULL: like a row
    str like, filter_text, k_text, recall_text;
    uint64_t like_key;
    uint64_t k;
    float recall;
    bool is_exact;
};

static const struct command_help help = {
    "index search FOLDER (TEXT --url URL --model NAME | --like KEY) [options]",
    "Prints the rows of the index in FOLDER that are nearest to a text, which an embeddings API "
    "turns into\n"
    "a vector, or to the row of a key: a line each, the nearest first, with key, distance and "
    "columns.\n"};

static err write_columns(struct search *m, uint64_t key, struct json_writer *w)
{
    const struct column_schema *schema = index_schema(m->ix);
    struct buf values;

    buf_init(&values, ROW_VALUES_BYTES_MAX);
    err e = index_get(m->ix, key, NULL, &values);
    for (uint32_t i = 0; i < schema->count && !e; i++) {
        struct column_value value = row_values_get(schema, buf_view(&values), i);
        if (value.type == COLUMN_ABSENT) continue;
        json_write_key(w, column_schema_name(schema, i));
        column_json_write(w, &value);
    }
    buf_done(&values);
    return e == ERR_ABSENT ? OK : e; // it was deleted meanwhile
}

static err print_hit(struct search *m, const struct nearest_hit *hit)
{
    struct json_writer w;
    struct buf line;

    buf_init(&line, LINE_BYTES_MAX);
    json_write_init(&w, &line);
    json_write_object(&w);
    json_write_key(&w, STR("key"));
    json_write_u64(&w, hit->key);
    json_write_key(&w, STR("distance"));
    json_write_float(&w, hit->distance);
    err e = write_columns(m, hit->key, &w);
    json_write_object_end(&w);
    if (!e) e = w.error;
    if (!e) e = buf_append(&line, STR("\n"));
    if (!e) command_print(buf_view(&line));
    buf_done(&line);
    return e;
}

static err print_result(struct search *m, const struct index_result *result)
{
    for (uint32_t i = 0; i < result->count; i++) {
        TRY(print_hit(m, &result->hits[i]));
    }
    if (result->is_damaged) {
        fprintf(stderr, "sluice: %s: damaged; sluice index verify says where\n", m->folder);
    }
    return OK;
}

static int find(struct search *m)
{
    struct index_searcher *searcher = index_searcher_new(m->ix);
    struct index_result result = {.hits = m->hits};
    const struct index_query query = {.vector = m->vector,
                                      .k = (uint32_t)m->k,
                                      .filter = m->filter,
                                      .recall = m->recall,
                                      .is_exact = m->is_exact};
    err e = index_search(searcher, &query, &result);

    if (!e) e = print_result(m, &result);
    index_searcher_free(searcher);
    if (e == ERR_DENIED) {
        return command_fail(COMMAND_FAILED,
                            "%s has a partition column: --filter has to say which "
                            "partition ({\"COLUMN\": VALUE})",
                            m->folder);
    }
    if (e) return command_fail(COMMAND_FAILED, "%s: %s", m->folder, err_text(e));
    return COMMAND_GOOD;
}

static int embed_text(struct search *m)
{
    const struct embed_limits limits = {.deadline = TIME_NEVER};
    str text = str_from_c(m->text);
    int exit_code = embed_service_open(&m->service);

    if (exit_code) return exit_code;
    struct embedder *embedder = embed_upstream_embedder(m->service.upstream);
    if (embedder->dim != m->stats.dim) {
        exit_code = command_fail(COMMAND_FAILED,
                                 "%s has vectors of %" PRIu32 " numbers, the model makes %" PRIu32,
                                 m->folder, m->stats.dim, embedder->dim);
    } else {
        err e = embed(embedder, &text, 1, m->vector, &limits);
        if (e) exit_code = command_fail(COMMAND_FAILED, "embedding the text: %s", err_text(e));
    }
    embed_service_close(&m->service);
    return exit_code;
}

static int find_vector(struct search *m)
{
    if (m->text) return embed_text(m);
    err e = index_get(m->ix, m->like_key, m->vector, NULL);
    if (e == ERR_ABSENT) {
        return command_fail(COMMAND_FAILED, "%s has no row of key %" PRIu64, m->folder,
                            m->like_key);
    }
    return e ? command_fail(COMMAND_FAILED, "%s: %s", m->folder, err_text(e)) : COMMAND_GOOD;
}

static int read_filter(struct search *m)
{
    struct buf report;

    if (!m->filter_text.len) return COMMAND_GOOD;
    if (!filter_parse(m->filter_text, index_schema(m->ix), &m->arena, &m->diag, &m->filter)) {
        return COMMAND_GOOD;
    }
    buf_init(&report, ARENA_BYTES);
    if (!diag_print(&m->diag, STR("--filter"), &report)) {
        fprintf(stderr, "%" STR_FMT, STR_ARG(buf_view(&report)));
    }
    buf_done(&report);
    return COMMAND_USAGE;
}

static int search_opened(struct search *m)
{
    int exit_code = read_filter(m);

    index_stats(m->ix, &m->stats);
    m->vector = memory_alloc(m->stats.dim * sizeof(m->vector[0]));
    m->hits = memory_alloc(m->k * sizeof(m->hits[0]));
    if (!exit_code) exit_code = find_vector(m);
    if (!exit_code) exit_code = find(m);
    memory_free(m->vector);
    memory_free(m->hits);
    return exit_code;
}

static int read_options(struct search *m)
{
    uint64_t recall = 0;

    m->k = K_DEFAULT;
    if (!m->text == !m->like.len) {
        return command_fail(COMMAND_USAGE, "what to search for? (a TEXT or --like KEY)");
    }
    if (m->like.len && !str_to_u64(m->like, UINT64_MAX, &m->like_key)) {
        return command_fail(COMMAND_USAGE, "--like is a row's key, a whole number");
    }
    if (m->k_text.len && (!str_to_u64(m->k_text, INDEX_HITS_MAX, &m->k) || !m->k)) {
        return command_fail(COMMAND_USAGE, "-k is a number from 1 to %d", INDEX_HITS_MAX);
    }
    if (m->recall_text.len && (!str_to_u64(m->recall_text, PERCENT, &recall) || recall < 80)) {
        return command_fail(COMMAND_USAGE, "--recall is a percentage from 80 to 100");
    }
    m->recall = (float)recall / PERCENT;
    if (recall == PERCENT) m->is_exact = true;
    return COMMAND_GOOD;
}

static int run(struct search *m)
{
    struct index_options how = {.is_read_only = true};
    int exit_code = read_options(m);

    if (!exit_code) exit_code = cmd_index_open(m->folder, &how, &m->ix);
    if (exit_code) return exit_code;
    arena_init(&m->arena, ARENA_BYTES);
    diag_init(&m->diag);
    exit_code = search_opened(m);
    diag_done(&m->diag);
    arena_reset(&m->arena);
    index_close(m->ix);
    return exit_code;
}

int cmd_index_search(char **args)
{
    struct search *m = memory_new(struct search);
    struct option options[OPTIONS + EMBED_SERVICE_OPTIONS] = {
        {"like", '\0', "KEY", "search for what is near to this row", &m->like, NULL},
        {"filter", '\0', "JSON", "only rows that match, such as {\"year\": 2020}", &m->filter_text,
         NULL},
        {"count", 'k', "N", "rows wanted; default 10", &m->k_text, NULL},
        {"recall", '\0', "PERCENT", "of the true nearest to find, 80 to 100; 100 reads every row",
         &m->recall_text, NULL},
    };
    int positional = 0;
    int exit_code = 0;

    embed_service_options(&m->service, options + OPTIONS);
    if (command_begin(&help, options, OPTIONS + EMBED_SERVICE_OPTIONS, args, &positional,
                      &exit_code)) {
        m->folder = args[0];
        m->text = positional == 2 ? args[1] : NULL;
        exit_code = positional == 1 || positional == 2
                        ? run(m)
                        : command_fail(COMMAND_USAGE, "usage: sluice %s", help.usage);
    }
    memory_free(m);
    return exit_code;
}
